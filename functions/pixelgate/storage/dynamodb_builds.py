"""The builds of the ledger: accepted or rejected, found by commit, branch, tree, pull request."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import Baseline, BuildRecord, Lookup, Review
from pixelgate.errors import BuildConflict, ErrorCode
from pixelgate.storage.codec import encode
from pixelgate.storage.dynamodb_items import (
    assignment,
    build_key,
    build_record,
    digest,
    lookup_key,
    to_item,
)
from pixelgate.storage.dynamodb_table import KEPT_SECONDS, DynamoTable, Refused

# The same manifest again is a second delivery; a rejected build may be uploaded anew.
FRESH_BUILD = (
    "attribute_not_exists(forgotten) AND (attribute_not_exists(pk)"
    " OR attribute_not_exists(manifest_sha256) OR manifest_sha256 = :manifest_sha256)"
)
# Fields of a build that are decided after it was accepted, each by a method of its own.
LATER = frozenset({"baseline", "complete", "arrived", "lost", "review"})
REMOVED = "was removed after its retention; upload it as a new build, with an id of its own"


class DynamoBuilds(DynamoTable):
    """What the ledger knows of builds."""

    def register(self, build: BuildRecord) -> BuildRecord:
        """Accepts a build: first the entries that find it, then the build, whose item decides."""
        known = self.build(build.id)
        created = known.created if known else build.created
        entry = {"pk": build.id.project, "build": build.id.build}
        self._put({**entry, "sk": f"commit/{build.commit}/{build.id.build}"})
        for topic in build.topics:
            self._put({"pk": build.id.project, "sk": f"known/{digest(topic)}"})
        for lookup in Lookup:
            if value := lookup.of(build):
                self._put({**entry, "sk": lookup_key(lookup, value, created, build.id)})
        fields = encode(build, without={"id", "created", *LATER})
        update, values, names = assignment(fields)
        try:
            stored = self._update(
                build_key(build.id),
                f"{update}, created = if_not_exists(created, :created) "
                "REMOVE error_code, error_message, updated, expires_at",
                FRESH_BUILD,
                {":created": build.created, **values},
                names,
            )
        except Refused as refused:
            why = "was uploaded before with another manifest"
            raise BuildConflict(
                f"{build.id} {REMOVED if 'forgotten' in refused.item else why}"
            ) from refused
        return build_record(build.id, stored)

    def reject(self, build: BuildId, message: str, now: float) -> None:
        """Records a wrong manifest on the build's item, unless a right one is there."""
        try:
            self._update(
                build_key(build),
                "SET error_code = :code, error_message = :message, updated = :now, "
                "expires_at = :expires_at",
                "attribute_not_exists(manifest_sha256)",
                {
                    ":code": ErrorCode.BAD_MANIFEST,
                    ":message": message,
                    ":now": now,
                    ":expires_at": int(now + KEPT_SECONDS),
                },
            )
        except Refused:
            return

    def build(self, build: BuildId) -> BuildRecord | None:
        """The accepted build of that id."""
        item = self._get(build_key(build))
        if item is None or "manifest_sha256" not in item or "forgotten" in item:
            return None
        return build_record(build, item)

    def builds_at(self, project: str, commit: str) -> list[BuildRecord]:
        """The accepted builds of a commit, newest first."""
        names = [entry["build"] for entry in self._entries(project, f"commit/{commit}/")]
        found = [b for name in names if (b := self.build(BuildId(project, name)))]
        # An entry is written before its build is decided; one that was refused leaves its entry.
        found = [b for b in found if b.commit == commit]
        return sorted(found, key=lambda b: (b.created, b.id), reverse=True)

    def builds_by(self, project: str, lookup: Lookup, value: str) -> Iterator[BuildRecord]:
        """The accepted builds with that value, newest first."""
        seen = set()
        for entry in self._entries(project, f"{lookup}/{digest(value)}/", newest=True):
            build = self.build(BuildId(project, entry["build"]))
            # Two first deliveries at once leave two entries of one build.
            if build and lookup.of(build) == value and build.id not in seen:
                seen.add(build.id)
                yield build

    def existing_lookup_keys(self, project: str, topics: Collection[str]) -> set[str]:
        """Asks for a hundred topics at once: of 300 ancestors few have builds."""
        keys = {f"known/{digest(topic)}": topic for topic in topics}
        return {keys[sk] for sk in self._there(project, list(keys))}

    def mark_images_valid(self, build: BuildId) -> None:
        """Notes that its images are all there, and whole."""
        self._update(
            build_key(build),
            "SET complete = :true, arrived = :true REMOVE lost",
            "attribute_exists(pk)",
            {":true": True},
        )

    def mark_images_present(self, build: BuildId) -> None:
        """Notes that its images are all there."""
        self._update(
            build_key(build),
            "SET arrived = :true REMOVE lost",
            "attribute_exists(pk)",
            {":true": True},
        )

    def mark_images_missing(self, build: BuildId) -> None:
        """Notes that images of it are missing."""
        self._update(build_key(build), "SET lost = :true", "attribute_exists(pk)", {":true": True})

    def hide(self, build: BuildId, now: float) -> bool:
        """Marks the build's item: whatever leads to it leads nowhere then."""
        try:
            self._update(
                build_key(build),
                "SET forgotten = if_not_exists(forgotten, :now)",
                "attribute_exists(manifest_sha256) AND "
                "(attribute_not_exists(review) OR review <> :approved)",
                {":now": now, ":approved": Review.APPROVED},
            )
        except Refused:
            return False
        return True

    def hidden_since(self, build: BuildId) -> float | None:
        """When the item was marked."""
        item = self._get(build_key(build))
        return float(item["forgotten"]) if item and "forgotten" in item else None

    def delete_build(self, build: BuildId) -> None:
        """Deletes the entries that lead to it, then the item."""
        item = self._get(build_key(build))
        if item is None or "forgotten" not in item:
            return
        record = build_record(build, item)
        leads = [
            lookup_key(lookup, value, record.created, build)
            for lookup in Lookup
            if (value := lookup.of(record))
        ]
        for sk in (f"commit/{record.commit}/{build.build}", *leads):
            self._delete({"pk": build.project, "sk": sk})
        self._delete(build_key(build))

    def _delete(self, key: Mapping[str, str]) -> None:
        self._client.delete_item(TableName=self._table, Key=to_item(key))

    def choose_baseline(self, build: BuildId, baseline: Baseline) -> Baseline:
        """Decides the baseline once; who comes second gets the first one's decision."""
        try:
            self._update(
                build_key(build),
                "SET baseline = :build, baseline_reason = :reason, baseline_choice = :choice",
                "attribute_exists(pk) AND attribute_not_exists(baseline)",
                {
                    ":build": baseline.build,
                    ":reason": baseline.reason,
                    ":choice": encode(baseline.choice),
                },
            )
        except Refused:
            stored = self.build(build)
            if stored is None or stored.baseline is None:
                raise
            return stored.baseline
        return baseline
