"""The stack's outputs: what operators' commands read there."""

from __future__ import annotations

from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from pixelgate.aws.operator import read_stack

from .stack import ROOT


def test_the_stack_says_what_operators_need() -> None:
    outputs = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Outputs"]

    class Deployed:
        name = "acme"

        def describe(self) -> dict[str, Any]:
            return {
                "Outputs": [
                    {"OutputKey": name, "OutputValue": output["Value"].get("Ref", f"the {name}/")}
                    for name, output in outputs.items()
                ]
            }

    facts = read_stack(Deployed())  # type: ignore[arg-type]
    assert vars(facts) == {
        "table": "Table", "queue": "FailedEvents", "branches": "BaselineBranches",
        "site": "the SiteUrl",
    }  # fmt: skip
