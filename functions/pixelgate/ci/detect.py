"""Which CI system this is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pixelgate.ci.detected import CiInfo, Variables
from pixelgate.ci.github import github
from pixelgate.ci.gitlab import gitlab
from pixelgate.ci.vendors import azure, bitbucket, buildkite, circleci, codebuild, jenkins

# The variable that each sets, those first that run inside of others: an agent of Jenkins may
# well be a CodeBuild project, and Buildkite's agents run anywhere.
_SIGNS: tuple[tuple[str, Callable[[Variables], CiInfo]], ...] = (
    ("GITLAB_CI", gitlab),
    ("BUILDKITE", buildkite),
    ("CIRCLECI", circleci),
    ("TF_BUILD", azure),
    ("JENKINS_URL", jenkins),
    ("BITBUCKET_BUILD_NUMBER", bitbucket),
    ("CODEBUILD_BUILD_ID", codebuild),
)


def detect(environ: Mapping[str, str]) -> CiInfo:
    """What the CI system of this environment says; nothing at all where there is none."""
    v = Variables(environ)
    if v.has("GITHUB_ACTIONS"):
        return github(v, _event(v["GITHUB_EVENT_PATH"]))
    for sign, read in _SIGNS:
        if v.has(sign):
            return read(v)
    return CiInfo()


def _event(path: str | None) -> dict[str, Any] | None:
    """The event as GitHub wrote it; None if there is no file, or no JSON object in it."""
    try:
        event = json.loads(Path(path or "").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return event if isinstance(event, dict) else None
