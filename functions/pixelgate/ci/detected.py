"""What a CI system says of the build that it runs, and how its variables are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_HEADS = "refs/heads/"


@dataclass(frozen=True)
class CiInfo:
    """What one CI system says; None is what it does not.

    Attributes:
        vendor: its name, for people.
        commit: whose screenshots these are: of a pull request its head, never the merge commit.
        branch: the branch that the commit is on; a tag's whole ref.
        base_branch: into which it will be merged.
        base_commit: the merge base, where the CI system has it itself.
        target: a commit of the base branch, for the merge base to be found with.
        pull_request: its number.
        ci_url: where a person reads the log.
        build: an id of the job and its attempt.
        run: an id that all jobs of a pipeline share, and later attempts of a part of them too.
        shard: index from 1 and total, where the CI system splits a job.
        fork: whether somebody else's repository is built, so that nobody has vouched for it.
        merged: commit may be a merge that the CI system made of the head, which is called so in
            the checkout; if it is commit itself, the head is its second parent.
        notes: what a person should know of how it was found.
    """

    vendor: str | None = None
    commit: str | None = None
    branch: str | None = None
    base_branch: str | None = None
    base_commit: str | None = None
    target: str | None = None
    pull_request: str | None = None
    ci_url: str | None = None
    build: str | None = None
    run: str | None = None
    shard: tuple[int, int] | None = None
    fork: bool = False
    merged: str | None = None
    notes: tuple[str, ...] = ()


# What Azure leaves of a variable that is not set.
_MACRO = re.compile(r"\$\([\w.]+\)")


class Variables:
    """An environment in which empty and unset are the same, as they are in CI files."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str | None:
        value = self._environ.get(name, "").strip()
        return None if _MACRO.fullmatch(value) else value or None

    def has(self, name: str) -> bool:
        """Whether it is set to anything that means yes."""
        return (self[name] or "false").lower() not in {"false", "0", "no"}

    def number(self, name: str) -> int | None:
        """A number from 0, if it is one."""
        value = self[name] or ""
        return int(value) if value.isascii() and value.isdigit() else None

    def shard(self, index: str, total: str, first: int) -> tuple[int, int] | None:
        """Which part of how many, if there are several; `first` is what the first one is called."""
        part, parts = self.number(index), self.number(total)
        if part is None or parts is None or parts < 2:
            return None
        return part - first + 1, parts


def branch_of(ref: str | None) -> str | None:
    """`main` for `refs/heads/main`; another ref stays whole, so that no tag passes for a branch."""
    return ref.removeprefix(_HEADS) if ref else None


def tag_ref(tag: str | None) -> str | None:
    """The whole ref of a tag."""
    return f"refs/tags/{tag}" if tag else None


def last_number(url: str | None) -> str | None:
    """The pull request's number at the end of its address."""
    found = re.search(r"/(\d+)/?$", urlsplit(url or "").path)
    return found[1] if found else None


def same_repository(one: str | None, other: str | None) -> bool:
    """Whether two addresses mean one repository, however it is reached."""
    return _slug(one) == _slug(other)


def _slug(address: str | None) -> str | None:
    if address is None:
        return None
    path = re.sub(r"^(\w+://)?([^@/]*@)?", "", address)
    return path.replace(":", "/", 1).removesuffix("/").removesuffix(".git").lower()


def text(value: Any) -> str | None:
    """A text or number of an event as text; None for whatever else somebody put there."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def at(event: Any, *path: str) -> Any:
    """A place in an event; None wherever it ends before."""
    for name in path:
        event = event.get(name) if isinstance(event, dict) else None
    return event
