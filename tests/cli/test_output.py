"""`wait`, `status`, `report`, `approve`, `reject`, `history`: what a person does with a build."""

from __future__ import annotations

import io
import json
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ShardId
from support.doubles.memory import MemoryBucket
from support.pages import parsed

from .conftest import NEEDS_REVIEW, Answer, Cli, manifest, tell


@pytest.mark.parametrize(
    ("status", "options", "code"),
    [
        pytest.param({}, (), 0, id="passed"),
        pytest.param({**NEEDS_REVIEW, "review": {"state": "approved"}}, (), 0, id="approved"),
        pytest.param({"base": None}, (), 0, id="the first upload"),
        pytest.param(NEEDS_REVIEW, (), 1, id="needs review"),
        pytest.param({**NEEDS_REVIEW, "review": {"state": "rejected"}}, (), 1, id="rejected"),
        pytest.param({"state": "FAILED", "error": {"code": "X", "message": "m"}}, (), 2,
                     id="failed"),
        pytest.param({"state": "PROCESSING"}, ("--timeout", "0.01"), 3, id="timed out"),
        pytest.param({"base": None}, ("--require-baseline",), 4, id="no baseline"),
    ],
)  # fmt: skip
def test_exit_codes_of_wait(
    run: Cli, bucket: MemoryBucket, status: dict[str, Any], options: tuple[str, ...], code: int
) -> None:
    tell(bucket, "7", **status)
    done = run("wait", "7", "--json", *options)
    assert (done.code, done.json["exit_code"], done.json["build"]) == (code, code, "7")


def test_wait_takes_this_jobs_build(run: Cli, bucket: MemoryBucket) -> None:
    tell(bucket, "9001-2")
    ci = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "9001", "GITHUB_RUN_ATTEMPT": "2"}
    assert run("wait", "--json", **ci).json["build"] == "9001-2"
    assert run("wait", "--json", PIXELGATE_BUILD="9001-2").json["build"] == "9001-2"


def test_without_ci_it_is_the_newest_build(run: Cli, bucket: MemoryBucket) -> None:
    tell(bucket, "2")
    tell(bucket, "1")
    bucket.modified[keys.status(BuildId("shop", "2"))] += 100
    done = run("wait", "--json")
    assert done.json["build"] == "2"
    assert "using the newest build: 2" in done.err


def test_a_build_may_be_named_with_its_project(run: Cli, bucket: MemoryBucket) -> None:
    tell(bucket, "7")
    assert run("wait", "shop/7", "--json").json["build"] == "7"


def test_status_says_what_is_left_and_why_this_baseline(run: Cli, bucket: MemoryBucket) -> None:
    tell(
        bucket, "7", **NEEDS_REVIEW, baseline_reason="nearest ancestor with a build",
        baseline={"kind": "ancestor", "distance": 2,
                  "passed_over": [{"build": "b1", "why": "was rejected"}]},
        review={"state": "needed", "left": 2, "reasons": ["the logo moved"],
                "by": ["AWS:AROAEXAMPLE01:ada@example.com", "AWS:AIDAEXAMPLE02"],
                "refused": [{"id": "r1", "by": "AWS:AROAEXAMPLE1:bob", "at": "", "why": "late"}]},
    )  # fmt: skip
    done = run("status", "7")
    assert (done.code, done.out) == (0, "")
    lines = [" ".join(line.split()) for line in done.err.splitlines()]
    assert lines == [
        "not used as the baseline: b1: was rejected",
        "compared with b0: nearest ancestor with a build",
        "changed a.png 3 pixels (20.00%)",
        "added sub/b.png",
        "errored 0",
        "changed 1",
        "added 1",
        "removed 0",
        "renamed 0",
        "skipped 0",
        "unchanged 0",
        "total 2",
        "needs review",
        "left to review: 2",
        "reviewed by ada@example.com, AWS:AIDAEXAMPLE02",
        "reason: the logo moved",
        "note: a review by bob does not count: late",
        "to see it: pixelgate report 7 to approve it: pixelgate approve 7",
    ]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"state": "PROCESSING"}, "comparing"),
        ({"state": "WAITING_FOR_BASE", "baseline_reason": "c0 is not there yet"},
         "waiting for the baseline: c0 is not there yet"),
        ({"state": "WAITING_FOR_BASE", "baseline_reason": "waiting for a build of c0; if none …"},
         "waiting for a build of c0; if none …"),
        ({"state": "FAILED", "error": {"code": "TIMEOUT", "message": "too slow"}},
         "error: TIMEOUT: too slow"),
    ],
)  # fmt: skip
def test_status_of_a_build_without_a_result(
    run: Cli, bucket: MemoryBucket, status: dict[str, Any], words: str
) -> None:
    tell(bucket, "7", **status)
    done = run("status", "7")
    assert (done.code, done.err.strip()) == (0, words)


LATER = "A review can make this build pass after this job has ended."


@pytest.mark.parametrize(
    ("status", "options", "code", "said"),
    [
        pytest.param(NEEDS_REVIEW, (), 1, True, id="needs review"),
        pytest.param(NEEDS_REVIEW, ("--exit-zero-on-changes",), 0, True, id="though it passes"),
        pytest.param(
            {**NEEDS_REVIEW, "review": {"state": "rejected"}}, (), 1, False, id="rejected"
        ),
        pytest.param({}, (), 0, False, id="passed"),
    ],
)
def test_a_job_says_that_a_review_may_come_after_it(
    run: Cli,
    bucket: MemoryBucket,
    tmp_path: Path,
    status: dict[str, Any],
    options: tuple[str, ...],
    code: int,
    said: bool,
) -> None:
    tell(bucket, "7", **status)
    summary = tmp_path / "summary.md"
    done = run("wait", "7", "--summary", summary, *options)
    assert done.code == code
    for text in (done.err, summary.read_text()):
        words = " ".join(text.replace("\\", "").split())
        assert (LATER in words) is said
        assert ("the commit status pixelgate/shop follows the review" in words) is said
        assert ("Require that status for a merge and not this job, or run the job" in words) is said
    assert LATER not in run("status", "7").err


def test_a_fork_s_job_names_the_status_of_forks(run: Cli, bucket: MemoryBucket) -> None:
    tell(bucket, "fork.7", **NEEDS_REVIEW)
    assert "status pixelgate/shop (fork) follows" in " ".join(run("wait", "fork.7").err.split())


def part(bucket: MemoryBucket, *shards: int, of: int) -> None:
    """Shards of build 7 that the function has accepted."""
    for index in shards:
        bucket.write(keys.accepted_shard(BuildId("shop", "7"), ShardId(index, of)), b"{}", "x")


PART = {"state": "PROCESSING", "provisional": True, "commit": None, "base": None, "verdict": None}


@pytest.mark.parametrize("told", [False, True], ids=["no status yet", "a status"])
def test_status_names_missing_shards(run: Cli, bucket: MemoryBucket, told: bool) -> None:
    part(bucket, 1, 3, of=4)
    if told:
        tell(bucket, "7", **PART)
    done = run("status", "7", "--json")
    assert done.code == 0
    assert done.err.splitlines()[:2] == [
        "waiting for shards: shards 1, 3 of 4 came; shards 2, 4 did not yet",
        "Run the jobs of shards 2, 4, or `pixelgate finalize 7` to compare the others without them",
    ]
    assert done.json["shards"] == {"total": 4, "came": [1, 3], "begun": [], "missing": [2, 4]}
    assert done.json["state"] == ("PROCESSING" if told else None)


def test_wait_names_missing_shards(run: Cli, bucket: MemoryBucket) -> None:
    part(bucket, 2, of=2)
    tell(bucket, "7", **PART)
    done = run("wait", "7", "--timeout", "0.1")
    assert done.code == 3
    assert "shop/7 is not compared after 0.1 s: shard 2 of 2 came; shard 1 did not" in done.err


def test_status_as_json(run: Cli, bucket: MemoryBucket) -> None:
    tell(bucket, "7", **NEEDS_REVIEW)
    assert run("status", "7", "--json").json == {
        "project": "shop",
        "build": "7",
        "state": "SUCCEEDED",
        "verdict": "needs_review",
        "counts": {"total": 2, "changed": 1, "added": 1},
        "base": "b0",
        "baseline_reason": "named",
        "report": "comparisons/shop/7/b0/e1/index.html",
        "comparison": "comparisons/shop/7/b0/e1/comparison.json",
        "execution": "e1",
        "error": None,
        "result": "needs review",
        "exit_code": 1,
    }


def test_a_report_is_fetched(
    run: Cli, bucket: MemoryBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    tell(bucket, "7")
    done = run("report", "7", "--out", tmp_path / "out", "--json")
    page = tmp_path / "out" / "comparisons/shop/7/b0/e1/index.html"
    assert done.json == {"project": "shop", "build": "7", "report": str(page)}
    assert page.read_bytes() == b"<p>report"
    assert opened == []  # this is no terminal


NOTHING = {
    ("wait",): "shop has no build in shots yet. One that was just uploaded",
    ("status", "7"): "shop/7 has no status in shots: it was not uploaded, or its mani",
    ("report", "7"): "shop/7 has no report (no status)",
}


@pytest.mark.parametrize("command", NOTHING, ids=" ".join)
def test_of_no_build_there_is_nothing(run: Cli, command: tuple[str, ...]) -> None:
    done = run(*command)
    assert (done.code, NOTHING[command] in done.err) == (2, True)


def test_there_is_no_report_of_a_failure(run: Cli, bucket: MemoryBucket) -> None:
    tell(bucket, "7", state="FAILED", report=None, error={"code": "X", "message": "too slow"})
    done = run("report", "7")
    assert (done.code, "shop/7 has no report (failed: too slow)" in done.err) == (2, True)


def reviews(bucket: MemoryBucket) -> list[dict[str, Any]]:
    found = sorted(key for key in bucket.objects if key.startswith("reviews/shop/7/"))
    return [manifest(bucket, key) for key in found]


@pytest.mark.parametrize("action", ["approve", "reject"])
@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ((), {}),
        (("a.png", "sub/b.png"), {"names": ["a.png", "sub/b.png"]}),
        (("--glob", "sub/*", "--group", "g1"), {"globs": ["sub/*"], "groups": ["g1"]}),
        (("a.png", "-m", "as designed"), {"names": ["a.png"], "reason": "as designed"}),
    ],
)
def test_a_review_is_written(
    run: Cli, bucket: MemoryBucket, action: str, arguments: tuple[str, ...], fields: dict[str, Any]
) -> None:
    tell(bucket, "7", **NEEDS_REVIEW)
    done = run(action, "7", *arguments, "--json")
    assert done.code == 0, done.err
    assert reviews(bucket) == [{"schema_version": 1, "action": action, "execution": "e1", **fields}]
    (key,) = done.json["reviews"]
    assert key in bucket.objects


def test_the_decisions_of_a_report(run: Cli, bucket: MemoryBucket, tmp_path: Path) -> None:
    tell(bucket, "7", **NEEDS_REVIEW)
    file = tmp_path / "decisions.json"
    said = {"schema_version": 1, "project": "shop", "build": "7", "execution": "e1",
            "decisions": {"a.png": "approve", "sub/b.png": "reject"}}  # fmt: skip
    file.write_text(json.dumps(said))
    done = run("approve", "--from", file, "--reason", "seen")
    assert done.code == 0, done.err
    assert reviews(bucket) == [
        {"schema_version": 1, "action": "approve", "execution": "e1", "names": ["a.png"],
         "reason": "seen"},
        {"schema_version": 1, "action": "reject", "execution": "e1", "names": ["sub/b.png"],
         "reason": "seen"},
    ]  # fmt: skip
    file.write_text(json.dumps({**said, "execution": "e0"}))
    done = run("approve", "7", "--from", file)
    assert done.code == 2
    assert "shop/7 was compared again after this report was made (execution e0, now" in done.err
    assert len(reviews(bucket)) == 2


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_review_may_name_the_result_that_was_looked_at(
    run: Cli, bucket: MemoryBucket, action: str
) -> None:
    tell(bucket, "7", **NEEDS_REVIEW)
    done = run(action, "7", "--execution", "e0")
    assert (done.code, reviews(bucket)) == (2, [])
    assert "shop/7 was compared again after this report was made (execution e0, now e1)" in done.err
    assert run(action, "7", "--execution", "e1").code == 0
    assert reviews(bucket) == [{"schema_version": 1, "action": action, "execution": "e1"}]


def test_the_named_result_counts_for_the_decisions_of_a_file_too(
    run: Cli, bucket: MemoryBucket, tmp_path: Path
) -> None:
    tell(bucket, "7", **NEEDS_REVIEW)
    file = tmp_path / "decisions.json"
    file.write_text(json.dumps({"schema_version": 1, "project": "shop", "build": "7",
                                "decisions": {"a.png": "approve"}}))  # fmt: skip
    done = run("approve", "--from", file, "--execution", "e0")
    assert (done.code, reviews(bucket)) == (2, [])
    assert run("approve", "--from", file, "--execution", "e1").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no build is named: `pixelgate approve BUILD`; `pixelgate history` lists them"),
        (("7", "b.png"), "the build has no snapshot 'b.png'; did you mean 'sub/b.png'?"),
        (("7", "--glob", "x*"), "--glob 'x*' matches no snapshot of the build"),
        (
            ("8",),
            "shop/8 has no result to approve: there is no such build, or its upload has",
        ),
        (("7", "a.png", "--from", "x.json"), "--from selects the snapshots; leave out names"),
    ],
)
def test_a_review_of_nothing(
    run: Cli, bucket: MemoryBucket, arguments: tuple[str, ...], words: str
) -> None:
    tell(bucket, "7", **NEEDS_REVIEW)
    done = run("approve", *arguments)
    assert (done.code, words in done.err) == (2, True), done.err
    assert reviews(bucket) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"state": "PROCESSING"}, "it is PROCESSING; `pixelgate wait` waits for it"),
        ({"state": "FAILED", "error": {"code": "TIMEOUT", "message": "too slow"}},
         "it FAILED (TIMEOUT: too slow); upload it again"),
    ],
)  # fmt: skip
def test_a_review_of_what_has_no_result(
    run: Cli, bucket: MemoryBucket, status: dict[str, Any], words: str
) -> None:
    tell(bucket, "7", **status)
    done = run("reject", "7")
    assert (done.code, reviews(bucket)) == (2, [])
    assert done.err.strip() == f"error: shop/7 has no result to reject: {words}"


def test_a_table_in_a_log_is_not_folded(run: Cli, bucket: MemoryBucket) -> None:
    long = "renovate/a-branch-with-a-name-that-bots-give-to-all-their-branches-and-more"
    tell(bucket, "7", **NEEDS_REVIEW, branch=long, updated="2026-01-02T10:00:00.000+00:00")
    assert len(run("history").err.splitlines()) == 2


def test_a_review_may_be_waited_for(run: Cli, bucket: MemoryBucket, answer: Answer) -> None:
    tell(bucket, "7", **NEEDS_REVIEW)
    done = run("approve", "7", "a.png", "--wait", "--timeout", "0.01")
    assert done.code == 3
    waits = ["approve shop/7: 1 snapshot", "waiting until the review is applied"]
    assert done.err.splitlines()[:2] == waits
    assert "the review of shop/7 is written, but was not applied within 0.01 s" in done.err
    answer(lambda _: {**NEEDS_REVIEW, "review": {"state": "approved", "left": 0}})
    done = run("approve", "7", "--wait", "--json")
    assert (done.code, done.json["review"]["state"]) == (0, "approved")


def test_a_review_that_does_not_count_says_why(
    run: Cli, bucket: MemoryBucket, answer: Answer
) -> None:
    def refusal(key: str) -> dict[str, Any]:
        refused = [{"id": Path(key).stem, "why": "the build was compared again"}]
        review = {"state": "needed", "left": 2, "names": ["a.png"], "refused": refused}
        return {**NEEDS_REVIEW, "review": review}

    tell(bucket, "7", **NEEDS_REVIEW)
    answer(refusal)
    done = run("approve", "7", "--wait")
    assert done.code == 2
    assert "the review of shop/7 does not count: the build was compared again" in done.err


def test_history_lists_builds(run: Cli, bucket: MemoryBucket) -> None:
    one = {"commit": "c1", "branch": "main", "updated": "2026-01-01T10:00:00.000+00:00"}
    two = {"commit": "c2", "branch": "main", "updated": "2026-01-02T10:00:00.000+00:00"}
    tell(bucket, "1", **one)
    tell(bucket, "2", **NEEDS_REVIEW, **two)
    bucket.modified[keys.status(BuildId("shop", "2"))] += 100
    done = run("history")
    assert [" ".join(line.split()) for line in done.err.splitlines()] == [
        "when build commit branch result counts reviewed by",
        "2026-01-02 10:00 2 c2 main needs review 1 changed, 1 added",
        "2026-01-01 10:00 1 c1 main passed 2 unchanged",
    ]
    rows = run("history", "--branch", "main", "--limit", 1, "--json").json["builds"]
    assert [(row["build"], row["commit"]) for row in rows] == [("2", "c2")]
    assert run("history", "--branch", "other").err == "shop has no build of other in shots yet\n"


def test_history_of_a_snapshot(run: Cli, bucket: MemoryBucket) -> None:
    tell(bucket, "7", updated="2026-01-01T10:00:00.000+00:00")
    done = run("history", "a.png")
    assert " ".join(done.err.split()).endswith("2026-01-01 10:00 7 changed 3 pixels")
    (row,) = run("history", "a.png", "--json").json["builds"]
    assert row["snapshot"]["status"] == "changed"
    done = run("history", "a")
    assert (done.code, "no snapshot 'a' in the newest 1 builds of shop" in done.err) == (2, True)


def reviewed(bucket: MemoryBucket, *reviews: tuple[str, str, list[str] | None]) -> None:
    """What the pipeline keeps of reviews of build 7: action, reviewer, and names or the whole."""
    build, log = BuildId("shop", "7"), {}
    for n, (action, by, names) in enumerate(reviews):
        log[f"r{n}"] = {"id": f"r{n}", "action": action, "by": f"AWS:X:{by}", "reason": f"why {n}",
                        "at": f"2026-01-01T10:0{n}:00.000Z", "whole": names is None}  # fmt: skip
        kept = {"written": {"action": action, **({"names": names} if names else {})}}
        bucket.write(keys.kept_review(build, f"r{n}"), json.dumps(kept).encode(), "x")
    stored = {"execution": "e1", "reviews": log, "decisions": {}}
    bucket.write(keys.review_log(build), json.dumps(stored).encode(), "x")
    state = "rejected" if reviews[-1][0] == "reject" else "approved"
    said = {"state": state, "left": 0, "by": [f"AWS:X:{by}" for _, by, _ in reviews]}
    tell(bucket, "7", **NEEDS_REVIEW, review=said)


def test_status_names_what_was_rejected_and_what_was_overturned(
    run: Cli, bucket: MemoryBucket
) -> None:
    reviewed(bucket, ("reject", "bob", ["a.png"]))
    done = run("status", "7", "--json")
    assert "rejected by bob: a.png, 2026-01-01 10:00 UTC: why 0" in done.err.splitlines()
    assert [(r["action"], r["by"], r["names"]) for r in done.json["reviews"]] == [
        ("reject", "bob", ["a.png"])
    ]
    reviewed(bucket, ("reject", "bob", ["a.png"]), ("approve", "ada", None))
    lines = run("status", "7").err.splitlines()
    assert (
        "overturned: bob's rejection of a.png, 2026-01-01 10:00 UTC: why 0; "
        "ada approved it, 2026-01-01 10:01 UTC: why 1"
    ) in lines
    assert not [line for line in lines if line.startswith("rejected by")]


def test_history_of_a_snapshot_names_who_decided(run: Cli, bucket: MemoryBucket) -> None:
    reviewed(bucket, ("reject", "bob", ["a.png"]), ("approve", "ada", None))
    said = " ".join(run("history", "a.png").err.split())
    assert said.endswith("changed 3 pixels approved by ada (before: rejected by bob)")
    assert " ".join(run("history").err.split()).endswith("approved 1 changed, 1 added bob, ada")


@pytest.mark.parametrize(
    ("arguments", "overturns"),
    [
        (("approve", "7"), "a.png"),
        (("approve", "7", "a.png"), "a.png"),
        (("approve", "7", "sub/b.png"), None),
        (("reject", "7"), None),
    ],
)
def test_a_rejection_is_overturned_only_by_who_says_yes(
    run: Cli, bucket: MemoryBucket, arguments: tuple[str, ...], overturns: str | None
) -> None:
    reviewed(bucket, ("reject", "bob", ["a.png"]))
    done = run(*arguments)
    told = "note: this overturns bob's rejection of a.png, 2026-01-01 10:00 UTC: why 0"
    assert (told in done.err) is (overturns is not None)
    if overturns is None:
        assert (done.code, len(reviews(bucket))) == (0, 1)
        return
    assert (done.code, reviews(bucket)) == (2, [])
    assert "repeat the command with --yes" in done.err
    assert run(*arguments, "--yes").code == 0
    assert len(reviews(bucket)) == 1


@pytest.mark.parametrize(("says", "code", "written"), [("y\n", 0, 1), ("n\n", 2, 0), ("\n", 2, 0)])
def test_on_a_terminal_one_is_asked(
    run: Cli,
    bucket: MemoryBucket,
    monkeypatch: pytest.MonkeyPatch,
    says: str,
    code: int,
    written: int,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    reviewed(bucket, ("reject", "bob", None))
    monkeypatch.setattr("sys.stdin", Terminal(says))
    done = run("approve", "7")
    assert "this overturns bob's rejection of 2 snapshots (a.png, sub/b.png)" in done.err
    assert (done.code, len(reviews(bucket))) == (code, written)


def test_a_rejection_overturns_an_approval_and_says_so(run: Cli, bucket: MemoryBucket) -> None:
    reviewed(bucket, ("approve", "ada", None))
    done = run("reject", "7", "a.png")
    assert "note: this overturns ada's approval of a.png" in done.err
    assert (done.code, len(reviews(bucket))) == (0, 1)


def test_each_decision_of_a_report_has_its_own_reason(
    run: Cli, bucket: MemoryBucket, tmp_path: Path
) -> None:
    tell(bucket, "7", **NEEDS_REVIEW)
    file = tmp_path / "decisions.json"
    said = {"schema_version": 1, "project": "shop", "build": "7", "execution": "e1",
            "decisions": {"a.png": "reject", "sub/b.png": "reject"},
            "reasons": {"sub/b.png": "too blue"}}  # fmt: skip
    file.write_text(json.dumps(said))
    assert run("approve", "--from", file, "--reason", "seen").code == 0
    assert [(r["names"], r["reason"]) for r in reviews(bucket)] == [
        (["a.png"], "seen"),
        (["sub/b.png"], "too blue"),
    ]
    for wrong, words in (
        ({"reasons": ["x"]}, "reasons must map names to texts"),
        ({"reasons": {"a.png": 7}}, "reasons must map names to texts"),
        ({"reasons": {"c.png": "x"}}, "reasons['c.png'] belongs to no decision"),
        ({"reasons": {"a.png": "x" * 2001}}, "reasons['a.png'] has 2,001 characters; up to 2,000"),
    ):
        file.write_text(json.dumps({**said, **wrong}))
        done = run("approve", "--from", file)
        assert (done.code, words in done.err) == (2, True), done.err
    assert len(reviews(bucket)) == 2


def test_the_page_that_is_fetched_knows_the_reviews(
    run: Cli, bucket: MemoryBucket, tmp_path: Path
) -> None:
    reviewed(bucket, ("reject", "bob", ["a.png"]))
    page = '<p>x</p>\n<script type="module">1</script>'
    bucket.write("comparisons/shop/7/b0/e1/index.html", page.encode(), "text/html")
    assert run("report", "7", "--out", tmp_path, "--json").code == 0
    fetched = parsed((tmp_path / "comparisons/shop/7/b0/e1/index.html").read_bytes())
    told = json.loads(fetched.raw["review-data"])
    assert (told["state"], told["bucket"], told["execution"]) == ("rejected", "shots", "e1")
    assert [r["names"] for r in told["reviews"]] == [["a.png"]]
