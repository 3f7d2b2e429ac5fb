"""Login by Cognito's own page, as the embedded cloud's Cognito shows it."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
import urllib3

from pixelgate.sandbox.cloud import REGION, bound, server_variables
from pixelgate.web.http import Refused
from pixelgate.web.login.gate import LoginGate
from pixelgate.web.login.https import Https
from pixelgate.web.login.settings import SiteSettings
from support.login_browser import Browser

from .conftest import CALLBACK, key

pytestmark = pytest.mark.e2e

PYTHON = Path(__file__).parents[3] / ".tools/cloud/bin/python"
DOMAIN = "https://shots.auth.us-east-1.amazoncognito.com"
PASSWORD = "Correct-horse-1"
HTTP = urllib3.PoolManager(retries=False)


@dataclass(frozen=True)
class Cognito:
    """A pool with ann in the group `leads` and an app client, and where its server is."""

    url: str
    pool: str
    client_id: str
    secret: str

    def here(self, address: str) -> str:
        """Where an address of AWS is on this machine."""
        return re.sub(r"^https://[^/]+", self.url, address)


@pytest.fixture
def cognito(tmp_path: Path) -> Iterator[Cognito]:
    with bound(0) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [PYTHON, "-m", "hypercorn", "ministack.app:app", "--bind", f"127.0.0.1:{port}"],
            env={**server_variables(port, tmp_path), "AUTH": "false"},
            stdout=log,
            stderr=log,
        )
    try:
        _wait(url, server)
        yield _pool(url)
    finally:
        server.terminate()
        server.wait(20)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            if HTTP.request("GET", f"{url}/_ministack/health", timeout=5).status == HTTPStatus.OK:
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)
    pytest.fail("the embedded cloud's server did not start")


def _pool(url: str) -> Cognito:
    client: Any = boto3.client(
        "cognito-idp", endpoint_url=url, region_name=REGION,
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    pool = client.create_user_pool(PoolName="shots")["UserPool"]["Id"]
    app = client.create_user_pool_client(
        UserPoolId=pool, ClientName="site", GenerateSecret=True, CallbackURLs=[CALLBACK],
        AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email", "profile"], SupportedIdentityProviders=["COGNITO"],
    )["UserPoolClient"]  # fmt: skip
    client.create_user_pool_domain(Domain="shots", UserPoolId=pool)
    client.create_group(GroupName="leads", UserPoolId=pool)
    about = {"email": "ann@acme.com", "email_verified": "true"}
    client.admin_create_user(
        UserPoolId=pool, Username="ann@acme.com", MessageAction="SUPPRESS",
        UserAttributes=[{"Name": name, "Value": value} for name, value in about.items()],
    )  # fmt: skip
    known = {"UserPoolId": pool, "Username": "ann@acme.com"}
    client.admin_set_user_password(**known, Password=PASSWORD, Permanent=True)
    client.admin_add_user_to_group(**known, GroupName="leads")
    return Cognito(url, pool, app["ClientId"], app["ClientSecret"])


class Mapped(Https):
    """Finds AWS's addresses on this machine, and hears of AWS's own in the discovery document."""

    cognito: Cognito

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes]:
        status, content = super()._ask(method, self.cognito.here(url), headers, body)
        if "/.well-known/" in url:
            content = content.replace(self.cognito.url.encode(), DOMAIN.encode())
        return status, content


def press(cognito: Cognito, address: str, password: str) -> str | None:
    """Types name and password into Cognito's page; returns where it leads."""
    html = HTTP.request("GET", cognito.here(address), redirect=False).data.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))
    form = {name: unescape(value) for name, value in hidden.items()}
    form |= {"username": "ann@acme.com", "password": password}
    action = re.search(r'action="([^"]+)"', html)
    assert action
    answered = HTTP.request(
        "POST",
        f"{cognito.url}{unescape(action[1])}",
        body=urlencode(form),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        redirect=False,
    )
    return answered.headers.get("Location")


def test_login_by_cognito_s_page(cognito: Cognito, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mapped, "cognito", cognito, raising=False)
    monkeypatch.setattr("pixelgate.web.login.gate.Https", Mapped)
    issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{cognito.pool}"
    settings = SiteSettings.model_validate({
        "schema_version": 1,
        "session_keys": [key("a")],
        "login": {"kind": "oidc", "issuer": issuer, "client_id": cognito.client_id,
                  "client_secret": cognito.secret, "groups_claim": "cognito:groups"},
        "access": {"look": ["login:*@acme.com"], "decide": ["group:leads"]},
    })  # fmt: skip
    gate = LoginGate(lambda: settings)
    browser = Browser(gate)
    address = browser.begin("/builds/shop/7")
    assert address.startswith(f"{DOMAIN}/oauth2/authorize?")
    assert press(cognito, address, "wrong") is None
    back = press(cognito, address, PASSWORD)
    assert back
    target = back.removeprefix(browser.origin)
    kept = dict(browser.cookies)
    assert browser.finish(target).headers["Location"] == "/builds/shop/7"
    session = gate.session(browser.request("/"))
    assert session is not None
    assert (session.person.issuer, session.person.login) == (issuer, "ann@acme.com")
    assert session.person.groups == ("leads",)
    assert gate.may_decide(session.person, "shop")
    with pytest.raises(Refused, match="The issuer refuses the login: invalid_grant"):
        Browser(gate, cookies=kept).finish(target)  # the code is spent
