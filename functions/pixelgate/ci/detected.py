"""The facts that a CI system provides about a build, and helpers to read its variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_HEADS = "refs/heads/"
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class CiInfo:
    """The facts that one CI system provides; None where it provides nothing."""

    vendor: str | None = None  # the CI system's name
    # The commit that the screenshots show; in a pull request its head, not the merge.
    commit: str | None = None
    branch: str | None = None  # the branch of the commit; for a tag, its whole ref
    base_branch: str | None = None  # the branch that the change will be merged into
    base_commit: str | None = None  # the merge base, if the CI system provides it
    target: str | None = None  # a commit of the base branch, from which git can find the merge base
    pull_request: str | None = None  # the number of the pull request
    ci_url: str | None = None  # a link to the job's log
    build: str | None = None  # an id of the job and its attempt
    run: str | None = None  # an id that all jobs of a pipeline share, and repeated jobs too
    # Index (from 1) and total, if the CI system splits the job.
    shard: tuple[int, int] | None = None
    fork: bool = False  # whether the build comes from a fork, which is not trusted
    # Set if the CI system may have checked out a merge commit of its own: a name of the head in the
    # checkout, or `commit` itself, whose second parent is then the head.
    merged: str | None = None
    # The tag of a release; `branch` is then what the release says that it was made of.
    released: str | None = None
    merge_request: bool = False  # whether the forge calls a pull request a merge request
    notes: tuple[str, ...] = ()  # notes for the user on how the facts were found


# Azure leaves `$(NAME)` in place of a variable that is not set.
_MACRO = re.compile(r"\$\([\w.]+\)")


class Variables:
    """Environment variables; an empty one counts as unset, as in the files of CI systems."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str | None:
        value = self._environ.get(name, "").strip()
        return None if _MACRO.fullmatch(value) else value or None

    def has(self, name: str) -> bool:
        """Whether a variable is set to anything but false, 0 or no."""
        return (self[name] or "false").lower() not in {"false", "0", "no"}

    def number(self, name: str) -> int | None:
        """Returns a variable as a number from 0; None if it is not one."""
        value = self[name] or ""
        return int(value) if value.isascii() and value.isdigit() else None

    def shard(self, index: str, total: str, first: int) -> tuple[int, int] | None:
        """Returns index (from 1) and total if there are several; the CI counts from `first`."""
        part, parts = self.number(index), self.number(total)
        if part is None or parts is None or parts < 2:
            return None
        return part - first + 1, parts


def branch_of(ref: str | None) -> str | None:
    """Returns `main` for `refs/heads/main`; other refs stay whole, as a tag is not a branch."""
    return ref.removeprefix(_HEADS) if ref else None


def tag_ref(tag: str | None) -> str | None:
    """Returns the whole ref of a tag."""
    return f"refs/tags/{tag}" if tag else None


def branch_to_release(named: str | None) -> str | None:
    """Returns what a release says that it was made of, if that is a branch; else None."""
    if not named or named.startswith("refs/") or _HASH.fullmatch(named):
        return None
    return named


def last_number(url: str | None) -> str | None:
    """Returns the pull request's number at the end of its URL."""
    match = re.search(r"/(\d+)/?$", urlsplit(url or "").path)
    return match[1] if match else None


def same_repository(first: str | None, second: str | None) -> bool:
    """Whether two URLs belong to the same repository, such as by SSH and by HTTPS."""
    return _slug(first) == _slug(second)


def _slug(address: str | None) -> str | None:
    if address is None:
        return None
    path = re.sub(r"^(\w+://)?([^@/]*@)?", "", address)
    return path.replace(":", "/", 1).removesuffix("/").removesuffix(".git").lower()


def text(value: Any) -> str | None:
    """Returns a string or a number of an event as text; None for any other value."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def at(event: Any, *path: str) -> Any:
    """Returns the value at a path in an event; None if there is none."""
    for name in path:
        event = event.get(name) if isinstance(event, dict) else None
    return event
