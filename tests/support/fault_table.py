"""Every fault at every call of every step, and docs/faults.md, the page of the results."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from support.fault_audit import Ending, audit
from support.fault_stories import STORIES, Story
from support.faults import FAULTS, STEPS, Fault, Place
from support.process_table import rows

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

_HEAD = """\
# What happens in each fault

`make faults-page` generates this page from a run, and `make test-faults` checks that it is
true. {runs:,} runs inject each fault at each call of each step, in eight stories:

- a build with its base;
- a build that waits, and a base that comes later or in the middle of any step;
- a refused manifest that is corrected;
- shards;
- plain images;
- a review;
- a worker that died and is swept;
- a build that is handed over to many workers.

The ports are doubles in memory, which the contract tests compare with S3 and DynamoDB. The test
plays Lambda's three attempts, the schedule, the failed-events queue and the state machine with
its retries. `machine` is Step Functions reading the list of batches; `worker` and `publisher`
are all calls of these two functions.

After every run there is one published result, or a FAILED with a code and a message. No status
ever shows an incomplete result. No record is left unfinished or unannounced, and the counts are
right. If any event comes once more a day later, it changes nothing.

| | |
|---|---|
| `ok` | published, in no more deliveries than without the fault |
| `retry` | published by one of Lambda's retries |
| `sweep` | published or announced by the sweeper |
| `errored` | published; the image is `errored` with its reason, and the verdict is needs_review |
| `no base` | published; the base came only after the grace period, so everything counts as added |
| `later` | published by the sweeper when the fault was over |
| `redrive` | published when the fault was over and its event was sent once more |
| `FAILED …` | FAILED with that code and a message |
| `gone` | an object was deleted: the event is ignored, or the review refused |
| – | the step makes no call that the fault could affect |
"""


_REAL = """\
## On real processes

The faults above are injected into doubles. These are real. The built functions run as processes
in the embedded cloud, with a memory limit and a tmpfs as /tmp. They reach S3 and DynamoDB through
a proxy that refuses, cuts off, garbles and loses answers, so the SDK's own retries take part. Each
fault hits a comparison of some twenty pairs, at moments drawn from a seed. A check of bucket and
table from outside requires the same promises as above, and the images and counts of an undisturbed
run. Every event is sent once more at the end. No process may be left over, and no file in /tmp.

*Once*: one life of a process; the first request of each kind; the time limit of one delivery.
*Longer than it is tried*: two lives in a row; one request until the SDK gives up. *In every
attempt*: until Lambda has given up, and the sweeper cannot help either. `make test-real-faults`
runs all of them and `make test-all` some. An ending that is not in the table fails the test.
"""


@cache
def places(story: str) -> tuple[Place, ...]:
    """Every call that a story makes when nothing fails."""
    return tuple(sorted(set(_told(story).faults.places), key=str))


@cache
def usual(story: str) -> int:
    """How many deliveries a story takes when nothing fails."""
    return _told(story).deliveries


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
            told = _told(story, fault, at, lasting)
            assert told.faults.happened
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
) -> Story:
    told = Story.begin(fault, at, lasting)
    STORIES[story](told)
    told.end()
    return told


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
