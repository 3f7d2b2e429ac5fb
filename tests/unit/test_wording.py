import pytest

from pixelgate.domain.names import compile_glob
from pixelgate.domain.wording import and_more, joined, shortened


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a", "b", "c"], ["a", "b", "and 1 more"]),
    ],
    ids=["none", "as many as are shown", "one more"],
)
def test_shortened_lines_end_with_the_number_of_the_others(
    lines: list[str], shown: list[str]
) -> None:
    assert shortened(iter(lines), 2) == shown


def test_hidden_items_are_counted_with_their_noun() -> None:
    assert and_more(1_234, "names") == ["and 1,234 more names"]
    assert and_more(0, "names") == and_more(-1) == []


def test_joined_items_are_quoted() -> None:
    assert joined(["a", "b"], 2) == "'a', 'b'"
    assert joined(["a", "b", "c"], 2) == "'a', 'b' and 1 more"


GLOBS = {
    "a*c": {"a/b/c": True, "ac": True, "a/\n/c": True, "abcd": False, "xac": False, "A/c": False},
    "*": {"a/b.png": True, "": True},
    "a": {"ab": False},
    # A question mark, brackets and a dot are themselves.
    "a?c": {"abc": False, "a?c": True},
    "a[b]c": {"abc": False, "a[b]c": True},
    "a[*": {"a[2]/b": True},
    "a.c": {"abc": False},
    # The pattern is compared in NFC.
    "u\u0308*": {"\u00fcber": True},
}


@pytest.mark.parametrize("glob", GLOBS)
def test_only_a_star_is_special_in_a_glob(glob: str) -> None:
    pattern = compile_glob(glob)
    assert {name: bool(pattern.match(name)) for name in GLOBS[glob]} == GLOBS[glob]
