"""What a build manifest may say, and how a wrong one is refused: image, field and rule by name."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from pixelgate.domain import manifest, manifest_schema
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.domain.manifest import (
    BuildManifest,
    Image,
    Landed,
    check_name,
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
            landed={"beef": {"tree": "7ea", "pull_request": "#5"}, "bead": {"pull_request": 4}},
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
        landed={"beef": Landed("7ea", "5"), "bead": Landed(None, "4")},
        pull_request="12",
        ci_url="https://ci.example/1",
        shard=Shard(index=1, total=1, id="only"),
    )


@pytest.mark.parametrize(
    ("said", "message"),
    [
        pytest.param({"index": 2, "total": 4}, None, id="as its key"),
        pytest.param({"index": 2, "total": 4, "id": "b1"}, None, id="its id is the build's"),
        pytest.param(
            None, "shard: Field required, as its key says that it is shard 2 of 4", id="none"
        ),
        pytest.param(
            {"index": 1, "total": 4},
            "shard: the manifest says shard 1 of 4, its key says shard 2 of 4",
            id="another index",
        ),
        pytest.param(
            {"index": 2, "total": 0},
            "shard: the manifest says shard 2, its key says shard 2 of 4",
            id="another total",
        ),
        pytest.param(
            {"index": 2, "total": 4, "id": "b2"},
            "shard.id: the manifest says 'b2', its key 'b1'",
            id="another build",
        ),
    ],
)
def test_a_shard_and_its_key_agree(said: Any, message: str | None) -> None:
    raw = body(shard=said)
    if message is None:
        assert parse(raw, BUILD, ShardId(2, 4)).shard == Shard(**said)
        return
    with pytest.raises(BadManifest) as caught:
        parse(raw, BUILD, ShardId(2, 4))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("raw", "total"),
    [
        pytest.param({}, None, id="no total"),
        pytest.param({"total": 4}, 4, id="a total"),
        pytest.param({"total": 0}, "total: ", id="a total of 0"),
        pytest.param({"schema_version": 2}, "schema_version: ", id="a later version"),
        pytest.param({"build": "b2"}, "build: the manifest says 'b2'", id="another build"),
        pytest.param({"project": ...}, "project: Field required", id="no project"),
    ],
)
def test_finalize(raw: dict[str, Any], total: int | str | None) -> None:
    said = {"schema_version": 1, "project": "shop", "build": "b1", **raw}
    raw_body = json.dumps({k: v for k, v in said.items() if v is not ...}).encode()
    if isinstance(total, str):
        with pytest.raises(BadManifest, match=total):
            parse_finalize(raw_body, BUILD)
    else:
        assert parse_finalize(raw_body, BUILD) == total


@pytest.mark.parametrize(
    ("changes", "partial"),
    [
        pytest.param({}, False, id="a full build"),
        pytest.param({"selective": True}, True, id="selective, nobody knows of what"),
        pytest.param({"all_names": ["a.png"]}, False, id="all of the suite after all"),
        pytest.param({"all_names": ["a.png", "b.png"]}, True, id="one of two"),
        pytest.param(
            {"images": {"\u00fc.png": entry()}, "all_names": ["u\u0308.png"]},
            False,
            id="all of it, in another Unicode form",
        ),
    ],
)
def test_what_lacks_snapshots_is_partial(changes: dict[str, Any], partial: bool) -> None:
    assert parse(body(**changes), BUILD).partial is partial


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        pytest.param({"ancestors": ["c"] * 300}, True, id="300 ancestors"),
        pytest.param({"ancestors": ["c"] * 301}, False, id="301 ancestors"),
        pytest.param({"pull_request": "12"}, True, id="pull request as text"),
        pytest.param({"pull_request": True}, False, id="pull request true"),
        pytest.param({"schema_version": 1}, True, id="schema version 1"),
        pytest.param({"schema_version": 2}, False, id="schema version 2"),
        pytest.param({"schema_version": "1"}, False, id="schema version as text"),
        pytest.param({"shard": {"index": 1, "total": 1}}, True, id="one shard"),
        pytest.param({"shard": {"index": 3, "total": 2}}, False, id="shard 3 of 2"),
        pytest.param({"images": ...}, True, id="a plain upload"),
        pytest.param({"landed": {"c": {}}}, True, id="nothing known of what landed"),
        pytest.param({"landed": {"c": {"tree": 7}}}, False, id="a tree as number"),
        pytest.param({"shard": {"index": 0, "total": 1}}, False, id="shard 0"),
        pytest.param({"shard": None}, True, id="shard null"),
        pytest.param({"images": {}}, False, id="no images"),
        pytest.param({"images": {}, "allow_empty": True}, True, id="no images, allowed"),
        pytest.param({"images": {}, "allow_empty": "yes"}, False, id="allow_empty as text"),
        pytest.param({"base_build": "b1"}, False, id="its own base"),
        pytest.param({"base_build": "b0"}, True, id="another base"),
        pytest.param(image(width=2**31 - 1), True, id="widest"),
        pytest.param(image(width=2**31), False, id="too wide"),
        pytest.param(image(description="x" * 10_000), True, id="longest description"),
        pytest.param(image(description="x" * 10_001), False, id="description too long"),
        pytest.param(image(tags={"os": "linux"}), True, id="tags by name"),
        pytest.param(image(tags={"os": 1}), False, id="tag that is a number"),
        pytest.param({"defaults": {"max_changed_ratio": 1}}, True, id="whole ratio"),
        pytest.param({"defaults": {"max_changed_ratio": 1.01}}, False, id="ratio over 1"),
        pytest.param({"defaults": {"max_changed_ratio": -0.01}}, False, id="ratio under 0"),
        # True is 1.0 to pydantic, and a tolerance of 1.0 passes whatever changes.
        pytest.param({"defaults": {"max_changed_ratio": True}}, False, id="ratio true"),
        pytest.param({"defaults": {"structural_threshold": "0.5"}}, False, id="threshold as text"),
        pytest.param({"defaults": {"max_changed_pixels": -1}}, False, id="tolerance under 0"),
        pytest.param({"defaults": {"max_changed_pixels": None}}, True, id="tolerance null"),
        pytest.param(
            {"defaults": {"ignore_regions": [{"x": 0, "y": 0, "width": 0, "height": 1}]}},
            False,
            id="region without width",
        ),
        pytest.param(
            {"defaults": {"ignore_regions": [{"x": -1, "y": 0, "width": 1, "height": 1}]}},
            False,
            id="region off the left edge",
        ),
        pytest.param(
            {"defaults": {"ignore_regions": [{"x": 9, "y": 9, "width": 1, "height": 1}] * 1_001}},
            False,
            id="1,001 regions",
        ),
    ],
)  # fmt: skip
def test_limits(changes: dict[str, Any], accepted: bool) -> None:
    if accepted:
        assert parse(body(**changes), BUILD).id == BUILD
    else:
        assert refusal(body(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(image(sha256="0" * 63), "images['a.png'].sha256: ", id="sha256 too short"),
        pytest.param(image(sha256="0" * 65), "images['a.png'].sha256: ", id="sha256 too long"),
        pytest.param(image(sha256="A" * 64), "images['a.png'].sha256: ", id="sha256 upper case"),
        pytest.param(image(sha256="g" * 64), "images['a.png'].sha256: ", id="sha256 not hex"),
        pytest.param(
            image(sha256="0" * 64 + "\n"), "images['a.png'].sha256: ", id="sha256 and a line end"
        ),
        pytest.param(image(sha256=0), "images['a.png'].sha256: ", id="sha256 a number"),
        pytest.param(
            image(sha256=...), "images['a.png'].sha256: Field required", id="sha256 missing"
        ),
        pytest.param(image(width=0), "images['a.png'].width: ", id="width 0"),
        pytest.param(image(width=-1), "images['a.png'].width: ", id="width -1"),
        pytest.param(image(width="10"), "images['a.png'].width: ", id="width as text"),
        pytest.param(image(width=True), "images['a.png'].width: ", id="width true"),
        pytest.param(image(width=10.0), "images['a.png'].width: ", id="width with a point"),
        pytest.param(image(width=None), "images['a.png'].width: ", id="width null"),
        pytest.param(image(width=...), "images['a.png'].width: Field required", id="width missing"),
        pytest.param(image(height=0), "images['a.png'].height: ", id="height 0"),
        pytest.param(
            image(height=...), "images['a.png'].height: Field required", id="height missing"
        ),
        pytest.param(image(bytes=-1), "images['a.png'].bytes: ", id="bytes -1"),
        pytest.param(image(display_name=""), "images['a.png'].display_name: ", id="name empty"),
        pytest.param(image(tags=["ok", ""]), "images['a.png'].tags", id="tag empty"),
        pytest.param(image(context=[]), "images['a.png'].context: ", id="context a list"),
        pytest.param({"images": {"a.png": None}}, "images['a.png']: ", id="image null"),
        pytest.param({"images": []}, "images: ", id="images a list"),
        pytest.param({"project": ...}, "project: Field required", id="project missing"),
        pytest.param({"build": ...}, "build: Field required", id="build missing"),
        pytest.param({"commit": ...}, "commit: Field required", id="commit missing"),
        pytest.param({"branch": ...}, "branch: Field required", id="branch missing"),
        pytest.param({"commit": ""}, "commit: ", id="commit empty"),
        pytest.param({"branch": 1}, "branch: ", id="branch a number"),
        pytest.param({"ancestors": ["c", 1]}, "ancestors[1]: ", id="ancestor a number"),
        pytest.param({"selective": "no"}, "selective: ", id="selective as text"),
        pytest.param(
            {"project": "other"},
            "project: the manifest says 'other', its key says 'shop'",
            id="another project than the key",
        ),
        pytest.param(
            {"build": "other"},
            "build: the manifest says 'other', its key says 'b1'",
            id="another build than the key",
        ),
        pytest.param(
            {"schema_version": 2},
            "schema_version: this pixelgate reads schema version 1, not 2",
            id="schema version 2",
        ),
        pytest.param(
            {"shard": {"index": 3, "total": 2}},
            "shard: index 3 is more than total 2",
            id="a shard too many",
        ),
        pytest.param(
            {"shard": {"index": 1, "total": 2}},
            "shard: the manifest of a shard lies under uploads/shop/b1/shards/1-of-2/manifest.json",
            id="a shard that lies where a whole build does",
        ),
        pytest.param(
            {"notes": []}, "notes: only pixelgate itself writes this field", id="a field of ours"
        ),
        pytest.param(
            {"upload_sha256": "0" * 64},
            "upload_sha256: only pixelgate itself writes this field",
            id="another field of ours",
        ),
        pytest.param(
            {"images": {}},
            "images: the build is empty; set allow_empty if that is meant",
            id="empty upload",
        ),
        pytest.param(
            {"base_build": "b1"}, "base_build: a build cannot be its own base", id="its own base"
        ),
        pytest.param(
            {"all_names": ["b.png"]},
            "all_names: lacks 'a.png', which is among the images",
            id="all_names lacks an image",
        ),
        pytest.param(
            {"defaults": {"max_change_pixels": 1}},
            "defaults.max_change_pixels: ",
            id="misspelt policy field",
        ),
        pytest.param(
            image(policy={"treshold": 1}),
            "images['a.png'].policy.treshold: ",
            id="misspelt policy field of an image",
        ),
        pytest.param(
            {"defaults": {"ignore_regions": [{"x": 0, "y": 0, "width": 1, "hight": 1}]}},
            "defaults.ignore_regions[0].height: Field required",
            id="misspelt field of a region",
        ),
        pytest.param(
            {"defaults": {"sensitive_threshold": 0.2}},
            "defaults: sensitive_threshold 0.2 lies above structural_threshold 0.15",
            id="thresholds the wrong way round",
        ),
        pytest.param(
            image(policy={"structural_threshold": 0.01}),
            "images['a.png'].policy: "
            "sensitive_threshold 0.0225 lies above structural_threshold 0.01",
            id="thresholds of an image the wrong way round",
        ),
    ],
)
def test_refusal_names_image_field_and_rule(changes: dict[str, Any], message: str) -> None:
    assert refusal(body(**changes)).startswith(message)


def test_refusal_shows_the_wrong_value() -> None:
    assert refusal(body(**image(width="10"))).endswith("(got '10')")


def test_refusal_shows_only_the_beginning_of_a_long_value() -> None:
    assert refusal(body(**image(sha256="f" * 5_000))).endswith(f"(got '{'f' * 79})")


@pytest.mark.parametrize("wrong", [1, 10, 11, 12])
def test_all_problems_are_told_up_to_ten(wrong: int) -> None:
    images = {f"{n:02}.png": entry(n, width=0) for n in range(wrong)}
    told = refusal(body(images=images)).split("; ")
    assert [t.split(":")[0] for t in told[:10]] == [
        f"images['{n:02}.png'].width" for n in range(min(wrong, 10))
    ]
    assert told[10:] == ([f"and {wrong - 10} more"] if wrong > 10 else [])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"images": {"a" * 500_000: entry(width=0)}}, id="name"),
        pytest.param({"defaults": {"x" * 500_000: 1}}, id="policy field"),
        pytest.param({"project": "x" * 500_000}, id="project"),
        pytest.param({"all_names": ["a" * 500_000]}, id="all_names"),
        pytest.param(
            {"images": {"a" * 500_000: entry()}, "all_names": ["a.png"]}, id="missing name"
        ),
        pytest.param({"schema_version": int("9" * 4_000)}, id="schema version"),
    ],
)
def test_refusal_stays_small_enough_for_the_record(changes: dict[str, Any]) -> None:
    # A DynamoDB item holds 400 KB; a message past that could not be recorded at all.
    assert len(refusal(body(**changes))) < 20_000


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"", "the manifest is not valid JSON: ", id="empty"),
        pytest.param(body()[:-1], "the manifest is not valid JSON: ", id="truncated"),
        pytest.param(body() + b"}", "the manifest is not valid JSON: ", id="something behind"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "the manifest is not valid JSON: ", id="a picture"),
        pytest.param(
            body().replace(b"main", b"m\xff"), "the manifest is not valid JSON: ", id="wrong UTF-8"
        ),
        pytest.param(body().decode().encode("utf-16"), "the manifest is not valid", id="UTF-16"),
        pytest.param(b"[" * 200_000, "the manifest is nested too deep", id="deeply nested array"),
        pytest.param(
            b'{"a":' * 200_000, "the manifest is nested too deep", id="deeply nested object"
        ),
        pytest.param(
            b'{"schema_version": ' + b"9" * 5_000 + b"}",
            "the manifest is not valid JSON: ",
            id="huge integer",
        ),
        pytest.param(b"[]", "the manifest must be a JSON object", id="array"),
        pytest.param(b'"manifest"', "the manifest must be a JSON object", id="text"),
        pytest.param(b"null", "the manifest must be a JSON object", id="null"),
        pytest.param(b"{}", "project: Field required; build: Field required", id="nothing in it"),
        pytest.param(
            body(n=0).replace(b'"n": 0', b'"n": NaN'),
            "the manifest holds NaN, which is not JSON",
            id="NaN",
        ),
        pytest.param(
            body(n=0).replace(b'"n": 0', b'"n": -Infinity'),
            "the manifest holds -Infinity, which is not JSON",
            id="Infinity",
        ),
        pytest.param(
            body()[:-1] + b', "branch": "other"}',
            "the manifest has the key 'branch' twice in one object",
            id="key twice",
        ),
        pytest.param(
            body().replace(b'"a.png"', b'"a.png": {}, "a.png"'),
            "the manifest has the key 'a.png' twice in one object",
            id="name twice",
        ),
        pytest.param(
            body(x=[{"y": {"z": 1}}]).replace(b'"z": 1', b'"z": 1, "z": 1'),
            "the manifest has the key 'z' twice in one object",
            id="key twice, far down",
        ),
        pytest.param(
            body().replace(b'"a.png"', b'"a\\u002epng": {}, "a.png"'),
            "the manifest has the key 'a.png' twice in one object",
            id="key twice in two spellings",
        ),
    ],
)
def test_what_is_no_manifest_is_refused(raw: bytes, message: str) -> None:
    assert refusal(raw).startswith(message)


def test_byte_order_mark_is_accepted() -> None:
    assert parse(b"\xef\xbb\xbf" + body(), BUILD) == parse(body(), BUILD)


def test_manifest_over_its_size_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_BYTES", len(body()))
    assert parse(body(), BUILD).id == BUILD
    size = len(body())
    assert refusal(body() + b" ") == (f"the manifest has {size + 1} bytes; {size} are allowed")


def test_size_limits_are_those_of_the_design() -> None:
    assert manifest.MAX_BYTES == 256 * 1024 * 1024
    assert manifest_schema.MAX_IMAGES == 100_000
    assert manifest.MAX_NAME_BYTES == 1_024


@pytest.mark.parametrize(
    ("number", "accepted"),
    [pytest.param(100_000, True, id="100,000"), pytest.param(100_001, False, id="100,001")],
)
def test_number_of_images(number: int, accepted: bool) -> None:
    one = json.dumps(entry())
    images = ",".join(f'"{n}":{one}' for n in range(number))
    raw = body().replace(json.dumps({"a.png": entry()}).encode(), f"{{{images}}}".encode())
    if accepted:
        assert len(parse(raw, BUILD).images) == number
    else:
        assert refusal(raw).startswith("images: Dictionary should have at most 100000 items")


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
    assert check_name(name) == name
    assert list(parse(body(images={name: entry()}), BUILD).images) == [name]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        pytest.param("", "images['']: the name must have 1 to 1024 bytes, has 0", id="empty"),
        pytest.param("x" * 1_025, "must have 1 to 1024 bytes, has 1025", id="1,025 bytes"),
        pytest.param(
            "é" * 513, "must have 1 to 1024 bytes, has 1026", id="1,026 bytes in 513 letters"
        ),
        pytest.param(
            "/a.png",
            "images['/a.png']: the name must be a relative path without '.', '..' or an empty part",
            id="leading /",
        ),
        pytest.param("a/", "must be a relative path", id="trailing /"),
        pytest.param("a//b.png", "must be a relative path", id="//"),
        pytest.param(".", "must be a relative path", id="."),
        pytest.param("./a.png", "must be a relative path", id="./"),
        pytest.param("a/./b.png", "must be a relative path", id="/./"),
        pytest.param("..", "must be a relative path", id=".."),
        pytest.param("../a.png", "must be a relative path", id="../"),
        pytest.param("a/../../b.png", "must be a relative path", id="/../"),
        pytest.param("a/..", "must be a relative path", id="/.. at the end"),
        pytest.param("a\0.png", r"images['a\x00.png']: the name holds a control", id="NUL"),
        pytest.param("a\n.png", "holds a control character", id="line end"),
        pytest.param("a\x7f.png", "holds a control character", id="DEL"),
        pytest.param("a\x85.png", "holds a control character", id="C1 control"),
        pytest.param("a\u2028.png", "holds a control character", id="line separator"),
        pytest.param("a\u2029.png", "holds a control character", id="paragraph separator"),
        pytest.param("a\u202egnp.exe", "holds a control character", id="right-to-left override"),
        pytest.param("a\u2066b", "holds a control character", id="left-to-right isolate"),
        pytest.param("a\u2069b", "holds a control character", id="end of isolate"),
        pytest.param("\ud800.png", r"images['\ud800.png']: the name is not valid", id="surrogate"),
    ],
)
def test_bad_name(name: str, rule: str) -> None:
    with pytest.raises(BadManifest, match=re.escape(rule)):
        check_name(name)
    assert rule in refusal(body(images={name: entry()}))
    assert rule in refusal(body(all_names=["a.png", name]))


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
    "changes",
    [
        pytest.param({"commit": "\u20ac" * 1_024}, id="commit"),
        pytest.param({"base_commit": "\u20ac" * 1_024}, id="base_commit"),
        pytest.param({"base_build": "b" * 5_000}, id="base_build"),
    ],
)
def test_what_cannot_be_a_key_of_the_table_is_refused(changes: dict[str, Any]) -> None:
    # DynamoDB's sort keys hold 1,024 bytes; past that every delivery of the event would fail.
    assert refusal(body(**changes)).startswith(next(iter(changes)))


@pytest.mark.parametrize("base", ["", "a/b", "..", "@none", "b\x07"])
def test_base_that_no_build_can_be_is_refused(base: str) -> None:
    assert refusal(body(base_build=base)).startswith("base_build: ")


@pytest.mark.parametrize(
    ("changes", "selective"),
    [
        pytest.param({}, False, id="says nothing"),
        pytest.param({"selective": True}, True, id="says so"),
        pytest.param({"all_names": ["a.png"]}, True, id="names the whole suite"),
        pytest.param({"all_names": None}, False, id="null is nothing"),
    ],
)
def test_selective_upload(changes: dict[str, Any], selective: bool) -> None:
    assert parse(body(**changes), BUILD).selective is selective


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        pytest.param({}, (), id="nothing unknown"),
        pytest.param(
            {"base_comit": "c"}, ("unknown field 'base_comit' was ignored",), id="top level"
        ),
        pytest.param(
            image(widht=1),
            ("unknown field 'widht' of images['a.png'] was ignored",),
            id="image",
        ),
        pytest.param(
            {"shard": {"index": 1, "total": 1, "of": 3}},
            ("unknown field 'of' of shard was ignored",),
            id="shard",
        ),
    ],
)
def test_unknown_field_is_a_warning(changes: dict[str, Any], warnings: tuple[str, ...]) -> None:
    assert parse(body(**changes), BUILD).warnings == warnings


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


def test_hashes_are_by_name() -> None:
    build = parse(body(images={"b.png": entry(2), "a.png": entry(1)}), BUILD)
    assert build.hashes() == {"a.png": digest(1), "b.png": digest(2)}


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
