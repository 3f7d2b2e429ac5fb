"""Where the head build comes from, in words and links: pull request, commit, author, CI job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

# How the address of a CI job begins where it lies below its repository's own: then the commit and
# the pull request lie there too. Elsewhere, as at Jenkins, nobody knows where the repository is.
_GITHUB = re.compile(r"(https?://[^/\s]+/[^/\s]+/[^/\s]+)/actions/runs/\d+")
_GITLAB = re.compile(r"(https?://[^/\s]+/[^\s]+?)/-/(?:jobs|pipelines)/\d+")
_BITBUCKET = re.compile(r"(https://bitbucket\.org/[^/\s]+/[^/\s]+)/pipelines/results/\d+")
# How each of them spells the path to a pull request and to a commit.
_PATHS = (
    (_GITHUB, "pull", "commit"),
    (_GITLAB, "-/merge_requests", "-/commit"),
    (_BITBUCKET, "pull-requests", "commits"),
)
_NUMBER = re.compile(r"\d{1,20}")
_SHA = re.compile(r"[0-9a-f]{7,64}")
_SHORT = 8  # characters of a commit


def origin_in_words(origin: Mapping[str, str]) -> tuple[tuple[str, str, str | None], ...]:
    """Returns label, words and address of each known part; the address is None if none is known.

    The manifest comes from CI and may say anything, so only http and https become links.
    """
    job = origin.get("ci_url", "")
    job_url = job if _is_web(job) else None
    pull, commit = origin.get("pull_request"), origin.get("commit")
    parts: list[tuple[str, str, str | None]] = []
    if pull:
        url = _beside(job_url, pull, _NUMBER, 1)
        parts.append(("Pull request", f"#{pull}", url))
    if branch := origin.get("branch"):
        parts.append(("Branch", branch, None))
    if commit:
        words = commit[:_SHORT] if _SHA.fullmatch(commit) else commit
        parts.append(("Commit", words, _beside(job_url, commit, _SHA, 2)))
    if author := origin.get("author"):
        parts.append(("Author", f"by {author}", None))
    if job_url:
        parts.append(("CI job", "job", job_url))
    return tuple(parts)


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _beside(job: str | None, value: str, shape: re.Pattern[str], path: int) -> str | None:
    """Returns the address of a pull request (path 1) or a commit (2) of the job's repository."""
    if job is None or not shape.fullmatch(value):
        return None
    for pattern, *paths in _PATHS:
        if match := pattern.match(job):
            return f"{match[1]}/{paths[path - 1]}/{value}"
    return None
