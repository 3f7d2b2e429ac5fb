"""What all tests share: how gold pages are accepted, how hypothesis behaves."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from support import clocks
from support.failures import AtOnce
from support.gold import Gold
from support.spread import SLOW, Spread, longest_first

# Powertools reads these when a handler's module is imported for the first time, whoever does that.
os.environ.update(
    POWERTOOLS_SERVICE_NAME="pixelgate",
    POWERTOOLS_METRICS_NAMESPACE="Pixelgate",
)

# No deadline: on a busy machine a slow example is not a wrong one.
settings.register_profile("pixelgate", deadline=None)
settings.load_profile("pixelgate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--accept-gold",
        action="store_true",
        help="write what the tests of gold pages get over the pages; read the diff before commit",
    )
    clocks.add_options(parser)
    parser.addoption("--seed", default="1", help="of random faults")
    parser.addoption("--rounds", default="20", help="random runs of each story of faults")
    parser.addoption(
        "--real", default="some", choices=("some", "all"), help="faults of real processes"
    )
    parser.addoption("--real-rounds", default="1", help="runs of each fault of real processes")


@pytest.fixture
def gold(request: pytest.FixtureRequest) -> Gold:
    return Gold(accept=request.config.getoption("--accept-gold"))


def pytest_configure(config: pytest.Config) -> None:
    """Each test has its time; without options that is now. Spread tests say at once what fails."""
    if getattr(config.option, "numprocesses", None):
        config.pluginmanager.register(AtOnce(config))
    if any(map(config.getoption, ("--at", "--note-clocks", "--clocked"))):
        config.pluginmanager.register(clocks.Clocks(config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Spread:
    """With `-n 2`: which process runs which tests."""
    return Spread(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks slow tests by file. Spread over processes, the longest files are begun first."""
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    if "PYTEST_XDIST_WORKER" in os.environ:
        longest_first(items)
