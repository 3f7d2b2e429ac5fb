"""How real faults ended in the runs that docs/faults.md tells of."""

from __future__ import annotations

import json
from pathlib import Path

from support.service_faults import ONCE, REAL_FAULTS, WAYS, RealFault

FILE = Path(__file__).parents[1] / "faults" / "real.json"
# What it took depends on how busy a machine is: a slow worker looks like a dead one.
EFFORT = ("ok", "retry", "sweep", "redrive")
# And what goes on for long uses up the attempts of a slow machine sooner.
USED_UP = {"FAILED TIMEOUT", "FAILED INTERNAL"}


def hold(fault: RealFault, ending: str, *, accept: bool) -> None:
    """Holds an ending against those that are known, or adds it to them."""
    known = read()
    endings = known.setdefault(fault.name, {}).setdefault(fault.way, [])
    if accept:
        endings[:] = sorted({*endings, ending}, key=_order)
        FILE.write_text(json.dumps(known, indent=1) + "\n")
        return
    patient = fault.way != ONCE and {*EFFORT, *USED_UP} & {*endings}
    allowed = {*endings, *(EFFORT if patient or {*EFFORT} & {*endings} else ())}
    allowed |= USED_UP if patient else set()
    assert ending in allowed, f"{fault.id}: {ending}; docs/faults.md says {endings}"


def read() -> dict[str, dict[str, list[str]]]:
    return dict(json.loads(FILE.read_text())) if FILE.exists() else {}


def rows() -> list[list[str]]:
    known = read()
    names = list(dict.fromkeys(fault.name for fault in REAL_FAULTS))
    cells = [[", ".join(known.get(n, {}).get(way, ())) or "–" for way in WAYS] for n in names]
    return [["fault", *WAYS], ["---"] * (len(WAYS) + 1)] + [
        [name, *row] for name, row in zip(names, cells, strict=True)
    ]


def _order(ending: str) -> tuple[int, str]:
    return EFFORT.index(ending) if ending in EFFORT else len(EFFORT), ending
