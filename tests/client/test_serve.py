"""The pages on this machine: over a bucket, over what was downloaded, over what was compared."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pixelgate.client.report_download import fetch_report
from pixelgate.client.serve import of_bucket, of_folder, serving
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import UsageError
from pixelgate.published.comparison import read_comparison
from support.processes import interruptible
from support.reviews import Reviewed
from support.world import sha

BASE = {"a.png": b"a", "b.png": b"b"}
HEAD = {"a.png": b"a2", "b.png": b"b"}
# A proxy of the environment has nothing to do with the loopback.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def reviewed() -> Reviewed:
    made = Reviewed()
    made.build("b0", BASE, branch="main")
    made.build("b1", HEAD, base_build="b0", pull_request=5)
    return made


@pytest.fixture
def origin(reviewed: Reviewed) -> Iterator[str]:
    with serving(of_bucket(reviewed.world.objects, "shots")) as found:
        yield found


def get(origin: str, path: str) -> str:
    with OPENER.open(origin + path, timeout=20) as answer:
        return str(answer.read().decode("utf-8", "replace"))


def send(origin: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    """Sends a request with these headers and no others; names may have "_" for "-"."""
    host = origin.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, {"Host": host, **sent})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def test_a_bucket_is_looked_at_and_decided_on(reviewed: Reviewed, origin: str) -> None:
    assert "/builds/shop/b1" in get(origin, "/projects/shop")
    report = get(origin, "/builds/shop/b1")
    assert '"decide": true' in report
    assert '"sign": null' in report
    assert get(origin, f"/images/shop/{sha(b'a2')}") == "a2"
    decided = {
        "execution": reviewed.world.status("b1")["execution"],
        "decisions": [{"action": "approve", "names": None, "reason": None}],
    }
    status, answer = send(
        origin, "POST", "/api/builds/shop/b1/reviews", json.dumps(decided).encode(),
        Origin=origin, Content_Type="application/json",
    )  # fmt: skip
    assert status == 202
    [review] = json.loads(answer)["reviews"]
    body = json.loads(reviewed.world.objects.read(keys.review(BuildId("shop", "b1"), review)))
    assert (body["action"], "on_behalf_of" in body) == ("approve", False)


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1", "localhost:80", ""])
def test_a_name_that_leads_to_the_loopback_gets_nothing(origin: str, host: str) -> None:
    status, answer = send(origin, "GET", "/projects/shop", Host=host)
    assert status == 421
    assert "b1" not in answer


def test_another_page_decides_nothing(reviewed: Reviewed, origin: str) -> None:
    status, _ = send(
        origin, "POST", "/api/builds/shop/b1/reviews", b"{}",
        Origin="http://127.0.0.1:1", Content_Type="application/json",
    )  # fmt: skip
    assert status == 403


@pytest.mark.parametrize("length", ["9000000", "-1", "x"])
def test_a_body_that_is_too_long_is_not_read(origin: str, length: str) -> None:
    status, _ = send(origin, "POST", "/api/sign", Content_Length=length)
    assert status == 413


def test_what_report_has_downloaded_is_served_with_its_reviews(
    reviewed: Reviewed, tmp_path: Path
) -> None:
    reviewed.review("b1", action="reject", names=["a.png"], reason="too blue", by="AWS:X:bob")
    store, status = reviewed.world.objects, reviewed.world.status("b1")
    fetch_report(store, status, read_comparison(store, status) or {}, tmp_path)
    with serving(of_folder(tmp_path)) as origin:
        assert "/builds/shop/b1" in get(origin, "/projects/shop")
        report = get(origin, "/builds/shop/b1")
        assert '"decide": false' in report
        assert "too blue" in report
        assert get(origin, f"/images/shop/{sha(b'a2')}") == "a2"


def compared(folder: Path) -> Path:
    """A folder as `compare` writes it, and a secret beside it and in it."""
    out = folder / "out"
    for name in ("index.html", "comparison.json", "images/local/ab", "secret.txt"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(f"this is {name}")
    (folder / "secret.txt").write_text("a secret")
    return out


def test_what_compare_has_written_is_served_and_nothing_else(tmp_path: Path) -> None:
    with serving(of_folder(compared(tmp_path))) as origin:
        assert get(origin, "/") == "this is index.html"
        assert get(origin, "/images/local/ab") == "this is images/local/ab"
        for path in ("/secret.txt", "/images/../secret.txt", "/images/%2e%2e/secret.txt",
                     "/images/..%2f..%2fsecret.txt", "/images", "/images/local", "//secret.txt",
                     "/images/..%5csecret.txt"):  # fmt: skip
            assert send(origin, "GET", path)[0] == 404, path
        assert send(origin, "POST", "/")[0] == 404


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no report"):
        of_folder(tmp_path)


def test_a_port_that_is_taken_is_told_of(origin: str) -> None:
    port = int(origin.rpartition(":")[2])
    with (
        pytest.raises(UsageError, match=f"port {port} of this machine cannot be used"),
        serving(of_folder, port),  # type: ignore[arg-type]
    ):
        pass


def test_the_command_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    started: Any = subprocess.Popen(
        [sys.executable, "-m", "pixelgate", "serve", str(compared(tmp_path)), "--no-open"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    with started:
        try:
            address = started.stderr.readline().split()[1]
            origin = address.partition("/?secret=")[0]
            assert send(origin, "GET", "/")[0] == 403
            assert send(origin, "GET", "/?secret=guessed")[0] == 403
            kept = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
            )
            for shown in (address, f"{origin}/"):
                with kept.open(shown, timeout=20) as answer:
                    assert answer.read() == b"this is index.html"
                    assert "secret" not in answer.url
            started.send_signal(signal.SIGINT)
            assert started.wait(30) == 130
            assert "Traceback" not in started.stderr.read()
        finally:
            started.kill()
