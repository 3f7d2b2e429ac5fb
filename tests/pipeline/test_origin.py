"""comparison.json says where the head comes from, as its manifest does."""

from __future__ import annotations

from support.world import World


def test_a_result_names_the_origin_of_its_head(world: World) -> None:
    from pixelgate.pipeline.compare.run import compare_build

    told = {"pull_request": "#5", "author": "Ada", "ci_url": "https://ci/7", "branch": "topic"}
    for build, fields in (("b1", told), ("b2", {"branch": "main"})):
        compare_build(world.upload(build, {"a.png": b"1"}, **fields), world.service())
    first, second = (world.published(build)["origin"] for build in ("b1", "b2"))
    commit = first.pop("commit")
    assert first == {**told, "pull_request": "5"}
    assert commit
    assert sorted(second) == ["branch", "commit"]
