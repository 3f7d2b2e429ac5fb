"""Execution environments: a function's runtime processes, and the pool that they wait in.

MiniStack has the Runtime API and what belongs to it (time limits, ends of processes) for functions
that bring their own runtime. Here every function does: the bootstrap that MiniStack starts is a
script that runs AWS's own client (awslambdaric) with the function's code, its layer, and the
packages that Lambda's runtime has, nothing else of this host. Where the host allows it (root, mount
namespaces) the temporary directory is a tmpfs of the function's size; else it is a folder.
"""

import contextlib
import io
import json
import queue
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ministack.core.lambda_runtime import ProvidedWorker  # type: ignore[import-not-found]
from ministack.services import lambda_svc  # type: ignore[import-not-found]

from . import iam, supervise

Record = dict[str, Any]  # MiniStack's own: {"config": …, "code_zip": …, …}

PYTHON_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
PYTHON_HOME = Path(sys.base_prefix)
# Mounts $1 MB at $2 in a namespace of its own, then becomes the rest of its arguments.
OWN_TMP = 'mount -t tmpfs -o "mode=1777,size=$1m" tmpfs "$2" && shift 2 && exec "$@"'
# What makes an environment another one when it changes.
VERSION = ("CodeSha256", "Environment", "EphemeralStorage", "Handler", "Layers", "LoggingConfig",
           "MemorySize", "Role", "Timeout")  # fmt: skip


@dataclass(frozen=True)
class Host:
    """What environments share.

    Attributes:
        endpoint: where AWS is.
        runtime: the packages of Lambda's runtime.
        homes: a folder for the environments' own folders.
        log_dir: where the functions' logs go.
        own_tmp: whether they can have a tmpfs of their own.
    """

    endpoint: str
    runtime: Path
    homes: Path
    log_dir: Path
    own_tmp: bool


class Environment(ProvidedWorker):  # type: ignore[misc]
    """One function's runtime. It serves one invocation at a time, and is used again."""

    def __init__(self, record: Record, host: Host) -> None:
        self.version = version(record["config"])
        self.pid = 0  # of the runtime
        self._home = Path(tempfile.mkdtemp(dir=host.homes))
        self.tmp = self._home / "tmp"
        self._log = host.log_dir / f"{record['config']['FunctionName']}.log"
        self._began = 0.0
        self.tmp.mkdir()
        with lambda_svc._provided_code_lock:  # nobody forks while it is open for writing
            bootstrap = self._home / "bootstrap"
            bootstrap.write_text(script(record, host, self.tmp))
            bootstrap.chmod(0o755)
        # Where MiniStack expects an archive it finds a folder: see `take_over`.
        super().__init__(record["config"]["FunctionName"], record["config"], self._home)

    @property
    def alive(self) -> bool:
        """Whether it can serve an invocation without a new start."""
        return self._proc is not None and self._proc.poll() is None

    @property
    def request_id(self) -> str:
        """Of the invocation in progress; empty when it waits for one."""
        return self._current_request_id or ""

    def invoke(self, event: object, request_id: str, **context: Any) -> Record:
        """Has the function answer within its time limit; logs what Lambda logs."""
        self._note(f"START RequestId: {request_id} Version: $LATEST")
        self._began = time.monotonic()
        result: Record = super().invoke(event, request_id, **context)
        took = (time.monotonic() - self._began) * 1_000
        if not self.alive:
            self._note(f"{request_id} {result.get('error')}")
        self._note(f"END RequestId: {request_id}")
        self._note(f"REPORT RequestId: {request_id}\tDuration: {took:.2f} ms")
        return result

    def close(self) -> None:
        """Ends its processes and leaves nothing behind but its log."""
        self._teardown()
        shutil.rmtree(self._home, ignore_errors=True)

    def ask_to_end(self) -> None:
        """Begins to end its processes."""
        process = self._proc  # another thread may drop it
        if process is not None:
            process.terminate()

    def wait_for_end(self) -> None:
        """Waits until its processes have ended."""
        process = self._proc
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)

    def _teardown(self) -> None:
        """Ends the processes before the Runtime API, lest the runtime complain of it."""
        self.ask_to_end()
        self.wait_for_end()
        super()._teardown()

    def _spawn(self, init_timeout: float | None = None) -> None:
        super()._spawn(init_timeout)
        self.pid = next(iter(supervise.children(self._proc.pid)), 0)
        self._began = time.monotonic()  # the time limit and what is billed begin here

    def _build_handler_class(self, generation: int, pending: "queue.Queue[Any]") -> type:
        made = super()._build_handler_class(generation, pending)
        # One packet for head and body, at once: else each answer takes 40 ms.
        return type("Handler", (made,), {"disable_nagle_algorithm": True, "wbufsize": -1})

    def _pump_output(self, stream: Any, log_queue: object) -> None:
        """Writes what the runtime prints into the function's log, line by line."""
        with stream, self._log.open("ab", buffering=0) as log:
            for line in iter(stream.readline, b""):
                log.write(line)

    def _drain_stderr_bounded(self, *_: object, **__: object) -> str:
        return ""  # it is in the log

    def _note(self, line: str) -> None:
        with self._log.open("ab", buffering=0) as log:
            log.write(f"{line}\n".encode())


class Pool:
    """Runs at most `size` invocations at once, each in an environment of its own; more wait.

    Lambda would run a thousand. Waiting is what its queue of asynchronous events does when a
    function is throttled, and it costs no attempt there either.
    """

    def __init__(self, host: Host, size: int) -> None:
        self._host = host
        self._turns = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Environment] = []
        self._busy: list[Environment] = []
        self._begun = 0  # environments that are being made
        self._closed = False

    def invoke(self, record: Record, event: object, request_id: str) -> Record:
        """Runs one invocation in a warm environment, or in a new one; returns MiniStack's result.

        Raises whatever a runtime ends with that does not start.
        """
        config = record["config"]
        with self._turns:
            environment = self._take(record)
            try:
                return environment.invoke(
                    event,
                    request_id,
                    trace_id=lambda_svc._xray_trace_id_for_invocation(config),
                    invoked_function_arn=config["FunctionArn"],
                )
            finally:
                self._give_back(environment)

    @property
    def running(self) -> int:
        """How many invocations are in progress."""
        return len(self._busy) + self._begun

    def workers(self) -> list[dict[str, Any]]:
        """The runtime processes that are up, and what each is doing."""
        with self._lock:
            return [
                {
                    "function": one.func_name,
                    "pid": one.pid,
                    "request_id": one.request_id,
                    "tmp": f"/proc/{one.pid}/root{one.tmp}",
                }
                for one in (*self._busy, *self._idle)
                if one.pid and one.alive
            ]

    def close(self) -> None:
        """Ends the processes of every environment, busy or not."""
        with self._lock:
            self._closed = True
            doomed = [*self._busy, *self._idle]
        for one in doomed:
            one.ask_to_end()
        for one in doomed:
            one.wait_for_end()

    def _take(self, record: Record) -> Environment:
        name, wanted = record["config"]["FunctionName"], version(record["config"])
        with self._lock:
            if self._closed:
                raise SystemExit  # of this thread alone, and without a word
            mine = [one for one in self._idle if one.func_name == name]
            # Environments of a function's earlier version will never be asked again.
            stale = [one for one in mine if not one.alive or one.version != wanted]
            warm = next((one for one in reversed(mine) if one not in stale), None)
            self._idle = [one for one in self._idle if one not in stale and one is not warm]
            if warm:
                self._busy.append(warm)
            else:
                self._begun += 1
        taken = warm or self._make(record)
        for one in stale:
            one.close()
        return taken

    def _make(self, record: Record) -> Environment:
        """A new environment. Its code may have to be unpacked: nobody else waits for that."""
        made: Environment | None = None
        try:
            made = Environment(record, self._host)
        finally:
            with self._lock:
                self._begun -= 1
                closed = self._closed
                if made is not None and not closed:
                    self._busy.append(made)
        if closed:
            made.close()
            raise SystemExit
        return made

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            self._busy.remove(environment)
            if environment.alive and not self._closed:
                self._idle.append(environment)
                return
        environment.close()


def version(config: Record) -> str:
    """What a function's environments are made of."""
    return json.dumps([config.get(name) for name in VERSION], sort_keys=True)


def script(record: Record, host: Host, tmp: Path) -> str:
    """The bootstrap: Lambda's environment variables and no others, then the runtime."""
    config = record["config"]
    task = unpacked(config["CodeSha256"], lambda: record["code_zip"], host)
    layers = [one["Arn"] for one in config.get("Layers") or ()]
    if len(layers) > 1:
        raise NotImplementedError(f"{config['FunctionName']} has more than one layer")
    # Without a layer nothing is looked for in /opt.
    opt = task
    if layers:
        opt = unpacked(layers[0], lambda: lambda_svc._resolve_layer_zip(layers[0]), host)
    # -S: nothing of this host's site-packages.
    command = [PYTHON_HOME / "bin" / PYTHON_NAME, "-S", "-m", "awslambdaric", config["Handler"]]
    if host.own_tmp:
        command = [*in_own_tmp(config["EphemeralStorage"]["Size"], tmp), *command]
    supervised = [sys.executable, "-I", "-S", supervise.__file__, config["MemorySize"], *command]
    settings = [f"{key}={value}" for key, value in variables(config, host, task, opt, tmp).items()]
    words = shlex.join(map(str, [*settings, *supervised]))
    api = 'AWS_LAMBDA_RUNTIME_API="$AWS_LAMBDA_RUNTIME_API"'
    return f"#!/bin/sh\ncd {shlex.quote(str(task))}\nexec env -i {api} {words}\n"


def variables(config: Record, host: Host, task: Path, opt: Path, tmp: Path) -> dict[str, str]:
    """Lambda's environment variables, and the function's own."""
    region = config["FunctionArn"].split(":")[3]
    logging = config.get("LoggingConfig") or {}
    lambdas = {
        **iam.function_credentials(config),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": host.endpoint,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON_NAME}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": config["MemorySize"],
        "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat", "Text"),
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.get("LogGroup", ""),
        "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", ""),
        "AWS_LAMBDA_LOG_STREAM_NAME": tmp.parent.name,
        "HOME": tmp,  # so that no ~/.aws of the host is read
        "LAMBDA_RUNTIME_DIR": host.runtime,
        "LAMBDA_TASK_ROOT": task,
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": f"{PYTHON_HOME}/lib:{task}/lib:{opt}/lib",
        "PATH": f"{PYTHON_HOME}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:{opt}/bin",
        "PYTHONPATH": f"{task}:{opt}/python:{host.runtime}",
        "TMPDIR": tmp,
        "TZ": ":UTC",
        "_HANDLER": config["Handler"],
    }
    own = (config.get("Environment") or {}).get("Variables") or {}
    # A layer lies where it was unpacked instead of in /opt.
    moved = {key: re.sub("^/opt(?=/)", str(opt), str(value)) for key, value in own.items()}
    return {key: str(value) for key, value in {**lambdas, **moved}.items() if value}


def unpacked(name: str, archive: Callable[[], bytes], host: Host) -> Path:
    """A folder with an archive's files; the name stands for one content for ever."""
    if name not in _UNPACKED:
        target = Path(tempfile.mkdtemp(dir=host.homes))
        with zipfile.ZipFile(io.BytesIO(archive())) as opened:
            lambda_svc._extract_zip_preserving_mode(opened, target)
        _UNPACKED[name] = target
    return _UNPACKED[name]


_UNPACKED: dict[str, Path] = {}


def in_own_tmp(megabytes: int, place: Path) -> list[str]:
    """What to put before a command so that it finds a tmpfs at a place, and nobody else does."""
    return ["unshare", "--mount", "sh", "-c", OWN_TMP, "sh", str(megabytes), str(place)]


def can_mount(place: Path) -> bool:
    """Whether this host lets us mount in a namespace, found by trying."""
    try:
        return not subprocess.run([*in_own_tmp(1, place), "true"], capture_output=True).returncode
    except FileNotFoundError:
        return False
