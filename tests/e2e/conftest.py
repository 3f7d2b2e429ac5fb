"""The built artefact and the cloud that runs it, once for all end-to-end tests."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pixelgate.sandbox.cloud import Decision, EmbeddedCloud
from pixelgate.sandbox.roles import Roles, deploy_roles
from support.artefact import up_to_date
from support.repository import SETTINGS, Repository
from uploader import Uploader

LOG_LINES_SHOWN = 40
RETRY_DELAY = 2.0  # seconds, then twice that: as on AWS, a short lease ends before the last attempt


PROGRAM = str(Path(sys.executable).parent / "pixelgate")
CI_VARIABLES = re.compile(r"^(CI|GITHUB_|GITLAB_|CIRCLE|BUILDKITE|JENKINS|TF_BUILD|PIXELGATE_)")
Run = Callable[..., subprocess.CompletedProcess[str]]

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
    # The tests' builds of main have the plain ids that are easy to read; test_cli has the others.
    with EmbeddedCloud.start(
        build_dir=built,
        parameters={"TrunkPrefix": "optional"},
        environments=16,
        retry_delay=RETRY_DELAY,
    ) as running:
        if request.config.pluginmanager.has_plugin("terminalreporter"):  # one process runs all
            say = request.config.get_terminal_writer().line
            say(f"\nlogs of the functions: {running.log_dir}")
        yield running


@pytest.fixture
def roles(cloud: EmbeddedCloud, request: pytest.FixtureRequest) -> Roles:
    """The roles of a project of the test's own: its name is the test's."""
    return deploy_roles(cloud, request.node.name)


@pytest.fixture
def uploader(cloud: EmbeddedCloud, roles: Roles) -> Uploader:
    """Uploads as CI, under its role."""
    return Uploader(cloud.client("s3", roles.take("ci")), cloud.bucket, roles.project)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.new(tmp_path / "repo")
    made.commit("first")
    return made


@pytest.fixture
def environment(cloud: EmbeddedCloud, roles: Roles) -> dict[str, str]:
    """What a job sees: no CI system, the cloud, CI's role, a project of the test's own."""
    plain = {name: value for name, value in os.environ.items() if not CI_VARIABLES.match(name)}
    pixelgate = {"PIXELGATE_BUCKET": cloud.bucket, "PIXELGATE_PROJECT": roles.project}
    return {**plain, **SETTINGS, **cloud.variables(roles.take("ci")), **pixelgate}


@pytest.fixture
def run(environment: dict[str, str], repository: Repository, roles: Roles) -> Run:
    """Runs a command in the checkout as it is; only a reviewer approves and rejects."""

    def run(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
        credentials = roles.take("reviewer") if arguments[0] in {"approve", "reject"} else {}
        return subprocess.run(
            [PROGRAM, *map(str, arguments)],
            cwd=repository.folder,
            env={**environment, **credentials, **environ},
            capture_output=True,
            text=True,
            timeout=180,
        )

    return run


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
