"""Warm environments: each concurrent invocation has one of its own, as on Lambda."""

import threading
from typing import Any

from .environment import Environment, Function, Host, Outcome


class Pool:
    """Invokes functions, at most `size` invocations at once; more of them wait their turn.

    Lambda would run a thousand. Waiting is what its queue of asynchronous events does when a
    function is throttled, and it costs no attempt there either.
    """

    def __init__(self, host: Host, size: int) -> None:
        self._host = host
        self._turns = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Environment] = []
        self._busy: list[Environment] = []
        self._closed = False

    def invoke(self, function: Function, request_id: str, payload: bytes, trace_id: str) -> Outcome:
        """Runs one invocation in a warm environment, or in a new one."""
        with self._turns:
            environment = self._take(function)
            try:
                return environment.invoke(request_id, payload, trace_id)
            finally:
                self._give_back(environment)

    @property
    def running(self) -> int:
        """How many invocations are in progress, those whose environment only starts included."""
        return len(self._busy)

    def workers(self) -> list[dict[str, Any]]:
        """The runtime processes that are up, and what each is doing."""
        with self._lock:
            return [
                {
                    "function": one.function.name,
                    "pid": one.pid,
                    "request_id": one.request_id,
                    "tmp": f"/proc/{one.pid}/root{one.tmp}",
                }
                for one in (*self._busy, *self._idle)
                if one.pid and one.alive
            ]

    def close(self) -> None:
        """Ends every environment, busy or not."""
        with self._lock:
            self._closed = True
            doomed = [*self._busy, *self._idle]
        for one in doomed:
            one.ask_to_end()
        for one in doomed:
            one.close()

    def _take(self, function: Function) -> Environment:
        with self._lock:
            if self._closed:
                raise SystemExit  # of this thread alone, and without a word
            # Those of another version of the function will never be asked again.
            stale = [
                one
                for one in self._idle
                if not one.alive or (one.function.arn == function.arn and one.function != function)
            ]
            for one in stale:
                self._idle.remove(one)
            warm = next((one for one in reversed(self._idle) if one.function == function), None)
            if warm:
                self._idle.remove(warm)
            taken = warm or Environment(function, self._host)
            self._busy.append(taken)
        for one in stale:
            one.close()
        return taken

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            self._busy.remove(environment)
            if environment.alive and not self._closed:
                self._idle.append(environment)
                return
        environment.close()
