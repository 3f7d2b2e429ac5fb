"""`pixelgate upload` and `finalize` as a CI job runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pixelgate.errors import BucketError, Refused
from support import images
from support.doubles.memory import MemoryBucket
from support.repository import Repository

from .conftest import NEEDS_REVIEW, Answer, Cli, manifest, tell

KEY = "uploads/shop/7/manifest.json"


def test_an_upload_says_what_it_did(run: Cli, bucket: MemoryBucket, repository: Repository) -> None:
    done = run("upload", "shots", "--build", "7")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "0 of 2 already there, uploading 2",
        f"uploaded shop/7: 2 snapshots of {repository.head[:12]}",
    ]
    fields = manifest(bucket, KEY)
    assert fields["commit"] == repository.head
    assert (fields["branch"], fields["base_branch"]) == ("main", "main")
    assert list(fields["images"]) == ["a.png", "sub/b.png"]
    assert sum(key.startswith("images/shop/") for key in bucket.objects) == 2
    assert list(bucket.objects)[-1] == KEY  # the manifest comes last


def test_json_is_alone_on_stdout(run: Cli, repository: Repository) -> None:
    done = run("upload", "shots", "--build", "7", "--json")
    assert done.json == {
        "project": "shop",
        "build": "7",
        "manifest": KEY,
        "commit": repository.head,
        "branch": "main",
        "base_commit": None,
        "base_branch": "main",
        "pull_request": None,
        "images": 2,
        "unique_images": 2,
        "already_there": 0,
        "uploaded": 2,
        "notes": [],
    }
    assert "uploaded shop/7" in done.err


def test_run_again_it_is_the_same_build(run: Cli, bucket: MemoryBucket) -> None:
    run("upload", "shots", "--build", "7")
    first = bucket.objects[KEY]
    done = run("upload", "shots", "--build", "7")
    assert (done.code, bucket.objects[KEY]) == (0, first)
    assert "2 of 2 already there" in done.err


def test_another_build_may_not_take_its_id(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    run("upload", "shots", "--build", "7")
    (repository.folder / "shots" / "c.png").write_bytes(images.png())
    done = run("upload", "shots", "--build", "7")
    assert done.code == 2
    assert "error: nothing was uploaded: uploads/shop/7/manifest.json exists already" in done.err
    assert "a build is written once. Give this build another --build; jobs that each" in done.err
    assert list(manifest(bucket, KEY)["images"]) == ["a.png", "sub/b.png"]
    assert sum(key.startswith("images/") for key in bucket.objects) == 2  # c.png was not sent


def test_an_id_that_is_taken_meanwhile_is_noticed_too(
    run: Cli, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bucket.put_new

    def put(key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        bucket.write(KEY, b"{}", "application/json")
        return whole(key, body, content_type, sha256)

    monkeypatch.setattr(bucket, "put_new", put)
    done = run("upload", "shots", "--build", "7")
    assert (done.code, bucket.objects[KEY]) == (2, b"{}")
    assert "error: uploads/shop/7/manifest.json exists already" in done.err


def test_without_an_id_every_upload_is_a_build_of_its_own(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    assert run("upload", "shots").code == 0
    (key,) = (key for key in bucket.objects if key.startswith("uploads/"))
    assert re.fullmatch(rf"uploads/shop/{repository.head[:12]}-\d{{8}}T\d{{6}}/manifest.json", key)


def test_nothing_to_upload_is_an_error_unless_it_is_meant(
    run: Cli, bucket: MemoryBucket, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    done = run("upload", tmp_path / "none", "--build", "7")
    assert done.code == 2
    assert "there is no image (PNG, JPEG, WebP) in" in done.err
    assert "pass --allow-empty" in done.err
    assert bucket.objects == {}
    assert run("upload", tmp_path / "none", "--build", "7", "--allow-empty").code == 0
    assert manifest(bucket, KEY)["allow_empty"] is True


def test_one_wrong_file_and_nothing_is_uploaded(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    (repository.folder / "shots" / "x.png").write_bytes(b"")
    (repository.folder / "shots" / "y.png").write_bytes(images.declared_png(9_000, 9_000))
    done = run("upload", "shots", "--build", "7")
    assert done.code == 2
    assert done.err.splitlines() == [
        "error: nothing was uploaded: 2 files in shots cannot be:",
        "  shots/x.png: the file is empty",
        "  shots/y.png: 9000×9000 are 81,000,000 pixels; up to 50,000,000 are compared",
    ]
    assert bucket.objects == {}


def test_an_upload_that_is_stopped_says_so(
    run: Cli, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(bucket, "put_new", stop)
    done = run("upload", "shots", "--build", "7", "--json")
    assert (done.code, done.out, KEY in bucket.objects) == (130, "", False)
    assert done.err.splitlines()[-1] == (
        "error: interrupted. Run the same command again; images already uploaded are kept"
    )


def test_an_interrupted_upload_has_no_manifest_and_goes_on(
    run: Cli, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bucket.put_new

    def breaks(key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        if bucket.objects:
            raise BucketError("S3 could not be reached")
        return whole(key, body, content_type, sha256)

    monkeypatch.setattr(bucket, "put_new", breaks)
    done = run("upload", "shots", "--build", "7")
    assert done.code == 2
    assert "1 of 2 images are uploaded, but not the manifest" in done.err
    assert KEY not in bucket.objects
    monkeypatch.setattr(bucket, "put_new", whole)
    done = run("upload", "shots", "--build", "7")
    assert done.code == 0
    assert "1 of 2 already there, uploading 1" in done.err


NINE = ("--parallel-id", "9")
WRONG: dict[tuple[str, ...], str] = {
    ("nowhere",): "nowhere does not exist; name the folder with the screenshots",
    (): "no folder is named: `pixelgate upload FOLDER`, or `folder` in pixelgate.toml",
    ("shots", "--fail-on", "moved"): "--fail-on names 'moved'; it takes changed, added, rem",
    ("shots", "--build", "a/b"): "the build's id: 'a/b' may not be",
    ("shots", *NINE): "--parallel-id needs --shard I/N: which shard",
    ("shots", "--shard", "2/4"): "--shard needs --parallel-id (or PIXELGATE_PARALLEL_ID)",
    ("shots", "--shard", "5/4", *NINE): "--shard 5/4: it must be I/N, such as",
    ("shots", "--shard", "0/4", *NINE): "--shard 0/4: it must be I/N, such as",
    ("shots", "--shard", "x", *NINE): "--shard x: it must be I/N, such as",
    ("shots", "--shard", "auto", *NINE): "--shard auto: the CI system does not",
    ("shots", "--all-names", "gone"): "--all-names gone cannot be read",
    ("shots", "--config", "gone.toml"): "gone.toml cannot be read",
    ("shots", "--project", "a/b"): "the project: 'a/b' may not be",
    ("shots", "--commit", "a/b"): "(or PIXELGATE_COMMIT) is 'a/b', which is neither a commit",
    ("shots", "--base-commit", "mian"): "--base-commit (or PIXELGATE_BASE_COMMIT) is 'mian'",
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_usage_is_2_and_says_what_to_do(
    run: Cli, bucket: MemoryBucket, arguments: tuple[str, ...]
) -> None:
    done = run("upload", *arguments)
    assert done.code == 2
    assert WRONG[arguments] in " ".join(done.err.split())
    assert bucket.objects == {}


def test_what_is_not_named_is_asked_for(run: Cli) -> None:
    for named in ("project", "bucket"):
        variable = f"PIXELGATE_{named.upper()}"
        done = run("upload", "shots", **{variable: ""})
        assert done.code == 2
        assert f"no {named} is named: pass --{named}, set {variable}, or" in done.err
    done = run("finalize")
    assert done.code == 2
    assert "no build is named: pass the parallel id, or set PIXELGATE_PARALLEL_ID" in done.err


def test_pixelgate_toml_names_the_rest(
    run: Cli, bucket: MemoryBucket, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.folder / "pixelgate.toml").write_text(
        'project = "web"\nbucket = "s3://shots"\nfolder = "shots"\nbase_branch = "trunk"\n'
        '[policy]\nstrict = true\n[[rules]]\nmatch = "sub/*"\npolicy = {max_changed_pixels = 9}\n'
    )
    below = repository.folder / "shots" / "sub"
    monkeypatch.chdir(below)
    assert run("upload", "--build", "7", PIXELGATE_PROJECT="", PIXELGATE_BUCKET="").code == 0
    fields = manifest(bucket, "uploads/web/7/manifest.json")
    assert fields["base_branch"] == "trunk"
    assert fields["defaults"] == {"strict": True}
    assert fields["rules"] == [{"match": "sub/*", "policy": {"max_changed_pixels": 9}}]


VALUES = ("commit", "branch", "base_commit", "base_branch", "base_build", "pull_request", "ci_url")


@pytest.mark.parametrize("field", VALUES)
def test_every_value_has_a_variable_and_a_flag_that_wins(
    run: Cli, bucket: MemoryBucket, field: str, tmp_path: Path
) -> None:
    flag, variable = f"--{field.replace('_', '-')}", f"PIXELGATE_{field.upper()}"
    ci = {**ACTIONS, "GITHUB_EVENT_PATH": event_file(tmp_path, PULL_REQUEST)}
    assert run("upload", "shots", "--build", "7", **ci, **{variable: "a0a0a0a0"}).code == 0
    assert manifest(bucket, KEY)[field] == "a0a0a0a0"
    done = run("upload", "shots", "--build", "8", flag, "f1f1f1f1", **ci, **{variable: "no"})
    assert done.code == 0
    assert manifest(bucket, "uploads/shop/8/manifest.json")[field] == "f1f1f1f1"


def test_an_empty_variable_is_none(run: Cli, bucket: MemoryBucket, repository: Repository) -> None:
    own = ("build", "ancestors", "fork", "shard", "parallel_id", "timeout", "config")
    done = run("upload", "shots", **{f"PIXELGATE_{name.upper()}": "" for name in (*own, *VALUES)})

    assert done.code == 0, done.err
    (key,) = (key for key in bucket.objects if key.startswith("uploads/"))
    assert manifest(bucket, key)["commit"] == repository.head


def test_ancestors_can_be_said(run: Cli, bucket: MemoryBucket) -> None:
    run("upload", "shots", "--build", "7", PIXELGATE_ANCESTORS="c9, c8 c7")
    assert manifest(bucket, KEY)["ancestors"] == ["c9", "c8", "c7"]


ACTIONS = {
    "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "9001", "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_REPOSITORY": "acme/shop", "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_SHA": "c" * 40, "GITHUB_REF": "refs/pull/5/merge",
}  # fmt: skip
PULL_REQUEST: dict[str, Any] = {
    "pull_request": {
        "number": 5,
        "head": {"ref": "feature", "sha": "a" * 40, "repo": {"full_name": "acme/shop"}},
        "base": {"ref": "main", "sha": "b" * 40, "repo": {"full_name": "acme/shop"}},
    }
}


def event_file(tmp_path: Path, event: dict[str, Any]) -> str:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    return str(path)


def test_in_github_actions(
    run: Cli, bucket: MemoryBucket, repository: Repository, tmp_path: Path
) -> None:
    base = repository.head
    repository.branch("feature")
    head = repository.commit("work")
    event = json.loads(json.dumps(PULL_REQUEST))
    event["pull_request"]["head"]["sha"] = head
    done = run("upload", "shots", **ACTIONS, GITHUB_EVENT_PATH=event_file(tmp_path, event))
    assert done.code == 0
    fields = manifest(bucket, "uploads/shop/9001-2/manifest.json")
    assert (fields["commit"], fields["branch"], fields["pull_request"]) == (head, "feature", "5")
    assert (fields["base_commit"], fields["base_branch"]) == (base, "main")
    assert fields["ci_url"] == "https://github.com/acme/shop/actions/runs/9001/attempts/2"
    assert fields["tree"] == repository.tree()
    facts = {"tree": repository.tree(base), "committed": 1_767_225_600}
    assert fields["landed"][base] == facts


def test_pixelgate_toml_names_release_branches_and_the_grace(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    base = repository.head
    repository.branch("stable")
    commits = [repository.commit(f"s{n}") for n in range(2)]
    (repository.folder / "pixelgate.toml").write_text('release_branches = ["stable"]\ngrace = 30')
    assert run("upload", "shots", "--build", "8").code == 0
    fields = manifest(bucket, "uploads/shop/8/manifest.json")
    assert (fields["base_commit"], fields["branch_commits"]) == (base, commits[:1])
    assert fields["grace"] == 30
    assert run("upload", "shots", "--build", "9", "--base-commit", base).code == 0
    assert "branch_commits" not in manifest(bucket, "uploads/shop/9/manifest.json")


def test_a_forks_build_is_plain_and_says_so(run: Cli, bucket: MemoryBucket, tmp_path: Path) -> None:
    event = json.loads(json.dumps(PULL_REQUEST))
    event["pull_request"]["head"]["repo"]["full_name"] = "octocat/shop"
    event["pull_request"]["head"]["label"] = "octocat:main"
    done = run("upload", "shots", **ACTIONS, GITHUB_EVENT_PATH=event_file(tmp_path, event))
    assert done.code == 0
    assert sorted(bucket.objects) == [
        "uploads/shop/fork.9001-2/a.png",
        "uploads/shop/fork.9001-2/manifest.json",
        "uploads/shop/fork.9001-2/sub/b.png",
    ]
    fields = manifest(bucket, "uploads/shop/fork.9001-2/manifest.json")
    assert "images" not in fields
    assert (fields["build"], fields["branch"]) == ("fork.9001-2", "octocat:main")
    assert list(bucket.objects)[-1].endswith("manifest.json")


def test_a_role_that_may_only_upload_uploads(
    run: Cli, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Any:
        raise Refused("AWS refuses to read")

    for method in ("list", "exists", "read", "read_tagged", "read_changed"):
        monkeypatch.setattr(bucket, method, refuse)
    assert run("upload", "shots", "--build", "7").code == 0
    assert KEY in bucket.objects
    done = run("upload", "shots", "--build", "8", "--wait")
    assert (done.code, "AWS refuses to read" in done.err) == (2, True)


def test_the_parts_of_a_build(run: Cli, bucket: MemoryBucket) -> None:
    assert run("upload", "shots", "--shard", "2/4", "--parallel-id", "9").code == 0
    done = run("upload", "shots", "--shard", "3", PIXELGATE_PARALLEL_ID="9")
    assert "uploaded shop/9, shard 3 of ?" in done.err
    fields = manifest(bucket, "uploads/shop/9/shards/2-of-4/manifest.json")
    assert (fields["build"], fields["shard"]) == ("9", {"index": 2, "total": 4, "id": "9"})
    assert "uploads/shop/9/shards/3-of-0/manifest.json" in bucket.objects
    done = run("finalize", "9", "--total", 4, "--json")
    assert done.json == {
        "project": "shop",
        "build": "9",
        "manifest": "uploads/shop/9/finalize/manifest.json",
    }
    assert "marked shop/9 as complete, with 4 shards" in done.err


GITLAB = {
    "GITLAB_CI": "true", "CI_PIPELINE_ID": "400", "CI_JOB_ID": "77", "CI_NODE_INDEX": "1",
    "CI_NODE_TOTAL": "2", "CI_COMMIT_SHA": "c1", "CI_COMMIT_BRANCH": "main",
}  # fmt: skip


def test_shard_auto_takes_the_ci_systems_numbers_and_pipeline(
    run: Cli, bucket: MemoryBucket
) -> None:
    assert run("upload", "shots", "--shard", "auto", **GITLAB).code == 0
    assert "uploads/shop/trunk.400/shards/1-of-2/manifest.json" in bucket.objects
    assert run("finalize", **GITLAB).code == 0
    assert "uploads/shop/trunk.400/finalize/manifest.json" in bucket.objects


@pytest.mark.parametrize(
    ("variables", "build"),
    [
        pytest.param({}, "trunk.400-77", id="the base branch"),
        pytest.param({"CI_COMMIT_BRANCH": "topic"}, "400-77", id="another branch"),
        pytest.param({"PIXELGATE_TRUNK": "false"}, "400-77", id="a variable says no"),
        pytest.param(
            {"CI_COMMIT_BRANCH": "release/2", "PIXELGATE_TRUNK": "true"},
            "trunk.400-77",
            id="another baseline branch, by a variable",
        ),
        pytest.param(
            {"CI_MERGE_REQUEST_IID": "5", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "main"},
            "400-77",
            id="a merge request of a branch of that name",
        ),
    ],
)
def test_a_build_of_the_base_branch_says_so_in_its_id(
    run: Cli, bucket: MemoryBucket, variables: dict[str, str], build: str
) -> None:
    job = {**GITLAB, "CI_NODE_TOTAL": "1", **variables}
    assert run("upload", "shots", **job).code == 0
    assert f"uploads/shop/{build}/manifest.json" in bucket.objects
    # Later commands of the job mean the same build.
    assert f"shop/{build}" in run("wait", "--timeout", "0.01", **job).err


def test_a_build_of_a_person_s_machine_is_no_baseline_branch_s(
    run: Cli, bucket: MemoryBucket
) -> None:
    assert run("upload", "shots", "--build", "7").code == 0
    assert "uploads/shop/7/manifest.json" in bucket.objects
    assert run("upload", "shots", "--build", "8", "--trunk").code == 0
    assert "uploads/shop/trunk.8/manifest.json" in bucket.objects


def test_a_split_job_without_shard_is_pointed_out(run: Cli) -> None:
    done = run("upload", "shots", **GITLAB)
    assert done.code == 0
    assert "note: this is job 1 of 2 parallel jobs: if each of them uploads a shard" in done.err


def test_a_selective_upload(run: Cli, bucket: MemoryBucket, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("a.png\nsub/b.png\nc.png\n")
    run("upload", "shots", "--build", "7", "--selective")
    assert manifest(bucket, KEY)["selective"] is True
    run("upload", "shots", "--build", "8", "--all-names", names)
    fields = manifest(bucket, "uploads/shop/8/manifest.json")
    assert (fields["selective"], len(fields["all_names"])) == (True, 3)


def test_a_shallow_clone_is_named_and_the_upload_goes_on(
    run: Cli, bucket: MemoryBucket, repository: Repository, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    clone = repository.clone(tmp_path / "clone", "--depth=1")
    monkeypatch.chdir(clone.folder)
    done = run("upload", repository.folder / "shots", "--build", "7", "--json")
    assert done.code == 0
    note = "this clone is shallow: only 0 ancestors can be baselines. Run `git fetch --unshallow`"
    assert done.json["notes"] == [note]
    assert f"note: {note}" in done.err


REVIEW_LEFT = {**NEEDS_REVIEW, "review": {"state": "needed", "left": 2, "names": ["a.png"]}}
BAD = {"state": "FAILED", "error": {"code": "BAD_MANIFEST", "message": "images: wrong"}}


@pytest.mark.parametrize(
    ("status", "options", "code", "words"),
    [
        pytest.param({}, (), 0, "passed", id="passed"),
        pytest.param({"base": None}, (), 0, "passed, with nothing to compare with", id="first"),
        pytest.param(NEEDS_REVIEW, (), 1, "needs review", id="needs review"),
        pytest.param(REVIEW_LEFT, (), 1, "left to review: 2", id="two left"),
        pytest.param(NEEDS_REVIEW, ("--exit-zero-on-changes",), 0, "needs review", id="zero"),
        pytest.param(NEEDS_REVIEW, ("--fail-on", "removed,errored"), 0, "needs", id="fail on"),
        pytest.param(BAD, (), 2, "error: BAD_MANIFEST: images: wrong", id="failed"),
        pytest.param(
            {"base": None}, ("--require-baseline",), 4, "--require-baseline needs one", id="no base"
        ),
    ],
)
def test_upload_and_wait(
    run: Cli,
    answer: Answer,
    status: dict[str, Any],
    options: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    answer(lambda _: status)
    done = run("upload", "shots", "--build", "7", "--wait", "--json", *options)
    assert done.code == code
    assert words in done.err
    assert (done.json["exit_code"], done.json["uploaded"]) == (code, 2)


def test_no_result_in_time_is_3(run: Cli) -> None:
    done = run("upload", "shots", "--build", "7", "--wait", "--timeout", "0.1")
    assert (done.code, "no status for shop/7 in 0.1 s" in done.err) == (3, True)


def test_summaries_for_people_in_ci(run: Cli, answer: Answer, tmp_path: Path) -> None:
    answer(lambda _: NEEDS_REVIEW)
    step, own, junit = tmp_path / "step.md", tmp_path / "new" / "own.md", tmp_path / "j.xml"
    step.write_text("before\n")
    done = run(
        "upload", "shots", "--build", "7", "--wait", "--summary", own, "--junit", junit,
        GITHUB_STEP_SUMMARY=str(step),
    )  # fmt: skip
    assert done.code == 1
    assert step.read_text() == f"before\n{own.read_text()}"
    assert own.read_text().startswith("### 🔍 pixelgate: shop needs review\n")
    assert 'failures="2"' in junit.read_text()


def test_one_file_named_twice_is_written_once(run: Cli, answer: Answer, tmp_path: Path) -> None:
    answer(lambda _: {})
    step = tmp_path / "step.md"
    run("upload", "shots", "--build", "7", "--wait", "--summary", step,
        GITHUB_STEP_SUMMARY=str(step))  # fmt: skip
    assert step.read_text().count("###") == 1


def test_a_corrected_upload_does_not_take_the_old_failure_for_its_result(
    run: Cli, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.write(KEY, b"{}", "application/json")
    tell(bucket, "7", **BAD)
    asked = bucket.read_changed

    def read_changed(key: str, tag: str | None) -> tuple[bytes, str] | None:
        if manifest(bucket, KEY) and tag:
            tell(bucket, "7")
        return asked(key, tag)

    monkeypatch.setattr(bucket, "read_changed", read_changed)
    done = run("upload", "shots", "--build", "7", "--wait")
    assert (done.code, "passed" in done.err) == (0, True)
