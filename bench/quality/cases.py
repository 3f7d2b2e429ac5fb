"""Labelled pairs in a folder, in one of two forms.

By label: ``<label>/<case>/base.png`` and ``head.png``. By group:
``<group>/base/<name>``, ``<group>/head/<name>`` and ``<group>/expected.json``, which says of each
name what is expected (changed or unchanged), what was done, and of what kind that is.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MATCH, DIFFER, DISPUTED = LABELS = ("should-match", "should-differ", "disputed")
EXPECTED = {"changed": DIFFER, "unchanged": MATCH}


@dataclass(frozen=True)
class Case:
    """One pair.

    Attributes:
        name: of its folder.
        label: what a person would say: should-match, should-differ or disputed.
        kind: what was done to the head.
        half: tune, held-out or fresh; empty for pairs that we did not make.
        page: the page it shows.
        view: the window it was drawn in.
        part: page for a whole window, component for a cut.
        measured: what was measured of the pair, as far as the label rests on it.
        group: of a folder by group; empty in one by label.
        what: what was done, in words.
        folder: where the two images lie, or the group's folder.
    """

    name: str
    label: str
    kind: str
    half: str = ""
    page: str = ""
    view: str = ""
    part: str = ""
    measured: dict[str, Any] = field(default_factory=dict)
    group: str = ""
    what: str = ""
    folder: Path = Path()

    @property
    def base(self) -> Path:
        """The base image."""
        return self._image("base")

    @property
    def head(self) -> Path:
        """The head image."""
        return self._image("head")

    def _image(self, side: str) -> Path:
        return self.folder / side / self.name if self.group else self.folder / f"{side}.png"

    def as_json(self) -> dict[str, Any]:
        """As the runner writes it; the folder follows from label and name."""
        return {key: value for key, value in asdict(self).items() if key != "folder"}


def read_cases(folder: Path) -> list[Case]:
    """Reads the pairs of a folder by label."""
    cases = [
        Case(name=place.name, label=label, kind=place.name, folder=place)
        for label in LABELS
        for place in sorted((folder / label).glob("*"))
        if place.is_dir()
    ]
    if not cases:
        raise SystemExit(f"{folder} holds no labelled pairs")
    return cases


def read_groups(folder: Path) -> list[Case]:
    """Reads the pairs of a folder by group.

    Pairs that are expected to be anything but changed or unchanged (an error, say) are left out.
    Where expected.json names no kind, the group stands for it.
    """
    cases = []
    for index in sorted(folder.glob("*/expected.json")):
        for name, said in json.loads(index.read_text(encoding="utf-8")).items():
            if label := EXPECTED.get(said["expected"]):
                texts = {key: said.get(key, "") for key in ("half", "page", "view", "what")}
                part = "component" if said.get("cut") else "page"
                group, measured = index.parent.name, said.get("measured") or {}
                kind = said.get("kind", group)
                cases.append(
                    Case(name, label, kind, **texts, part=part, measured=measured, group=group,
                         folder=index.parent)
                )  # fmt: skip
    if not cases:
        raise SystemExit(f"{folder} holds no groups with an expected.json")
    return cases
