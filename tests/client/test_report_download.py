"""A report is fetched with what it shows, and nothing leads out of the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pixelgate.client.report_download import fetch_report
from pixelgate.errors import BucketError, UsageError
from support.doubles.memory import MemoryBucket

EXECUTION = "comparisons/shop/h 1/@none/e1"
PAGE = f"{EXECUTION}/index.html"
STATUS = {"project": "shop", "build": "h 1", "report": PAGE}
COMPARISON: dict[str, Any] = {
    "images": {
        "a.png": {
            "status": "changed",
            "base_sha256": "b" * 64,
            "head_sha256": "a" * 64,
            "mask": "diffs/shop/p/b-a.png",
            "thumb": "diffs/shop/thumbs/t.webp",
        },
        "same.png": {"status": "unchanged", "head_sha256": "c" * 64, "base_sha256": "c" * 64},
        "lost.png": {"status": "errored", "head_sha256": "d" * 64},
    }
}
UP = "../../../../../"


@pytest.fixture
def published(store: MemoryBucket) -> MemoryBucket:
    page = (
        f'<img src="{UP}diffs/shop/thumbs/{"a" * 64}.webp">'
        f"<style>i{{background:url({UP}diffs/shop/thumbs/x%2By.webp)}}</style>"
        f'<script type="application/json">{{"u":"{UP}images/shop/{"e" * 64}"}}</script>'
        f'<a href="{UP}../../etc/passwd">out</a>'
    )
    store.write(PAGE, page.encode(), "text/html")
    for key in (
        f"images/shop/{'a' * 64}",
        f"images/shop/{'b' * 64}",
        f"images/shop/{'c' * 64}",
        f"images/shop/{'e' * 64}",
        "diffs/shop/p/b-a.png",
        f"diffs/shop/thumbs/{'a' * 64}.webp",
        "diffs/shop/thumbs/x+y.webp",
        "diffs/shop/thumbs/t.webp",
        f"{EXECUTION}/comparison.json",
        f"{EXECUTION}/report.json",
        "comparisons/shop/h 1/@none/e2/index.html",
    ):
        store.write(key, key.encode(), "x")
    return store


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_a_report_comes_with_all_that_it_shows(published: MemoryBucket, tmp_path: Path) -> None:
    page = fetch_report(published, STATUS, COMPARISON, tmp_path / "out")
    assert page == tmp_path / "out" / PAGE
    assert files(tmp_path / "out") == {
        "index.html",
        "builds/shop/h 1/status.json",
        PAGE,
        f"{EXECUTION}/comparison.json",
        f"{EXECUTION}/report.json",
        f"images/shop/{'a' * 64}",
        f"images/shop/{'b' * 64}",
        f"images/shop/{'e' * 64}",
        "diffs/shop/p/b-a.png",
        f"diffs/shop/thumbs/{'a' * 64}.webp",
        "diffs/shop/thumbs/x+y.webp",
        "diffs/shop/thumbs/t.webp",
    }
    assert page.read_bytes() == published.objects[PAGE]
    signpost = (tmp_path / "out" / "index.html").read_text()
    assert 'url=comparisons/shop/h%201/%40none/e1/index.html"' in signpost


def test_what_lies_there_is_not_fetched_again(published: MemoryBucket, tmp_path: Path) -> None:
    fetch_report(published, STATUS, COMPARISON, tmp_path)
    del published.objects[f"images/shop/{'a' * 64}"]
    (tmp_path / f"images/shop/{'b' * 64}").unlink()
    fetch_report(published, STATUS, COMPARISON, tmp_path)
    assert (tmp_path / f"images/shop/{'a' * 64}").is_file()
    assert (tmp_path / f"images/shop/{'b' * 64}").is_file()


def test_a_key_that_leads_out_of_the_folder_is_refused(
    published: MemoryBucket, tmp_path: Path
) -> None:
    comparison = {"images": {"a.png": {"status": "changed", "mask": "../../outside"}}}
    with pytest.raises(BucketError, match=r"'../../outside', which is not a key of pixelgate"):
        fetch_report(published, STATUS, comparison, tmp_path / "out")
    assert not (tmp_path / "outside").exists()


def test_a_report_that_is_gone(store: MemoryBucket, tmp_path: Path) -> None:
    with pytest.raises(
        BucketError, match=r"the status refers to comparisons/.* which does not exist"
    ):
        fetch_report(store, STATUS, COMPARISON, tmp_path)


def test_a_folder_that_is_a_file(published: MemoryBucket, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match=r"out.* cannot be written: Not a directory"):
        fetch_report(published, STATUS, COMPARISON, tmp_path / "out")
