"""What a person reads of a field that breaks a rule: place, rule and value, in our own words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from pixelgate.client.config import ConfigFields
from pixelgate.domain.manifest_schema import (
    AcceptedFields,
    FinalizeFields,
    ImageFields,
    ManifestFields,
    in_words,
)
from pixelgate.domain.review_request import ReviewBody

IMAGE = {"sha256": "0" * 64, "width": 1, "height": 1}
MANIFEST = {"project": "p", "build": "b", "commit": "c", "branch": "d", "allow_empty": True}
EITHER = "tags: must be a list of texts of 1 to 1,024 characters, or an object of texts"


def words(model: type[BaseModel], fields: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(fields)
    return in_words(caught.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sha256": "zz"}, "sha256: must be a SHA-256 hash: 64 characters from 0 to 9 and a to f"),
        ({"sha256": 5}, "sha256: must be a text (got 5)"),
        ({"width": 0}, "width: must be at least 1 (got 0)"),
        ({"width": 1.5}, "width: must be a whole number (got 1.5)"),
        ({"width": 2**40}, "width: may be at most 2147483647 (got 1099511627776)"),
        ({"display_name": ""}, "display_name: must have at least 1 character (got '')"),
        ({"description": "x" * 10_001}, "description: may have up to 10,000 characters (got 'xx"),
        ({"tags": 5}, EITHER),
        ({"tags": ["a", 5]}, EITHER),
        ({"tags": {"a": 5}}, EITHER),
        ({"policy": 5}, "policy: must be an object (in TOML a table) (got 5)"),
        ({"policy": {"strict": "yes"}}, "policy.strict: must be true or false (got 'yes')"),
        ({"policy": {"max_changed_ratio": 2}}, "policy.max_changed_ratio: may be at most 1 (got"),
        ({"policy": {"max_changed_ratio": -1}}, "policy.max_changed_ratio: must be at least 0"),
        ({"policy": {"max_changed_ratio": "a"}}, "policy.max_changed_ratio: must be a number"),
        (
            {"policy": {"sensitivity": "high"}},
            "policy.sensitivity: must be 'exact', 'careful', 'default' or 'tolerant' (got 'high')",
        ),
        ({"policy": {"ignore_regions": [{"x": 1}]}}, "policy.ignore_regions[0].y: must be given; "),
        ({"policy": {"noise": {"foo": 1}}}, "policy.noise.foo: there is no such field"),
        ({"context": [1]}, "context: must be an object (in TOML a table)"),
    ],
)
def test_a_snapshot(fields: dict[str, Any], said: str) -> None:
    assert words(ImageFields, {**IMAGE, **fields}).startswith(said)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"pull_request": 1.5},
            "pull_request: must be a number or a text of 1 to 1,024 characters",
        ),
        ({"ancestors": ["a"] * 301}, "ancestors: may have up to 300 entries"),
        ({"ancestors": "a"}, "ancestors: must be a list (got 'a')"),
        ({"landed": {"": {}}}, "landed['']: must have at least 1 character (got '')"),
        ({"rules": [{"match": "*"}]}, "rules[0].policy: must be given"),
        ({"schema_version": 2}, "schema_version: this pixelgate reads schema version 1, not 2"),
        ({"images": {"tags": {**IMAGE, "sha256": ""}}}, "images['tags'].sha256: must be a SHA-256"),
    ],
)
def test_a_manifest(fields: dict[str, Any], said: str) -> None:
    assert words(ManifestFields, {**MANIFEST, **fields}).startswith(said)


def patterns(schema: Any) -> Iterator[str]:
    """Every regular expression in a JSON schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        schema = list(schema.values())
    for each in schema if isinstance(schema, list) else ():
        yield from patterns(each)


@pytest.mark.parametrize(
    "model", [ManifestFields, AcceptedFields, FinalizeFields, ConfigFields, ReviewBody]
)
@pytest.mark.parametrize("value", ["", "x" * 20_000, -1, 1e30, True, None, [], [[]], {}, {"": 5}])
def test_no_message_is_pydantic_s_nor_quotes_a_pattern(model: type[BaseModel], value: Any) -> None:
    schema = model.model_json_schema()
    fields = dict.fromkeys(schema["properties"], value)
    for name, field in {**fields, "images": {"a.png": dict.fromkeys(IMAGE, value)}}.items():
        try:
            model.model_validate({**MANIFEST, "action": "approve", name: field})
        except ValidationError as error:
            said = in_words(error)
            own = [p["msg"] for p in error.errors() if not p["msg"].startswith("Value error, ")]
            assert not [message for message in own if message in said]
            assert "should" not in said
            assert not [pattern for pattern in patterns(schema) if pattern in said]
            assert "is not valid here" not in said
            json.dumps(said).encode()
