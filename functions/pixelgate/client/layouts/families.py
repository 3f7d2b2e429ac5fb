"""Files beside one another that are one snapshot: expected, actual, difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pixelgate.client.layouts.items import Item, by_folder, taken
from pixelgate.client.layouts.words import Part, Role, parts_of

# An expected picture that is the runner's golden, and lies there also when the test passes.
_GOLDENS = ("verified", "approved")


@dataclass
class Family:
    """The pictures of one snapshot in one folder."""

    bare: Item | None = None  # the one without a word
    members: list[tuple[Item, Part]] = field(default_factory=list)

    def roles(self) -> set[Role]:
        """Returns the roles that its pictures have."""
        return {part.role for _, part in self.members}

    def is_one(self) -> bool:
        """Whether the words are roles, and not parts of the snapshots' own names."""
        strong = [part.role for _, part in self.members if part.strong]
        if self.bare is not None:
            return bool(strong)
        if not strong:
            return len(self.roles()) == len(Role)
        return len(self.roles()) > 1


def leave_families(items: Sequence[Item], *, expected: bool) -> None:
    """Leaves out the pictures of a comparison that lie beside their snapshot.

    Where a runner leaves the actual picture of every test, and nothing else, these are the
    snapshots; or the expected ones, if those are wanted.
    """
    families = find_families(taken(items))
    if not families:
        return
    always = _kept_always(families, taken(items))
    for family in families:
        kept = _kept(family, Role.EXPECTED if expected else Role.ACTUAL) if always else None
        goldens = [i for i, part in family.members if part.role is Role.EXPECTED and _golden(i)]
        kept = kept or family.bare or next(iter(goldens), None)
        for item, part in family.members:
            if item is not kept:
                item.leave(_REASONS[part.role], failure=True)


_REASONS = {
    Role.EXPECTED: "the picture that a runner expected, beside what it got",
    Role.ACTUAL: "the picture of a failure, beside the one that was expected",
    Role.DIFF: "a difference that a runner drew",
}


def find_families(items: Iterable[Item]) -> list[Family]:
    """Returns the groups of files that are pictures of one snapshot."""
    found = []
    for group in by_folder(items).values():
        bare = {item.stem: item for item in group}
        families: Mapping[str, Family] = defaultdict(Family)
        for item in group:
            for part in parts_of(item.stem):
                families[part.of].members.append((item, part))
        for of, family in families.items():
            family.bare = bare.get(of)
            if family.is_one():
                found.append(family)
    return found


def _kept_always(families: Sequence[Family], items: Sequence[Item]) -> bool:
    """Whether a runner leaves its pictures also of tests that pass: mostly without differences."""
    members = {id(item) for family in families for item, _ in family.members}
    if any(family.bare for family in families) or any(id(item) not in members for item in items):
        return False
    passed = [f for f in families if f.roles() == {Role.ACTUAL, Role.EXPECTED}]
    return 2 * len(passed) > len(families)


def _kept(family: Family, role: Role) -> Item | None:
    return next((item for item, part in family.members if part.role is role), None)


def _golden(item: Item) -> bool:
    return item.stem.lower().endswith(_GOLDENS)
