"""CI jobs take the roles of examples/ci with tokens that a local issuer has signed."""

from __future__ import annotations

import time
from collections.abc import Mapping

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from embedded_cloud.cloud import ACCOUNT, EmbeddedCloud
from embedded_cloud.roles import EXAMPLES, make_role
from support.oidc import Issuer

pytestmark = pytest.mark.e2e

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
HOUR = 3600
MAIN = {GITHUB: "repo:acme/shop:ref:refs/heads/main",
        GITLAB: "project_path:acme/shop:ref_type:branch:ref:main"}  # fmt: skip


@pytest.fixture(scope="module")
def issuers(cloud: EmbeddedCloud) -> Mapping[str, Issuer]:
    """GitHub and GitLab, registered in the account and with the keys that STS fetches."""
    made = {url: Issuer(url) for url in (GITHUB, GITLAB)}
    for url, issuer in made.items():
        cloud.client("iam").create_open_id_connect_provider(
            Url=url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
        )
        cloud.trust_issuer(url, issuer.keys)
    return made


@pytest.fixture(scope="module")
def roles(cloud: EmbeddedCloud) -> Mapping[str, str]:
    """The name of CI's role for each issuer."""
    names = {"ACCOUNT": ACCOUNT, "ORGANISATION": "acme", "REPOSITORY": "shop",
             "GROUP": "acme", "PROJECT": "shop"}  # fmt: skip
    made = {}
    for url, kind in {GITHUB: "github", GITLAB: "gitlab"}.items():
        trust = (EXAMPLES / f"trust-{kind}.json").read_text()
        for placeholder, value in names.items():
            trust = trust.replace(placeholder, value)
        made[url] = make_role(cloud, "ci", f"shop-{kind}", trust)
    return made


def taken(cloud: EmbeddedCloud, role: str, token: str) -> str:
    """Takes the role with a token; returns "OK", or STS's error code."""
    sts = boto3.client(
        "sts",
        cloud.region,
        endpoint_url=cloud.endpoint_url,
        config=Config(proxies={}, signature_version=UNSIGNED),
    )
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    try:
        sts.assume_role_with_web_identity(
            RoleArn=arn, RoleSessionName="job", WebIdentityToken=token
        )
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "OK"


@pytest.mark.parametrize(
    ("url", "subject", "expected"),
    [
        pytest.param(GITHUB, MAIN[GITHUB], "OK", id="GitHub, main"),
        pytest.param(GITHUB, "repo:acme/shop:pull_request", "OK", id="GitHub, pull request"),
        pytest.param(GITHUB, "repo:evil/shop:pull_request", "AccessDenied", id="a fork"),
        pytest.param(GITHUB, "repo:acme/shop-evil:ref:refs/heads/main", "AccessDenied",
                     id="a name that begins with ours"),
        pytest.param(GITHUB, "repo:Acme/shop:pull_request", "AccessDenied", id="other case"),
        pytest.param(GITLAB, MAIN[GITLAB], "OK", id="GitLab, main"),
        pytest.param(GITLAB, "project_path:acme/shop:ref_type:tag:ref:v1", "AccessDenied",
                     id="GitLab, a tag"),
        pytest.param(GITLAB, "project_path:evil/shop:ref_type:branch:ref:main", "AccessDenied",
                     id="GitLab, a fork"),
    ],
)  # fmt: skip
def test_who_gets_a_role(
    cloud: EmbeddedCloud,
    issuers: Mapping[str, Issuer],
    roles: Mapping[str, str],
    url: str,
    subject: str,
    expected: str,
) -> None:
    token = issuers[url].token(subject, time.time() + HOUR)
    assert taken(cloud, roles[url], token) == expected


@pytest.mark.parametrize("url", [GITHUB, GITLAB])
def test_a_wrong_token_gets_no_role(
    cloud: EmbeddedCloud, issuers: Mapping[str, Issuer], roles: Mapping[str, str], url: str
) -> None:
    issuer, other = issuers[url], issuers[GITLAB if url == GITHUB else GITHUB]
    later, role = time.time() + HOUR, roles[url]
    forged = Issuer(url).token(MAIN[url], later)
    unknown = Issuer("https://ci.example.com").token(MAIN[url], later)
    audience = issuer.token(MAIN[url], later, "https://gitlab.com")
    assert taken(cloud, role, forged) == "InvalidIdentityToken"
    assert taken(cloud, role, unknown) == "InvalidIdentityToken"
    assert taken(cloud, role, audience) == "InvalidIdentityToken"
    assert taken(cloud, role, "no.token.at-all") == "InvalidIdentityToken"
    expired = issuer.token(MAIN[url], time.time() - HOUR)
    assert taken(cloud, role, expired) == "ExpiredTokenException"
    assert taken(cloud, role, other.token(MAIN[url], later)) == "AccessDenied"
