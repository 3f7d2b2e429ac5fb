"""`pixelgate site`: what is asked, written, kept and shown."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pixelgate import bootstrap
from pixelgate.client.site import Wishes, changed
from pixelgate.errors import NotFound, UsageError
from support.oidc_issuer import OidcIssuer, oidc_issuer

from .conftest import Cli

URL = "https://abc.lambda-url.eu-central-1.on.aws"
BUCKET = "acme-123456789012-eu-central-1"
SECRET = "the client's secret"


@dataclass
class Kept:
    """The parameter, and how it was opened."""

    name: str = ""
    value: str | None = None
    writes: int = 0
    opened: list[Any] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=lambda: {"SiteUrl": f"{URL}/"})

    def read(self) -> str:
        if self.value is None:
            raise NotFound(f"there is no parameter {self.name}")
        return self.value

    def write(self, value: str) -> None:
        self.value = value
        self.writes += 1

    @property
    def fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.value or "{}")
        return fields

    @property
    def key(self) -> str:
        [key] = self.fields["session_keys"]
        assert len(base64.urlsafe_b64decode(key)) == 32
        return str(key)

    def describe(self) -> dict[str, Any]:
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]
        return {"Outputs": outputs}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    made = Kept()

    def open_stack(name: str, region: str | None = None) -> Kept:
        made.opened.append((name, region))
        return made

    def open_parameter(name: str, region: str | None = None) -> Kept:
        made.name = name
        made.opened.append((name, region))
        return made

    monkeypatch.setattr(bootstrap, "open_stack", open_stack)
    monkeypatch.setattr(bootstrap, "open_parameter", open_parameter)
    monkeypatch.delenv("PIXELGATE_STACK", raising=False)
    monkeypatch.delenv("PIXELGATE_SITE_CLIENT_SECRET", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    return made


@pytest.fixture
def issuer() -> Iterator[OidcIssuer]:
    with oidc_issuer() as running:
        yield running


Setup = Callable[..., Any]


@pytest.fixture
def setup(run: Cli, kept: Kept) -> Setup:
    """Runs `site setup` for the stack acme, with the secret in the environment."""

    def setup(*arguments: str, **environ: str) -> Any:
        return run("site", "setup", "--stack", "acme", *arguments, **environ)

    return setup


def oidc(issuer: OidcIssuer) -> tuple[str, ...]:
    return ("--oidc-issuer", issuer.url, "--client-id", "shots")


GITHUB = ("--github", "--client-id", "Iv1.abc", "--repository", "acme/shop")
GIVEN = {"PIXELGATE_SITE_CLIENT_SECRET": SECRET}


def test_a_first_setup_writes_everything_and_prints_the_callback(
    setup: Setup, kept: Kept, issuer: OidcIssuer
) -> None:
    rules = ("--look", "login:*@acme.com", "--decide", "group:leads", "--look", "shop=group:shop")
    done = setup(*oidc(issuer), *rules, **GIVEN)
    assert done.code == 0
    assert done.out.splitlines() == [f"site        {URL}", f"callback    {URL}/login/callback"]
    assert done.err == "wrote /acme/site; the site uses it within five minutes\n"
    assert kept.opened == [("acme", None), ("/acme/site", None)]
    assert kept.fields == {
        "schema_version": 1,
        "session_keys": [kept.key],
        "url": None,
        "login": {
            "kind": "oidc", "issuer": issuer.url, "client_id": "shots", "client_secret": SECRET,
            "scopes": ["openid", "profile", "email"], "groups_claim": "groups",
            "login_claim": "email",
        },
        "access": {
            "look": ["login:*@acme.com"], "decide": ["group:leads"],
            "projects": {"shop": {"look": ["group:shop"], "decide": None}},
        },
        "repositories": {},
    }  # fmt: skip


def test_the_stack_is_the_one_of_the_bucket(run: Cli, kept: Kept) -> None:
    assert run("site", "show", "--bucket", BUCKET).code == 0
    assert kept.opened == [("acme", "eu-central-1"), ("/acme/site", "eu-central-1")]
    done = run("site", "show", "--bucket", "shots")
    assert (done.code, done.err) == (
        2,
        "error: which stack the bucket shots is of is not in its name; pass --stack, or set "
        "PIXELGATE_STACK\n",
    )


def test_github_with_repositories(setup: Setup, kept: Kept) -> None:
    done = setup(*GITHUB, "--repository", "site=acme/site", **GIVEN)
    assert done.code == 0
    assert "note: everybody at GitHub may read a public repository" in done.err
    assert kept.fields["login"] == {
        "kind": "github", "client_id": "Iv1.abc", "client_secret": SECRET,
        "web": "https://github.com", "api": "https://api.github.com",
    }  # fmt: skip
    assert kept.fields["repositories"] == {"*": "acme/shop", "site": "acme/site"}


@pytest.mark.parametrize(
    ("server", "web", "api"),
    [
        ("https://github.com/", "https://github.com", "https://api.github.com"),
        ("https://acme.ghe.com", "https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://git.acme.com", "https://git.acme.com", "https://git.acme.com/api/v3"),
    ],
)
def test_a_github_of_one_s_own(setup: Setup, kept: Kept, server: str, web: str, api: str) -> None:
    done = setup("--github-server", server, "--client-id", "x", "--look", "anyone", **GIVEN)
    assert done.code == 0
    assert (kept.fields["login"]["web"], kept.fields["login"]["api"]) == (web, api)


def test_later_changes_keep_key_secret_and_what_no_option_names(
    setup: Setup, kept: Kept, issuer: OidcIssuer
) -> None:
    setup(*oidc(issuer), "--look", "group:web", "--decide", "group:leads", **GIVEN)
    key, login = kept.key, kept.fields["login"]
    assert setup("--look", "anyone", "--url", "https://shots.acme.com").code == 0
    assert kept.key == key
    assert kept.fields["login"] == login
    assert kept.fields["access"]["look"] == ["anyone"]
    assert kept.fields["access"]["decide"] == ["group:leads"]
    done = setup("--groups-claim", "roles", "--login-claim", "name", "--scope", "openid")
    assert "https://shots.acme.com/login/callback" in done.out
    changed = {"groups_claim": "roles", "login_claim": "name", "scopes": ["openid"]}
    assert kept.fields["login"] == {**login, **changed}
    setup("--look", "none", "--url", "")
    assert (kept.fields["access"]["look"], kept.fields["url"]) == ([], None)
    assert kept.fields["session_keys"] == [key]


def test_the_rules_of_one_project(setup: Setup, kept: Kept, issuer: OidcIssuer) -> None:
    setup(*oidc(issuer), "--look", "anyone", "--decide", "shop=group:a", **GIVEN)
    setup("--decide", "shop=group:b", "--decide", "shop=subject:x=y", "--look", "shop=none")
    assert kept.fields["access"]["projects"] == {
        "shop": {"look": [], "decide": ["group:b", "subject:x=y"]}
    }


def test_a_name_may_have_an_equals_sign(setup: Setup, kept: Kept, issuer: OidcIssuer) -> None:
    setup(*oidc(issuer), "--look", "group:a=b", "--look", "shop=group:c=d", **GIVEN)
    assert kept.fields["access"]["look"] == ["group:a=b"]
    assert kept.fields["access"]["projects"]["shop"]["look"] == ["group:c=d"]


def test_too_many_rules_for_a_parameter_change_nothing(
    setup: Setup, kept: Kept, issuer: OidcIssuer
) -> None:
    rules = [word for n in range(150) for word in ("--look", f"login:person-{n}@acme.com")]
    done = setup(*oidc(issuer), *rules, **GIVEN)
    assert (done.code, kept.writes) == (2, 0)
    assert "a parameter takes 4,096: name groups or domains instead of single people" in done.err


def test_a_client_without_a_secret_is_public_only_if_that_is_said() -> None:
    wishes = Wishes(issuer="https://id.acme.com", client_id="shots")
    with pytest.raises(UsageError, match="a client without one is --public-client"):
        changed(None, wishes, None)
    settings = changed(None, replace(wishes, public=True), None)
    assert settings.login.client_secret is None


def test_another_issuer_begins_with_no_rules_as_its_names_are_other_people(
    setup: Setup, kept: Kept, issuer: OidcIssuer
) -> None:
    setup(*oidc(issuer), "--groups-claim", "roles", "--look", "login:ada", **GIVEN)
    key = kept.key
    done = setup(*GITHUB, **GIVEN)
    assert "note: the rules for the people of the other issuer are gone" in done.err
    assert kept.fields["access"] == {"look": [], "decide": [], "projects": {}}
    assert kept.key == key
    setup(*oidc(issuer), "--look", "group:web", **GIVEN)
    assert kept.fields["repositories"] == {}
    assert kept.fields["login"]["groups_claim"] == "groups"


def test_another_client_of_the_same_issuer_needs_its_own_secret(
    setup: Setup, kept: Kept, issuer: OidcIssuer
) -> None:
    setup(*oidc(issuer), "--look", "anyone", **GIVEN)
    done = setup("--client-id", "other")
    assert (done.code, kept.writes) == (2, 1)
    assert "the client's secret is missing: set PIXELGATE_SITE_CLIENT_SECRET" in done.err
    assert setup("--client-id", "other", PIXELGATE_SITE_CLIENT_SECRET="new").code == 0
    assert kept.fields["login"]["client_secret"] == "new"
    assert kept.fields["access"]["look"] == ["anyone"]


def test_the_secret_comes_from_standard_input(
    setup: Setup, kept: Kept, issuer: OidcIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said, options in (("one\nmore", ()), ("two", ("--new-secret",))):
        monkeypatch.setattr("sys.stdin", io.StringIO(said))
        assert setup(*oidc(issuer), "--look", "anyone", *options).code == 0
        assert kept.fields["login"]["client_secret"] == said.partition("\n")[0]


@pytest.mark.parametrize("stdin", [None, io.StringIO(), io.StringIO("\n")])
def test_no_secret_at_all_changes_nothing(
    setup: Setup,
    kept: Kept,
    issuer: OidcIssuer,
    monkeypatch: pytest.MonkeyPatch,
    stdin: io.StringIO | None,
) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    done = setup(*oidc(issuer), "--look", "anyone")
    assert (done.code, kept.writes) == (2, 0)
    assert "a client without one is --public-client" in done.err


def test_no_option_takes_a_secret(setup: Setup, issuer: OidcIssuer) -> None:
    done = setup(*oidc(issuer), "--client-secret", SECRET)
    assert done.code == 2
    assert "No such option" in done.err


def test_a_public_client(setup: Setup, kept: Kept, issuer: OidcIssuer) -> None:
    assert setup(*oidc(issuer), "--public-client", "--look", "anyone").code == 0
    assert kept.fields["login"]["client_secret"] is None
    assert setup("--decide", "anyone").code == 0
    assert kept.fields["login"]["client_secret"] is None


class Terminal(io.StringIO):
    """Somebody types these lines."""

    def isatty(self) -> bool:
        return True


def test_a_first_setup_asks_on_a_terminal(
    setup: Setup, kept: Kept, issuer: OidcIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = f"{issuer.url}\nshots\ngroup:web login:*@acme.com\nnone\n"
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("getpass.getpass", lambda words, stream: SECRET)
    done = setup()
    assert done.code == 0
    assert kept.fields["login"]["issuer"] == issuer.url
    assert kept.fields["login"]["client_secret"] == SECRET
    assert kept.fields["access"]["look"] == ["group:web", "login:*@acme.com"]
    assert kept.fields["access"]["decide"] == []
    assert SECRET not in done.out + done.err


WRONG: list[tuple[tuple[str, ...], str]] = [
    ((), "by whom do people log in? Pass --oidc-issuer URL, or --github"),
    (("--oidc-issuer", "https://a.com", *GITHUB), "pass --oidc-issuer or --github, not both"),
    (("--oidc-issuer", "https://a.com"), "another issuer knows another client: pass --client-id"),
    (("--oidc-issuer", "a.com", "--client-id", "x"), "login.issuer: must begin with https://"),
    ((*GITHUB, "--groups-claim", "x"), "--groups-claim and --login-claim are for --oidc-issuer"),
    ((*GITHUB, "--public-client"), "are for --oidc-issuer"),
    ((*GITHUB, "--look", "group:x"), "access.look[0]: GitHub sends no groups"),
    ((*GITHUB, "--look", "everybody"), "access.look[0]: must be anyone, group:NAME, login:NAME"),
    ((*GITHUB, "--look", "a/b=anyone"), "the project: 'a/b' may not be"),
    ((*GITHUB, "--repository", "x/y"), "--repository: all projects can have one repository"),
    ((*GITHUB, "--repository", "shop=x"), "repositories.shop: must be OWNER/NAME"),
    ((*GITHUB, "--url", "https://x.com/y"), "url: must be scheme and host only"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_a_mistake_changes_nothing(
    setup: Setup, kept: Kept, arguments: tuple[str, ...], words: str
) -> None:
    done = setup(*arguments, **GIVEN)
    assert (done.code, done.out, kept.writes) == (2, "", 0)
    assert words in done.err
    assert SECRET not in done.err


def test_an_issuer_that_cannot_be_used_changes_nothing(
    setup: Setup, kept: Kept, issuer: OidcIssuer
) -> None:
    done = setup("--oidc-issuer", f"{issuer.url}/", "--client-id", "x", "--look", "anyone", **GIVEN)
    assert (done.code, kept.writes) == (2, 0)
    assert f"nothing was changed. The issuer {issuer.url}/ cannot be used: its disc" in done.err
    assert f"names the issuer '{issuer.url}'" in done.err
    issuer.broken["/.well-known/openid-configuration"] = None
    done = setup(*oidc(issuer), **GIVEN)
    assert (done.code, kept.writes) == (2, 0)
    assert "does not answer" in done.err


NOTES: list[tuple[str, tuple[str, ...], str]] = [
    ("", (), "nobody may look yet: pass --look and --decide"),
    ("https://accounts.google.com", ("--look", "anyone"), "everybody who has an account at"),
    ("https://accounts.google.com", ("--look", "group:x"), "Google tells no groups"),
    ("https://login.microsoftonline.com/t/v2.0", ("--look", "login:*@a.com"), "Entra verifies no"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "rules", "words"), NOTES)
def test_what_somebody_might_not_expect_is_said(
    setup: Setup,
    issuer: OidcIssuer,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    rules: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.setattr("pixelgate.client.site.discover", lambda issuer, https: None)
    done = setup("--oidc-issuer", url or issuer.url, "--client-id", "x", *rules, **GIVEN)
    assert done.code == 0
    assert f"note: {words}" in done.err or f"note: `anyone` is {words}" in done.err


def test_settings_that_are_broken_are_replaced_only_if_that_is_said(
    setup: Setup, kept: Kept, issuer: OidcIssuer
) -> None:
    kept.value = '{"schema_version": 1, "session_keys": ["not said"]}'
    done = setup(*oidc(issuer), "--look", "anyone", **GIVEN)
    assert (done.code, kept.writes) == (2, 0)
    assert "the parameter /acme/site: the site's settings: session_keys[0]: must be 32" in done.err
    assert "`pixelgate site setup --replace` begins anew" in done.err
    assert "not said" not in done.err
    assert setup(*oidc(issuer), "--look", "anyone", "--replace", **GIVEN).code == 0
    assert kept.fields["login"]["client_id"] == "shots"


def test_a_stack_without_a_site_is_told(setup: Setup, kept: Kept, issuer: OidcIssuer) -> None:
    kept.outputs = {}
    done = setup(*oidc(issuer), "--look", "anyone", **GIVEN)
    assert (done.code, done.out, kept.writes) == (0, "", 1)
    assert "note: the stack has no output SiteUrl, so it has no review site yet" in done.err


def test_everybody_is_signed_out_by_another_key_and_nothing_else(
    run: Cli, setup: Setup, kept: Kept, issuer: OidcIssuer
) -> None:
    setup(*oidc(issuer), "--look", "anyone", **GIVEN)
    before, key = kept.fields, kept.key
    done = run("site", "sign-out-everybody", "--stack", "acme")
    assert done.code == 0
    assert done.err.startswith(
        "replaced the key in /acme/site; the site uses it within five minutes"
    )
    assert kept.key != key
    assert kept.fields == {**before, "session_keys": [kept.key]}


@pytest.mark.parametrize("command", ["setup", "show", "sign-out-everybody"])
@pytest.mark.parametrize(
    "named", [("--stack", "acme"), ("--bucket", BUCKET)], ids=["by name", "by bucket"]
)
def test_a_region_that_is_named_is_the_stack_s(
    run: Cli, setup: Setup, kept: Kept, issuer: OidcIssuer, named: tuple[str, str], command: str
) -> None:
    """Also where the bucket's name has another one."""
    setup(*oidc(issuer), "--look", "anyone", **GIVEN)
    kept.opened.clear()
    assert run("site", command, *named, "--region", "us-west-2").code == 0
    assert kept.opened == [("acme", "us-west-2"), ("/acme/site", "us-west-2")]


def test_nobody_can_be_signed_out_before_the_setup(run: Cli, kept: Kept) -> None:
    done = run("site", "sign-out-everybody", "--stack", "acme")
    assert (done.code, done.err) == (
        2,
        "error: there is no parameter /acme/site: nobody is signed in\n",
    )


def test_what_is_shown_has_no_secrets(
    run: Cli, setup: Setup, kept: Kept, issuer: OidcIssuer
) -> None:
    setup(*oidc(issuer), "--look", "group:web", "--decide", "shop=subject:7", **GIVEN)
    done = run("site", "show", "--stack", "acme")
    assert done.out.splitlines() == [
        f"site        {URL}",
        f"callback    {URL}/login/callback",
        f"login       {issuer.url}, client shots with a secret",
        "scopes      openid profile email",
        "claims      name from email, groups from groups",
        "look        group:web",
        "decide      nobody",
        "decide shop  subject:7",
    ]
    shown = run("site", "show", "--stack", "acme", "--json")
    assert shown.json["settings"]["login"]["client_secret"] == "set"
    assert shown.json["callback"] == f"{URL}/login/callback"
    for text in (done.out, shown.out):
        assert SECRET not in text
        assert kept.key not in text


def test_what_github_s_settings_show(run: Cli, setup: Setup) -> None:
    setup(*GITHUB, "--repository", "site=acme/site", "--decide", "login:ada", **GIVEN)
    done = run("site", "show", "--stack", "acme")
    assert done.out.splitlines()[2:] == [
        "login       https://github.com, client Iv1.abc with a secret",
        "repository  all other projects: acme/shop (read to look, write to decide)",
        "repository  site: acme/site (read to look, write to decide)",
        "look        as the repository says; without one, nobody",
        "decide      login:ada",
    ]


def test_before_the_setup_the_callback_is_shown_to_register_it(run: Cli, kept: Kept) -> None:
    done = run("site", "show", "--stack", "acme")
    assert done.code == 0
    assert f"{URL}/login/callback" in done.out
    assert done.err == (
        "nobody can log in yet: register a client, then run `pixelgate site setup`\n"
    )
    shown = run("site", "show", "--stack", "acme", "--json")
    assert shown.json == {
        "parameter": "/acme/site", "site": URL, "callback": f"{URL}/login/callback",
        "settings": None,
    }  # fmt: skip


@pytest.mark.parametrize("command", ["setup", "show", "sign-out-everybody"])
def test_help_of_each_command_says_its_exit_codes(run: Cli, command: str) -> None:
    done = run("site", command, "--help", COLUMNS="200")
    assert done.code == 0
    assert "Exit code: 0 " in done.out


def test_the_parameter_is_an_encrypted_one(
    run: Cli, issuer: OidcIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "open_stack", lambda name, region=None: Kept())
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with mock_aws():
        arguments = ("site", "setup", "--stack", "acme", *oidc(issuer), "--look", "anyone")
        assert run(*arguments, **GIVEN).code == 0
        ssm: Any = boto3.client("ssm", region_name="eu-central-1")
        found = ssm.get_parameter(Name="/acme/site", WithDecryption=True)["Parameter"]
        assert json.loads(found["Value"])["login"]["client_secret"] == SECRET
        assert found["Type"] == "SecureString"
        assert "client shots with a secret" in run("site", "show", "--stack", "acme").out


def test_a_stack_that_is_not_there_is_told(run: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing(Kept):
        def describe(self) -> dict[str, Any]:
            raise NotFound("other")

    monkeypatch.setattr(bootstrap, "open_stack", lambda name, region=None: Missing("other"))
    done = run("site", "show", "--stack", "other")
    assert (done.code, done.out) == (2, "")
    assert "there is no stack other in this account and region" in done.err
