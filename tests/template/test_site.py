"""The review site is there if it is asked for, in one of two ways, and nothing of it otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

import release
from pixelgate.domain.cost import Usage

from .stack import BUCKET_ARN, ROOT, Json, Stack, _holds, decided, decided_resources, texts

SOURCE = (ROOT / "template.yaml").read_text(encoding="utf-8")
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/0d1f2e3c"
DOMAIN = {"Site": "http-api", "SiteDomain": "shots.example.com", "SiteCertificateArn": CERTIFICATE}
EITHER = {
    *("SiteFunction", "SiteRole", "SiteLogs"),
    *("SiteErrorsAlarm", "SiteFailedAlarm", "SiteThrottlesAlarm"),
}
BY_URL = {"SiteUrl", "EverybodyMayCallSiteUrl", "SiteUrlMayCallSite"}
BY_API = {"SiteApi", "SiteApiStage", "SiteApiIntegration", "SiteApiRoute", "SiteApiMayCallSite"}


@pytest.fixture(scope="module")
def plain(region: None) -> Stack:
    return decided()


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"Site": "none"}, set()),
        ({"Site": "function-url"}, EITHER | BY_URL),
        ({"Site": "http-api"}, EITHER | BY_API),
        (DOMAIN, EITHER | BY_API | {"SiteDomainName", "SiteDomainMapping"}),
    ],
    ids=["none", "function URL", "HTTP API", "HTTP API with a domain"],
)
def test_a_site_adds_these_resources(
    plain: Stack, chosen: dict[str, str], expected: set[str]
) -> None:
    assert decided(**chosen).resources.keys() - plain.resources.keys() == expected


def test_without_a_site_there_is_nothing_of_it(plain: Stack) -> None:
    """Neither a resource, nor a name of one, nor an output; and nobody may say for whom he is."""
    assert plain.parameters["Site"]["Default"] == "none"
    named = [t for t in texts(plain.resources) if re.search(r"\$\{Site|parameter/.*/site|Site", t)]
    assert named == []
    variables = {
        n: f["Environment"]["Variables"] for n, f in plain.of_type("AWS::Lambda::Function").items()
    }
    assert variables["ReviewFunction"]["PIXELGATE_SITE_ROLE"] == ""
    assert variables["NotifyFunction"]["PIXELGATE_SITE_URL"] == ""
    assert outputs({}) == set()


def test_a_release_has_the_same_conditions(plain: Stack) -> None:
    zips = {"x86_64": {"Function": "f.zip", "Layer": "l.zip"}}
    made = release.template(SOURCE, zips)
    defaults = {name: p.get("Default", "") for name, p in made["Parameters"].items()}
    for site, more in (("none", set()), ("function-url", EITHER | BY_URL)):
        found = decided_resources(made, {**defaults, "Site": site})
        assert {name for name in found if name not in plain.resources} - layers(made) == more
    assert made["Rules"] == yaml_parse(SOURCE)["Rules"]


def layers(template: Json) -> set[str]:
    """The layer's name ends with a hash of where its content lies."""
    return {n for n, r in template["Resources"].items() if r["Type"].endswith("LayerVersion")}


def outputs(chosen: dict[str, str]) -> set[str]:
    """The outputs of the site that a stack has."""
    template = yaml_parse(SOURCE)
    values = {n: chosen.get(n, p["Default"]) for n, p in template["Parameters"].items()}
    return {
        name
        for name, output in template["Outputs"].items()
        if name.startswith("Site")
        and _holds({"Condition": output["Condition"]}, template["Conditions"], values)
    }


BUTTON = {"ApproveFromCheck": "on", "GitHubApp": "/acme/github-app", "Site": "function-url"}


def test_outputs_say_where_it_is(plain: Stack) -> None:
    assert outputs({"Site": "function-url"}) == {"SiteFunction", "SiteUrl"}
    assert outputs({"Site": "http-api"}) == {"SiteFunction", "SiteUrl"}
    assert outputs(DOMAIN) == {"SiteFunction", "SiteUrl", "SiteDomainTarget"}


@pytest.mark.parametrize(
    ("chosen", "refused"),
    [
        ({}, False),
        ({"Site": "function-url"}, False),
        (DOMAIN, False),
        ({**DOMAIN, "Site": "function-url"}, True),
        ({**DOMAIN, "Site": "none"}, True),
        ({**DOMAIN, "SiteCertificateArn": ""}, True),
        ({"GitHubApp": "/acme/github-app"}, False),
        ({**BUTTON}, False),
        ({**BUTTON, "GitHubApp": ""}, True),
        ({**BUTTON, "Site": "none"}, True),
        # docs/teardown.md takes the site away so.
        ({**DOMAIN, **BUTTON, "Site": "none", "SiteDomain": "", "ApproveFromCheck": "off"}, False),
    ],
)
def test_what_would_be_ignored_is_refused(chosen: dict[str, str], refused: bool) -> None:
    template = yaml_parse(SOURCE)
    values = {n: chosen.get(n, p["Default"]) for n, p in template["Parameters"].items()}

    def holds(condition: Json) -> bool:
        return _holds(condition, template["Conditions"], values)

    broken = [
        assertion["AssertDescription"]
        for rule in template["Rules"].values()
        if holds(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not holds(assertion["Assert"])
    ]
    assert bool(broken) is refused
    words = ("SiteDomain needs", "ApproveFromCheck needs")
    assert all(said.startswith(words) for said in broken)


def test_a_function_url_has_both_permissions_that_aws_wants() -> None:
    """Since October 2025: docs.aws.amazon.com/lambda/latest/dg/urls-auth.html."""
    stack = decided(Site="function-url")
    assert stack.only("AWS::Lambda::Url") == {
        "TargetFunctionArn": "${SiteFunction.Arn}",
        "AuthType": "NONE",
    }
    public = [p for p in stack.of_type("AWS::Lambda::Permission").values() if p["Principal"] == "*"]
    function = {"FunctionName": "${SiteFunction}", "Principal": "*"}
    assert public == [
        {"Action": "lambda:InvokeFunctionUrl", **function, "FunctionUrlAuthType": "NONE"},
        {"Action": "lambda:InvokeFunction", **function, "InvokedViaFunctionUrl": True},
    ]


@pytest.mark.parametrize("site", ["none", "http-api"])
def test_nothing_else_may_be_called_by_everybody(site: str) -> None:
    permissions = decided(Site=site).of_type("AWS::Lambda::Permission").values()
    assert "*" not in {p["Principal"] for p in permissions}


def test_an_http_api_has_one_route_to_one_function_and_a_limit() -> None:
    stack = decided(Site="http-api")
    assert stack.only("AWS::ApiGatewayV2::Route")["RouteKey"] == "$default"
    integration = stack.only("AWS::ApiGatewayV2::Integration")
    assert integration["IntegrationUri"] == "${SiteFunction.Arn}"
    assert integration["PayloadFormatVersion"] == "2.0"
    stage = stack.only("AWS::ApiGatewayV2::Stage")
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    limits = {"ThrottlingRateLimit": 100, "ThrottlingBurstLimit": 500}
    assert stage["DefaultRouteSettings"] == limits
    permission = stack.of_type("AWS::Lambda::Permission")["SiteApiMayCallSite"]
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["SourceArn"].endswith(":${AWS::AccountId}:${SiteApi}/*/*")
    # API Gateway gives up after 30 seconds: the function must have answered before.
    assert stack.function("SiteFunction")["Timeout"] < 30


@pytest.mark.parametrize(("chosen", "closed"), [({"Site": "http-api"}, False), (DOMAIN, True)])
def test_a_site_has_one_address(chosen: dict[str, str], closed: bool) -> None:
    assert decided(**chosen).only("AWS::ApiGatewayV2::Api")["DisableExecuteApiEndpoint"] is closed


@pytest.mark.parametrize(
    ("chosen", "address"),
    [
        ({"Site": "http-api"}, "https://${SiteApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"),
        (DOMAIN, "https://shots.example.com"),
    ],
)
def test_pull_requests_link_to_the_site(chosen: dict[str, str], address: str) -> None:
    stack = decided(**chosen)
    variables = stack.function("NotifyFunction")["Environment"]["Variables"]
    assert variables["PIXELGATE_SITE_URL"] == address


def test_a_function_url_is_linked_without_its_last_slash() -> None:
    variables = decided(Site="function-url").function("NotifyFunction")["Environment"]["Variables"]
    host: Any = {"Fn::Select": [2, {"Fn::Split": ["/", "${SiteUrl.FunctionUrl}"]}]}
    assert variables["PIXELGATE_SITE_URL"] == {"Fn::Join": ["", ["https://", host]]}


def test_the_function_knows_its_settings_and_its_own_name_only_if_it_is_a_domain() -> None:
    for chosen, own in (({"Site": "function-url"}, ""), (DOMAIN, "https://shots.example.com")):
        variables = decided(**chosen).function("SiteFunction")["Environment"]["Variables"]
        assert variables["PIXELGATE_SITE"] == chosen["Site"]
        assert variables["PIXELGATE_SITE_PARAMETER"] == "/${AWS::StackName}/site"
        assert variables["PIXELGATE_SITE_URL"] == own


def test_the_review_function_knows_the_site_s_role_by_its_id() -> None:
    """A role that was deleted and made again under the same name has another id."""
    variables = decided(Site="function-url").function("ReviewFunction")["Environment"]["Variables"]
    assert variables["PIXELGATE_SITE_ROLE"] == "${SiteRole.RoleId}"


def test_the_site_adds_reviews_and_overwrites_none() -> None:
    [grant] = [g for g in decided(Site="http-api").grants("SiteRole") if g["Sid"] == "AddReviews"]
    assert grant["Action"] == "s3:PutObject"
    assert grant["Resource"] == f"{BUCKET_ARN}/reviews/*"
    assert grant["Condition"]["Null"] == {"s3:if-none-match": "false"}


def test_its_cost_can_be_capped() -> None:
    name = "ReservedConcurrentExecutions"
    assert name not in decided(Site="http-api").function("SiteFunction")
    assert decided(Site="http-api", SiteConcurrency="5").function("SiteFunction")[name] == "5"


@pytest.mark.parametrize("site", ["none", "function-url"])
def test_dashboard_and_alarms_have_the_site_only_if_there_is_one(site: str) -> None:
    stack = decided(Site=site)
    widgets = json.loads(stack.only("AWS::CloudWatch::Dashboard")["DashboardBody"])["widgets"]
    shown = {w["properties"].get("title") for w in widgets}
    there = site != "none"
    assert ("Does the review site answer, and how fast?" in shown) is there
    named = [text for text in texts(widgets) if "${Site" in text]
    assert bool(named) is there
    watched = {a for a in stack.of_type("AWS::CloudWatch::Alarm") if a.startswith("Site")}
    assert len(watched) == (3 if there else 0)


@pytest.mark.parametrize(
    ("parameter", "value", "taken"),
    [
        ("SiteDomain", "", True),
        ("SiteDomain", "pixelgate.example.com", True),
        ("SiteDomain", "example", False),
        ("SiteDomain", "https://pixelgate.example.com", False),
        ("SiteDomain", "Pixelgate.example.com", False),
        ("SiteDomain", "-a.example.com", False),
        ("SiteCertificateArn", "", True),
        ("SiteCertificateArn", CERTIFICATE, True),
        ("SiteCertificateArn", "arn:aws:iam::123456789012:server-certificate/x", False),
    ],
)
def test_parameter_takes(plain: Stack, parameter: str, value: str, taken: bool) -> None:
    pattern = plain.parameters[parameter]["AllowedPattern"]
    assert bool(re.search(pattern, value)) is taken


def test_what_views_cost_is_stated_by_the_list_prices(plain: Stack) -> None:
    """The numbers of one view are guesses; what is made of them is not."""
    page = (ROOT / "docs/review-site.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+, (\w+) \| ([\d.]+) \| \$(\d\.\d{3}) \|", page, re.MULTILINE)
    found = {name: (float(number), float(price)) for name, number, price in rows}
    memory = decided(Site="http-api").function("SiteFunction")["MemorySize"] / 1024
    assert f"at {memory * 1024:.0f} MB" in page
    prices: dict[str, Callable[[float], float]] = {
        "requests": lambda n: Usage(requests={"lambda.Invoke": int(n)}).dollars,
        "seconds": lambda n: Usage(gb_seconds=n * memory).dollars,
        "reads": lambda n: Usage(requests={"s3.GetObject": int(n)}).dollars,
        "listings": lambda n: Usage(requests={"s3.ListObjectsV2": int(n)}).dollars,
        "calls": lambda n: n * 1.00 / 1_000_000,  # of an HTTP API
    }
    assert {name: price for name, (_, price) in found.items()} == {
        name: round(of(found[name][0] * 1_000), 3) for name, of in prices.items()
    }
    by_url = sum(price for name, (_, price) in found.items() if name != "calls")
    assert f"**${by_url:.3f}**" in page
    assert f"**${by_url + found['calls'][1]:.3f}**" in page
    stranger = 1_000_000 * (0.002 * memory * 0.0000166667 + 0.0000002)
    assert (
        f"a million such requests cost ${stranger:.2f}, and ${stranger + 1:.2f} behind"
        in " ".join(page.split())
    )


def test_what_a_day_costs_is_by_the_memory_that_the_site_has() -> None:
    stack = decided(Site="http-api")
    widgets = json.loads(stack.only("AWS::CloudWatch::Dashboard")["DashboardBody"])["widgets"]
    [widget] = [w for w in widgets if "a day cost" in str(w["properties"].get("title"))]
    [expression] = [m[0]["expression"] for m in widget["properties"]["metrics"]
                    if isinstance(m[0], dict) and m[0]["id"] == "site"]  # fmt: skip
    memory = stack.function("SiteFunction")["MemorySize"]
    assert f"FILL(serving, 0) / 1000 * {memory} / 1024 * 0.0000166667" in expression
