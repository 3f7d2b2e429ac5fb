"""Makes the roles of examples/ci in an embedded cloud, and takes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .cloud import ACCOUNT, REGION, ROOT

if TYPE_CHECKING:
    from .cloud import EmbeddedCloud

EXAMPLES = ROOT / "examples" / "ci"
# Whoever is in the account may take the role: how a real CI job gets it is its trust policy's part.
_BY_ROOT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def take_role(cloud: EmbeddedCloud, name: str, project: str) -> dict[str, str]:
    """Makes a role for a project and takes it; returns environment variables with credentials.

    Args:
        cloud: with the stack that the role is for.
        name: which of the examples: ci, fork, reviewer or operator.
        project: the project that the role is limited to.
    """
    role = make_role(cloud, name, project, json.dumps(_BY_ROOT))
    return cloud.assume(role, name)


def make_role(cloud: EmbeddedCloud, name: str, project: str, trust: str) -> str:
    """Makes a role for a project unless it exists; returns its name.

    Args:
        cloud: with the stack that the role is for.
        name: which of the examples.
        project: the project that the role is limited to.
        trust: the role's trust policy.
    """
    iam, role = cloud.client("iam"), f"{cloud.stack.name}-{name}-{project}"
    try:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
    except iam.exceptions.EntityAlreadyExistsException:
        return role
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy(cloud, name, project))
    return role


def policy(cloud: EmbeddedCloud, name: str, project: str) -> str:
    """The policy of an example with the names of this cloud's stack."""
    text = (EXAMPLES / f"role-{name}.json").read_text()
    names = {
        "ACCOUNT": ACCOUNT,
        "BUCKET": cloud.bucket,
        "PROJECT": project,
        "QUEUE": cloud.stack.outputs["FailedEvents"].rpartition("/")[2],
        "REGION": REGION,
        "STACK": cloud.stack.name,
        "TABLE": cloud.table,
    }
    for placeholder, value in names.items():
        text = text.replace(placeholder, value)
    return text
