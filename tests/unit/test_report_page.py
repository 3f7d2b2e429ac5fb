"""The page: safe whatever a name says, no foreign request, and one page that a person has read."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pixelgate import keys
from pixelgate.comparison import Comparison, Diff, Measured, Region, Snapshot, Status
from pixelgate.report import render
from support.comparisons import SNAPSHOTS, comparison
from support.gold import Gold
from support.manifests import digest

GOLD = Path(__file__).parent / "gold" / "report.html"
REPORT_KEY = "comparisons/shop/b1/b0/e1/index.html"
VOID = {"meta", "img", "link", "br"}

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</style><script>alert(1)</script>",
    "]]><!--",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; & &amp;",
]


def render_page(shown: Comparison) -> str:
    return render(shown, lambda sha256: keys.image("shop", sha256), REPORT_KEY).decode()


@dataclass
class Page(HTMLParser):
    """What a browser makes of a page: elements with attributes, and all text."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    style: str = ""

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def parsed(page: str) -> Page:
    read = Page()
    read.feed(page)
    read.close()
    assert read.open == []
    return read


def hostile(name: str) -> Comparison:
    """The same words wherever a stranger may write some."""
    diff = Diff(1, 1, 4, (2, 2), (2, 2), (Region(0, 0, 1, 1, 1),))
    details = {"display_name": name, "group": name, "description": name}
    snapshots = {
        f"{name} changed": Snapshot(
            Status.CHANGED,
            digest(1),
            digest(2),
            (2, 2),
            (2, 2),
            Measured(diff, f"diffs/{name}/m.png"),
            details=details,
        ),
        f"{name} errored": Snapshot(Status.ERRORED, digest(3), digest(4), reason=name),
        f"{name} renamed": Snapshot(Status.RENAMED, digest(5), digest(5), previous_name=name),
        f"{name} skipped": Snapshot(Status.SKIPPED, base_sha256=digest(6), details=details),
    }
    return comparison(snapshots, project=name, head=name, base=name, reason=name, warnings=(name,))


def test_report_is_the_accepted_one(gold: Gold) -> None:
    page = render(comparison(), lambda sha256: keys.image("shop", sha256), REPORT_KEY)
    gold.check(page, GOLD)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_are_only_text(name: str) -> None:
    harmless, page = parsed(render_page(hostile("x"))), parsed(render_page(hostile(name)))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    for (tag, attributes), (_, expected) in zip(page.elements, harmless.elements, strict=True):
        assert attributes.keys() == expected.keys(), tag


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_are_shown_as_they_are(name: str) -> None:
    text = "".join(parsed(render_page(hostile(name))).text)
    for said in (name, f"{name} changed", f"{name} errored", f"was {name}", f"{name}: {name}"):
        assert said in text


@pytest.mark.parametrize("name", HOSTILE)
def test_links_lead_nowhere_but_below_the_bucket(name: str) -> None:
    page = parsed(render_page(hostile(name)))
    links = [a["href"] for a in page.all("a")] + [i["src"] for i in page.all("img")]
    assert links
    for link in links:
        assert link.startswith(("#", "../../../../../")), link
        parts = urlsplit(link)
        assert (parts.scheme, parts.netloc, parts.query) == ("", "", "")


@pytest.mark.parametrize("name", ["x", *HOSTILE])
def test_page_has_no_script_and_no_style_but_the_one_that_it_allows(name: str) -> None:
    page = parsed(render_page(hostile(name)))
    assert {tag for tag, _ in page.elements} & {
        "script",
        "iframe",
        "object",
        "link",
        "base",
    } == set()
    assert len(page.all("style")) == 1
    for tag, attributes in page.elements:
        assert not [a for a in attributes if a == "style" or a.startswith("on")], tag


@pytest.mark.parametrize("shown", [comparison(), hostile(HOSTILE[0])], ids=["usual", "hostile"])
def test_security_policy_allows_this_style_and_pictures_only(shown: Comparison) -> None:
    page = parsed(render_page(shown))
    [policy] = [
        m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"
    ]
    style = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src 'self' file:; style-src 'sha256-{style}'; base-uri 'none'"
    )


def test_policy_comes_before_anything_that_it_governs() -> None:
    page = parsed(render_page(comparison()))
    tags = [tag for tag, _ in page.elements]
    assert tags[:4] == ["html", "head", "meta", "meta"]
    assert page.elements[2][1] == {"charset": "utf-8"}
    assert page.elements[3][1]["http-equiv"] == "Content-Security-Policy"


def test_pictures_are_found_from_where_the_report_lies() -> None:
    sources = {i["src"] for i in parsed(render_page(comparison())).all("img")}
    up = "../../../../.."
    assert sources == {f"{up}/images/shop/{digest(n)}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9)} | {
        f"{up}/diffs/shop/f/3-2.png",
        f"{up}/diffs/shop/f/5-4.png",
    }


def test_pictures_load_when_they_are_looked_at_and_keep_their_place() -> None:
    for image in parsed(render_page(comparison())).all("img"):
        assert image["loading"] == "lazy"
        if "under" not in image.get("class", ""):
            assert int(image["width"]) in {300, 320}
            assert int(image["height"]) in {200, 220}


def test_every_picture_says_what_it_is() -> None:
    for image in parsed(render_page(comparison())).all("img"):
        # The head below its mask is a decoration: the mask says what is seen.
        assert bool(image["alt"]) is ("under" not in image.get("class", ""))


def test_links_within_the_page_lead_somewhere() -> None:
    page = parsed(render_page(comparison()))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = [unquote(a["href"][1:]) for a in page.all("a") if a["href"].startswith("#")]
    assert targets
    assert set(targets) <= set(ids)


def test_sections_to_review_are_open_and_the_others_folded() -> None:
    details = parsed(render_page(comparison())).all("details")
    sections = {d["class"].removeprefix("section "): "open" in d for d in details}
    assert sections == {
        "errored": True,
        "changed": True,
        "added": True,
        "removed": True,
        "renamed": False,
        "skipped": False,
        "unchanged": False,
    }


def test_head_that_is_narrower_than_its_mask_lies_at_its_own_width() -> None:
    page = parsed(render_page(comparison()))
    under = [i["class"].split() for i in page.all("img") if "under" in i.get("class", "")]
    assert under == [["under", "w9375"], ["under"]]
    assert ".w9375{width:93.75%}" in page.style


def test_every_width_has_one_rule() -> None:
    def changed(width: int) -> Snapshot:
        diff = Diff(1, 1, 900, (30, 30), (width, 30), (Region(0, 0, 1, 1, 1),))
        return Snapshot(
            Status.CHANGED, digest(1), digest(2), (width, 30), (30, 30), Measured(diff, "m.png")
        )

    widths = (30, 20, 20, 10)
    page = parsed(render_page(comparison({f"{n}": changed(w) for n, w in enumerate(widths)})))
    assert re.findall(r"\.w(\d+)\{width:([\d.]+%)\}", page.style) == [
        ("3333", "33.33%"),
        ("6667", "66.67%"),
    ]


def test_empty_comparison_is_a_page_too() -> None:
    page = parsed(render_page(comparison({})))
    assert "There was nothing to compare" in "".join(page.text)
    assert page.all("details") == []


def test_every_snapshot_is_on_the_page() -> None:
    text = "".join(parsed(render_page(comparison())).text)
    for name in SNAPSHOTS:
        assert name in text


def test_same_comparison_is_the_same_page() -> None:
    assert render_page(comparison()) == render_page(comparison())
