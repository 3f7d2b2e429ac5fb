"""The queries of the runbook and the dashboard find what they are for, in lines as AWS has them."""

from __future__ import annotations

import re

import pytest

from support.log_lines import RECORDED

from .insights import finds, named_fields
from .stack import ROOT, Stack
from .test_watching import dashboard

RUNBOOK = ROOT / "docs/runbook"
ENDED_BADLY = {"timed out", "out of memory", "killed", "raised"}
OURS_AT_ERROR = {
    "event not readable",
    "image missing",
    "notification refused",
    "comparison not swept",
    "project not tidied",
    "request failed",
}
# What each query of a page finds, in the order of the page.
FINDS: dict[str, list[set[str]]] = {
    "compare-duration.md": [{"build compared"}],
    "compare-errors.md": [{"delivery failed"}, {"an error that nobody caught"}, ENDED_BADLY],
    "comparisons-failed.md": [{"image missing"}],
    "events-dropped.md": [{"delivery failed"}],
    "events-not-queued.md": [{"delivery failed"}],
    "failed-events.md": [
        {"build compared", "build failed", "delivery failed", "image missing"}
        | {"notification refused", "stalled comparison"}
    ],
    "fan-out-failed.md": [
        {"image missing", "notification refused", "stalled comparison"},
        ENDED_BADLY,
    ],
    "fan-out-timed-out.md": [ENDED_BADLY],
    "leases-swept.md": [{"stalled comparison"}, ENDED_BADLY],
    "notices-lost.md": [{"notification refused"}],
    "results-missing.md": [{"build compared"}, ENDED_BADLY],
    "review-errors.md": [{"delivery failed"}, ENDED_BADLY],
    "site-errors.md": [{"request failed"}, ENDED_BADLY],
    "sweep-errors.md": [
        {"comparison not swept"},
        {"an error that nobody caught", *OURS_AT_ERROR},
        ENDED_BADLY,
    ],
    "tidy-errors.md": [{"project not tidied"}, {"project tidied"}, ENDED_BADLY],
}


def queries_of(page: str) -> list[str]:
    text = (RUNBOOK / page).read_text(encoding="utf-8")
    return [" ".join(query.split()) for query in re.findall(r"`(filter [^`]+)`", text)]


def found_by(query: str) -> set[str]:
    return {name for name, line in RECORDED.items() if finds(query, line)}


def fields_nowhere(query: str) -> set[str]:
    """The query's fields that none of the lines has that it finds."""
    lines = [RECORDED[name] for name in found_by(query)]
    return {
        field for field in named_fields(query) if not any(has(field.split("."), li) for li in lines)
    }


def has(path: list[str], line: object) -> bool:
    for name in path:
        if not isinstance(line, dict) or name not in line:
            return False
        line = line[name]
    return True


def test_these_are_all_pages_with_queries() -> None:
    assert {p.name for p in RUNBOOK.glob("*.md") if queries_of(p.name)} == FINDS.keys()


@pytest.mark.parametrize("page", FINDS)
def test_a_page_s_queries_find_what_they_are_for(page: str) -> None:
    assert [found_by(query) for query in queries_of(page)] == FINDS[page]


@pytest.mark.parametrize("page", FINDS)
def test_a_page_s_queries_name_fields_of_what_they_find(page: str) -> None:
    assert [fields_nowhere(query) for query in queries_of(page)] == [set()] * len(FINDS[page])


def test_the_dashboard_s_errors_have_words_however_a_run_ended(stack: Stack) -> None:
    query = query_of(stack, "What did the last errors say?")
    assert found_by(query) == {"an error that nobody caught", *OURS_AT_ERROR, *ENDED_BADLY}
    # It may name fields that only a line of another function has.
    assert fields_nowhere(query) == set()
    [said] = re.findall(r"coalesce\(([^)]+)\) as said", query)
    for name in found_by(query):
        assert any(has(field.split("."), RECORDED[name]) for field in said.split(", ")), name


def test_the_dashboard_shows_each_project_s_builds_verdicts_time_and_cost(stack: Stack) -> None:
    query = query_of(stack, "How does each project fare?")
    assert found_by(query) == {"build compared", "build failed"}
    assert fields_nowhere(query) == set()
    assert named_fields(query) == {
        "message",
        "project",
        "outcome.verdict",
        "outcome.state",
        "outcome.counts.errored",
        "outcome.seconds",
        "outcome.dollars",
    }


def test_the_dashboard_s_queries_read_logs_of_the_stack(stack: Stack) -> None:
    groups = set(stack.of_type("AWS::Logs::LogGroup")) - {"MachineLogs"}
    every = set(
        re.findall(r"SOURCE '\$\{(\w+)\}'", query_of(stack, "What did the last errors say?"))
    )
    assert every == groups
    some = re.findall(r"SOURCE '\$\{(\w+)\}'", query_of(stack, "How does each project fare?"))
    assert some == ["CompareLogs", "PublishLogs"]  # the two functions that publish


def query_of(stack: Stack, title: str) -> str:
    [query] = [
        w["properties"]["query"] for w in dashboard(stack) if w["properties"].get("title") == title
    ]
    return str(query)


@pytest.mark.parametrize(
    ("query", "line", "found"),
    [
        ("filter a = 'x'", {"a": "x"}, True),
        ("filter a = 'x'", {"a": "y"}, False),
        ("filter a = 'x'", {}, False),
        ("filter a.b in ['x', 'y'] | fields c", {"a": {"b": "y"}}, True),
        ("filter a = 'x' and b = 'y' or c = 'z'", {"c": "z"}, True),
        ("filter a = 'x' and (b = 'y' or c = 'z')", {"c": "z"}, False),
        ("filter a > 0", {"a": 1}, True),
        ("filter a > 0", {"a": 0}, False),
        ("filter a > 0", {}, False),
        ("filter ispresent(a) | filter b = 'x'", {"a": 0, "b": "x"}, True),
        ("filter ispresent(a)", {"a": None}, False),
        ("fields a", {}, True),
    ],
)
def test_a_filter_is_read_as_logs_insights_reads_it(
    query: str, line: dict[str, object], found: bool
) -> None:
    assert finds(query, line) is found


def test_fields_are_told_from_functions_words_and_names_of_one_s_own() -> None:
    query = "filter a = 'x' | stats count(*), sum(f(b.c, 'd')) as e by g | sort e desc | limit 3"
    assert named_fields(query) == {"a", "b.c", "g"}


def test_a_line_of_ours_is_recorded_by_its_message() -> None:
    ours = {name: line["message"] for name, line in RECORDED.items() if "message" in line}
    assert len(ours) >= 8
    assert list(ours) == list(ours.values())
