"""`pixelgate import-baseline`: committed goldens become the first build to compare with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import Refused, UsageError

if TYPE_CHECKING:
    from pixelgate.ci.origin import BuildOrigin
    from pixelgate.client.layouts.select import Choice

_TO = "Copy the goldens to this folder, under their snapshots' names, instead of uploading them."
_REPLACE = "Import even if the project has a baseline, or the folder named by --to has files."


def import_baseline(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with the goldens. Default: `folder` in pixelgate.toml."),
    ] = None,
    to: Annotated[Path | None, o.option(_TO, "--to", metavar="FOLDER")] = None,
    replace_baseline: Annotated[bool, o.option(_REPLACE, "--replace")] = False,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    layout: o.Layout = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    build: o.BuildOption = None,
    commit: o.Commit = None,
    branch: o.Branch = None,
    base_branch: o.BaseBranch = None,
    wait: Annotated[bool, o.option("Wait for the result.", "--wait", panel=o.GATE)] = False,
    timeout: o.Timeout = None,
    as_json: o.AsJson = False,
) -> None:
    """Upload committed goldens as the first build of the base branch, which needs no review.

    Where a folder holds goldens and the pictures of a run, the goldens are taken, under the names
    that `upload` gives the pictures. Only the role of the baseline branch may do this, as its
    builds are compared with without a review; with --to it needs neither AWS nor a project.

    Exit code: 0 imported; 2 wrong usage or an error, or there is a baseline already; 3 no result
    in time.
    """
    context = Context(project, bucket, config)
    choice = context.config.choice(layout, include, exclude, expected=True)
    source = folder or context.config.folder
    if source is None:
        raise UsageError(
            "no folder is named: `pixelgate import-baseline FOLDER`, or `folder` in pixelgate.toml"
        )
    if to is not None:
        _copy(source, to, choice, replace=replace_baseline, as_json=as_json)
        return
    origin = _origin(context, commit, branch, base_branch)
    _check_allowed(context, origin, replace=replace_baseline)
    # Not the CI job's own id, which is that of the build that the job uploads.
    name = build or f"import-{origin.commit[:12]}"
    _upload(context, source, name, origin, choice, wait=wait, timeout=timeout, as_json=as_json)


def _origin(
    context: Context,
    commit: str | None,
    branch: str | None,
    base_branch: str | None,
) -> BuildOrigin:
    """Returns the origin of the goldens: a commit of the base branch.

    Raises:
        UsageError: they are another branch's, a pull request's or a fork's.
    """
    from pixelgate.ci.origin import Overrides

    context.project, context.bucket  # noqa: B018 - reports a missing option before git runs
    origin = context.origin(
        Overrides(commit=commit, branch=branch, base_branch=base_branch, trunk=True)
    )
    if origin.fork or origin.pull_request:
        whose = "a fork" if origin.fork else f"pull request #{origin.pull_request}"
        raise UsageError(f"this is a job of {whose}, whose goldens nobody has merged yet; {_RUN}")
    if origin.base_branch and origin.branch != origin.base_branch:
        raise UsageError(
            f"{origin.branch!r} is checked out, and baselines belong to {origin.base_branch!r}: "
            f"check that out, or pass --base-branch; if its goldens are the same, --branch"
        )
    return origin


_RUN = "run this once on the base branch, in a CI job with its role or with such credentials"


def _check_allowed(context: Context, origin: BuildOrigin, *, replace: bool) -> None:
    """Checks, before anything is sent, that the project has no baseline and we may make one.

    Raises:
        UsageError: there is a baseline, and it is not to be replaced.
        Refused: the credentials are not the baseline branch's.
    """
    from pixelgate.client.baselines import find_baseline
    from pixelgate.client.upload_manifest import WHOLE, build_id, key_of

    there = find_baseline(context.store, context.project, origin.base_branch or origin.branch)
    if there and not replace:
        raise UsageError(
            f"{context.project} has a build already that others are compared with, {there.build}: "
            "nothing was imported. `pixelgate upload` makes the next ones; to import all the same, "
            "pass --replace"
        )
    key = key_of(build_id(context.project, "import", fork=False, trunk=True), WHOLE)
    try:
        context.store.check_write(key)
    except Refused as error:
        raise Refused(
            f"{error}\nOnly the baseline branch's role may write builds that need no review: "
            f"{_RUN}; or `pixelgate upload` the goldens and let a reviewer approve that build"
        ) from error


def _upload(
    context: Context,
    source: Path,
    name: str,
    origin: BuildOrigin,
    choice: Choice,
    *,
    wait: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    from pixelgate.cli.console import say
    from pixelgate.cli.output import Reports, make_gate
    from pixelgate.cli.upload import end, send
    from pixelgate.client.upload_manifest import WHOLE

    uploaded = send(context, source, name, origin, WHOLE, choice)
    say(f"{uploaded.build} is what the builds of {origin.branch} and its branches begin with")
    gate = make_gate(None, True, False) if wait else None
    end(context, uploaded, gate, timeout, Reports(as_json))


def _copy(source: Path, to: Path, choice: Choice, *, replace: bool, as_json: bool) -> None:
    """Copies the goldens to a folder that `compare` and later runs take as they are."""
    from pixelgate.bootstrap import max_megapixels
    from pixelgate.cli.console import progress_bar, say
    from pixelgate.cli.scan import tell
    from pixelgate.client.baselines import copy_baseline
    from pixelgate.client.scan import scan

    with progress_bar(quiet=False) as progress:
        scanned = scan(source, progress, max_megapixels(), choice)
        if not scanned.entries:
            raise UsageError(scanned.selection.why_empty())
        tell(scanned.selection)
        copy_baseline(scanned, to, replace=replace)
    number = len(scanned.entries)
    say(f"copied {number:,} golden{'s' * (number != 1)} to {to}")
    if as_json:
        typer.echo(json.dumps({"folder": str(to), "images": number}))
