"""The page: safe whatever a name says, no foreign request, and all data in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, Diff, Measured, Region, Snapshot, Status
from pixelgate.report import content_policy, render, render_failure
from support.comparisons import SNAPSHOTS, comparison
from support.manifests import digest
from support.pages import Page, parsed

REPORT_KEY = "comparisons/shop/b1/b0/e1/index.html"
APP = Path(__file__).parents[2] / "functions" / "pixelgate" / "report" / "app"
LIMIT = 160_000  # bytes of the page before its data

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</style><script>alert(1)</script>",
    "]]><!--",
    "<!--script-->",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; & &amp;",
    "\u202egnp.exe \U0001f600",
]


def render_page(shown: Comparison) -> Page:
    return parsed(render(shown, lambda sha256: keys.image("shop", sha256), REPORT_KEY))


def hostile(name: str) -> Comparison:
    """The same words wherever a stranger may write some."""
    diff = Diff(1, 1, 4, (2, 2), (2, 2), (Region(0, 0, 1, 1, 1),))
    details = {"display_name": name, "group": name, "description": name, "tags": [name]}
    snapshots = {
        f"{name} changed": Snapshot(
            Status.CHANGED,
            digest(1),
            digest(2),
            (2, 2),
            (2, 2),
            Measured(diff, f"diffs/{name}/m.png"),
            details=details | {"context": {name: name}},
        ),
        f"{name} errored": Snapshot(Status.ERRORED, digest(3), digest(4), reason=name),
        f"{name} renamed": Snapshot(Status.RENAMED, digest(5), digest(5), previous_name=name),
        f"{name} skipped": Snapshot(Status.SKIPPED, base_sha256=digest(6), details=details),
    }
    return comparison(snapshots, project=name, head=name, base=name, reason=name, warnings=(name,))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_are_only_text(name: str) -> None:
    harmless, page = render_page(hostile("x")), render_page(hostile(name))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    for (tag, attributes), (_, expected) in zip(page.elements, harmless.elements, strict=True):
        assert attributes == expected, tag
    assert page.raw["script"] == harmless.raw["script"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_are_shown_as_they_are(name: str) -> None:
    page = render_page(hostile(name))
    assert f"{name}: {name} against {name}" in page.text
    shown, details = page.block("list"), page.block("details")
    assert shown["names"] == [f"{name} {s}" for s in ("errored", "changed", "renamed", "skipped")]
    assert shown["titles"] == {"1": name, "3": name}
    assert shown["tags"] == {"1": [name], "3": [name]}
    assert details["reason"] == {"0": name}
    assert details["facts"]["1"] == [["Description", name], ["Belongs to", name], [name, name]]


@pytest.mark.parametrize("name", HOSTILE)
def test_failures_are_only_text_too(name: str) -> None:
    error = {"code": name, "message": name}
    status = {"project": name, "build": name, "error": error, "baseline_reason": name}
    page, harmless = parsed(render_failure(status)), parsed(render_failure({"project": "x"}))
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in harmless.elements}
    assert name in page.text


@pytest.mark.parametrize("name", HOSTILE)
def test_links_lead_nowhere_but_below_the_bucket(name: str) -> None:
    details = render_page(hostile(name)).block("details")
    links = [
        details[column]["prefix"] + rest
        for column in ("head", "base", "mask")
        for rest in details[column]["rest"].values()
    ]
    assert len(links) == 7
    for link in links:
        assert link.startswith("../../../../../"), link
        parts = urlsplit(link)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")


@pytest.mark.parametrize("shown", [comparison(), hostile(HOSTILE[0])], ids=["usual", "hostile"])
def test_security_policy_allows_this_code_this_style_and_pictures_only(shown: Comparison) -> None:
    page = render_page(shown)
    assert [tag for tag, _ in page.elements][:4] == ["html", "head", "meta", "meta"]
    assert page.elements[2][1] == {"charset": "utf-8"}
    first = page.elements[3][1]  # before anything that it governs
    assert first["http-equiv"] == "Content-Security-Policy"
    style, script = (
        base64.b64encode(hashlib.sha256(page.raw[tag].encode()).digest()).decode()
        for tag in ("style", "script")
    )
    assert first["content"].split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{script}'",
        f"style-src 'sha256-{style}'",
        "img-src 'self' file: data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]


@pytest.mark.parametrize("name", ["x", HOSTILE[0], HOSTILE[4]])
def test_a_served_page_has_the_block_and_leaves_its_policy_to_the_header(name: str) -> None:
    served = {"project": name, "build": name, "sign": None, "decide": True, "person": name}
    body = render(hostile(name), lambda sha: keys.image("shop", sha), REPORT_KEY, served=served)
    page = parsed(body)
    assert json.loads(page.raw["site-data"]) == served
    assert [s.get("id") for s in page.all("script")][-2:] == ["site-data", None]
    assert not [m for m in page.all("meta") if "http-equiv" in m]
    assert {"name": "referrer", "content": "same-origin"} in page.all("meta"), (
        "forms have an origin"
    )
    plain = render_page(hostile(name))
    assert {"name": "referrer", "content": "no-referrer"} in plain.all("meta")
    assert (page.raw["script"], page.raw["style"]) == (plain.raw["script"], plain.raw["style"])
    assert json.loads(parsed(render_failure({}, served=served)).raw["site-data"]) == served


def test_the_header_of_a_served_page_allows_its_server_and_the_pictures_of_the_bucket() -> None:
    page = render_page(comparison())
    style, script = (
        base64.b64encode(hashlib.sha256(page.raw[tag].encode()).digest()).decode()
        for tag in ("style", "script")
    )
    assert content_policy(["https://b.s3.eu-west-1.amazonaws.com"]).split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{script}'",
        f"style-src 'sha256-{style}'",
        "img-src 'self' data: https://b.s3.eu-west-1.amazonaws.com",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    assert "img-src 'self' data:; " in content_policy([])


@pytest.mark.parametrize(
    "origin", ["", "*", "https:", "https://a b", "https://a/b", "https://a;", "https://a\r\nX: 1"]
)
def test_what_is_no_origin_gets_into_no_header(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        content_policy(["https://fine", origin])


@pytest.mark.parametrize("name", ["x", *HOSTILE])
def test_page_has_no_element_or_attribute_that_could_act(name: str) -> None:
    page = render_page(hostile(name))
    tags = [tag for tag, _ in page.elements]
    assert not {"iframe", "object", "embed", "base", "form"} & set(tags)
    assert (tags.count("style"), tags.count("script")) == (1, 3)
    assert [s.get("type") for s in page.all("script")] == ["text/plain", "text/plain", "module"]
    for tag, attributes in page.elements:
        assert not [a for a in attributes if a == "style" or a.startswith("on")], tag
        assert "src" not in attributes, tag


def test_code_never_makes_markup_of_text() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function"
        r"|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts"
    )
    modules = sorted(APP.glob("*.js"))
    assert len(modules) > 10
    for module in modules:
        code = module.read_text()
        if module.name == "site.js":  # the only one that asks anything, and only its own server
            assert code.count("fetch(") == 1
            assert "await fetch(path, how)" in code
            code = code.replace("fetch(", "")
        assert not forbidden.search(code), module.name
        lines = module.read_text().splitlines()
        assert len(lines) <= 400, module.name
        assert re.match(r"// .+\.$", lines[0]), "it says what it is for"


def test_page_is_small_and_ten_thousand_names_add_little() -> None:
    assert len(render(comparison({}), lambda _: None, REPORT_KEY)) < LIMIT
    shown = {
        f"app/screen-{n:05}/state-{n % 7}.png": Snapshot(Status.UNCHANGED, digest(1), digest(1))
        for n in range(10_000)
    }
    assert len(render(comparison(shown), lambda _: None, REPORT_KEY)) < LIMIT + 60_000


def test_every_picture_is_linked_from_where_the_report_lies() -> None:
    page = render_page(comparison())
    details, names = page.block("details"), page.block("list")["names"]

    def linked(column: str) -> dict[str, str]:
        prefix = details[column]["prefix"]
        return {names[int(n)]: prefix + rest for n, rest in details[column]["rest"].items()}

    up = "../../../../.."
    assert linked("mask") == {
        "button/changed a little.png": f"{up}/diffs/shop/f/3-2.png",
        "card/smaller.png": f"{up}/diffs/shop/f/5-4.png",
    }
    assert linked("head")["card/smaller.png"] == f"{up}/images/shop/{digest(4)}"
    assert linked("base")["card/smaller.png"] == f"{up}/images/shop/{digest(5)}"
    assert "same.png" not in linked("base"), "it is the same picture as head"
    assert set(linked("head")) | set(linked("base")) == set(SNAPSHOTS)


def test_blocks_hold_what_the_list_and_the_view_show() -> None:
    page = render_page(comparison())
    shown, details = page.block("list"), page.block("details")
    assert shown["status"] == "011234566"
    assert shown["changed"] == {"1": 77, "2": 10_400}
    assert shown["sizes"][shown["head_size"][2] - 1] == [300, 200]
    assert shown["sizes"][shown["base_size"][2] - 1] == [320, 220]
    assert details["regions"]["2"] == [300, 0, 20, 220, 10_390, 0, 0, 0, 10, 1, 10, 0]


@pytest.mark.parametrize(
    ("shown", "kind", "said"),
    [
        (comparison({}), "empty", "Did the screenshots get written?"),
        (comparison({"a": Snapshot(Status.ADDED)}, base="@none"), "first", "no baseline"),
        (comparison({"a": Snapshot(Status.ERRORED)}), "errored", "Not one snapshot"),
    ],
)
def test_unusual_comparisons_say_what_happened_without_a_script(
    shown: Comparison, kind: str, said: str
) -> None:
    page = render_page(shown)
    assert page.all("body")[0]["class"] == kind
    assert said in page.text


def test_failure_says_what_happened_without_a_script() -> None:
    error = {"code": "TIMEOUT", "message": "the worker stopped without a word"}
    page = parsed(render_failure({"project": "shop", "build": "b1", "error": error}))
    assert page.all("body")[0]["class"] == "failed"
    assert "Failed: the run took too long" in page.text
    assert "the worker stopped without a word. What was compared is kept" in page.text


def test_same_comparison_is_the_same_page() -> None:
    first = render(comparison(), lambda sha256: keys.image("shop", sha256), REPORT_KEY)
    assert first == render(comparison(), lambda sha256: keys.image("shop", sha256), REPORT_KEY)
