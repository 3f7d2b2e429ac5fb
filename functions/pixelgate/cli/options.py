"""Options that several commands share, each with its flag, environment variable and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_WHERE = "Origin of the build (detected from CI and git)"
GATE = "Waiting and exit code"
_BUCKET = "Project and bucket"
_OUTPUT = "Output"


def _named(variable: str, words: str, *flags: str, panel: str = _WHERE) -> object:
    return typer.Option(*flags, envvar=f"PIXELGATE_{variable}", help=words, rich_help_panel=panel)


Project = Annotated[
    str | None, _named("PROJECT", "Name of the project.", "--project", "-p", panel=_BUCKET)
]
Bucket = Annotated[
    str | None, _named("BUCKET", "Name of the stack's bucket.", "--bucket", "-b", panel=_BUCKET)
]
ConfigFile = Annotated[
    Path | None,
    _named(
        "CONFIG",
        "Configuration file. Default: the nearest pixelgate.toml.",
        "--config",
        panel=_BUCKET,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print JSON on stdout; messages go to stderr.", rich_help_panel=_OUTPUT
    ),
]
MaxMegapixels = Annotated[
    float | None,
    typer.Option(
        min=0.000001,
        envvar="PIXELGATE_MAX_MEGAPIXELS",
        help="Largest image to compare. Default: 50. Each megapixel may take 30 MB of memory.",
    ),
]
Summary = Annotated[
    Path | None,
    typer.Option(
        help="Append a Markdown summary to this file, besides the one in $GITHUB_STEP_SUMMARY.",
        rich_help_panel=_OUTPUT,
    ),
]
Junit = Annotated[
    Path | None, typer.Option(help="Write JUnit XML to this file.", rich_help_panel=_OUTPUT)
]

BuildOption = Annotated[str | None, _named("BUILD", "Id of the build.", "--build")]
Commit = Annotated[str | None, _named("COMMIT", "Commit that the screenshots show.", "--commit")]
Branch = Annotated[str | None, _named("BRANCH", "Branch of the commit.", "--branch")]
BaseCommit = Annotated[
    str | None,
    _named("BASE_COMMIT", "Commit to compare with.", "--base-commit"),
]
BaseBranch = Annotated[
    str | None,
    _named("BASE_BRANCH", "Branch that the change will be merged into.", "--base-branch"),
]
BaseBuild = Annotated[
    str | None, _named("BASE_BUILD", "Id of the build to compare with.", "--base-build")
]
Ancestors = Annotated[
    str | None,
    _named(
        "ANCESTORS",
        "Commits that may serve as the base, nearest first, separated by commas.",
        "--ancestors",
    ),
]
PullRequest = Annotated[
    str | None, _named("PULL_REQUEST", "Number of the pull request.", "--pull-request")
]
CiUrl = Annotated[str | None, _named("CI_URL", "Link to the CI job.", "--ci-url")]
Fork = Annotated[
    bool | None,
    _named("FORK", "Whether the build comes from a fork of the repository.", "--fork/--no-fork"),
]
Trunk = Annotated[
    bool | None,
    _named(
        "TRUNK",
        "Whether the build is a baseline branch's own. Default: in a CI job of the base branch.",
        "--trunk/--no-trunk",
    ),
]

Timeout = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        envvar="PIXELGATE_TIMEOUT",
        help="Seconds to wait for the result. Default: 900.",
        rich_help_panel=GATE,
    ),
]
ReviewTimeout = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        envvar="PIXELGATE_TIMEOUT",
        help="Seconds to wait until the review is applied. Default: 120.",
        rich_help_panel=GATE,
    ),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        help="Statuses that fail the command, from changed,added,removed,errored. Default: all.",
        rich_help_panel=GATE,
    ),
]
ExitZero = Annotated[
    bool,
    typer.Option(
        "--exit-zero-on-changes",
        help="Exit with 0 even if a review is needed.",
        rich_help_panel=GATE,
    ),
]
RequireBaseline = Annotated[
    bool,
    typer.Option(
        "--require-baseline",
        help="Exit with 4 if there was no baseline to compare with.",
        rich_help_panel=GATE,
    ),
]

OptionalBuild = Annotated[
    str | None,
    typer.Argument(
        metavar="BUILD",
        envvar="PIXELGATE_BUILD",
        help="Id of the build. Default: this CI job's, or the newest of the project.",
    ),
]
