"""A project is listed, renamed and deleted in the deployed stack, under the role made for that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.conftest import Run
from e2e.deployed import get, listed, pictures, record_of, review, versions
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import ACCOUNT, ROOT, EmbeddedCloud
from pixelgate.sandbox.roles import BY_ROOT, Roles
from uploader import Uploader

pytestmark = pytest.mark.e2e

POLICY = ROOT / "examples" / "ci" / "role-projects.json"


def take(cloud: EmbeddedCloud, project: str, new: str) -> dict[str, str]:
    """Takes a role with the policy of examples/ci; returns its credentials as variables."""
    text = POLICY.read_text(encoding="utf-8")
    known = {"NEWNAME": new, "PROJECT": project, "BUCKET": cloud.bucket, "ACCOUNT": ACCOUNT,
             "REGION": "us-east-1", "TABLE": cloud.table, "STACK": cloud.stack.name}  # fmt: skip
    for name, value in known.items():
        text = text.replace(name, value)
    iam, role = cloud.client("iam"), f"mover-of-{project}"[:64]
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=BY_ROOT)
    iam.put_role_policy(RoleName=role, PolicyName="move", PolicyDocument=text)
    return cloud.assume(role, "mover")


def test_a_project_gets_another_name_and_goes(
    cloud: EmbeddedCloud, uploader: Uploader, roles: Roles, run: Run, tmp_path: Path
) -> None:
    old, new = roles.project, f"{roles.project}-2"
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 2, 1), commit="c1"))
    head = uploader.upload(
        "head", pictures(tmp_path / "b", 2, 2), commit="c2", base_commit="c1", branch="topic"
    )
    assert uploader.wait(head)["verdict"] == "needs_review"
    review(cloud, head, action="approve")
    cloud.wait_until_idle()
    told = len(cloud.logs().splitlines())
    credentials = take(cloud, old, new)

    shown = run("projects", "list", "--json", PIXELGATE_PROJECT=old, **credentials)
    assert shown.returncode == 0, shown.stderr
    [one] = json.loads(shown.stdout)["projects"]
    assert (one["builds"], one["snapshots"], one["runs"]) == (2, 2, 2)
    assert one["dollars"] > 0
    # The table is found in the outputs of the stack, whose name is in the bucket's.
    dry = run("projects", "rename", old, new, "--dry-run", **credentials)
    assert (dry.returncode, "nothing was changed" in dry.stderr) == (0, True), dry.stderr
    done = run("projects", "rename", old, new, "--yes", **credentials)
    assert done.returncode == 0, done.stderr
    # No function has run: no copy is an event.
    cloud.wait_until_idle()
    assert len(cloud.logs().splitlines()) == told
    assert listed(cloud, *(f"{top}/{old}/" for top in ("builds", "images", "comparisons"))) == []
    assert record_of(cloud, old, "build/base") == {}
    assert record_of(cloud, new, "build/head")["review"] == "approved"
    status = get(cloud, keys.status(BuildId(new, "head")))
    assert (status["project"], status["review"]["state"]) == (new, "approved")
    assert listed(cloud, status["report"]) == [status["report"]]
    # The versions of what was removed are the undo.
    assert keys.status(BuildId(old, "head")) in versions(cloud, f"builds/{old}/")

    later = Uploader(cloud.client("s3"), cloud.bucket, new)
    third = later.upload(
        "third", pictures(tmp_path / "c", 2, 2), commit="c3", branch="topic", base_commit="c1"
    )
    assert later.wait(third)["base"] == "base"
    cloud.wait_until_idle()
    gone = run("projects", "delete", new, "--yes", **credentials)
    assert gone.returncode == 0, gone.stderr
    assert listed(cloud, *(f"{top}/{new}/" for top in ("builds", "images", "uploads"))) == []
    assert record_of(cloud, new, "build/third") == {}


def test_an_operator_names_neither_table_nor_queue_nor_branches(
    cloud: EmbeddedCloud, uploader: Uploader, roles: Roles, run: Run, tmp_path: Path
) -> None:
    uploader.wait(uploader.upload("base", pictures(tmp_path / "a", 1, 1)))
    operator = roles.take("operator")
    done = run("admin", "gc", **operator)
    assert done.returncode == 0, done.stderr
    assert f"{roles.project}: builds kept: 1 young" in done.stdout
    listed_events = run("admin", "failed", **operator)
    assert listed_events.returncode == 0, listed_events.stderr
    refused = run("projects", "rename", roles.project, "other", "--yes", **operator)
    assert (refused.returncode, "AWS refuses" in refused.stderr) == (2, True)
