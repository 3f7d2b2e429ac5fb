"""Real processes are hurt in the embedded cloud; docs/faults.md says how that ends.

Each fault has a comparison of its own. They run side by side, as long as they need the same stack.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pixelgate.sandbox.cloud import EmbeddedCloud
from support.process_stack import Site, Times
from support.process_stories import FaultRun, draw
from support.process_table import hold
from support.processes import descendants, odiffs, slowness
from support.service_faults import REAL_FAULTS, RealFault, quiet
from support.wire import Wire, wire

pytestmark = pytest.mark.e2e

AT_ONCE = 6  # comparisons in the common stack
ENVIRONMENTS = 40
STOP = EmbeddedCloud.stop  # tests/e2e notes what clouds did that it stops; this one is none of its


@dataclass
class Ward:
    """The cloud in which all of it happens.

    Attributes:
        cloud: the cloud.
        build: the artefact.
        wire: between its functions and its AWS.
        folder: with the pictures.
        seed: of what is random.
        times: how long what takes on this machine.
        sites: stacks, by what is done in them.
    """

    cloud: EmbeddedCloud
    build: Path
    wire: Wire
    folder: Path
    seed: int
    times: Times
    sites: dict[str, Site] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    quiet: FaultRun | None = None

    def site(self, name: str) -> Site:
        """A stack; it is deployed when it is needed first."""
        with self.lock:
            lock = self.locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self.sites:
                self.sites[name] = Site.deploy(self.cloud, self.build, name, self.wire, self.times)
                self.wire.witnesses.append(self.sites[name].witness)
            return self.sites[name]

    def close(self) -> None:
        """Ends the schedules of its stacks."""
        for site in self.sites.values():
            site.close()

    def run(self, site: str, number: int, round_: int) -> FaultRun:
        """A comparison that has not begun."""
        project = f"p{number:02}r{round_}x"
        chance = random.Random(f"{self.seed} {number} {round_}")
        run = FaultRun(self.site(site), project, self.folder, chance)
        if self.quiet:
            run.expected = self.quiet.expected
            run.requests = len(self.wire.seen[self.quiet.project])
        return run


@pytest.fixture(scope="module")
def ward(
    built: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Ward]:
    with ExitStack() as stack:
        times = Times().on(slowness())
        cloud = EmbeddedCloud.start(
            build_dir=built,
            parameters={"TrunkPrefix": "optional"},
            environments=ENVIRONMENTS,
            retry_delay=times.retry_delay,
        )
        stack.callback(STOP, cloud)
        folder = tmp_path_factory.mktemp("pictures")
        draw(folder)
        laid = stack.enter_context(wire(cloud.endpoint_url))
        seed = int(request.config.getoption("--seed"))
        made = Ward(cloud, built, laid, folder, seed, times)
        stack.callback(made.close)
        made.quiet = made.run("common", 99, 0)
        assert quiet(made.quiet) == "ok"
        yield made


@pytest.fixture(scope="module")
def endings(
    ward: Ward, request: pytest.FixtureRequest
) -> Iterator[dict[RealFault, list[Future[str]]]]:
    """How each fault that was asked for ends; all of them begin now."""
    rounds = int(request.config.getoption("--real-rounds"))
    asked = [
        item.callspec.params["fault"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    ]
    with ExitStack() as stack:
        desks: dict[str, ThreadPoolExecutor] = {}
        found: dict[RealFault, list[Future[str]]] = {}
        for round_ in range(rounds):
            for fault in asked:
                if fault.site not in desks:
                    size = AT_ONCE if fault.site == "common" else 1
                    desks[fault.site] = stack.enter_context(ThreadPoolExecutor(size))
                number = REAL_FAULTS.index(fault)

                def tell(fault: RealFault = fault, number: int = number, at: int = round_) -> str:
                    return fault.tell(ward.run(fault.site, number, at))

                found.setdefault(fault, []).append(desks[fault.site].submit(tell))
        yield found
        for desk in desks.values():
            desk.shutdown(cancel_futures=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Some faults in every run, all of them with `--real all`."""
    if "fault" in metafunc.fixturenames:
        every = metafunc.config.getoption("--real") == "all"
        wanted = [fault for fault in REAL_FAULTS if every or not fault.long]
        metafunc.parametrize("fault", wanted, ids=[fault.id for fault in wanted])


def test_it_ends_well_or_says_why_not(
    fault: RealFault,
    endings: dict[RealFault, list[Future[str]]],
    pytestconfig: pytest.Config,
    ward: Ward,
) -> None:
    for number, future in enumerate(endings[fault]):
        try:
            hold(fault, future.result(), accept=pytestconfig.getoption("--accept-gold"))
        except BaseException as error:
            error.add_note(f"--seed {ward.seed}, round {number}; logs: {ward.cloud.log_dir}")
            raise


def test_nothing_partial_was_ever_shown(ward: Ward) -> None:
    assert [words for site in ward.sites.values() for words in site.partial] == []


def test_no_process_is_orphaned_and_no_file_is_left(ward: Ward) -> None:
    ward.cloud.wait_until_idle(120)
    workers = ward.cloud.workers()
    assert workers
    # Each has its odiffs, or what took their place, and nobody has any other.
    ours = {worker.pid: descendants(worker.pid) for worker in workers}
    assert [pids for pids in ours.values() if len(pids) > 2] == []
    assert set(odiffs(ward.cloud.server_pid)) <= {pid for pids in ours.values() for pid in pids}
    for worker in workers:
        left = [path for path in worker.tmp.rglob("*") if path.is_file()]
        assert left == [], "/tmp is not clean"
        folders = [path for path in worker.tmp.iterdir() if path.name.startswith("pg")]
        assert len(folders) <= 2
