"""What is read of a request, whatever server it came through."""

from __future__ import annotations

import pytest

from pixelgate.web.http import read_cookies


def test_of_one_name_the_first_cookie_counts() -> None:
    assert read_cookies("a=1; b=2;c=x=y; a=3; odd") == {"a": "1", "b": "2", "c": "x=y"}


@pytest.mark.parametrize("space", ["\u2000", "\u00a0", "\u0085", "\u3000", "\x0b"])
def test_what_no_browser_takes_for_white_space_is_a_part_of_the_name(space: str) -> None:
    """A neighbouring host may set such a cookie, and no `__Host-` one."""
    found = read_cookies(f"{space}__Host-pixelgate=theirs; __Host-pixelgate=ours")
    assert found["__Host-pixelgate"] == "ours"
