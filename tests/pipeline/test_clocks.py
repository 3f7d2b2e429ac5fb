"""Workers whose clocks differ by a minute: what the fault suite found, each as it happened."""

from __future__ import annotations

import pytest

from pixelgate.domain.keys import BuildId
from pixelgate.pipeline.compare.outcomes import Duplicate, Published, Rejected
from support.world import PROJECT, World

HEAD = BuildId(PROJECT, "head")


@pytest.mark.parametrize("ahead", [60.0, -60.0, 0.0])
def test_a_corrected_manifest_is_told_of_whatever_the_clock_of_who_refused_it_said(
    ahead: float,
) -> None:
    world = World()
    world.write_manifest("head", b"{}")
    fast = lambda: world.clock.now + ahead  # noqa: E731
    assert isinstance(world.compare(HEAD, clock=fast), Rejected)
    world.clock.sleep(5)
    world.upload("head", {"a.png": b"a"})
    assert isinstance(world.compare(HEAD), Published)
    assert world.status("head")["state"] == "SUCCEEDED"


@pytest.mark.parametrize("behind", [60.0, 0.0])
def test_a_refusal_is_told_by_a_worker_whose_clock_is_behind(behind: float) -> None:
    world = World()
    world.upload("head", {"a.png": b"a"})
    assert isinstance(world.compare(HEAD), Published)
    world.clock.sleep(5)
    world.write_manifest("head", b"{}")
    slow = lambda: world.clock.now - behind  # noqa: E731
    assert isinstance(world.compare(HEAD, clock=slow), Rejected)
    assert world.status("head")["error"]["code"] == "BAD_MANIFEST"
    world.upload("head", {"a.png": b"a"})
    assert isinstance(world.compare(HEAD, clock=slow), Duplicate)
    assert world.status("head")["state"] == "SUCCEEDED"
