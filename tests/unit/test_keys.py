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


BUILD = BuildId("shop", "b1")
UPLOADS = {
    "uploads/shop/b1/manifest.json": Upload(BUILD),
    "uploads/my shop/b+1 100%/manifest.json": Upload(BuildId("my shop", "b+1 100%")),
    "uploads/shop/b1/shards/2-of-12/manifest.json": Upload(BUILD, ShardId(2, 12)),
    "uploads/shop/b1/shards/2-of-0/manifest.json": Upload(BUILD, ShardId(2, 0)),
    "uploads/shop/b1/finalize/manifest.json": Upload(BUILD, finalizes=True),
}


@pytest.mark.parametrize("key", UPLOADS)
def test_upload_of(key: str) -> None:
    assert upload_of(key) == UPLOADS[key]


@pytest.mark.parametrize(
    "key",
    [
        "uploads/shop/b1/shards/0-of-2/manifest.json",
        "uploads/shop/b1/shards/02-of-3/manifest.json",
        "uploads/shop/b1/shards/1-of-2/x/manifest.json",
        "uploads/shop/b1/shards/manifest.json",
        "uploads/shop/b1/shards/1-of-10000/manifest.json",
        "uploads/shop/b1/extra/manifest.json",
        "uploads/shop/manifest.json",
        "uploads//b1/manifest.json",
        "uploads/shop//manifest.json",
        "uploads/shop/b1/manifest.json.tmp",
        "uploads/shop/b1/manifest.json\n",
        "uploads/shop/b1/Manifest.json",
        "uploads/shop/b1/amanifest.json",
        "uploads/shop/b1/manifestxjson",
        "uploads/shop/b1/a.png",
        "builds/shop/b1/manifest.json",
        "x/uploads/shop/b1/manifest.json",
        "/uploads/shop/b1/manifest.json",
        "",
    ],
)
def test_other_keys_are_no_uploads(key: str) -> None:
    assert upload_of(key) is None


@pytest.mark.parametrize(
    ("build", "trusted"),
    [("b1", True), ("fork.b1", False), ("fork.", False), ("fork", True), ("my.fork.b1", True)],
)
def test_trust_is_in_the_key(build: str, trusted: bool) -> None:
    assert keys.is_trusted(BuildId("shop", build)) is trusted


def test_every_key() -> None:
    build = BUILD
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
    assert keys.cached_diff(keys.cached_diffs("shop", "f00"), base, head) == (
        "cache/shop/f00/abababababababab-cdcdcdcdcdcdcdcd.json"
    )
    pictures = keys.pictures(comparison, "e1")
    assert keys.mask(pictures, "f00", base, head) == (
        "comparisons/shop/b1/b0/e1/masks/f00/abababababababab-cdcdcdcdcdcdcdcd.png"
    )
    assert keys.thumbnail(pictures, head) == f"comparisons/shop/b1/b0/e1/thumbs/{head}.webp"
    assert keys.old_image("shop", head) == f"aside/shop/{head}"
    assert keys.result(comparison, "e1", "index.html") == "comparisons/shop/b1/b0/e1/index.html"
    assert keys.result(ComparisonId("shop", "b1", NO_BASE), "e1", "comparison.json") == (
        "comparisons/shop/b1/@none/e1/comparison.json"
    )


def test_names_for_people() -> None:
    assert str(BuildId("shop", "b1")) == "shop/b1"
    assert str(ComparisonId("shop", "b1", "b0")) == "shop: b1 against b0"


def is_id(value: str) -> bool:
    try:
        return check_id(value, "id") == value
    except BadManifest:
        return False


ids = st.text("ab.@#%?+&: é日", min_size=1, max_size=12).filter(is_id)


@given(ids, ids, ids)
def test_written_keys_stay_under_their_prefix(project: str, head: str, base: str) -> None:
    build, comparison = BuildId(project, head), ComparisonId(project, head, base)
    written = {
        keys.accepted_manifest(build): f"builds/{project}/{head}/",
        keys.status(build): f"builds/{project}/{head}/",
        keys.cached_diff(keys.cached_diffs(project, "f" * 16), "0" * 64, "1" * 64): (
            f"cache/{project}/{'f' * 16}/"
        ),
        keys.result(comparison, "e1", "index.html"): f"comparisons/{project}/{head}/{base}/e1/",
    }
    for key, prefix in written.items():
        assert key.startswith(prefix)
        assert posixpath.normpath(key) == key


@given(ids, ids, st.none() | st.builds(ShardId, st.integers(1, 1_000), st.integers(0, 1_000)))
def test_upload_of_reads_what_uploaded_manifest_writes(
    project: str, name: str, shard: ShardId | None
) -> None:
    build = BuildId(project, name)
    assert upload_of(keys.uploaded_manifest(build, shard)) == Upload(build, shard)
    assert upload_of(keys.finalize(build)) == Upload(build, finalizes=True)


URLS = {
    ("images/p/00", "index.html"): "images/p/00",
    ("images/p/00", "comparisons/p/b1/b0/e/index.html"): "../../../../../images/p/00",
    ("c/p/a.png", "c/p/index.html"): "a.png",
    ("c/my shop/a.png", "c/i.html"): "my%20shop/a.png",
    ("c/a#b.png", "c/i.html"): "a%23b.png",
    ("c/100%.png", "c/i.html"): "100%25.png",
    ("c/a%20b.png", "c/i.html"): "a%2520b.png",
    ("c/a?b=c.png", "c/i.html"): "a%3Fb%3Dc.png",
    ("c/é日.png", "c/i.html"): "%C3%A9%E6%97%A5.png",
    ("c/javascript:alert(1)", "c/i.html"): "javascript%3Aalert%281%29",
    ("c/\"'<>.png", "c/i.html"): "%22%27%3C%3E.png",
    ("c/a\\b.png", "c/i.html"): "a%5Cb.png",
}


@pytest.mark.parametrize(("target", "page"), URLS)
def test_relative_url(target: str, page: str) -> None:
    assert relative_url(target, page) == URLS[target, page]


@given(ids, ids, ids)
def test_a_browser_finds_the_image_from_the_report(project: str, head: str, base: str) -> None:
    page = keys.result(ComparisonId(project, head, base), "e1", "index.html")
    target = keys.image(project, "0" * 64)
    # As a browser does it: the page's address, the link in it, the path that it asks S3 for.
    address = "https://bucket.example/" + relative_url(page, "index.html")
    asked = urlsplit(urljoin(address, relative_url(target, page)))
    assert (asked.hostname, asked.query, asked.fragment) == ("bucket.example", "", "")
    assert unquote(asked.path) == f"/{target}"


def test_a_line_of_the_index_tells_its_month_and_fits_a_file_name() -> None:
    at = "2026-11-30T12:34:56.789+00:00"
    key = keys.index_line("shop", at, "b", "e")
    assert key == "builds/shop/@history/new/20261130T123456Z-b-e.json.gz"
    long = keys.index_line("shop", at, "\N{SNOWMAN}" * 85, "e" * 32, "000012")
    assert len(long.rpartition("/")[2].encode()) <= 255
    month = keys.index_month("shop", "2026-11")
    assert {keys.index_month_of(name) for name in (key, long, month)} == {"2026-11"}
    assert [keys.is_index_month(name) for name in (key, long, month)] == [False, False, True]
    for other in ("builds/shop/b/manifest.json", "builds/shop/@history/x.json.gz", f"{month}.gz"):
        assert keys.index_month_of(other) is None
