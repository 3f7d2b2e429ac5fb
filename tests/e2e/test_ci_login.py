"""CI jobs take the roles of examples/ci with tokens that a local issuer has signed."""

from __future__ import annotations

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
    return deploy_roles(cloud, "login").resources


def taken(cloud: EmbeddedCloud, role: str, token: str) -> str:
    """Takes the role with a token; returns "OK", or STS's error code."""
    try:
        cloud.assume_with_token(role, token)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "OK"


TRUNK, CI, FORK = "GitHubTrunkRole", "GitHubCiRole", "GitHubForkRole"
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
