"""`pixelgate replay`: past comparisons under another rule, against what people decided."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pixelgate.bootstrap import find_engine, open_pool
from pixelgate.cli import replay as replay_module
from pixelgate.client import replay_pairs
from pixelgate.domain import keys
from pixelgate.domain.history import Given
from pixelgate.domain.keys import BuildId
from pixelgate.engine.pool import SharedDiffers
from support.doubles.memory import MemoryBucket
from support.images import png
from support.lived import PROJECT, Lived
from support.world import sha

from .conftest import Cli

SIZE = (64, 64)
# Nobody sees the second one; everybody sees the third.
WHITE, NEAR, RED = (png(SIZE, colour) for colour in ((250,) * 3, (249, 250, 250), (250, 0, 0)))


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def dot(pixels: int, colour: tuple[int, int, int] = (250, 0, 0)) -> bytes:
    """A white page with a red line, so many pixels long."""
    import numpy as np

    from support.drawings import png as of_pixels

    page = np.full((*SIZE, 3), 250, np.uint8)
    page[10, 10 : 10 + pixels] = colour
    return of_pixels(page)


def by(action: str, *names: str, day: float = 1, reason: str | None = None) -> tuple[Given, ...]:
    return (Given(f"{action}-{day}", ago(day), action, "AWS:X:ada", names or None, reason),)


@pytest.fixture(scope="module")
def pool() -> Iterator[SharedDiffers]:
    with open_pool(find_engine(), 1) as pool:
        yield pool


@pytest.fixture
def lived(bucket: MemoryBucket, pool: SharedDiffers) -> Lived:
    """Small and large changes, approved, rejected and undecided; and one that nobody sees."""
    made = Lived(bucket, pool, find_engine().version)
    pages = dict.fromkeys(("a.png", "b.png", "c.png", "d.png", "e.png"), WHITE)
    made.build("b0", pages, at=ago(100))
    made.build("b1", {**pages, "a.png": dot(4), "d.png": NEAR}, "b0", at=ago(20),
               verdict="needs_review", review="rejected",
               reviews=by("reject", "a.png", day=19, reason="a stray line"))  # fmt: skip
    made.build("b2", {**pages, "b.png": dot(5), "c.png": RED}, "b0", at=ago(10),
               verdict="needs_review", review="approved", reviews=by("approve", day=9))  # fmt: skip
    made.build("b3", {**pages, "a.png": dot(6), "e.png": RED}, "b0", at=ago(5),
               verdict="needs_review", review="needed", pull_request="7",
               branch="topic")  # fmt: skip
    return made


def counts(found: dict[str, Any]) -> tuple[int, ...]:
    """Still caught; newly quiet: rejected, approved, undecided; newly loud; still quiet; gone."""
    t = found["totals"]
    quiet = (t["newly_quiet"][word] for word in ("rejected", "approved", "undecided"))
    return (t["still_caught"], *quiet, t["newly_loud"]["total"], t["still_quiet"],
            t["unknown"]["total"])  # fmt: skip


# --- what is told ---------------------------------------------------------------------------------


def test_a_rejected_change_that_would_be_quiet_makes_exit_code_1(run: Cli, lived: Lived) -> None:
    done = run("replay", "--max-changed-pixels", "5", "--json")
    found = done.json
    assert done.code == found["exit_code"] == 1
    assert counts(found) == (3, 1, 1, 0, 0, 1, 0)
    rejected, approved = found["newly_quiet"]
    assert (rejected["name"], rejected["build"], rejected["decided"], rejected["by"]) == (
        "a.png", "b1", "rejected", "ada")  # fmt: skip
    assert (rejected["reason"], rejected["pixels"], rejected["source"]) == (
        "a stray line", 4, "stored")  # fmt: skip
    assert (approved["name"], approved["decided"]) == ("b.png", "approved")
    row = found["snapshots"][0]
    assert (row["name"], row["newly_quiet_rejected"], row["still_caught"]) == ("a.png", 1, 1)
    assert found["rule"] == "max_changed_pixels = 5"
    assert found["judged"] == {"from_stored": 6, "from_images": 0, "pairs_measured": 0}
    assert found["cost"]["requests"] == {"s3.GetObject": 6, "s3.ListObjectsV2": 1}


def test_an_approved_one_does_not(run: Cli, lived: Lived) -> None:
    done = run("replay", "--since", "12d", "--max-changed-pixels", "5", "--json")
    assert done.code == 0
    assert counts(done.json) == (3, 0, 1, 0, 0, 0, 0)


def test_what_nobody_decided_is_told_apart(run: Cli, lived: Lived) -> None:
    done = run("replay", "--since", "6d", "--max-changed-pixels", "6", "--json")
    assert (done.code, counts(done.json)) == (0, (1, 0, 0, 1, 0, 0, 0))


def test_a_stricter_rule_finds_what_was_quiet(run: Cli, lived: Lived) -> None:
    done = run("replay", "--strict", "--json")
    assert (done.code, counts(done.json)) == (0, (5, 0, 0, 0, 1, 0, 0))
    [loud] = done.json["newly_loud"]
    assert (loud["name"], loud["build"], loud["source"]) == ("d.png", "b1", "stored")


def test_a_difference_of_the_same_input_is_noise(run: Cli, lived: Lived) -> None:
    pages = {"d.png": NEAR}
    lived.build("b4", pages, "b0", at=ago(3), commit="c-b0")
    found = run("replay", "--since", "4d", "--strict", "--json").json
    assert found["totals"]["newly_loud"] == {"total": 1, "same_input": 0}
    # Builds of one commit are of the same input.
    found = run("replay", "--since", "110d", "--strict", "--json").json
    assert found["totals"]["newly_loud"] == {"total": 2, "same_input": 2}


def test_people_see_the_answer_and_what_it_cost(run: Cli, lived: Lived) -> None:
    done = run("replay", "--max-changed-pixels", "5")
    told = " ".join(done.err.split())
    assert done.code == 1
    assert "reading 3 results of 3 builds since" in told
    assert "6 differences: 6 are judged from stored measurements" in told
    assert "newly quiet: 2 (1 rejected, 1 approved, 0 never decided)" in told
    assert "a.png 1 1 0 0 0 0 1 0" in told
    assert "a.png in build b1, rejected by ada: a stray line" in told
    assert "it cost $0.000009: 7 requests" in told
    assert told.endswith("a rejected change would be quiet")


def test_csv_has_a_line_for_each_difference_that_is_not_still_quiet(run: Cli, lived: Lived) -> None:
    done = run("replay", "--max-changed-pixels", "5", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert (done.code, len(rows)) == (1, 5)
    assert rows[0]["answer"] == "newly quiet"
    empty = run("replay", "--since", "1d", "--csv")
    assert empty.code == 0
    assert empty.out.strip().split(",") == [*rows[0]]


def test_a_branch(run: Cli, lived: Lived) -> None:
    found = run("replay", "--branch", "main", "--max-changed-pixels", "6", "--json").json
    assert {row["build"] for row in found["newly_quiet"]} == {"b1", "b2"}


# --- the rule -------------------------------------------------------------------------------------


def test_a_policy_file_takes_the_place_of_the_builds_policy(
    run: Cli, lived: Lived, tmp_path: Path
) -> None:
    pages = {name: dot(5) for name in ("a.png", "b.png", "e.png")}
    lived.build("b4", pages, "b0", at=ago(2), policy={"max_changed_ratio": 1.0},
                own={"e.png": {"max_changed_pixels": 0}})  # fmt: skip
    file = tmp_path / "new.toml"
    file.write_text('[[rules]]\nmatch = "a*"\npolicy = {max_changed_pixels = 9}\n')
    found = run("replay", "--since", "3d", "--policy", file, "--json").json
    # a.png passes by the file's rule, b.png passed by the build's policy, which is replaced; e.png
    # has a policy of its own in the manifest, which neither replaces.
    assert [row["name"] for row in found["newly_loud"]] == ["b.png", "e.png"]
    assert found["totals"]["still_quiet"] == 1
    file.write_text("[policy]\nmax_changed_pixels = 5\n")
    found = run("replay", "--since", "3d", "--policy", file, "--json").json
    assert [row["name"] for row in found["newly_loud"]] == ["e.png"]
    # Options override the file and the snapshot's own policy.
    found = run("replay", "--since", "3d", "--policy", file, "--max-changed-pixels", "5",
                "--json").json  # fmt: skip
    assert found["newly_loud"] == []


def test_a_threshold_sets_both(run: Cli, lived: Lived) -> None:
    found = run("replay", "--threshold", "0.4", "--json").json
    # Of the evidence, thresholds change nothing, so verdicts stay as they were.
    assert counts(found) == (5, 0, 0, 0, 0, 1, 0)
    assert found["rule"] == "threshold = 0.4"
    assert found["judged"]["from_images"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "soon"), "--since soon: give days"),
        (("--json", "--csv"), "--csv and --json cannot be used together"),
        (("--recompute", "--stored-only"), "--recompute and --stored-only cannot be used together"),
        (("--threshold", "0.1", "--sensitive-threshold", "0.1"), "--threshold sets both"),
        (("--sensitive-threshold", "0.5"), "sensitive_threshold 0.5 lies above"),
        (("--policy", "none.toml"), "none.toml cannot be read"),
        (("--max-usd", "0"), "more than --max-usd 0; allow more"),
    ],
)
def test_wrong_usage(run: Cli, lived: Lived, arguments: tuple[str, ...], words: str) -> None:
    done = run("replay", *arguments)
    assert done.code == 2
    assert words in " ".join(done.err.split())


# --- versions -------------------------------------------------------------------------------------


def test_without_a_rule_the_verdict_of_this_version_is_replayed(run: Cli, lived: Lived) -> None:
    lived.build("old", {"a.png": RED}, "b0", at=ago(2),
                engine={"algorithm": "1", "pixelgate": "0.0.1", "version": "4.0.0"})  # fmt: skip
    done = run("replay", "--json", "--yes")
    assert (done.code, counts(done.json)) == (0, (6, 0, 0, 0, 0, 1, 0))
    assert done.json["judged"] == {"from_stored": 6, "from_images": 1, "pairs_measured": 1}
    assert "1 results are of pixelgate 0.0.1, algorithm 1, odiff 4.0.0" in done.err
    assert {v["pixelgate"]: v["results"] for v in done.json["versions"]} == {
        done.json["installed"]["pixelgate"]: 3, "0.0.1": 1}  # fmt: skip


def test_a_verdict_of_another_version_is_not_guessed(run: Cli, lived: Lived) -> None:
    lived.build("old", {"a.png": RED}, "b0", at=ago(2), engine={"algorithm": "1"})
    found = run("replay", "--json", "--stored-only").json
    [row] = found["unknown"]
    assert (row["build"], row["why"]) == (
        "old", "only its images tell, and they were not measured again")  # fmt: skip


def test_everything_can_be_measured_again(run: Cli, lived: Lived) -> None:
    done = run("replay", "--recompute", "--yes", "--json")
    assert (done.code, counts(done.json)) == (0, (5, 0, 0, 0, 0, 1, 0))
    # Six differences have five pairs of images; seven images.
    assert done.json["judged"] == {"from_stored": 0, "from_images": 6, "pairs_measured": 5}


# --- images ---------------------------------------------------------------------------------------


def test_images_are_fetched_only_with_a_yes(run: Cli, lived: Lived) -> None:
    done = run("replay", "--sensitivity", "tolerant")
    assert done.code == 2
    told = " ".join(done.err.split())
    assert "to fetch: 6 images, 0 masks at most: 6 requests" in told
    assert "without being asked, pass --yes" in told
    assert run("replay", "--sensitivity", "tolerant", "--dry-run").code == 0
    done = run("replay", "--sensitivity", "tolerant", "--yes", "--json")
    assert (done.code, counts(done.json)) == (0, (5, 0, 0, 0, 0, 1, 0))
    assert done.json["cost"]["requests"]["s3.GetObject"] == 6 + 6


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 2)])
def test_on_a_terminal_it_asks(
    run: Cli, lived: Lived, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    asked: list[str] = []

    def confirm(words: str, *, err: bool) -> bool:
        asked.append(words)
        return answer

    monkeypatch.setattr("typer.confirm", confirm)
    assert run("replay", "--sensitivity", "tolerant").code == code
    assert asked == ["Fetch them for about $0.000003?"]


def test_the_bound_is_held_before_images_are_fetched(
    run: Cli, lived: Lived, bucket: MemoryBucket
) -> None:
    # 20 MB out of S3 are more than a tenth of a cent.
    bucket.write(keys.image(PROJECT, sha(RED)), RED + bytes(20_000_000), "image/png")
    done = run("replay", "--sensitivity", "tolerant", "--yes", "--max-usd", "0.001")
    assert done.code == 2
    assert "it costs about $0.0018, more than --max-usd 0.001" in " ".join(done.err.split())


def test_images_that_are_gone_are_counted_and_named(
    run: Cli, lived: Lived, bucket: MemoryBucket
) -> None:
    bucket.delete([keys.image(PROJECT, sha(dot(4)))])
    done = run("replay", "--sensitivity", "tolerant", "--yes", "--json")
    assert (done.code, counts(done.json)) == (0, (4, 0, 0, 0, 0, 1, 1))
    [row] = done.json["unknown"]
    assert row["why"] == f"image {sha(dot(4))[:12]} of build b1 is gone"
    assert row["decided"] == "rejected"
    shown = " ".join(run("replay", "--sensitivity", "tolerant", "--yes").err.split())
    assert "unknown: 1 (1 rejected)" in shown
    assert "whether 1 rejected changes would still be caught is not known" in shown


def test_an_image_that_is_spoilt_is_no_answer(run: Cli, lived: Lived, bucket: MemoryBucket) -> None:
    bucket.write(keys.image(PROJECT, sha(dot(4))), dot(5), "image/png")
    done = run("replay", "--sensitivity", "tolerant", "--yes", "--json")
    [row] = done.json["unknown"]
    assert row["why"].startswith("HASH_MISMATCH: ")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "comparisons/shop/b1/b0/e-b1/comparison.json is gone"),
        (b"[]", "comparisons/shop/b1/b0/e-b1/comparison.json cannot be read"),
        (b"\xff", "comparisons/shop/b1/b0/e-b1/comparison.json cannot be read"),
        (b'{"schema_version": 9}', "has schema version 9"),
    ],
)
def test_a_result_that_is_gone_is_counted_and_named(
    run: Cli, lived: Lived, bucket: MemoryBucket, body: bytes | None, why: str
) -> None:
    key = "comparisons/shop/b1/b0/e-b1/comparison.json"
    if body is None:
        bucket.delete([key])
    else:
        bucket.write(key, body, "application/json")
    done = run("replay", "--max-changed-pixels", "5", "--json")
    assert (done.code, counts(done.json)) == (0, (3, 0, 1, 0, 0, 0, 2))
    assert all(why in row["why"] for row in done.json["unknown"])


def test_a_manifest_that_is_gone_matters_only_for_a_file(
    run: Cli, lived: Lived, bucket: MemoryBucket, tmp_path: Path
) -> None:
    bucket.delete([keys.accepted_manifest(BuildId(PROJECT, "b1"))])
    assert counts(run("replay", "--strict", "--json").json)[-1] == 0
    file = tmp_path / "new.toml"
    file.write_text("[policy]\nstrict = true\n")
    found = run("replay", "--policy", file, "--json").json
    assert [row["why"] for row in found["unknown"]] == ["builds/shop/b1/manifest.json is gone"] * 2


def test_what_could_not_be_compared_stays_so_under_any_policy(run: Cli, lived: Lived) -> None:
    lived.build("b4", {"a.png": b"no image"}, "b0", at=ago(2))
    done = run("replay", "--since", "3d", "--max-changed-ratio", "1", "--json")
    assert (done.code, counts(done.json)) == (0, (1, 0, 0, 0, 0, 0, 0))
    done = run("replay", "--since", "3d", "--recompute", "--yes", "--json")
    assert (done.code, counts(done.json)) == (0, (1, 0, 0, 0, 0, 0, 0))


def test_without_the_engine_it_says_what_to_install(
    run: Cli, lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "_engine", lambda: None)
    # Stored measurements need no engine.
    assert counts(run("replay", "--strict", "--json").json) == (5, 0, 0, 0, 1, 0, 0)
    out = tmp_path / "out"
    done = run("replay", "--strict", "--out", out, "--yes", "--json")
    assert done.code == 0
    image = shown(out / "newly-loud")["images"]["b1/d.png"]
    # The pictures of then are shown, without a thumbnail.
    assert (image["status"], image.get("thumb")) == ("changed", None)
    done = run("replay", "--sensitivity", "tolerant", "--yes")
    assert done.code == 2
    assert "pip install 'pixelgate[compare]', or pass --stored-only" in " ".join(done.err.split())


# --- reports and the folder -----------------------------------------------------------------------


def shown(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "comparison.json").read_bytes())
    return found


def test_pictures_are_in_the_usual_report(run: Cli, lived: Lived, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("replay", "--max-changed-pixels", "5", "--out", out, "--yes", "--json")
    assert done.code == 1
    assert done.json["reports"] == {"newly_quiet": str(out / "newly-quiet" / "index.html")}
    found = shown(out / "newly-quiet")
    assert (found["head"], found["verdict"]) == ("newly quiet", "needs_review")
    assert found["baseline_reason"] == "replayed under max_changed_pixels = 5"
    image = found["images"]["b1/a.png"]
    assert (image["status"], image["changed_pixels"]) == ("changed", 4)
    assert image["details"]["tags"] == ["rejected"]
    assert image["details"]["context"]["reason"] == "a stray line"
    for key in (image["mask"], image["thumb"], f"images/local/{sha(WHITE)}"):
        assert (out / "newly-quiet" / key).is_file()
    assert b"newly quiet" in (out / "newly-quiet" / "index.html").read_bytes()
    # The other way round: another report, and the first one goes.
    done = run("replay", "--strict", "--out", out, "--yes", "--json")
    assert done.json["reports"] == {"newly_loud": str(out / "newly-loud" / "index.html")}
    assert not (out / "newly-quiet").exists()
    found = shown(out / "newly-loud")
    image = found["images"]["b1/d.png"]
    assert (image["status"], image["counted_pixels"]) == ("changed", 64 * 64)
    assert found["policy"]["strict"] is True
    assert (out / "newly-loud" / image["mask"]).is_file()


def test_a_report_shows_the_most_urgent(run: Cli, lived: Lived, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("replay", "--max-changed-pixels", "9", "--out", out, "--yes", "--pictures", "1")
    found = shown(out / "newly-quiet")
    assert [*found["images"]] == ["b1/a.png"]
    assert found["warnings"][1] == "2 more are not shown; --pictures shows more"


def test_an_interrupted_run_goes_on_where_it_was(
    run: Cli, lived: Lived, bucket: MemoryBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    asked = "replay", "--sensitivity", "tolerant", "--out", out, "--yes", "--json"
    read = replay_pairs.KeptImages.read
    begun: list[str] = []

    def once(self: replay_pairs.KeptImages, sha256: str) -> bytes:
        if len(begun) == 4:
            raise KeyboardInterrupt
        begun.append(sha256)
        return read(self, sha256)

    with monkeypatch.context() as patch:
        patch.setattr(replay_pairs.KeptImages, "read", once)
        assert run(*asked).code != 0
    kept = sum(path.is_file() for path in (out / "kept" / "images").rglob("*"))
    assert 0 < kept < 6
    done = run(*asked)
    assert (done.code, counts(done.json)) == (0, (5, 0, 0, 0, 0, 1, 0))
    assert done.json["cost"]["requests"]["s3.GetObject"] == 6 + 6 - kept
    # A third run has everything.
    done = run(*asked)
    assert done.json["cost"]["requests"]["s3.GetObject"] == 6
    assert done.json["judged"]["pairs_measured"] == 0
    assert counts(done.json) == (5, 0, 0, 0, 0, 1, 0)


def test_what_other_code_measured_is_not_used(
    run: Cli, lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "replay", "--recompute", "--out", tmp_path / "out", "--yes", "--json"
    assert run(*asked).json["judged"]["pairs_measured"] == 5
    assert run(*asked).json["judged"]["pairs_measured"] == 0
    monkeypatch.setattr(replay_pairs, "code_fingerprint", lambda: "other")
    found = run(*asked).json
    assert found["judged"]["pairs_measured"] == 5
    assert found["cost"]["requests"]["s3.GetObject"] == 6  # the images are kept


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("file", "is a file; the reports need a folder"),
        ("foreign", "contains 'mine.txt', which no replay wrote"),
        ("inside", "contains 'mine.txt', which is not part of a report"),
        ("kept", "holds a measurement that pixelgate did not write"),
    ],
)
def test_a_folder_of_somebody_else_is_left_alone(
    run: Cli, lived: Lived, tmp_path: Path, spoil: str, words: str
) -> None:
    out = tmp_path / "out"
    asked = "replay", "--sensitivity", "tolerant", "--out", out, "--yes"
    if spoil == "file":
        out.write_text("mine")
    elif spoil == "kept":
        assert run(*asked).code == 0
        for path in (out / "kept").rglob("*.json"):
            path.write_text("{}")
    else:
        folder = out if spoil == "foreign" else out / "newly-quiet"
        folder.mkdir(parents=True)
        (folder / "mine.txt").write_text("mine")
    done = run(*asked)
    assert done.code == 2
    assert words in " ".join(done.err.split())
