"""CI jobs take the roles of examples/ci with tokens that a local issuer has signed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import pytest
from botocore.exceptions import ClientError

from pixelgate.sandbox.cloud import EmbeddedCloud
from pixelgate.sandbox.issuer import Issuer
from pixelgate.sandbox.roles import GITHUB, GITLAB, REPOSITORY, deploy_roles, issuer

pytestmark = pytest.mark.e2e

HOUR = 3600
OLD, NEW = "repo:acme/shop", REPOSITORY
WEB = "project_path:acme/web/shop"
MAIN = {GITHUB: f"{NEW}:ref:refs/heads/main", GITLAB: f"{WEB}:ref_type:branch:ref:main"}


@pytest.fixture(scope="module")
def issuers(cloud: EmbeddedCloud) -> Mapping[str, Issuer]:
    """GitHub and GitLab, whose keys STS fetches."""
    return {url: issuer(cloud, url) for url in (GITHUB, GITLAB)}


@pytest.fixture(scope="module")
def roles(cloud: EmbeddedCloud) -> Mapping[str, str]:
    """Roles of a project, by logical id."""
    return deploy_roles(cloud, "login", GitHubApproveWorkflow="github-approve.yml").resources


def taken(cloud: EmbeddedCloud, role: str, token: str) -> str:
    """Takes the role with a token; returns "OK", or STS's error code."""
    try:
        cloud.assume_with_token(role, token)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "OK"


TRUNK, CI, FORK = "GitHubTrunkRole", "GitHubCiRole", "GitHubForkRole"
APPROVE = "GitHubApproveRole"
WORKFLOWS = "acme/shop/.github/workflows"
# What GitHub says of the job that a comment starts; the subject is that of the default branch.
COMMENT = {
    "repository_id": "22",
    "ref": "refs/heads/main",
    "job_workflow_ref": f"{WORKFLOWS}/github-approve.yml@refs/heads/main",
    "actor_id": "583231",
}
ON_GITLAB = {"GitLabTrunkRole", "GitLabCiRole"}


@pytest.mark.parametrize(
    ("url", "subject", "expected"),
    [
        pytest.param(GITHUB, MAIN[GITHUB], {TRUNK, CI}, id="GitHub, main"),
        pytest.param(GITHUB, f"{NEW}:ref:refs/heads/topic", {CI}, id="another branch"),
        pytest.param(GITHUB, f"{NEW}:pull_request", {CI}, id="a pull request"),
        pytest.param(GITHUB, f"{NEW}:environment:pixelgate-forks", {FORK}, id="forks' job"),
        pytest.param(GITHUB, f"{NEW}:environment:production", set(), id="another workflow"),
        pytest.param(GITHUB, f"{NEW}:ref:refs/tags/main", set(), id="a tag"),
        pytest.param(GITHUB, f"{OLD}:ref:refs/heads/main", set(), id="the old subject"),
        pytest.param(GITHUB, "repo:evil@9/shop@8:pull_request", set(), id="a fork"),
        pytest.param(GITHUB, "repo:acme@11/shop@99:pull_request", set(), id="another repository"),
        pytest.param(GITHUB, "repo:Acme@11/shop@22:pull_request", set(), id="another case"),
        pytest.param(GITLAB, MAIN[GITLAB], ON_GITLAB, id="GitLab, main"),
        pytest.param(GITLAB, f"{WEB}:ref_type:branch:ref:topic", {"GitLabCiRole"}, id="a branch"),
        pytest.param(GITLAB, f"{WEB}:ref_type:tag:ref:main", set(), id="GitLab, a tag"),
        pytest.param(GITLAB, "project_path:evil/shop:ref_type:branch:ref:main", set(),
                     id="GitLab, a fork"),
    ],
)  # fmt: skip
def test_a_token_gets_these_roles_and_no_others(
    cloud: EmbeddedCloud,
    issuers: Mapping[str, Issuer],
    roles: Mapping[str, str],
    url: str,
    subject: str,
    expected: set[str],
) -> None:
    token = issuers[url].token(subject, time.time() + HOUR)
    every = {name for name in roles if name.endswith("Role")}
    answers = {name: taken(cloud, roles[name], token) for name in every}
    assert {name for name, answer in answers.items() if answer == "OK"} == expected
    assert {answers[name] for name in every - expected} <= {"AccessDenied"}


@pytest.mark.parametrize("url", [GITHUB, GITLAB])
def test_a_wrong_token_gets_no_role(
    cloud: EmbeddedCloud, issuers: Mapping[str, Issuer], roles: Mapping[str, str], url: str
) -> None:
    right, other = issuers[url], issuers[GITLAB if url == GITHUB else GITHUB]
    later = time.time() + HOUR
    role = roles[TRUNK if url == GITHUB else "GitLabTrunkRole"]
    forged = Issuer(url).token(MAIN[url], later)
    unknown = Issuer("https://ci.example.com").token(MAIN[url], later)
    audience = right.token(MAIN[url], later, "https://gitlab.com")
    assert taken(cloud, role, forged) == "InvalidIdentityToken"
    assert taken(cloud, role, unknown) == "InvalidIdentityToken"
    assert taken(cloud, role, audience) == "InvalidIdentityToken"
    assert taken(cloud, role, "no.token.at-all") == "InvalidIdentityToken"
    expired = right.token(MAIN[url], time.time() - HOUR)
    assert taken(cloud, role, expired) == "ExpiredTokenException"
    assert taken(cloud, role, other.token(MAIN[url], later)) == "AccessDenied"


def test_the_workflow_of_comments_gets_its_role(
    cloud: EmbeddedCloud, issuers: Mapping[str, Issuer], roles: Mapping[str, str]
) -> None:
    token = issuers[GITHUB].token(MAIN[GITHUB], time.time() + HOUR, more=COMMENT)
    every = {name for name in roles if name.endswith("Role")}
    assert {n for n in every if taken(cloud, roles[n], token) == "OK"} == {TRUNK, CI, APPROVE}


@pytest.mark.parametrize(
    ("subject", "changed"),
    [
        pytest.param(f"{NEW}:ref:refs/heads/topic",
                     {"ref": "refs/heads/topic",
                      "job_workflow_ref": f"{WORKFLOWS}/github-approve.yml@refs/heads/topic"},
                     id="another branch"),
        pytest.param(MAIN[GITHUB],
                     {"job_workflow_ref": f"{WORKFLOWS}/github-approve.yml@refs/heads/topic"},
                     id="the workflow of another branch, called from main"),
        pytest.param(MAIN[GITHUB],
                     {"job_workflow_ref": f"{WORKFLOWS}/pixelgate.yml@refs/heads/main"},
                     id="another workflow"),
        pytest.param(MAIN[GITHUB],
                     {"job_workflow_ref":
                      "evil/shop/.github/workflows/github-approve.yml@refs/heads/main"},
                     id="another repository's workflow"),
        pytest.param(MAIN[GITHUB], {"repository_id": "98"}, id="another repository's id"),
        pytest.param(f"{NEW}:pull_request", {"ref": "refs/pull/5/merge"}, id="a pull request"),
        pytest.param(MAIN[GITHUB], {"ref": "refs/pull/5/merge"}, id="only its ref"),
        pytest.param(MAIN[GITHUB], {"ref": None}, id="no ref"),
        pytest.param(MAIN[GITHUB], {"repository_id": None}, id="no repository"),
        pytest.param(MAIN[GITHUB], {"job_workflow_ref": None}, id="no workflow"),
    ],
)  # fmt: skip
def test_no_other_job_gets_the_role_of_comments(
    cloud: EmbeddedCloud,
    issuers: Mapping[str, Issuer],
    roles: Mapping[str, str],
    subject: str,
    changed: Mapping[str, str | None],
) -> None:
    claims = {name: said for name, said in {**COMMENT, **changed}.items() if said is not None}
    token = issuers[GITHUB].token(subject, time.time() + HOUR, more=claims)
    assert taken(cloud, roles[APPROVE], token) == "AccessDenied"
    # An issuer of other claims does not speak for GitHub.
    other = issuers[GITLAB].token(MAIN[GITHUB], time.time() + HOUR, more=COMMENT)
    assert taken(cloud, roles[APPROVE], other) == "AccessDenied"


def test_the_role_of_comments_may_be_for_some_accounts_only(
    cloud: EmbeddedCloud, issuers: Mapping[str, Issuer]
) -> None:
    named = {"GitHubApproveWorkflow": "github-approve.yml", "GitHubApproverIds": "7,583231"}
    role = deploy_roles(cloud, "login-by-list", **named).resources[APPROVE]
    for account, answer in (("583231", "OK"), ("7", "OK"), ("58323", "AccessDenied")):
        claims = {**COMMENT, "actor_id": account}
        token = issuers[GITHUB].token(MAIN[GITHUB], time.time() + HOUR, more=claims)
        assert taken(cloud, role, token) == answer


def test_a_claim_is_looked_at_when_the_role_is_taken_and_never_after(
    cloud: EmbeddedCloud, issuers: Mapping[str, Issuer]
) -> None:
    role = deploy_roles(cloud, "login-later", GitHubApproveWorkflow="github-approve.yml").resources
    iam, host = cloud.client("iam"), GITHUB.removeprefix("https://")
    token = issuers[GITHUB].token(MAIN[GITHUB], time.time() + HOUR, more=COMMENT)
    session = cloud.client("s3", cloud.assume_with_token(role[APPROVE], token, "ada@github.1"))
    for condition, allowed in ((f"{host}:actor_id", False), (None, True)):
        statement: dict[str, object] = {
            "Effect": "Allow", "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{cloud.bucket}/images/login-later/*",
        }  # fmt: skip
        if condition:
            statement["Condition"] = {"StringEquals": {condition: "583231"}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=role[APPROVE], PolicyName="more", PolicyDocument=document)
        cloud.client("s3").put_object(Bucket=cloud.bucket, Key="images/login-later/x", Body=b"x")
        if allowed:
            session.get_object(Bucket=cloud.bucket, Key="images/login-later/x")
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                session.get_object(Bucket=cloud.bucket, Key="images/login-later/x")
