"""Which tests stay together when they are spread over processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.spread import APART, longest_first, unit

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        pytest.param("tests/unit/test_keys.py::test_a", "tests/unit/test_keys.py", id="a file"),
        pytest.param(
            "tests/unit/test_keys.py::test_a[x::y]", "tests/unit/test_keys.py", id="colons"
        ),
        pytest.param("tests/e2e/test_cli.py::test_a", "tests/e2e/", id="the cloud's"),
        pytest.param("tests/e2e/test_whole_run.py::test_a", "tests/e2e/", id="looks back on it"),
        pytest.param("tests/e2e/test_deploy.py::test_a", "tests/e2e/test_deploy.py", id="apart"),
    ],
)
def test_unit(nodeid: str, name: str) -> None:
    assert unit(nodeid) == name


def test_long_ones_come_first_and_a_folder_keeps_its_order(request: pytest.FixtureRequest) -> None:
    items = [item for item in request.session.items if "test_long_ones" not in item.nodeid]
    before = [item.nodeid for item in items]
    longest_first(items)
    after = [item.nodeid for item in items]
    assert sorted(after) == sorted(before)
    for name in ("tests/e2e/", *APART):
        assert [n for n in after if unit(n) == name] == [n for n in before if unit(n) == name]
    for folder in ("tests/browser/", "tests/unit/"):
        assert [n for n in after if n.startswith(folder)] == [
            n for n in before if n.startswith(folder)
        ]
    ends = [(unit(n) == "tests/e2e/", n.startswith("tests/e2e/")) for n in after]
    assert ends == sorted(ends, reverse=True)


def test_what_is_apart_exists_and_starts_its_own() -> None:
    """Elsewhere the look back on all of them would miss something."""
    for name in APART:
        code = (ROOT / name).read_text()
        assert "uploader: Uploader" not in code
        assert "EmbeddedCloud.start(" in code or '"sandbox", "--json"' in code
