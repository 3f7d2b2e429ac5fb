"""`make deploy`: writes into a built template for which processor it was built.

sam asks for a parameter after the build, and a stack that exists keeps its old value: either could
differ from what was built, and the functions would not start. So the parameter goes, and what the
built files are decides.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

PARAMETER = "Architecture"
# The processor in an ELF file's header, and Lambda's name for it.
MACHINES = {62: "x86_64", 183: "arm64"}


class WrongBuild(Exception):
    """The built files are not all for one processor, or for another one than wanted."""


def main() -> int:
    """Rewrites the template; 1 with a message if the build cannot be deployed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("build", type=Path, help="what `sam build` made, with template.yaml")
    parser.add_argument("architecture", nargs="?", help="what it must be built for")
    arguments = parser.parse_args()
    template = arguments.build / "template.yaml"
    try:
        architecture = built_for(arguments.build)
        if arguments.architecture not in (None, architecture):
            raise WrongBuild(f"built for {architecture}, not for {arguments.architecture}")
    except WrongBuild as error:
        print(f"{arguments.build}: {error}", file=sys.stderr)
        return 1
    fixed = fix(yaml.safe_load(template.read_text(encoding="utf-8")), architecture)
    template.write_text(yaml.safe_dump(fixed, sort_keys=False), encoding="utf-8")
    print(f"built for {architecture}")
    return 0


def built_for(build: Path) -> str:
    """The processor of all compiled files of all functions and of the layer.

    Raises:
        WrongBuild: they are for several, or one of the folders has none.
    """
    found: dict[str, Path] = {}
    for folder in sorted(path for path in build.iterdir() if path.is_dir()):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        compiled = {name: file for file in files if (name := architecture_of(file))}
        if not compiled:
            raise WrongBuild(f"nothing in {folder.name} is compiled")
        found |= compiled
    if len(found) != 1:
        named = [f"{file.relative_to(build)} is for {name}" for name, file in found.items()]
        raise WrongBuild(", ".join(sorted(named)) or "it is empty")
    return next(iter(found))


def architecture_of(file: Path) -> str | None:
    """Lambda's name for the processor of an ELF file; None for any other file."""
    with file.open("rb") as opened:
        header = opened.read(20)
    if header[:4] != b"\x7fELF":
        return None
    machine = int.from_bytes(header[18:20], "little")
    return MACHINES.get(machine, f"ELF machine {machine}")


def fix(template: dict[str, Any], architecture: str) -> dict[str, Any]:
    """The template without the parameter, with the architecture wherever it was referred to."""
    parameters = {k: v for k, v in template["Parameters"].items() if k != PARAMETER}
    fixed: dict[str, Any] = _replaced({**template, "Parameters": parameters}, architecture)
    return fixed


def _replaced(value: Any, architecture: str) -> Any:
    match value:
        case {"Ref": str(name)} if name == PARAMETER:
            return architecture
        case dict():
            return {key: _replaced(inner, architecture) for key, inner in value.items()}
        case list():
            return [_replaced(inner, architecture) for inner in value]
        case str():
            return value.replace(f"${{{PARAMETER}}}", architecture)
    return value


if __name__ == "__main__":
    sys.exit(main())
