"""Options that several commands share, each with its flag, environment variable and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

_WHERE = "Origin of the build (detected from CI and git)"
GATE = "Waiting and exit code"
_BUCKET = "Project and bucket"
_OUTPUT = "Output"


def option(
    words: str, *flags: str, panel: str | None = None, variable: str = "", **more: Any
) -> object:
    """An option; its environment variable is PIXELGATE_ and `variable`, if it has one."""
    envvar = f"PIXELGATE_{variable}" if variable else None
    return typer.Option(*flags, envvar=envvar, help=words, rich_help_panel=panel, **more)


def _origin(words: str, *flags: str, variable: str) -> object:
    return option(words, *flags, panel=_WHERE, variable=variable)


def _seconds(words: str) -> object:
    return option(words, panel=GATE, variable="TIMEOUT", min=0, metavar="SECONDS")


Project = Annotated[
    str | None,
    option("Name of the project.", "--project", "-p", panel=_BUCKET, variable="PROJECT"),
]
Bucket = Annotated[
    str | None,
    option("Name of the stack's bucket.", "--bucket", "-b", panel=_BUCKET, variable="BUCKET"),
]
_CONFIG = "Configuration file. Default: the nearest pixelgate.toml."
ConfigFile = Annotated[Path | None, option(_CONFIG, "--config", panel=_BUCKET, variable="CONFIG")]
AsJson = Annotated[
    bool, option("Print JSON on stdout; messages go to stderr.", "--json", panel=_OUTPUT)
]
_MEGAPIXELS = "Largest image to compare. Default: 50. Each megapixel may take 30 MB of memory."
MaxMegapixels = Annotated[
    float | None, option(_MEGAPIXELS, variable="MAX_MEGAPIXELS", min=0.000001)
]
_SNAPSHOTS = "Which images are snapshots"
_LAYOUT = (
    "Runner that wrote the folder: auto, folder (no runner), playwright, cypress, "
    "jest-image-snapshot, storybook, vitest, webdriverio, swift-snapshot-testing, paparazzi, "
    "roborazzi, compose-preview, flutter, pytest, backstop, loki, argos. Default: auto."
)
Layout = Annotated[
    str | None, option(_LAYOUT, "--from", panel=_SNAPSHOTS, variable="FROM", metavar="LAYOUT")
]
_INCLUDE = "Take only snapshots whose names fit; * stands for any text. May be repeated."
Include = Annotated[
    list[str] | None, option(_INCLUDE, "--include", panel=_SNAPSHOTS, metavar="PATTERN")
]
_EXCLUDE = "Leave out snapshots whose names fit. May be repeated."
Exclude = Annotated[
    list[str] | None, option(_EXCLUDE, "--exclude", panel=_SNAPSHOTS, metavar="PATTERN")
]
_SUMMARY = "Append a Markdown summary to this file, besides the one in $GITHUB_STEP_SUMMARY."
Summary = Annotated[Path | None, option(_SUMMARY, panel=_OUTPUT)]
Junit = Annotated[Path | None, option("Write JUnit XML to this file.", panel=_OUTPUT)]

BuildOption = Annotated[str | None, _origin("Id of the build.", "--build", variable="BUILD")]
Commit = Annotated[
    str | None, _origin("Commit that the screenshots show.", "--commit", variable="COMMIT")
]
Branch = Annotated[str | None, _origin("Branch of the commit.", "--branch", variable="BRANCH")]
BaseCommit = Annotated[
    str | None, _origin("Commit to compare with.", "--base-commit", variable="BASE_COMMIT")
]
_BASE_BRANCH = "Branch that the change will be merged into."
BaseBranch = Annotated[str | None, _origin(_BASE_BRANCH, "--base-branch", variable="BASE_BRANCH")]
BaseBuild = Annotated[
    str | None, _origin("Id of the build to compare with.", "--base-build", variable="BASE_BUILD")
]
_ANCESTORS = "Commits that may serve as the base, nearest first, separated by commas."
Ancestors = Annotated[str | None, _origin(_ANCESTORS, "--ancestors", variable="ANCESTORS")]
PullRequest = Annotated[
    str | None,
    _origin("Number of the pull request.", "--pull-request", variable="PULL_REQUEST"),
]
CiUrl = Annotated[str | None, _origin("Link to the CI job.", "--ci-url", variable="CI_URL")]
_FORK = "Whether the build comes from a fork of the repository."
Fork = Annotated[bool | None, _origin(_FORK, "--fork/--no-fork", variable="FORK")]
_TRUNK = "Whether the build is a baseline branch's own. Default: in a CI job of the base branch."
Trunk = Annotated[bool | None, _origin(_TRUNK, "--trunk/--no-trunk", variable="TRUNK")]

Timeout = Annotated[float | None, _seconds("Seconds to wait for the result. Default: 900.")]
ReviewTimeout = Annotated[
    float | None, _seconds("Seconds to wait until the review is applied. Default: 120.")
]
_FAIL_ON = "Statuses that fail the command, from changed,added,removed,errored. Default: all."
FailOn = Annotated[str | None, option(_FAIL_ON, "--fail-on", panel=GATE)]
ExitZero = Annotated[
    bool, option("Exit with 0 even if a review is needed.", "--exit-zero-on-changes", panel=GATE)
]
_REQUIRE = "Exit with 4 if there was no baseline to compare with."
RequireBaseline = Annotated[bool, option(_REQUIRE, "--require-baseline", panel=GATE)]

OptionalBuild = Annotated[
    str | None,
    typer.Argument(
        metavar="BUILD",
        envvar="PIXELGATE_BUILD",
        help="Id of the build. Default: this CI job's, or the newest of the project.",
    ),
]
