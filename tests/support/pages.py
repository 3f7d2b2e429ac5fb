"""What a browser makes of a report's HTML, and what its blocks of data hold."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "img", "link", "br", "input"}


@dataclass
class Page(HTMLParser):
    """Elements with attributes, text outside scripts and styles, and the text within those."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    text: str = ""
    raw: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"}:
            tag, attributes = self.elements[-1]
            self.raw[attributes.get("id", tag)] = data
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def block(self, name: str) -> Any:
        """The unpacked data of a block."""
        return json.loads(gzip.decompress(base64.b64decode(self.raw[f"{name}-data"])))


def parsed(page: bytes) -> Page:
    read = Page()
    read.feed(page.decode())
    read.close()
    assert read.open == []
    return read
