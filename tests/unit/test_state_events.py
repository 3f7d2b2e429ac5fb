"""Events have the shape that docs/events.md promises."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from pixelgate.aws.eventbridge import EventBridgeEvents
from pixelgate.domain import state_events
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import BuildRecord, ComparisonRecord, State
from pixelgate.domain.review_request import Action, Change, Reviewable
from pixelgate.domain.review_state import Applied, Refusal, ReviewLog, to_status_json
from pixelgate.pipeline.announce.status import status_of, status_of_rejected

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/state-change.schema.json").read_text(encoding="utf-8"))
RECORD = ComparisonRecord(
    id=ComparisonId("shop", "b1", "b0"),
    state=State.PROCESSING,
    execution="e1",
    lease_until=1090.0,
    attempts=1,
    claims=1,
    created=1000.0,
    claimed=1000.0,
    updated=1000.0,
    baseline_reason="because",
)
DONE = replace(
    RECORD,
    state=State.SUCCEEDED,
    verdict="needs_review",
    counts={"total": 1, "changed": 1},
    comparison_key="comparisons/shop/b1/b0/e1/comparison.json",
    report_key="comparisons/shop/b1/b0/e1/index.html",
)
BUILD = BuildRecord(BuildId("shop", "b1"), "c0ffee", "a" * 64, 999.0, branch="t", pull_request="5")
SUBJECT = Reviewable("e1", {f"{n:03}.png": Change("changed", "1", "2") for n in range(30)})


class Bus:
    """Takes every event."""

    meta = SimpleNamespace(partition="aws")

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, int]:  # noqa: N803
        self.entries += Entries
        return {"FailedEntryCount": 0}


def check(detail: dict[str, Any]) -> None:
    """Against the schema, and that the schema knows every field, as the event is sent."""
    bus = Bus()
    EventBridgeEvents(lambda: bus, "shots").emit(state_events.COMPARISON, detail)  # type: ignore[arg-type,return-value]
    [entry] = bus.entries
    told = json.loads(entry["Detail"])
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    assert told.keys() == SCHEMA["properties"].keys()
    if told["review"]:
        [shape] = [s for s in SCHEMA["properties"]["review"]["oneOf"] if "properties" in s]
        assert told["review"].keys() == shape["properties"].keys()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("base", ["b0", "@none"])
def test_comparison_s_event(base: str) -> None:
    record = replace(RECORD, id=ComparisonId("shop", "b1", base))
    check(state_events.detail(status_of(record, build=BUILD)))


def test_result_s_event() -> None:
    review = to_status_json(SUBJECT, ReviewLog().of_execution("e1"))
    told = state_events.detail(status_of(DONE, review, BUILD))
    check(told)
    assert {k: told[k] for k in ("id", "commit", "branch", "pull_request")} == {
        "id": "e1/SUCCEEDED/1",
        "commit": "c0ffee",
        "branch": "t",
        "pull_request": "5",
    }
    assert (told["review"]["left"], len(told["review"]["names"])) == (30, 20)


def test_review_s_event_says_who_and_not_who_was_refused() -> None:
    approval = Applied("r1", Action.APPROVE, "ada", "2026", "meant", True)
    review_log = ReviewLog().of_execution("e1").with_review(approval, ())
    review_log = review_log.with_refusal(Refusal("r2", "bob", "2026", "no"))
    told = state_events.detail(status_of(DONE, to_status_json(SUBJECT, review_log), BUILD))
    check(told)
    assert (told["review"]["by"], told["review"]["reasons"]) == (["ada"], ["meant"])
    assert "bob" not in json.dumps(told)


def test_refused_manifest_s_event() -> None:
    told = state_events.detail(status_of_rejected(BUILD.id, "x" * 5_000, 1000.0))
    check(told)
    assert told["error"] == {"code": "BAD_MANIFEST", "message": "x" * 1_000 + " …"}
    assert (told["commit"], told["branch"], told["pull_request"]) == (None, None, None)


def test_largest_event_fits_into_eventbridge() -> None:
    """256 KB; a name has up to 1,024 bytes, a reason 2,000 letters of up to four bytes."""
    names = [f"{n:03}{'x' * 1_021}" for n in range(50)]
    reviewable = Reviewable("e1", {name: Change("changed", "1", "2") for name in names})
    review_log = ReviewLog().of_execution("e1")
    for n in range(40):
        one = Applied(f"r{n}", Action.APPROVE, "x" * 255, f"{n:04}", f"{n}" + "😀" * 1_990, False)
        review_log = review_log.with_review(one, [names[n]])
    told = state_events.detail(status_of(DONE, to_status_json(reviewable, review_log), BUILD))
    check(told)
    assert len(json.dumps(told, ensure_ascii=False).encode()) < 200_000


def test_the_example_is_an_event() -> None:
    example = json.loads((ROOT / "events/state-change.json").read_text(encoding="utf-8"))
    check(example["detail"])
    assert example["source"] == state_events.SOURCE
    assert example["detail-type"] == state_events.REVIEW


def test_the_page_names_what_there_is() -> None:
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    kinds = (state_events.SOURCE, state_events.COMPARISON, state_events.REVIEW)
    assert [word for word in (*kinds, "state-change.schema.json") if word not in page] == []
