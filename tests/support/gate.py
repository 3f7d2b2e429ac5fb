"""A repository, its CI and its reviewers at random, and what a gate may let through.

Of every picture the model remembers whether a person approved it or a baseline branch holds it. It
knows nothing of how a base is found. A picture is a number; two that differ by one are the same
within the thresholds, as two renderings of one page are.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.comparison import Diff
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.domain.policy import Policy
from pixelgate.errors import HeldByOther, NotFound
from pixelgate.pipeline.review.apply import CarriedOut
from support.images import MASK
from support.reviews import Reviewed
from support.world import GONE, LOST, PROJECT, ScriptedDiffers, World

NAMES = ("a.png", "b.png", "c.png")
TRUNK = "main"  # the only baseline branch
RELEASES = "release/"  # how the names of branches begin that live beside it
Pictures = Mapping[str, int]


class Broken(AssertionError):
    """A build passed that shows what nobody has approved."""


class Differs(ScriptedDiffers):
    """Numbers that differ by more than one are changed pictures."""

    def diff(self, base: bytes, head: bytes, policy: Policy, *about: Any) -> Diff:
        self.inspect(base), self.inspect(head)
        near = abs(int(base) - int(head)) <= 1
        counts = () if near else (GONE,)
        areas = () if near else (LOST,)
        return Diff(1, len(counts), 10, (10, 1), (10, 1), counts, MASK, areas=areas)


@dataclass(frozen=True, eq=False)
class Commit:
    """One commit: its files are what its pictures are made of.

    Attributes:
        id: its hash.
        pictures: what its pages look like.
        parents: the nearest ancestor first, down to the root.
        landed: number of the pull request that it was when it was merged.
    """

    id: str
    pictures: Pictures
    parents: tuple[Commit, ...] = ()
    landed: int | None = None

    @property
    def tree(self) -> str:
        return f"tree-{'-'.join(f'{n}{p}' for n, p in sorted(self.pictures.items()))}"


@dataclass
class Branch:
    """A branch, and its pull request."""

    name: str
    onto: str
    tip: Commit
    number: int | None


@dataclass(frozen=True)
class Built:
    """What CI has uploaded."""

    name: str
    commit: Commit
    branch: str
    number: int | None
    pictures: Mapping[str, bytes]
    part: bool = False

    @property
    def is_forks(self) -> bool:
        return self.name.startswith("fork.")


@dataclass
class Town:
    """Everything that happens in one repository.

    Attributes:
        chance: decides what happens.
        vetted: pictures that a person approved or that a baseline branch holds, by name.
        rejected: builds of which something is rejected.
        approved: names that a person approved, by build.
        builds: every upload, by its id.
        story: what happened, in words.
        passed: how many builds passed against a base.
        kinds: how bases were found.
        carried: how approvals were carried over, in a pull request or by the branch.
        sent: uploads, and what else their manifests said.
    """

    chance: random.Random
    vetted: dict[str, set[bytes]] = field(default_factory=lambda: {name: set() for name in NAMES})
    rejected: set[str] = field(default_factory=set)
    approved: dict[str, set[str]] = field(default_factory=dict)
    builds: dict[str, Built] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)
    passed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    carried: Counter[str] = field(default_factory=Counter)
    sent: list[tuple[Built, Mapping[str, Any]]] = field(default_factory=list)
    _judged: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        world = World(differs=Differs(), render=lambda *about: b"a page")
        self.reviewed = Reviewed(world)
        self.world = world
        self._count: Iterator[int] = itertools.count(1)
        root = Commit("c0", dict.fromkeys(NAMES, 100))
        self.branches = {TRUNK: Branch(TRUNK, TRUNK, root, None)}
        if self.chance.random() < 0.7:
            self.upload(self.branches[TRUNK])

    def live(self, steps: int) -> None:
        """So many things happen. Raises Broken."""
        ways = [
            (self.commit, 5), (self.begin, 3), (self.build, 9), (self.again, 3), (self.review, 7),
            (self.land, 2), (self.release, 3), (self.time_passes, 1),
        ]  # fmt: skip
        deeds = [deed for deed, weight in ways for _ in range(weight)]
        try:
            for _ in range(steps):
                self.chance.choice(deeds)()
        except Broken as error:
            error.add_note("\n".join(self.story))
            raise

    # --- what developers do ---

    def commit(self) -> None:
        """A change that shows, one that hardly shows, or one that is taken back."""
        branch = self._branch()
        name = self.chance.choice(NAMES)
        pictures = dict(branch.tip.pictures)
        step = self.chance.choice([10, 10, 1, 1, -1, -10, 0])
        if step == 0 and len(pictures) > 1:
            pictures.pop(name, None)
        else:
            pictures[name] = pictures.get(name, 100) + step
        self._commit(branch, pictures)

    def begin(self) -> None:
        """A branch, on the trunk or stacked on another one."""
        onto = self._branch()
        number = next(self._count)
        name = f"f{number}"
        self.branches[name] = Branch(name, onto.name, onto.tip, number)
        self.story.append(f"branch {name} from {onto.name} at {onto.tip.id}")

    def release(self) -> None:
        """A branch that is no baseline branch and of no pull request."""
        onto = self._branch()
        name = f"{RELEASES}{next(self._count)}"
        self.branches[name] = Branch(name, onto.name, onto.tip, None)
        self.story.append(f"branch {name} from {onto.name} at {onto.tip.id}")

    def land(self) -> None:
        """A pull request is squashed, rebased onto what is there now, or merged."""
        branch = self._branch()
        if branch.number is None or branch.name == TRUNK:
            return
        trunk = self.branches[self.chance.choice([TRUNK, TRUNK, branch.onto])]
        pictures = {**trunk.tip.pictures, **branch.tip.pictures}
        if self.chance.random() < 0.7:
            pictures = dict(branch.tip.pictures)  # the trunk has not moved
        merged = self.chance.random() < 0.2
        also = (branch.tip, *branch.tip.parents) if merged else ()
        self._commit(trunk, pictures, branch.number, also)
        self.story[-1] += f", pull request #{branch.number} {'merged' if merged else 'squashed'}"

    def _commit(
        self,
        branch: Branch,
        pictures: Pictures,
        landed: int | None = None,
        also: tuple[Commit, ...] = (),
    ) -> None:
        parents = tuple(dict.fromkeys((branch.tip, *also, *branch.tip.parents)))
        branch.tip = Commit(f"c{next(self._count)}", pictures, parents, landed)
        self.story.append(f"commit {branch.tip.id} on {branch.name}: {dict(pictures)}")

    def _branch(self) -> Branch:
        return self.chance.choice([*[*self.branches.values()][-6:], self.branches[TRUNK]])

    # --- what CI does ---

    def build(self) -> None:
        self.upload(self._branch())

    def again(self) -> None:
        """A job runs once more: what it draws may have changed, most often it has not."""
        earlier = [(b, said) for b, said in self.sent if b.branch != TRUNK][-6:]
        if not earlier:
            return
        built, fields = self.chance.choice(earlier)
        pictures = dict(built.pictures)
        if self.chance.random() < 0.3:
            name = self.chance.choice(sorted(pictures))
            pictures[name] = b"%d" % self.chance.choice([100, 110, 120, 130])
        fork = "fork." if built.is_forks else ""
        once_more = replace(built, name=f"{fork}b{next(self._count)}", pictures=pictures)
        self.story.append(f"upload {once_more.name}: {built.name} again, {_words(pictures)}")
        self._take(once_more, fields)

    def upload(self, branch: Branch) -> None:
        """One upload in one of the ways that there are."""
        commit = self.chance.choice([branch.tip] * 6 + [*branch.tip.parents[:1]])
        fork = branch.name != TRUNK and self.chance.random() < 0.15
        name = f"{'fork.' if fork else ''}b{next(self._count)}"
        pictures = {n: b"%d" % self._rendered(p) for n, p in commit.pictures.items()}
        if branch.name != TRUNK and self.chance.random() < 0.15:
            pictures[self.chance.choice(NAMES)] = b"garbage %d" % next(self._count)
        fields: dict[str, Any] = {
            "commit": commit.id, "tree": commit.tree, "branch": branch.name,
            "pull_request": branch.number, **self._where(branch, commit),
        }  # fmt: skip
        part = self.chance.random() < 0.08
        if part:
            dropped = self.chance.choice(sorted(pictures))
            fields["selective"] = True
            pictures = {n: p for n, p in pictures.items() if n != dropped} or pictures
        said = {k: v for k, v in fields.items() if k not in {"landed", "tree"}}
        self.story.append(f"upload {name}: {_words(pictures)} {said}")
        self._take(Built(name, commit, branch.name, branch.number, pictures, part), fields)

    def _take(self, built: Built, fields: Mapping[str, Any]) -> None:
        self.builds[built.name] = built
        if built.branch == TRUNK:
            self._vet(built.pictures)
        self._send(built, fields)
        self.sent.append((built, fields))
        self._judge()

    def _rendered(self, page: int) -> int:
        return page + (self.chance.random() < 0.1)

    def _where(self, branch: Branch, commit: Commit) -> dict[str, Any]:
        """What a manifest says of its base; some of it wrong, as people say it."""
        onto = branch.onto if self.chance.random() < 0.8 else self.chance.choice([*self.branches])
        target = self.branches[onto]
        there = {target.tip, *target.tip.parents}
        base = next((c for c in commit.parents if c in there), None)
        way = self.chance.choice(["git"] * 6 + ["named", "commit", "ancestors", "own", "shallow"])
        if way == "named" and self.builds:
            return {"base_build": self.chance.choice([*self.builds][-8:])}
        if way == "commit" and commit.parents:
            base = self.chance.choice(commit.parents[:3])
        if way == "own":
            base = commit  # `--base-branch` names the branch itself, say
        if way == "ancestors" or branch.name == TRUNK:
            base = None
        ancestors = (base or commit).parents
        own = [*itertools.takewhile(lambda c: c not in there, commit.parents)]
        told = [c for c in (base, *ancestors, *own) if c]
        if way == "shallow":
            ancestors, own = (), []
        pushed = branch.name.startswith(RELEASES) and branch.number is None
        return {
            **({"branch_commits": [c.id for c in own]} if pushed else {}),
            "base_commit": base.id if base else None,
            "ancestors": [c.id for c in ancestors],
            "base_branch": onto,
            "landed": {
                c.id: {"tree": c.tree} | ({"pull_request": c.landed} if c.landed else {})
                for c in told
            },
        }

    def _send(self, built: Built, fields: Mapping[str, Any]) -> None:
        way = self.chance.choice(["listed"] * 6 + ["plain", "shards", "twice"])
        self.world.clock.sleep(60)
        build = BuildId(PROJECT, built.name)
        if way == "plain":
            self.world.upload_plain(built.name, built.pictures, **fields)
        elif way == "shards" and "selective" not in fields:
            self._send_shards(built, fields)
        else:
            self.world.upload(built.name, built.pictures, **fields)
        for _ in range(2 if way == "twice" else 1):
            if keys.uploaded_manifest(build) in self.world.objects.objects:
                self.world.receive(keys.uploaded_manifest(build))
        self.world.deliver_resumed()

    def _send_shards(self, built: Built, fields: Mapping[str, Any]) -> None:
        names = sorted(built.pictures)
        for index, part in enumerate((names[:1], names[1:]), start=1):
            some = {name: built.pictures[name] for name in part}
            shard = ShardId(index, 2)
            key = self.world.upload_shard(built.name, shard, some, allow_empty=True, **fields)
            with suppress(HeldByOther):
                self.world.receive(key)

    def time_passes(self) -> None:
        """Who waits for a base waits no longer."""
        self.reviewed.sweep()
        self.story.append("ten minutes pass")
        self.world.deliver_resumed()
        self._judge()

    # --- what reviewers do ---

    def review(self) -> None:
        """Somebody approves or rejects a build, or some snapshots of it."""
        done = [b for b in self.builds.values() if self._state(b.name) == "SUCCEEDED"]
        if not done:
            return
        built = self.chance.choice(done[-8:])
        action = self.chance.choice(["approve", "approve", "reject"])
        names = sorted(built.pictures)
        some = self.chance.sample(names, 1) if self.chance.random() < 0.3 else None
        if self.chance.random() < 0.5:
            broken = [n for n in names if built.pictures[n].startswith(b"garbage")]
            some = broken or some
        said = {"names": some} if some else {}
        done_to = self.reviewed.review(built.name, action=action, **said)
        self.story.append(f"{action} {built.name} {some or 'as a whole'}")
        if not isinstance(done_to, CarriedOut):
            return
        if action == "approve":
            self._vet({n: built.pictures[n] for n in some or names})
            self.approved.setdefault(built.name, set()).update(some or NAMES)
        is_rejected = self._review(built.name) == "rejected"
        (self.rejected.add if is_rejected else self.rejected.discard)(built.name)
        self.world.deliver_resumed()
        self._judge()

    def _vet(self, pictures: Mapping[str, bytes]) -> None:
        for name, picture in pictures.items():
            self.vetted[name].add(picture)

    # --- what must be true ---

    def _state(self, name: str) -> str | None:
        with suppress(NotFound):
            return str(self.world.status(name)["state"])
        return None

    def _review(self, name: str) -> str | None:
        return str((self.world.status(name)["review"] or {}).get("state"))

    def _judge(self) -> None:
        """Looks at every build once, when it has just been compared, or was just carried over."""
        for built in self.builds.values():
            if self._state(built.name) != "SUCCEEDED":
                continue
            status = self.world.status(built.name)
            carried = status["review"]["carried_from"]
            if built.name not in self._judged:
                self._judged.add(built.name)
                self.kinds[status["baseline"]["kind"]] += 1
                self._judge_base(built, status)
                if status["verdict"] == "passed":
                    self._judge_passed(built, status)
            if carried and f"{built.name} carried" not in self._judged:
                self._judged.add(f"{built.name} carried")
                self._judge_carried(built, carried)
                self._hold(built, "was approved as another one is")
                self._vet(built.pictures)

    def _judge_carried(self, built: Built, source: str) -> None:
        """Without a number, only what a person saw before and after is the same change."""
        if (built.number, built.branch) != (self.builds[source].number, self.builds[source].branch):
            raise Broken(f"{built.name} was approved as {source} of another series")
        self.carried["branch" if built.number is None else "pull request"] += 1
        if built.number is not None:
            return
        if built.is_forks:
            raise Broken(f"the fork's {built.name} was approved as {source}, maybe a stranger's")
        mine, seen = (self._changed_from(name) for name in (built.name, source))
        for name in mine.keys() & seen.keys():
            if abs(int(mine[name]) - int(seen[name])) > 1:
                raise Broken(f"{built.name} was approved as {source}, but {name} was another")

    def _changed_from(self, name: str) -> dict[str, bytes]:
        """The base's readable pictures of what a build changes or removes."""
        base_id = self.world.status(name)["base"]
        base = self.builds[base_id].pictures if base_id else {}
        images = self.world.published(name)["images"].items()
        changed = [n for n, i in images if i["status"] in {"changed", "removed"}]
        return {n: base[n] for n in changed}

    def _judge_passed(self, built: Built, status: Mapping[str, Any]) -> None:
        if status["base"] is not None:
            self.passed += 1
            self._hold(built, f"passed against {status['base']}")
            return
        named = {c.id for c in built.commit.parents} & self._could_be_reviewed(built)
        asked = named & self._asked(built.name)
        if asked and built.pictures:
            raise Broken(f"{built.name} passed against nothing, though there is {sorted(asked)}")

    def _could_be_reviewed(self, but: Built) -> set[str]:
        """Commits with a build that would be a base, if somebody approved it."""
        return {
            b.commit.id
            for b in self.builds.values()
            if b is not but and not b.is_forks and not b.part and b.name in self._judged
        }

    def _asked(self, name: str) -> set[str]:
        """Commits whose builds a manifest asks for."""
        body = json.loads(self.world.objects.read(keys.accepted_manifest(BuildId(PROJECT, name))))
        named = (*body.get("ancestors", ()), *body.get("branch_commits", ()))
        return {body.get("base_commit"), *named} - {None}

    def _judge_base(self, built: Built, status: Mapping[str, Any]) -> None:
        base = status["base"]
        if base is None:
            return
        other = self.builds[base]
        carried_from = (self.world.status(base)["review"] or {}).get("carried_from")
        if base in self.rejected or (carried_from in self.rejected and not self._seen(base)):
            raise Broken(f"{built.name} was compared with {base}, which was rejected")
        if other.is_forks or other.part:
            raise Broken(f"{built.name} was compared with {base}, a fork's or a part")
        self._hold(other, f"is what {built.name} was compared with")
        over = {p.get("build") for p in status["baseline"]["passed_over"]}
        if base in over:
            raise Broken(f"{built.name} passed over {base}, and was compared with it")

    def _seen(self, name: str) -> bool:
        """Whether people approved of this very build all that there was to approve."""
        images = self.world.published(name)["images"].items()
        open_ones = {
            n for n, i in images if i["status"] in {"changed", "added", "removed", "errored"}
        }
        return open_ones <= self.approved.get(name, set())

    def _hold(self, built: Built, how: str) -> None:
        for name, picture in built.pictures.items():
            if not any(_alike(picture, known) for known in self.vetted[name]):
                raise Broken(
                    f"{built.name} {how}: {name} is {picture.decode()}, and nobody has approved "
                    f"more than {sorted(self.vetted[name])}"
                )


def _alike(one: bytes, other: bytes) -> bool:
    if one.startswith(b"garbage") or other.startswith(b"garbage"):
        return one == other
    return abs(int(one) - int(other)) <= 1


def _words(pictures: Mapping[str, bytes]) -> dict[str, str]:
    return {name: body.decode() for name, body in pictures.items()}
