"""A project whose builds were really compared, stored as the pipeline stores them: for replays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, engine_of
from pixelgate.domain.history import Entry, Given, encode, entry_of
from pixelgate.domain.keys import NO_BASE, BuildId
from pixelgate.domain.learned_noise import LearnedNoise
from pixelgate.domain.manifest import BuildManifest, parse_accepted
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
from pixelgate.pipeline.diffing.plan import assemble, make_plan
from pixelgate.pipeline.intake.images import BucketImages
from pixelgate.ports import Bucket, DifferPool
from support.world import sha

PROJECT = "shop"


@dataclass
class Lived:
    """A project in a bucket. `odiff` is the version that results name.

    `own` are the policies that snapshots have of their own, by build and name.
    """

    store: Bucket
    pool: DifferPool
    odiff: str
    manifests: dict[str, BuildManifest] = field(default_factory=dict)
    own: dict[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    def build(
        self,
        build: str,
        images: Mapping[str, bytes],
        base: str | None = None,
        *,
        at: str,
        reviews: tuple[Given, ...] = (),
        policy: Mapping[str, Any] | None = None,
        rules: tuple[Mapping[str, Any], ...] = (),
        own: Mapping[str, Mapping[str, Any]] | None = None,
        engine: Mapping[str, str] | None = None,
        learned: Mapping[str, LearnedNoise] | None = None,
        **fields: Any,
    ) -> Entry:
        """Compares a build, and writes all that the pipeline leaves of it.

        `policy`, `rules` and `own` (by name) go into the manifest; `learned` is the noise that was
        learned until then; `fields` are of the index's entry.
        """
        head = self._manifest(build, images, policy, rules, own, fields)
        of_base = self.manifests[base] if base else None
        id_ = head.id.against(base or NO_BASE)
        execution = f"e-{build}"
        folder = keys.pictures(id_, execution)
        plan = make_plan(head, of_base, f"odiff {self.odiff}")
        measured = diff_pairs(
            plan.pairs,
            images=BucketImages(self.store, PROJECT),
            store=DiffCache(self.store, PROJECT, folder),
            pool=self.pool,
            tally=DiffStats(),
            check=lambda: None,
        )
        comparison = Comparison(
            id=id_,
            baseline_reason="named",
            execution=execution,
            created=at,
            engine={**engine_of(("odiff", self.odiff)), **(engine or {})},
            policy=head.policy,
            snapshots=assemble(plan, measured, {}, lambda: learned or {}),
        )
        key = keys.result(id_, execution, keys.COMPARISON)
        self.store.write(key, comparison.encoded(), "application/json")
        entry = replace(entry_of(comparison, head), reviews=reviews, **fields)
        line = keys.index_line(PROJECT, at, build, execution)
        self.store.write(line, encode([entry]), "application/gzip")
        return entry

    def _manifest(
        self,
        build: str,
        images: Mapping[str, bytes],
        policy: Mapping[str, Any] | None,
        rules: tuple[Mapping[str, Any], ...],
        own: Mapping[str, Mapping[str, Any]] | None,
        fields: Mapping[str, Any],
    ) -> BuildManifest:
        self.own[build] = own or {}
        listed = {}
        for name, body in images.items():
            self.store.write(keys.image(PROJECT, sha(body)), body, "image/png")
            given = {"policy": dict(own[name])} if own and name in own else {}
            listed[name] = {"sha256": sha(body), "width": 9, "height": 9, **given}
        body = json.dumps(
            {
                "project": PROJECT,
                "build": build,
                "commit": fields.get("commit", f"c-{build}"),
                "branch": fields.get("branch", "main"),
                "defaults": dict(policy or {}),
                "rules": list(map(dict, rules)),
                "images": listed,
            }
        ).encode()
        id_ = BuildId(PROJECT, build)
        self.store.write(keys.accepted_manifest(id_), body, "application/json")
        self.manifests[build] = parse_accepted(body, id_)
        return self.manifests[build]
