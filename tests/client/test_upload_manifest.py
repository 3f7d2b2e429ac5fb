"""The manifest of an upload, held to the rules of the pipeline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pixelgate.ci.origin import BuildOrigin
from pixelgate.client.config import find_config, read_config
from pixelgate.client.upload_manifest import Extent, Shard, build_id, key_of, manifest_of
from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest import parse
from pixelgate.errors import UsageError

BUILD = BuildId("shop", "1-1")
WHERE = BuildOrigin(
    vendor="GitHub Actions",
    commit="c1",
    branch="feature",
    base_commit="c0",
    base_branch="main",
    ancestors=("b9", "b8"),
    landed={"c0": {"tree": "t0", "pull_request": "5"}},
    tree="t1",
    pull_request="6",
    ci_url="https://ci.example/1",
)
NO_CONFIG = read_config(None)
IMAGES = {
    "b.png": {"sha256": "b" * 64, "width": 2, "height": 1},
    "a.png": {"sha256": "a" * 64, "width": 1, "height": 1, "group": "g"},
}
CONFIG = """
project = "shop"
bucket = "shots"
folder = "out/shots"
base_branch = "trunk"
release_branches = ["release/*", "stable"]
grace = 120
timeout = 60

[policy]
max_changed_pixels = 3

[[rules]]
match = "icons/*"
policy = {strict = true}
"""


def test_a_whole_build(tmp_path: Path) -> None:
    path = tmp_path / "pixelgate.toml"
    path.write_text(CONFIG)
    body = manifest_of(BUILD, WHERE, IMAGES, read_config(path))
    assert json.loads(body) == {
        "schema_version": 1,
        "project": "shop",
        "build": "1-1",
        "commit": "c1",
        "branch": "feature",
        "base_commit": "c0",
        "base_branch": "main",
        "ancestors": ["b9", "b8"],
        "landed": {"c0": {"tree": "t0", "pull_request": "5"}},
        "tree": "t1",
        "pull_request": "6",
        "ci_url": "https://ci.example/1",
        "grace": 120.0,
        "defaults": {"max_changed_pixels": 3},
        "rules": [{"match": "icons/*", "policy": {"strict": True}}],
        "images": IMAGES,
    }
    parsed = parse(body, BUILD)
    assert parsed.policy.max_changed_pixels == 3
    assert parsed.grace == 120
    assert parsed.policy_for("a.png").strict is False


def test_the_same_input_gives_the_same_bytes() -> None:
    turned = {name: IMAGES[name] for name in sorted(IMAGES)}
    body = manifest_of(BUILD, WHERE, IMAGES, NO_CONFIG)
    assert body == manifest_of(BUILD, WHERE, turned, NO_CONFIG)


def test_what_is_unknown_is_left_out() -> None:
    body = manifest_of(BUILD, BuildOrigin(None, "c1", "main"), None, NO_CONFIG)
    assert set(json.loads(body)) == {"schema_version", "project", "build", "commit", "branch"}


def test_a_shard() -> None:
    extent = Extent(shard=Shard(2, 4))
    fields = json.loads(manifest_of(BUILD, WHERE, IMAGES, NO_CONFIG, extent))
    assert fields["shard"] == {"index": 2, "total": 4, "id": "1-1"}
    assert key_of(BUILD, extent) == "uploads/shop/1-1/shards/2-of-4/manifest.json"
    assert key_of(BUILD, Extent()) == "uploads/shop/1-1/manifest.json"


def test_a_selective_build_with_all_names() -> None:
    extent = Extent(selective=True, all_names=["c.png", "a.png", "b.png", "a.png"])
    fields = json.loads(manifest_of(BUILD, WHERE, IMAGES, NO_CONFIG, extent))
    assert (fields["selective"], fields["all_names"]) == (True, ["a.png", "b.png", "c.png"])


@pytest.mark.parametrize(
    ("extent", "where", "images", "words"),
    [
        (Extent(selective=True, all_names=["a.png"]), WHERE, IMAGES, "all_names: lacks 'b.png'"),
        (Extent(True, ["a.png", "b.png", "/c"]), WHERE, IMAGES, "all_names.*relative path"),
        (Extent(), replace(WHERE, base_build="1-1"), IMAGES, "a build cannot be its own base"),
        (Extent(), replace(WHERE, base_commit="a/b"), IMAGES, "base_commit: 'a/b' may not be"),
        (Extent(), WHERE, {}, "images: the build is empty"),
    ],
)
def test_what_the_pipeline_would_refuse_is_refused_here(
    extent: Extent, where: BuildOrigin, images: dict[str, dict[str, object]], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        manifest_of(BUILD, where, images, NO_CONFIG, extent)


@pytest.mark.parametrize(
    ("build", "fork", "made"),
    [
        ("9001-1", False, "9001-1"),
        ("9001-1", True, "fork.9001-1"),
        ("fork.9001-1", True, "fork.9001-1"),
    ],
)
def test_a_forks_build_says_so(build: str, fork: bool, made: str) -> None:
    assert build_id("shop", build, fork=fork) == BuildId("shop", made)


@pytest.mark.parametrize(
    ("build", "fork", "made"),
    [
        ("9001-1", False, "trunk.9001-1"),
        ("trunk.9001-1", False, "trunk.9001-1"),
        ("9001-1", True, "fork.9001-1"),
    ],
)
def test_a_baseline_branch_s_build_says_so(build: str, fork: bool, made: str) -> None:
    assert build_id("shop", build, fork=fork, trunk=True) == BuildId("shop", made)


@pytest.mark.parametrize("build", ["", "a/b", "@none", "..", "x" * 256, "a\nb"])
def test_an_id_that_cannot_stand_in_a_key(build: str) -> None:
    with pytest.raises(UsageError, match="the build's id"):
        build_id("shop", build, fork=False)


def test_the_nearest_config_up_to_the_repositorys_top(tmp_path: Path) -> None:
    deep = tmp_path / "repo" / "packages" / "web"
    deep.mkdir(parents=True)
    (tmp_path / "pixelgate.toml").write_text('project = "outside"')
    (tmp_path / "repo" / ".git").mkdir()
    assert find_config(deep) is None
    (tmp_path / "repo" / "pixelgate.toml").write_text(CONFIG)
    found = find_config(deep)
    assert found == tmp_path / "repo" / "pixelgate.toml"
    assert read_config(found).folder == tmp_path / "repo" / "out" / "shots"
    assert read_config(None).folder is None


CONFIGS = {
    'projet = "shop"': ": projet: there is no such field",
    "project = 5": ": project: must be a text",
    "project = ": " is not valid TOML: Invalid value",
    "[policy]\nstrickt = true": ": policy.strickt: there is no such",
    "[policy": " is not valid TOML: Expected",
    "[policie]\nstrict = true": ": policie: there is no such",
    "[policy.noise]\nmin_bold = 1": ": policy.noise.min_bold: there is no such",
    "[policy]\nsensitive_threshold = 0.9": ": policy: sensitive_threshold 0.9 lies above",
    "timeout = 0": ": timeout: must be more than 0",
    "grace = -1": ": grace: must be at least 0",
    "grace = 86401": ": grace: may be at most 86400",
    "grace = nan": ": grace: m",
    "grace = inf": ": grace: may be at most 86400",
    "grace = true": ": grace: must be a number",
    'release_branches = "release/*"': ": release_branches: must be a list",
    'release_branches = [""]': r": release_branches\[0\]: must have at least 1",
    '[[rules]]\nmatch = "a"\npolicy = {structural_threshold = 2.0}': (
        r": rules\[0\].policy.structural_threshold: may be at most 1"
    ),
}


@pytest.mark.parametrize("text", CONFIGS)
def test_a_config_that_is_wrong_is_named_with_its_field(text: str, tmp_path: Path) -> None:
    path = tmp_path / "pixelgate.toml"
    with pytest.raises(UsageError, match=r"pixelgate.toml cannot be read: .*No such file"):
        read_config(path)
    path.write_text(text)
    with pytest.raises(UsageError, match=f"pixelgate.toml{CONFIGS[text]}"):
        read_config(path)
