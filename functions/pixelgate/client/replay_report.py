"""Writes the reports of a replay: one of what would be quiet, one of what would be loud.

What would be quiet is shown as it was judged then, with the mask of then; what would be loud as the
other rule judges it. Both are usual reports.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pixelgate.client.replay import Reading, Versions
from pixelgate.client.replay_pairs import Kept, KeptImages, Results
from pixelgate.client.report_folder import check_ours, replacing
from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, Measured, Snapshot, Status, engine_of
from pixelgate.domain.keys import COMPARISON, REPORT, ComparisonId
from pixelgate.domain.policy import Policy
from pixelgate.errors import ImageFault, NotFound, UsageError
from pixelgate.past.replay import PICTURED_ANSWERS, Answer, Piece, Replayed
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.diffing.plan import Pair
from pixelgate.pipeline.diffing.thumbnails import draw_thumbnails
from pixelgate.ports import Bucket, DifferPool, Thumbnailer
from pixelgate.report import render
from pixelgate.storage.folder import FolderBucket

# What a replay writes into its folder.
KEPT = "kept"
FOLDERS = {Answer.NEWLY_QUIET: "newly-quiet", Answer.NEWLY_LOUD: "newly-loud"}
_PICTURES = "diffs/local/"
_LOCAL = "local"
_THEN = "as judged then"
_ADVICE = {
    Answer.NEWLY_QUIET: "These needed a review. Under the other rule they would pass. They are "
    "shown as they were judged then; a tag says what people decided.",
    Answer.NEWLY_LOUD: "These passed. Under the other rule they would need a review, as which they "
    "are shown here.",
}


def check_folder(out: Path) -> None:
    """Checks that a folder holds nothing but what a replay wrote, if it is there. UsageError."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file; the reports need a folder")
    if not out.is_dir():
        return
    ours = {KEPT, *FOLDERS.values()}
    foreign = sorted(entry.name for entry in out.iterdir() if entry.name not in ours)
    if foreign:
        raise UsageError(
            f"--out {out} contains {foreign[0]!r}, which no replay wrote; choose another folder"
        )
    for name in FOLDERS.values():
        if (out / name).is_dir():
            check_ours(out / name)


@dataclass(frozen=True)
class Studio:
    """What the reports are made with.

    `pool` and `thumbnail` are None where the engine is not installed; then stored masks are shown,
    and no thumbnails.
    """

    store: Bucket
    kept: Kept
    images: KeptImages
    installed: Versions
    rule: str
    pool: DifferPool | None = None
    thumbnail: Thumbnailer | None = None


def write_reports(
    studio: Studio,
    reading: Reading,
    found: Sequence[Replayed],
    results: Results,
    pair_of: Mapping[int, Pair],
    out: Path,
    most: int,
) -> dict[Answer, Path]:
    """Writes a report of each answer that has pieces; returns their pages.

    A report of an earlier run whose answer has no pieces now is removed. `found` are in the order
    in which they should be looked at; the first `most` of each answer are shown.

    Raises:
        UsageError: the folder holds something else.
        OSError: the folder cannot be written.
    """
    check_folder(out)
    numbers = {id(piece): number for number, piece in enumerate(reading.pieces)}
    pages = {}
    for answer in PICTURED_ANSWERS:
        some = [one for one in found if one.answer is answer]
        folder = out / FOLDERS[answer]
        if not some:
            _remove(folder)
            continue
        known = {}
        for one in some[:most]:
            number = numbers[id(one.piece)]
            pair = pair_of.get(number)
            known[_name(one.piece)] = one, results.get(pair) if pair else None
        writer = _Writer(studio, answer, known, len(some))
        writer.write(folder)
        pages[answer] = folder / REPORT
    return pages


def _remove(folder: Path) -> None:
    if folder.is_dir():
        check_ours(folder)
        shutil.rmtree(folder)


def _name(piece: Piece) -> str:
    return f"{piece.entry.build}/{piece.name}"


@dataclass(frozen=True)
class _Writer:
    studio: Studio
    answer: Answer
    known: dict[str, tuple[Replayed, Measured | ImageFault | None]]
    total: int

    def write(self, folder: Path) -> None:
        with replacing(folder) as staging:
            objects = FolderBucket(staging)
            copied = _copied(
                self.studio.images, (one.piece for one, _ in self.known.values()), objects
            )
            policies = {name: self._policy(one.piece) for name, (one, _) in self.known.items()}
            usual = Counter(policies.values()).most_common(1)[0][0]
            snapshots = {
                name: self._snapshot(one, new, policies[name], usual, objects)
                for name, (one, new) in sorted(self.known.items())
            }
            if self.studio.thumbnail is not None:
                snapshots = draw_thumbnails(
                    snapshots,
                    folder=_PICTURES,
                    objects=objects,
                    images=self.studio.images,
                    thumbnail=self.studio.thumbnail,
                )
            comparison = Comparison(
                id=ComparisonId(self.studio.kept.project, str(self.answer), _THEN),
                baseline_reason=f"replayed under {self.studio.rule}",
                execution=uuid.uuid4().hex,
                created=iso(time.time()),
                engine=self._engine(),
                policy=usual,
                warnings=(_ADVICE[self.answer], *self._left_out()),
                snapshots=snapshots,
            )
            objects.write(COMPARISON, comparison.encoded(), "application/json")
            page = render(comparison, copied.get, REPORT, local=True)
            objects.write(REPORT, page, "text/html; charset=utf-8")

    def _left_out(self) -> list[str]:
        more = self.total - len(self.known)
        return [f"{more:,} more are not shown; --pictures shows more"] if more else []

    def _engine(self) -> dict[str, str]:
        ours = self.studio.installed
        return engine_of(("odiff", ours.odiff or "unknown"))

    def _policy(self, piece: Piece) -> Policy:
        shown = piece.old if self.answer is Answer.NEWLY_QUIET else piece.new
        return shown or Policy()

    def _snapshot(
        self,
        one: Replayed,
        new: Measured | ImageFault | None,
        policy: Policy,
        usual: Policy,
        objects: FolderBucket,
    ) -> Snapshot:
        piece = one.piece
        known = Snapshot(
            status=Status.CHANGED,
            head_sha256=piece.head,
            base_sha256=piece.base,
            policy=policy.differences(usual),
            details=_details(one),
        )
        if self.answer is Answer.NEWLY_LOUD:
            new = self._as_now(piece) if new is None else new
            if isinstance(new, ImageFault):
                return replace(known, status=Status.ERRORED, reason=new.reason)
            shown, source = new, self.studio.kept.objects if new is not piece.measured else None
        else:
            shown, source = piece.measured, None
        if shown is None:
            return replace(known, status=Status.ERRORED, reason="could not be compared then")
        diff = shown.diff
        mask = self._mask(shown, source or self.studio.store, objects)
        return replace(
            known,
            measured=Measured(diff, mask),
            judgement=diff.judge(policy, piece.learned),
            head_size=diff.head_size,
            base_size=diff.base_size,
        )

    def _as_now(self, piece: Piece) -> Measured | ImageFault | None:
        """Measures what the stored measurements told, so that the report has the new mask."""
        if self.studio.pool is None or piece.new is None:
            return piece.measured
        label = f"odiff {self.studio.installed.odiff}"
        pair = Pair(piece.base, piece.head, piece.new.fingerprint(label))
        cache = self.studio.kept.cache
        if (stored := cache.load(pair)) is not None:
            return stored
        try:
            base, head = self.studio.images.read(pair.base), self.studio.images.read(pair.head)
            return cache.save(pair, self.studio.pool.diff(base, head, piece.new, lambda: True))
        except ImageFault:
            return piece.measured

    def _mask(self, shown: Measured, source: Bucket, objects: FolderBucket) -> str | None:
        """Copies a mask to the report; returns its key there, None if it is gone."""
        if shown.mask_key is None:
            return None
        try:
            body = source.read(shown.mask_key)
        except NotFound:
            return None
        ours = f"{_PICTURES}masks/{uuid.uuid5(uuid.NAMESPACE_URL, shown.mask_key).hex}.png"
        objects.write(ours, body, "image/png")
        return ours


def _details(one: Replayed) -> dict[str, object]:
    piece, entry, given = one.piece, one.piece.entry, one.piece.ruling.given
    tags = [str(piece.decided), *(["same input"] if piece.noise else [])]
    told = {
        "build": entry.build,
        "commit": entry.commit,
        "branch": entry.branch,
        "pull request": entry.pull_request,
        "compared": entry.at,
        "judged from": str(one.source),
        "decided": str(piece.ruling.how),
        "by": piece.ruling.by,
        "on": given.at if given else None,
        "reason": piece.ruling.why,
    }
    return {
        "display_name": f"{piece.name} · {entry.build}",
        "tags": tags,
        "context": {name: value for name, value in told.items() if value},
    }


def _copied(images: KeptImages, pieces: Iterable[Piece], objects: FolderBucket) -> dict[str, str]:
    """Copies images into a report; returns a map from their hashes to their keys there."""
    copied = {}
    for sha in dict.fromkeys(sha for piece in pieces for sha in (piece.base, piece.head)):
        with suppress(ImageFault):  # the page says that it is missing
            objects.write(keys.image(_LOCAL, sha), images.read(sha), "application/octet-stream")
            copied[sha] = keys.image(_LOCAL, sha)
    return copied
