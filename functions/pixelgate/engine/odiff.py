"""Runs one odiff server process with limits and restarts it when in doubt.

Each limit has its reason in the measured behaviour of odiff 4.5.0: it leaks 1–2 MB a comparison,
never answers if an error text is longer than 512 bytes, exits on a request line over 16 KiB, leaves
an old output file in place on a match, and ignores invalid options silently.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import select
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from pixelgate.errors import EngineDied, FaultCode, ImageFault

READY_SECONDS = 10.0
# A part of 4 Mpx takes 0.3 s on two cores, and some 2 s on the smallest Lambda.
REQUEST_SECONDS = 30.0
# It leaks for each pixel that it is given, so the size tells when to begin anew. Start to ready
# takes 1 ms, and more processor time than a small pair.
RECYCLE_AFTER = 500
RECYCLE_RSS_BYTES = 64 * 1024 * 1024
_STDERR_KEPT = 4_096
_MAX_REQUEST_BYTES = 16_000
_MAX_ANSWER_BYTES = 1_000_000  # real ones have less than a thousand
_PAGE = os.sysconf("SC_PAGESIZE")

# What a hostile image may cost. Address space: 50 Mpx need up to 1.8 GB.
_LIMITS = {
    resource.RLIMIT_AS: 4 * 1024**3,
    resource.RLIMIT_FSIZE: 512 * 1024**2,
    resource.RLIMIT_CPU: int(10 * REQUEST_SECONDS),
    resource.RLIMIT_CORE: 0,
}


@dataclass(frozen=True)
class Answer:
    """odiff's answer to one request."""

    match: bool  # no pixel differs; no output file was written
    pixels: int  # how many pixels differ


class Closing(ABC):
    """Something to be closed, by `close` or at the end of a `with`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Ends the odiff process, if one runs."""


class OdiffServer(Closing):
    """`odiff --server`, started on demand and restarted after any doubt.

    Not for several threads at once.
    """

    def __init__(
        self,
        binary: Path,
        *,
        ready_seconds: float = READY_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
        recycle_after: int = RECYCLE_AFTER,
        recycle_rss_bytes: int = RECYCLE_RSS_BYTES,
    ) -> None:
        self._binary = binary.absolute()
        self._ready_seconds = ready_seconds
        self._request_seconds = request_seconds
        self._recycle_after = recycle_after
        self._recycle_rss_bytes = recycle_rss_bytes
        self._ids = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._answered = 0
        self._stdin = self._stdout = self._stderr = -1  # descriptors
        self._answers = self._complaints = b""  # what was read from them

    @property
    def pid(self) -> int | None:
        """The process id while a server runs."""
        return self._process.pid if self._process else None

    def compare(self, base: Path, head: Path, output: Path, options: Mapping[str, Any]) -> Answer:
        """Compares two image files; on a difference the mask is at `output`.

        Args:
            base: image file; the path must be short and free of quotes.
            head: image file, likewise.
            output: where the mask goes; an older file there is deleted first.
            options: odiff's options, already validated.

        Raises:
            ImageFault: odiff could not read or compare the images; the process lives on.
            EngineDied: the process ended, stalled or answered nonsense; it is gone and reaped.
        """
        request_id = next(self._ids)
        request = {
            "requestId": request_id,
            "base": str(base),
            "compare": str(head),
            "output": str(output),
            "options": dict(options),
        }
        line = json.dumps(request).encode() + b"\n"
        if len(line) > _MAX_REQUEST_BYTES:
            raise ImageFault(
                FaultCode.ENGINE_FAILED, f"the request has {len(line)} bytes, too long for odiff"
            )
        output.unlink(missing_ok=True)
        if self._process is None:
            self._start()
        try:
            self._send(line)
            answer = self._read_line(self._request_seconds)
            return self._understand(answer, request_id)
        except EngineDied:
            self._kill()
            raise
        finally:
            self._recycle_if_due()

    def close(self) -> None:
        """Ends the process, if one runs, and waits until it is gone."""
        self._kill()

    def _start(self) -> None:
        self._answers = self._complaints = b""
        self._answered = 0
        try:
            # The environment is empty: a hostile image finds no credentials in the process.
            self._process = subprocess.Popen(  # noqa: S603 - our own pinned binary
                [str(self._binary), "--server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={},
                cwd="/",
                # Ctrl-C is for us: we end odiff in order, rather than take its end for a fault.
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise EngineDied(
                FaultCode.ENGINE_FAILED, f"odiff at {self._binary} cannot be started: {error}"
            ) from error
        self._stdin, self._stdout, self._stderr = (s.fileno() for s in _pipes(self._process))
        try:
            for descriptor in (self._stdin, self._stdout, self._stderr):
                os.set_blocking(descriptor, False)
            _limit(self._process.pid)
            ready = _as_json(self._read_line(self._ready_seconds))
            if ready.get("ready") is not True:
                raise EngineDied(FaultCode.ENGINE_FAILED, f"odiff began with {ready!r}")
        except BaseException:
            self._kill()
            raise

    def _send(self, line: bytes) -> None:
        """Writes the request; a pipe holds 64 KiB, so a live odiff takes it at once."""
        try:
            written = os.write(self._stdin, line)
        except OSError as error:
            raise self._died(FaultCode.ENGINE_FAILED, f"odiff takes no request: {error}") from error
        if written < len(line):
            raise self._died(FaultCode.ENGINE_FAILED, "odiff does not read its requests")

    def _read_line(self, seconds: float) -> bytes:
        """The next line of stdout; stderr is drained beside it, so that its pipe cannot fill."""
        deadline = time.monotonic() + seconds
        watched = {self._stdout, self._stderr}
        while b"\n" not in self._answers:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._died(
                    FaultCode.ENGINE_TIMEOUT, f"odiff gave no answer within {seconds:g} s"
                )
            readable, _, _ = select.select(list(watched), [], [], left)
            for descriptor in readable:
                chunk = os.read(descriptor, 65_536)
                if descriptor == self._stderr:
                    self._complaints = (self._complaints + chunk)[-_STDERR_KEPT:]
                else:
                    self._answers += chunk
                if not chunk:
                    watched.discard(descriptor)
            if len(self._answers) > _MAX_ANSWER_BYTES:
                raise self._died(FaultCode.ENGINE_FAILED, "odiff's answer does not end")
            if not watched:
                raise self._died(FaultCode.ENGINE_FAILED, self._how_it_ended())
        line, _, self._answers = self._answers.partition(b"\n")
        return line

    def _understand(self, line: bytes, request_id: int) -> Answer:
        answer = _as_json(line)
        if answer.get("requestId") != request_id:
            raise self._died(
                FaultCode.ENGINE_FAILED, f"odiff answered {answer!r} to request {request_id}"
            )
        self._answered += 1
        match answer:
            case {"error": str(text)} if text.startswith("Could not load"):
                side = "base" if "base image" in text else "head"
                raise ImageFault(
                    FaultCode.UNREADABLE, f"{side}: the image is damaged; odiff cannot load it"
                )
            case {"error": str(text)}:
                raise ImageFault(FaultCode.ENGINE_FAILED, f"odiff: {text}")
            case {"match": True}:
                return Answer(match=True, pixels=0)
            case {"match": False, "diffCount": int(pixels)}:
                return Answer(match=False, pixels=pixels)
        raise self._died(FaultCode.ENGINE_FAILED, f"odiff's answer makes no sense: {answer!r}")

    def _recycle_if_due(self) -> None:
        if self._process is None:
            return
        if self._answered >= self._recycle_after or _rss(self.pid) > self._recycle_rss_bytes:
            self._kill()

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in _pipes(process):
            with suppress(OSError):
                stream.close()

    def _how_it_ended(self) -> str:
        """Says how the process ended; both its pipes are at their end, so it is ending."""
        try:
            code = self._process.wait(timeout=1) if self._process else 0
        except subprocess.TimeoutExpired:
            return "odiff closed its output"
        return f"odiff was killed by signal {-code}" if code < 0 else f"odiff ended with {code}"

    def _died(self, code: FaultCode, message: str) -> EngineDied:
        with suppress(OSError):
            while chunk := os.read(self._stderr, 65_536):
                self._complaints = (self._complaints + chunk)[-_STDERR_KEPT:]
        complaints = self._complaints.decode(errors="replace").strip()
        return EngineDied(code, f"{message}; it said: {complaints}" if complaints else message)


def _pipes(process: subprocess.Popen[bytes]) -> list[IO[bytes]]:
    """The pipes to and from a process: stdin, stdout, stderr."""
    return [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe]


def _as_json(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise EngineDied(FaultCode.ENGINE_FAILED, f"odiff answered no JSON object: {line[:200]!r}")
    return answer


def _limit(pid: int) -> None:
    """Sets the limits from outside: code between fork and exec is unsafe beside threads."""
    if not hasattr(resource, "prlimit"):
        return  # only Linux has it; on other systems the time limits remain
    for limit, value in _LIMITS.items():
        # The process may have ended by now; reading its answer will tell.
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, limit)
            allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(pid, limit, (allowed, allowed))


def _rss(pid: int | None) -> int:
    """Resident bytes of a process; 0 where /proc does not tell."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as statm:
            return int(statm.read(200).split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0
