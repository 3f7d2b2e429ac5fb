"""The HTTP API that a Lambda runtime polls for invocations, one server an environment."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Invocation:
    """One event on its way to a function."""

    request_id: str
    payload: bytes
    deadline: float  # seconds since the epoch
    trace_id: str = ""


@dataclass(frozen=True)
class Initialised:
    """The runtime has loaded the handler and asks for its first invocation."""


@dataclass(frozen=True)
class InitFailed:
    """The runtime could not load the handler."""

    payload: bytes


@dataclass(frozen=True)
class Answer:
    """What the handler returned, or raised, as JSON."""

    payload: bytes
    failed: bool


class RuntimeApi:
    """Hands invocations to one runtime and reports what it says."""

    def __init__(
        self, function_arn: str, report: Callable[[Initialised | InitFailed | Answer], None]
    ) -> None:
        self.function_arn = function_arn
        self.report = report
        self.initialised = False
        self.current: Invocation | None = None
        self._invocations: queue.Queue[Invocation | None] = queue.Queue()
        self._server = Server(("127.0.0.1", 0), Requests)
        self._server.api = self
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def give(self, invocation: Invocation) -> None:
        """Answer the runtime's poll."""
        self._invocations.put(invocation)

    def next(self) -> Invocation | None:
        """Wait for an invocation; none means that the environment ends."""
        if not self.initialised:
            self.initialised = True
            self.report(Initialised())
        self.current = self._invocations.get()
        return self.current

    def awaits_answer_to(self, request_id: str) -> bool:
        """Whether an answer to this invocation is still wanted."""
        current = self.current
        return bool(current and current.request_id == request_id and time.time() < current.deadline)

    def close(self) -> None:
        """Stop serving."""
        self._invocations.put(None)
        self._server.shutdown()
        self._server.server_close()


class Server(ThreadingHTTPServer):
    """A server that knows its API and does not mind a runtime killed in mid-sentence."""

    daemon_threads = True
    block_on_close = False
    api: RuntimeApi

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: the environment notices the end of its process by itself."""


class Requests(BaseHTTPRequestHandler):
    """The four requests of the Runtime API (version 2018-06-01)."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer takes 40 ms
    wbufsize = -1  # one packet for head and body
    server: Server

    def do_GET(self) -> None:
        """Give the next invocation."""
        invocation = self.server.api.next()
        if invocation is None:
            self._reply(410)
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.server.api.function_arn,
        }
        if invocation.trace_id:
            headers["Lambda-Runtime-Trace-Id"] = invocation.trace_id
        self._reply(200, invocation.payload, headers)

    def do_POST(self) -> None:
        """Take an answer or an error."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        api = self.server.api
        *_, subject, verb = self.path.split("/")
        if (subject, verb) == ("init", "error"):
            api.report(InitFailed(body))
        elif api.awaits_answer_to(subject):
            api.report(Answer(body, failed=verb == "error"))
        else:
            self._reply(400)  # an answer to another invocation, or too late
            return
        self._reply(202)

    def _reply(
        self, status: int, body: bytes = b"{}", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep silent."""
