"""One execution environment: a function's runtime process, invoked through the Runtime API.

The process is AWS's own runtime client (awslambdaric): it asks for the next invocation over
HTTP, answers it, asks again. An environment serves one invocation at a time and is used again
until it ends in a way that Lambda does not forgive: time-out, exit, out of memory.
"""

import contextlib
import json
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from .isolation import PYTHON_HOME, PYTHON_NAME, Isolation, Places
from .log import Log
from .runtime_api import Answer, InitFailed, Initialised, Invocation, RuntimeApi
from .supervise import OUT_OF_MEMORY, children

INIT_SECONDS = 10  # Lambda's limit, after which it tries once more within the function's own


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
    """What environments share."""

    runtime: Path
    isolation: Isolation
    homes: Path
    log_dir: Path


@dataclass(frozen=True)
class Exited:
    """The runtime process has ended, with this status or 128 + signal."""

    status: int


@dataclass(frozen=True)
class Outcome:
    """What a function answered, or the error that Lambda answers in its place."""

    payload: bytes
    failed: bool = False
    log: str = ""


class Environment:
    """One function's runtime. It starts at once; its first invocation waits until it is up."""

    def __init__(self, function: Function, host: Host) -> None:
        self.function = function
        self.request_id = ""  # of the invocation in progress
        self.pid = 0  # of the runtime, as the host numbers it
        self._up = False
        self._home = Path(tempfile.mkdtemp(dir=host.homes))
        self._home.chmod(0o755)  # for the sandbox's user
        self._began = time.monotonic()
        self._depth = host.isolation.depth
        self._happenings: queue.Queue[Initialised | InitFailed | Answer | Exited] = queue.Queue()
        self._api = RuntimeApi(function.arn, self._happenings.put)
        places = Places(function.task, function.opt, host.runtime, PYTHON_HOME, self._home)
        inside = host.isolation.seen_from_inside(places)
        self.tmp = inside.tmp
        # -S: nothing of this host's site-packages, only what the function and Lambda bring.
        python = [str(inside.python / "bin" / PYTHON_NAME), "-S"]
        command = [*python, "-m", "awslambdaric", function.handler]
        self._process = subprocess.Popen(
            host.isolation.supervised(command, places, function.memory_mb, function.tmp_mb),
            env=self._variables(inside),
            cwd=function.task,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout  # noqa: S101 — a pipe, says mypy to nobody else
        self._log = Log(self._process.stdout, host.log_dir / f"{function.name}.log")
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it can serve another invocation."""
        return self._process.poll() is None

    def invoke(self, request_id: str, payload: bytes, trace_id: str = "") -> Outcome:
        """Have the function answer within its time limit."""
        self.request_id = request_id
        self._log.note(f"START RequestId: {request_id} Version: $LATEST")
        began, init, timeout = time.monotonic(), "", self.function.timeout
        outcome: Initialised | Outcome = Initialised()
        if not self._up:
            outcome = self._await(request_id, INIT_SECONDS + timeout)
            init = f"\tInit Duration: {(time.monotonic() - self._began) * 1000:.2f} ms"
        if isinstance(outcome, Initialised):
            began = time.monotonic()
            self._api.give(Invocation(request_id, payload, time.time() + timeout, trace_id))
            outcome = self._await(request_id, timeout)
        assert isinstance(outcome, Outcome)  # noqa: S101 — initialised is it but once
        took = (time.monotonic() - began) * 1000
        self._log.note(f"END RequestId: {request_id}")
        memory = f"Memory Size: {self.function.memory_mb} MB"
        self._log.note(f"REPORT RequestId: {request_id}\tDuration: {took:.2f} ms\t{memory}{init}")
        self.request_id = ""
        return replace(outcome, log=self._log.take())

    def ask_to_end(self) -> None:
        """Have supervise.py kill all that runs here."""
        assert self._process.stdin  # noqa: S101
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close(self) -> None:
        """End its processes and leave nothing behind."""
        self.ask_to_end()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._api.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _await(self, request_id: str, seconds: float) -> Initialised | Outcome:
        """What happens next, at the latest after so many seconds."""
        try:
            happening = self._happenings.get(timeout=seconds)
        except queue.Empty:
            self.close()
            message = f"Task timed out after {self.function.timeout:.2f} seconds"
            return self._error("Sandbox.Timedout", request_id, message)
        match happening:
            case Initialised():
                self._up, self.pid = True, self._runtime_pid()
                return happening
            case Answer(payload, failed):
                return Outcome(payload, failed)
            case InitFailed(payload):
                self.close()
                return Outcome(payload, failed=True)
            case Exited(status):
                self.close()
                kind = "Runtime.OutOfMemory" if status == OUT_OF_MEMORY else "Runtime.ExitError"
                message = f"Runtime exited with error: {in_words(status)}"
                return self._error(kind, request_id, message)

    def _error(self, kind: str, request_id: str, message: str) -> Outcome:
        """An answer of Lambda's own."""
        self._log.note(f"{request_id} {message}")
        payload = {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {message}"}
        return Outcome(json.dumps(payload).encode(), failed=True)

    def _variables(self, places: Places) -> dict[str, str]:
        """Lambda's environment variables, and the function's own."""
        own = {
            # A layer's path leads to where layers are.
            key: re.sub("^/opt(?=/)", str(places.opt), value)
            for key, value in self.function.variables
        }
        return {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON_NAME}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.function.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": self.function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_STREAM_NAME": self._home.name,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",  # nobody listens, nobody minds
            "HOME": str(places.tmp),  # so that no ~/.aws of the host is read
            "LAMBDA_RUNTIME_DIR": str(places.runtime),
            "LAMBDA_TASK_ROOT": str(places.task),
            "LANG": "en_US.UTF-8",
            "LD_LIBRARY_PATH": f"{places.python}/lib:{places.task}/lib:{places.opt}/lib",
            "PATH": f"{places.python}/bin:/usr/local/bin:/usr/bin:/bin:{places.opt}/bin",
            "PYTHONPATH": f"{places.task}:{places.opt}/python:{places.runtime}",
            "TMPDIR": str(places.tmp),
            "TZ": ":UTC",
            "_HANDLER": self.function.handler,
            **own,
        }

    def _runtime_pid(self) -> int:
        pid = self._process.pid
        for _ in range(self._depth):
            pid = next(iter(children(pid)), 0)
        return pid

    def _watch(self) -> None:
        self._happenings.put(Exited(self._process.wait()))


def in_words(status: int) -> str:
    """An exit status, as Lambda puts it."""
    if status == OUT_OF_MEMORY:
        return "signal: killed"
    if status > 128:
        return f"signal: {str(signal.strsignal(status - 128)).lower()}"
    return f"exit status {status}"
