"""One execution environment: a function's runtime process, invoked through the Runtime API.

The process is AWS's own runtime client (awslambdaric): it asks for the next invocation over HTTP,
answers it, asks again. An environment serves one invocation at a time. It is used again until it
ends in a way that Lambda does not forgive: time-out, exit, out of memory.

Functions run as processes of this host. Where the host allows it (root, mount namespaces) /tmp is
a tmpfs of the size that the function has; else it is a folder.
"""

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import supervise
from .runtime_api import Answer, Initialised, Invocation, RuntimeApi

INIT_SECONDS = 10  # Lambda's limit, after which it tries once more within the function's own
MEMORY_CHECK_SECONDS = 0.1
PYTHON_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
PYTHON_HOME = Path(sys.base_prefix)
# Mounts $2 with $1 MB in a namespace of its own, then becomes the rest of its arguments.
OWN_TMP = 'mount -t tmpfs -o "mode=1777,size=$1m" tmpfs "$2" && shift 2 && exec "$@"'


@dataclass(frozen=True)
class Function:
    """What there is to know about a function to run it."""

    name: str
    arn: str
    handler: str
    timeout: int  # seconds
    memory_mb: int
    tmp_mb: int
    variables: tuple[tuple[str, str], ...]
    task: Path  # its code, unpacked
    opt: Path  # its layers, unpacked


@dataclass(frozen=True)
class Host:
    """What environments share: the runtime's packages, where they work and log, own /tmp or not."""

    runtime: Path
    homes: Path
    log_dir: Path
    own_tmp: bool


@dataclass(frozen=True)
class Exited:
    """The runtime process has ended, with this status or 128 + signal."""

    status: int


@dataclass(frozen=True)
class Outcome:
    """What a function answered, or the error that Lambda answers in its place."""

    payload: bytes
    failed: bool = False


class Environment:
    """One function's runtime. It starts at once; its first invocation waits until it is up."""

    def __init__(self, function: Function, host: Host) -> None:
        self.function = function
        self.request_id = ""  # of the invocation in progress
        self.pid = 0  # of the runtime
        self.tmp = Path(tempfile.mkdtemp(dir=host.homes))
        self._up = self._out_of_memory = False
        self._began = time.monotonic()
        self._happenings: queue.Queue[Initialised | Answer | Exited] = queue.Queue()
        self._api = RuntimeApi(function.arn, self._happenings.put)
        # -S: nothing of this host's site-packages, only what the function and Lambda bring.
        python = [str(PYTHON_HOME / "bin" / PYTHON_NAME), "-S"]
        command = [*python, "-m", "awslambdaric", function.handler]
        if host.own_tmp:
            command = [*in_own_tmp(function.tmp_mb, self.tmp), *command]
        self._log = host.log_dir / f"{function.name}.{self.tmp.name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", supervise.__file__, *command],
                env=self._variables(host.runtime),
                cwd=function.task,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it can serve another invocation."""
        return self._process.poll() is None

    def invoke(self, request_id: str, payload: bytes, trace_id: str) -> Outcome:
        """Has the function answer within its time limit."""
        self.request_id = request_id
        self._note(f"START RequestId: {request_id} Version: $LATEST")
        began, init, timeout = time.monotonic(), "", self.function.timeout
        outcome = None if self._up else self._await(INIT_SECONDS + timeout)
        if not self._up:
            self._up = outcome is None
            init = f"\tInit Duration: {(time.monotonic() - self._began) * 1000:.2f} ms"
        if outcome is None:
            began = time.monotonic()
            self._api.give(Invocation(request_id, payload, time.time() + timeout, trace_id))
            outcome = self._await(timeout)
        assert outcome  # noqa: S101 — it is initialised but once
        took = (time.monotonic() - began) * 1000
        self._note(f"END RequestId: {request_id}")
        memory = f"Memory Size: {self.function.memory_mb} MB"
        self._note(f"REPORT RequestId: {request_id}\tDuration: {took:.2f} ms\t{memory}{init}")
        self.request_id = ""
        return outcome

    def ask_to_end(self) -> None:
        """Has supervise.py kill everything that runs here."""
        assert self._process.stdin  # noqa: S101
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close(self) -> None:
        """Ends its processes and leaves nothing behind."""
        self.ask_to_end()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._api.close()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def _await(self, seconds: float) -> Outcome | None:
        """What happens next, at the latest after so many seconds; None: it is initialised."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            try:
                happening = self._happenings.get(timeout=max(0, min(left, MEMORY_CHECK_SECONDS)))
            except queue.Empty:
                if left <= 0:
                    message = f"Task timed out after {self.function.timeout:.2f} seconds"
                    return self._ended("Sandbox.Timedout", message)
                if self.pid and resident_mb(self.pid) > self.function.memory_mb:
                    self._out_of_memory = True
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.pid, signal.SIGKILL)
                continue
            match happening:
                case Initialised():
                    self.pid = next(iter(supervise.children(self._process.pid)), 0)
                    return None
                case Answer(payload, failed, ends_runtime):
                    if ends_runtime:
                        self.close()
                    return Outcome(payload, failed)
                case Exited(status):
                    kind = "Runtime.OutOfMemory" if self._out_of_memory else "Runtime.ExitError"
                    return self._ended(kind, f"Runtime exited with error: {in_words(status)}")

    def _ended(self, kind: str, message: str) -> Outcome:
        """An answer of Lambda's own, in place of the function's; the environment is over."""
        self.close()
        self._note(f"{self.request_id} {message}")
        message = f"RequestId: {self.request_id} Error: {message}"
        body = {"errorType": kind, "errorMessage": message}
        return Outcome(json.dumps(body).encode(), failed=True)

    def _note(self, line: str) -> None:
        """Adds a line of Lambda's own to the function's log."""
        with self._log.open("ab") as log:
            log.write(f"{line}\n".encode())

    def _variables(self, runtime: Path) -> dict[str, str]:
        """Lambda's environment variables, and the function's own."""
        task, opt = self.function.task, self.function.opt
        # A layer lies where it was unpacked instead of in /opt.
        own = {key: re.sub("^/opt(?=/)", str(opt), v) for key, v in self.function.variables}
        return {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON_NAME}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.function.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": self.function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.tmp.name,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",  # nobody listens, nobody minds
            "HOME": str(self.tmp),  # so that no ~/.aws of the host is read
            "LAMBDA_RUNTIME_DIR": str(runtime),
            "LAMBDA_TASK_ROOT": str(task),
            "LANG": "en_US.UTF-8",
            "LD_LIBRARY_PATH": f"{PYTHON_HOME}/lib:{task}/lib:{opt}/lib",
            "PATH": f"{PYTHON_HOME}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:{opt}/bin",
            "PYTHONPATH": f"{task}:{opt}/python:{runtime}",
            "TMPDIR": str(self.tmp),
            "TZ": ":UTC",
            "_HANDLER": self.function.handler,
            **own,
        }

    def _watch(self) -> None:
        self._happenings.put(Exited(self._process.wait()))


def in_own_tmp(megabytes: int, place: Path) -> list[str]:
    """What to put before a command so that it finds a tmpfs at a place, and nobody else does."""
    return ["unshare", "--mount", "sh", "-c", OWN_TMP, "sh", str(megabytes), str(place)]


def can_mount(place: Path) -> bool:
    """Whether this host lets us mount in a namespace, found by trying."""
    try:
        return not subprocess.run([*in_own_tmp(1, place), "true"], capture_output=True).returncode
    except FileNotFoundError:
        return False


def resident_mb(pid: int) -> float:
    """The memory of a process and of its children, in MB."""
    pages = 0
    for one in (pid, *_children(pid)):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _children(pid: int) -> Iterator[int]:
    """Cheaper than supervise.children; some kernels lack these files."""
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            yield from map(int, file.read_text().split())


def in_words(status: int) -> str:
    """An exit status, as Lambda puts it."""
    if status == 128 + signal.SIGKILL:
        return "signal: killed"
    if status > 128:
        return f"signal: {str(signal.strsignal(status - 128)).lower()}"
    return f"exit status {status}"
