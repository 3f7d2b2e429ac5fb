"""A review site over a small world, and people who are logged in to it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pixelgate.web.gate import Person, Session
from pixelgate.web.http import Request, Response, redirect

ORIGIN = "https://review.example.com"
ADA = Person("https://login.example.com", "7", "ada@example.com", ("reviewers",))
BOB = Person("https://login.example.com", "8", "bob@example.com")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class OpenGate:
    """A gate whose cookie is the login itself.

    Attributes:
        people: those that there are, by login.
        looking, deciding: projects, by login.
    """

    people: Mapping[str, Person] = field(default_factory=lambda: {p.login: p for p in (ADA, BOB)})
    looking: Mapping[str, Collection[str]] = field(
        default_factory=lambda: {ADA.login: {"shop"}, BOB.login: {"shop"}}
    )
    deciding: Mapping[str, Collection[str]] = field(default_factory=lambda: {ADA.login: {"shop"}})

    def session(self, request: Request) -> Session | None:
        person = self.people.get(request.cookies.get("who", ""))
        return Session(person, f"csrf of {person.login}", 0.0) if person else None

    def begin(self, request: Request, to: str) -> Response:
        return redirect(f"https://login.example.com/?to={to}")

    def finish(self, request: Request) -> Response:
        return redirect("/", "who=ada@example.com")

    def end(self, request: Request) -> Response:
        return redirect("/", "who=; Max-Age=0")

    def may_look(self, person: Person, project: str) -> bool:
        return project in self.looking.get(person.login, ())

    def may_decide(self, person: Person, project: str) -> bool:
        return project in self.deciding.get(person.login, ())


def request(
    method: str,
    path: str,
    who: Person | None = ADA,
    content: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request as the site's own page sends it; other headers replace these, "" leaves one out."""
    where, _, query = path.partition("?")
    sent = {"origin": ORIGIN, **({"x-pixelgate-csrf": f"csrf of {who.login}"} if who else {})}
    if content is not None:
        sent["content-type"] = "application/json"
    sent = {name: value for name, value in {**sent, **(headers or {})}.items() if value}
    return Request(
        method,
        where,
        ORIGIN,
        dict(pair.split("=", 1) for pair in query.split("&") if pair),
        sent,
        {"who": who.login} if who else {},
        b"" if content is None else json.dumps(content).encode(),
    )
