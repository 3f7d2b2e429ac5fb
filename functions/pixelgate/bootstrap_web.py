"""Builds the adapters of the notify function and of the review site from environment variables."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pixelgate.bootstrap import aws_records, comment_pictures, open_parameter, per_project
from pixelgate.domain.keys import EVERY_PROJECT
from pixelgate.errors import UsageError
from pixelgate.notify.forge import Connector, Forge, checked
from pixelgate.pipeline.context import StorageContext

if TYPE_CHECKING:
    from pixelgate.notify.check_approval import Approved, NotApproved, Pressed
    from pixelgate.notify.github_app import App
    from pixelgate.notify.http import Patience
    from pixelgate.notify.update import Shown
    from pixelgate.web.app import Pictures
    from pixelgate.web.gate import Person
    from pixelgate.web.http import Request, Response
    from pixelgate.web.login.github import Permission


@dataclass(frozen=True)
class Notifier:
    """The adapters of the notify function.

    `shown` is what notices link to and offer. `forges` makes the forge of a project; the key `*` is
    for all other projects.
    """

    records: StorageContext
    shown: Shown
    forges: Mapping[str, Callable[[Patience], Forge]]

    def forge(self, project: str, patience: Patience) -> Forge | None:
        """Makes the forge of a project; None if no repository is configured for it."""
        connect = self.forges.get(project) or self.forges.get(EVERY_PROJECT)
        return connect(patience) if connect else None


def aws_notifier(environ: Mapping[str, str] = os.environ) -> Notifier:
    """Builds the notify function's adapters, once per environment. Raises UsageError."""
    from pixelgate.notify.github import GitHub
    from pixelgate.notify.gitlab import GitLab

    kinds: dict[str, Connector] = {"GITHUB": GitHub, "GITLAB": GitLab}
    forges: dict[str, Callable[[Patience], Forge]] = {}
    for name, kind in kinds.items():
        on_forge = _forges_of(name, kind, environ)
        if twice := forges.keys() & on_forge.keys():
            raise UsageError(f"project {min(twice)} has a repository on two forges")
        forges |= on_forge
    if not forges:
        names = " or ".join(
            f"PIXELGATE_{n}_REPOSITORIES and PIXELGATE_{n}_TOKEN_SECRET" for n in kinds
        )
        raise UsageError(
            f"no repository is configured: set {names}, or PIXELGATE_GITHUB_APP in the place of "
            "GitHub's token"
        )
    return Notifier(aws_records(environ), _shown(environ), forges)


def _shown(environ: Mapping[str, str]) -> Shown:
    from pixelgate.notify.update import Shown

    return Shown(
        report_url=environ.get("PIXELGATE_REPORT_URL", ""),
        site_url=environ.get("PIXELGATE_SITE_URL", ""),
        approve_from_check=environ.get("PIXELGATE_APPROVE_FROM_CHECK", "off") == "on",
        comment_commands=environ.get("PIXELGATE_COMMENT_COMMANDS") == "true",
        pictures=comment_pictures(environ),
    )


def aws_webhook(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[Request], Response] | None:
    """Builds what answers GitHub's webhook; None without a GitHub App. Raises UsageError.

    GitHub waits ten seconds for an answer, so what is asked of GitHub meanwhile gets eight.
    """
    from pixelgate.notify.check_approval import Buttons
    from pixelgate.notify.github import GitHub
    from pixelgate.notify.http import Patience
    from pixelgate.web.github_webhook import Webhook, answer

    app = _github_app(environ)
    if app is None:
        return None
    named = repositories(environ.get("PIXELGATE_GITHUB_REPOSITORIES", ""), GitHub.REPOSITORY)
    buttons = Buttons(app, named, aws_records(environ), _shown(environ))

    def patience() -> Patience:
        until = time.monotonic() + 8.0
        return Patience(lambda: until - time.monotonic())

    def press(pressed: Pressed, origin: str) -> Approved | NotApproved:
        # With a function URL nobody knows the site's address but the request itself.
        shown = replace(buttons.shown, site_url=buttons.shown.site_url or origin)
        return replace(buttons, shown=shown).press(pressed, patience)

    return partial(answer, webhook=Webhook(lambda: app.credentials().webhook_secret, press))


def _github_app(environ: Mapping[str, str]) -> App | None:
    """Makes the GitHub App; None if none is configured."""
    name = environ.get("PIXELGATE_GITHUB_APP")
    if not name:
        return None
    from pixelgate.aws.parameters import KeptParameter
    from pixelgate.notify.github_app import App

    return App(KeptParameter(open_parameter(name)), name)


class Responds(Protocol):
    """What answers requests: `web.app.Site`."""

    def respond(self, request: Request) -> Response:
        """Answers one, also with an error."""


@dataclass(frozen=True)
class ServedSite:
    """The review site as Lambda serves it.

    Attributes:
        site: what answers requests.
        kind: `function-url` or `http-api`.
        url: the address under which people reach it; "" if only each request knows.
    """

    site: Responds
    kind: str
    url: str


def aws_site(environ: Mapping[str, str] = os.environ) -> ServedSite:
    """Builds the review site, once per execution environment.

    Nobody gets in before its settings exist: `pixelgate site setup` writes them.
    """
    from pixelgate.aws.sdk import lambda_config, open_session
    from pixelgate.storage.s3 import S3Bucket
    from pixelgate.web.app import Site
    from pixelgate.web.login.gate import LoginGate
    from pixelgate.web.login.settings import SettingsSource

    bucket = environ["PIXELGATE_BUCKET"]
    s3 = open_session().client("s3", config=lambda_config())
    return ServedSite(
        site=Site(
            S3Bucket(s3, bucket, owner=environ.get("PIXELGATE_BUCKET_OWNER")),
            gate=LoginGate(
                SettingsSource(open_parameter(environ["PIXELGATE_SITE_PARAMETER"]).read),
                _permission(environ),
            ),
            pictures=_signed_pictures(bucket),
            bucket=bucket,
            hook=aws_webhook(environ),
        ),
        kind=environ.get("PIXELGATE_SITE", ""),
        url=environ.get("PIXELGATE_SITE_URL", ""),
    )


def _signed_pictures(bucket: str) -> Pictures:
    """Makes addresses of pictures, with the credentials that the function has at the moment."""
    from botocore.config import Config

    from pixelgate.aws.sdk import open_session
    from pixelgate.web.app import Pictures

    # Objects under a key of one's own take no older signature.
    s3 = open_session().client("s3", config=Config(signature_version="s3v4"))

    def sign(key: str, seconds: int) -> str:
        # CI says of what type its images are; as a page of its own, one would run its scripts.
        wanted = {"Bucket": bucket, "Key": key, "ResponseContentType": "image/png"}
        return s3.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)

    address = urlsplit(sign("images", 1))
    return Pictures(sign, (f"{address.scheme}://{address.netloc}",))


def _permission(environ: Mapping[str, str]) -> Permission | None:
    """Makes what asks GitHub what somebody may do; None without a credential of the site."""
    from pixelgate.web.login.github import RepositoryPermission

    if (app := _github_app(environ)) is not None:
        from pixelgate.notify.http import Patience

        def ask(repository: str, person: Person) -> str:
            # Each repository has a token of its own; five seconds to get one, if it is due.
            until = time.monotonic() + 5.0
            token = app.token(repository, Patience(lambda: until - time.monotonic()))
            return RepositoryPermission(app.credentials().api, token)(repository, person)

        return ask
    secret = environ.get("PIXELGATE_GITHUB_TOKEN_SECRET")
    if not secret:
        return None
    import boto3

    from pixelgate.aws.secrets import SecretToken
    from pixelgate.notify.github import GitHub

    api = environ.get("PIXELGATE_GITHUB_API") or GitHub.API
    return RepositoryPermission(api, SecretToken(boto3.client("secretsmanager"), secret))


def _forges_of(
    name: str, kind: Connector, environ: Mapping[str, str]
) -> dict[str, Callable[[Patience], Forge]]:
    """Makes the forges of one kind, by project; empty without a credential or repositories."""
    secret = environ.get(f"PIXELGATE_{name}_TOKEN_SECRET")
    named = environ.get(f"PIXELGATE_{name}_REPOSITORIES", "")
    if named and name == "GITHUB" and (app := _github_app(environ)) is not None:
        from pixelgate.notify.check_run import GitHubChecks

        return {
            project: partial(GitHubChecks, repository, app)
            for project, repository in repositories(named, kind.REPOSITORY).items()
        }
    if not secret or not named:
        return {}
    import boto3

    from pixelgate.aws.secrets import SecretToken

    token = SecretToken(boto3.client("secretsmanager"), secret)
    api = environ.get(f"PIXELGATE_{name}_API") or kind.API
    return {
        project: partial(kind, repository, token, api)
        for project, repository in repositories(named, kind.REPOSITORY).items()
    }


def repositories(named: str, pattern: re.Pattern[str]) -> dict[str, str]:
    """Parses `owner/name` for all projects, or `project=owner/name,…`. Raises UsageError."""
    by_project = {project: checked(name, pattern) for project, name in per_project(named)}
    if not by_project:
        raise UsageError(f"{named!r} names no repository")
    return by_project
