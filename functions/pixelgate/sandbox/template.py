"""Reads a template of CloudFormation or SAM. Run as a program, it prints the template as JSON.

    python template.py template.yaml

The sandbox runs it with the Python of the local AWS, which has PyYAML; a thin installation has not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml


class TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: !Ref x is {"Ref": x}."""


def long_form(loader: TemplateLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    """What a short tag stands for."""
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = node.value
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


TemplateLoader.add_multi_constructor("!", long_form)


def read_template(path: Path) -> dict[str, Any]:
    """Reads a template from YAML; all short tags are in their long form."""
    return dict(yaml.load(path.read_text("utf-8"), TemplateLoader))  # noqa: S506 - a safe loader


if __name__ == "__main__":
    json.dump(read_template(Path(sys.argv[1])), sys.stdout)
