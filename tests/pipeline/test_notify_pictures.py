"""Pictures below a pull request's comment: where they are asked for, and for nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.comparison import Diff
from pixelgate.domain.keys import BuildId
from pixelgate.domain.policy import Policy
from pixelgate.domain.preview import MOST
from pixelgate.errors import UsageError
from pixelgate.notify.check_run import GitHubChecks
from pixelgate.notify.forge import Forge
from pixelgate.notify.github import GitHub
from pixelgate.notify.github_app import App
from pixelgate.notify.gitlab import GitLab
from pixelgate.notify.http import Patience
from pixelgate.notify.pictures import CommentPictures
from pixelgate.notify.update import Notified, Shown, notify
from pixelgate.pipeline.context import CompareContext
from support import gitlab
from support.forge import OURS
from support.github import REPOSITORY, FakeGitHub, github, github_with_app
from support.reviews import Reviewed
from support.world import PROJECT, ScriptedDiffers, World

SITE = "https://shots.acme.example"
ATTACH, ON_SITE, OFF = CommentPictures.ATTACH, CommentPictures.SITE, CommentPictures.OFF
NAMES = [f"{n}.png" for n in range(8)]
BASE = dict.fromkeys(NAMES, b"old")
HEAD = {f"{n}.png": b"new%d" % n for n in range(8)}
IMAGE = re.compile(r"!\[([^\n]*)\]\(([^)\n]+)\)")


class EachItsOwn(ScriptedDiffers):
    """Says that 7 tenths of `new7` changed."""

    def diff(self, base: bytes, head: bytes, policy: Policy, *more: Any) -> Diff:
        much = int(head.removeprefix(b"new")[:1])
        found = super().diff(base, head, policy, *more)
        return replace(found, changed_pixels=much, fingerprint=head.decode().ljust(32, "-"))


@dataclass
class Pictured(Reviewed):
    """Whose runs draw."""

    world: World = field(default_factory=lambda: World(differs=EachItsOwn()))

    def service(self, **changes: Any) -> CompareContext:
        def draw(base: bytes | None, head: bytes | None, *more: Any) -> bytes:
            return b"picture of %s" % (head or b"nothing")

        return super().service(**{"preview": draw, **changes})


@dataclass
class Team:
    """A world and its GitHub."""

    fake: FakeGitHub
    reviewed: Pictured = field(default_factory=Pictured)
    how: CommentPictures = ATTACH
    site: str = SITE
    app: bool = False

    def build(self, name: str, **fields: Any) -> None:
        fields = {"base_build": "b0", "pull_request": 5, "commit": f"sha-{name}", **fields}
        self.reviewed.build(name, fields.pop("images", HEAD), **fields)

    def forge(self) -> Forge:
        patience = Patience(sleep=lambda seconds: None)
        if self.app:
            app = App(lambda newer: self.fake.token, "/pixelgate/github-app")
            return GitHubChecks(REPOSITORY, app, patience)
        url = self.fake.url
        return GitHub(REPOSITORY, lambda newer: self.fake.token, url, patience, uploads=url)

    def notify(self, build: str, forge: Forge | None = None) -> tuple[str, ...]:
        shown = Shown(site_url=self.site, pictures=self.how)
        service = self.reviewed.service()
        told = notify(BuildId(PROJECT, build), service, forge or self.forge(), shown)
        assert isinstance(told, Notified)
        return told.done

    def comment(self) -> str:
        [body] = self.fake.bodies(5)
        return body

    def images(self) -> list[tuple[str, str]]:
        """Alternative text and address of each picture in the one comment."""
        return IMAGE.findall(self.comment())

    def uploads(self) -> int:
        return sum("/user-attachments/" in path for _, path in self.fake.sent("POST"))


@pytest.fixture
def team() -> Iterator[Team]:
    with github() as fake:
        made = Team(fake)
        made.reviewed.build("b0", BASE, branch="main")
        yield made


def test_attached_pictures_are_below_the_comment_the_most_different_first(team: Team) -> None:
    team.build("b1")
    assert team.notify("b1") == ("commit status failed", "comment created")
    texts, urls = zip(*team.images(), strict=True)
    shown = ["7.png", "6.png", "5.png", "4.png", "3.png", "2.png"]
    assert list(texts) == [f"Base, head and difference of {name}" for name in shown]
    assert len(shown) == MOST
    assert list(team.fake.attachments) == list(urls)
    assert team.fake.attachments[urls[0]] == b"picture of new7"
    assert "`7.png`: changed, 70.0% of it\n" in team.comment()


def test_a_second_event_uploads_nothing_and_changes_nothing(team: Team) -> None:
    team.build("b1")
    team.notify("b1")
    first = team.comment()
    assert team.notify("b1") == ()
    assert (team.comment(), team.uploads()) == (first, MOST)


def test_a_later_build_uploads_only_pictures_that_are_new(team: Team) -> None:
    team.build("b1")
    team.notify("b1")
    before = dict(team.images())
    team.build("b2", images={**HEAD, "7.png": b"new7 again"})
    assert team.notify("b2")[1:] == ("comment created", "comment deleted")
    after = dict(team.images())
    assert [t for t, url in after.items() if url != before[t]] == [
        "Base, head and difference of 7.png"
    ]
    assert team.uploads() == MOST + 1


def test_what_was_decided_is_shown_no_more(team: Team) -> None:
    team.build("b1")
    team.notify("b1")
    team.reviewed.review("b1", action="approve", names=["7.png", "5.png"])
    team.notify("b1")
    assert [text[-5:] for text, _ in team.images()] == ["6.png", "4.png", "3.png", "2.png"]
    team.reviewed.review("b1", action="reject", names=["7.png"])
    team.build("b2", images={**HEAD, "1.png": b"new1 again"})
    team.notify("b2")
    assert len(team.images()) == MOST
    assert team.uploads() == MOST


def test_a_build_without_anything_to_review_shows_none(team: Team) -> None:
    for action in ("reject", "approve"):
        team.build(f"b-{action}")
        team.notify(f"b-{action}")
        assert team.images()
        team.reviewed.review(f"b-{action}", action=action)
        team.notify(f"b-{action}")
        assert team.images() == []
        team.fake.comments.clear()


def test_a_reopened_review_shows_what_was_uploaded_before(team: Team) -> None:
    team.build("b1")
    team.notify("b1")
    first, body = team.images(), team.comment()
    team.reviewed.review("b1", action="approve")
    team.notify("b1")
    note = team.comment().splitlines()[-1]
    assert note.startswith("<!-- pixelgate pictures: ")
    assert note in body
    team.build("b2", images={**HEAD, "1.png": b"new1 again"})
    team.notify("b2")
    assert team.images() == first
    assert team.uploads() == MOST


def test_a_late_event_of_an_older_build_uploads_nothing(team: Team) -> None:
    team.build("b1")
    team.build("b2", images={**HEAD, "7.png": b"new7 again"})
    team.notify("b2")
    team.notify("b1")
    assert team.uploads() == MOST
    assert '"build": "b2"' in team.comment()


def test_addresses_that_somebody_else_wrote_are_not_taken(team: Team) -> None:
    """Maintainers may edit our comment, and so show reviewers another picture than ours."""
    team.build("b1")
    team.notify("b1")
    files = json.loads(re.findall(r"pictures: (\{.*\})", team.comment())[0])["addresses"]
    evil = dict.fromkeys(files, "https://github.com/user-attachments/assets/evil")
    marker = team.comment().splitlines()[0]
    seals = ["", "f" * 64, team.forge().seal("other")]  # type: ignore[attr-defined]
    team.fake.comments.clear()
    for seal in seals:
        note = json.dumps({"seal": seal, "addresses": evil})
        team.fake.say(5, f"{marker}\n\n<!-- pixelgate pictures: {note} -->", **OURS)
    for broken in ('{"seal": 1}', "{}", "{", '{"seal": "x", "addresses": []}'):
        team.fake.say(5, f"{marker}\n\n<!-- pixelgate pictures: {broken} -->", **OURS)
    team.notify("b1")
    assert len(team.images()) == MOST
    assert "evil" not in team.comment()


def test_off_by_default_and_nothing_is_asked_for(team: Team) -> None:
    assert Shown().pictures is OFF
    assert CommentPictures.parse("off") is OFF
    team.how = OFF
    team.build("b1")
    team.notify("b1")
    assert team.images() == []
    assert "ictures" not in team.comment()
    assert not [p for _, p in team.fake.sent() if "attachments" in p or p.endswith("/shop")]


@pytest.mark.parametrize("how", [ATTACH, ON_SITE])
def test_a_fork_s_build_never_has_pictures(team: Team, how: CommentPictures) -> None:
    team.how = how
    team.build("fork.b1")
    # Even if something had drawn them.
    folder = folder_of(team, "fork.b1")
    team.build("b1", pull_request=6)
    drawn = team.reviewed.world.objects.read(keys.preview_list(folder_of(team, "b1")))
    team.reviewed.world.objects.write(keys.preview_list(folder), drawn, "application/json")
    team.notify("fork.b1")
    assert (team.images(), team.uploads()) == ([], 0)
    assert "ictures" not in team.comment()


@pytest.mark.parametrize("how", [ATTACH, ON_SITE])
def test_without_drawn_pictures_the_comment_is_as_ever(team: Team, how: CommentPictures) -> None:
    team.how = OFF
    team.build("b1")
    team.notify("b1")
    plain = team.comment()
    folder = folder_of(team, "b1")
    for left in (
        None,
        b"{}",
        b"no JSON",
        b'{"pictures": [{"file": "../x"}], "key": "", "until": 1}',
    ):
        if left is None:
            team.reviewed.world.objects.delete([keys.preview_list(folder)])
        else:
            team.reviewed.world.objects.write(keys.preview_list(folder), left, "application/json")
        team.how = how
        team.fake.comments.clear()
        team.notify("b1")
        assert team.comment() == plain


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("no contents", "needs the permission to write contents"),
        ("a job's token", "with the token of a person only"),
        ("GitHub is away", "500"),
    ],
)
def test_where_github_refuses_the_comment_goes_out_and_says_why(
    team: Team, why: str, said: str
) -> None:
    team.build("b1")
    forge = team.forge()
    if why == "no contents":
        team.fake.writes_contents = False
    elif why == "a job's token":
        team.fake.token = "ghs_1"
        forge = team.forge()
    else:
        forge.attach = _away  # type: ignore[attr-defined]
    done = team.notify("b1", forge)
    assert done[:2] == ("commit status failed", "comment created")
    assert done[2].startswith("pictures left out: ")
    assert said in done[2]
    assert team.images() == []
    [line] = [line for line in team.comment().splitlines() if "left out" in line]
    assert line.startswith("<sub>Pictures are left out: ")
    assert said in line.replace("\\", "")
    # It is not tried again for each picture, and the same answer changes nothing.
    assert team.uploads() <= 2
    assert team.notify("b1", forge) == ()


def _away(name: str, body: bytes) -> str:
    from pixelgate.errors import NotTold

    raise NotTold("POST /user-attachments/assets: 500")


def test_what_was_uploaded_before_a_failure_is_shown(team: Team) -> None:
    team.build("b1")
    forge = team.forge()
    attach = forge.attach  # type: ignore[attr-defined]

    def two(name: str, body: bytes) -> str:
        return str(attach(name, body)) if team.uploads() < 2 else _away(name, body)

    forge.attach = two  # type: ignore[attr-defined]
    team.notify("b1", forge)
    assert [text[-5:] for text, _ in team.images()] == ["7.png", "6.png"]
    assert "Pictures are left out" in team.comment()
    team.notify("b1")
    assert (len(team.images()), team.uploads()) == (MOST, MOST)
    assert "left out" not in team.comment()


@pytest.mark.parametrize(("how", "pictures"), [(ATTACH, 0), (ON_SITE, MOST)])
def test_an_app_cannot_attach_but_shows_what_the_site_shows(
    monkeypatch: pytest.MonkeyPatch, how: CommentPictures, pictures: int
) -> None:
    monkeypatch.setattr("pixelgate.notify.github.uploads_of", lambda api: api)
    with github_with_app() as fake:
        team = Team(fake, how=how, app=True)
        team.reviewed.build("b0", BASE, branch="main")
        team.build("b1")
        team.notify("b1")
        assert len(team.images()) == pictures
        assert ("and not from a GitHub App" in team.comment()) is (how is ATTACH)
        assert (fake.attachments, team.uploads()) == ({}, 0)


def test_gitlab_is_not_offered_pictures() -> None:
    with gitlab.gitlab() as fake:
        reviewed = Pictured()
        reviewed.build("b0", BASE, branch="main")
        reviewed.build("b1", HEAD, base_build="b0", pull_request=5, commit="sha-b1")
        forge = GitLab(gitlab.REPOSITORY, lambda newer: fake.token, fake.url, Patience())
        for how in CommentPictures:
            notify(
                BuildId(PROJECT, "b1"),
                reviewed.service(),
                forge,
                Shown(site_url=SITE, pictures=how),
            )
            [body] = fake.bodies(5)
            assert "![" not in body


def test_on_the_site_each_picture_has_a_signed_address(team: Team) -> None:
    team.how = ON_SITE
    team.build("b1")
    team.notify("b1")
    execution = team.reviewed.world.status("b1")["execution"]
    start = re.escape(f"{SITE}/previews/shop/b1/b0/{execution}/")
    for text, url in team.images():
        assert text.startswith("Base, head and difference of ")
        assert re.fullmatch(rf"{start}[0-9a-f]{{64}}\.png\?until=\d+&key=[\w-]{{43}}", url)
    assert len(team.images()) == MOST
    assert team.uploads() == 0
    assert "<!-- pixelgate pictures" not in team.comment()
    assert team.notify("b1") == ()


def test_without_a_site_the_comment_says_so(team: Team) -> None:
    team.how, team.site = ON_SITE, ""
    team.build("b1")
    team.notify("b1")
    assert "<sub>Pictures are left out: the stack has no review site" in team.comment()


@pytest.mark.parametrize(
    "name",
    [
        "a](www.evil.example) ![x.png",
        "<script>alert(1)<!--.png",
        '"> <img src=x onerror=y>.png',
        "@ada #1 www.evil.example.png",
        "`code` *b* _u_.png",
    ],
)
@pytest.mark.parametrize("how", [ATTACH, ON_SITE])
def test_a_name_stays_within_its_alternative_text(
    team: Team, name: str, how: CommentPictures
) -> None:
    team.how = how
    team.build("b1", images={**BASE, name: b"new1"})
    team.notify("b1")
    [line] = [line for line in team.comment().splitlines() if line.startswith("![")]
    text, _, url = line.removeprefix("![Base, head and difference of ").rpartition("](")
    assert url.startswith((SITE, "https://github.com/user-attachments/"))
    assert not re.search(r"(?<!\\)[\[\]<>`*_]|[@#](?=\w)|www\.(?!\u200b)", text)


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(UsageError, match="'on'; known: off, attach, site"):
        CommentPictures.parse("on")


def folder_of(team: Team, build: str) -> str:
    result = team.reviewed.world.status(build)["comparison"].removesuffix("comparison.json")
    return keys.previews(result)
