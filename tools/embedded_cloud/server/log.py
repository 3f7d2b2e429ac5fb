"""A function's log: all of it in a file, the lines of one invocation for its caller too."""

import os
import select
import threading
from pathlib import Path
from typing import IO


class Log:
    """Reads what an environment's processes print for as long as one of them lives."""

    def __init__(self, pipe: IO[bytes], file: Path) -> None:
        self._pipe = pipe
        self._file = file
        self._lock = threading.Lock()
        self._kept = b""  # since take() was last called
        self._unfinished = b""  # a line whose end has not come yet
        threading.Thread(target=self._follow, daemon=True).start()

    def note(self, line: str) -> None:
        """Add a line of Lambda's own."""
        with self._lock:
            self._add(f"{line}\n".encode())

    def take(self) -> str:
        """What was printed up to now and not yet taken."""
        with self._lock:
            self._read_what_is_there()
            kept, self._kept = self._kept, b""
        return kept.decode(errors="replace")

    def _follow(self) -> None:
        with self._pipe:
            open_ = True
            while open_:
                self._wait()
                with self._lock:
                    open_ = self._read_what_is_there()

    def _wait(self, milliseconds: int | None = None) -> bool:
        """Whether there is something to read, or the end; select() knows no file above 1,023."""
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        return bool(poll.poll(milliseconds))

    def _read_what_is_there(self) -> bool:
        """Read without waiting; false at the end of the pipe."""
        while not self._pipe.closed and self._wait(0):
            chunk = os.read(self._pipe.fileno(), 65536)
            if not chunk:
                return False
            *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
            self._add(b"".join(line + b"\n" for line in lines))
        return not self._pipe.closed

    def _add(self, lines: bytes) -> None:
        self._kept += lines
        with self._file.open("ab") as file:
            file.write(lines)
