"""What the doctor finds, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pixelgate.ci.origin import BuildOrigin
from pixelgate.client.doctor import Check, check_bucket, check_origin
from pixelgate.errors import BucketError, Refused, UsageError
from pixelgate.ports import Bucket, Listed
from support.doubles.memory import MemoryBucket

IMAGE = f"images/shop/{'a' * 64}"


class Refusing(MemoryBucket):
    """A bucket in which some things are not allowed."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = refused

    def _ask(self, what: str) -> None:
        if what in self.refused:
            raise Refused(f"no {what}")

    def list(self, prefix: str) -> Iterator[Listed]:
        self._ask("list")
        return super().list(prefix)

    def read(self, key: str, limit: int | None = None) -> bytes:
        self._ask("read")
        return super().read(key, limit)

    def check_write(self, key: str) -> None:
        self._ask("write")

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        self._ask("put")
        return super().put_new(key, body, content_type, sha256)


def lines(checks: Iterator[Check]) -> list[str]:
    return [f"{check.health} {check.what}: {check.words}" for check in checks]


def test_all_is_well(store: MemoryBucket) -> None:
    store.write(IMAGE, b"x", "image/png")
    before = dict(store.objects)
    assert lines(check_bucket(lambda: store, "shop")) == [
        "good credentials: this process",
        "good list images/shop/: there are images already",
        "good read builds/shop/: may be read",
        "good write uploads/shop/: may be written",
        "good write images/shop/: may be written",
    ]
    assert store.objects == before


def test_a_new_bucket_is_left_empty(store: MemoryBucket) -> None:
    told = lines(check_bucket(lambda: store, "shop"))
    assert "good list images/shop/: there are no images yet" in told
    assert store.objects == {}


def test_what_is_not_allowed_is_told() -> None:
    store = Refusing("list", "read", "write")
    assert lines(check_bucket(lambda: store, "shop"))[1:] == [
        "note list images/shop/: no list (uploads work without it, but send every image again)",
        "note read builds/shop/: no read (`wait`, `status` and `report` need it)",
        "wrong write uploads/shop/: no write",
    ]


class Only(MemoryBucket):
    """A bucket in which only keys that begin so may be written."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def check_write(self, key: str) -> None:
        if not key.startswith(self.prefix):
            raise Refused(f"no write of {key}")


@pytest.mark.parametrize(
    ("prefix", "told"),
    [
        ("trunk.", "this role makes baselines, by `upload --trunk`"),
        ("fork.", "this role uploads builds of forks, by `upload --fork`"),
    ],
)
def test_a_role_for_some_builds_is_told_what_it_is_for(prefix: str, told: str) -> None:
    store = Only(f"uploads/shop/{prefix}")
    assert lines(check_bucket(lambda: store, "shop"))[-1] == (
        f"good write uploads/shop/{prefix}: may be written: {told}"
    )
    assert store.objects == {}


def test_a_reviewer_s_role_is_told_what_it_is_for() -> None:
    class Reviewers(MemoryBucket):
        def check_write(self, key: str) -> None:
            if not key.startswith("reviews/shop/"):
                raise Refused("no write")

    store = Reviewers()
    store.write(IMAGE, b"x", "image/png")
    assert lines(check_bucket(lambda: store, "shop"))[3:] == [
        "good write reviews/shop/: may be written: this role reviews, and uploads nothing"
    ]


def test_another_project_s_role_is_wrong() -> None:
    store = Only("uploads/other/")
    assert lines(check_bucket(lambda: store, "shop"))[-1] == (
        "wrong write uploads/shop/: no write of uploads/shop/@doctor/probe"
    )


def test_images_that_may_not_be_written() -> None:
    store = Refusing("put")
    store.write(IMAGE, b"x", "image/png")
    assert lines(check_bucket(lambda: store, "shop"))[-1] == "wrong write images/shop/: no put"


def test_without_credentials_nothing_else_is_asked() -> None:
    def nobody() -> Bucket:
        raise BucketError("there are no AWS credentials")

    told = lines(check_bucket(nobody, "shop"))
    assert told == ["wrong credentials: there are no AWS credentials"]


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (
            BuildOrigin("GitHub Actions", "c1", "feature", base_commit="c0", base_branch="main",
                  ancestors=("b1", "b2"), pull_request="5"),
            [
                "good CI: GitHub Actions, pull request 5",
                "good commit: c1 on feature",
                "good base: c0, shared with main; 2 ancestors known",
            ],
        ),
        (
            BuildOrigin(None, "c1", "main", notes=("this clone is shallow: deepen it", "odd")),
            [
                "good CI: no known CI system",
                "good commit: c1 on main",
                "good base: the nearest ancestor that has a build; 0 ancestors known",
                "wrong git: this clone is shallow: deepen it",
                "note git: odd",
            ],
        ),
    ],
)  # fmt: skip
def test_where_we_are(where: BuildOrigin, told: list[str]) -> None:
    assert lines(check_origin(lambda: where)) == told


def test_one_ancestor_is_one() -> None:
    origin = BuildOrigin(vendor=None, commit="c", branch="b", ancestors=("a",))
    assert lines(check_origin(lambda: origin))[-1].endswith("; 1 ancestor known")


def test_nobody_knows_where_we_are() -> None:
    def lost() -> BuildOrigin:
        raise UsageError("the commit is not known")

    assert lines(check_origin(lost)) == ["wrong commit: the commit is not known"]


def test_a_merge_request_is_called_one() -> None:
    origin = BuildOrigin(vendor="GitLab CI", commit="c", branch="b", pull_request="7")
    assert lines(check_origin(lambda: origin))[0] == "good CI: GitLab CI, pull request 7"
    gitlab = replace(origin, merge_request=True)
    assert lines(check_origin(lambda: gitlab))[0] == "good CI: GitLab CI, merge request 7"
