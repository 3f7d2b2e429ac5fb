"""Makes what Lambda runs out of this installation: a built application, without the SAM CLI."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pixelgate.engine.compiled import native_library, packaged_odiff
from pixelgate.errors import SandboxFailed

from .deploy import LOCAL_FILES
from .fetch import Needs
from .files import data_file

PACKAGE = Path(__file__).parents[1]
# Of our package, what the functions run; functions/Makefile leaves out the rest.
FUNCTIONS = (
    *("__init__.py", "bootstrap.py", "bootstrap_web.py", "errors.py", "ports.py", "py.typed"),
    *(
        "aws",
        "domain",
        "engine",
        "handlers",
        "notify",
        "past",
        "pipeline",
        "published",
        "report",
        "storage",
        "web",
    ),
)
CODE, LAYER = "code", "odiff"


def compiled() -> tuple[Path, Path]:
    """Finds the engine's compiled library and the odiff executable for this machine.

    Raises:
        SandboxFailed: one of them is missing.
        UsageError: they are of another version.
    """
    native, odiff = native_library(), packaged_odiff() or Path(sys.executable).parent / "odiff"
    if native is None or not native.is_file() or not odiff.is_file():
        raise SandboxFailed(
            "the functions of the local AWS need the engine's compiled part and odiff, which this "
            "installation lacks: install pixelgate with its extra `compare`; in a checkout, run "
            "`make setup`"
        )
    return native, odiff


def assemble(build: Path, needs: Needs) -> None:
    """Makes a folder as `sam build` makes it: code, layer, and the template that refers to both.

    Args:
        build: the folder; it is made.
        needs: what was fetched.

    Raises:
        SandboxFailed: the compiled part is missing, or the template cannot be read.
    """
    native, odiff = compiled()
    template = _template(needs)
    code, programs = build / CODE, build / LAYER / "bin"
    shutil.copytree(needs.packages, code, copy_function=_linked)
    unwanted = shutil.ignore_patterns("__pycache__", "native-*")
    for name in FUNCTIONS:
        source, target = PACKAGE / name, code / PACKAGE.name / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=unwanted)
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy2(source, target)
    shutil.copy2(native, code / PACKAGE.name / "engine" / f"native-{platform.machine()}.so")
    programs.mkdir(parents=True)
    shutil.copy2(odiff, programs / "odiff")
    (programs / "odiff").chmod(0o755)
    (build / "template.json").write_text(json.dumps(template), "utf-8")


def _template(needs: Needs) -> dict[str, Any]:
    """The template, with the assembled folders in place of the sources."""
    reader, source = Path(__file__).with_name("template.py"), data_file("template.yaml")
    done = subprocess.run(
        [needs.cloud / "bin" / "python", "-I", reader, source], capture_output=True, text=True
    )
    if done.returncode:
        raise SandboxFailed(f"{source} cannot be read: {done.stderr.strip()[-500:]}")
    template: dict[str, Any] = json.loads(done.stdout)
    for resource in template["Resources"].values():
        field = LOCAL_FILES.get(resource["Type"], "")
        if field == "CodeUri":  # Globals have it, which `deploy` does not look into
            resource["Properties"][field] = CODE
        elif field == "ContentUri":
            resource["Properties"][field] = LAYER
        resource.pop("Metadata", None)  # how `sam build` builds it
    template["Globals"]["Function"].pop("CodeUri", None)
    template["Globals"]["Function"]["Runtime"] = (
        f"python{sys.version_info[0]}.{sys.version_info[1]}"
    )
    return template


def _linked(source: str, target: str) -> None:
    """A second name of a file of the cache, or a copy where that is not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
