"""Which policy a snapshot has: the build's, its name's rules', its own, each on the one before."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from pixelgate.domain.manifest import BuildManifest, parse
from pixelgate.domain.manifest_schema import PolicyFields
from pixelgate.domain.policy import Noise, Policy, Rectangle
from pixelgate.domain.policy_rules import Policies, policies_of
from pixelgate.errors import BadManifest
from support.manifests import BUILD, body, entry


def build(**changes: Any) -> BuildManifest:
    return parse(body(**changes), BUILD)


def read_policies(text: str, above: dict[str, Any] | None = None) -> Policies:
    return policies_of(PolicyFields.model_validate(tomllib.loads(text)), above)


def refusal(**changes: Any) -> str:
    with pytest.raises(BadManifest) as caught:
        build(**changes)
    return str(caught.value)


def test_numbers_of_the_rule_are_set_one_by_one() -> None:
    found = build(
        defaults={"noise": {"min_solid_pixels": 40, "min_line_pixels": 50}},
        images={
            "own": entry(1, policy={"noise": {"min_line_pixels": 60, "one_way": 1}}),
            "plain": entry(2),
            "empty": entry(3, policy={"noise": {}}),
            "nothing": entry(4, policy={"noise": None}),
        },
    )
    default = Policy(noise=Noise(min_solid_pixels=40, min_line_pixels=50))
    own = Noise(min_solid_pixels=40, min_line_pixels=60, one_way=1)
    assert found.policy == default
    assert found.policy_for("own") == Policy(noise=own)
    assert [found.policy_for(name) for name in ("plain", "empty", "nothing")] == [default] * 3


def test_every_number_of_the_rule_can_be_set() -> None:
    numbers: dict[str, Any] = {
        name: not usual if isinstance(usual, bool) else 1 for name, usual in vars(Noise()).items()
    }
    assert build(defaults={"noise": numbers}).policy.noise == Noise(**numbers)


@pytest.mark.parametrize("name", ["strict", "align_rows"])
def test_switches_are_set_for_all_or_for_one(name: str) -> None:
    usual = getattr(Policy(), name)
    images = {"a": entry(1), "b": entry(2, policy={name: usual})}
    found = build(defaults={name: not usual}, images=images)
    assert getattr(found.policy_for("a"), name) is not usual
    assert getattr(found.policy_for("b"), name) is usual


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        pytest.param({"noise": {"min_solid": 1}}, "noise.min_solid: there", id="unknown number"),
        pytest.param({"noise": {"min_solid_pixels": -1}}, "noise.min_solid_pixels", id="negative"),
        pytest.param({"noise": {"min_solid_pixels": 1.5}}, "noise.min_solid_pixels", id="half"),
        pytest.param({"noise": {"min_solid_pixels": "9"}}, "noise.min_solid_pixels", id="text"),
        pytest.param({"noise": {"min_solid_pixels": True}}, "noise.min_solid_pixels", id="true"),
        pytest.param({"noise": {"one_way": -0.01}}, "noise.one_way", id="under nothing"),
        pytest.param({"noise": {"corners": 0}}, "noise.corners", id="zero for false"),
        pytest.param({"noise": {"one_way": True}}, "noise.one_way", id="true for a share"),
        pytest.param({"noise": 5}, "noise: ", id="no numbers"),
        pytest.param({"strict": 1}, "strict: ", id="one for true"),
        pytest.param({"align_rows": "yes"}, "align_rows: ", id="yes for true"),
        pytest.param({"aline_rows": True}, "aline_rows: there is no such", id="unknown switch"),
    ],
)  # fmt: skip
def test_what_is_misspelt_or_out_of_range_is_refused_by_its_name(
    policy: dict[str, Any], words: str
) -> None:
    assert refusal(defaults=policy).startswith(f"defaults.{words}")
    assert refusal(images={"a": entry(policy=policy)}).startswith(f"images['a'].policy.{words}")
    rules = [{"match": "*", "policy": policy}]
    assert refusal(rules=rules).startswith(f"rules[0].policy.{words}")


RULES = [
    {"match": "icons/*", "policy": {"strict": True, "noise": {"min_solid_pixels": 5}}},
    {"match": "*/clock.png", "policy": {"max_changed_pixels": 9, "noise": {"one_way": 0.5}}},
    {"match": "icons/old/*", "policy": {"strict": False}},
]


LOW: dict[str, Any] = {"max_changed_ratio": 0.1}
SMALL = Noise(min_solid_pixels=5)
BOTH = Noise(min_solid_pixels=5, one_way=0.5)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("page.png", Policy(**LOW)),
        ("clock.png", Policy(**LOW)),
        ("icons", Policy(**LOW)),
        ("my/icons/a.png", Policy(**LOW)),
        ("icons/a.png", Policy(**LOW, strict=True, noise=SMALL)),
        ("icons/a/b/clock.png", Policy(**LOW, strict=True, noise=BOTH, max_changed_pixels=9)),
        ("icons/old/a.png", Policy(**LOW, noise=SMALL)),
    ],
)
def test_rules_apply_by_name_and_later_ones_last(name: str, policy: Policy) -> None:
    images = {name: entry(1), "else": entry(2)}
    found = build(defaults=LOW, rules=RULES, images=images)
    assert found.policy_for(name) == policy
    assert found.policy == Policy(**LOW)


def test_an_image_s_own_policy_lies_on_its_rules() -> None:
    own = {"strict": False, "noise": {"min_line_pixels": 7}}
    found = build(rules=RULES, images={"icons/a": entry(policy=own)})
    noise = Noise(min_solid_pixels=5, min_line_pixels=7)
    assert found.policy_for("icons/a") == Policy(noise=noise)


@pytest.mark.parametrize(("name", "strict"), [("a", False), ("b.png", True), ("ab.pngx", False)])
def test_a_rule_s_pattern_matches_the_whole_name(name: str, strict: bool) -> None:
    """What a pattern may be is held by test_wording."""
    policies = read_policies('[[rules]]\nmatch = "b*.png"\npolicy = { strict = true }\n')
    assert policies.of(name).strict is strict


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([{"match": "a"}], "rules[0].policy: must be given"),
        ([{"policy": {}}], "rules[0].match: must be given"),
        ([{"match": "", "policy": {}}], "rules[0].match: "),
        ([{"match": "a", "policy": {}, "name": "b"}], "rules[0].name: there is no such field"),
        ([{"match": "a", "policy": {}}] * 1_001, "rules: "),
    ],
)
def test_a_rule_needs_a_match_and_a_policy(fields: list[dict[str, Any]], words: str) -> None:
    assert refusal(rules=fields).startswith(words)


def test_rules_that_contradict_each_other_are_told_with_their_place() -> None:
    rules = [
        {"match": "a*", "policy": {"structural_threshold": 0.05}},
        {"match": "*b", "policy": {"sensitive_threshold": 0.1}},
    ]
    assert build(rules=rules, images={"a": entry(), "b": entry(2)}).policy_for("a").strict is False
    said = refusal(rules=rules, images={"ab": entry()})
    assert said.startswith("rules[1].policy: sensitive_threshold 0.1 lies above")


FILE = """
[policy]
max_changed_pixels = 3
ignore_regions = [{ x = 1, y = 2, width = 3, height = 4 }]

[policy.noise]
min_solid_pixels = 50

[[rules]]
match = "icons/*"
policy = { strict = true, noise = { min_line_pixels = 20 } }
"""


def test_a_file_says_it_for_everything_and_by_name() -> None:
    policies = read_policies(FILE)
    box = (Rectangle(1, 2, 3, 4),)
    default = Policy(max_changed_pixels=3, ignore_regions=box, noise=Noise(min_solid_pixels=50))
    assert policies.default == policies.of("page") == default
    assert policies.of("icons/a") == Policy(
        strict=True,
        max_changed_pixels=3,
        ignore_regions=box,
        noise=Noise(min_solid_pixels=50, min_line_pixels=20),
    )


def test_the_command_line_lies_above_the_file_and_its_rules() -> None:
    policies = read_policies(FILE, {"strict": False, "max_changed_pixels": 7})
    assert policies.default.max_changed_pixels == 7
    assert policies.of("icons/a").strict is False
    assert policies.of("icons/a").noise == Noise(min_solid_pixels=50, min_line_pixels=20)


def test_an_empty_file_is_the_built_in_policy() -> None:
    assert read_policies("").of("a") == Policy()


@pytest.mark.parametrize("pattern", ["\u00fc*", "u\u0308*"])
def test_a_rule_s_pattern_and_a_name_may_be_in_two_unicode_forms(pattern: str) -> None:
    rules = [{"match": pattern, "policy": {"strict": True}}]
    found = build(images={"u\u0308ber.png": entry(1), "u.png": entry(2)}, rules=rules)
    assert found.policy_for("u\u0308ber.png").strict
    assert not found.policy_for("u.png").strict
