"""Labelled pairs in a folder: ``<label>/<case>/base.png`` and ``head.png``, and cases.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MATCH = "should-match"
DIFFER = "should-differ"
DISPUTED = "disputed"
LABELS = (MATCH, DIFFER, DISPUTED)


@dataclass(frozen=True)
class Case:
    """One pair.

    Attributes:
        name: of its folder.
        label: what a person would say: should-match, should-differ or disputed.
        kind: what was done to the head.
        half: tune or held-out; empty for pairs that we did not make.
        page: the page it shows.
        view: the window it was drawn in.
        part: page for a whole window, component for a cut.
        parameters: with what exactly the head was made.
        measured: what was measured of the pair, as far as the label rests on it.
        folder: where the two images lie.
    """

    name: str
    label: str
    kind: str
    half: str = ""
    page: str = ""
    view: str = ""
    part: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    folder: Path = Path()

    @property
    def base(self) -> Path:
        """The base image."""
        return self.folder / "base.png"

    @property
    def head(self) -> Path:
        """The head image."""
        return self.folder / "head.png"

    def as_json(self) -> dict[str, Any]:
        """The entry in cases.json; the folder follows from label and name."""
        entry = asdict(self)
        del entry["folder"]
        return entry


def write_cases(folder: Path, cases: Iterable[Case], about: dict[str, Any]) -> None:
    """Writes cases.json; it comes last, so that its presence says that the set is whole."""
    entries = [case.as_json() for case in sorted(cases, key=lambda case: (case.label, case.name))]
    text = json.dumps({"about": about, "cases": entries}, indent=1, ensure_ascii=False)
    (folder / "cases.json").write_text(text + "\n", encoding="utf-8")


def read_cases(folder: Path) -> list[Case]:
    """Reads the pairs of a folder, with cases.json or, failing that, by its folders alone."""
    index = folder / "cases.json"
    if index.exists():
        entries = json.loads(index.read_text(encoding="utf-8"))["cases"]
        cases = [Case(**e, folder=folder / e["label"] / e["name"]) for e in entries]
    else:
        cases = [
            Case(name=place.name, label=label, kind=place.name, folder=place)
            for label in LABELS
            for place in sorted((folder / label).glob("*"))
            if place.is_dir()
        ]
    if not cases:
        raise SystemExit(f"{folder} holds no labelled pairs")
    return cases
