"""Shows pictures of what has to be reviewed below a pull request's comment, where it is asked for.

Either each picture is uploaded to GitHub once, or the comment has addresses of the review site.
What was uploaded is noted in the comment itself, with a seal, because anybody may write a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from pixelgate.domain import keys
from pixelgate.domain.preview import MAX_BYTES, Preview, Previews, address
from pixelgate.domain.records import BuildRecord
from pixelgate.errors import NotFound, NoticeRefused, NotTold, TooLarge, UsageError
from pixelgate.notify.forge import Comment, cut
from pixelgate.notify.markdown import code, plain
from pixelgate.notify.pr_comment import Marker
from pixelgate.ports import Bucket
from pixelgate.published.status import review_of

_NAME_LETTERS = 200
_NOTED = re.compile(r"^<!-- pixelgate pictures: (\{.*\}) -->\r?$", re.MULTILINE)


class CommentPictures(StrEnum):
    """How a comment shows pictures; the values of PIXELGATE_COMMENT_PICTURES."""

    OFF = "off"
    ATTACH = "attach"
    SITE = "site"

    @classmethod
    def parse(cls, word: str) -> CommentPictures:
        """Parses the setting; raises UsageError."""
        try:
            return cls(word)
        except ValueError:
            known = ", ".join(cls)
            raise UsageError(f"PIXELGATE_COMMENT_PICTURES is {word!r}; known: {known}") from None


@runtime_checkable
class Attaching(Protocol):
    """A forge that can show pictures in comments."""

    def attach(self, name: str, body: bytes) -> str:
        """Uploads a PNG for good; returns its address. Raises NoticeRefused or NotTold."""

    def seal(self, text: str) -> str:
        """Returns a code that only the owner of the forge's credential can make of a text."""


@dataclass(frozen=True)
class Section:
    """What comes below the comment, and why there is less than asked for; both may be empty."""

    lines: tuple[str, ...] = ()
    left_out: str = ""

    def below(self, comment: str) -> str:
        """Returns the comment with this below it."""
        return "\n".join((comment.rstrip(), "", *self.lines)).rstrip() + "\n"


@dataclass(frozen=True)
class Showing:
    """How pictures are shown, and where: `site_url` is "" if there is no review site."""

    how: CommentPictures
    site_url: str

    def section(
        self,
        build: BuildRecord,
        status: Mapping[str, Any],
        objects: Bucket,
        forge: object,
        comments: Iterable[Comment],
    ) -> Section:
        """Makes the section of a build; empty for a fork's, and if nothing is left to review.

        `comments` are those of the pull request, in which earlier uploads are noted. Whatever keeps
        pictures from being shown is said in the section; it raises nothing of the forge.
        """
        if self.how is CommentPictures.OFF or not (build.trusted and keys.is_trusted(build.id)):
            return Section()
        if not isinstance(forge, Attaching):
            return Section()
        noted = _noted(comments, forge) if self.how is CommentPictures.ATTACH else {}
        folder, drawn = _drawn(status, objects)
        previews = _left_to_review(drawn, status)
        if not previews.pictures:
            # The addresses stay, for if the review is reopened.
            return Section(_note(noted, forge))
        if self.how is CommentPictures.ATTACH:
            files = {picture.file for picture in drawn.pictures}
            noted = {file: url for file, url in noted.items() if file in files}
            return _attached(folder, previews, objects, forge, noted)
        if not self.site_url:
            why = "the stack has no review site that could show them"
            return Section(_reason(why), why)
        urls = {p.file: address(self.site_url, folder, p.file, previews) for p in previews.pictures}
        return Section(_shown(previews, urls))


_NONE = Previews("", 0, ())


def _drawn(status: Mapping[str, Any], objects: Bucket) -> tuple[str, Previews]:
    """Returns the folder and the pictures of a result that needs a review."""
    if status["state"] != "SUCCEEDED" or review_of(status) != "needed":
        return "", _NONE
    result, _, _ = str(status["comparison"] or "").rpartition("/")
    folder = keys.previews(f"{result}/")
    try:
        previews = Previews.parse(objects.read(keys.preview_list(folder), MAX_BYTES))
    except (NotFound, TooLarge):
        previews = None
    return folder, previews or _NONE


def _left_to_review(previews: Previews, status: Mapping[str, Any]) -> Previews:
    """Leaves out what was decided."""
    review = status.get("review") or {}
    names = review.get("names") or ()
    if len(names) != review.get("left"):
        return previews  # only some of them are named
    return previews.only(frozenset(names))


def _attached(
    folder: str, previews: Previews, objects: Bucket, forge: Attaching, noted: Mapping[str, str]
) -> Section:
    """Uploads what was not uploaded before, until the first that fails."""
    urls: dict[str, str] = {}
    why = ""
    for picture in previews.pictures:
        url = noted.get(picture.file)
        if url is None and not why:
            try:
                url = forge.attach(picture.file, objects.read(f"{folder}{picture.file}"))
            except NotFound:
                continue
            except (NoticeRefused, NotTold) as error:
                why = str(error)
        if url is not None:
            urls[picture.file] = url
    reason = _reason(why) if why else ()
    return Section((*_shown(previews, urls), *reason, *_note({**noted, **urls}, forge)), why)


def _shown(previews: Previews, urls: Mapping[str, str]) -> tuple[str, ...]:
    lines: list[str] = []
    for picture in previews.pictures:
        if url := urls.get(picture.file):
            name = cut(" ".join(picture.name.split()), _NAME_LETTERS)
            alt = plain(f"Base, head and difference of {name}")
            lines += [_caption(picture), "", f"![{alt}]({url})", ""]
    return tuple(lines)


def _caption(picture: Preview) -> str:
    words = f"{code(picture.name)}: {picture.status}"
    if picture.share is not None:
        much = f"{picture.share:.1%}" if picture.share >= 0.001 else "less than 0.1%"
        words += f", {much} of it"
    return words + (f", and {picture.like} more with the same change" if picture.like else "")


def _reason(why: str) -> tuple[str, ...]:
    return (f"<sub>Pictures are left out: {plain(why)}.</sub>", "")


def _note(urls: Mapping[str, str], forge: Attaching) -> tuple[str, ...]:
    """Returns the hidden line that tells later events what is uploaded."""
    if not urls:
        return ()
    sealed = forge.seal(_text(urls))
    note = json.dumps({"seal": sealed, "addresses": dict(urls)})
    return (f"<!-- pixelgate pictures: {note} -->",)


def _noted(comments: Iterable[Comment], forge: Attaching) -> dict[str, str]:
    """Returns the addresses of uploaded pictures by file, from comments with our seal."""
    found: dict[str, str] = {}
    for comment in comments:
        if Marker.of(comment.body) is None:
            continue
        for match in _NOTED.finditer(comment.body):
            try:
                note = json.loads(match[1])
                urls = {str(file): str(url) for file, url in note["addresses"].items()}
                sealed = str(note["seal"])
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
            if sealed == forge.seal(_text(urls)):
                found |= urls
    return found


def _text(urls: Mapping[str, str]) -> str:
    return json.dumps(dict(urls), sort_keys=True)
