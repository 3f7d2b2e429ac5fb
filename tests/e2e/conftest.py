"""The built artefact and the cloud that runs it, once for all end-to-end tests."""

import os
import subprocess
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from embedded_cloud.cloud import EmbeddedCloud

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".aws-sam" / "build"
SOURCES = ("template.yaml", "functions", "layers")
NOT_SOURCES = {"__pycache__", "node_modules", "pixelgate.egg-info"}
LOG_LINES_SHOWN = 40
RETRY_DELAY = 2.0  # seconds, then twice that: as on AWS, a short lease ends before the last attempt


LAST = "test_whole_run.py"  # looks back on what all the others did


@dataclass(frozen=True)
class Ran:
    """What a cloud's functions did while it was up.

    Attributes:
        calls: what they asked of AWS, see EmbeddedCloud.calls.
        logs: what they logged, by their logical ids.
        resources: physical ids of the stack, by logical ones.
    """

    calls: list[dict[str, Any]]
    logs: Mapping[str, str]
    resources: Mapping[str, str]

    @classmethod
    def of(cls, cloud: EmbeddedCloud) -> "Ran":
        """What has happened so far."""
        functions = [n for n, kind in cloud.stack.types.items() if kind == "AWS::Lambda::Function"]
        return cls(cloud.calls(), {n: cloud.logs(n) for n in functions}, cloud.stack.resources)


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
    changed = newer_source(BUILD / "template.yaml")
    if changed:
        done = subprocess.run(["make", "build"], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            said = (done.stdout + done.stderr)[-3000:]
            pytest.fail(f"`make build`, needed as {changed} is new, failed:\n{said}", pytrace=False)
    return BUILD


@pytest.fixture(scope="session")
def cloud(built: Path, request: pytest.FixtureRequest) -> Iterator[EmbeddedCloud]:
    """A running cloud with the stack in it. Tests share it, so each has its own project.

    EMBEDDED_CLOUD_ISOLATION=plain runs the functions as they run for who is not root.
    """
    isolation = os.environ.get("EMBEDDED_CLOUD_ISOLATION", "auto")
    with EmbeddedCloud.start(
        build_dir=built, isolation=isolation, environments=16, retry_delay=RETRY_DELAY
    ) as running:
        if request.config.pluginmanager.has_plugin("terminalreporter"):  # one process runs all
            say = request.config.get_terminal_writer().line
            say(f"\nfunctions run in: {running.isolation}; their logs: {running.log_dir}")
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


def newer_source(artefact: Path) -> Path | None:
    """The source that changed last, if that was after the artefact was made."""
    files = [
        path
        for source in (ROOT / name for name in SOURCES)
        for path in (source.rglob("*") if source.is_dir() else [source])
        if path.is_file()
        and not {"__pycache__", "node_modules", "pixelgate.egg-info"} & {*path.parts}
    ]
    newest = max(files, key=lambda path: path.stat().st_mtime)
    if artefact.exists() and artefact.stat().st_mtime >= newest.stat().st_mtime:
        return None
    return newest.relative_to(ROOT)
