"""`make smoke` waits until a new bucket sends events."""

from __future__ import annotations

from typing import Any

import pytest

import smoke
from pixelgate.domain.keys import BuildId

FIELDS: dict[str, Any] = {"images": {"a.png": {}}}


class Uploads:
    """An uploader whose manifest has a result after it was written so many times."""

    def __init__(self, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.after = after
        self.written: list[tuple[str, Any]] = []
        self.now = 0.0
        monkeypatch.setattr("smoke.time.monotonic", lambda: self.now)

    def write_manifest(self, build: str, fields: Any) -> BuildId:
        self.written.append((build, fields))
        return BuildId(smoke.PROJECT, build)

    def wait(self, build: BuildId, seconds: float) -> dict[str, str]:
        if len(self.written) >= self.after:
            return {"state": "SUCCEEDED"}
        self.now += seconds
        raise TimeoutError(str(build))


def first_result(uploads: Uploads) -> dict[str, Any]:
    tested = object.__new__(smoke.Smoke)
    vars(tested)["_uploader"] = uploads
    return tested._first_result("b1", FIELDS)


def test_the_same_manifest_is_written_every_minute_until_an_event_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uploads = Uploads(5, monkeypatch)
    assert first_result(uploads) == {"state": "SUCCEEDED"}
    assert uploads.written == [("b1", FIELDS)] * 5
    assert uploads.now == 4 * 60
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert "S3 sends no events in the first minutes" in said[0]


def test_after_seven_minutes_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = Uploads(100, monkeypatch)
    with pytest.raises(TimeoutError):
        first_result(uploads)
    assert (len(uploads.written), uploads.now) == (7, 420)


def test_a_stack_that_was_rolled_back_is_not_tested() -> None:
    assert "ROLLBACK_COMPLETE" not in smoke.USABLE
    assert {"CREATE_COMPLETE", "UPDATE_COMPLETE"} <= smoke.USABLE
