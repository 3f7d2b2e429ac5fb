"""The settings of a stack's review site, as `pixelgate site` changes and shows them."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from pixelgate.domain.keys import EVERY_PROJECT
from pixelgate.errors import NotFound, UsageError
from pixelgate.web.http import Refused
from pixelgate.web.login.gate import CALLBACK
from pixelgate.web.login.https import Https
from pixelgate.web.login.oidc import discover
from pixelgate.web.login.settings import (
    KEY_BYTES,
    SiteSettings,
    read_settings,
)

NOBODY = "none"  # in place of a rule or a repository: there are no more
_KINDS = ("group:", "login:", "subject:")


class Document(Protocol):
    """Where the settings are kept: `pixelgate.aws.parameters.Parameter`."""

    name: str

    def read(self) -> str:
        """Returns it. Raises NotFound or BucketError."""

    def write(self, value: str) -> None:
        """Writes it. Raises BucketError."""


@dataclass(frozen=True)
class Wishes:
    """What is to change; None, or an empty list, keeps what there is.

    Attributes:
        issuer: URL of an OpenID Connect issuer.
        github: the URL of GitHub or of a server of its kind.
        client_id: of the client, or OAuth app, that was registered there.
        public: whether the client has no secret.
        look, decide: `RULE` or `PROJECT=RULE`; they replace the list of the site or the project.
        repositories: `OWNER/NAME` or `PROJECT=OWNER/NAME`.
        url: scheme and host of the site; an empty text for what each request says.
    """

    issuer: str | None = None
    github: str | None = None
    client_id: str | None = None
    public: bool = False
    scopes: Sequence[str] = ()
    groups_claim: str | None = None
    login_claim: str | None = None
    look: Sequence[str] = ()
    decide: Sequence[str] = ()
    repositories: Sequence[str] = ()
    url: str | None = None

    def same_issuer(self, old: SiteSettings | None) -> bool:
        """Whether people go on to log in where the settings say."""
        if old is None:
            return False
        if old.login.kind == "oidc":
            return self.github is None and self.issuer in (None, old.login.issuer)
        return self.issuer is None and self.github in (None, old.login.issuer)

    def same_client(self, old: SiteSettings | None) -> bool:
        """Whether the client stays the one that the settings have."""
        return (
            old is not None
            and self.same_issuer(old)
            and self.client_id in (None, old.login.client_id)
        )


def read(document: Document) -> SiteSettings | None:
    """Returns the settings; None if there are none yet.

    Raises:
        UsageError: they break a rule.
        BucketError: they cannot be read.
    """
    try:
        return read_settings(document.read())
    except NotFound:
        return None
    except UsageError as error:
        raise UsageError(
            f"the parameter {document.name}: {error}. `pixelgate site setup --replace` begins anew"
        ) from error


def changed(old: SiteSettings | None, wishes: Wishes, secret: str | None) -> SiteSettings:
    """Returns the settings with these wishes; the session key stays.

    Rules and repositories do not stay with another issuer, where the same names are other people.

    Args:
        old: the settings that there are; None if there are none.
        wishes: what is to change.
        secret: a new secret of the client; None keeps the one there is, if the client is the same.

    Raises:
        UsageError: a wish is impossible, or something is missing.
    """
    fields: dict[str, Any] = {
        "schema_version": 1, "session_keys": [new_key()], "access": {}, "repositories": {},
        **(old.model_dump(exclude_none=True) if old else {}),
    }  # fmt: skip
    fields["login"] = _login(old, wishes, secret)
    if not wishes.same_issuer(old):
        fields |= {"access": {}, "repositories": {}}
    if wishes.url is not None:
        fields["url"] = wishes.url or None
    access = fields["access"]
    projects = access.setdefault("projects", {})
    for name, words in (("look", wishes.look), ("decide", wishes.decide)):
        for project, rules in _by_project(words).items():
            place = access if project is None else projects.setdefault(project, {})
            place[name] = rules
    if wishes.repositories:
        fields["repositories"] = _repositories(wishes.repositories)
    return read_settings(json.dumps(fields))


def _login(old: SiteSettings | None, wishes: Wishes, secret: str | None) -> dict[str, Any]:
    """The field `login`, whose rules `read_settings` checks."""
    before: dict[str, Any] = old.login.model_dump() if old else {}
    kind = _kind(before, wishes)
    login: dict[str, Any] = before if wishes.same_issuer(old) else {"kind": kind}
    same = wishes.same_client(old)
    if wishes.client_id is not None:
        login["client_id"] = wishes.client_id
    elif not same:
        raise UsageError("another issuer knows another client: pass --client-id")
    if wishes.public:
        login["client_secret"] = None
    elif secret is not None:
        login["client_secret"] = secret
    elif not same:
        raise UsageError("the client's secret is missing; a client without one is --public-client")
    given: dict[str, Any] = {
        "scopes": list(wishes.scopes) or None,
        "groups_claim": wishes.groups_claim,
        "login_claim": wishes.login_claim,
        "issuer": wishes.issuer,
        "web": wishes.github,
        "api": None if wishes.github is None else api_of(wishes.github),
    }
    return login | {name: value for name, value in given.items() if value is not None}


def _kind(before: Mapping[str, Any], wishes: Wishes) -> str:
    if wishes.issuer is not None and wishes.github is not None:
        raise UsageError("people log in by one issuer: pass --oidc-issuer or --github, not both")
    kind = str(before.get("kind", ""))
    if wishes.github is not None:
        kind = "github"
    elif wishes.issuer is not None:
        kind = "oidc"
    if not kind:
        raise UsageError("by whom do people log in? Pass --oidc-issuer URL, or --github")
    if kind == "github" and (
        wishes.public or wishes.scopes or wishes.groups_claim or wishes.login_claim
    ):
        raise UsageError(
            "--public-client, --scope, --groups-claim and --login-claim are for --oidc-issuer"
        )
    return kind


def api_of(web: str) -> str:
    """The API of GitHub, or of a GitHub Enterprise Server or a tenant of ghe.com."""
    host = urlsplit(web).hostname or ""
    if host == "github.com":
        return "https://api.github.com"
    if host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"{web.rstrip('/')}/api/v3"


def _by_project(words: Sequence[str]) -> dict[str | None, list[str]]:
    """Groups `RULE` and `PROJECT=RULE` by project; None is the site."""
    found: dict[str | None, list[str]] = {}
    for word in words:
        project, rule = None, word
        if not word.startswith(_KINDS) and "=" in word:
            project, _, rule = word.partition("=")
        rules = found.setdefault(project, [])
        if rule != NOBODY:
            rules.append(rule)
    return found


def _repositories(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        if word == NOBODY:
            continue
        project, equals, name = word.partition("=")
        if not equals:
            project, name = EVERY_PROJECT, word
        if project in found:
            which = "all projects" if project == EVERY_PROJECT else project
            raise UsageError(f"--repository: {which} can have one repository")
        found[project] = name
    return found


def check_issuer(settings: SiteSettings) -> None:
    """Reads the issuer's discovery document. Raises UsageError if it cannot be used."""
    if settings.login.kind == "oidc":
        try:
            discover(settings.login.issuer, Https())
        except Refused as error:
            raise UsageError(f"nothing was changed. {error.words}") from error


def new_key() -> str:
    """A key that signs sessions."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def signed_out(settings: SiteSettings) -> SiteSettings:
    """The settings with another key, which ends all sessions."""
    return settings.model_copy(update={"session_keys": [new_key()]})


def callback_of(url: str) -> str:
    """The address to register at the issuer."""
    return f"{url.rstrip('/')}{CALLBACK}"


def without_secrets(settings: SiteSettings) -> dict[str, Any]:
    """The settings as JSON that anybody may see."""
    fields = settings.model_dump(exclude={"session_keys"})
    fields["login"]["client_secret"] = "set" if settings.login.client_secret else None
    return fields


def in_lines(settings: SiteSettings) -> Iterator[tuple[str, str]]:
    """Describes the settings, without secrets, by name and value."""
    login = settings.login
    secret = "with a secret" if login.client_secret else "without a secret"
    yield "login", f"{login.issuer}, client {login.client_id} {secret}"
    if login.kind == "oidc":
        yield "scopes", " ".join(login.scopes)
        yield "claims", f"name from {login.login_claim}, groups from {login.groups_claim}"
    access, repositories = settings.access, settings.repositories
    for project, repository in sorted(repositories.items()):
        which = "all other projects" if project == EVERY_PROJECT else project
        yield "repository", f"{which}: {repository} (read to look, write to decide)"
    yield "look", ", ".join(access.look) or _nobody(repositories)
    yield "decide", ", ".join(access.decide) or _nobody(repositories)
    for project, own in sorted(access.projects.items()):
        for name in ("look", "decide"):
            rules = getattr(own, name)
            if rules is not None:
                yield f"{name} {project}", ", ".join(rules) or _nobody(repositories)


def _nobody(repositories: Mapping[str, str]) -> str:
    return "as the repository says; without one, nobody" if repositories else "nobody"


def notes(settings: SiteSettings) -> Iterator[str]:
    """What somebody might not expect of these settings."""
    login, rules = settings.login, [rule for _, rule in settings.access.rules()]
    host = urlsplit(login.issuer).hostname or ""
    if not rules and not settings.repositories:
        yield "nobody may look yet: pass --look and --decide, or --repository with GitHub"
    if "anyone" in rules and host in {"accounts.google.com", "github.com", "gitlab.com"}:
        yield f"`anyone` is everybody who has an account at {host}"
    if settings.repositories and not settings.access.look:
        yield "everybody at GitHub may read a public repository: with one, pass --look too"
    if login.kind == "oidc":
        if host == "accounts.google.com" and any(rule.startswith("group:") for rule in rules):
            yield "Google tells no groups: use login:*@DOMAIN or login:ADDRESS"
        if host == "login.microsoftonline.com" and any("@" in rule for rule in rules):
            yield "Entra verifies no addresses, so rules with one match nobody: use groups or roles"
