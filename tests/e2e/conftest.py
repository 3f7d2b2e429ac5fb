"""The built artefact and the cloud that runs it, once for all end-to-end tests."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from embedded_cloud.cloud import Decision, EmbeddedCloud
from support.artefact import up_to_date

LOG_LINES_SHOWN = 40
RETRY_DELAY = 2.0  # seconds, then twice that: as on AWS, a short lease ends before the last attempt


LAST = "test_whole_run.py"  # looks back on what all the others did


@dataclass(frozen=True)
class Ran:
    """What a cloud's functions did while it was up.

    Attributes:
        decisions: what IAM allowed and refused.
        logs: what they logged, by their logical ids.
        resources: physical ids of the stack, by logical ones.
    """

    decisions: list[Decision]
    logs: Mapping[str, str]
    resources: Mapping[str, str]

    @classmethod
    def of(cls, cloud: EmbeddedCloud) -> "Ran":
        """What has happened so far."""
        functions = [n for n, kind in cloud.stack.types.items() if kind == "AWS::Lambda::Function"]
        return cls(cloud.decisions(), {n: cloud.logs(n) for n in functions}, cloud.stack.resources)


@pytest.fixture(scope="session")
def earlier() -> Iterator[list[Ran]]:
    """What the clouds did that tests started for themselves and that have ended."""
    found: list[Ran] = []
    stop = EmbeddedCloud.stop

    def note_and_stop(cloud: EmbeddedCloud) -> None:
        if cloud.stack.resources:
            found.append(Ran.of(cloud))
        stop(cloud)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EmbeddedCloud, "stop", note_and_stop)
        yield found


@pytest.fixture(scope="session")
def built(earlier: list[Ran]) -> Path:
    """Where the artefact lies. It is built first when it is missing or older than a source."""
    return up_to_date()


@pytest.fixture(scope="session")
def cloud(built: Path, request: pytest.FixtureRequest) -> Iterator[EmbeddedCloud]:
    """A running cloud with the stack in it. Tests share it, so each has its own project."""
    with EmbeddedCloud.start(build_dir=built, environments=16, retry_delay=RETRY_DELAY) as running:
        if request.config.pluginmanager.has_plugin("terminalreporter"):  # one process runs all
            say = request.config.get_terminal_writer().line
            say(f"\nlogs of the functions: {running.log_dir}")
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back on the whole run comes last."""
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows, under a test that failed, what the functions have logged last."""
    report = yield
    running = getattr(item, "funcargs", {}).get("cloud")
    if report.failed and isinstance(running, EmbeddedCloud):
        last = running.logs().splitlines()[-LOG_LINES_SHOWN:]
        report.sections.append((f"functions, all in {running.log_dir}", "\n".join(last)))
    return report
