"""The line of a comment that reviews a build: how it is spelt, and what is no such line."""

from __future__ import annotations

import re

import pytest

from pixelgate.domain.keys import BuildId
from pixelgate.domain.review_line import ReviewLine, line_for, read_line, spelt
from pixelgate.errors import UsageError

ODD = ("b1", "trunk.9001-1", "a b", "%2F", "a.b.c", "-->", "`x`", "\\", "日本", "é", "~_-", "--yes",
       "$(id)", "'\"", "x;y|z", ".x", "x.")  # fmt: skip


@pytest.mark.parametrize("build", ODD)
def test_every_id_is_read_back(build: str) -> None:
    for project in ODD:
        for execution in ("0123abcd", "a.b", "x y", "..", "%"):
            line = line_for("reject", BuildId(project, build), execution)
            assert read_line(line) == ReviewLine("reject", project, build, execution)
            assert re.fullmatch(r"/pixelgate reject [\w.~%-]+/[\w.~%-]+", line, re.ASCII)


def test_no_two_results_have_one_spelling() -> None:
    results = [(BuildId(p, b), e) for p in ODD for b in ODD for e in ("x", "a.x", ".")]
    assert len({spelt(build, execution) for build, execution in results}) == len(results)
    assert spelt(BuildId("shop", "trunk.9-1"), "e.1") == "shop/trunk.9-1.e%2E1"


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("/pixelgate approve shop/b1.e1", ReviewLine("approve", "shop", "b1", "e1")),
        ("/pixelgate approve b1.e1", ReviewLine("approve", None, "b1", "e1")),
        ("/pixelgate  reject\tshop/b1.e1  ", ReviewLine("reject", "shop", "b1", "e1")),
        (
            "/pixelgate reject shop/b1.e1 the blue,\r\nand $(id) --yes\r\n",
            ReviewLine("reject", "shop", "b1", "e1", "the blue,\r\nand $(id) --yes"),
        ),
        (
            "/pixelgate approve --yes shop/b1.e1 meant",
            ReviewLine("approve", "shop", "b1", "e1", "meant", yes=True),
        ),
        ("/pixelgate approve shop/b.1.e1", ReviewLine("approve", "shop", "b.1", "e1")),
    ],
)
def test_what_a_comment_asks_for(comment: str, expected: ReviewLine) -> None:
    assert read_line(comment) == expected


@pytest.mark.parametrize(
    "comment",
    ["", " ", "looks good", " /pixelgate approve shop/b1.e1", "> /pixelgate approve shop/b1.e1",
     "please /pixelgate approve shop/b1.e1", "/pixelgatex approve shop/b1.e1", "/Pixelgate approve",
     "<!-- pixelgate: {} -->\n/pixelgate approve shop/b1.e1", "\n/pixelgate approve shop/b1.e1"],
)  # fmt: skip
def test_other_comments_ask_for_nothing(comment: str) -> None:
    assert read_line(comment) is None


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        ("/pixelgate", "is not understood: write `/pixelgate approve ID`"),
        ("/pixelgate approve", "is not understood"),
        ("/pixelgate Approve shop/b1.e1", "is not understood"),
        ("/pixelgate delete shop/b1.e1", "is not understood"),
        ("/pixelgate approve --yes", "names no result"),
        ("/pixelgate approve shop/b1", "names no result"),
        ("/pixelgate approve .e1", "names no result"),
        ("/pixelgate approve shop/b1.", "names no result"),
        ("/pixelgate approve /b1.e1", "names no result"),
        ("/pixelgate approve a/b/c.e1", "is not spelt"),
        ("/pixelgate approve shop/b%31.e1", "is not spelt"),
        ("/pixelgate approve shop/b%c3%a9.e1", "is not spelt"),
        ("/pixelgate approve shop/bé.e1", "is not spelt"),
        ("/pixelgate approve shop/b%FF.e1", "is not spelt"),
        ("/pixelgate approve shop/$(id).e1", "is not spelt"),
        ("/pixelgate approve shop%2Fweb/b1.e1", "the project: 'shop/web' may not be"),
        ("/pixelgate approve shop/b%0A.e1", "the build's id: 'b\\n' may not be"),
        ("/pixelgate approve shop/..e1", "the build's id: '.' may not be"),
        (f"/pixelgate approve shop/{'b' * 256}.e1", "the build's id: must have 1 to 255 bytes"),
        (f"/pixelgate approve shop/b1.e1 {'x' * 2_001}", "the reason has 2,001 characters"),
        ("/pixelgate approve shop/b1.e1 \ud800", "holds half a character"),
        ("/pixelgate approve shop/b\ud800.e1", "holds half a character"),
    ],
)
def test_what_is_not_understood_is_said(comment: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_line(comment)
    assert why in str(refused.value)
