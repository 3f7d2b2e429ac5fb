"""A picture of another browser is compared with the one that the base has of the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pixelgate.domain.comparison import Snapshot, Status
from pixelgate.domain.matching import Kind, Match, match, variant_hints
from pixelgate.domain.policy import Policy
from pixelgate.domain.variants import without_variant
from pixelgate.report.explain import why

LINUX = ["chromium", "linux"]


@pytest.mark.parametrize(
    ("name", "tags", "stem"),
    [
        ("home-chromium-linux.png", LINUX, "home.png"),
        ("home-chromium-linux.png", {"browser": "chromium", "platform": "linux"}, "home.png"),
        ("home-Mobile-Chrome-linux.png", ["Mobile Chrome", "linux"], "home.png"),
        ("home[chromium][linux].png", LINUX, "home.png"),
        ("chromium/home.png", ["chromium"], "/home.png"),
        ("a-test-chromium/home.png", ["chromium"], "a-test/home.png"),
        ("desktop_chrome/home-desktop_chrome-500x300-dpr-1.png",
         ["desktop_chrome", "500x300", "dpr-1"], "/home.png"),
        ("home@2x.png", ["@2x"], "home.png"),
        ("home-dpr-3.png", ["@3x"], "home.png"),
        ("home vw-375.png", ["vw-375"], "home.png"),
        # A word that is no part of the name, or only a part of a word of it, is not taken off.
        ("home.png", LINUX, None),
        ("chromium2-linuxes.png", LINUX, None),
        ("home@20x.png", ["@2x"], None),
        ("home.png", None, None),
        ("home.png", [], None),
        ("home.png", "home", None),
        ("home.png", ["", "-", " "], None),
    ],
)  # fmt: skip
def test_a_name_without_the_words_of_its_variant(name: str, tags: Any, stem: str | None) -> None:
    assert without_variant(name, tags) == stem


def test_a_name_is_compared_in_one_unicode_form() -> None:
    assert without_variant("u\u0308-linux.png", ["linux"]) == without_variant(
        "\u00fc-darwin.png", ["darwin"]
    )


def in_browser(*browsers: str) -> Callable[[str], str | None]:
    return lambda name: without_variant(name, [b for b in browsers if b in name])


def matched(head: Mapping[str, str], base: Mapping[str, str], **more: Any) -> list[Match]:
    known = in_browser("chromium", "firefox", "webkit")
    return match(head, base, variants=(known, known), **more)


def test_another_browser_is_not_everything_removed_and_everything_added() -> None:
    names = [f"{n:03}" for n in range(300)]
    matches = matched(
        {f"{n}-firefox.png": f"new {n}" for n in names},
        {f"{n}-chromium.png": f"old {n}" for n in names},
    )
    assert {m.kind for m in matches} == {Kind.DIFFERING}
    assert [(m.name, m.previous_name) for m in matches][7] == (
        "007-firefox.png",
        "007-chromium.png",
    )
    assert variant_hints(matches) == [
        "300 snapshots were compared with another variant's, as the base has none of their own: "
        "'000-firefox.png' with '000-chromium.png'"
    ]


def test_a_browser_more_is_added_and_nothing_else() -> None:
    base = {"a-chromium.png": "1", "b-chromium.png": "2"}
    matches = matched({**base, "a-firefox.png": "3", "b-firefox.png": "4"}, base)
    assert [(m.name, m.kind) for m in matches] == [
        ("a-chromium.png", Kind.UNCHANGED),
        ("a-firefox.png", Kind.ADDED),
        ("b-chromium.png", Kind.UNCHANGED),
        ("b-firefox.png", Kind.ADDED),
    ]
    assert variant_hints(matches) == []


def test_a_browser_less_is_removed_and_nothing_else() -> None:
    head = {"a-firefox.png": "3"}
    matches = matched(head, {"a-chromium.png": "1", **head})
    assert [(m.name, m.kind) for m in matches] == [
        ("a-chromium.png", Kind.REMOVED),
        ("a-firefox.png", Kind.UNCHANGED),
    ]


def test_of_two_that_may_be_meant_none_is_taken() -> None:
    head = {"a-webkit.png": "3"}
    matches = matched(head, {"a-chromium.png": "1", "a-firefox.png": "2"})
    assert {m.kind for m in matches} == {Kind.ADDED, Kind.REMOVED}
    matches = matched({"a-chromium.png": "1", "a-firefox.png": "2"}, head)
    assert {m.kind for m in matches} == {Kind.ADDED, Kind.REMOVED}


def test_the_same_picture_of_another_variant_is_renamed() -> None:
    (only,) = matched({"a-firefox.png": "1"}, {"a-chromium.png": "1"})
    assert (only.kind, only.previous_name) == (Kind.RENAMED, "a-chromium.png")


def test_what_a_selective_upload_skips_is_no_other_variant() -> None:
    matches = matched({"a-firefox.png": "2"}, {"a-chromium.png": "1"}, selective=True)
    assert {m.kind for m in matches} == {Kind.ADDED, Kind.SKIPPED}


def test_without_tags_names_match_as_they_are_written() -> None:
    matches = match({"a-firefox.png": "2"}, {"a-chromium.png": "1"})
    assert {m.kind for m in matches} == {Kind.ADDED, Kind.REMOVED}


def test_the_report_says_with_what_it_was_compared() -> None:
    snapshot = Snapshot(Status.ERRORED, previous_name="a-chromium.png")
    assert next(why(snapshot, Policy(), "a-firefox.png")) == (
        "The base has none of this name. It was compared with the same snapshot in another "
        "variant: a-chromium.png."
    )
    snapshot = Snapshot(Status.ERRORED, previous_name="u\u0308.png")
    assert "another Unicode form" in next(why(snapshot, Policy(), "\u00fc.png"))
