"""Detects the CI system that runs this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pixelgate.ci.deploys import netlify, vercel
from pixelgate.ci.detected import CiInfo, Variables
from pixelgate.ci.drone import drone, woodpecker
from pixelgate.ci.github import github
from pixelgate.ci.gitlab import gitlab
from pixelgate.ci.teamcity import teamcity
from pixelgate.ci.vendors import (
    appveyor,
    azure,
    bitbucket,
    buildkite,
    circleci,
    codebuild,
    jenkins,
    travis,
)

# The variable that each CI system sets. The order matters: an agent of Jenkins may run in a
# CodeBuild project, and an agent of Buildkite anywhere. Woodpecker may set Drone's variables, too.
_SIGNS: tuple[tuple[str, Callable[[Variables], CiInfo]], ...] = (
    ("GITLAB_CI", gitlab),
    ("BUILDKITE", buildkite),
    ("CIRCLECI", circleci),
    ("TF_BUILD", azure),
    ("JENKINS_URL", jenkins),
    ("BITBUCKET_BUILD_NUMBER", bitbucket),
    ("CODEBUILD_BUILD_ID", codebuild),
    ("DRONE", drone),
    ("TEAMCITY_VERSION", teamcity),
    ("TRAVIS", travis),
    ("APPVEYOR", appveyor),
)


def detect(environ: Mapping[str, str]) -> CiInfo:
    """Reads the variables of the CI system; returns an empty CiInfo if there is none."""
    v = Variables(environ)
    if v.has("GITHUB_ACTIONS"):
        return github(v, _event(v["GITHUB_EVENT_PATH"]))
    if v["CI"] == "woodpecker":
        return woodpecker(v)
    for sign, read in _SIGNS:
        if v.has(sign):
            return read(v)
    # Their tools set these variables on a developer's machine, too.
    if v.has("NETLIFY") and not (v.has("NETLIFY_LOCAL") or v.has("NETLIFY_DEV")):
        return netlify(v)
    if v.has("VERCEL") and v.has("CI") and v["VERCEL_ENV"] != "development":
        return vercel(v)
    return CiInfo()


def _event(path: str | None) -> dict[str, Any] | None:
    """Reads GitHub's event file; returns None if it is missing or not a JSON object."""
    try:
        event = json.loads(Path(path or "").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return event if isinstance(event, dict) else None
