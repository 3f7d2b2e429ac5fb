"""How tests are spread over processes: by files, and those that share a cloud are not parted."""

from __future__ import annotations

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

# They share one cloud, and the last of them looks back on what all of them did to it.
TOGETHER = "tests/e2e/"
# But these are not looked back on: they deploy stacks of their own, or start `pixelgate sandbox`.
APART = ("tests/e2e/test_deploy.py", "tests/e2e/test_release.py", "tests/e2e/test_sandbox.py")
# What takes longest, so that no process is left alone with it in the end.
LONG = (TOGETHER, "tests/browser/", "tests/contract/", "tests/faults/", "tests/template/")

# Many schedules, histories, faults or drawn pairs: `make test` leaves these out.
SLOW = (
    "tests/engine/test_drawn_cases.py",
    "tests/engine/test_exact.py",
    "tests/engine/test_fuzz.py",
    "tests/engine/test_hostile",
    "tests/faults/",
    "tests/pipeline/test_collect_",
    "tests/pipeline/test_gate.py",
    "tests/pipeline/test_inter",
    "tests/template/",
)


class Spread(LoadScopeScheduling):  # type: ignore[misc]
    """Gives files to processes in the order of collection; a file's fixtures are set up once."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(nodeid: str) -> str:
    """The name of what one process runs from its beginning to its end."""
    file = nodeid.partition("::")[0]
    return TOGETHER if file.startswith(TOGETHER) and file not in APART else file


def longest_first(items: list[pytest.Item]) -> None:
    """Sorts tests by how long their folders take; within each, their order stays.

    What is together comes before what is apart from it: it takes longest by far.
    """

    def place(item: pytest.Item) -> list[bool]:
        return [unit(item.nodeid) == TOGETHER, *(item.nodeid.startswith(one) for one in LONG)]

    items.sort(key=place, reverse=True)
