"""Writes untrusted text into Markdown of GitHub and GitLab: as code, or as plain words."""

from __future__ import annotations

import re

from pixelgate.notify.forge import cut

_NAME_LETTERS = 200
_MESSAGE_LETTERS = 2_000


def code(text: str) -> str:
    """Quotes untrusted text as code, so that it cannot mention, link or break a table."""
    text = cut(" ".join(text.split()), _NAME_LETTERS)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def plain(text: str) -> str:
    """Escapes untrusted words, so that they cannot mark up, mention, refer or link.

    GitHub and GitLab link a sign with a word behind it (@ada, #1, !1, $1, %1, ~bug, &1, a URL). A
    zero-width space after the sign prevents that; GitLab links some of them even after a backslash.
    """
    text = cut(" ".join(text.split()), _MESSAGE_LETTERS)
    text = re.sub(r"([@#:!$%~&^])(?=\w|/)|(?<=www)(\.)", "\\g<0>\u200b", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_{}\[\]|~!$])", r"\\\1", text)
    return re.sub(r"^(\d*)([#+=.)/-])", r"\1\\\2", text)  # a heading, a list, GitLab's /close
