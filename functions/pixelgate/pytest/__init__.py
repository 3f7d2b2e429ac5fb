"""A pytest plugin: the fixture `pixelgate` takes screenshots and compares them with a baseline.

This module holds the options and hooks only. It imports nothing else before a test asks for the
fixture, so that a run without it is as fast as without the plugin. docs/pytest.md tells its users.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pixelgate.pytest.fixture import Pixelgate as Pixelgate
    from pixelgate.pytest.run import Run

_OPTIONS = {
    "snapshots": ("pixelgate-snapshots", "folder for the screenshots of this run"),
    "baseline": (
        "tests/pixelgate-baseline",
        "folder with the accepted screenshots; if it is missing or empty (''), nothing is compared",
    ),
    "report": ("pixelgate-report", "folder for the report; an earlier one in it is replaced"),
}

_collected: pytest.StashKey[Sequence[pytest.Item]] = pytest.StashKey()
_run: pytest.StashKey[Run] = pytest.StashKey()
_taker: pytest.StashKey[Pixelgate] = pytest.StashKey()


def __getattr__(name: str) -> Any:
    """Gives `Pixelgate`, the type of the fixture, to those who ask for it."""
    if name != "Pixelgate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pixelgate.pytest.fixture import Pixelgate

    return Pixelgate


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options, and settings of the same meaning for the ini file."""
    group = parser.getgroup("pixelgate", "screenshots (pixelgate)")
    for name, (default, words) in _OPTIONS.items():
        group.addoption(f"--pixelgate-{name}", metavar="DIR", help=f"{words} (default: {default})")
        parser.addini(
            f"pixelgate_{name}", f"pixelgate: {words}, relative to rootdir", default=default
        )
    group.addoption(
        "--pixelgate-update",
        action="store_true",
        help="accept the screenshots of the tests that pass as the new baseline",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the hooks that need the configuration."""
    config.pluginmanager.register(_Hooks(config), "pixelgate-hooks")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remembers what was collected, before options such as -k leave out a part of it."""
    config.stash[_collected] = tuple(items)


@pytest.fixture
def pixelgate(request: pytest.FixtureRequest) -> Pixelgate:
    """Takes screenshots: `pixelgate(page)`, `pixelgate(page.locator("#cart"), "cart")`.

    It takes a Playwright page or locator, a Pillow image, bytes of a PNG, JPEG or WebP file, or the
    path of one. The test fails at its end if a screenshot differs from the baseline.
    """
    with _in_words():
        taker = request.node.stash[_taker] = _run_of(request.config).begin(request.node)
    return taker


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forgets an earlier attempt of a test, also if this one does not come to its fixture."""
    if (earlier := item.stash.get(_taker, None)) is not None:
        del item.stash[_taker]
        with _in_words():
            earlier.forget()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Compares what a test took, after the test has succeeded, so that all of it is compared."""
    result = yield
    if (taker := item.stash.get(_taker, None)) is not None:
        with _in_words():
            taker.finish()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Adds what a test took to its report, which xdist brings to the controlling process."""
    report = yield
    if report.when == "call" and (taker := item.stash.get(_taker, None)) is not None:
        report.pixelgate = taker.record()
    return report


class _Hooks:
    """The hooks of one run. In a worker of xdist it only tells the controller what is gone."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._worker = hasattr(config, "workerinput")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Gathers what tests took. A later attempt of a test replaces the earlier one."""
        if self._worker:
            return
        if hasattr(report, "pixelgate"):
            _run_of(self._config).add(report.nodeid, report.pixelgate)
        elif _run in self._config.stash:
            self._config.stash[_run].phase(report.nodeid, report.when, failed=not report.passed)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Takes what a worker of xdist found out about the tests that are gone."""
        told = (getattr(node, "workeroutput", None) or {}).get("pixelgate")
        if told is not None:
            _run_of(self._config).add_gone(told)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Ends the run: the report of all, or the new baseline."""
        if _run not in self._config.stash:
            return
        run = self._config.stash[_run]
        run.find_gone(self._config.stash.get(_collected, ()))
        if self._worker:
            self._config.workeroutput["pixelgate"] = run.gone  # type: ignore[attr-defined]
        elif run.end(int(session.exitstatus)) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Prints the result in the words of `pixelgate compare`."""
        run = self._config.stash.get(_run, None)
        if run is not None and run.lines:
            terminalreporter.section("pixelgate")
            for line in run.lines:
                terminalreporter.write_line(line)


@contextmanager
def _in_words() -> Iterator[None]:
    """Fails a test with the message of an error that needs no traceback."""
    from pixelgate.errors import PixelgateError

    try:
        yield
    except PixelgateError as error:
        pytest.fail(f"pixelgate: {error}", pytrace=False)


def _run_of(config: pytest.Config) -> Run:
    if _run not in config.stash:
        from pixelgate.pytest.run import Run

        config.stash[_run] = run = Run(config)
        config.add_cleanup(run.close)
    return config.stash[_run]
