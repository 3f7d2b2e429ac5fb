"""What each CI system says, from environments as they were recorded: a file is a row.

`environ` is what the job sees, `event` what lies in GITHUB_EVENT_PATH, `files` other files that a
variable leads to, in `{folder}`, and `found` what we make of it; a field that `found` leaves out
has its default.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixelgate.ci.detect import detect
from pixelgate.ci.detected import CiInfo

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_environment(path: Path, tmp_path: Path) -> None:
    row = json.loads(path.read_text())
    environ = {n: v.replace("{folder}", str(tmp_path)) for n, v in row["environ"].items()}
    for name, text in row.get("files", {}).items():
        (tmp_path / name).write_text(text.replace("{folder}", str(tmp_path)))
    if "event" in row:
        event = tmp_path / "event.json"
        event.write_text(json.dumps(row["event"]))
        environ["GITHUB_EVENT_PATH"] = str(event)
    lists = {name: tuple(v) for name, v in row["found"].items() if isinstance(v, list)}
    assert detect(environ) == CiInfo(**{**row["found"], **lists})


@pytest.mark.parametrize(
    "event",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="a list"),
        pytest.param('{"pull_request": null}', id="no pull request"),
        pytest.param('{"pull_request": {"head": 5, "base": []}}', id="of other types"),
        pytest.param('{"repository": "acme"}', id="no repository"),
    ],
)
def test_an_odd_event_is_no_error(event: str, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(event)
    found = detect({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path), "GITHUB_SHA": "abc"})
    assert found.vendor == "GitHub Actions"
