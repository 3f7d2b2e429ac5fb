"""The template as CloudFormation gets it, and what the tests ask of it.

Lint checks types and spellings. What it lets through is read off the translated template here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]

# Whatever CloudFormation allows: numbers, text, lists, objects.
Json = Any

# How the template spells the bucket's name, so that functions need not wait for the bucket.
BUCKET_NAME = "${AWS::StackName}-${AWS::AccountId}-${AWS::Region}"
BUCKET_ARN = f"arn:${{AWS::Partition}}:s3:::{BUCKET_NAME}"


class _NoManagedPolicies:
    """Answers the translator's question for AWS's managed policies: we attach none."""

    def load(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class Stack:
    """Resources with their parameters filled in and every other reference written as text."""

    parameters: dict[str, Json]
    resources: dict[str, Json]
    metadata: dict[str, Json]  # what `sam build` reads, before translation drops some of it

    def of_type(self, kind: str) -> dict[str, Json]:
        """Properties by name, of all resources of one type."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def only(self, kind: str) -> Json:
        """Properties of the one resource of its type."""
        [properties] = self.of_type(kind).values()
        return properties

    def function(self, name: str) -> Json:
        return self.of_type("AWS::Lambda::Function")[name]

    def grants(self, role: str) -> list[Json]:
        """All statements of a role's policies."""
        policies = list(self.of_type("AWS::IAM::Role")[role].get("Policies", []))
        attached = self.of_type("AWS::IAM::Policy").values()
        policies += [policy for policy in attached if f"${{{role}}}" in policy["Roles"]]
        return [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]

    def denials(self) -> list[Json]:
        """The statements of the bucket's policy."""
        statements: list[Json] = self.only("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
        return statements


def translated(**chosen: str) -> Stack:
    """Reads template.yaml, lets SAM translate it, and turns references into text.

    Parameters that are not chosen have their defaults. Optional items of lists are left out.
    """
    return _translated(chosen, decide=False)


def _translated(chosen: dict[str, str], *, decide: bool) -> Stack:
    source = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    # The translator wants code where `sam deploy` has put it.
    source["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    for resource in source["Resources"].values():
        if "ContentUri" in resource.get("Properties", {}):
            resource["Properties"]["ContentUri"] = "s3://bucket/key"

    parameters = source["Parameters"]
    values = {name: chosen.get(name, p["Default"]) for name, p in parameters.items()}
    metadata = {n: _text(r.get("Metadata"), values) for n, r in source["Resources"].items()}
    stack = transform(source, dict(values), _NoManagedPolicies())
    if decide:
        chosen_ones = {"Resources": stack["Resources"], "Conditions": source["Conditions"]}
        return Stack(parameters, decided_resources(chosen_ones, values), metadata)
    resources = {n: _text(r, values) for n, r in stack["Resources"].items()}
    return Stack(parameters, resources, metadata)


def decided(**chosen: str) -> Stack:
    """As `translated`, with its conditions decided: what a stack of these parameters has."""
    return _translated(chosen, decide=True)


def decided_resources(source: dict[str, Json], values: dict[str, Json]) -> dict[str, Json]:
    """The resources that a template has with these parameters, with references as text."""
    conditions = source["Conditions"]

    def holds(condition: Json) -> bool:
        return _holds(condition, conditions, values)

    found = {
        name: resource
        for name, resource in source["Resources"].items()
        if "Condition" not in resource or holds({"Condition": resource["Condition"]})
    }
    return {name: _text(_decide(r, holds), values) for name, r in found.items()}


_NO_VALUE = {"Ref": "AWS::NoValue"}


def _decide(value: Json, holds: Callable[[Json], bool]) -> Json:
    """Takes the branch of each `Fn::If`, and leaves out what is then `AWS::NoValue`."""
    match value:
        case {"Fn::If": [condition, then, otherwise]}:
            return _decide(then if holds({"Condition": condition}) else otherwise, holds)
        case dict():
            items = {key: _decide(item, holds) for key, item in value.items()}
            return {key: item for key, item in items.items() if item != _NO_VALUE}
        case list():
            return [d for item in value if (d := _decide(item, holds)) != _NO_VALUE]
        case _:
            return value


def _holds(condition: Json, conditions: dict[str, Json], values: dict[str, Json]) -> bool:
    """Whether a condition holds, as CloudFormation decides: by texts."""

    def holds(inner: Json) -> bool:
        return _holds(inner, conditions, values)

    match condition:
        case {"Condition": str(name)}:
            return holds(conditions[name])
        case {"Fn::Not": [inner]}:
            return not holds(inner)
        case {"Fn::And": list(all_of)}:
            return all(map(holds, all_of))
        case {"Fn::Or": list(any_of)}:
            return any(map(holds, any_of))
        case {"Fn::Equals": [left, right]}:
            return _plain(left, values) == _plain(right, values)
    raise ValueError(f"no condition: {condition}")


def _plain(value: Json, values: dict[str, Json]) -> str:
    match value:
        case {"Ref": str(name)}:
            return str(values[name])
        case {"Fn::Join": [str(between), {"Ref": str(name)}]}:
            return between.join(str(values[name]).split(","))
        case {"Fn::Select": [int(index), {"Ref": str(name)}]}:
            given = values[name]
            return str((given if isinstance(given, list) else str(given).split(","))[index])
    return str(value)


def _text(value: Json, parameters: dict[str, Json]) -> Json:
    """`!Ref X` as "${X}", `!GetAtt X.Arn` as "${X.Arn}", a parameter as its value."""
    match value:
        case {"Ref": str(name)}:
            return parameters.get(name, f"${{{name}}}")
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return _text({"Fn::Sub": f"${{{name}.{attribute}}}"}, parameters)
        case {"Fn::Sub": str(text)}:
            return re.sub(
                r"\$\{(\w+)\}", lambda found: str(parameters.get(found[1], found[0])), text
            ).replace("${Bucket.Arn}", BUCKET_ARN)
        case {"Fn::Sub": [str(text), dict(more)]}:
            for name, variable in more.items():
                found = _text(variable, parameters)
                # Of a condition the value that a stack with every parameter has.
                found = found["then"] if isinstance(found, dict) else found
                text = text.replace(f"${{{name}}}", str(found))
            return _text({"Fn::Sub": text}, parameters)
        case {"Fn::If": [condition, then, _]}:
            return {"if": condition, "then": _text(then, parameters)}
        case dict():
            return {key: _text(item, parameters) for key, item in value.items()}
        case list():
            return [_text(item, parameters) for item in value if not _is_optional(item)]
        case _:
            return value


def _is_optional(item: Json) -> bool:
    """Whether a list has it only if a condition holds."""
    match item:
        case {"Fn::If": [_, _, {"Ref": "AWS::NoValue"}]}:
            return True
    return False


def covers(statement: Json, action: str, resource: str) -> bool:
    """Whether a statement speaks of this action on this resource, as IAM would read it."""
    return any(like(p, action) for p in listed(statement["Action"])) and any(
        like(p, resource) for p in listed(statement["Resource"])
    )


def allows(statements: list[Json], action: str, resource: str) -> bool:
    return any(s["Effect"] == "Allow" and covers(s, action, resource) for s in statements)


def listed(value: Json) -> list[Json]:
    """IAM takes one or a list of them."""
    return value if isinstance(value, list) else [value]


def object_arn(key: str) -> str:
    return f"{BUCKET_ARN}/{key}"


def texts(value: Json) -> Iterator[str]:
    """Every text in a piece of the template."""
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from texts(item)
        case list():
            for item in value:
                yield from texts(item)


def like(pattern: str, name: str) -> bool:
    """IAM's wildcards: `*` for any text, `/` included, and `?` for one character."""
    parts = {"*": ".*", "?": "."}
    return bool(re.fullmatch("".join(parts.get(c, re.escape(c)) for c in pattern), name))
