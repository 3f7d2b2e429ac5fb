"""The line by which a comment on a pull request reviews a build.

    /pixelgate approve PROJECT/BUILD.EXECUTION [the reason]

It names the result that was shown, so that nobody approves another one. In the three ids every byte
but ASCII letters, digits and `_.-~` is written as %XX, and in the execution the dot too. So the "/"
and the last "." separate them, and each result has one spelling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from pixelgate.domain.keys import BuildId, check_id
from pixelgate.domain.review_request import MAX_REASON
from pixelgate.errors import BadManifest, UsageError

_WORD = "/pixelgate"
_HOW = (
    f"write `{_WORD} approve ID` or `{_WORD} reject ID`, with the ID from pixelgate's comment and, "
    "if you like, a reason after it"
)
_REST = re.compile(r"(--yes\s+)?(\S+)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True)
class ReviewLine:
    """What a comment asks for.

    `project` is None where the comment leaves it out. With `yes` rejections may be overturned.
    """

    action: str  # approve or reject
    project: str | None
    build: str
    execution: str
    reason: str | None = None
    yes: bool = False


def spelt(build: BuildId, execution: str) -> str:
    """Returns the spelling of a result: PROJECT/BUILD.EXECUTION."""
    result = quote(execution, safe="").replace(".", "%2E")
    return f"{quote(build.project, safe='')}/{quote(build.build, safe='')}.{result}"


def line_for(action: str, build: BuildId, execution: str) -> str:
    """Returns the line that approves or rejects all of a result."""
    return f"{_WORD} {action} {spelt(build, execution)}"


def read_line(comment: str) -> ReviewLine | None:
    """Reads a comment; None if it is none of ours, as it does not begin with `/pixelgate`.

    Raises:
        UsageError: it begins so and is not understood; the message says what to write.
    """
    word, *rest = comment.split(maxsplit=2) or [""]
    if word != _WORD or comment[:1].isspace():
        return None
    if not _is_text(comment):
        raise UsageError("the comment holds half a character, which cannot be stored")
    match = _REST.fullmatch(rest[1].strip()) if len(rest) > 1 else None
    if match is None or rest[0] not in {"approve", "reject"}:
        raise UsageError(f"the comment is not understood: {_HOW}")
    yes, named, reason = match.groups()
    if reason and len(reason) > MAX_REASON:
        raise UsageError(f"the reason has {len(reason):,} characters; up to {MAX_REASON:,}")
    project, build, execution = _read_id(named)
    return ReviewLine(rest[0], project, build, execution, reason or None, yes=bool(yes))


def _read_id(given: str) -> tuple[str | None, str, str]:
    """Splits an id into project, build and execution. Raises UsageError."""
    named, slash, result = given.rpartition("/")
    parts = [unquote(part) for part in (named if slash else "-", *result.rpartition(".")[::2])]
    if not all(parts):
        raise UsageError(f"the comment names no result: {_HOW}")
    project, build, execution = parts
    wanted = spelt(BuildId(project, build), execution)
    if given != (wanted if slash else wanted.removeprefix("-/")):
        raise UsageError(f"the id is not spelt as pixelgate spells it: {_HOW}")
    try:
        check_id(project, "the project")
        check_id(build, "the build's id")
    except BadManifest as error:
        raise UsageError(str(error)) from error
    return (project if slash else None), build, execution


def _is_text(text: str) -> bool:
    """Whether UTF-8 can hold it: JSON may spell half of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
