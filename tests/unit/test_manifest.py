"""What a build manifest may say, and how a wrong one is refused: image, field and rule by name."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from pixelgate.domain import manifest
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.domain.manifest import (
    BuildManifest,
    Image,
    Landed,
    parse,
    parse_accepted,
    parse_finalize,
)
from pixelgate.domain.manifest_schema import Shard
from pixelgate.domain.policy import Policy, Rectangle
from pixelgate.errors import BadManifest
from support.manifests import BUILD, body, digest, entry, fields


def refusal(raw: bytes, build: BuildId = BUILD) -> str:
    with pytest.raises(BadManifest) as caught:
        parse(raw, build)
    return str(caught.value)


def image(**changes: Any) -> dict[str, Any]:
    """A manifest's fields whose only image has these changes; ... leaves a field out."""
    return {"images": {"a.png": {k: v for k, v in entry(**changes).items() if v is not ...}}}


def test_smallest_manifest_is_accepted() -> None:
    assert parse(body(), BUILD) == BuildManifest(
        id=BuildId("shop", "b1"),
        commit="c0ffee",
        branch="main",
        base_build=None,
        base_commit=None,
        selective=False,
        all_names=None,
        policy=Policy(),
        images={"a.png": Image(digest(1), (10, 20))},
        warnings=(),
    )


def test_full_manifest_is_accepted() -> None:
    full = parse(
        body(
            schema_version=1,
            base_build="b0",
            base_commit="beef",
            base_branch="main",
            ancestors=["beef", "bead"],
            tree="7ee",
            branch_commits=["fade", "fad"],
            grace=90,
            landed={
                "beef": {"tree": "7ea", "pull_request": "#5", "committed": 1_767_225_600},
                "bead": {"pull_request": 4},
            },
            pull_request=12,
            ci_url="https://ci.example/1",
            selective=True,
            all_names=["a.png", "dir/b.jpg"],
            allow_empty=False,
            shard={"index": 1, "total": 1, "id": "only"},
            defaults={"max_changed_pixels": 3},
            images={
                "a.png": entry(
                    7,
                    bytes=1234,
                    display_name="A",
                    group="G",
                    description="",
                    tags=["x"],
                    policy={"ignore_regions": [{"x": 0, "y": 1, "width": 2, "height": 3}]},
                    context={"browser": {"name": "chromium"}},
                )
            },
        ),
        BUILD,
    )
    assert full == BuildManifest(
        id=BUILD,
        commit="c0ffee",
        branch="main",
        base_build="b0",
        base_commit="beef",
        selective=True,
        all_names=frozenset({"a.png", "dir/b.jpg"}),
        policy=Policy(max_changed_pixels=3),
        images={
            "a.png": Image(
                digest(7),
                (10, 20),
                Policy(max_changed_pixels=3, ignore_regions=(Rectangle(0, 1, 2, 3),)),
                {
                    "display_name": "A",
                    "group": "G",
                    "description": "",
                    "tags": ["x"],
                    "context": {"browser": {"name": "chromium"}},
                },
            )
        },
        warnings=(),
        base_branch="main",
        ancestors=("beef", "bead"),
        tree="7ee",
        branch_commits=("fade", "fad"),
        grace=90.0,
        landed={"beef": Landed("7ea", "5", 1_767_225_600), "bead": Landed(None, "4")},
        pull_request="12",
        ci_url="https://ci.example/1",
        shard=Shard(index=1, total=1, id="only"),
    )


KEY_SAYS = "its key says shard 2 of 4"


@pytest.mark.parametrize("said", [{}, {"id": "b1"}], ids=["no id", "the build's id"])
def test_a_shard_is_as_its_key_says(said: dict[str, Any]) -> None:
    shard = {"index": 2, "total": 4, **said}
    assert parse(body(shard=shard), BUILD, ShardId(2, 4)).shard == Shard(**shard)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "shard: must be given, as its key says that it is shard 2 of 4"),
        ({"index": 1, "total": 4}, f"shard: the manifest says shard 1 of 4, {KEY_SAYS}"),
        ({"index": 2, "total": 0}, f"shard: the manifest says shard 2, {KEY_SAYS}"),
        ({"index": 2, "total": 4, "id": "b2"}, "shard.id: the manifest says 'b2', its key 'b1'"),
    ],
    ids=["none", "another index", "another total", "another build"],
)
def test_a_shard_and_its_key_may_not_differ(said: Any, message: str) -> None:
    with pytest.raises(BadManifest, match=f"^{message}$"):
        parse(body(shard=said), BUILD, ShardId(2, 4))


FINALIZE = {"schema_version": 1, "project": "shop", "build": "b1"}


@pytest.mark.parametrize("total", [None, 4])
def test_finalize(total: int | None) -> None:
    said = FINALIZE if total is None else FINALIZE | {"total": total}
    assert parse_finalize(json.dumps(said).encode(), BUILD) == total


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (FINALIZE | {"total": 0}, "total: "),
        (FINALIZE | {"schema_version": 2}, "schema_version: "),
        (FINALIZE | {"build": "b2"}, "build: the manifest says 'b2'"),
        ({"schema_version": 1, "build": "b1"}, "project: must be given"),
    ],
)
def test_finalize_is_held_to_the_rules_of_a_manifest(said: dict[str, Any], message: str) -> None:
    with pytest.raises(BadManifest, match=message):
        parse_finalize(json.dumps(said).encode(), BUILD)


@pytest.mark.parametrize(
    ("changes", "selective", "partial"),
    [
        pytest.param({}, False, False, id="says nothing"),
        pytest.param({"all_names": None}, False, False, id="null is nothing"),
        pytest.param({"selective": True}, True, True, id="selective, nobody knows of what"),
        pytest.param({"all_names": ["a.png"]}, True, False, id="all of the suite after all"),
        pytest.param({"all_names": ["a.png", "b.png"]}, True, True, id="one of two"),
    ],
)
def test_selective_upload(changes: dict[str, Any], selective: bool, partial: bool) -> None:
    build = parse(body(**changes), BUILD)
    assert (build.selective, build.partial) == (selective, partial)


def test_all_of_the_suite_may_be_named_in_another_unicode_form() -> None:
    changes = {"images": {"\u00fc.png": entry()}, "all_names": ["u\u0308.png"]}
    assert not parse(body(**changes), BUILD).partial


REGION = {"x": 0, "y": 0, "width": 1, "height": 1}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ancestors": ["c"] * 300}, id="300 ancestors"),
        pytest.param({"pull_request": "12"}, id="pull request as text"),
        pytest.param({"schema_version": 1}, id="schema version 1"),
        pytest.param({"shard": {"index": 1, "total": 1}}, id="one shard"),
        pytest.param({"shard": None}, id="shard null"),
        pytest.param({"images": ...}, id="a plain upload"),
        pytest.param({"images": {}, "allow_empty": True}, id="no images, allowed"),
        pytest.param({"landed": {"c": {}}}, id="nothing known of what landed"),
        pytest.param({"landed": {"c": {"committed": -(10**30)}}}, id="an absurd time"),
        pytest.param({"branch_commits": []}, id="a release branch without commits"),
        pytest.param({"branch_commits": ["c"] * 300}, id="300 commits of a branch"),
        pytest.param({"grace": 0}, id="no grace"),
        pytest.param({"grace": 86_400.0}, id="a day of grace"),
        pytest.param({"base_build": "b0"}, id="another base"),
        pytest.param(image(width=2**31 - 1), id="widest"),
        pytest.param(image(description="x" * 10_000), id="longest description"),
        pytest.param(image(attempts=["0" * 64] * 20), id="most attempts"),
        pytest.param(image(tags={"os": "linux"}), id="tags by name"),
        pytest.param({"defaults": {"max_changed_ratio": 1}}, id="whole ratio"),
        pytest.param({"defaults": {"max_changed_pixels": None}}, id="tolerance null"),
    ],
)
def test_accepted(changes: dict[str, Any]) -> None:
    assert parse(body(**changes), BUILD).id == BUILD


def test_attempts_are_hashes_in_their_order_and_none_where_none_were_told() -> None:
    hashes = ["1" * 64, "0" * 64, "1" * 64]
    assert parse(body(**image(attempts=hashes)), BUILD).images["a.png"].attempts == tuple(hashes)
    assert parse(body(), BUILD).images["a.png"].attempts == ()


def refused(**values: list[Any]) -> list[Any]:
    """A row for each of a field's wrong values."""
    return [
        pytest.param(field, value, id=f"{field} {value!r:.20}")
        for field, wrong in values.items()
        for value in wrong
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    refused(
        sha256=["0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", 0, ...],
        width=[0, -1, "10", True, 10.0, None, 2**31, ...],
        height=[0, ...],
        bytes=[-1],
        display_name=[""],
        description=["x" * 10_001],
        tags=[["ok", ""], {"os": 1}],
        context=[[]],
        attempts=["0" * 64, ["zz"], ["0" * 64] * 21, [5]],
    ),
)
def test_what_is_wrong_of_an_image_is_refused_by_its_field(field: str, value: Any) -> None:
    told = "must be given" if value is ... else ""
    assert re.match(
        rf"images\['a.png'\]\.{field}\b.*: {told}", refusal(body(**image(**{field: value})))
    )


@pytest.mark.parametrize(
    ("field", "value"),
    refused(
        images=[[]],
        project=[...],
        build=[...],
        commit=[..., ""],
        branch=[..., 1],
        ancestors=[["c", 1], ["c"] * 301],
        pull_request=[True],
        schema_version=["1"],
        selective=["no"],
        landed=[{"c": {"tree": 7}}, {"c": {"committed": "1"}}, {"c": {"committed": 1.5}}],
        branch_commits=[["c", 1], ["c"] * 301, ["a/b"], [""], "c"],
        grace=[-1, 86_401, "600", True, 1e300],
        shard=[{"index": 0, "total": 1}],
        allow_empty=["yes"],
    ),
)
def test_what_is_wrong_of_a_build_is_refused_by_its_field(field: str, value: Any) -> None:
    told = "must be given" if value is ... else ""
    assert re.match(rf"{field}\b.*: {told}", refusal(body(**{field: value})))


@pytest.mark.parametrize(
    ("field", "value"),
    refused(
        # True is 1.0 to pydantic, and a tolerance of 1.0 passes whatever changes.
        max_changed_ratio=[1.01, -0.01, True],
        structural_threshold=["0.5"],
        max_changed_pixels=[-1],
        max_change_pixels=[1],
        ignore_regions=[[REGION | {"width": 0}], [REGION | {"x": -1}], [REGION] * 1_001],
    ),
)
def test_what_is_wrong_of_a_policy_is_refused_by_its_field(field: str, value: Any) -> None:
    assert re.match(rf"defaults\.{field}\b.*: ", refusal(body(defaults={field: value})))
    own = refusal(body(**image(policy={field: value})))
    assert re.match(rf"images\['a.png'\]\.policy\.{field}\b.*: ", own)


REFUSALS: dict[str, dict[str, Any]] = {
    "images['a.png']: ": {"images": {"a.png": None}},
    "ancestors[1]: ": {"ancestors": ["c", 1]},
    "project: the manifest says 'other', its key says 'shop'": {"project": "other"},
    "build: the manifest says 'other', its key says 'b1'": {"build": "other"},
    "schema_version: this pixelgate reads schema version 1, not 2": {"schema_version": 2},
    "shard: index 3 is more than total 2": {"shard": {"index": 3, "total": 2}},
    "shard: the manifest of a shard lies under uploads/shop/b1/shards/1-of-2/manifest.json": {
        "shard": {"index": 1, "total": 2}
    },
    "notes: only pixelgate itself writes this field": {"notes": []},
    "upload_sha256: only pixelgate itself writes this field": {"upload_sha256": "0" * 64},
    "images: the build is empty; set allow_empty if that is meant": {"images": {}},
    "base_build: a build cannot be its own base": {"base_build": "b1"},
    "all_names: lacks 'a.png', which is among the images": {"all_names": ["b.png"]},
    "defaults.ignore_regions[0].height: must be given": {
        "defaults": {"ignore_regions": [{"x": 0, "y": 0, "width": 1, "hight": 1}]}
    },
    "defaults: sensitive_threshold 0.2 lies above structural_threshold 0.15": {
        "defaults": {"sensitive_threshold": 0.2}
    },
    "images['a.png'].policy: sensitive_threshold 0.0225 lies above structural_threshold 0.01": (
        image(policy={"structural_threshold": 0.01})
    ),
}


@pytest.mark.parametrize("message", REFUSALS)
def test_refusal_says_what_is_wrong(message: str) -> None:
    assert refusal(body(**REFUSALS[message])).startswith(message)


def test_refusal_shows_the_wrong_value_or_the_beginning_of_a_long_one() -> None:
    assert refusal(body(**image(width="10"))).endswith("(got '10')")
    assert refusal(body(**image(sha256="f" * 5_000))).endswith(f"(got '{'f' * 79})")


@pytest.mark.parametrize("wrong", [1, 10, 11, 12])
def test_all_problems_are_told_up_to_ten(wrong: int) -> None:
    images = {f"{n:02}.png": entry(n, width=0) for n in range(wrong)}
    told = refusal(body(images=images)).split("; ")
    assert [t.split(":")[0] for t in told[:10]] == [
        f"images['{n:02}.png'].width" for n in range(min(wrong, 10))
    ]
    assert told[10:] == ([f"and {wrong - 10} more"] if wrong > 10 else [])


LONG = "x" * 500_000


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"images": {LONG: entry(width=0)}}, id="name"),
        pytest.param({"defaults": {LONG: 1}}, id="policy field"),
        pytest.param({"project": LONG}, id="project"),
        pytest.param({"all_names": [LONG]}, id="all_names"),
        pytest.param({"images": {LONG: entry()}, "all_names": ["a.png"]}, id="missing name"),
        pytest.param({"schema_version": int("9" * 4_000)}, id="schema version"),
    ],
)
def test_refusal_stays_small_enough_for_the_record(changes: dict[str, Any]) -> None:
    # A DynamoDB item holds 400 KB; a message past that could not be recorded at all.
    assert len(refusal(body(**changes))) < 20_000


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(body()[:-1], id="truncated"),
        pytest.param(body() + b"}", id="something behind"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="a picture"),
        pytest.param(body().replace(b"main", b"m\xff"), id="wrong UTF-8"),
        pytest.param(body().decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"schema_version": ' + b"9" * 5_000 + b"}", id="huge integer"),
    ],
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    assert refusal(raw).startswith("the manifest is not valid JSON: ")


TWICE = "has the key '{}' twice in one object"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"[" * 200_000, "is nested too deep", id="deeply nested array"),
        pytest.param(b'{"a":' * 200_000, "is nested too deep", id="deeply nested object"),
        pytest.param(b"[]", "must be a JSON object", id="array"),
        pytest.param(b'"manifest"', "must be a JSON object", id="text"),
        pytest.param(b"null", "must be a JSON object", id="null"),
        pytest.param(b'{"n": NaN}', "holds NaN, which is not JSON", id="NaN"),
        pytest.param(b'{"n": -Infinity}', "holds -Infinity, which is not JSON", id="Infinity"),
        pytest.param(b'{"a": 1, "b": 2, "a": 3}', TWICE.format("a"), id="key twice"),
        pytest.param(b'{"x": [{"z": 1, "z": 1}]}', TWICE.format("z"), id="key twice, far down"),
        pytest.param(b'{"a\\u002e": 1, "a.": 2}', TWICE.format("a."), id="… in two spellings"),
    ],
)
def test_what_is_no_plain_json_object_is_refused(raw: bytes, message: str) -> None:
    assert refusal(raw) == f"the manifest {message}"


def test_an_object_with_nothing_in_it_lacks_its_fields() -> None:
    assert refusal(b"{}").startswith("project: must be given; build: must be given")


def test_byte_order_mark_is_accepted() -> None:
    assert parse(b"\xef\xbb\xbf" + body(), BUILD) == parse(body(), BUILD)


def test_manifest_over_its_size_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(body())
    monkeypatch.setattr(manifest, "MAX_BYTES", size)
    assert parse(body(), BUILD).id == BUILD
    assert refusal(body() + b" ") == f"the manifest has {size + 1} bytes; {size} are allowed"


def test_number_of_images() -> None:
    assert manifest.MAX_BYTES == 256 * 1024 * 1024
    one = json.dumps(entry())
    names = [f'"{n}":{one}' for n in range(100_001)]

    def with_images(number: int) -> bytes:
        images = f"{{{','.join(names[:number])}}}".encode()
        return body().replace(json.dumps({"a.png": entry()}).encode(), images)

    assert len(parse(with_images(100_000), BUILD).images) == 100_000
    told = refusal(with_images(100_001))
    assert told.startswith("images: may have up to 100,000 entries")


def test_key_twice_among_very_many_is_found_at_once() -> None:
    # Looking for each key among all others would take hours within the legal size.
    raw = b"{" + b",".join(b'"%d":1' % n for n in range(20_000)) + b',"19999":1}'
    start = time.process_time()
    assert refusal(raw) == "the manifest has the key '19999' twice in one object"
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a.png", id="plain"),
        pytest.param("dir/sub dir/a b.png", id="folders and spaces"),
        pytest.param("ünï/日本.png", id="letters of the world"),
        pytest.param("a..b/c...png", id="dots inside a part"),
        pytest.param(".hidden", id="leading dot"),
        pytest.param("#%?&+<>\"'\\:*|", id="everything else that is printable"),
        pytest.param("x" * 1_024, id="1,024 bytes"),
        pytest.param("é" * 512, id="1,024 bytes of two-byte letters"),
        pytest.param("👩\u200d💻.png", id="joined emoji"),
    ],
)
def test_good_name(name: str) -> None:
    assert list(parse(body(images={name: entry()}), BUILD).images) == [name]


BAD_NAMES = {
    "must have 1 to 1024 bytes, has 0": [""],
    "must have 1 to 1024 bytes, has 1025": ["x" * 1_025],
    "must have 1 to 1024 bytes, has 1026": ["é" * 513],
    "must be a relative path without '.', '..' or an empty part": [
        *("/a.png", "a/", "a//b.png", ".", "./a.png", "a/./b.png"),
        *("..", "../a.png", "a/../../b.png", "a/.."),
    ],
    # NUL, DEL and a C1 control, the ends of a line and of a paragraph, and what turns the text.
    "holds a control character": [
        *("a\0.png", "a\n.png", "a\x7f.png", "a\x85.png", "a\u2028.png", "a\u2029.png"),
        *("a\u202egnp.exe", "a\u2066b", "a\u2069b"),
    ],
    "is not valid Unicode": ["\ud800.png"],
}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        pytest.param(name, rule, id=f"{name!a:.20}")
        for rule, names in BAD_NAMES.items()
        for name in names
    ],
)
def test_bad_name(name: str, rule: str) -> None:
    told = refusal(body(images={name: entry()}))
    assert told.startswith(f"images[{name!a:.20}")
    assert f"the name {rule}" in told
    assert f"the name {rule}" in refusal(body(all_names=["a.png", name]))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"commit": "\ud800"}, id="commit"),
        pytest.param({"base_build": "\ud800"}, id="base_build"),
        pytest.param({"base_commit": "\ud800"}, id="base_commit"),
        pytest.param(image(group="\ud800"), id="group"),
        pytest.param(image(tags=["\ud800"]), id="tag"),
        pytest.param(image(tags={"os": "\ud800"}), id="tag by name"),
        pytest.param(image(tags={"\ud800": "linux"}), id="name of a tag"),
        pytest.param(image(context={"a": ["\ud800"]}), id="context"),
        pytest.param(image(context={"\ud800": 1}), id="key of the context"),
        pytest.param({"\ud800": 1}, id="unknown field"),
        pytest.param({"defaults": {"\ud800": 1}}, id="unknown policy field"),
    ],
)
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(changes: dict[str, Any]) -> None:
    # Such text is valid JSON and cannot be written as UTF-8: neither to DynamoDB nor to the bucket.
    assert b"\\ud800" in body(**changes)
    assert refusal(body(**changes)).isascii()


def test_whole_surrogate_pairs_are_letters_like_others() -> None:
    raw = body(**image(description="👩\u200d💻", context={"👍": ["👎"]}))
    assert b"\\ud83d" in raw
    assert parse(raw, BUILD).images["a.png"].details == {
        "description": "👩\u200d💻",
        "context": {"👍": ["👎"]},
    }


def test_number_past_all_floats_is_refused() -> None:
    # It reads as infinity, which comparison.json could not hold.
    raw = body(**image(context={"dpr": 1})).replace(b'"dpr": 1', b'"dpr": 1e999')
    assert b"1e999" in raw
    assert refusal(raw)


@pytest.mark.parametrize(
    ("field", "value"),
    refused(
        # DynamoDB's sort keys hold 1,024 bytes; past that every delivery would fail.
        commit=["\u20ac" * 1_024],
        base_commit=["\u20ac" * 1_024],
        base_build=["b" * 5_000, "", "a/b", "..", "@none", "b\x07"],
    ),
)
def test_what_cannot_be_a_key_of_the_table_is_refused(field: str, value: str) -> None:
    assert refusal(body(**{field: value})).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"base_comit": "c"}, "'base_comit'"),
        (image(widht=1), "'widht' of images['a.png']"),
        ({"shard": {"index": 1, "total": 1, "of": 3}}, "'of' of shard"),
    ],
    ids=["top level", "image", "shard"],
)
def test_unknown_field_is_a_warning(changes: dict[str, Any], field: str) -> None:
    assert parse(body(**changes), BUILD).warnings == (f"unknown field {field} was ignored",)


def test_field_that_many_images_misspell_is_one_warning() -> None:
    images = {f"{n}.png": entry(n, widht=1) for n in range(50)}
    assert len(parse(body(images=images), BUILD).warnings) == 1


def test_policy_of_an_image_lies_on_the_defaults_and_they_on_the_built_in_one() -> None:
    build = parse(
        body(
            defaults={"max_changed_pixels": 5, "antialiasing": False},
            images={
                "own.png": entry(1, policy={"max_changed_pixels": 9}),
                "plain.png": entry(2),
                "empty.png": entry(3, policy={}),
                "back.png": entry(4, policy={"antialiasing": True, "ignore_regions": []}),
            },
        ),
        BUILD,
    )
    defaults = Policy(max_changed_pixels=5, antialiasing=False)
    assert build.policy == defaults
    assert build.policy_for("own.png") == Policy(max_changed_pixels=9, antialiasing=False)
    assert build.policy_for("plain.png") == defaults
    assert build.policy_for("empty.png") == defaults
    assert build.policy_for("back.png") == Policy(max_changed_pixels=5, antialiasing=True)
    assert build.policy_for("not in the build.png") == defaults


def test_thresholds_are_judged_together_after_the_defaults() -> None:
    build = parse(
        body(
            defaults={"structural_threshold": 0.5},
            **image(policy={"sensitive_threshold": 0.4}),
        ),
        BUILD,
    )
    assert build.policy_for("a.png") == Policy(structural_threshold=0.5, sensitive_threshold=0.4)


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(BuildId("..", "b1"), id="project"),
        pytest.param(BuildId("shop", "@none"), id="build"),
        pytest.param(BuildId("shop", "b\x07"), id="control character"),
    ],
)
def test_key_that_is_no_id_is_refused_even_if_the_manifest_agrees(build: BuildId) -> None:
    assert refusal(json.dumps(fields(build)).encode(), build).startswith(("project: ", "build: "))


@pytest.mark.parametrize("depth", [33, 500, 900, 1_000, 1_100, 3_000, 8_000, 30_000])
@pytest.mark.parametrize("leaf", [b"1", b'"\\ud83d\\udc4d"'], ids=["number", "emoji"])
def test_deep_context_is_refused(depth: int, leaf: bytes) -> None:
    """What can be read may still be too deep to be written into comparison.json."""
    deep = b'{"a":' * depth + leaf + b"}" * depth
    text = body(images={"a.png": entry(context="DEEP")}).replace(b'"DEEP"', deep)
    assert "deep" in refusal(text)


def test_context_may_be_nested() -> None:
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"a": deep}
    assert parse(body(images={"a.png": entry(context=deep)}), BUILD).images["a.png"].details


def test_one_name_in_two_unicode_forms_is_refused_with_both() -> None:
    images = {name: entry(n) for n, name in enumerate(("\u00fc.png", "a.png", "u\u0308.png"))}
    assert refusal(body(images=images)) == (
        "images: 'u\\u0308.png' and '\\xfc.png' are one name in two Unicode forms; "
        "a build can hold only one"
    )


def test_of_very_many_such_names_the_first_ones_are_told() -> None:
    images = {f"{letter}{n}": entry() for n in range(30) for letter in ("\u00fc", "u\u0308")}
    said = refusal(body(images=images))
    assert said.count("two Unicode forms") == 20
    assert said.endswith("; and 10 more names")


def test_what_was_accepted_before_that_rule_stays_readable() -> None:
    images = {"\u00fc.png": entry(1), "u\u0308.png": entry(2)}
    assert len(parse_accepted(body(images=images), BUILD).images) == 2
