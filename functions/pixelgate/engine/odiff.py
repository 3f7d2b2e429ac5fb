"""Runs one odiff server process with limits and restarts it when in doubt.

Each limit has its reason in the measured behaviour of odiff 4.5.0: it leaks 1–2 MB a comparison,
never answers if an error text is longer than 512 bytes, exits on a request line over 16 KiB, leaves
an old output file in place on a match, and ignores invalid options silently.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, cast

from pixelgate.engine.process_limits import few_variables, limit, resident_bytes
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
_CPU_SECONDS = int(10 * REQUEST_SECONDS)


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
        self._answers: _Lines | None = None
        self._complaints: _Tail | None = None

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
            "base": base.as_posix(),
            "compare": head.as_posix(),
            "output": output.as_posix(),
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
        self._answered = 0
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own pinned binary
                [str(self._binary), "--server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=few_variables(os.environ),
                cwd="/",
                # Ctrl-C is for us: we end odiff in order, rather than take its end for a fault.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                bufsize=0,
            )
        except OSError as error:
            raise EngineDied(
                FaultCode.ENGINE_FAILED, f"odiff at {self._binary} cannot be started: {error}"
            ) from error
        _, stdout, stderr = _pipes(self._process)
        self._answers, self._complaints = _Lines(stdout), _Tail(stderr)
        try:
            limit(self._process.pid, _CPU_SECONDS)
            ready = _as_json(self._read_line(self._ready_seconds))
            if ready.get("ready") is not True:
                raise EngineDied(FaultCode.ENGINE_FAILED, f"odiff began with {ready!r}")
        except BaseException:
            self._kill()
            raise

    def _send(self, line: bytes) -> None:
        """Writes the request; it fits into the pipe, so a live odiff takes it at once."""
        assert self._process is not None  # noqa: S101 - `compare` has started it
        stdin, _, _ = _pipes(self._process)
        try:
            written = stdin.write(line)
        except OSError as error:
            raise self._died(FaultCode.ENGINE_FAILED, f"odiff takes no request: {error}") from error
        if written < len(line):
            raise self._died(FaultCode.ENGINE_FAILED, "odiff does not read its requests")

    def _read_line(self, seconds: float) -> bytes:
        """The next line that odiff writes."""
        assert self._answers is not None  # noqa: S101 - the process has started
        try:
            line = self._answers.take(seconds)
        except TimeoutError:
            raise self._died(
                FaultCode.ENGINE_TIMEOUT, f"odiff gave no answer within {seconds:g} s"
            ) from None
        except ValueError:
            raise self._died(FaultCode.ENGINE_FAILED, "odiff's answer does not end") from None
        if line is None:
            raise self._died(FaultCode.ENGINE_FAILED, self._how_it_ended())
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
        if (
            self._answered >= self._recycle_after
            or resident_bytes(self.pid) > self._recycle_rss_bytes
        ):
            self._kill()

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        stdin, _, _ = _pipes(process)
        with suppress(OSError):
            stdin.close()
        for reader in (self._answers, self._complaints):
            if reader:
                reader.close()

    def _how_it_ended(self) -> str:
        """Says how the process ended; its output is at its end, so it is ending."""
        try:
            code = self._process.wait(timeout=1) if self._process else 0
        except subprocess.TimeoutExpired:
            return "odiff closed its output"
        return f"odiff was killed by signal {-code}" if code < 0 else f"odiff ended with {code}"

    def _died(self, code: FaultCode, message: str) -> EngineDied:
        """The error for a process that must go; ends it, so that its last words have arrived."""
        self._kill()
        complaints = self._complaints.text if self._complaints else ""
        return EngineDied(code, f"{message}; it said: {complaints}" if complaints else message)


class _Reader(threading.Thread, ABC):
    """Reads a pipe to its end in a thread: the one way that all systems have to wait for pipes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(name="odiff", daemon=True)
        self._pipe = pipe
        self.start()

    def run(self) -> None:
        """Reads until odiff closes its end."""
        descriptor = self._pipe.fileno()
        with suppress(OSError):
            while chunk := os.read(descriptor, 65_536):
                if not self.take_in(chunk):
                    return
        self.take_in(b"")

    @abstractmethod
    def take_in(self, chunk: bytes) -> bool:
        """Keeps what was read, empty at the end; false if no more shall be read."""

    def close(self) -> None:
        """Waits for the end of the pipe; the process has ended."""
        self.join(1)
        if not self.is_alive():  # a descendant of odiff could hold the pipe open
            self._pipe.close()


class _Lines(_Reader):
    """Lines for whoever waits for them."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._begun = b""
        self._lines: queue.SimpleQueue[bytes | ValueError | None] = queue.SimpleQueue()
        super().__init__(pipe)

    def take_in(self, chunk: bytes) -> bool:
        """Hands over whole lines; the end of the pipe as None, too long a line as an error."""
        if not chunk:
            self._lines.put(None)
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        for line in lines:
            self._lines.put(line)
        if len(self._begun) > _MAX_ANSWER_BYTES:
            self._lines.put(ValueError("the line is too long"))
            return False
        return True

    def take(self, seconds: float) -> bytes | None:
        """The next line; None at the end of the pipe.

        Raises:
            TimeoutError: none came in time.
            ValueError: the line does not end.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(line, ValueError):
            raise line
        return line


class _Tail(_Reader):
    """The last bytes of a pipe."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._kept = b""
        super().__init__(pipe)

    def take_in(self, chunk: bytes) -> bool:
        """Keeps some kilobytes."""
        self._kept = (self._kept + chunk)[-_STDERR_KEPT:]
        return True

    @property
    def text(self) -> str:
        """What was read last."""
        return self._kept.decode(errors="replace").strip()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    """The pipes to and from a process: stdin, stdout, stderr."""
    pipes = (process.stdin, process.stdout, process.stderr)
    return cast(tuple[IO[bytes], IO[bytes], IO[bytes]], pipes)


def _as_json(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise EngineDied(FaultCode.ENGINE_FAILED, f"odiff answered no JSON object: {line[:200]!r}")
    return answer
