"""The odiff server on its leash: what goes wrong with a process, and that none is left over."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelgate.engine.odiff import Answer, OdiffServer
from pixelgate.errors import EngineDied, FaultCode, ImageFault

OPTIONS = {"threshold": 0.1, "outputDiffMask": True, "antialiasing": True}


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    deadline = time.monotonic() + 5
    while children() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert children() - before == set(), "a process was left behind or not reaped"


def children() -> set[int]:
    """Our child processes; zombies are among them."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread has ended meanwhile
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, Path, Path]:
    base = np.full((40, 40, 3), 100, np.uint8)
    head = base.copy()
    head[:10, :10] = 255
    Image.fromarray(base).save(tmp_path / "b.png")
    Image.fromarray(head).save(tmp_path / "h.png")
    return tmp_path / "b.png", tmp_path / "h.png", tmp_path / "m.png"


@pytest.fixture
def server(odiff: Path) -> Iterator[OdiffServer]:
    with OdiffServer(odiff) as server:
        yield server


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[str], Path]:
    """A program in odiff's place that does what the test says."""

    def write(body: str) -> Path:
        program = tmp_path / "fake-odiff"
        program.write_text(
            f"#!{sys.executable} -S\n"
            "import json, os, sys, time\n"
            "def say(line):\n    sys.stdout.write(line + '\\n'); sys.stdout.flush()\n"
            + textwrap.dedent(body)
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    return write


def test_a_mask_is_written_for_a_difference_and_an_old_one_removed_at_a_match(
    server: OdiffServer, images: tuple[Path, Path, Path]
) -> None:
    base, _, mask = images
    assert server.compare(*images, OPTIONS) == Answer(match=False, pixels=100)
    assert mask.is_file()
    assert server.compare(base, base, mask, OPTIONS) == Answer(match=True, pixels=0)
    assert not mask.exists()


def test_the_process_is_recycled_by_count(odiff: Path, images: tuple[Path, Path, Path]) -> None:
    pids = set()
    with OdiffServer(odiff, recycle_after=3) as server:
        for _ in range(7):
            server.compare(*images, OPTIONS)
            pids.add(server.pid)
    assert len(pids - {None}) == 3


def test_the_process_is_recycled_by_memory(odiff: Path, images: tuple[Path, Path, Path]) -> None:
    with OdiffServer(odiff, recycle_rss_bytes=1) as server:
        server.compare(*images, OPTIONS)
        assert server.pid is None
        assert server.compare(*images, OPTIONS).pixels == 100


def test_an_unreadable_image_and_too_long_a_request_leave_the_process_alive(
    server: OdiffServer, images: tuple[Path, Path, Path]
) -> None:
    base, head, mask = images
    server.compare(*images, OPTIONS)
    pid = server.pid
    with pytest.raises(ImageFault, match="too long for odiff"):
        server.compare(*images, {**OPTIONS, "diffColor": "x" * 20_000})
    head.write_bytes(b"no image")
    with pytest.raises(ImageFault, match="head: the image is damaged") as caught:
        server.compare(base, head, mask, OPTIONS)
    assert not isinstance(caught.value, EngineDied)
    assert server.compare(base, base, mask, OPTIONS).match
    assert server.pid == pid


@pytest.mark.parametrize(
    ("sent", "words", "code"),
    [
        (signal.SIGKILL, r"killed by signal 9|takes no request", FaultCode.ENGINE_FAILED),
        (signal.SIGSTOP, r"no answer within 0\.3 s", FaultCode.ENGINE_TIMEOUT),
    ],
)
def test_the_real_process_killed_or_stopped_in_between_is_replaced(
    odiff: Path, images: tuple[Path, Path, Path], sent: int, words: str, code: FaultCode
) -> None:
    with OdiffServer(odiff, request_seconds=0.3) as server:
        server.compare(*images, OPTIONS)
        assert server.pid is not None
        os.kill(server.pid, sent)
        with pytest.raises(EngineDied, match=words) as caught:
            server.compare(*images, OPTIONS)
        assert caught.value.code is code
        assert server.pid is None
        assert server.compare(*images, OPTIONS).pixels == 100


def test_a_program_that_is_not_there(tmp_path: Path, images: tuple[Path, Path, Path]) -> None:
    with (
        OdiffServer(tmp_path / "none") as server,
        pytest.raises(EngineDied, match=r"none cannot be started.*No such file"),
    ):
        server.compare(*images, OPTIONS)


LAST_WORDS = "sys.stderr.write('panic: out of luck\\n'); sys.stderr.flush()\n"
# What it does when it is asked, after it said that it is ready.
AT_A_REQUEST = {
    "dies": (LAST_WORDS + "sys.exit(1)", "ended with 1.*out of luck"),
    "is killed": ("os.kill(os.getpid(), 9)", "killed by signal 9"),
    "hangs": ("time.sleep(60)", "no answer within 1 s"),
    "says bad JSON": ("say('{\"requestId\":1,')", "no JSON object"),
    "says JSON of a wrong kind": ("say('[]')", "no JSON object"),
    "says a wrong id": ("""say('{"requestId":7,"match":true}')""", "to request 1"),
    "says an error without an id": ("""say('{"error":"Invalid JSON"}')""", "Invalid JSON"),
    "makes no sense": ("""say('{"requestId":1,"match":"maybe"}')""", "makes no sense"),
    "floods stderr": ("sys.stderr.write('x' * 300_000); sys.exit(1)", "ended with 1.*xxx"),
    "never ends": ("while True: sys.stdout.write('x' * 65_536)", "answer does not end"),
}
READY = """say('{"ready":true}')\n"""
AT_THE_START = {
    "does not listen": ("os.close(0)\n" + READY + "time.sleep(60)", "takes no request"),
    "dies at the start": (LAST_WORDS + "sys.exit(3)", "ended with 3.*out of luck"),
    "never gets ready": ("time.sleep(60)", "no answer within 1 s"),
    "begins with nonsense": ("say('hello')", "no JSON object: b'hello'"),
    "is not ready": ("say('{\"ready\":false}')", "began with"),
}
ASKED = READY + "sys.stdin.readline()\n"
DEATHS = [
    *(pytest.param(body, words, id=name) for name, (body, words) in AT_THE_START.items()),
    *(pytest.param(ASKED + body, words, id=name) for name, (body, words) in AT_A_REQUEST.items()),
]


@pytest.mark.parametrize(("body", "words"), DEATHS)
def test_a_process_that_goes_wrong_is_killed_reaped_and_said(
    fake: Callable[[str], Path], images: tuple[Path, Path, Path], body: str, words: str
) -> None:
    server = OdiffServer(fake(body), ready_seconds=1, request_seconds=1)
    with pytest.raises(EngineDied, match=f"(?s){words}") as caught:
        server.compare(*images, OPTIONS)
    assert server.pid is None
    assert len(str(caught.value)) < 6_000


def test_the_process_has_limits_and_sees_no_environment(
    server: OdiffServer, images: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very secret")
    server.compare(*images, OPTIONS)
    assert Path(f"/proc/{server.pid}/environ").read_bytes() == b""
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    rows = {line[:25].strip(): line[26:].split()[0] for line in limits.splitlines()}
    assert rows["Max address space"] == str(4 * 1024**3)
    assert rows["Max file size"] == str(512 * 1024**2)
    assert rows["Max core file size"] == "0"
    assert rows["Max cpu time"] != "unlimited"


def test_limits_of_our_own_are_not_raised(odiff: Path, images: tuple[Path, Path, Path]) -> None:
    """Who runs under `ulimit -f` may not raise it for odiff, and need not."""
    program = textwrap.dedent(
        f"""
        import resource
        from pathlib import Path
        from pixelgate.engine.odiff import OdiffServer
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**7, 10**7))
        resource.setrlimit(resource.RLIMIT_AS, (3 * 1024**3, 3 * 1024**3))
        with OdiffServer(Path({str(odiff)!r})) as server:
            paths = [Path(p) for p in {[str(p) for p in images]!r}]
            print(server.compare(*paths, {{"threshold": 0.1, "outputDiffMask": True}}).pixels)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.stdout, done.stderr) == ("100\n", "")


def test_odiff_ends_when_its_worker_is_killed(odiff: Path, tmp_path: Path) -> None:
    """SIGKILL runs no handler: that odiff sees the end of its input must suffice."""
    program = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from pixelgate.engine.odiff import OdiffServer
        server = OdiffServer(Path({str(odiff)!r}))
        server._start()
        print(server.pid, flush=True)
        time.sleep(60)
        """
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    worker.kill()
    worker.wait()
    worker.stdout.close()
    deadline = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    """Whether the process lives; a zombie that its new parent has not reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_servers_of_several_threads_do_not_hold_one_another_open(
    odiff: Path, images: tuple[Path, Path, Path]
) -> None:
    """A pipe inherited by a sibling would keep odiff alive after its worker's end."""
    servers = [OdiffServer(odiff) for _ in range(8)]
    start = threading.Barrier(len(servers))

    def use(server: OdiffServer) -> None:
        start.wait()
        server._start()

    threads = [threading.Thread(target=use, args=(s,)) for s in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, *others = servers
    assert first._process is not None
    assert first._process.stdin is not None
    first._process.stdin.close()
    assert first._process.wait(timeout=5) is not None
    for server in (first, *others):
        server.close()
