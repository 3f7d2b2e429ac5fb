"""One function of the built artefact under AWS's Runtime Interface Emulator, without Docker.

The emulator comes with the SAM CLI, whose containers run the same program.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pixelgate.sandbox.server import supervise
from pixelgate.sandbox.template import TemplateLoader

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / ".tools"
START_SECONDS = 20


class EmulatorFailed(Exception):
    """The emulator could not be found or does not start; the message says why."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator with one function in it."""

    url: str
    log: Path

    def invoke(self, event: object) -> Any:
        """Hands an event to the function; returns its answer, or an error as Lambda words it."""
        body = event if isinstance(event, str) else json.dumps(event)
        with urllib.request.urlopen(self.url, body.encode(), timeout=900) as response:  # noqa: S310
            return json.load(response)


@contextmanager
def emulator(build_dir: Path, function: str, variables: Mapping[str, str]) -> Iterator[Emulator]:
    """Runs a function of the artefact until the `with` block ends.

    Args:
        build_dir: what `sam build` made.
        function: the function's logical id.
        variables: the function's environment variables, with credentials and region.

    Raises:
        EmulatorFailed: it is missing, or did not start.
    """
    template = yaml.load((build_dir / "template.yaml").read_text(), TemplateLoader)  # noqa: S506
    properties = template["Resources"][function]["Properties"]
    code = build_dir / function
    front, back = _free_address(), _free_address()
    addresses = ["--runtime-interface-emulator-address", front, "--runtime-api-address", back]
    python = [TOOLS / "cloud" / "bin" / "python", "-S", "-m", "awslambdaric"]
    command = [_program(), *addresses, *python, properties["Handler"]]
    with tempfile.TemporaryDirectory(prefix="pixelgate-local-") as home:
        log = Path(home) / "log"
        with (
            log.open("wb") as into,
            # Under the embedded cloud's supervisor, which leaves no process of it behind.
            subprocess.Popen(
                [sys.executable, "-I", "-S", supervise.__file__, "0", *map(str, command)],
                env=_environment(build_dir, code, Path(home), variables),
                cwd=code,
                stdout=into,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                _wait_for(front, process, log)
                yield Emulator(f"http://{front}/2015-03-31/functions/function/invocations", log)
            finally:
                process.terminate()


def _program() -> Path:
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    found = list(TOOLS.glob(f"sam/lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"))
    if not found:
        raise EmulatorFailed("the SAM CLI is missing: `make .tools/sam/.done` installs it")
    return found[0]


def _environment(
    build_dir: Path, code: Path, home: Path, variables: Mapping[str, str]
) -> dict[str, str]:
    runtimes = list(TOOLS.glob("cloud/lambda-runtime-*"))
    if not runtimes:
        raise EmulatorFailed("Lambda's packages are missing: `make demo` installs them")
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{code}:{runtimes[0]}",
        "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's /var/task is read-only
        "TMPDIR": str(home),
        **variables,
        "PIXELGATE_ODIFF": str(build_dir / "OdiffLayer" / "bin" / "odiff"),  # Lambda has it in /opt
    }


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    host, port = address.split(":")
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise EmulatorFailed(f"the emulator does not listen; it wrote:\n{log.read_text()}")
