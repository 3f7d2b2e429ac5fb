"""The settings of the review site: one JSON document in SSM Parameter Store."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from pixelgate.domain.keys import check_id
from pixelgate.domain.manifest_schema import in_words
from pixelgate.errors import BadManifest, UsageError
from pixelgate.web.login.addresses import problem_of

KEY_BYTES = 32
MAX_BYTES = 4_096  # of a standard parameter of SSM; larger ones cost money
UNVERIFIED = " (unverified)"  # ends the name of a person whose e-mail nobody has verified
_KEPT_SECONDS = 300.0
_MAX_RULES = 200
_KINDS = ("group:", "login:", "subject:")
_DOMAIN = re.compile(r"\*@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_RULE = (
    "must be anyone, group:NAME, login:NAME, login:*@DOMAIN or subject:ID, of up to 256 characters"
)


def _rule(rule: str) -> str:
    """Returns a rule that can match somebody. Raises ValueError."""
    if rule == "anyone":
        return rule
    kind = next((kind for kind in _KINDS if rule.startswith(kind)), None)
    named = rule.removeprefix(kind or "")
    if kind is None or not named or len(rule) > 256 or not named.isprintable():
        raise ValueError(_RULE)
    if named != named.strip():
        raise ValueError("may not begin or end with a space")
    if kind == "login:":
        if " " in named:
            raise ValueError("a login has no spaces")
        if "*" in named and not _DOMAIN.fullmatch(named):
            raise ValueError("a * stands only before the domain of an e-mail: login:*@acme.com")
    return rule


def _address(url: str) -> str:
    if problem := problem_of(url):
        raise ValueError(problem)
    return url


def _bare_address(url: str) -> str:
    if "?" in url:
        raise ValueError("may hold no ?")
    return _address(url)


def _origin(url: str) -> str:
    if _bare_address(url).count("/") != 2:
        raise ValueError("must be scheme and host only, such as https://shots.acme.com")
    return url


def _key(text: str) -> str:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64url; `pixelgate site setup` makes it")
    return text


def _project(name: str) -> str:
    try:
        return check_id(name, "the project")
    except BadManifest as error:
        raise ValueError(str(error)) from error


def _repository(name: str) -> str:
    if not _REPOSITORY.fullmatch(name):
        raise ValueError("must be OWNER/NAME")
    return name


Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
Address = Annotated[Text, AfterValidator(_bare_address)]
RuleText = Annotated[str, AfterValidator(_rule)]
RuleList = Annotated[list[RuleText], Field(max_length=_MAX_RULES)]
Project = Annotated[str, AfterValidator(_project)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class OidcLogin(_Model):
    """Login by an OpenID Connect issuer; without a secret the client is a public one.

    Attributes:
        groups_claim: a claim's name, or a path with dots into claims within claims.
        login_claim: the claim whose value is shown as the person's name.
    """

    kind: Literal["oidc"]
    issuer: Address
    client_id: Text
    client_secret: Secret | None = Field(default=None, repr=False)
    scopes: Annotated[list[Text], Field(min_length=1, max_length=20)] = [
        "openid",
        "profile",
        "email",
    ]
    groups_claim: Text = "groups"
    login_claim: Text = "email"

    @model_validator(mode="after")
    def _openid(self) -> OidcLogin:
        if "openid" not in self.scopes:
            raise ValueError("scopes must hold openid")
        return self


class GitHubLogin(_Model):
    """Login by GitHub, or a GitHub Enterprise Server at `web` with its API at `api`."""

    kind: Literal["github"]
    client_id: Text
    client_secret: Secret = Field(repr=False)
    web: Address = "https://github.com"
    api: Address = "https://api.github.com"

    @property
    def issuer(self) -> str:
        """What a person's `issuer` is."""
        return self.web.rstrip("/")


class ProjectAccess(_Model):
    """Rules of one project; None: those of the site."""

    look: RuleList | None = None
    decide: RuleList | None = None


class AccessRules(_Model):
    """Who may look and who may decide, in all projects and in single ones."""

    look: RuleList = []
    decide: RuleList = []
    projects: dict[Project, ProjectAccess] = {}

    def rules(self) -> Iterator[tuple[str, str]]:
        """Yields each rule with the place where it stands."""
        for name in ("look", "decide"):
            for n, rule in enumerate(getattr(self, name)):
                yield f"access.{name}[{n}]", rule
            for project, own in self.projects.items():
                for n, rule in enumerate(getattr(own, name) or ()):
                    yield f"access.projects.{project}.{name}[{n}]", rule


class SiteSettings(_Model):
    """The whole document.

    Attributes:
        session_keys: the first signs and verifies; no other is accepted.
        url: scheme and host under which people reach the site; None: as the request says.
        repositories: by project, or `*` for all others; only with GitHub.
    """

    schema_version: Literal[1]
    session_keys: Annotated[list[Annotated[str, AfterValidator(_key)]], Field(
        min_length=1, max_length=10, repr=False
    )]  # fmt: skip
    url: Annotated[Text, AfterValidator(_origin)] | None = None
    login: Annotated[OidcLogin | GitHubLogin, Field(discriminator="kind")]
    access: AccessRules = AccessRules()
    repositories: dict[Project, Annotated[str, AfterValidator(_repository)]] = {}

    @model_validator(mode="after")
    def _fitting(self) -> SiteSettings:
        if self.login.kind == "oidc":
            if self.repositories:
                raise ValueError("repositories: only GitHub can say who may read a repository")
            return self
        for place, rule in self.access.rules():
            if rule.startswith("group:"):
                raise ValueError(f"{place}: GitHub sends no groups; name logins or repositories")
            if rule.startswith("login:") and "@" in rule:
                raise ValueError(f"{place}: GitHub's logins are no e-mail addresses")
        return self

    @property
    def key(self) -> bytes:
        """The key that signs cookies."""
        text = self.session_keys[0]
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read_settings(text: str) -> SiteSettings:
    """Parses the document.

    Raises:
        UsageError: it breaks a rule. The message names field and rule, and no value of it.
    """
    try:
        fields = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        # The words of JSON's errors give positions only, and ours the name of a field.
        raise UsageError(f"the site's settings are no JSON: {error}") from error
    try:
        return SiteSettings.model_validate(fields)
    except ValidationError as error:
        raise UsageError(f"the site's settings: {in_words(_without_values(error))}") from error


def write_settings(settings: SiteSettings) -> str:
    """The document of these settings.

    Raises:
        UsageError: it is too large for a parameter.
    """
    text = json.dumps(settings.model_dump(), separators=(",", ":"), ensure_ascii=False)
    if (size := len(text.encode())) > MAX_BYTES:
        raise UsageError(
            f"the site's settings have {size:,} bytes, and a parameter takes {MAX_BYTES:,}: name "
            "groups or domains instead of single people"
        )
    return text


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"the field {next(n for n in names if names.count(n) > 1)!a} is there twice"
        )
    return fields


def _without_values(error: ValidationError) -> ValidationError:
    """The same problems without what was given, which may be a secret."""
    problems: list[InitErrorDetails] = []
    for problem in error.errors(include_url=False, include_input=False):
        kind: Any = problem["type"]
        place = list(problem["loc"])
        if place[:1] == ["login"] and place[1:2] in (["oidc"], ["github"]):
            del place[1]  # pydantic's name for the kind
        if kind in {"union_tag_invalid", "union_tag_not_found"}:
            place.append("kind")
            kind = PydanticCustomError(
                "value_error", "{error}", {"error": "must be oidc or github"}
            )
        elif kind == "too_short":
            kind = PydanticCustomError(
                "value_error", "{error}", {"error": "must have at least 1 entry"}
            )
        elif kind == "model_attributes_type":
            kind = "model_type"
            problem["ctx"] = {"class_name": "object"}
        details = InitErrorDetails(type=kind, loc=tuple(place), input=None)
        if isinstance(kind, str) and "ctx" in problem:
            details["ctx"] = problem["ctx"]
        problems.append(details)
    return ValidationError.from_exception_data("settings", problems)


class SettingsSource:
    """The settings, read when they are needed and kept for five minutes."""

    def __init__(
        self, read: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Takes what reads the document; it may raise UsageError or BucketError."""
        self._read = read
        self._clock = clock
        self._text = ""
        self._settings: SiteSettings | None = None
        self._when = float("-inf")

    def __call__(self) -> SiteSettings:
        """Returns the settings; the same object while the document is the same.

        Raises:
            UsageError: the document is not there, or breaks a rule.
            BucketError: it cannot be read. Old settings do not count then: a turned key would.
        """
        if self._settings is None or self._clock() - self._when > _KEPT_SECONDS:
            text = self._read()
            if self._settings is None or text != self._text:
                self._settings = read_settings(text)
            self._text, self._when = text, self._clock()
        return self._settings
