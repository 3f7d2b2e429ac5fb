"""Compares what one test took with its part of the baseline, by the steps of `compare`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelgate.domain.matching import Kind, match
from pixelgate.domain.policy import Policy
from pixelgate.domain.policy_rules import Policies
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.domain.manifest_schema import PolicyOverrides
    from pixelgate.engine.pool import SharedDiffers

# A status of comparison.json, and what is to be said about it.
Outcome = tuple[str, str]

INSTALL = "to compare, install pixelgate[compare]"


class OwnPolicies(Policies):
    """The policies of pixelgate.toml, and above them those that screenshots were taken with."""

    def __init__(self, policies: Policies, own: Mapping[str, PolicyOverrides]) -> None:
        self.default = policies.default
        self._policies = policies
        self._own = own

    def of(self, name: str, own: PolicyOverrides | None = None) -> Policy:
        """Returns the policy of one screenshot."""
        return self._policies.of(name, self._own.get(name, own))


class Judge:
    """Compares files; it starts odiff when two images differ for the first time."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._pool: tuple[SharedDiffers, str] | None = None

    def judge(
        self, base: Mapping[str, Path], head: Mapping[str, Path], policies: Policies
    ) -> dict[str, Outcome]:
        """Returns the status of each name, and its reason or measure.

        Equal bytes are unchanged, so for them nothing has to be installed.
        """
        matches = match(_hashes(head), _hashes(base))
        differing = {m.name: m.previous_name or m.name for m in matches if m.kind is Kind.DIFFERING}
        outcomes: dict[str, Outcome] = {
            m.name: (m.kind.value, f"was {m.previous_name}" if m.kind is Kind.RENAMED else "")
            for m in matches
            if m.kind is not Kind.DIFFERING
        }
        if differing:
            try:
                outcomes |= self._diff(
                    {name: base[old] for name, old in differing.items()},
                    {name: head[name] for name in differing},
                    policies,
                )
            except (ImportError, UsageError) as error:
                words = f"not compared: {error}; {INSTALL}"
                outcomes |= dict.fromkeys(differing, ("errored", words))
        return outcomes

    def _diff(
        self, base_files: Mapping[str, Path], head_files: Mapping[str, Path], policies: Policies
    ) -> dict[str, Outcome]:
        from pixelgate.client.compare_folders import scan
        from pixelgate.client.result import Result
        from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
        from pixelgate.pipeline.diffing.plan import assemble, make_plan
        from pixelgate.ports import SILENT
        from pixelgate.storage.folder import FolderBucket, FolderImages

        pool, engine = self._start()
        base = scan("base", base_files, policies, SILENT)
        head = scan("head", head_files, policies, SILENT)
        plan = make_plan(head.manifest, base.manifest, engine)
        measured = diff_pairs(
            plan.pairs,
            images=FolderImages({**base.paths, **head.paths}),
            store=DiffCache(FolderBucket(Path()), None, None),  # it stores nothing
            pool=pool,
            tally=DiffStats(),
            check=lambda: None,
        )
        in_words = Result({}).in_words
        entries: dict[str, dict[str, Any]] = {
            name: snapshot.as_json() for name, snapshot in assemble(plan, measured, {}).items()
        }
        return {name: (str(e["status"]), in_words(e)) for name, e in entries.items()}

    def _start(self) -> tuple[SharedDiffers, str]:
        if self._pool is None:
            from pixelgate.bootstrap import find_engine, max_megapixels, open_pool

            engine = find_engine()
            try:
                most = max_megapixels()
            except ValueError as error:
                raise UsageError(f"PIXELGATE_MAX_MEGAPIXELS: {error}") from error
            # One process of odiff: xdist makes as many processes as the machine can use.
            pool = self._open.enter_context(open_pool(engine, 1, most))
            self._pool = pool, " ".join(engine.label)
        return self._pool

    def close(self) -> None:
        """Ends odiff."""
        self._open.close()


def _hashes(files: Mapping[str, Path]) -> dict[str, str]:
    try:
        return {n: hashlib.sha256(path.read_bytes()).hexdigest() for n, path in files.items()}
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
