"""The GitHub Action, the examples for CI and the roles beside them, each put to the test."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pixelgate import bootstrap
from pixelgate.cli.templates import GITHUB, GITLAB, filled
from pixelgate.storage.client_bucket import ClientBucket
from support import aws
from support.github import github

from .conftest import NEEDS_REVIEW, Cli, tell
from .test_review_comment import Comment

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
UPLOAD = ACTION["runs"]["steps"][-1]
EXAMPLES = ROOT / "examples" / "ci"
VALUES = {"project": "shop", "bucket": "", "folder": "screenshots", "branch": "main"}


def run_step(tmp_path: Path, inputs: dict[str, str], answer: str, code: int) -> tuple[Any, ...]:
    """The action's last step, with a program `pixelgate` that writes down how it was called."""
    program = tmp_path / "bin" / "pixelgate"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"json.dump(sys.argv[1:], open({str(tmp_path / 'called')!r}, 'w'))\n"
        f"print({answer!r}) if {answer!r} else None\nsys.exit({code})\n"
    )
    program.chmod(0o755)
    given = {name: d.get("default", "") for name, d in ACTION["inputs"].items()} | inputs
    environ = {
        name: given[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", value)[1]]  # type: ignore[index]
        for name, value in UPLOAD["env"].items()
    }
    output = tmp_path / "output"
    output.touch()
    path = f"{program.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", UPLOAD["run"]],
        env={**environ, "PATH": path, "GITHUB_OUTPUT": str(output)},
        capture_output=True, text=True, cwd=tmp_path, timeout=300,
    )  # fmt: skip
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return done.returncode, json.loads((tmp_path / "called").read_text()), outputs


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_action_ends_as_the_program_does(tmp_path: Path, code: int) -> None:
    said = {"build": "9001-1", "result": "needs review", "verdict": "needs_review"}
    ended, called, outputs = run_step(tmp_path, {}, json.dumps(said), code)
    assert (ended, called) == (code, ["upload", "--json", "--wait"])
    assert outputs == {
        "exit-code": str(code),
        "build": "9001-1",
        "result": "needs review",
        "json": json.dumps(said),
    }


def test_a_failure_without_a_word_on_stdout(tmp_path: Path) -> None:
    ended, _, outputs = run_step(tmp_path, {}, "", 2)
    assert (ended, outputs) == (2, {"exit-code": "2"})


def test_every_input_reaches_the_program_as_one_word(tmp_path: Path) -> None:
    inputs = {
        "folder": "my shots; rm -rf /", "from": "$(id)", "include": "a b/*\n`id`\n",
        "exclude": "*/debug/*", "wait": "false", "fail-on": "changed,$(id)",
        "exit-zero-on-changes": "true", "require-baseline": "true", "selective": "true",
        "all-names": "a b.txt", "junit": "`id`.xml",
    }  # fmt: skip
    _, called, outputs = run_step(tmp_path, inputs, '{"build": "b"}', 0)
    assert called == [
        "upload", "--json", "my shots; rm -rf /", "--from", "$(id)", "--include", "a b/*",
        "--include", "`id`", "--exclude", "*/debug/*", "--fail-on", "changed,$(id)",
        "--exit-zero-on-changes", "--require-baseline", "--selective", "--all-names", "a b.txt",
        "--junit", "`id`.xml",
    ]  # fmt: skip
    assert outputs["result"] == "uploaded"


def test_no_input_is_text_of_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    used = json.dumps(ACTION["runs"])
    assert [name for name in ACTION["inputs"] if f"inputs.{name} " not in used] == []


@pytest.mark.parametrize(
    ("name", "template"), [("github-workflow.yml", GITHUB), ("gitlab-ci.yml", GITLAB)]
)
def test_the_examples_are_what_init_writes(name: str, template: str) -> None:
    assert (EXAMPLES / name).read_text() == filled(template, VALUES)


# Everything that tells somebody how to install pixelgate.
INSTALLING = [
    *(ROOT / name for name in ("README.md", "action.yml", "functions/pixelgate/cli/templates.py")),
    *ROOT.glob("docs/*.md"), *EXAMPLES.glob("*.yml"), *ROOT.glob("templates/*.yml"),
    *ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("tools/*/*.yml"), *ROOT.glob("tools/*/*.sh"),
]  # fmt: skip
BARE = re.compile(
    r"""(?:install|uvx|--from|--with|pipx run)\s+(?:-\S+\s+)*["']?pixelgate(?:-compare)?"""
    r"""(?:\[[\w,]+\])?(?!\s*@ )["']?(?:\s|$|==|>)"""
)


@pytest.mark.parametrize("path", INSTALLING, ids=lambda path: path.name)
def test_nothing_is_installed_by_the_bare_name_which_is_not_ours(path: Path) -> None:
    assert BARE.findall(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    ["pip install pixelgate", "uvx --from 'pixelgate[compare]' pixelgate compare a b",
     "uv pip install -q pixelgate==0.2.0", 'pip install "pixelgate-compare"', "uvx pixelgate"],
)  # fmt: skip
def test_a_bare_name_is_found(line: str) -> None:
    assert BARE.search(line)
    assert not BARE.search('pip install "pixelgate @ https://example.com/p.whl#sha256=0"')


JOBS = [EXAMPLES / "buildkite.yml", EXAMPLES / "circleci.yml", ROOT / "templates/pixelgate.yml"]


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_other_ci_systems_install_a_pinned_commit_before_the_job_has_a_token(path: Path) -> None:
    *_, job = yaml.safe_load_all(path.read_text())
    text = yaml.safe_dump(job, width=10_000)
    installed, token = text.index("install.sh"), re.search(r"oidc|PIXELGATE_TOKEN\\?\"", text)
    assert text.index("fetch --quiet --depth 1") < installed
    assert token is not None
    assert installed < token.start()


def test_inputs_of_the_gitlab_component_are_no_text_of_its_script() -> None:
    spec, component = yaml.safe_load_all((ROOT / "templates/pixelgate.yml").read_text())
    script = component["pixelgate"]["script"]
    assert "$[[" not in json.dumps(script)
    used = set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", json.dumps(component)))
    assert used == set(spec["spec"]["inputs"])


WORKFLOWS = [ROOT / "action.yml", *sorted(ROOT.glob(".github/workflows/*.yml")),
             *sorted(ROOT.glob("tools/*/action.yml")), EXAMPLES / "github-approve.yml"]  # fmt: skip


@pytest.mark.parametrize(
    "text", [GITHUB, *(path.read_text() for path in WORKFLOWS)], ids=["init", *map(str, WORKFLOWS)]
)
def test_actions_of_others_are_pinned_by_commit(text: str) -> None:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    used = re.findall(r"uses: (\S+)", "\n".join(lines))
    used = [u for u in used if not u.startswith("<owner>/pixelgate")]
    assert used
    assert [u for u in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", u)] == []


def test_nothing_is_installed_or_tested_by_who_has_the_role() -> None:
    job = yaml.safe_load(filled(GITHUB, VALUES))["jobs"]["screenshots"]
    kinds = [s.get("uses", s.get("run", "")).split("@")[0].split(" ")[0] for s in job["steps"]]
    role = kinds.index("aws-actions/configure-aws-credentials")
    assert kinds[role + 1 :] == ["pixelgate"]
    [script] = [j["script"] for j in [yaml.safe_load(filled(GITLAB, VALUES))["pixelgate"]]]
    assert [line.split(" ")[0].rpartition("/")[2] for line in script] == [
        "git", "git", "git", "install.sh", "make", "printf", "pixelgate",
    ]  # fmt: skip
    steps = ACTION["runs"]["steps"]
    assert "configure-aws-credentials" in steps[-2]["uses"]
    assert "tools/install/install.sh" in steps[-3]["run"]


def test_a_fork_s_pull_request_starts_no_job_that_needs_a_role() -> None:
    job = yaml.safe_load(filled(GITHUB, VALUES))["jobs"]["screenshots"]
    assert job["if"] == (
        "github.event_name == 'push' || "
        "github.event.pull_request.head.repo.full_name == github.repository"
    )
    [of_request, _] = yaml.safe_load(filled(GITLAB, VALUES))["pixelgate"]["rules"]
    assert of_request["if"].endswith("&& $CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID")


def test_the_baseline_branch_s_job_takes_another_role() -> None:
    job = yaml.safe_load(filled(GITHUB, VALUES))["jobs"]["screenshots"]
    assert job["steps"][0]["with"] == {"fetch-depth": 0, "persist-credentials": False}
    [role] = [s["with"]["role-to-assume"] for s in job["steps"] if "aws" in s.get("uses", "")]
    chosen = "github.event_name == 'push' && vars.PIXELGATE_TRUNK_ROLE || vars.PIXELGATE_ROLE"
    assert role == f"${{{{ {chosen} }}}}"
    of_gitlab = yaml.safe_load(filled(GITLAB, VALUES))["pixelgate"]
    assert of_gitlab["variables"]["AWS_REGION"] == "$PIXELGATE_REGION"
    roles = [rule["variables"]["AWS_ROLE_ARN"] for rule in of_gitlab["rules"]]
    assert roles == ["$PIXELGATE_ROLE", "$PIXELGATE_TRUNK_ROLE"]


APPROVING = EXAMPLES / "github-approve.yml"


def test_the_workflow_of_comments_runs_for_new_ones_on_pull_requests() -> None:
    workflow = yaml.safe_load(APPROVING.read_text())
    assert workflow[True] == {"issue_comment": {"types": ["created"]}}  # YAML's "on"
    job = workflow["jobs"]["review"]
    assert job["if"] == (
        "github.event.issue.pull_request && startsWith(github.event.comment.body, '/pixelgate ')"
    )
    # issue_comment takes the file from the default branch only. workflow_call and others would not.
    assert "workflow_call" not in APPROVING.read_text()


def test_the_workflow_of_comments_has_the_least_permissions_and_no_code_of_the_repository() -> None:
    workflow = yaml.safe_load(APPROVING.read_text())
    assert workflow["permissions"] == {}
    [job] = workflow["jobs"].values()
    assert job["permissions"] == {"id-token": "write", "pull-requests": "write"}
    used = [step["uses"].split("@")[0] for step in job["steps"] if "uses" in step]
    assert used == ["actions/setup-python", "<owner>/pixelgate/tools/install",
                    "aws-actions/configure-aws-credentials"]  # fmt: skip


def test_the_workflow_of_comments_has_no_expression_in_a_shell_line() -> None:
    [job] = yaml.safe_load(APPROVING.read_text())["jobs"].values()
    lines = [step["run"] for step in job["steps"] if "run" in step]
    assert lines == ["pixelgate review-comment --check", "pixelgate review-comment",
                     "pixelgate review-comment --failed"]  # fmt: skip
    # What a stranger wrote is in no expression but the condition, which no shell reads.
    expressions = re.findall(r"\$\{\{ (.*?) \}\}", APPROVING.read_text())
    assert {e for e in expressions if "event" in e or "actor" in e or "head" in e} == set()


def test_the_workflow_of_comments_takes_its_role_after_the_check_and_under_the_commenter() -> None:
    [job] = yaml.safe_load(APPROVING.read_text())["jobs"].values()
    *_, check, role, review, failed = job["steps"]
    assert (check["id"], role["id"]) == ("check", "role")
    allowed = "steps.check.outputs.allowed == 'true'"
    assert (role["if"], review["if"]) == (allowed, allowed)
    assert failed["if"] == "failure() && steps.role.outcome == 'failure'"
    assert role["with"] == {
        "role-to-assume": "${{ vars.PIXELGATE_APPROVE_ROLE }}",
        "role-session-name": "${{ steps.check.outputs.session }}",
        "aws-region": "${{ vars.AWS_REGION }}",
    }


# ---- the roles ------------------------------------------------------------------------------

_ACTIONS = {
    "PutObject": "s3:PutObject",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
}
Asked = tuple[str, str]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClientBucket]:
    """A bucket of moto's, which every command gets."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with aws.s3() as client:
        yield ClientBucket(client, aws.make_bucket(client))


@pytest.fixture
def asked(run: Cli, store: ClientBucket, monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Every permission that commands make use of."""
    found: list[Asked] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in _ACTIONS:
            found.append((_ACTIONS[model.name], params.get("Key") or params["Prefix"]))

    store._client.meta.events.register("provide-client-params.s3.*", note)
    monkeypatch.setattr(bootstrap, "open_bucket", lambda name: store)
    return found


def is_allowed(role: str, action: str, key: str) -> bool:
    """Whether a role's policy grants it: Allow statements on keys, or on prefixes of a listing."""
    policy = json.loads((EXAMPLES / role).read_text().replace("PROJECT", "shop"))
    for statement in policy["Statement"]:
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        if action not in statement["Action"] or statement["Effect"] != "Allow":
            continue
        if action == "s3:ListBucket":
            patterns = statement["Condition"]["StringLike"]["s3:prefix"]
        else:
            patterns = [r.removeprefix("arn:aws:s3:::BUCKET/") for r in statement["Resource"]]
        if any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns):
            return True
    return False


def refused(role: str, asked: list[Asked]) -> list[Asked]:
    return [ask for ask in asked if not is_allowed(role, *ask)]


def test_the_ci_role_is_enough_for_ci_and_no_more(
    run: Cli, asked: list[Asked], store: ClientBucket
) -> None:
    tell(store, "7", **NEEDS_REVIEW)
    asked.clear()
    assert run("upload", "shots", "--build", "7", "--wait").code == 1
    assert run("upload", "shots", "--build", "7").code == 0
    assert run("upload", "shots", "--shard", "1/2", "--parallel-id", "8").code == 0
    assert run("status", "8").code == 0
    assert run("wait", "8", "--timeout", "0.1").code == 3
    assert run("finalize", "8").code == 0
    assert run("status", "7").code == 0
    assert run("wait", "--exit-zero-on-changes").code == 0
    assert {action for action, _ in asked} == set(_ACTIONS.values())
    assert refused("role-ci.json", asked) == []
    asked.clear()
    assert run("approve", "7").code == 0
    assert {key.split("/")[0] for _, key in refused("role-ci.json", asked)} == {"reviews"}


def test_the_trunk_role_is_enough_for_the_baseline_branch_and_no_more(
    run: Cli, asked: list[Asked], store: ClientBucket
) -> None:
    tell(store, "trunk.7")
    asked.clear()
    assert run("upload", "shots", "--build", "7", "--trunk", "--wait").code == 0
    assert refused("role-trunk.json", asked) == []
    asked.clear()
    assert run("upload", "shots", "--build", "7").code == 0
    put = ("s3:PutObject", "uploads/shop/7/manifest.json")
    assert refused("role-trunk.json", asked) == [put]


def test_the_trunk_role_is_enough_to_import_a_baseline(
    run: Cli, asked: list[Asked], store: ClientBucket
) -> None:
    tell(store, "7", **NEEDS_REVIEW)
    asked.clear()
    assert run("import-baseline", "shots").code == 0
    assert {key.split("/")[0] for _, key in asked} == {"builds", "images", "uploads"}
    assert refused("role-trunk.json", asked) == []


def test_the_fork_role_is_enough_for_a_forks_upload_and_no_more(
    run: Cli, asked: list[Asked], store: ClientBucket
) -> None:
    tell(store, "fork.7")
    asked.clear()
    assert run("upload", "shots", "--build", "7", "--fork", "--wait").code == 0
    assert refused("role-fork.json", asked) == []
    asked.clear()
    assert run("upload", "shots", "--build", "7").code == 0
    assert ("s3:PutObject", "uploads/shop/7/manifest.json") in refused("role-fork.json", asked)


def test_the_reviewers_role_is_enough_to_review_and_no_more(
    run: Cli, asked: list[Asked], store: ClientBucket, tmp_path: Path
) -> None:
    tell(store, "7", **NEEDS_REVIEW)
    asked.clear()
    assert run("history").code == 0
    assert run("status", "7").code == 0
    assert run("report", "7", "--out", tmp_path / "out").code == 0
    assert run("approve", "7", "a.png").code == 0
    assert run("reject", "7").code == 0
    assert refused("role-reviewer.json", asked) == []
    asked.clear()
    assert run("upload", "shots", "--build", "8").code == 0
    puts = {key.split("/")[0] for action, key in refused("role-reviewer.json", asked)}
    assert puts == {"images", "uploads"}


def test_the_approve_role_is_enough_for_a_review_by_comment_and_no_more(
    run: Cli, asked: list[Asked], store: ClientBucket, tmp_path: Path
) -> None:
    rejected = {"state": "rejected", "left": 0, "by": ["AWS:X:bob"]}
    tell(store, "7", **NEEDS_REVIEW, pull_request="5", review=rejected)
    log = {"execution": "e1", "decisions": {}, "reviews": {
        "r": {"id": "r", "action": "reject", "by": "AWS:X:bob", "whole": False,
              "at": "2026-01-01T10:00:00.000Z"}
    }}  # fmt: skip
    store.write("builds/shop/7/review.json", json.dumps(log).encode(), "x")
    kept = {"written": {"action": "reject", "names": ["a.png"]}}
    store.write("builds/shop/7/reviews/r.json", json.dumps(kept).encode(), "x")
    asked.clear()
    with github() as fake:
        fake.members = {"ada": ("write", 7)}
        comment = Comment(fake, run, tmp_path)
        words = "/pixelgate approve --yes shop/7.e1"
        assert comment(words, "--check", account=7).code == 0
        assert asked == []
        assert comment(words, "--timeout", "0.01", account=7).code == 3
        assert comment("/pixelgate approve shop/8.e1", account=7).code == 0
    assert {action for action, _ in asked} == {"s3:PutObject", "s3:GetObject"}
    assert refused("role-approve.json", asked) == []
    for action, key in (("s3:ListBucket", "builds/shop/"), ("s3:ListBucket", "comparisons/shop/x")):
        assert is_allowed("role-approve.json", action, key)
    asked.clear()
    assert run("report", "7", "--out", tmp_path / "out").code == 0
    assert run("upload", "shots", "--build", "9").code == 0
    beyond = {key.split("/")[0] for _, key in refused("role-approve.json", asked)}
    assert beyond == {"images", "uploads"}


def test_no_role_reaches_beyond_its_project() -> None:
    for path in EXAMPLES.glob("role-*.json"):
        for statement in json.loads(path.read_text())["Statement"]:
            # Whoever runs the stack has its queue, its functions and its table, which are one.
            whole = {"role-operator.json", "role-projects.json"}
            if path.name in whole and ":s3:" not in statement["Resource"][0]:
                continue
            for resource in statement["Resource"]:
                ours = "/PROJECT/" in resource or "/NEWNAME/" in resource
                assert resource == "arn:aws:s3:::BUCKET" or ours
