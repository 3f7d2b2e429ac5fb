"""The builds of the ledger: accepted, rejected or hidden; found by commit, branch, tree, …"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import Baseline, BuildRecord, Lookup, Review
from pixelgate.errors import BuildConflict, ErrorCode
from pixelgate.storage.codec import encode
from pixelgate.storage.dynamodb_items import build_key, build_record, digest, lookup_key
from pixelgate.storage.dynamodb_table import KEPT_SECONDS, DynamoTable, Refused

# The attribute `forgotten` is the time when a build was hidden. The same manifest again is a second
# delivery; a rejected build may be uploaded again.
FRESH_BUILD = (
    "attribute_not_exists(forgotten) AND (attribute_not_exists(pk)"
    " OR attribute_not_exists(manifest_sha256) OR manifest_sha256 = :manifest_sha256)"
)
# Fields of a build that are decided after it was accepted, each by a method of its own.
LATER = frozenset({"baseline", "complete", "arrived", "lost", "review"})


class DynamoBuilds(DynamoTable):
    """The part of the ledger that stores builds."""

    def register(self, build: BuildRecord) -> BuildRecord:
        """Writes first the entries by which the build is found, then the build itself.

        The build's item decides: an entry without an accepted build is ignored.
        """
        known = self.build(build.id)
        created = known.created if known else build.created
        entry = {"pk": build.id.project, "build": build.id.build}
        self._put({**entry, "sk": f"commit/{build.commit}/{build.id.build}"})
        for topic in build.topics:
            self._put({"pk": build.id.project, "sk": f"known/{digest(topic)}"})
        for lookup in Lookup:
            if value := lookup.of(build):
                self._put({**entry, "sk": lookup_key(lookup, value, created, build.id)})
        try:
            stored = self._update(
                build_key(build.id),
                encode(build, without={"id", "created", *LATER}),
                FRESH_BUILD,
                once={"created": build.created},
                remove=("error_code", "error_message", "updated", "expires_at"),
            )
        except Refused as refused:
            if "forgotten" in refused.item:
                why = "was removed after its retention; upload it as a new build, with a new id"
            else:
                why = "was uploaded before with another manifest"
            raise BuildConflict(f"{build.id} {why}") from refused
        return build_record(build.id, stored)

    def reject(self, build: BuildId, message: str, now: float) -> None:
        """Writes the error to the build's item."""
        self._update_if(
            build_key(build),
            {
                "error_code": ErrorCode.BAD_MANIFEST,
                "error_message": message,
                "updated": now,
                "expires_at": int(now + KEPT_SECONDS),
            },
            "attribute_not_exists(manifest_sha256)",
        )

    def build(self, build: BuildId) -> BuildRecord | None:
        """Reads the build's item, which may also be that of a rejected or hidden build."""
        item = self._get(build_key(build))
        if item is None or "manifest_sha256" not in item or "forgotten" in item:
            return None
        return build_record(build, item)

    def builds_at(self, project: str, commit: str) -> list[BuildRecord]:
        """Reads the commit's entries, then the builds."""
        names = [entry["build"] for entry in self._query(project, f"commit/{commit}/")]
        builds = [b for name in names if (b := self.build(BuildId(project, name)))]
        # A refused upload with the id of another build has left an entry.
        builds = [b for b in builds if b.commit == commit]
        return sorted(builds, key=lambda b: (b.created, b.id), reverse=True)

    def builds_by(self, project: str, lookup: Lookup, value: str) -> Iterator[BuildRecord]:
        """Reads the entries, newest first, and the build of each."""
        seen = set()
        for entry in self._query(project, f"{lookup}/{digest(value)}/", newest=True):
            build = self.build(BuildId(project, entry["build"]))
            # Two first deliveries at once leave two entries of one build.
            if build and lookup.of(build) == value and build.id not in seen:
                seen.add(build.id)
                yield build

    def existing_lookup_keys(self, project: str, topics: Collection[str]) -> set[str]:
        """Requests a hundred topics at once: of 300 ancestors few have builds."""
        keys = {f"known/{digest(topic)}": topic for topic in topics}
        return {keys[sk] for sk in self._existing(project, list(keys))}

    def mark_images_valid(self, build: BuildId) -> None:
        """Sets `complete` and `arrived`."""
        self._mark(build, "complete", "arrived", remove="lost")

    def mark_images_present(self, build: BuildId) -> None:
        """Sets `arrived`."""
        self._mark(build, "arrived", remove="lost")

    def mark_images_missing(self, build: BuildId) -> None:
        """Sets `lost`."""
        self._mark(build, "lost")

    def _mark(self, build: BuildId, *fields: str, remove: str = "") -> None:
        self._update(
            build_key(build),
            dict.fromkeys(fields, True),
            "attribute_exists(pk)",
            remove=[remove] if remove else [],
        )

    def hide(self, build: BuildId, now: float) -> bool:
        """Sets `forgotten`; the entries that find the build stay until it is deleted."""
        hidden = self._update_if(
            build_key(build),
            {},
            "attribute_exists(manifest_sha256) AND "
            "(attribute_not_exists(review) OR review <> :approved)",
            {"approved": Review.APPROVED},
            once={"forgotten": now},
        )
        return hidden is not None

    def hidden_since(self, build: BuildId) -> float | None:
        """Reads `forgotten`."""
        item = self._get(build_key(build))
        return float(item["forgotten"]) if item and "forgotten" in item else None

    def delete_build(self, build: BuildId) -> None:
        """Deletes the entries that find the build, then its item."""
        item = self._get(build_key(build))
        if item is None or "forgotten" not in item:
            return
        record = build_record(build, item)
        entries = [
            lookup_key(lookup, value, record.created, build)
            for lookup in Lookup
            if (value := lookup.of(record))
        ]
        for sk in (f"commit/{record.commit}/{build.build}", *entries):
            self._delete({"pk": build.project, "sk": sk})
        self._delete(build_key(build))

    def choose_baseline(self, build: BuildId, baseline: Baseline) -> Baseline:
        """Sets the baseline once; the second caller gets the first one's."""
        try:
            self._update(
                build_key(build),
                {
                    "baseline": baseline.build,
                    "baseline_reason": baseline.reason,
                    "baseline_choice": encode(baseline.choice),
                },
                "attribute_exists(pk) AND attribute_not_exists(baseline)",
            )
        except Refused:
            stored = self.build(build)
            if stored is None or stored.baseline is None:
                raise
            return stored.baseline
        return baseline
