"""Reads past results for a replay: what is stored of them, what only their images can tell, costs.

    find → results of the index → Reading: pieces, each with its policy then and under the rule
    plan → of these, what must be measured again and which pictures a report shows → Plan: its price

`replay_pairs` carries a plan out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from pixelgate import __version__
from pixelgate.client.config import Config
from pixelgate.client.counted import CountedBucket, dollars
from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, Snapshot, Status
from pixelgate.domain.cost import Usage
from pixelgate.domain.history import Entry, Shot
from pixelgate.domain.keys import COMPARISON
from pixelgate.domain.manifest_schema import PolicyOverrides, in_words
from pixelgate.domain.policy import ALGORITHM, Noise, Policy
from pixelgate.domain.policy_rules import Policies
from pixelgate.domain.verdict import known
from pixelgate.errors import BadManifest, NotFound, UsageError
from pixelgate.past.life import ruling
from pixelgate.past.model import Past
from pixelgate.past.replay import PICTURED_ANSWERS, Piece, Source, in_order, replayed
from pixelgate.pipeline.diffing.plan import Pair
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import SILENT, Bucket, Progress
from pixelgate.report import comparison_of

_THREADS = 8
# What is compared under a policy; of the others a rule says nothing.
_COMPARED = frozenset({Status.CHANGED, Status.UNCHANGED, Status.ERRORED})
# The size of a result before it is read, in bytes: of a snapshot, and of one that was compared.
_BYTES_OF_SNAPSHOT, _BYTES_OF_COMPARED = 350, 4_000
# The size of a mask, before it is read: some are larger, most are much smaller.
_BYTES_OF_MASK = 30_000


@dataclass(frozen=True)
class Rule:
    """The other rule: a policy file, fields that override every policy, both, or neither.

    A file takes the place of each build's own policy and rules; a snapshot's own policy, from the
    manifest, still overrides it. The fields `above` override everything, and so does `threshold`:
    the sensitive threshold, and the structural one where that is lower. Without any of them, past
    policies stay as they were, and this version's verdict is replayed.
    """

    file: Config | None = None
    above: Mapping[str, Any] = field(default_factory=dict)
    threshold: float | None = None

    def policies(self) -> Policies | None:
        """Returns the policies of the file; None without one. Raises UsageError."""
        return self.file.policies({}) if self.file else None

    def of(
        self, name: str, old: Policy, own: PolicyOverrides | None, policies: Policies | None
    ) -> Policy:
        """Returns the policy of a snapshot under this rule. Raises UsageError."""
        try:
            policy = policies.of(name, own) if policies else old
            fields = dict(self.above)
            if self.threshold is not None:
                fields["sensitive_threshold"] = self.threshold
                fields["structural_threshold"] = max(self.threshold, policy.structural_threshold)
            return policy.with_overrides(fields) if fields else policy
        except BadManifest as error:
            raise UsageError(f"under this rule, {name}: {error}") from error

    @property
    def words(self) -> str:
        """The rule for people."""
        parts = [f"the policy of {self.file.path}"] if self.file else []
        parts += [f"{name} = {_word(value)}" for name, value in self.above.items()]
        if self.threshold is not None:
            parts.append(f"threshold = {self.threshold:g}")
        return ", ".join(parts) or "the policies of then"


def _word(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Versions:
    """What decides a verdict besides the policy; `odiff` is None if it is not known."""

    odiff: str | None
    algorithm: str = str(ALGORITHM)
    pixelgate: str = __version__

    @property
    def words(self) -> str:
        """The versions for people."""
        odiff = f"odiff {self.odiff}" if self.odiff else "no odiff"
        return f"pixelgate {self.pixelgate}, algorithm {self.algorithm}, {odiff}"

    def as_json(self) -> dict[str, str | None]:
        """Returns the fields for a script."""
        return dict(vars(self))


@dataclass(frozen=True)
class Reading:
    """What was found in the results.

    Attributes:
        pieces: every difference, in the order of the index.
        results: how many results were read.
        versions: of how many results each was.
    """

    project: str
    pieces: tuple[Piece, ...]
    results: int
    versions: Mapping[Versions, int]


def with_differences(past: Past) -> list[Entry]:
    """Returns the entries whose results must be read: those in which two images differed."""
    return [entry for entry in past.entries if any(map(_is_piece, entry.shots.values()))]


def _is_piece(shot: Shot) -> bool:
    both = shot.head is not None and shot.base is not None and shot.head != shot.base
    return both and shot.status in _COMPARED


def price_of_reading(entries: Sequence[Entry], rule: Rule) -> tuple[Usage, int]:
    """Returns the requests for the results of these entries, and about how many bytes they have."""
    compared = sum(sum(map(_is_piece, entry.shots.values())) for entry in entries)
    total = sum(entry.counts.get("total", len(entry.shots)) for entry in entries)
    files = 2 if rule.file else 1
    size = files * _BYTES_OF_SNAPSHOT * total + _BYTES_OF_COMPARED * compared
    return Usage(requests={"s3.GetObject": files * len(entries)}), size


def find(
    meter: CountedBucket,
    past: Past,
    rule: Rule,
    installed: Versions,
    *,
    noise: Callable[[str, str, str], bool] = lambda name, base, head: False,
    check: Callable[[], None] = lambda: None,
    progress: Progress = SILENT,
) -> Reading:
    """Reads the results of a project's past, and finds every difference in them.

    `noise` says of a name and two images whether they are of the same input. `check` is called
    between results; it raises to stop.

    Raises:
        UsageError: the rule contradicts itself under the policy of a snapshot.
        BucketError: the bucket cannot be used.
    """
    policies = rule.policies()
    entries = with_differences(past)
    progress.begin("reading results", len(entries))
    found: dict[str, tuple[list[Piece], Versions | None]] = {}

    def read(entry: Entry) -> tuple[list[Piece], Versions | None]:
        return _Result(meter.bucket, past, entry, rule, policies, installed, noise).read()

    for entry, result in bounded_map(read, entries, _THREADS, check=check):
        progress.step()
        found[entry.build] = result
    versions = Counter(of for _, of in found.values() if of is not None)
    pieces = (piece for entry in entries for piece in found[entry.build][0])
    return Reading(past.project, tuple(pieces), sum(versions.values()), versions)


@dataclass(frozen=True)
class _Result:
    """One result that is read."""

    store: Bucket
    past: Past
    entry: Entry
    rule: Rule
    policies: Policies | None
    installed: Versions
    noise: Callable[[str, str, str], bool]

    def read(self) -> tuple[list[Piece], Versions | None]:
        """Returns the differences of the result, and which versions made it; None if it is gone."""
        entry = self.entry
        key = keys.result(entry.comparison, entry.execution, COMPARISON)
        try:
            comparison = comparison_of(_object(self.store.read(key)))
            own = self._own_policies() if self.rule.file else {}
        except NotFound as error:
            return self._all_gone(f"{error} is gone"), None
        except (UsageError, BadManifest, ValueError) as error:
            return self._all_gone(f"{key} cannot be read: {error}"), None
        versions = _versions_of(comparison)
        pieces = (
            self._piece(shot, comparison, versions, own)
            for shot in entry.shots.values()
            if _is_piece(shot)
        )
        return list(pieces), versions

    def _own_policies(self) -> dict[str, PolicyOverrides]:
        """Reads the policies that snapshots have of their own, by name."""
        key = keys.accepted_manifest(self.entry.id)
        images = _object(self.store.read(key)).get("images") or {}
        found = {}
        for name, image in images.items():
            if isinstance(image, dict) and image.get("policy"):
                try:
                    found[name] = PolicyOverrides.model_validate(image["policy"])
                except ValidationError as error:
                    raise BadManifest(f"images[{name!r}].policy: {in_words(error)}") from error
        return found

    def _all_gone(self, why: str) -> list[Piece]:
        return [
            replace(self._known(shot), gone=why)
            for shot in self.entry.shots.values()
            if _is_piece(shot)
        ]

    def _known(self, shot: Shot) -> Piece:
        """What the index alone tells."""
        base, head = str(shot.base), str(shot.head)
        return Piece(
            entry=self.entry,
            name=shot.name,
            base=base,
            head=head,
            loud=shot.status != Status.UNCHANGED,
            ruling=ruling(self.past, self.entry, shot),
            noise=self.noise(shot.name, base, head),
        )

    def _piece(
        self,
        shot: Shot,
        comparison: Comparison,
        versions: Versions,
        own: Mapping[str, PolicyOverrides],
    ) -> Piece:
        piece = self._known(shot)
        snapshot = comparison.snapshots.get(shot.name)
        if snapshot is None:
            return replace(piece, gone=f"the result of build {self.entry.build} does not list it")
        old = _policy_of(snapshot, comparison)
        errored = snapshot.measured is None
        ours = self.installed
        same = versions.odiff == ours.odiff or ours.odiff is None
        current = versions.algorithm == ours.algorithm
        return replace(
            piece,
            measured=snapshot.measured,
            old=old,
            new=self.rule.of(shot.name, old, own.get(shot.name), self.policies),
            # Another version, also of odiff, may read what this one could not.
            current=current and (not errored or (same and versions.pixelgate == ours.pixelgate)),
            same_odiff=same,
            errored=errored,
            learned=snapshot.judgement.learned if snapshot.judgement else None,
        )


def _object(body: bytes) -> dict[str, Any]:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise UsageError("it is no JSON object")
    return found


def _policy_of(snapshot: Snapshot, comparison: Comparison) -> Policy:
    """Returns the policy of a snapshot, without numbers that only older versions have."""
    if not snapshot.policy:
        return comparison.policy
    fields = known(Policy, snapshot.policy)
    if "noise" in fields:
        fields["noise"] = known(Noise, fields["noise"])
    return comparison.policy.with_overrides(fields)


def _versions_of(comparison: Comparison) -> Versions:
    engine = comparison.engine
    return Versions(
        engine.get("version"), str(engine.get("algorithm", "?")), str(engine.get("pixelgate", "?"))
    )


@dataclass(frozen=True)
class Plan:
    """What a replay has to do, and its price. Pieces are numbered as in the reading.

    Attributes:
        stored: whether each piece is loud under the rule, where what is stored tells.
        pairs: what must be measured again: each unique pair, with its policy.
        pair_of: the pair of each piece that must be measured again.
        lost: of pieces that nothing can tell, why.
        fetched: the images that are to be fetched, with their sizes in bytes.
        masks: keys of masks that the report may show.
        bytes_out: what these have, at most.
        fresh: how many pairs no earlier run has measured.
        megapixels: how much these have.
    """

    stored: Mapping[int, bool]
    pairs: Mapping[Pair, Policy]
    pair_of: Mapping[int, Pair]
    lost: Mapping[int, str]
    fetched: Mapping[str, int]
    masks: frozenset[str]
    bytes_out: int
    fresh: int
    megapixels: float

    @property
    def usage(self) -> Usage:
        """The requests for what is to be fetched."""
        number = len(self.fetched) + len(self.masks)
        return Usage(requests={"s3.GetObject": number} if number else {})

    @property
    def usd(self) -> float:
        """The price of what is to be fetched, in US dollars."""
        return dollars(self.usage, self.bytes_out)


@dataclass(frozen=True)
class Wishes:
    """How a replay is to be made.

    Attributes:
        recompute: whether every pair is measured again, though what is stored suffices.
        stored_only: whether no pair is measured.
        pictures: of how many pieces, at most, each report shows pictures; 0 for no report.
        kept: whether an earlier run has fetched an image.
        measured: whether an earlier run has measured a pair.
    """

    recompute: bool = False
    stored_only: bool = False
    pictures: int = 0
    kept: Callable[[str], bool] = lambda sha256: False
    measured: Callable[[Pair], bool] = lambda pair: False


def plan(meter: CountedBucket, reading: Reading, installed: Versions, wishes: Wishes) -> Plan:
    """Decides what is measured again, and lists the images to see which there are.

    Raises:
        BucketError: the bucket cannot be used.
    """
    pieces = reading.pieces
    stored: dict[int, bool] = {}
    lost: dict[int, str] = {}
    again: list[int] = []
    for number, piece in enumerate(pieces):
        loud = None if wishes.recompute else piece.stored()
        if loud is not None:
            stored[number] = loud
        elif piece.gone is not None:
            lost[number] = piece.gone
        elif wishes.stored_only:
            lost[number] = "only its images tell, and they were not measured again"
        else:
            again.append(number)
    shown = _pictured(pieces, stored, wishes.pictures)
    pairs, pair_of = _pairs(pieces, again, f"odiff {installed.odiff}")
    fresh = {pair for pair in pairs if not wishes.measured(pair)}
    wanted = [sha for pair in sorted(fresh) for sha in (pair.base, pair.head)]
    wanted += [sha for piece in shown for sha in (piece.base, piece.head)]
    missing = {sha for sha in wanted if not wishes.kept(sha)}
    sizes = _sizes(meter.bucket, reading.project, missing)
    for number, pair in [*pair_of.items()]:
        gone = [sha for sha in (pair.base, pair.head) if sha in missing and sha not in sizes]
        if pair in fresh and gone:
            images = " and ".join(f"image {sha[:12]}" for sha in gone)
            lost[number] = f"{images} of build {pieces[number].entry.build} is gone"
            del pair_of[number]
    kept = {*pair_of.values()}
    needed = [sha for sha in dict.fromkeys(wanted) if sha in sizes]
    lonely = {sha for pair in fresh - kept for sha in (pair.base, pair.head)}
    lonely -= {sha for pair in fresh & kept for sha in (pair.base, pair.head)}
    lonely -= {sha for piece in shown for sha in (piece.base, piece.head)}
    fetched = {sha: sizes[sha] for sha in needed if sha not in lonely}
    masks = _masks([pieces[n] for n in pair_of], shown, wishes.pictures)
    pixels = {
        pair: piece.measured.diff.total_pixels
        for n, pair in pair_of.items()
        if (piece := pieces[n]).measured is not None
    }
    return Plan(
        stored=stored,
        pairs={pair: policy for pair, policy in pairs.items() if pair in kept},
        pair_of=pair_of,
        lost=lost,
        fetched=fetched,
        masks=masks,
        bytes_out=sum(fetched.values()) + _BYTES_OF_MASK * len(masks),
        fresh=len(fresh & kept),
        megapixels=sum(pixels.get(pair, 0) for pair in fresh & kept) / 1e6,
    )


def _pairs(
    pieces: Sequence[Piece], again: Iterable[int], label: str
) -> tuple[dict[Pair, Policy], dict[int, Pair]]:
    """Returns the unique pairs of pieces, each with its policy, and the pair of each piece."""
    fingerprints: dict[Policy, str] = {}
    pairs: dict[Pair, Policy] = {}
    pair_of: dict[int, Pair] = {}
    for number in again:
        piece = pieces[number]
        if piece.new is None:
            continue  # none without its policy comes here
        if piece.new not in fingerprints:
            fingerprints[piece.new] = piece.new.fingerprint(label)
        pair = Pair(piece.base, piece.head, fingerprints[piece.new])
        pairs[pair], pair_of[number] = piece.new, pair
    return pairs, pair_of


def _pictured(pieces: Sequence[Piece], stored: Mapping[int, bool], most: int) -> list[Piece]:
    """Returns the pieces whose verdict changes by what is stored, as many as reports may show."""
    ordered = in_order(replayed(pieces[n], loud, Source.STORED) for n, loud in stored.items())
    return [
        one.piece
        for wanted in PICTURED_ANSWERS
        for one in [one for one in ordered if one.answer is wanted][:most]
    ]


def _masks(again: Iterable[Piece], shown: Iterable[Piece], most: int) -> frozenset[str]:
    """Returns the masks that a report may show; of what is measured, no answer is known yet."""
    some = [piece for piece in again if piece.loud][:most]
    found = (p.measured.mask_key for p in (*shown, *some) if p.measured)
    return frozenset(key for key in found if key)


def _sizes(store: Bucket, project: str, wanted: Iterable[str]) -> dict[str, int]:
    """Returns the sizes of those images that exist, by one listing."""
    missing = set(wanted)
    if not missing:
        return {}
    folder = keys.image(project, "")
    return {
        sha: listed.size
        for listed in store.list(folder)
        if (sha := listed.key.removeprefix(folder)) in missing
    }
