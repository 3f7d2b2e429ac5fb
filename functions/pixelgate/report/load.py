"""Parses comparison.json, so that the report can be rendered from it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from pixelgate.domain.baseline import Choice
from pixelgate.domain.comparison import (
    ORIGIN,
    SCHEMA_VERSION,
    Comparison,
    Diff,
    Judgement,
    Measured,
    Snapshot,
    Status,
)
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import NO_BASE, ComparisonId
from pixelgate.domain.learned_noise import LearnedNoise
from pixelgate.domain.policy import Noise, Policy, Rectangle, Sensitivity
from pixelgate.domain.quarantine import Stamp
from pixelgate.domain.verdict import Mark, NoiseKind
from pixelgate.errors import UsageError

# Results up to version 0.1 have other names for the marks.
_OLD_MARKS = {
    "solid": Mark.PLAIN,
    **dict.fromkeys(("bold", "local", "ink", "shape", "crisp"), Mark.SHAPE),
}


def comparison_of(stored: Mapping[str, Any]) -> Comparison:
    """Parses comparison.json.

    Raises:
        UsageError: it has another schema version, or is no comparison.json.
    """
    version = stored.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"comparison.json has schema version {version!r}; this pixelgate reads {SCHEMA_VERSION}"
        )
    try:
        return Comparison(
            id=ComparisonId(stored["project"], stored["head"], stored["base"] or NO_BASE),
            baseline_reason=stored["baseline_reason"],
            execution=stored["execution"],
            created=stored["created"],
            started=stored.get("started"),
            engine=stored["engine"],
            policy=_policy(stored["policy"]),
            snapshots={name: _snapshot(entry) for name, entry in stored["images"].items()},
            warnings=tuple(stored["warnings"]),
            choice=Choice.from_json(stored["baseline"]) if stored.get("baseline") else None,
            cost=_cost(stored.get("cost")),
            origin=_origin(stored.get("origin")),
            quarantine_notes=tuple(stored.get("quarantine_notes", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"this is no comparison.json of ours: {error!r}") from error


def _policy(stored: Mapping[str, Any]) -> Policy:
    known = {f.name for f in fields(Policy)}
    plain = {k: v for k, v in stored.items() if k in known - {"noise", "ignore_regions"}}
    boxes = tuple(Rectangle(**box) for box in stored.get("ignore_regions", ()))
    if "sensitivity" in plain:
        plain["sensitivity"] = Sensitivity(plain["sensitivity"])
    return Policy(**plain, noise=_noise(stored.get("noise", {})), ignore_regions=boxes)


def _cost(stored: Mapping[str, Any] | None) -> Usage | None:
    return Usage(stored["gb_seconds"], stored["requests"]) if stored else None


def _origin(stored: Any) -> dict[str, str]:
    """Parses the origin, which results of older versions do not have."""
    known = stored if isinstance(stored, Mapping) else {}
    return {name: str(known[name]) for name in ORIGIN if known.get(name)}


def _snapshot(entry: Mapping[str, Any]) -> Snapshot:
    measured, judgement = _measured(entry)
    return Snapshot(
        status=Status(entry["status"]),
        head_sha256=entry.get("head_sha256"),
        base_sha256=entry.get("base_sha256"),
        head_size=_size(entry.get("head_size")),
        base_size=_size(entry.get("base_size")),
        measured=measured,
        previous_name=entry.get("previous_name"),
        reason=entry.get("reason"),
        group=entry.get("group"),
        judgement=judgement,
        policy=entry.get("policy") or {},
        details=entry.get("details") or {},
        thumb=entry.get("thumb"),
        quarantined=Stamp.from_json(stamp) if (stamp := entry.get("quarantined")) else None,
    )


def _measured(entry: Mapping[str, Any]) -> tuple[Measured | None, Judgement | None]:
    if "total_pixels" not in entry:
        return None, None
    regions = entry["regions"]
    # Older versions did not say how large the images of every pair were.
    diff = Diff.from_json({"base_size": (0, 0), "head_size": (0, 0), **entry})
    # Older versions did not name the noise.
    kinds = [region["noise"] for region in regions if "noise" in region]
    judgement = Judgement(
        changed=entry["status"] == Status.CHANGED,
        marks=tuple(_mark(region.get("mark")) for region in regions),
        recoloured=entry.get("recoloured", False),
        kinds=tuple(NoiseKind(kind) if kind else None for kind in kinds),
    )
    if learned := entry.get("learned_noise"):
        places = tuple(region.get("place") for region in regions)
        judgement = replace(judgement, learned=LearnedNoise.from_json(learned), places=places)
    return Measured(diff, entry.get("mask")), judgement


def _noise(stored: Mapping[str, Any]) -> Noise:
    """Parses the numbers of the rule, and ignores those that only older versions have."""
    known = {field.name for field in fields(Noise)}
    return Noise(**{name: number for name, number in stored.items() if name in known})


def _mark(stored: str | None) -> Mark | None:
    """Parses a mark; one of an older version becomes its nearest successor."""
    if stored is None:
        return None
    return _OLD_MARKS.get(stored) or Mark(stored)


def _size(stored: list[int] | None) -> tuple[int, int] | None:
    return (stored[0], stored[1]) if stored else None
