"""Makes the roles of examples/ci/roles.yaml in an embedded cloud, and takes them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from .cloud import ACCOUNT
from .deploy import create_stack
from .files import data_file
from .issuer import Issuer

if TYPE_CHECKING:
    from .cloud import EmbeddedCloud

GITHUB, GITLAB = "https://token.actions.githubusercontent.com", "https://gitlab.com"
REPOSITORY = "repo:acme@11/shop@22"  # as GitHub names it in tokens, with both ids
# GitHub's jobs: the role in the template, and the end of the subject of the job's token.
JOBS = {
    "trunk": ("GitHubTrunkRole", "ref:refs/heads/main"),
    "ci": ("GitHubCiRole", "pull_request"),
    "fork": ("GitHubForkRole", "environment:pixelgate-forks"),
}
PEOPLE = {"reviewer": "ReviewerPolicy", "operator": "OperatorPolicy"}
BY_ROOT = f"""{{
  "Version": "2012-10-17",
  "Statement": [{{
    "Effect": "Allow",
    "Principal": {{"AWS": "arn:aws:iam::{ACCOUNT}:root"}},
    "Action": "sts:AssumeRole"
  }}]
}}"""


@dataclass(frozen=True)
class Roles:
    """The roles of one project: their physical names by logical id, as the stack has made them."""

    cloud: EmbeddedCloud
    project: str
    resources: Mapping[str, str]
    github: Issuer

    def take(self, name: str) -> dict[str, str]:
        """Takes a role; returns environment variables with its credentials.

        Args:
            name: trunk, ci or fork, or, for people, reviewer or operator.
        """
        if name in JOBS:
            role, subject = JOBS[name]
            token = self.github.token(f"{REPOSITORY}:{subject}", time.time() + 3600)
            return self.cloud.assume_with_token(self.resources[role], token)
        iam, role = self.cloud.client("iam"), f"{name}-of-{self.project}"
        try:
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=BY_ROOT)
        except iam.exceptions.EntityAlreadyExistsException:
            pass
        else:
            iam.attach_role_policy(RoleName=role, PolicyArn=self.resources[PEOPLE[name]])
        return self.cloud.assume(role, name)


@cache
def issuer(cloud: EmbeddedCloud, url: str) -> Issuer:
    """Makes an issuer that stands for the one at the address; STS trusts its keys."""
    made = Issuer(url)
    cloud.trust_issuer(url, made.keys)
    return made


def deploy_roles(cloud: EmbeddedCloud, project: str, **more: str) -> Roles:
    """Deploys the stack of a project's roles, for the repository acme/shop on both forges.

    `more` are further parameters of the template. MiniStack's CloudFormation cannot make an OIDC
    provider, so IAM makes them first.
    """
    parameters = {
        "Bucket": cloud.bucket,
        "Project": project,
        "GitHubOwner": "acme",
        "GitHubOwnerId": "11",
        "GitHubRepository": "shop",
        "GitHubRepositoryId": "22",
        "ExistingGitHubProvider": provider(cloud, GITHUB),
        "GitLabProject": "acme/web/shop",
        "ExistingGitLabProvider": provider(cloud, GITLAB),
        "Stack": cloud.stack.name,
        "Queue": cloud.stack.outputs["FailedEvents"].rpartition("/")[2],
        "Table": cloud.table,
        **more,
    }
    name = re.sub("[^A-Za-z0-9]+", "-", f"roles-of-{project}")
    stack = create_stack(
        cloud.client("cloudformation"),
        name,
        parameters,
        TemplateBody=data_file("roles.yaml").read_text("utf-8"),
    )
    return Roles(cloud, project, stack.resources, issuer(cloud, GITHUB))


def provider(cloud: EmbeddedCloud, url: str) -> str:
    """Makes an OIDC provider of the account unless it has it; returns its ARN."""
    iam = cloud.client("iam")
    try:
        made = iam.create_open_id_connect_provider(
            Url=url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
        )
    except iam.exceptions.EntityAlreadyExistsException:
        return f"arn:aws:iam::{ACCOUNT}:oidc-provider/{url.removeprefix('https://')}"
    return str(made["OpenIDConnectProviderArn"])
