"""`pixelgate upload` and `pixelgate finalize`: upload screenshots as a build."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import Refused, UsageError

if TYPE_CHECKING:
    from pixelgate.ci.origin import BuildOrigin
    from pixelgate.cli.output import Reports
    from pixelgate.client.exit_code import Gate
    from pixelgate.client.layouts.select import Choice
    from pixelgate.client.polling import Seen
    from pixelgate.client.scan import Scan
    from pixelgate.client.upload import Sent
    from pixelgate.client.upload_manifest import Extent, Shard
    from pixelgate.domain.keys import BuildId

_HOLDS = "Contents of the upload"
_SELECTIVE = "Only a part of the suite ran: missing snapshots count as skipped, not removed."
_NAMES = (
    "File with all names of the suite, one a line. A selective upload needs it to find removed "
    "snapshots."
)
_SHARD = (
    "This is shard I of N; `auto` takes the numbers from the CI system. If N is not known, pass "
    "`I` and run `pixelgate finalize` after the last one."
)
_PARALLEL_ID = (
    "Id that all shards of a build share; it becomes the build's id. Default in CI: the "
    "pipeline's id."
)
# What --json prints of the origin.
_ORIGIN = ("commit", "branch", "base_commit", "base_branch", "pull_request")


def upload(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with the screenshots. Default: `folder` in pixelgate.toml."),
    ] = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    layout: o.Layout = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    selective: Annotated[bool, o.option(_SELECTIVE, "--selective", panel=_HOLDS)] = False,
    all_names: Annotated[Path | None, o.option(_NAMES, panel=_HOLDS, metavar="FILE")] = None,
    shard: Annotated[
        str | None, o.option(_SHARD, panel=_HOLDS, variable="SHARD", metavar="I/N")
    ] = None,
    parallel_id: Annotated[
        str | None, o.option(_PARALLEL_ID, panel=_HOLDS, variable="PARALLEL_ID")
    ] = None,
    allow_empty: Annotated[
        bool, o.option("Accept a folder without images.", "--allow-empty", panel=_HOLDS)
    ] = False,
    build: o.BuildOption = None,
    commit: o.Commit = None,
    branch: o.Branch = None,
    base_commit: o.BaseCommit = None,
    base_branch: o.BaseBranch = None,
    base_build: o.BaseBuild = None,
    ancestors: o.Ancestors = None,
    pull_request: o.PullRequest = None,
    ci_url: o.CiUrl = None,
    fork: o.Fork = None,
    trunk: o.Trunk = None,
    wait: Annotated[bool, o.option("Wait for the result.", "--wait", panel=o.GATE)] = False,
    timeout: o.Timeout = None,
    fail_on: o.FailOn = None,
    exit_zero: o.ExitZero = False,
    require_baseline: o.RequireBaseline = False,
    as_json: o.AsJson = False,
    summary: o.Summary = None,
    junit: o.Junit = None,
) -> None:
    """Upload a folder of screenshots as a build; with --wait, wait for the result.

    Only images that the project does not have yet are sent. After an interruption, run the same
    command again to continue. Where a test runner wrote the folder, its diffs, failures and
    earlier attempts are left out, and named. A file `x.json` beside `x.png` can hold display_name,
    group, tags, description, policy and context of that snapshot.

    Exit code: 0 uploaded, and with --wait passed, approved, or nothing to compare with; 1 needs
    review or rejected; 2 wrong usage or an error; 3 no result in time; 4 no baseline, with
    --require-baseline; 130 interrupted.
    """
    from pixelgate.ci.origin import Overrides
    from pixelgate.cli.output import Reports, make_gate
    from pixelgate.client.upload import read_names
    from pixelgate.client.upload_manifest import Extent

    context = Context(project, bucket, config)
    gate = make_gate(fail_on, exit_zero, require_baseline)
    overrides = Overrides(
        commit=commit,
        branch=branch,
        base_commit=base_commit,
        base_branch=base_branch,
        base_build=base_build,
        pull_request=pull_request,
        ci_url=ci_url,
        build=build,
        fork=fork,
        trunk=trunk,
        ancestors=_split(ancestors),
    )
    context.project, context.bucket  # noqa: B018 - reports a missing option before git runs
    origin = context.origin(overrides)
    extent = Extent(
        selective=selective or all_names is not None,
        all_names=read_names(all_names) if all_names else None,
        shard=_shard(shard, origin),
        allow_empty=allow_empty,
    )
    name = _build_name(build, parallel_id, extent, origin)
    choice = context.config.choice(layout, include, exclude)
    uploaded = send(context, folder, name, origin, extent, choice)
    end(context, uploaded, gate if wait else None, timeout, Reports(as_json, summary, junit))


def end(
    context: Context,
    uploaded: Uploaded,
    gate: Gate | None,
    timeout: float | None,
    reports: Reports,
) -> None:
    """Waits for the result and exits with its code; without a gate only prints what was sent."""
    from pixelgate.cli.output import await_result

    if gate:
        await_result(
            *(context, uploaded.build, timeout, gate, reports),
            before=uploaded.before,
            notes=uploaded.origin.notes,
            extra=uploaded.as_json(),
        )
    elif reports.as_json:
        typer.echo(json.dumps(uploaded.as_json(), ensure_ascii=False))


def send(
    context: Context,
    folder: Path | None,
    name: str,
    origin: BuildOrigin,
    extent: Extent,
    choice: Choice,
) -> Uploaded:
    """Scans the folder, sends the images and writes the manifest."""
    from pixelgate.bootstrap import max_megapixels
    from pixelgate.cli.console import progress_bar, say, warn
    from pixelgate.cli.scan import tell
    from pixelgate.client.scan import scan
    from pixelgate.client.upload import check_unused, send_images, send_plain, submit
    from pixelgate.client.upload_manifest import build_id, key_of, manifest_of

    for note in origin.notes:
        warn(note)
    source = folder or context.config.folder
    if source is None:
        raise UsageError(
            "no folder is named: `pixelgate upload FOLDER`, or `folder` in pixelgate.toml"
        )
    build = build_id(context.project, name, fork=origin.fork, trunk=origin.trunk)
    with progress_bar(quiet=False) as progress:
        scanned = scan(source, progress, max_megapixels(), choice)
        _check_not_empty(scanned, extent)
        tell(scanned.selection)
        for warning in scanned.warnings:
            warn(warning)
        # A fork's role cannot write shared images, so that it cannot replace one with a wrong one.
        images = None if origin.fork else scanned.fields()
        if origin.fork and any(entry.sidecar for entry in scanned.entries.values()):
            warn("the build is a fork's: its sidecar files are ignored")
        body = manifest_of(build, origin, images, context.config, extent)
        key = key_of(build, extent)
        if not origin.fork:  # a fork's role cannot read manifests, and its manifest lists no images
            check_unused(context.store, key, body, lambda: _look(context, build).status)
        if origin.fork:
            sent = send_plain(context.store, build, scanned, progress)
        else:
            sent = send_images(context.store, build.project, scanned, progress)
        before = _look(context, build)
        submit(context.store, key, body, before.status)
    part = f", shard {extent.shard.index} of {extent.shard.total or '?'}" if extent.shard else ""
    say(f"uploaded {build}{part}: {sent.images:,} snapshots of {origin.commit[:12]}")
    return Uploaded(build, origin, key, sent, before)


def _look(context: Context, build: BuildId) -> Seen:
    """Reads the status before the upload; a role that may only upload cannot, and needs none."""
    from pixelgate.client.polling import NOTHING_SEEN, look

    try:
        return look(context.store, build)
    except Refused:
        return NOTHING_SEEN


@dataclass(frozen=True)
class Uploaded:
    """A build whose manifest has been written."""

    build: BuildId
    origin: BuildOrigin
    manifest: str  # its key
    sent: Sent
    before: Seen  # the build's status before the upload

    def as_json(self) -> dict[str, Any]:
        """Returns the fields that `--json` prints for an upload."""
        sent = self.sent
        return {
            "project": self.build.project,
            "build": self.build.build,
            "manifest": self.manifest,
            **{name: getattr(self.origin, name) for name in _ORIGIN},
            "images": sent.images,
            "unique_images": sent.unique,
            "already_there": sent.present,
            "uploaded": sent.uploaded,
            "notes": list(self.origin.notes),
        }


def finalize(
    parallel_id: Annotated[
        str | None,
        typer.Argument(
            metavar="PARALLEL_ID",
            envvar="PIXELGATE_PARALLEL_ID",
            help="The id passed to `upload --parallel-id`. Default in CI: the pipeline's id.",
        ),
    ] = None,
    total: Annotated[
        int | None, typer.Option(min=1, help="Number of shards; the build fails if one is missing.")
    ] = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    trunk: o.Trunk = None,
    as_json: o.AsJson = False,
) -> None:
    """Mark a build as complete, after all of its shards are uploaded.

    Needed only where a job does not know the number of shards, and so uploads with `--shard 2`
    instead of `--shard 2/4`.

    Exit code: 0 marked; 2 wrong usage or an error.
    """
    import os

    from pixelgate.ci.detect import detect
    from pixelgate.cli.console import say
    from pixelgate.client.upload import finalize as write_finalize
    from pixelgate.client.upload_manifest import build_id

    context = Context(project, bucket, config)
    ci = detect(os.environ)
    name = parallel_id or _no_id(ci.run)
    build = build_id(context.project, name, fork=ci.fork, trunk=context.is_trunk(ci, trunk))
    key = write_finalize(context.store, build, total)
    say(f"marked {build} as complete{f', with {total} shards' if total else ''}")
    if as_json:
        typer.echo(json.dumps({"project": build.project, "build": build.build, "manifest": key}))


def _no_id(run: str | None) -> str:
    if run is None:
        raise UsageError("no build is named: pass the parallel id, or set PIXELGATE_PARALLEL_ID")
    return run


def _check_not_empty(scanned: Scan, extent: Extent) -> None:
    if not scanned.entries and not extent.allow_empty:
        raise UsageError(
            f"{scanned.selection.why_empty()}\n"
            "Did the tests write elsewhere? To upload a build without images, pass --allow-empty"
        )


def _shard(option: str | None, origin: BuildOrigin) -> Shard | None:
    """Parses `2/4`, `2` or `auto`."""
    from pixelgate.cli.console import warn
    from pixelgate.client.upload_manifest import Shard

    if option is None:
        if origin.shard:
            index, total = origin.shard
            warn(
                f"this is job {index} of {total} parallel jobs: if each of them uploads a shard of "
                "one build, pass --shard auto"
            )
        return None
    if option == "auto":
        if origin.shard is None:
            raise UsageError(
                "--shard auto: the CI system does not number its jobs here; pass --shard I/N"
            )
        return Shard(*origin.shard)
    match = re.fullmatch(r"([1-9][0-9]{0,4})(?:/([1-9][0-9]{0,4}))?", option.strip())
    shard = Shard(int(match[1]), int(match[2] or 0)) if match else None
    if shard is None or (shard.total and shard.index > shard.total):
        raise UsageError(f"--shard {option}: it must be I/N, such as 2/4, with I from 1 to N")
    return shard


def _build_name(
    build: str | None, parallel_id: str | None, extent: Extent, origin: BuildOrigin
) -> str:
    """Returns the build's id: an option, the CI job's id, or one made of commit and time."""
    if extent.shard:
        name = parallel_id or build or origin.run
        if name is None:
            raise UsageError(
                "--shard needs --parallel-id (or PIXELGATE_PARALLEL_ID), which all shards share"
            )
        return name
    if parallel_id:
        raise UsageError("--parallel-id needs --shard I/N: which shard of the build is this?")
    if origin.build:
        return origin.build
    return f"{origin.commit[:12]}-{datetime.now(UTC):%Y%m%dT%H%M%S}"


def _split(option: str | None) -> tuple[str, ...] | None:
    if option is None:
        return None
    return tuple(word for word in option.replace(",", " ").split() if word)
