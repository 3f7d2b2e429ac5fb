"""Who may look and who may decide, by the rules of the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pixelgate.domain.keys import EVERY_PROJECT
from pixelgate.web.gate import Person
from pixelgate.web.login.settings import SiteSettings

_LOOK = frozenset({"read", "triage", "write", "maintain", "admin"})
_DECIDE = frozenset({"write", "maintain", "admin"})


class Access:
    """The rules of one document.

    A project with a repository is for those who may read it, and for decisions write; rules can
    only take from that. Any other project is for those whom a rule names. Whoever may decide may
    look, and a project's own list replaces the site's.
    """

    def __init__(
        self, settings: SiteSettings, permission: Callable[[Person, str], str] | None = None
    ) -> None:
        """Takes what says somebody's permission in a repository; it may raise Refused."""
        self._rules = settings.access
        self._repositories = settings.repositories
        self._permission = permission
        self._any_case = settings.login.kind == "github"  # where ada and Ada are one person

    def may_look(self, person: Person, project: str) -> bool:
        """Whether somebody may see a project. Raises Refused if that cannot be found out."""
        look, decide = self._lists(project)
        named = self._matches(person, look or ()) or self._matches(person, decide or ())
        repository = self._repository(project)
        if repository is None:
            return named
        return (named or look is None) and self._allowed(person, repository) in _LOOK

    def may_decide(self, person: Person, project: str) -> bool:
        """Whether somebody may review a project. Raises Refused as above."""
        decide = self._lists(project)[1]
        repository = self._repository(project)
        if repository is None:
            return self._matches(person, decide or ())
        if decide is not None and not self._matches(person, decide):
            return False
        return self._allowed(person, repository) in _DECIDE and self.may_look(person, project)

    def _lists(self, project: str) -> tuple[Sequence[str] | None, Sequence[str] | None]:
        """Returns who may look and who may decide; None if the settings do not say.

        An empty list of a project is meant: it names nobody.
        """
        own, site = self._rules.projects.get(project), self._rules
        look, decide = (own.look, own.decide) if own else (None, None)
        return (
            (site.look or None) if look is None else look,
            (site.decide or None) if decide is None else decide,
        )

    def _repository(self, project: str) -> str | None:
        return self._repositories.get(project) or self._repositories.get(EVERY_PROJECT)

    def _allowed(self, person: Person, repository: str) -> str:
        return "none" if self._permission is None else self._permission(person, repository)

    def _matches(self, person: Person, rules: Sequence[str]) -> bool:
        return any(self._is(person, rule) for rule in rules)

    def _is(self, person: Person, rule: str) -> bool:
        if rule == "anyone":
            return True
        kind, _, name = rule.partition(":")
        if kind == "group":
            return name in person.groups
        if kind == "subject":
            return name == person.subject
        return kind == "login" and self._is_login(person.login, name)

    def _is_login(self, login: str, name: str) -> bool:
        if "@" not in name:
            return login.lower() == name.lower() if self._any_case else login == name
        # Addresses in ASCII only: others may look like these, or become them in lower case.
        if not login.isascii() or login.count("@") != 1 or " " in login:
            return False
        login, name = login.lower(), name.lower()
        return login.endswith(name[1:]) if name.startswith("*") else login == name


def groups_named(settings: SiteSettings) -> frozenset[str]:
    """Returns the groups that any rule names."""
    rules = (rule for _, rule in settings.access.rules())
    return frozenset(rule.removeprefix("group:") for rule in rules if rule.startswith("group:"))
