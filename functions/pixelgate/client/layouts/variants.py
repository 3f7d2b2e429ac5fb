"""The words at the end of a file's name that say in which variant a picture was taken."""

from __future__ import annotations

import re

# The kinds of words, in the order in which they become tags.
KINDS = ("browser", "platform", "viewport", "density")
_BROWSER = (
    r"(?:(?:desktop|mobile|google|microsoft)[-_ ])?"
    r"(?:chromium|chrome|firefox|webkit|safari|msedge|edge|opera|brave)"
    r"(?:[-_ ](?:headless(?:[-_ ]shell)?|mobile|desktop|beta|dev|canary))?"
)
_WORDS = {
    "density": r"(?:dpr[-_]?|@)\d+(?:\.\d+)?x?|\d(?:\.\d+)?x",
    "viewport": r"\d{2,5}x\d{2,5}|vw[-_]\d{2,5}",
    "platform": "linux|darwin|win32|windows|macos|android|ios",
    "browser": _BROWSER,
}
_TAIL = {
    kind: re.compile(rf"(?si)(.+?)(?:[-_. ]+[\[(]?|[\[(]|(?=@))({words})[\])]?$")
    for kind, words in _WORDS.items()
}
_WHOLE = {kind: re.compile(rf"(?i)(?:{words})$") for kind, words in _WORDS.items()}


def peel(stem: str) -> tuple[str, dict[str, str]]:
    """Splits `home-chromium-linux` into `home` and its words by kind: browser and platform."""
    words: dict[str, str] = {}
    while True:
        for kind, pattern in _TAIL.items():
            if kind not in words and (match := pattern.match(stem)):
                stem, words[kind] = match[1], match[2]
                break
        else:
            return stem, words


def of_folder(name: str) -> dict[str, str]:
    """Returns the variant that a whole folder is of, such as `desktop_chrome` or `1280x800`."""
    return {kind: name for kind, pattern in _WHOLE.items() if pattern.match(name)}


def is_certain(words: dict[str, str]) -> bool:
    """Whether the words are a variant also where no runner is known.

    One alone may be what the picture shows: `download-linux.png`, `extension for chrome.png`.
    """
    return len(words) > 1 or words.get("density", "").startswith("@")
