"""`pixelgate github-app`: makes a GitHub App for pull requests, and shows it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.cli.help import Command, Group
from pixelgate.errors import BucketError, NotFound, UsageError, WriteConflict

if TYPE_CHECKING:
    from pixelgate.notify.github_app import Credentials

github_app = typer.Typer(
    cls=Group, name="github-app", help="The GitHub App that writes to pull requests: create, show.",
    no_args_is_help=True,
)  # fmt: skip

_STACK = "Name of the stack."
_REGION = "AWS region of the stack. Default: the profile's."
_ORG = "Organisation that owns the App. Default: your own account."
_SERVER = "Your GitHub Enterprise Server. Default: https://github.com."
_SITE = "Address of the review site. Default: the stack's output SiteUrl, if there is one."
_NAME = "Name of the App; it must be free on GitHub. Default: pixelgate-STACK."
_REPLACE = "Replace the App that is stored. Delete the old one on GitHub afterwards."
_PORT = "Port to listen on, on 127.0.0.1. Default: any that is free."
_BROWSER = "Only print the page's address."
_SECONDS = "Seconds to wait until the App is made on GitHub."
_Stack = Annotated[str, typer.Option("--stack", help=_STACK)]
_Region = Annotated[str | None, typer.Option("--region", help=_REGION)]


@github_app.command(cls=Command)
def create(
    stack: _Stack,
    region: _Region = None,
    org: Annotated[str | None, o.option(_ORG, "--org")] = None,
    server: Annotated[str, o.option(_SERVER, "--server", metavar="URL")] = "https://github.com",
    site: Annotated[str | None, o.option(_SITE, "--site", metavar="URL")] = None,
    name: Annotated[str | None, o.option(_NAME, "--name")] = None,
    replace: Annotated[bool, o.option(_REPLACE, "--replace")] = False,
    port: Annotated[int, o.option(_PORT, "--port", min=0, max=65_535)] = 0,
    no_browser: Annotated[bool, o.option(_BROWSER, "--no-browser")] = False,
    timeout: Annotated[float, o.option(_SECONDS, "--timeout", min=1, metavar="SECONDS")] = 900,
    as_json: o.AsJson = False,
) -> None:
    """Make a GitHub App of your own, which may write checks and comments and read no code.

    A page on 127.0.0.1 leads to GitHub, where you confirm. The App's private key and secrets are
    stored encrypted in Systems Manager, as /STACK/github-app, and never shown.

    Exit code: 0 made and stored; 2 not, and the reason is said.
    """
    from pixelgate import bootstrap
    from pixelgate.cli.console import say
    from pixelgate.client.github_app import Wanted, make_app

    parameter = bootstrap.open_parameter(_parameter(stack), region)
    outputs = _outputs(stack, region)
    address = site or outputs.get("SiteUrl")
    wanted = Wanted(
        name or f"pixelgate-{stack}"[:34].rstrip("-"),
        server.rstrip("/"),
        org,
        address.rstrip("/") if address else None,
    )
    if not replace:
        with suppress(NotFound):
            parameter.read()
            raise _exists(parameter.name)

    def show(url: str) -> None:
        say(f"open this page, logged in to {wanted.web}: {url}")
        if not no_browser:
            import webbrowser

            webbrowser.open(url)

    made = make_app(wanted, show, timeout, port)
    stored = made.model_dump_json()
    try:
        parameter.write(stored) if replace else parameter.create(stored)
    except (BucketError, WriteConflict) as error:
        why = _exists(parameter.name) if isinstance(error, WriteConflict) else error
        raise BucketError(
            f"GitHub has made {made.page}, but its keys could not be stored and are lost: {why}. "
            "Delete the App on GitHub"
        ) from error
    if as_json:
        typer.echo(json.dumps({**_fields(made), "parameter": parameter.name}, ensure_ascii=False))
    for line in _next_steps(made, parameter.name, stack, site=wanted.site):
        say(line)


@github_app.command(cls=Command)
def show(stack: _Stack, region: _Region = None, as_json: o.AsJson = False) -> None:
    """Show which GitHub App the stack has, without its secrets.

    Exit code: 0 shown; 2 there is none, or it could not be read.
    """
    from pixelgate import bootstrap
    from pixelgate.notify.github_app import Credentials

    parameter = bootstrap.open_parameter(_parameter(stack), region)
    try:
        fields = _fields(Credentials.parse(parameter.read(), parameter.name))
    except NotFound as error:
        raise UsageError(
            f"{error}: the stack has no GitHub App; `pixelgate github-app create` makes one"
        ) from error
    fields["parameter"] = parameter.name
    if as_json:
        typer.echo(json.dumps(fields, ensure_ascii=False))
        return
    width = max(map(len, fields))
    for field, value in fields.items():
        typer.echo(f"{field:<{width}}  {value}")


def _parameter(stack: str) -> str:
    return f"/{stack}/github-app"


def _outputs(stack: str, region: str | None) -> dict[str, str]:
    """The stack's outputs; the App may be made before the stack."""
    from pixelgate import bootstrap

    try:
        described = bootstrap.open_stack(stack, region).describe()
    except NotFound:
        return {}
    return {o["OutputKey"]: o["OutputValue"] for o in described.get("Outputs", [])}


def _exists(name: str) -> UsageError:
    return UsageError(
        f"there is a GitHub App in {name} already; `pixelgate github-app show` says which. "
        "--replace stores another one in its place"
    )


def _fields(app: Credentials) -> dict[str, object]:
    return {
        "app_id": app.app_id,
        "slug": app.slug,
        "page": app.page,
        "install": f"{app.page}/installations/new",
        "api": app.api,
        "webhook": app.webhook_secret is not None,
    }


def _next_steps(app: Credentials, parameter: str, stack: str, *, site: str | None) -> list[str]:
    lines = [
        f"the GitHub App {app.slug} is made; its keys are in {parameter}. What is left to do:",
        f"1. install it, only in the repositories with pull requests of pixelgate: {app.page}"
        "/installations/new",
        f"2. set the stack's parameters: pixelgate deploy --stack {stack} --parameter "
        f"GitHubApp={parameter} --parameter GitHubRepositories=OWNER/NAME",
    ]
    if site is None:
        lines.append(
            "It has no webhook, as the stack has no review site; only the Approve button of "
            "checks needs one."
        )
    return lines
