"""`pixelgate import-baseline`: committed goldens become the first build to compare with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pixelgate import bootstrap
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import Refused
from support import images
from support.doubles.memory import MemoryBucket
from support.repository import Repository
from support.world import PROJECT, World

from .conftest import Cli, manifest, tell

REAL = Path(__file__).parents[1] / "fixtures" / "layouts"
NAMES = [
    f"desktop_chrome/{name}-desktop_chrome-500x300-dpr-1.png"
    for name in ("checkout", "clock", "home", "price-diff")
]


def key_of(repository: Repository) -> str:
    return f"uploads/shop/trunk.import-{repository.head[:12]}/manifest.json"


def test_goldens_become_a_build_of_the_base_branch_that_needs_no_review(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    done = run("import-baseline", REAL / "webdriverio", "--json")
    assert done.code == 0, done.err
    fields = manifest(bucket, key_of(repository))
    assert list(fields["images"]) == NAMES
    assert (fields["commit"], fields["branch"]) == (repository.head, "main")
    assert done.json["build"] == f"trunk.import-{repository.head[:12]}"
    goldens = REAL / "webdriverio" / "test" / "baseline"
    for name in NAMES:
        stored = bucket.objects[f"images/shop/{fields['images'][name]['sha256']}"]
        assert stored == (goldens / name).read_bytes()


def test_a_later_build_is_compared_with_the_goldens(
    run: Cli, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    monkeypatch.setattr(bootstrap, "open_bucket", lambda name: world.objects)
    done = run("import-baseline", REAL / "webdriverio", PIXELGATE_PROJECT=PROJECT)
    assert done.code == 0, done.err
    first = BuildId(PROJECT, f"trunk.import-{repository.head[:12]}")
    world.compare(first, trunk_only=True)
    assert world.status(first.build)["verdict"] == "passed"

    repository.git("checkout", "-q", "-b", "topic")
    repository.commit("three")
    done = run("upload", REAL / "webdriverio", "--build", "7", PIXELGATE_PROJECT=PROJECT)
    assert done.code == 0, done.err
    world.compare(BuildId(PROJECT, "7"), trunk_only=True)
    status = world.status("7")
    assert (status["base"], status["verdict"]) == (first.build, "needs_review")
    assert status["counts"]["changed"] == 1
    assert status["counts"]["unchanged"] == 3

    again = run("import-baseline", REAL / "webdriverio", "--branch", "main", "--build", "2",
                PIXELGATE_PROJECT=PROJECT)  # fmt: skip
    assert again.code == 2
    assert f"{PROJECT} has a build already that others are compared with" in again.err


BASELINES: dict[str, dict[str, Any]] = {
    "trunk.9": {"branch": "main"},
    "approved": {"branch": "topic", "review": {"state": "approved"}},
    "on-main": {"branch": "main"},
}
NONE: dict[str, dict[str, Any]] = {
    "failed": {"branch": "main", "state": "FAILED"},
    "trunk.failed": {"branch": "main", "state": "FAILED"},
    "trunk.rejected": {"branch": "main", "review": {"state": "rejected"}},
    "topic": {"branch": "topic"},
    "a-pull-request": {"branch": "main", "pull_request": 5},
    "unreviewed": {"branch": "main", "verdict": "needs_review", "review": {"state": "needed"}},
    "fork.1": {"branch": "main"},
}


@pytest.mark.parametrize("build", BASELINES)
def test_a_project_with_a_baseline_keeps_it_unless_told_otherwise(
    run: Cli, bucket: MemoryBucket, build: str, repository: Repository
) -> None:
    tell(bucket, build, **BASELINES[build])
    before = dict(bucket.objects)
    done = run("import-baseline", "shots")
    assert done.code == 2
    assert f"others are compared with, {build}: nothing was imported" in done.err
    assert bucket.objects == before
    assert run("import-baseline", "shots", "--replace").code == 0
    assert key_of(repository) in bucket.objects


@pytest.mark.parametrize("build", NONE)
def test_what_is_no_baseline_does_not_stop_it(run: Cli, bucket: MemoryBucket, build: str) -> None:
    tell(bucket, build, **NONE[build])
    assert run("import-baseline", "shots").code == 0


def test_only_the_role_of_the_baseline_branch_may(
    run: Cli, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str) -> None:
        if key.startswith("uploads/shop/trunk."):
            raise Refused("these credentials may not write")

    monkeypatch.setattr(bucket, "check_write", refuse)
    done = run("import-baseline", "shots")
    assert (done.code, bucket.objects) == (2, {})
    assert "Only the baseline branch's role may write builds that need no review" in done.err
    assert "or `pixelgate upload` the goldens and let a reviewer approve that build" in done.err


def test_the_goldens_of_another_branch_are_no_baseline(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    repository.git("checkout", "-q", "-b", "topic")
    done = run("import-baseline", "shots", "--base-branch", "main")
    assert (done.code, bucket.objects) == (2, {})
    assert "'topic' is checked out, and baselines belong to 'main': check that out" in done.err
    assert run("import-baseline", "shots", "--base-branch", "main", "--branch", "main").code == 0


@pytest.mark.parametrize(
    ("owner", "whose"), [("acme/shop", "pull request #5"), ("eve/shop", "a fork")]
)
def test_a_pull_request_and_a_fork_make_no_baseline(
    run: Cli, bucket: MemoryBucket, tmp_path: Path, owner: str, whose: str
) -> None:
    event = tmp_path / "event.json"
    side = {"sha": "a" * 40, "repo": {"full_name": owner}}
    base = {"ref": "main", "sha": "b" * 40, "repo": {"full_name": "acme/shop"}}
    pull = {"number": 5, "head": {"ref": "main", **side}, "base": base}
    event.write_text(json.dumps({"pull_request": pull}))
    done = run(
        *("import-baseline", "shots"),
        GITHUB_ACTIONS="true",
        GITHUB_RUN_ID="9001",
        GITHUB_RUN_ATTEMPT="2",
        GITHUB_REPOSITORY="acme/shop",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_SHA="c" * 40,
        GITHUB_REF="refs/pull/5/merge",
        GITHUB_EVENT_PATH=str(event),
    )
    assert (done.code, bucket.objects) == (2, {})
    assert f"this is a job of {whose}, whose goldens nobody has merged yet" in done.err


def test_nothing_to_import_is_2(run: Cli, bucket: MemoryBucket, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = run("import-baseline", tmp_path / "none")
    assert (done.code, "there is no image" in done.err, bucket.objects) == (2, True, {})
    assert run("import-baseline").code == 2


# On this machine


def test_goldens_are_copied_under_the_names_of_their_snapshots(
    run: Cli, bucket: MemoryBucket, tmp_path: Path
) -> None:
    to = tmp_path / "deep" / "golden"
    done = run("import-baseline", REAL / "webdriverio", "--to", to, "--json",
               PIXELGATE_PROJECT="", PIXELGATE_BUCKET="")  # fmt: skip
    assert (done.code, done.json) == (0, {"folder": str(to), "images": 4})
    assert bucket.objects == {}
    files = sorted(p.relative_to(to).as_posix() for p in to.rglob("*") if p.is_file())
    assert files == sorted([*NAMES, *(name.replace(".png", ".json") for name in NAMES)])
    sidecar = json.loads((to / NAMES[0]).with_suffix(".json").read_text())
    assert sidecar["tags"] == ["desktop_chrome", "linux", "500x300", "dpr-1"]
    assert [p.name for p in to.parent.iterdir()] == ["golden"]
    again = run("scan", to, "--json").json["images"]
    assert [image["name"] for image in again] == NAMES
    assert again[0]["tags"] == sidecar["tags"]


def test_a_folder_with_files_is_replaced_only_if_told_and_only_if_it_has_goldens(
    run: Cli, tmp_path: Path
) -> None:
    to = tmp_path / "golden"
    to.mkdir()
    (to / "old.png").write_bytes(images.png())
    done = run("import-baseline", "shots", "--to", to)
    assert (done.code, "has files already" in done.err) == (2, True)
    assert run("import-baseline", "shots", "--to", to, "--replace").code == 0
    assert sorted(p.name for p in to.iterdir()) == ["a.png", "sub"]
    (to / "main.py").write_text("precious")
    done = run("import-baseline", "shots", "--to", to, "--replace")
    assert (done.code, f"{to / 'main.py'}, which is no golden" in done.err) == (2, True)
    assert (to / "main.py").read_text() == "precious"
    (tmp_path / "file").write_text("")
    for wrong, words in (("file", "is a file"), (".", "contains shots"), ("shots", "contains")):
        target = tmp_path / "file" if wrong == "file" else wrong
        done = run("import-baseline", "shots", "--to", target, "--replace")
        assert (done.code, words in done.err) == (2, True), wrong


def test_a_copy_that_fails_leaves_the_old_one(
    run: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "golden"
    assert run("import-baseline", "shots", "--to", to).code == 0
    whole = shutil.copyfile

    def full(source: Path, target: Path) -> object:
        if str(target).endswith("b.png"):
            raise OSError(28, "No space left on device", str(target))
        return whole(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    done = run("import-baseline", "shots", "--to", to, "--replace")
    assert (done.code, "No space left on device" in done.err) == (2, True)
    assert sorted(p.name for p in to.iterdir()) == ["a.png", "sub"]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_the_key_is_one_that_only_the_trunk_role_may_write(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    run("import-baseline", "shots", "--build", "goldens")
    written = [key for key in bucket.objects if key.startswith("uploads/")]
    assert written == [keys.uploaded_manifest(BuildId("shop", "trunk.goldens"))]
