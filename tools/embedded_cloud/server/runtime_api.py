"""The HTTP API that a Lambda runtime polls for its next invocation; one server per environment."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Invocation:
    """An event for a function; the deadline is in seconds since the epoch."""

    request_id: str
    payload: bytes
    deadline: float
    trace_id: str


@dataclass(frozen=True)
class Initialised:
    """The runtime has loaded the handler and asks for its first invocation."""


@dataclass(frozen=True)
class Answer:
    """What the handler returned, or raised, or why it could not be loaded; JSON."""

    payload: bytes
    failed: bool
    ends_runtime: bool = False


class RuntimeApi(ThreadingHTTPServer):
    """Hands invocations to one runtime and reports its answers."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, function_arn: str, report: Callable[[Initialised | Answer], None]) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.function_arn = function_arn
        self.report = report
        self.address = f"127.0.0.1:{self.server_port}"
        self._initialised = False
        self._current: Invocation | None = None
        self._invocations: queue.Queue[Invocation | None] = queue.Queue()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def give(self, invocation: Invocation) -> None:
        """Answers the runtime's poll."""
        self._invocations.put(invocation)

    def next(self) -> Invocation | None:
        """Waits for an invocation; None when the environment ends."""
        if not self._initialised:
            self._initialised = True
            self.report(Initialised())
        self._current = self._invocations.get()
        return self._current

    def awaits_answer_to(self, request_id: str) -> bool:
        """Whether an answer to this invocation is still wanted."""
        now = self._current
        return bool(now and now.request_id == request_id and time.time() < now.deadline)

    def close(self) -> None:
        """Stops serving."""
        self._invocations.put(None)
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of a runtime that was killed: its environment notices."""


class Requests(BaseHTTPRequestHandler):
    """The four requests of the Runtime API (version 2018-06-01)."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer takes 40 ms
    wbufsize = -1  # one packet for head and body
    server: RuntimeApi

    def do_GET(self) -> None:
        """Gives the next invocation."""
        invocation = self.server.next()
        if invocation is None:
            self._reply(410)
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.server.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        self._reply(200, invocation.payload, {k: v for k, v in headers.items() if v})

    def do_POST(self) -> None:
        """Takes an answer or an error."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        *_, subject, verb = self.path.split("/")
        if (subject, verb) == ("init", "error"):
            self.server.report(Answer(body, failed=True, ends_runtime=True))
        elif self.server.awaits_answer_to(subject):
            self.server.report(Answer(body, failed=verb == "error"))
        else:
            self._reply(400)  # an answer to another invocation, or too late
            return
        self._reply(202)

    def _reply(
        self, status: int, body: bytes = b"{}", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keeps silent."""
