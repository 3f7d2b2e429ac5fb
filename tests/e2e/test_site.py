"""The review site in the deployed stack, behind a function URL and behind an HTTP API."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import urllib3
from playwright.sync_api import Page

from e2e.deployed import wait_until
from e2e.test_boundaries import delete, get, listing, put, refused
from e2e.test_reviews import BASE, HEAD, OF_PULL_REQUEST, pictures
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import EmbeddedCloud
from support import github_login, oidc_issuer
from support.chromium import driver, executable
from support.github_login import GitHubLogin
from support.oidc_issuer import OidcIssuer
from support.review_stand import KEY, SETTINGS, set_up, settings
from support.site import Site, Visitor, site
from uploader import Uploader

pytestmark = pytest.mark.e2e

PROJECT = "shop"
ODD = "a b%20#?+ü"  # a project; no name of ours may hold a slash
DOMAIN = {
    "Site": "http-api",
    "SiteDomain": "shots.example.com",
    "SiteCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/0d1f2e3c",
}


@dataclass(frozen=True)
class Deployed:
    """A stack with a site, an issuer, and a build that somebody has to look at."""

    cloud: EmbeddedCloud
    site: Site
    issuer: OidcIssuer
    build: BuildId
    status: Mapping[str, Any]

    @property
    def report(self) -> str:
        return f"/{quote(str(self.status['report']))}"

    def visitor(self, person: str = "") -> Visitor:
        """Somebody new, who is logged in if a name is given."""
        found = Visitor(self.site)
        if person:
            found.log_in(person)
        return found


@contextmanager
def started(built: Path, parameters: Mapping[str, str]) -> Iterator[tuple[EmbeddedCloud, Site]]:
    chosen = {"TrunkPrefix": "optional", **parameters}
    with EmbeddedCloud.start(build_dir=built, parameters=chosen) as cloud, site(cloud) as found:
        yield cloud, found


@pytest.fixture(scope="module", params=["function-url", "http-api"])
def deployed(
    built: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    with ExitStack() as stack:
        cloud, found = stack.enter_context(started(built, {"Site": request.param}))
        callbacks = {f"{found.url}/login/callback"}
        issuer = stack.enter_context(oidc_issuer.oidc_issuer(callbacks=callbacks))
        set_up(cloud, settings(issuer))
        folder = tmp_path_factory.mktemp("shots")
        uploader = Uploader(cloud.client("s3"), cloud.bucket, PROJECT)
        uploader.wait(uploader.upload("base", pictures(folder / "base", BASE)))
        build = uploader.upload("head", pictures(folder / "head", HEAD), **OF_PULL_REQUEST)
        yield Deployed(cloud, found, issuer, build, uploader.wait(build))


def block(page: str) -> dict[str, Any]:
    """What a served report knows of its server."""
    found = re.search(r'id="site-data"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found, page[:2_000]
    text = found[1].strip()
    content: dict[str, Any] = json.loads(
        text if text.startswith("{") else base64.b64decode(text).decode()
    )
    return content


# --- who is not logged in -------------------------------------------------------------------------


def test_a_page_sends_who_is_not_logged_in_to_the_login_and_back(deployed: Deployed) -> None:
    target = f"/builds/{PROJECT}/head"
    answer = deployed.visitor().get(target)
    assert answer.status == 302
    assert answer.headers["Location"] == f"/login?to={quote(target, safe='')}"
    assert deployed.visitor().log_in("Ada", target) == target


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/api/builds/shop/head"),
        ("POST", "/api/builds/shop/head/reviews"),
        ("POST", "/api/sign"),
        ("GET", "/images/shop/9f86d081"),
    ],
)
def test_what_scripts_ask_for_is_refused_without_a_session(
    deployed: Deployed, method: str, target: str
) -> None:
    answer = deployed.site.ask(method, target, {"Origin": deployed.site.url})
    assert answer.status == 401
    if target.startswith("/api/"):
        assert json.loads(answer.data).keys() == {"error"}


@pytest.mark.parametrize("cookie", ["x", "x.y", f"{'a' * 80}.{'b' * 43}"])
def test_a_forged_cookie_is_no_session(deployed: Deployed, cookie: str) -> None:
    ada = deployed.visitor("Ada")
    [name] = ada.cookies
    assert name.startswith("__Host-")
    assert deployed.site.get("/", Cookie=f"{name}={cookie}").status == 302
    assert deployed.site.get("/", Cookie=f"{name}={ada.cookies[name][:-2]}").status == 302
    assert ada.get("/").status == 200


def test_github_s_webhook_is_refused_without_a_signature(deployed: Deployed) -> None:
    """There is no GitHub App in this stack, so there is not even a webhook."""
    answer = deployed.site.ask("POST", "/github/webhook", {}, b"{}")
    assert answer.status in {401, 404}


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/wp-login.php", 404),
        ("DELETE", "/", 405),
        ("POST", "/projects/shop", 405),
        ("GET", "/api/nothing", 404),
    ],
)
def test_an_address_that_there_is_not_is_said_in_words(
    deployed: Deployed, method: str, target: str, status: int
) -> None:
    answer = deployed.site.ask(method, target)
    assert answer.status == status
    page = target.startswith("/api/") is False
    assert answer.headers["Content-Type"].startswith("text/html" if page else "application/json")


@pytest.mark.parametrize("target", ["/", "/nothing", "/api/builds/shop/head", "/login?to=/"])
def test_every_answer_has_the_headers_that_protect_it(deployed: Deployed, target: str) -> None:
    headers = deployed.site.get(target).headers
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Strict-Transport-Security"].startswith("max-age=")


# --- who is ------------------------------------------------------------------------------------


def test_somebody_looks_from_projects_to_a_picture(deployed: Deployed) -> None:
    ada = deployed.visitor("Ada")
    assert f"/projects/{PROJECT}" in ada.page("/")
    assert f"/builds/{PROJECT}/head" in ada.page(f"/projects/{PROJECT}")
    answer = ada.get(f"/builds/{PROJECT}/head")
    assert (answer.status, answer.headers["Location"]) == (302, deployed.report)
    known = block(ada.page(deployed.report))
    assert (known["person"], known["decide"]) == ("ada@acme.com", True)
    for key in images(deployed):
        location = ada.get(f"/{key}").headers["Location"]
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in location
        picture = urllib3.request("GET", location)
        assert hashlib.sha256(picture.data).hexdigest() == key.rpartition("/")[2]
        policy = ada.get(deployed.report).headers["Content-Security-Policy"]
        parts = urlsplit(location)
        assert f"{parts.scheme}://{parts.netloc}" in policy


def images(deployed: Deployed) -> list[str]:
    """Keys of the project's images; each ends with the image's hash."""
    found = deployed.cloud.client("s3").list_objects_v2(
        Bucket=deployed.cloud.bucket, Prefix=f"images/{PROJECT}/"
    )
    return [one["Key"] for one in found["Contents"]]


def test_a_browser_keeps_its_cookies_and_shows_pictures(deployed: Deployed) -> None:
    """`__Host-` cookies and the page's policy, as Chromium takes them under the site's own name."""
    picture = images(deployed)[0]
    with chromium(deployed.site) as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{deployed.site.url}/builds/{PROJECT}/head")
        page.get_by_label("Person").select_option("Ada")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{deployed.site.url}{deployed.report}")
        kept = {c["name"]: c for c in page.context.cookies(deployed.site.url)}
        [session] = [c for name, c in kept.items() if name.startswith("__Host-")]
        assert (session["secure"], session["httpOnly"]) == (True, True)
        assert session["sameSite"] == "Lax"
        width = page.evaluate(
            """async key => { const image = new Image(); image.src = `/${key}`;
               await image.decode(); return image.naturalWidth }""",
            picture,
        )
        assert width == 300
        assert [text for text in said if "Content Security Policy" in text] == []


@contextmanager
def chromium(found: Site) -> Iterator[Page]:
    """A page of a browser that knows where the site is."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", *found.chromium()]
    browser = driver().chromium.launch(executable_path=executable(), args=arguments)
    try:
        yield browser.new_page()
    finally:
        browser.close()


def test_pictures_are_signed_at_once_for_who_may_look(deployed: Deployed) -> None:
    ada = deployed.visitor("Ada")
    known = block(ada.page(deployed.report))
    folder = str(deployed.status["report"]).removesuffix("index.html")
    listed = deployed.cloud.client("s3").list_objects_v2(
        Bucket=deployed.cloud.bucket, Prefix=folder
    )
    masks = [one["Key"] for one in listed["Contents"] if "/masks/" in one["Key"]]
    assert masks
    answer = ada.post(known["sign"], {"keys": masks}, known["csrf"])
    assert answer.status == 200, answer.data
    urls = json.loads(answer.data)["urls"]
    assert urls.keys() == set(masks)
    for url in urls.values():
        assert urllib3.request("GET", url).status == 200


def test_a_mask_of_an_old_report_is_shown(deployed: Deployed) -> None:
    key = f"diffs/{PROJECT}/1/9f86d081-60303ae2.png"
    deployed.cloud.client("s3").put_object(Bucket=deployed.cloud.bucket, Key=key, Body=b"mask")
    location = deployed.visitor("Ada").get(f"/{key}").headers["Location"]
    assert urllib3.request("GET", location).data == b"mask"


def test_a_signed_address_is_good_for_one_picture_only(deployed: Deployed) -> None:
    ada = deployed.visitor("Ada")
    [key, other, *_] = images(deployed)
    location = ada.get(f"/{key}").headers["Location"]
    assert urllib3.request("GET", location.replace(key, other)).status == 403


@pytest.mark.parametrize("name", [ODD, "50%", "%2e%2e", "日本"])
def test_a_name_arrives_as_it_is(deployed: Deployed, name: str) -> None:
    build = BuildId(name, name)
    status = {"schema_version": 1, "project": name, "build": name, "state": "PROCESSING"}
    deployed.cloud.client("s3").put_object(
        Bucket=deployed.cloud.bucket, Key=keys.status(build), Body=json.dumps(status).encode()
    )
    answer = deployed.visitor("Ada").get(f"/api/builds/{quote(name)}/{quote(name, safe='')}")
    assert answer.status == 200, answer.data
    assert json.loads(answer.data)["status"]["project"] == name


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        pytest.param({"Origin": "https://evil.example"}, True, id="another site's page"),
        pytest.param({"Origin": "null"}, True, id="a page of nowhere"),
        pytest.param({}, False, id="another session's page"),
    ],
)
def test_no_other_site_s_page_decides(
    deployed: Deployed, headers: dict[str, str], csrf: bool
) -> None:
    ada = deployed.visitor("Ada")
    known = block(ada.page(deployed.report))
    body = {"execution": deployed.status["execution"], "decisions": [{"action": "approve"}]}
    before = reviews(deployed)
    answer = ada.post(
        f"{known['api']}/reviews", body, known["csrf"] if csrf else "forged", **headers
    )
    assert answer.status == 403
    assert reviews(deployed) == before


def reviews(deployed: Deployed) -> list[str]:
    found = deployed.cloud.client("s3").list_objects_v2(
        Bucket=deployed.cloud.bucket, Prefix=f"reviews/{PROJECT}/"
    )
    return [one["Key"] for one in found.get("Contents", ())]


def test_who_may_only_look_does_not_decide(deployed: Deployed) -> None:
    bob = deployed.visitor("Bob")
    known = block(bob.page(deployed.report))
    assert known["decide"] is False
    body = {"execution": deployed.status["execution"], "decisions": [{"action": "approve"}]}
    assert bob.post(f"{known['api']}/reviews", body, known["csrf"]).status == 403


def test_who_may_not_look_learns_nothing(deployed: Deployed) -> None:
    eve = deployed.visitor("Eve")  # her e-mail is nobody's word but hers
    for target in (f"/projects/{PROJECT}", deployed.report, f"/images/{PROJECT}/9f86d081"):
        assert eve.get(target).status == 404
    assert PROJECT not in eve.page("/")


def test_a_decision_in_the_page_approves_the_build_for_the_person(deployed: Deployed) -> None:
    ada = deployed.visitor("Ada")
    known = block(ada.page(deployed.report))
    body = {
        "execution": deployed.status["execution"],
        "decisions": [{"action": "approve", "names": None, "reason": "meant"}],
    }
    answer = ada.post(f"{known['api']}/reviews", body, known["csrf"])
    assert answer.status == 202, answer.data
    [written] = json.loads(answer.data)["reviews"]

    def review() -> dict[str, Any]:
        found = json.loads(ada.get(known["api"]).data)
        return dict(found["status"]["review"])

    wait_until(lambda: review()["state"] == "approved")
    deployed.cloud.wait_until_idle()
    key = keys.kept_review(deployed.build, written)
    kept = json.load(
        deployed.cloud.client("s3").get_object(Bucket=deployed.cloud.bucket, Key=key)["Body"]
    )
    assert kept["on_behalf_of"] == {
        "issuer": deployed.issuer.url,
        "subject": "1001",
        "login": "ada@acme.com",
    }
    role = deployed.cloud.stack.resources["SiteRole"]
    identity = deployed.cloud.client("iam").get_role(RoleName=role)["Role"]["RoleId"]
    assert kept["by"].startswith(f"AWS:{identity}:")
    assert ada.get(deployed.report).status == 200


def test_nobody_else_reviews_on_behalf_of_somebody(deployed: Deployed, tmp_path: Path) -> None:
    """The account's root may write reviews, and is not the site."""
    cloud = deployed.cloud
    uploader = Uploader(cloud.client("s3"), cloud.bucket, "forged")
    uploader.wait(uploader.upload("base", pictures(tmp_path / "base", BASE)))
    build = uploader.upload("head", pictures(tmp_path / "head", HEAD), **OF_PULL_REQUEST)
    uploader.wait(build)
    ada = {"issuer": deployed.issuer.url, "subject": "1001", "login": "ada@acme.com"}
    forged = {"schema_version": 1, "action": "approve", "on_behalf_of": ada}
    cloud.client("s3").put_object(
        Bucket=cloud.bucket, Key=keys.review(build, "1"), Body=json.dumps(forged).encode()
    )
    cloud.wait_until_idle()
    status = uploader.status(build)
    assert status is not None
    assert status["review"]["state"] == "needed"


# --- what holds it -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def taken_over(deployed: Deployed) -> Any:
    """A client of S3 with the site's role, as somebody who took the function over has it."""
    return deployed.cloud.client("s3", role_of_site(deployed.cloud))


def role_of_site(cloud: EmbeddedCloud) -> dict[str, str]:
    name, iam = cloud.stack.resources["SiteRole"], cloud.client("iam")
    original = json.dumps(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps({"Statement": [trust]}))
    credentials = cloud.assume(name, "taken-over")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=original)
    return credentials


@pytest.mark.parametrize(
    ("act", "allowed"),
    [
        pytest.param(get("builds/shop/head/status.json"), True, id="reads a status"),
        pytest.param(listing("builds/"), True, id="finds builds"),
        pytest.param(put("reviews/shop/gone/1.json", IfNoneMatch="*"), True, id="adds a review"),
        pytest.param(put("reviews/shop/gone/1.json"), False, id="overwrites a review"),
        pytest.param(put("reviews/shop/gone/1.json", IfMatch='"0"'), False, id="changes a review"),
        pytest.param(get("reviews/shop/gone/1.json"), False, id="reads a review"),
        pytest.param(delete("reviews/shop/gone/1.json"), False, id="deletes a review"),
        pytest.param(get("uploads/shop/head/manifest.json"), False, id="reads an upload"),
        pytest.param(put("uploads/shop/x/manifest.json"), False, id="uploads"),
        pytest.param(put("builds/shop/head/status.json"), False, id="writes a verdict"),
        pytest.param(put("comparisons/shop/a/b/1/x", IfNoneMatch="*"), False, id="writes a result"),
        pytest.param(put("images/shop/x", IfNoneMatch="*"), False, id="writes an image"),
        pytest.param(get("cache/shop/1/a-b.json"), False, id="reads a diff"),
    ],
)
def test_a_site_that_was_taken_over_is_held_by_its_role(
    deployed: Deployed, taken_over: Any, act: Any, allowed: bool
) -> None:
    assert refused(taken_over, deployed.cloud.bucket, act) is not allowed


def test_it_reads_its_own_settings_only(deployed: Deployed) -> None:
    cloud = deployed.cloud
    cloud.client("ssm").put_parameter(
        Name="/pixelgate/site2", Value="x", Type="String", Overwrite=True
    )
    ssm = cloud.client("ssm", role_of_site(cloud))

    def read(name: str) -> Any:
        return lambda client, _: client.get_parameter(Name=name, WithDecryption=True)

    def write(client: Any, _: str) -> None:
        client.put_parameter(Name=SETTINGS, Value="x", Type="SecureString", Overwrite=True)

    assert not denied(ssm, read(SETTINGS))
    assert denied(ssm, read("/pixelgate/site2"))
    assert denied(ssm, write)
    table = cloud.client("dynamodb", role_of_site(cloud))
    assert denied(table, lambda client, _: client.scan(TableName=cloud.table))


def denied(client: Any, act: Any) -> bool:
    """Whether the request is refused for want of permission; any other error is raised."""
    try:
        act(client, "")
    except client.exceptions.ClientError as error:
        if "AccessDenied" not in error.response["Error"]["Code"]:
            raise
        return True
    return False


@pytest.fixture
def function(deployed: Deployed) -> Iterator[str]:
    """The name of a function that is no part of the stack, and that nobody may call."""
    client = deployed.cloud.client("lambda")
    like = client.get_function_configuration(
        FunctionName=deployed.cloud.stack.resources["SiteFunction"]
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("h.py", "def handler(event, context): return {'statusCode': 204}")
    client.create_function(
        FunctionName="of-nobody",
        Runtime=like["Runtime"],
        Role=like["Role"],
        Handler="h.handler",
        Code={"ZipFile": code.getvalue()},
    )
    yield "of-nobody"
    client.delete_function(FunctionName="of-nobody")


def test_a_function_url_needs_both_permissions(deployed: Deployed, function: str) -> None:
    client = deployed.cloud.client("lambda")
    url = client.create_function_url_config(FunctionName=function, AuthType="NONE")["FunctionUrl"]

    def status() -> int:
        return deployed.site.get("/", Host=urlsplit(url).netloc).status

    def allow(sid: str, action: str, **more: Any) -> None:
        client.add_permission(
            FunctionName=function, StatementId=sid, Action=action, Principal="*", **more
        )

    assert status() == 403
    allow("a", "lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
    assert status() == 403
    allow("b", "lambda:InvokeFunction", InvokedViaFunctionUrl=True)
    assert status() == 204
    client.remove_permission(FunctionName=function, StatementId="a")
    assert status() == 403


def test_an_http_api_needs_a_permission_that_names_it(deployed: Deployed, function: str) -> None:
    client, apis = deployed.cloud.client("lambda"), deployed.cloud.client("apigatewayv2")
    arn = client.get_function_configuration(FunctionName=function)["FunctionArn"]
    api = apis.create_api(Name="of-nobody", ProtocolType="HTTP")["ApiId"]
    target = apis.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    apis.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{target}")
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)

    def status() -> int:
        return deployed.site.get("/", Host=f"{api}.execute-api.us-east-1.amazonaws.com").status

    def allow(sid: str, of: str) -> None:
        client.add_permission(
            FunctionName=function,
            StatementId=sid,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{of}/*/*",
        )

    assert status() == 500
    allow("another", "0123abcd")
    assert status() == 500
    allow("ours", api)
    assert status() == 204


def test_what_goes_wrong_is_a_page_a_line_and_a_metric(deployed: Deployed) -> None:
    variables = deployed.cloud.client("lambda").get_function_configuration(
        FunctionName=deployed.cloud.stack.resources["SiteFunction"]
    )["Environment"]["Variables"]
    deployed.cloud.configure("SiteFunction", {"PIXELGATE_BUCKET": ""})
    try:
        answer = deployed.site.get("/login?to=/a-path-of-somebody")
    finally:
        deployed.cloud.configure("SiteFunction", variables)
    assert answer.status == 500
    assert b"This request failed" in answer.data
    assert b"KeyError" not in answer.data
    assert '"SiteRequestsFailed":[1.0]' in deployed.cloud.logs("SiteFunction").replace(" ", "")
    assert deployed.site.get("/").status == 302


def test_the_log_knows_routes_and_no_secret(deployed: Deployed) -> None:
    ada = deployed.visitor("Ada")
    ada.page("/")
    log = deployed.cloud.logs("SiteFunction")
    assert '"route":"/login/callback"' in log.replace(" ", "")
    for secret in (*ada.cookies.values(), "code=", "state=", deployed.issuer.secret or ""):
        assert secret not in log


def test_nobody_gets_in_before_it_is_set_up(built: Path) -> None:
    with started(built, DOMAIN) as (cloud, found):
        assert found.url == "https://shots.example.com"
        assert found.get("/").status == 302
        answer = found.get("/login?to=/")
        assert answer.status == 503
        assert b"pixelgate site setup" in answer.data
        # Under its own name of AWS's it is not there: cookies would be of another origin.
        named = f"{cloud.stack.resources['SiteApi']}.execute-api.us-east-1.amazonaws.com"
        assert found.get("/", Host=named).status == 404


def test_github_s_people_may_what_they_may_in_the_repository(built: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        github: GitHubLogin = stack.enter_context(github_login.github_login())
        github.permissions = {"acme/shop": {"ada": "write", "bob": "read"}}
        parameters = {
            "Site": "function-url",
            "TrunkPrefix": "optional",
            "GitHubRepositories": "acme/shop",
        }
        cloud = stack.enter_context(
            EmbeddedCloud.start(
                build_dir=built,
                parameters=parameters,
                secrets={"GitHubTokenSecret": github_login.TOKEN},
            )
        )
        found = stack.enter_context(site(cloud))
        github.callback = f"{found.url}/login/callback"
        for function in ("SiteFunction", "NotifyFunction"):
            cloud.configure(function, {"PIXELGATE_GITHUB_API": github.api})
        login = {
            "kind": "github",
            "client_id": github_login.CLIENT,
            "client_secret": github_login.SECRET,
            "web": github.url,
            "api": github.api,
        }
        set_up(
            cloud,
            {
                "schema_version": 1,
                "session_keys": [KEY],
                "login": login,
                "repositories": {PROJECT: "acme/shop"},
            },
        )
        uploader = Uploader(cloud.client("s3"), cloud.bucket, PROJECT)
        status = uploader.wait(uploader.upload("one", pictures(tmp_path / "one", BASE)))
        report = f"/{status['report']}"
        for person, looks, decides in (("ada", 200, True), ("bob", 200, False), ("eve", 404, None)):
            visitor = Visitor(found)
            visitor.log_in(person)
            assert visitor.get(report).status == looks
            if looks == 200:
                assert block(visitor.page(report))["decide"] is decides
        cloud.wait_until_idle()
