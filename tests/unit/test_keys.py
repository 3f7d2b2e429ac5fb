"""Where things lie in the bucket: ids that can stand in a key, keys under their prefix, links."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgate.domain import keys
from pixelgate.domain.keys import (
    NO_BASE,
    BuildId,
    ComparisonId,
    ShardId,
    Upload,
    check_id,
    relative_url,
    upload_of,
)
from pixelgate.errors import BadManifest


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("shop", id="plain"),
        pytest.param("feature #12 100% ünï+?&", id="spaces, signs, letters of the world"),
        pytest.param("a@b", id="@ inside"),
        pytest.param("...", id="three dots"),
        pytest.param(".hidden", id="leading dot"),
        pytest.param("x" * 255, id="255 bytes"),
        pytest.param("é" * 127, id="254 bytes of two-byte letters"),
    ],
)
def test_good_id(value: str) -> None:
    assert check_id(value, "build") == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param("", "build: must have 1 to 255 bytes", id="empty"),
        pytest.param("x" * 256, "build: must have 1 to 255 bytes", id="256 bytes"),
        pytest.param("é" * 128, "build: must have 1 to 255 bytes", id="256 bytes in 128 letters"),
        pytest.param(".", "build: '.' may not be '.' or '..'", id="."),
        pytest.param("..", "build: '..' may not be '.' or '..'", id=".."),
        pytest.param("@none", "build: '@none' may not be", id="stands for no base"),
        pytest.param("@", "build: '@' may not be", id="leading @"),
        pytest.param("a/b", "build: 'a/b' may not be", id="slash"),
        pytest.param("a\nb", r"build: 'a\nb' may not be", id="line end"),
        pytest.param("a\0b", r"build: 'a\x00b' may not be", id="NUL"),
        pytest.param("a\u202eb", r"build: 'a\u202eb' may not be", id="right-to-left override"),
        pytest.param("a\u200bb", r"build: 'a\u200bb' may not be", id="zero-width space"),
        pytest.param("\ud800", r"build: '\ud800' may not be", id="half a surrogate pair"),
    ],
)
def test_bad_id(value: str, message: str) -> None:
    with pytest.raises(BadManifest) as caught:
        check_id(value, "build")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("key", "upload"),
    [
        pytest.param("uploads/shop/b1/manifest.json", Upload(BuildId("shop", "b1")), id="manifest"),
        pytest.param(
            "uploads/my shop/b+1 100%/manifest.json",
            Upload(BuildId("my shop", "b+1 100%")),
            id="decoded already",
        ),
        pytest.param(
            "uploads/shop/b1/shards/2-of-12/manifest.json",
            Upload(BuildId("shop", "b1"), ShardId(2, 12)),
            id="a shard",
        ),
        pytest.param(
            "uploads/shop/b1/shards/2-of-0/manifest.json",
            Upload(BuildId("shop", "b1"), ShardId(2, 0)),
            id="a shard of nobody knows how many",
        ),
        pytest.param(
            "uploads/shop/b1/finalize/manifest.json",
            Upload(BuildId("shop", "b1"), finalizes=True),
            id="finalize",
        ),
        pytest.param("uploads/shop/b1/shards/0-of-2/manifest.json", None, id="shard 0"),
        pytest.param("uploads/shop/b1/shards/02-of-3/manifest.json", None, id="shard 02"),
        pytest.param("uploads/shop/b1/shards/1-of-2/x/manifest.json", None, id="below a shard"),
        pytest.param("uploads/shop/b1/shards/manifest.json", None, id="no shard"),
        pytest.param("uploads/shop/b1/shards/1-of-10000/manifest.json", None, id="10,000 shards"),
        pytest.param("uploads/shop/b1/extra/manifest.json", None, id="nested"),
        pytest.param("uploads/shop/manifest.json", None, id="no build"),
        pytest.param("uploads//b1/manifest.json", None, id="empty project"),
        pytest.param("uploads/shop//manifest.json", None, id="empty build"),
        pytest.param("uploads/shop/b1/manifest.json.tmp", None, id="longer suffix"),
        pytest.param("uploads/shop/b1/manifest.json\n", None, id="line end behind"),
        pytest.param("uploads/shop/b1/Manifest.json", None, id="upper case"),
        pytest.param("uploads/shop/b1/amanifest.json", None, id="other file"),
        pytest.param("uploads/shop/b1/manifestxjson", None, id="no dot"),
        pytest.param("uploads/shop/b1/a.png", None, id="image"),
        pytest.param("builds/shop/b1/manifest.json", None, id="our own copy"),
        pytest.param("x/uploads/shop/b1/manifest.json", None, id="below another prefix"),
        pytest.param("/uploads/shop/b1/manifest.json", None, id="leading slash"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_upload_of(key: str, upload: Upload | None) -> None:
    assert upload_of(key) == upload


@pytest.mark.parametrize(
    ("build", "trusted"),
    [("b1", True), ("fork.b1", False), ("fork.", False), ("fork", True), ("my.fork.b1", True)],
)
def test_trust_is_in_the_key(build: str, trusted: bool) -> None:
    assert keys.is_trusted(BuildId("shop", build)) is trusted


def test_every_key() -> None:
    build = BuildId("shop", "b1")
    comparison = ComparisonId("shop", "b1", "b0")
    base, head = "ab" * 32, "cd" * 32
    assert keys.uploaded_manifest(build) == "uploads/shop/b1/manifest.json"
    shard = ShardId(2, 4)
    assert keys.uploaded_manifest(build, shard) == "uploads/shop/b1/shards/2-of-4/manifest.json"
    assert keys.uploads(build) == "uploads/shop/b1/"
    assert keys.uploads(build, shard) == "uploads/shop/b1/shards/2-of-4/"
    assert keys.uploaded_shards(build) == "uploads/shop/b1/shards/"
    assert keys.finalize(build) == "uploads/shop/b1/finalize/manifest.json"
    assert keys.accepted_shard(build, shard) == "builds/shop/b1/shards/2-of-4.json"
    assert keys.accepted_shard_of(keys.accepted_shard(build, shard)) == shard
    assert keys.accepted_shard_of(keys.closed_shards(build)) is None
    assert keys.closed_shards(build) == "builds/shop/b1/shards.json"
    assert keys.accepted_manifest(build) == "builds/shop/b1/manifest.json"
    assert keys.status(build) == "builds/shop/b1/status.json"
    assert keys.image("shop", head) == f"images/shop/{head}"
    assert keys.diff(keys.diffs("shop", "f00", "2026-11"), base, head) == (
        "diffs/shop/2026-11/f00/abababababababab-cdcdcdcdcdcdcdcd.png"
    )
    assert keys.result(comparison, "e1", "index.html") == "comparisons/shop/b1/b0/e1/index.html"
    assert keys.result(ComparisonId("shop", "b1", NO_BASE), "e1", "comparison.json") == (
        "comparisons/shop/b1/@none/e1/comparison.json"
    )


def test_names_for_people() -> None:
    assert str(BuildId("shop", "b1")) == "shop/b1"
    assert str(ComparisonId("shop", "b1", "b0")) == "shop: b1 against b0"


def ids() -> st.SearchStrategy[str]:
    """Whatever check_id lets through."""
    return st.text("ab.@#%?+&: é日", min_size=1, max_size=12).filter(is_id)


def is_id(value: str) -> bool:
    try:
        return check_id(value, "id") == value
    except BadManifest:
        return False


@given(ids(), ids(), ids())
def test_written_keys_stay_under_their_prefix(project: str, head: str, base: str) -> None:
    build, comparison = BuildId(project, head), ComparisonId(project, head, base)
    written = {
        keys.accepted_manifest(build): f"builds/{project}/{head}/",
        keys.status(build): f"builds/{project}/{head}/",
        keys.diff(keys.diffs(project, "f" * 16), "0" * 64, "1" * 64): (
            f"diffs/{project}/{'f' * 16}/"
        ),
        keys.result(comparison, "e1", "index.html"): f"comparisons/{project}/{head}/{base}/e1/",
    }
    for key, prefix in written.items():
        assert key.startswith(prefix)
        assert posixpath.normpath(key) == key


@given(ids(), ids(), st.one_of(st.none(), st.builds(ShardId, st.integers(1, 1_000),
                                                     st.integers(0, 1_000))))  # fmt: skip
def test_upload_of_reads_what_uploaded_manifest_writes(
    project: str, name: str, shard: ShardId | None
) -> None:
    build = BuildId(project, name)
    assert upload_of(keys.uploaded_manifest(build, shard)) == Upload(build, shard)
    assert upload_of(keys.finalize(build)) == Upload(build, finalizes=True)


@pytest.mark.parametrize(
    ("target", "page", "url"),
    [
        pytest.param("images/p/00", "index.html", "images/p/00", id="page at the top"),
        pytest.param(
            "images/p/00", "comparisons/p/b1/b0/e/index.html", "../../../../../images/p/00", id="up"
        ),
        pytest.param("c/p/a.png", "c/p/index.html", "a.png", id="beside"),
        pytest.param("c/my shop/a.png", "c/i.html", "my%20shop/a.png", id="space"),
        pytest.param("c/a#b.png", "c/i.html", "a%23b.png", id="#"),
        pytest.param("c/100%.png", "c/i.html", "100%25.png", id="%"),
        pytest.param("c/a%20b.png", "c/i.html", "a%2520b.png", id="percent-encoded already"),
        pytest.param("c/a?b=c.png", "c/i.html", "a%3Fb%3Dc.png", id="?"),
        pytest.param("c/é日.png", "c/i.html", "%C3%A9%E6%97%A5.png", id="letters of the world"),
        pytest.param(
            "c/javascript:alert(1)", "c/i.html", "javascript%3Aalert%281%29", id="no scheme"
        ),
        pytest.param("c/\"'<>.png", "c/i.html", "%22%27%3C%3E.png", id="quotes and brackets"),
        pytest.param("c/a\\b.png", "c/i.html", "a%5Cb.png", id="backslash"),
    ],
)
def test_relative_url(target: str, page: str, url: str) -> None:
    assert relative_url(target, page) == url


@given(ids(), ids(), ids())
def test_a_browser_finds_the_image_from_the_report(project: str, head: str, base: str) -> None:
    page = keys.result(ComparisonId(project, head, base), "e1", "index.html")
    target = keys.image(project, "0" * 64)
    # As a browser does it: the page's address, the link in it, the path that it asks S3 for.
    address = "https://bucket.example/" + relative_url(page, "index.html")
    asked = urlsplit(urljoin(address, relative_url(target, page)))
    assert (asked.hostname, asked.query, asked.fragment) == ("bucket.example", "", "")
    assert unquote(asked.path) == f"/{target}"
