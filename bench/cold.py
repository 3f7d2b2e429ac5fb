"""How long a cold start takes, under AWS's Runtime Interface Emulator, from start to first answer.

    make bench-cold                                  # what `make build` has built
    make bench-cold ARGS="DIR DIR --rounds 9"        # two artefacts of compare, in turn

The first event is of a manifest that is not there, so that everything is imported and every client
made. Bucket and table are the embedded cloud's. The second event tells what is left when warm.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from embedded_cloud.cloud import ROOT, EmbeddedCloud
from embedded_cloud.server import supervise

TOOLS = ROOT / ".tools"
BUILD = ROOT / ".aws-sam" / "build"
EVENT = json.loads((ROOT / "events" / "s3-manifest-put.json").read_text())


def free_address() -> str:
    """An address of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def variables(cloud: EmbeddedCloud, artefact: Path, tmp: Path) -> dict[str, str]:
    """The function's environment, as it was deployed."""
    name = cloud.stack.resources["CompareFunction"]
    deployed = cloud.client("lambda").get_function_configuration(FunctionName=name)
    (runtime,) = TOOLS.glob("cloud/lambda-runtime-*")
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{artefact}:{runtime}",
        "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's /var/task is read-only
        "TMPDIR": str(tmp),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployed["MemorySize"]),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(deployed["Timeout"]),
        **cloud.variables(),
        **deployed["Environment"]["Variables"],
        "PIXELGATE_ODIFF": str(BUILD / "OdiffLayer" / "bin" / "odiff"),
    }


def answer(url: str) -> float:
    """Seconds until an event is answered; waits until somebody listens."""
    begun = time.perf_counter()
    while True:
        try:
            with urllib.request.urlopen(url, json.dumps(EVENT).encode(), timeout=60) as said:  # noqa: S310
                body = said.read().decode()
                assert "gone" in body, body  # noqa: S101 - or something else was measured
                return time.perf_counter() - begun
        except ConnectionError:
            time.sleep(0.002)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
            time.sleep(0.002)


def start(cloud: EmbeddedCloud, artefact: Path) -> tuple[float, float]:
    """Seconds from the start to the first answer, and to a second one when warm."""
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    (emulator,) = TOOLS.glob(f"sam/lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
    front, back = free_address(), free_address()
    command = [emulator, "--runtime-interface-emulator-address", front]
    command += ["--runtime-api-address", back, TOOLS / "cloud" / "bin" / "python", "-S", "-m"]
    command += ["awslambdaric", "pixelgate.handlers.compare.handler"]
    with (
        tempfile.TemporaryDirectory() as tmp,
        subprocess.Popen(
            [sys.executable, "-I", "-S", supervise.__file__, "0", *map(str, command)],
            env=variables(cloud, artefact, Path(tmp)),
            cwd=artefact,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        url = f"http://{front}/2015-03-31/functions/function/invocations"
        cold, warm = answer(url), answer(url)
        assert process.stdin  # noqa: S101 - a pipe
        process.stdin.close()
    return cold, warm


def main() -> None:
    """Runs the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artefacts", type=Path, nargs="*", default=[BUILD / "CompareFunction"])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found: dict[Path, list[tuple[float, float]]] = {path: [] for path in options.artefacts}
    with EmbeddedCloud.start() as cloud:
        for _ in range(options.rounds):
            for path, times in found.items():
                times.append(start(cloud, path.absolute()))
    for path, times in found.items():
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        cold, warm = zip(*times, strict=True)
        print(
            f"{path}: {size / 1e6:.0f} MB; cold {min(cold):.2f} s at best, "
            f"{statistics.median(cold):.2f} s in the middle; warm {1000 * min(warm):.0f} ms"
        )


if __name__ == "__main__":
    main()
