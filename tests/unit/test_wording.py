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


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        pytest.param("a*c", "a/b/c", True, id="a star stands for any text"),
        pytest.param("a?c", "abc", False, id="a question mark is itself"),
        pytest.param("a?c", "a?c", True, id="and matches itself"),
        pytest.param("a[b]c", "abc", False, id="brackets are themselves"),
        pytest.param("a[b]c", "a[b]c", True, id="and match themselves"),
        pytest.param("u\u0308*", "\u00fcber", True, id="the pattern is compared in NFC"),
        pytest.param("a", "ab", False, id="the whole name must match"),
    ],
)
def test_only_a_star_is_special_in_a_glob(glob: str, name: str, matches: bool) -> None:
    assert bool(compile_glob(glob).match(name)) is matches
