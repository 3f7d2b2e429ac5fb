"""Pictures of pull requests' comments: who has the address sees one, while there is a review."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.preview import SECONDS, Previews, address
from pixelgate.pipeline.context import CompareContext
from pixelgate.web.app import Site
from pixelgate.web.http import Response
from support.reviews import Reviewed
from support.sites import NOW, ORIGIN, OpenGate, request
from support.world import Clock, World

PNG = b"\x89PNG\r\n\x1a\n of "
BASE = {"a.png": b"a"}
HEAD = {"a.png": b"a2", "new.png": b"new"}


@dataclass
class Pictured(Reviewed):
    """Whose runs draw, at about the site's time."""

    world: World = field(default_factory=lambda: World(clock=Clock(NOW.timestamp())))

    def service(self, **changes: Any) -> CompareContext:
        def draw(base: bytes | None, head: bytes | None, *more: Any) -> bytes:
            return PNG + (head or b"nothing")

        return super().service(**{"preview": draw, **changes})


@dataclass
class Shown:
    """The site, and the pictures of build b1."""

    reviewed: Pictured = field(default_factory=Pictured)

    def __post_init__(self) -> None:
        self.reviewed.build("b0", BASE, branch="main")
        self.reviewed.build("b1", HEAD, base_build="b0", pull_request=5)

    def previews(self, build: str = "b1") -> tuple[str, Previews]:
        execution = self.reviewed.world.status(build)["execution"]
        folder = keys.previews(keys.pictures(ComparisonId("shop", build, "b0"), execution))
        found = Previews.parse(self.reviewed.world.objects.read(keys.preview_list(folder)))
        assert found is not None
        return folder, found

    def url(self, n: int = 0, build: str = "b1") -> str:
        folder, previews = self.previews(build)
        return address(ORIGIN, folder, previews.pictures[n].file, previews)

    def ask(self, url: str, after: float = 0.0, method: str = "GET", **more: Any) -> Response:
        """What somebody without a session gets, so many seconds after the build."""
        now = self.reviewed.world.clock.now + after
        clock = lambda: NOW + timedelta(seconds=now - NOW.timestamp())  # noqa: E731
        site = Site(self.reviewed.world.objects, gate=OpenGate(people={}), clock=clock)
        parts = urlsplit(url)
        path = unquote(parts.path) + (f"?{parts.query}" if parts.query else "")
        return site.respond(request(method, path, None, **more))


@pytest.fixture
def shown() -> Shown:
    return Shown()


def test_who_has_the_address_sees_the_picture(shown: Shown) -> None:
    answers = [shown.ask(shown.url(n)) for n in (0, 1)]
    assert [(a.status, a.body) for a in answers] == [(200, PNG + b"a2"), (200, PNG + b"new")]
    headers = answers[0].headers
    assert headers["Content-Type"] == "image/png"
    assert headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert answers[0].cookies == ()


def test_an_address_is_of_one_file(shown: Shown) -> None:
    a, b = (urlsplit(shown.url(n)) for n in (0, 1))
    assert shown.ask(f"{a.path}?{b.query}").status == 404


@pytest.mark.parametrize(
    ("what", "by"),
    [
        (r"key=.", "key=" + "A"),
        (r"key=[\w-]+", "key=" + "A" * 43),
        (r"key=[\w-]+", "key="),
        (r"&key=[\w-]+", ""),
        (r"key=([\w-]+)", r"key=\g<1>A"),
        (r"\?.*", ""),
        (r"until=(\d+)", r"until=9\g<1>"),
        (r"until=\d+", "until=0"),
        (r"until=\d+", "until=-1"),
        (r"until=(\d+)", "until=١٢٣"),
        (r"until=(\d+)", "until=1e9"),
        (r"until=\d+&", ""),
        ("/b1/b0/", "/b0/b0/"),
        ("/previews/shop/", "/previews/other/"),
        ("/b0/", f"/{'b0' * 500}/"),
        ("/previews/shop/", "/previews/@none/"),
        (r"/[0-9a-f]{64}\.png", "/list.json"),
        (r"/[0-9a-f]{64}\.png", "/" + "0" * 64 + ".png"),
        (r"/[0-9a-f]{64}\.png", "/../comparison.json"),
        (r"/[0-9a-f]{64}\.png", "/%2e%2e/index.html"),
    ],
)
def test_what_was_changed_in_an_address_opens_nothing(shown: Shown, what: str, by: str) -> None:
    url = shown.url()
    if what == "key=.":  # another letter than the one that is there
        by = "key=B" if "key=A" in url else by
    forged = re.sub(what, by, url, count=1)
    assert forged != url
    assert shown.ask(forged).status == 404


def test_a_key_of_another_result_signs_nothing_here(shown: Shown) -> None:
    shown.reviewed.build("b2", HEAD, base_build="b0", pull_request=6)
    folder, previews = shown.previews()
    _, other = shown.previews("b2")
    file = previews.pictures[0].file
    assert other.pictures[0].file == file
    assert shown.ask(address(ORIGIN, folder, file, other)).status == 404
    assert shown.ask(address(ORIGIN, folder, file, previews)).status == 200


def test_it_ends_after_a_week(shown: Shown) -> None:
    url = shown.url()
    assert shown.ask(url, SECONDS - 1).status == 200
    assert shown.ask(url, SECONDS).status == 410


def test_who_may_read_the_key_cannot_make_an_address_that_lasts_longer(shown: Shown) -> None:
    folder, previews = shown.previews()
    longer = Previews(previews.key, previews.until + 60, previews.pictures)
    file = previews.pictures[0].file
    assert shown.ask(address(ORIGIN, folder, file, longer)).status == 404


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_it_ends_with_the_review(shown: Shown, action: str) -> None:
    url = shown.url()
    shown.reviewed.review("b1", action="approve", names=["a.png"])
    assert shown.ask(url).status == 200
    shown.reviewed.review("b1", action=action)
    gone = shown.ask(url)
    assert gone.status == 410
    assert PNG not in gone.body


def test_it_ends_when_the_build_is_compared_again(shown: Shown) -> None:
    url = shown.url()
    key = keys.status(keys.BuildId("shop", "b1"))
    status = shown.reviewed.world.objects.read(key).replace(b'"execution-2"', b'"execution-9"')
    shown.reviewed.world.objects.write(key, status, "application/json")
    assert shown.ask(url).status == 410


def test_it_is_gone_with_its_build(shown: Shown) -> None:
    url = shown.url()
    folder, previews = shown.previews()
    shown.reviewed.world.objects.delete([f"{folder}{previews.pictures[0].file}"])
    assert shown.ask(url).status == 404
    shown.reviewed.world.objects.delete([keys.preview_list(folder)])
    assert shown.ask(url).status == 404


def test_without_a_signature_nothing_is_read(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody on the internet may ask, and each read costs."""
    reads: list[str] = []
    objects = shown.reviewed.world.objects
    read = objects.read

    def counted(key: str, limit: int | None = None) -> bytes:
        reads.append(key)
        return read(key, limit)

    monkeypatch.setattr(objects, "read", counted)
    path = urlsplit(shown.url()).path
    reads.clear()
    assert shown.ask(path).status == 404
    assert reads == []


def test_only_get_is_answered(shown: Shown) -> None:
    assert shown.ask(shown.url(), method="HEAD").status == 200
    assert shown.ask(shown.url(), method="POST").status == 405


def test_the_list_with_the_key_is_no_picture_of_the_site(shown: Shown) -> None:
    """The site signs addresses of pictures in S3 for people with a session, but not for this."""
    from pixelgate.web.app import _project_of

    folder, previews = shown.previews()
    assert _project_of(keys.preview_list(folder)) == ""
    assert _project_of(folder + previews.pictures[0].file) == ""
