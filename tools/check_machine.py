"""Checks the state machine of template.yaml against the Amazon States Language.

cfn-lint checks it too, but treats paths and intrinsic functions as plain text.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from pixelgate.sandbox.template import TemplateLoader

ROOT = Path(__file__).parents[1]
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:name"


def definition(template: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """The machine's definition with every reference filled in by something of its kind."""
    body = yaml.load(template.read_text(), TemplateLoader)  # noqa: S506 - a safe loader
    [machine] = [
        resource["Properties"]
        for resource in body["Resources"].values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    names = dict.fromkeys(machine["DefinitionSubstitutions"], FUNCTION)
    filled: dict[str, Any] = _filled(machine["Definition"], {**names, "AWS::Partition": "aws"})
    return filled


def problems(machine: dict[str, Any], validator: Path) -> str:
    """What the validator has against a machine; empty if nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(machine, file)
        file.flush()
        done = subprocess.run(
            [validator, "--json-path", file.name], capture_output=True, text=True, check=False
        )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _filled(value: Any, names: dict[str, str]) -> Any:
    match value:
        case {"Fn::Sub": str(text)}:
            return _filled(text, names)
        case dict():
            return {key: _filled(item, names) for key, item in value.items()}
        case list():
            return [_filled(item, names) for item in value]
        case str():
            for name, stands_for in names.items():
                value = value.replace(f"${{{name}}}", stands_for)
            return value
        case _:
            return value


def main() -> int:
    """Checks the machine, and first that the checker would find a mistake in it."""
    validator, machine = Path(sys.argv[1]), definition()
    broken = {**machine, "StartAt": "Nowhere"}
    if not problems(broken, validator):
        print("the validator takes a machine that starts nowhere", file=sys.stderr)
        return 1
    found = problems(machine, validator)
    print(found or "the state machine is valid", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
