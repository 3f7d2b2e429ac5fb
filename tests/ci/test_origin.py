"""Where a build comes from: what people say, what CI says, and what real repositories know."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pixelgate.ci.detected import CiInfo
from pixelgate.ci.git import Git, pull_request_of
from pixelgate.ci.origin import BuildOrigin, Overrides, resolve_origin
from pixelgate.errors import UsageError
from support.repository import SETTINGS, Repository

NOTHING_SAID, NO_CI = Overrides(), CiInfo()


def where(
    repository: Repository, said: Overrides = NOTHING_SAID, found: CiInfo = NO_CI
) -> BuildOrigin:
    return resolve_origin(said, found, Git(repository.folder))


def pull_request(commit: str, **fields: object) -> CiInfo:
    found = CiInfo(
        vendor="GitHub Actions",
        commit=commit,
        branch="feature",
        base_branch="main",
        pull_request="5",
        build="1-1",
    )
    return replace(found, **fields)  # type: ignore[arg-type]


def feature(origin: Repository) -> str:
    """Commits to a branch of that name, and goes back to main."""
    origin.branch("feature")
    head = origin.commit("feature", "feature")
    origin.switch("main")
    return head


def cloned(origin: Repository, *options: str) -> Repository:
    return origin.clone(origin.folder.parent / "clone", *options)


def test_a_branch_on_a_laptop(origin: Repository) -> None:
    clone = cloned(origin)
    base = clone.head
    clone.branch("feature")
    clone.commit("one")
    head = clone.commit("two")
    found = where(clone)
    assert (found.commit, found.branch, found.vendor) == (head, "feature", None)
    assert (found.base_commit, found.base_branch) == (base, "main")
    assert found.ancestors == tuple(clone.git("rev-list", f"{base}^").split())
    assert found.tree == clone.tree()
    assert set(found.landed) == {base, *found.ancestors}
    # The fixture's commits are all of that second.
    assert found.landed[base] == {"tree": clone.tree(base), "committed": 1_767_225_600}
    assert "committed" not in found.landed[found.ancestors[0]]
    assert found.branch_commits is None
    assert found.notes == ()


def test_on_the_base_branch_the_ancestors_say_it(origin: Repository) -> None:
    found = where(origin)
    assert found.base_commit is None
    assert found.ancestors == tuple(origin.git("rev-list", "HEAD^").split())
    assert set(found.landed) == set(found.ancestors)


def test_a_pull_request_that_main_has_left_behind(origin: Repository) -> None:
    base, head = origin.head, feature(origin)
    tip = origin.commit("main goes on", "other")
    clone = cloned(origin)
    # What actions/checkout has in front of it: a merge of both.
    clone.git("switch", "--quiet", "--detach", tip)
    clone.git("merge", "--quiet", "--no-ff", "--message", "Merge", head)
    found = where(clone, found=pull_request(head, target=tip))
    assert (found.commit, found.base_commit) == (head, base)
    assert found.notes == ()


def test_a_pull_request_that_was_merged_before_its_job_ran(origin: Repository) -> None:
    base, head = origin.head, feature(origin)
    origin.merge("feature", "Merge pull request #5 from acme/feature")
    assert where(cloned(origin), found=pull_request(head, target=base)).base_commit == base


def test_a_rebased_pull_request_has_the_new_base(origin: Repository) -> None:
    feature(origin)
    tip = origin.commit("main goes on")
    origin.switch("feature")
    origin.git("rebase", "--quiet", "main")
    assert where(cloned(origin), found=pull_request(origin.head)).base_commit == tip


def test_a_stacked_pull_request_has_the_lower_branch_as_its_base(origin: Repository) -> None:
    origin.branch("lower")
    lower = origin.commit("lower")
    origin.branch("upper")
    head = origin.commit("upper")
    found = where(cloned(origin), found=pull_request(head, base_branch="lower"))
    assert found.base_commit == lower


def test_git_tells_of_squash_merges_what_they_are(origin: Repository) -> None:
    merged = feature(origin)
    squashed = origin.squash("feature", "Add a feature (#5)")
    clone = cloned(origin)
    clone.git("fetch", "--quiet", "origin", "feature")
    clone.branch("next")
    clone.commit("next")
    found = where(clone)
    assert found.base_commit == squashed
    assert merged not in found.ancestors
    # The server finds the build of `merged` by either.
    facts = {"tree": clone.tree(merged), "pull_request": "5", "committed": 1_767_225_600}
    assert found.landed[squashed] == facts


def test_ancestors_follow_the_first_parent(origin: Repository) -> None:
    before, inside = origin.head, feature(origin)
    merge = origin.merge("feature", "Merge pull request #7 from acme/feature")
    origin.commit("after")
    found = where(origin)
    assert found.ancestors[:2] == (merge, before)
    assert inside not in found.ancestors
    assert found.landed[merge]["pull_request"] == "7"
    assert found.own_commits == (), "the head alone is new"


def test_what_a_merge_brings_is_among_the_heads_own_commits(origin: Repository) -> None:
    inside = feature(origin)
    origin.merge("feature", "Merge pull request #7 from acme/feature")
    found = where(origin)
    assert inside in found.own_commits
    assert not {*found.own_commits} & {found.commit, *found.ancestors}
    assert found.fields()["own_commits"] == list(found.own_commits)


def on_release(origin: Repository, *, name: str = "release/2") -> tuple[Repository, str, list[str]]:
    """A clone on a release branch, where it left main, and its commits, the newest first."""
    base = origin.head
    origin.branch(name)
    commits = [origin.commit(f"r{n}", "released") for n in range(3)]
    origin.switch("main")
    origin.commit("main goes on", "other")
    clone = cloned(origin)
    clone.git("switch", "--quiet", name)
    return clone, base, commits[::-1]


PUSH = CiInfo(vendor="Jenkins", branch="release/2")


def test_a_push_to_a_release_branch_names_its_own_commits(origin: Repository) -> None:
    clone, base, commits = on_release(origin)
    found = where(clone, found=PUSH)
    assert (found.base_commit, found.base_branch) == (base, "main")
    assert found.branch_commits == tuple(commits[1:])
    assert set(found.landed) == {*commits[1:], base, *found.ancestors}
    assert found.fields()["branch_commits"] == commits[1:]


def test_the_first_push_to_a_release_branch_has_no_commits_before(origin: Repository) -> None:
    origin.branch("release/3")
    origin.commit("r0", "released")
    found = where(origin, found=replace(PUSH, branch="release/3"))
    assert found.branch_commits == ()
    assert found.fields()["branch_commits"] == []


def test_what_came_to_a_release_branch_from_main_is_not_its_own(origin: Repository) -> None:
    clone, _, commits = on_release(origin)
    tip = clone.git("rev-parse", "origin/main")
    merge = clone.merge("origin/main", "Merge main")
    head = clone.commit("after", "released")
    found = where(clone, found=PUSH)
    assert (found.commit, found.base_commit) == (head, tip)
    assert found.branch_commits == (merge, *commits)


def test_a_release_branch_that_was_merged_has_its_own_commits_before_it(
    origin: Repository,
) -> None:
    clone, _, commits = on_release(origin)
    origin.merge("release/2", "Merge release/2")
    clone.git("fetch", "--quiet")
    clone.git("branch", "--quiet", "--delete", "--force", "main")
    found = where(clone, found=PUSH)
    # It has no base then, as main has all of it.
    assert (found.base_commit, found.branch_commits) == (None, ())
    assert found.ancestors[:2] == tuple(commits[1:])
    head = clone.commit("after", "released")
    found = where(clone, found=PUSH)
    assert (found.commit, found.base_commit) == (head, commits[0])
    assert found.ancestors[:2] == tuple(commits[1:])


@pytest.mark.parametrize(
    ("branch", "said", "ci", "own"),
    [
        pytest.param("release/2", {}, {}, True, id="by its name"),
        pytest.param("releases", {}, {}, False, id="another name"),
        pytest.param("stable", {"release_branches": ("stable", "v*")}, {}, True, id="it is named"),
        pytest.param("v2", {"release_branches": ("stable", "v*")}, {}, True, id="by a pattern"),
        pytest.param("release/2", {"release_branches": ()}, {}, False, id="there are none"),
        pytest.param("stable", {"trunk": True}, {}, True, id="a baseline branch besides main"),
        pytest.param("release/2", {}, {"pull_request": "5"}, False, id="a pull request from it"),
        pytest.param("release/2", {}, {"fork": True}, False, id="a fork's"),
        pytest.param("release/2", {"base_commit": "HEAD~1"}, {}, False, id="a base is named"),
        pytest.param("release/2", {"base_build": "b0"}, {}, False, id="a build is named"),
        pytest.param("release/2", {"ancestors": ("a",)}, {}, False, id="ancestors are named"),
        pytest.param("release/2", {"base_branch": "release/2"}, {}, False, id="it is the base"),
    ],
)
def test_which_builds_are_pushes_to_a_release_branch(
    origin: Repository, branch: str, said: dict[str, object], ci: dict[str, object], own: bool
) -> None:
    clone, _, commits = on_release(origin, name=branch)
    found = replace(PUSH, branch=branch, **ci)  # type: ignore[arg-type]
    there = where(clone, replace(NOTHING_SAID, **said), found)  # type: ignore[arg-type]
    assert there.branch_commits == (tuple(commits[1:]) if own else None)


def test_in_a_shallow_clone_a_release_branch_is_still_one(origin: Repository) -> None:
    origin.branch("release/2")
    for n in range(3):
        origin.commit(f"r{n}", "released")
    origin.switch("main")
    clone = cloned(origin, "--depth=1", "--branch=release/2")
    found = where(clone, found=PUSH)
    assert (found.base_commit, found.branch_commits, found.ancestors) == (None, (), ())


@pytest.mark.parametrize(
    ("date", "committed"),
    [
        ("2040-01-01T00:00:00Z", 2_208_988_800),  # the server decides what it believes
        ("1970-01-01T00:00:00Z", None),
    ],
)
def test_the_base_commit_has_the_time_that_git_knows(
    origin: Repository, date: str, committed: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "GIT_COMMITTER_DATE", date)
    base = origin.commit("from another time")
    feature(origin)
    origin.switch("feature")
    found = where(origin)
    assert found.base_commit == base
    assert found.landed[base].get("committed") == committed


def test_at_most_300_commits_of_a_branch_and_301_of_which_more_is_known(tmp_path: Path) -> None:
    repository = Repository.new(tmp_path / "long")
    stream = "".join(
        f"commit refs/heads/{'main' if n < 402 else 'release/2'}\nmark :{n}\n"
        f"committer A <a@example.com> {n} +0000\ndata 1\nx\n"
        + (f"from :{n - 1}\n" if n > 1 else "")
        for n in range(1, 804)
    )
    import_file = tmp_path / "stream"
    import_file.write_text(stream)
    with import_file.open("rb") as file:
        subprocess.run(
            ["git", "-C", repository.folder, "fast-import", "--quiet"], stdin=file, timeout=300
        )
    repository.git("switch", "--quiet", "release/2")
    found = where(repository, found=PUSH)
    assert (len(found.branch_commits or ()), len(found.ancestors)) == (300, 300)
    assert len(found.landed) == 301


def test_at_most_300_ancestors(tmp_path: Path) -> None:
    repository = Repository.new(tmp_path / "long")
    stream = "".join(
        f"commit refs/heads/main\nmark :{n}\ncommitter A <a@example.com> {n} +0000\ndata 1\nx\n"
        + (f"from :{n - 1}\n" if n > 1 else "")
        for n in range(1, 403)
    )
    import_file = tmp_path / "stream"
    import_file.write_text(stream)
    with import_file.open() as file:
        subprocess.run(
            ["git", "-C", str(repository.folder), "fast-import", "--quiet"],
            stdin=file,
            check=True,
            timeout=300,
        )
    repository.git("switch", "--quiet", "main")
    found = where(repository)
    assert len(found.ancestors) == 300
    assert found.ancestors == tuple(repository.git("rev-list", "--max-count=300", "HEAD^").split())


SHALLOW = "this clone is shallow"
CURE = "Give actions/checkout `fetch-depth: 0`"


@pytest.mark.parametrize("other_branches", [("--no-single-branch",), ()])
def test_a_shallow_clone_is_named_with_its_cure(
    origin: Repository, other_branches: tuple[str, ...]
) -> None:
    head = feature(origin)
    clone = cloned(origin, "--depth=1", "--branch=feature", *other_branches)
    found = where(clone, found=pull_request(head))
    assert (found.base_commit, found.base_branch) == (None, "main")
    assert found.notes == (f"{SHALLOW}: it has no merge base with main. {CURE}",)


def test_the_default_checkout_of_a_pull_request_has_one_note(origin: Repository) -> None:
    head = feature(origin)
    origin.commit("main goes on")
    origin.branch("merge")
    origin.merge("feature", "Merge")
    clone = cloned(origin, "--depth=1", "--branch=merge")
    clone.git("switch", "--quiet", "--detach", "HEAD")
    clone.git("update-ref", "-d", "refs/remotes/origin/merge")
    found = where(clone, found=pull_request(head, target="b" * 40))
    assert (found.commit, found.base_commit) == (head, None)
    assert found.notes == (f"{SHALLOW}: the head commit {head[:12]} is not in it. {CURE}",)


def test_a_base_branch_that_is_not_cloned(origin: Repository) -> None:
    head = feature(origin)
    clone = cloned(origin, "--single-branch", "--branch=feature")
    assert where(clone, found=pull_request(head)).notes == (
        "the base branch main is not in this clone, so no merge base was found: "
        "run `git fetch origin main`, or pass --base-commit",
    )


def test_histories_without_a_common_commit(origin: Repository) -> None:
    origin.git("switch", "--quiet", "--orphan", "feature")
    head = origin.commit("another beginning")
    assert where(origin, found=pull_request(head)).notes == (
        f"{head[:12]} and main have no commit in common; pass --base-branch or --base-commit",
    )


@pytest.mark.parametrize(
    ("vendor", "cure"),
    [
        ("GitLab CI", "Set GIT_DEPTH: 0 in the job's variables"),
        ("Bitbucket Pipelines", "Set `clone: depth: full` in bitbucket-pipelines.yml"),
        ("Azure Pipelines", "Set `fetchDepth: 0` at `checkout: self`"),
        ("AWS CodeBuild", "Set the project's git clone depth to Full"),
        ("Jenkins", "Turn off 'Shallow clone' in the job's git settings"),
        ("Drone", "Remove `depth` from `clone` in .drone.yml"),
        ("Woodpecker", "Set `partial: false` and no `depth` in the settings of the clone step"),
        ("Travis CI", "Set `git: depth: false` in .travis.yml"),
        ("AppVeyor", "Remove clone_depth from appveyor.yml"),
        ("TeamCity", "Remove teamcity.git.shallowClone from the parameters"),
        (None, "Run `git fetch --unshallow`"),
    ],
)
def test_each_ci_system_has_its_own_cure(origin: Repository, vendor: str | None, cure: str) -> None:
    notes = where(cloned(origin, "--depth=2"), found=CiInfo(vendor=vendor)).notes
    assert notes == (f"{SHALLOW}: only 1 ancestor can be baselines. {cure}",)


def test_a_shallow_clone_that_is_deep_enough_is_fine(origin: Repository) -> None:
    base, head = origin.head, feature(origin)
    clone = cloned(origin, "--depth=2", "--no-single-branch")
    clone.git("fetch", "--quiet", "--depth=2", "origin", "feature")
    assert where(clone, found=pull_request(head)).base_commit == base


def test_a_head_that_is_not_in_the_clone(origin: Repository) -> None:
    head = "a" * 40
    found = where(cloned(origin), found=pull_request(head))
    assert (found.commit, found.base_commit, found.tree) == (head, None, None)
    assert found.notes == (
        "commit aaaaaaaaaaaa is not in this clone, so its ancestors are unknown: "
        "give actions/checkout `ref:` that commit",
    )


def test_a_checkout_that_is_not_what_ci_says(origin: Repository) -> None:
    head = origin.head
    other = origin.git("rev-parse", "HEAD~2")
    found = where(origin, found=CiInfo(vendor="GitHub Actions", commit=other, branch="x"))
    assert found.commit == other
    assert found.notes == (
        f"{head[:12]} is checked out, but the build is recorded for {other[:12]}: if the "
        "screenshots show the checked-out commit, pass --commit HEAD",
    )


JENKINS = {"vendor": "Jenkins", "merged": "origin/PR-5"}


def test_jenkins_merge_strategy_gives_the_head(origin: Repository) -> None:
    base, head = origin.head, feature(origin)
    origin.commit("main goes on")
    clone = cloned(origin)
    clone.git("update-ref", "refs/remotes/origin/PR-5", head)
    clone.git("switch", "--quiet", "--detach", head)
    clone.git("merge", "--quiet", "--no-ff", "--message", "Merge", "origin/main")
    found = where(clone, found=pull_request(clone.head, **JENKINS))
    assert (found.commit, found.base_commit) == (head, base)


def test_a_merge_commit_without_its_event_gives_the_second_parent(origin: Repository) -> None:
    base, head = origin.head, feature(origin)
    origin.commit("main goes on")
    clone = cloned(origin)
    clone.git("merge", "--quiet", "--no-ff", "--message", "Merge", "origin/feature")
    found = where(clone, found=pull_request(clone.head, merged=clone.head))
    assert (found.commit, found.base_commit) == (head, base)


def test_a_merge_of_main_into_the_head_stays_the_head(origin: Repository) -> None:
    feature(origin)
    tip = origin.commit("main goes on")
    origin.switch("feature")
    head = origin.merge("main", "Merge branch 'main' into feature")
    clone = cloned(origin)
    clone.git("update-ref", "refs/remotes/origin/PR-5", head)
    found = where(clone, found=pull_request(head, **JENKINS))
    assert (found.commit, found.base_commit) == (head, tip)


def released(commit: str | None, branch: str | None) -> CiInfo:
    return CiInfo(
        vendor="GitHub Actions", commit=commit, branch=branch, base_branch="main", released="v1"
    )


def test_a_release_is_of_the_branch_that_has_its_commit_but_not_that_branch_s_own_build(
    origin: Repository,
) -> None:
    old = origin.head
    origin.commit("main goes on")
    found = where(origin, found=released(old, "main"))
    assert (found.branch, found.trunk) == ("main", False)


@pytest.mark.parametrize("named", ["main", "gone", None])
def test_a_release_of_another_commit_is_of_no_branch(origin: Repository, named: str | None) -> None:
    head = feature(origin)
    found = where(origin, found=released(head, named))
    assert (found.branch, found.trunk) == ("release:v1", False)


def test_a_release_without_a_checkout_is_of_no_branch(tmp_path: Path) -> None:
    found = resolve_origin(NOTHING_SAID, released("a" * 40, "main"), Git(tmp_path))
    assert (found.branch, found.trunk) == ("release:v1", False)


def test_a_release_s_branch_can_be_said(origin: Repository) -> None:
    found = where(origin, Overrides(branch="release/1"), released(origin.head, None))
    assert found.branch == "release/1"


def test_gitlab_knows_the_merge_base_itself(origin: Repository) -> None:
    base = origin.git("rev-parse", "HEAD^")
    found = where(
        origin, found=CiInfo(vendor="GitLab CI", commit=origin.head, branch="x", base_commit=base)
    )
    assert found.base_commit == base
    assert found.ancestors == (origin.git("rev-parse", "HEAD~2"),)


def test_short_commits_become_whole_ones(origin: Repository) -> None:
    base = origin.git("rev-parse", "HEAD^")
    found = where(
        origin,
        Overrides(base_commit=base[:12], branch="x"),
        CiInfo(vendor="Bitbucket Pipelines", commit=origin.head[:12]),
    )
    assert (found.commit, found.base_commit) == (origin.head, base)


SAID = Overrides(
    commit="HEAD~1",
    branch="said",
    base_commit="HEAD~2",
    base_branch="trunk",
    base_build="b0",
    pull_request="99",
    ci_url="https://ci.example/said",
    build="said-1",
    fork=False,
    ancestors=("one", "two"),
)


def test_what_is_said_wins_over_ci_and_git(origin: Repository) -> None:
    parent, base = origin.git("rev-parse", "HEAD~1"), origin.git("rev-parse", "HEAD~2")
    found = where(origin, SAID, pull_request(origin.head, fork=True, ci_url="https://ci.example"))
    assert found == BuildOrigin(
        vendor="GitHub Actions",
        commit=parent,
        branch="said",
        build="said-1",
        base_build="b0",
        base_commit=base,
        base_branch="trunk",
        ancestors=("one", "two"),
        landed={},
        tree=origin.tree(parent),
        pull_request="99",
        ci_url="https://ci.example/said",
        author="A",
        fork=False,
    )


def test_without_a_repository_ci_says_enough(tmp_path: Path) -> None:
    said = pull_request("a" * 40, base_commit="b" * 40)
    found = resolve_origin(NOTHING_SAID, said, Git(tmp_path))
    assert (found.commit, found.base_commit, found.notes) == ("a" * 40, "b" * 40, ())
    (note,) = resolve_origin(NOTHING_SAID, pull_request("a" * 40), Git(tmp_path)).notes
    assert note == (
        f"{tmp_path} is not a git checkout; so the ancestors are unknown, "
        "and only the newest build of main can be the baseline. "
        "To know them, run this in a checkout"
    )


def test_without_git_and_ci_nobody_knows_the_commit(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        resolve_origin(NOTHING_SAID, NO_CI, Git(tmp_path))
    assert str(error.value) == (
        f"the commit is not known: {tmp_path} is not a git checkout, and no known CI system "
        "reports it. Run this in a checkout, or pass --commit and --branch"
    )


def test_a_repository_without_commits(tmp_path: Path) -> None:
    repository = Repository.new(tmp_path / "empty")
    with pytest.raises(UsageError, match="this repository has no commit yet"):
        where(repository)


def test_a_detached_head_has_no_branch(origin: Repository) -> None:
    origin.git("switch", "--quiet", "--detach", "HEAD")
    with pytest.raises(UsageError, match="Pass --branch, or set PIXELGATE_BRANCH"):
        where(origin)


def test_a_detached_head_at_the_tip_of_one_remote_branch(origin: Repository) -> None:
    head = feature(origin)
    clone = cloned(origin)
    clone.git("switch", "--quiet", "--detach", head)
    assert where(clone).branch == "feature"
    clone.git("update-ref", "refs/remotes/origin/twin", head)
    with pytest.raises(UsageError, match="the branch is not known"):
        where(clone)


def test_git_is_not_installed(
    origin: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as error:
        where(origin)
    assert str(error.value) == (
        "the commit is not known: git is not installed here, and no known CI system reports it. "
        "Install git, or pass --commit and --branch"
    )


def test_a_repository_of_somebody_else(origin: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UsageError, match=r"git config --global --add safe.directory"):
        where(origin)


@pytest.mark.parametrize(
    ("subject", "body", "number"),
    [
        ("Add a feature (#5)", "", "5"),
        ("Fix (#4) again (#5)", "", "5"),
        ("Merge pull request #7 from acme/feature", "", "7"),
        ("Merge branch 'x' into 'main'", "Title\n\nSee merge request acme/shop!12", "12"),
        ("Merged in feature (pull request #8)", "", "8"),
        ("Merged PR 9: Title", "", "9"),
        ("Fixes #5", "", None),
        ("Revert (#5) for now", "", None),
    ],
)
def test_messages_tell_the_pull_request(subject: str, body: str, number: str | None) -> None:
    assert pull_request_of(subject, body) == number
