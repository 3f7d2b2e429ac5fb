"""The server process: MiniStack on a socket it is given, until its standard input closes.

Its parent holds the other end of that pipe, so it ends with its parent, however that one ends.
(PR_SET_PDEATHSIG would not do: it fires when the *thread* that started the child ends.)
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import threading
import urllib.parse
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import ministack.app  # type: ignore[import-not-found]
from hypercorn.asyncio import serve  # type: ignore[import-not-found]
from hypercorn.config import Config  # type: ignore[import-not-found]

from . import ISSUERS, RESTORE_PATH, STATE_PATH, iam, web
from .environment import Host, Pool, can_mount
from .functions import Functions
from .keeping import Keeper, Unreadable
from .packages import lambda_runtime

App = Callable[..., Coroutine[Any, Any, None]]


def main() -> None:
    """Serve."""
    options = parsed(sys.argv[1:])
    homes = options.work_dir / "tmp"
    homes.mkdir()
    own_tmp = can_mount(homes)
    host = Host(options.endpoint, lambda_runtime(), homes, options.log_dir, own_tmp)
    pool = Pool(host, options.environments)
    functions = Functions(pool, options.endpoint, options.retry_delay)
    functions.take_over()
    decisions = iam.Decisions(options.log_dir)
    iam.enforce(decisions, options.work_dir / ISSUERS)
    web.take_over(decisions)
    if options.lasting_sessions:
        iam.let_sessions_last()
    keeper = Keeper(options.keep) if options.keep else None

    def stop() -> None:
        pool.close()
        if keeper:
            keeper.close()
        shutil.rmtree(options.work_dir, ignore_errors=True)
        os._exit(0)  # nothing that MiniStack holds is worth waiting for

    def stop_with_parent() -> None:
        sys.stdin.buffer.read()
        stop()

    # In a thread, since the main one may hold the very lock that stopping needs.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop).start())
    threading.Thread(target=stop_with_parent, daemon=True).start()

    def state() -> dict[str, Any]:
        return {
            "own_tmp": own_tmp,
            "pending": functions.pending,
            "running": pool.running,
            "workers": pool.workers(),
            "unkept": keeper.problem if keeper else "",
        }

    config = Config()
    config.bind = [f"fd://{options.socket}"]
    config.keep_alive_timeout = 75
    app = with_state(state, keeper, over_tls(web.as_asked(ministack.app.app)))
    asyncio.run(serve(app, config, shutdown_trigger=asyncio.Event().wait))


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The command line, which cloud.py writes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--log-dir", type=Path, required=True)
    parser.add_argument("--environments", type=int, required=True)
    parser.add_argument("--retry-delay", type=float, required=True)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--lasting-sessions")
    return parser.parse_args(arguments)


def over_tls(cloud: App) -> App:
    """MiniStack's application, told that requests came over TLS unless they say otherwise.

    This stands in for TLS on the loopback. A request with `X-Forwarded-Proto: http` is a plain one.
    """

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = scope.get("headers", [])
        if scope["type"] == "http" and all(name != b"x-forwarded-proto" for name, _ in headers):
            scope = {**scope, "headers": [*headers, (b"x-forwarded-proto", b"https")]}
        await cloud(scope, receive, send)

    return app


def with_state(state: Callable[[], dict[str, Any]], keeper: Keeper | None, cloud: App) -> App:
    """MiniStack's application and two more pages: what the functions do, and `Keeper.restore`."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        status, body = 200, b""
        if scope.get("path") == STATE_PATH:
            body = json.dumps(state()).encode()
        elif scope.get("path") == RESTORE_PATH and keeper:
            names = dict(urllib.parse.parse_qsl(scope["query_string"].decode()))
            try:
                keeper.restore(names["bucket"], names["table"])
            except Unreadable as error:
                status, body = 500, str(error).encode()
        else:
            await cloud(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


if __name__ == "__main__":
    main()
