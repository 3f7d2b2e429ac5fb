"""Options that several commands have, each with its flag, its variable and its words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_WHERE = "Where the build comes from (detected in CI and from git)"
GATE = "What the exit code says"
_BUCKET = "Where the builds are"
_OUTPUT = "Output"


def _named(variable: str, words: str, *flags: str, panel: str = _WHERE) -> object:
    return typer.Option(*flags, envvar=f"PIXELGATE_{variable}", help=words, rich_help_panel=panel)


Project = Annotated[str | None, _named("PROJECT", "The project.", "--project", "-p", panel=_BUCKET)]
Bucket = Annotated[
    str | None, _named("BUCKET", "The stack's bucket.", "--bucket", "-b", panel=_BUCKET)
]
ConfigFile = Annotated[
    Path | None,
    _named("CONFIG", "Instead of the nearest pixelgate.toml.", "--config", panel=_BUCKET),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print JSON on stdout; words go to stderr.", rich_help_panel=_OUTPUT
    ),
]
MaxMegapixels = Annotated[
    float | None,
    typer.Option(
        min=0.000001,
        envvar="PIXELGATE_MAX_MEGAPIXELS",
        help="The largest picture that is compared; 50. Each megapixel may take 30 MB of memory.",
    ),
]
Summary = Annotated[
    Path | None,
    typer.Option(
        help="Append a Markdown summary to this file; $GITHUB_STEP_SUMMARY gets one by itself.",
        rich_help_panel=_OUTPUT,
    ),
]
Junit = Annotated[
    Path | None, typer.Option(help="Write JUnit XML to this file.", rich_help_panel=_OUTPUT)
]

BuildOption = Annotated[str | None, _named("BUILD", "The build's id.", "--build")]
Commit = Annotated[str | None, _named("COMMIT", "The commit of the screenshots.", "--commit")]
Branch = Annotated[str | None, _named("BRANCH", "Its branch.", "--branch")]
BaseCommit = Annotated[
    str | None,
    _named("BASE_COMMIT", "What to compare with, as a commit.", "--base-commit"),
]
BaseBranch = Annotated[
    str | None,
    _named("BASE_BRANCH", "The branch it will be merged into.", "--base-branch"),
]
BaseBuild = Annotated[
    str | None, _named("BASE_BUILD", "What to compare with, as a build's id.", "--base-build")
]
Ancestors = Annotated[
    str | None,
    _named(
        "ANCESTORS",
        "Commits that may serve as the base, nearest first, with commas.",
        "--ancestors",
    ),
]
PullRequest = Annotated[
    str | None, _named("PULL_REQUEST", "The pull request's number.", "--pull-request")
]
CiUrl = Annotated[str | None, _named("CI_URL", "A link to the CI job.", "--ci-url")]
Fork = Annotated[
    bool | None,
    _named("FORK", "Whether it is somebody else's repository.", "--fork/--no-fork"),
]

Timeout = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        envvar="PIXELGATE_TIMEOUT",
        help="Seconds to wait for the result; 900.",
        rich_help_panel=GATE,
    ),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        help="What needs a review: of changed,added,removed,errored. All four if not said.",
        rich_help_panel=GATE,
    ),
]
ExitZero = Annotated[
    bool,
    typer.Option(
        "--exit-zero-on-changes",
        help="Exit with 0 where a review is needed.",
        rich_help_panel=GATE,
    ),
]
RequireBaseline = Annotated[
    bool,
    typer.Option(
        "--require-baseline",
        help="Exit with 4 if there was nothing to compare with.",
        rich_help_panel=GATE,
    ),
]

OptionalBuild = Annotated[
    str | None,
    typer.Argument(
        metavar="BUILD",
        envvar="PIXELGATE_BUILD",
        help="The build's id; this CI job's, or the newest of the project.",
    ),
]
