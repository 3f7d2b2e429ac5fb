"""`pixelgate site`: who may log in to the stack's review site, look and decide."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.cli.admin import Stack
from pixelgate.cli.context import Context
from pixelgate.cli.help import Command, Group
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.client.site import Document, Wishes
    from pixelgate.web.login.settings import SiteSettings

site = typer.Typer(
    cls=Group, name="site", help="The review site: who logs in how, looks and decides.",
    no_args_is_help=True,
)  # fmt: skip

SECRET_VARIABLE = "PIXELGATE_SITE_CLIENT_SECRET"  # noqa: S105 - a name
_GITHUB = "https://github.com"
_LOGIN = "Login"
_ACCESS = "Access"
_WHEN = "the site uses it within five minutes"
_REGION = (
    "AWS region of the stack. Default: the bucket's; with --stack, AWS_REGION or the profile's."
)
_Region = Annotated[str | None, o.option(_REGION, "--region")]
_RULE = (
    "anyone, group:NAME, login:NAME, login:*@DOMAIN or subject:ID; before it PROJECT= for one "
    "project. May be repeated; replaces those before, and `none` leaves none."
)


@site.command(cls=Command)
def setup(
    oidc_issuer: Annotated[
        str | None,
        o.option("URL of the OpenID Connect issuer.", "--oidc-issuer", panel=_LOGIN, metavar="URL"),
    ] = None,
    github: Annotated[bool, o.option("Log in by GitHub.", "--github", panel=_LOGIN)] = False,
    github_server: Annotated[
        str | None,
        o.option(
            "Log in with a GitHub Enterprise Server or ghe.com host.",
            "--github-server",
            panel=_LOGIN,
            metavar="URL",
        ),
    ] = None,
    client_id: Annotated[
        str | None,
        o.option("Client that you registered there.", "--client-id", panel=_LOGIN, metavar="ID"),
    ] = None,
    new_secret: Annotated[
        bool, o.option("Take a new secret for the same client.", "--new-secret", panel=_LOGIN)
    ] = False,
    public_client: Annotated[
        bool, o.option("The client has no secret.", "--public-client", panel=_LOGIN)
    ] = False,
    scope: Annotated[
        list[str] | None,
        o.option("Default: openid profile email. May be repeated.", "--scope", panel=_LOGIN),
    ] = None,
    groups_claim: Annotated[
        str | None,
        o.option("Claim with the groups. Default: groups.", "--groups-claim", panel=_LOGIN),
    ] = None,
    login_claim: Annotated[
        str | None,
        o.option("Claim with the name. Default: email.", "--login-claim", panel=_LOGIN),
    ] = None,
    look: Annotated[
        list[str] | None,
        o.option(f"Who may look: {_RULE}", "--look", panel=_ACCESS, metavar="RULE"),
    ] = None,
    decide: Annotated[
        list[str] | None,
        o.option("Who may decide, and look: as --look.", "--decide", panel=_ACCESS, metavar="RULE"),
    ] = None,
    repository: Annotated[
        list[str] | None,
        o.option(
            "GitHub repository of all projects, or PROJECT=OWNER/NAME: who may read it may look, "
            "who may write may decide. May be repeated.",
            "--repository",
            panel=_ACCESS,
            metavar="OWNER/NAME",
        ),
    ] = None,
    url: Annotated[
        str | None,
        o.option("Accept logins at this address only. Default: any that the site has.", "--url"),
    ] = None,
    replace: Annotated[
        bool, o.option("Begin anew, whatever was set up before.", "--replace")
    ] = False,
    stack: Stack = None,
    region: _Region = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
) -> None:
    """Say how people log in to the review site, and who may look and decide.

    Writes the stack's parameter /STACK/site. Settings that you do not name stay as they are, and so
    do the sessions. The issuer's discovery document is read first. The client's secret is asked
    for, or taken from standard input or the variable PIXELGATE_SITE_CLIENT_SECRET; no option takes
    it.

    Prints the callback address, which must be registered at the issuer.

    Exit code: 0 written; 2 nothing was changed, and the reason is said.
    """
    from pixelgate.cli.console import say, warn
    from pixelgate.client import site as sites
    from pixelgate.web.login.settings import write_settings

    document, address = _open(stack, region, bucket, config)
    old = None if replace else sites.read(document)
    wishes = sites.Wishes(
        issuer=oidc_issuer,
        github=(github_server or _GITHUB).rstrip("/") if github or github_server else None,
        client_id=client_id,
        public=public_client,
        scopes=scope or (),
        groups_claim=groups_claim,
        login_claim=login_claim,
        look=look or (),
        decide=decide or (),
        repositories=repository or (),
        url=url,
    )
    if old is None and _is_terminal():
        wishes = _asked(wishes)
    settings = sites.changed(old, wishes, _secret(old, wishes, new=new_secret))
    sites.check_issuer(settings)
    document.write(write_settings(settings))
    say(f"wrote {document.name}; {_WHEN}")
    if old is not None and not wishes.same_issuer(old):
        warn("the rules for the people of the other issuer are gone, and its sessions end")
    for note in sites.notes(settings):
        warn(note)
    _print_addresses(settings, address)


@site.command(cls=Command)
def show(
    stack: Stack = None,
    region: _Region = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Show the site's address, its callback, and its settings without secrets.

    Exit code: 0 shown, also if nothing is set up yet; 2 AWS refuses, or the settings are wrong.
    """
    from pixelgate.cli.console import say
    from pixelgate.client import site as sites

    document, address = _open(stack, region, bucket, config)
    settings = sites.read(document)
    if as_json:
        url = (settings and settings.url) or address or None
        fields = {
            "parameter": document.name,
            "site": url,
            "callback": sites.callback_of(url) if url else None,
            "settings": sites.without_secrets(settings) if settings else None,
        }
        typer.echo(json.dumps(fields, ensure_ascii=False))
        return
    _print_addresses(settings, address)
    if settings is None:
        say("nobody can log in yet: register a client, then run `pixelgate site setup`")
        return
    for name, value in sites.in_lines(settings):
        typer.echo(f"{name:<10}  {value}")


@site.command("sign-out-everybody", cls=Command)
def sign_out_everybody(
    stack: Stack = None,
    region: _Region = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
) -> None:
    """End all sessions of the review site, by replacing the key that signs them.

    Exit code: 0 the key was replaced; 2 it was not, and the reason is said.
    """
    from pixelgate.cli.console import say
    from pixelgate.client import site as sites
    from pixelgate.web.login.settings import write_settings

    document, _ = _open(stack, region, bucket, config)
    settings = sites.read(document)
    if settings is None:
        raise UsageError(f"there is no parameter {document.name}: nobody is signed in")
    document.write(write_settings(sites.signed_out(settings)))
    say(f"replaced the key in {document.name}; {_WHEN}")


def _open(
    stack: str | None, region: str | None, bucket: str | None, config: Path | None
) -> tuple[Document, str]:
    """Opens the settings of the named stack, or of the bucket's; returns the site's URL, too."""
    from pixelgate import bootstrap
    from pixelgate.aws.operator import read_stack, stack_of

    name = stack
    if name is None:
        at = Context(None, bucket, config).bucket
        found = stack_of(at)
        if found is None:
            raise UsageError(
                f"which stack the bucket {at} is of is not in its name; pass --stack, or set "
                "PIXELGATE_STACK"
            )
        name, region = found[0], region or found[1]
    facts = read_stack(bootstrap.open_stack(name, region))
    return bootstrap.open_parameter(f"/{name}/site", region), facts.site


def _print_addresses(settings: SiteSettings | None, address: str) -> None:
    from pixelgate.cli.console import warn
    from pixelgate.client.site import callback_of

    url = (settings and settings.url) or address
    if url:
        typer.echo(f"{'site':<10}  {url}")
        typer.echo(f"{'callback':<10}  {callback_of(url)}")
    else:
        warn(
            "the stack has no output SiteUrl, so it has no review site yet: deploy it with "
            "--parameter Site=function-url or Site=http-api (docs/review-site.md)"
        )


def _asked(wishes: Wishes) -> Wishes:
    """Asks on the terminal for what a first setup needs and no option says."""
    from dataclasses import replace

    if wishes.issuer is None and wishes.github is None:
        said = _prompt("URL of the OpenID Connect issuer, or github")
        by_github = said.lower() == "github"
        wishes = replace(wishes, github=_GITHUB) if by_github else replace(wishes, issuer=said)
    if wishes.client_id is None:
        wishes = replace(wishes, client_id=_prompt("Client id"))
    if wishes.github is not None and not wishes.repositories and not wishes.look:
        said = _prompt("Repository, OWNER/NAME or PROJECT=OWNER/NAME (none: rules decide)")
        wishes = replace(wishes, repositories=said.split())
    if wishes.repositories in ((), ["none"]) and not wishes.look and not wishes.decide:
        wishes = replace(
            wishes,
            look=_prompt("Who may look (rules, separated by spaces, or none)").split(),
            decide=_prompt("Who may decide").split(),
        )
    return wishes


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()  # None where the job has closed it


def _prompt(words: str) -> str:
    answer: str = typer.prompt(words, err=True)
    return answer.strip()


def _secret(old: SiteSettings | None, wishes: Wishes, *, new: bool) -> str | None:
    """Returns the client's secret if one is needed; it is never an option's value."""
    import os
    from getpass import getpass

    if wishes.public:
        return None
    if given := os.environ.get(SECRET_VARIABLE, "").strip():
        return given
    if wishes.same_client(old) and not new:
        return None
    if _is_terminal():
        said = getpass("Client secret: ", sys.stderr).strip()
    else:
        said = sys.stdin.readline().strip() if sys.stdin else ""
    if not said:
        raise UsageError(
            f"the client's secret is missing: set {SECRET_VARIABLE}, or give it on standard "
            "input; a client without one is --public-client"
        )
    return said
