"""The picture of the dashboard has the numbers that CloudWatch would have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dashboard


def emf(**metrics: float | list[float]) -> str:
    names = [{"Name": name, "Unit": "Count"} for name in metrics]
    directive = {"Namespace": "Pixelgate", "Dimensions": [["service"]], "Metrics": names}
    blob = {"_aws": {"CloudWatchMetrics": [directive]}, "service": "pixelgate", **metrics}
    return json.dumps(blob)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    lines = [
        emf(ComparisonsPassed=1, SecondsToVerdict=2.0, PairsDiffed=[3, 1], PairsFromCache=1),
        "REPORT RequestId: 1\tDuration: 2000.00 ms\tMemory Size: 3538 MB",
        emf(ComparisonsPassed=[1.0], SecondsToVerdict=4.0, SnapshotsCompared=8, SnapshotsByHash=2),
        '{"level": "INFO", "message": "nothing of it"}',
    ]
    (tmp_path / "pixelgate-CompareFunction-1.log").write_text("\n".join(lines))
    return tmp_path


def shown(logs: Path) -> dict[str, dict[str, float | None]]:
    found = dashboard.widgets(dashboard.ROOT / "template.yaml", dashboard.measured(logs))
    return {widget.title: {line.label: line.value for line in widget.lines} for widget in found}


def test_sums_percentiles_and_shares(logs: Path) -> None:
    found = shown(logs)
    assert found["How do comparisons end?"] == {"passed": 2, "need review": None, "failed": None}
    assert found["How long does CI wait for its verdict?"] == {"median": 3.0, "p99": 3.98}
    assert found["How much is answered without a comparison?"] == {
        "snapshots by their hash": 25.0,
        "pairs from the diff cache": 20.0,
    }
    assert found["How near is a comparison to Lambda's 15 minutes?"] == {
        "p99": 2000.0,
        "longest": 2000.0,
    }
    [cost, many, table] = found["What does a day cost?"].values()
    assert cost == pytest.approx(2 * 3538 / 1024 * 0.0000166667 + 0.0000002)
    assert (many, table) == (None, None)


def test_the_picture_says_what_was_not_measured(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "picture.svg"
    assert dashboard.main(["--logs", str(logs), "--out", str(out)]) == 0
    text = out.read_text()
    for title in shown(logs):
        assert title.replace("'", "&#x27;") in text
    assert "no value in this run" in text
    assert ">25</text>" in text


def test_without_a_run_there_is_no_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dashboard.main(["--logs", str(tmp_path)]) == 2
    assert "no run has left logs" in capsys.readouterr().err
