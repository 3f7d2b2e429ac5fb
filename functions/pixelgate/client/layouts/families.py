"""Files beside one another that are one snapshot: expected, actual, difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from pixelgate.client.layouts.items import Item, by_folder, taken, unsure
from pixelgate.client.layouts.words import Part, Role, parts_of

# An expected picture that is the runner's golden, and lies there also when the test passes.
_GOLDENS = ("verified", "approved")


# Pairs that are called nothing else, such as `baseline.png` and `result.png` in a test's folder.
_WHOLE_EXPECTED = frozenset({"baseline", "reference", "golden"})
_WHOLE_ACTUAL = frozenset({"result", "current", "output"})

# Strong beside `x.approved`, but no proof beside `x` alone.
_OF_PAGES = frozenset({"received"})


@dataclass
class Family:
    """The pictures of one snapshot in one folder."""

    bare: Item | None = None  # the one without a word
    members: list[tuple[Item, Part]] = field(default_factory=list)

    def roles(self) -> set[Role]:
        """Returns the roles that its pictures have."""
        return {part.role for _, part in self.members}

    def words(self) -> set[str]:
        """Returns the words that its files' names have."""
        return {part.word for _, part in self.members}

    @property
    def is_whole(self) -> bool:
        """Whether the files are called by their roles and nothing else."""
        return all(not part.of.strip("-_. ") for _, part in self.members)

    @property
    def has_one_of_each(self) -> bool:
        """Whether no two pictures are expected, nor two actual: a runner keeps one."""
        roles = [part.role for _, part in self.members if part.role is not Role.DIFF]
        return len(roles) == len(set(roles))

    @property
    def passed(self) -> bool:
        """Whether there is no difference."""
        return self.roles() == {Role.ACTUAL, Role.EXPECTED}

    def is_one(self) -> bool:
        """Whether the words are roles, and not parts of the snapshots' own names."""
        strong = [part.word for _, part in self.members if part.strong]
        if self.bare is not None:
            # `order-received` beside `order` is a page of a shop.
            return any(word not in _OF_PAGES for word in strong)
        if self.is_whole and not self.has_one_of_each:
            return False
        if not strong:
            words = {item.stem.lower() for item, _ in self.members}
            whole = bool(words & _WHOLE_EXPECTED) and bool(words & _WHOLE_ACTUAL)
            return whole or len(self.roles()) == len(Role)
        return len(self.roles()) > 1


def leave_families(items: Sequence[Item], *, expected: bool) -> None:
    """Leaves out the pictures of a comparison that lie beside their snapshot.

    Where a runner leaves the actual picture of every test, and nothing else, these are the
    snapshots; or the expected ones, if those are wanted.
    """
    families = find_families(unsure(items))
    wanted = Role.EXPECTED if expected else Role.ACTUAL
    shown = {id(family.bare) for family in families if family.bare}
    whole = [family for family in families if family.is_whole]
    others = [family for family in families if not family.is_whole]
    # Where each test has a folder, one that passed shows that all leave their pictures.
    passed = any(family.passed for family in whole)
    _leave(whole, wanted if passed else None, shown)
    _leave(others, wanted if _kept_always(others, taken(items)) else None, shown)


def _leave(families: Sequence[Family], wanted: Role | None, shown: Set[int]) -> None:
    """Leaves out all pictures of families but one: the bare one, or the one that is wanted."""
    for family in families:
        kept = _kept(family, wanted) if wanted else None
        goldens = [i for i, part in family.members if part.role is Role.EXPECTED and _golden(i)]
        kept = kept or family.bare or next(iter(goldens), None)
        for item, part in family.members:
            if item is not kept and id(item) not in shown:
                item.leave(_REASONS[part.role], failure=True)


_REASONS = {
    Role.EXPECTED: "the picture that a runner expected, beside what it got",
    Role.ACTUAL: "the picture of a failure, beside the one that was expected",
    Role.DIFF: "a difference that a runner drew",
}


def find_families(items: Iterable[Item]) -> list[Family]:
    """Returns the groups of files that are pictures of one snapshot."""
    found: list[Family] = []
    others: list[Family] = []
    for group in by_folder(items).values():
        bare = {item.stem: item for item in group}
        families: Mapping[str, Family] = defaultdict(Family)
        for item in group:
            for part in parts_of(item.stem):
                families[part.of].members.append((item, part))
        for of, family in families.items():
            family.bare = bare.get(of)
            if family.bare is None:
                family.members = [(i, part) for i, part in family.members if not part.of_story]
        sure = [family for family in families.values() if family.is_one()]
        rest = [family for family in families.values() if family not in sure]
        # Where one snapshot differed, the same words belong to others that did not.
        words = {word for family in sure for word in family.words()}
        found += sure
        found += [f for f in rest if f.passed and f.words() <= words]
        others += [f for f in rest if f.passed and not f.words() <= words and f.is_whole]
    # So do the files of a test's own folder, if all tests have such folders.
    whole = {word for family in found if family.is_whole for word in family.words()}
    return found + [f for f in others if f.words() <= whole]


def _kept_always(families: Sequence[Family], items: Sequence[Item]) -> bool:
    """Whether a runner leaves its pictures also of tests that pass: mostly without differences."""
    members = {id(item) for family in families for item, _ in family.members}
    if any(family.bare for family in families) or any(id(item) not in members for item in items):
        return False
    return 2 * sum(family.passed for family in families) > len(families)


def _kept(family: Family, role: Role) -> Item | None:
    return next((item for item, part in family.members if part.role is role), None)


def _golden(item: Item) -> bool:
    return item.stem.lower().endswith(_GOLDENS)
