"""Every fault at every call of every step, and docs/faults.md, which tells what came of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from support.fault_audit import Ending, audit
from support.fault_stories import STORIES, Story
from support.faults import FAULTS, STEPS, Fault, Place
from support.process_table import rows

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

_HEAD = """\
# What becomes of every fault

Made by `make faults-page` from a run; `make test-faults` checks that it is true. {runs:,} runs:
each fault at each call that each step makes, in eight stories (a build with its base; one that
waits and is woken by a base that comes later or in the middle of any step; a refused manifest that
is corrected; shards; plain images; a review; a worker that died and is swept up; a build that is
handed over to many workers). The ports are the doubles in memory, which the contract tests hold
against S3 and DynamoDB; Lambda's three attempts, the schedule, the failed-events queue and the
state machine with its retries are played by the test. `machine` is Step Functions reading the list
of batches; `worker` and `publisher` are all calls of these two functions.

After every run: one published result or a FAILED with a code and words; no status ever shows what
is not whole; no record is open or untold; the counts are right; whatever event comes a day later
once more changes nothing.

| | |
|---|---|
| `ok` | published, in no more deliveries than without the fault |
| `retry` | published by one of Lambda's retries |
| `sweep` | published, or told, after the sweeper came by |
| `errored` | published; the image is `errored` with its reason, and the verdict is needs_review |
| `no base` | published; the base came only after the grace, so everything counts as added |
| `later` | published when the fault was over, by the sweeper |
| `redrive` | published when the fault was over and its event was sent once more |
| `FAILED …` | FAILED with that code and a message |
| `gone` | what somebody deleted is not there: the event is ignored, or the review refused |
| – | the step makes no call that the fault could befall |
"""


_REAL = """\
## On real processes

The faults above are played on doubles. These are real: the built functions run as processes of
their own in the embedded cloud, in a sandbox with Lambda's paths, a control group as memory limit
and a tmpfs as /tmp, and reach S3 and DynamoDB by a wire that refuses, cuts off, garbles and loses
answers, so that the SDK's own retries take part. Each is done to a comparison of some twenty pairs
at moments drawn from a seed. An outside look at bucket and table holds the same promises as above,
images and counts are those of an undisturbed run, every event is sent once more when all is over,
and in the end there is no process that nobody waits for and no file in /tmp.

*Once*: one life of a process; the first request of each kind; one delivery's limit. *Longer than
it is tried*: two lives in a row; one request until the SDK gives up. *In every attempt*: until
Lambda has given up, and the sweeper cannot help either. `make test-real-faults` runs all of them,
`make test` some; what is found here and not in the table fails.
"""


@cache
def places(story: str) -> tuple[Place, ...]:
    """Every call that a story makes when nothing fails."""
    return tuple(sorted(set(_told(story)[0].faults.places), key=str))


@cache
def usual(story: str) -> int:
    """How many deliveries a story takes when nothing fails."""
    return _told(story)[0].deliveries


@cache
def endings(story: str, fault: Fault, lasting: bool) -> dict[str, frozenset[Ending]]:
    """How a story ends with a fault in each of its calls, by step."""
    found: dict[str, set[Ending]] = {}
    seen: set[tuple[str, str]] = set()
    for at in places(story):
        operation = at.step, at.operation
        if not fault.strikes(at) or (lasting and operation in seen):
            continue
        seen.add(operation)
        try:
            told, deliveries = _told(story, fault, at, lasting)
            assert told.faults.happened
            told.deliveries = deliveries
            ending = audit(told, usual=usual(story), reviewed=story == "review")
        except BaseException as error:
            error.add_note(f"{fault.name}, {'lasting' if lasting else 'once'}, at {at}")
            raise
        found.setdefault(at.step, set()).add(ending)
        _RUNS.add((story, fault.name, lasting, at))
    return {step: frozenset(of) for step, of in found.items()}


_RUNS: set[tuple[str, str, bool, Place]] = set()


def _told(
    story: str, fault: Fault | None = None, at: Place | None = None, lasting: bool = False
) -> tuple[Story, int]:
    told = Story.begin(fault, at, lasting)
    STORIES[story](told)
    told.end()
    return told, told.deliveries


def page() -> str:
    """docs/faults.md as it should be."""
    once = _table(lasting=False)
    lasting = _table(lasting=True)
    head = _HEAD.format(runs=len(_RUNS))
    real = [f"| {' | '.join(row)} |" for row in rows()]
    told = [head, "## Once", "", *once, "", "## For three hours", "", *lasting]
    return "\n".join([*told, "", _REAL, *real, ""])


def _table(*, lasting: bool) -> list[str]:
    rows = [["fault", *STEPS], ["---"] * (len(STEPS) + 1)]
    for fault in FAULTS:
        if lasting and not fault.lasts:
            continue
        of = [endings(story, fault, lasting) for story in STORIES]
        cells = [_cell({e for by_step in of for e in by_step.get(s, ())}) for s in STEPS]
        rows.append([fault.name, *cells])
    return [f"| {' | '.join(row)} |" for row in rows]


def _cell(found: set[Ending]) -> str:
    return ", ".join(ending.words for ending in sorted(found)) or "–"
