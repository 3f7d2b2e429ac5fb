"""`pixelgate upload` and `pixelgate finalize`: screenshots become a build."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import Refused, UsageError

if TYPE_CHECKING:
    from pixelgate.ci.origin import BuildOrigin
    from pixelgate.client.polling import Seen
    from pixelgate.client.scan import Scan
    from pixelgate.client.upload import Sent
    from pixelgate.client.upload_manifest import Extent, Shard
    from pixelgate.domain.keys import BuildId

_HOLDS = "What the upload holds"


def upload(
    folder: Annotated[
        Path | None,
        typer.Argument(help="The screenshots; `folder` of pixelgate.toml if not named."),
    ] = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    selective: Annotated[
        bool,
        typer.Option(
            "--selective",
            help="Only a part of the suite ran: what is not here was skipped, not removed.",
            rich_help_panel=_HOLDS,
        ),
    ] = False,
    all_names: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The names of the whole suite, one a line: a selective upload that knows what "
            "was removed.",
            rich_help_panel=_HOLDS,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            envvar="PIXELGATE_SHARD",
            metavar="I/N",
            help="This is part I of N; `auto` takes the CI system's numbers; `I` alone leaves N to "
            "`pixelgate finalize`.",
            rich_help_panel=_HOLDS,
        ),
    ] = None,
    parallel_id: Annotated[
        str | None,
        typer.Option(
            envvar="PIXELGATE_PARALLEL_ID",
            help="What the parts of a build have in common; it becomes the build's id. In CI it is "
            "the pipeline's.",
            rich_help_panel=_HOLDS,
        ),
    ] = None,
    allow_empty: Annotated[
        bool,
        typer.Option("--allow-empty", help="Having no images is meant.", rich_help_panel=_HOLDS),
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
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the result.", rich_help_panel=o.GATE)
    ] = False,
    timeout: o.Timeout = None,
    fail_on: o.FailOn = None,
    exit_zero: o.ExitZero = False,
    require_baseline: o.RequireBaseline = False,
    as_json: o.AsJson = False,
    summary: o.Summary = None,
    junit: o.Junit = None,
) -> None:
    """Upload a folder of screenshots as a build, and with --wait learn what became of it.

    Only images that the project does not have yet are sent; run again after an interruption, it
    goes on. What lies beside `x.png` as `x.json` (display_name, group, tags, description, policy,
    context) goes with it.

    Exit code: 0 uploaded, and with --wait passed, approved, or the first upload; 1 needs review or
    was rejected; 2 wrong usage, or it could not be done; 3 there was no result in time; 4 there was
    no baseline and --require-baseline asks for one; 130 interrupted.
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
        ancestors=_split(ancestors),
    )
    context.project, context.bucket  # noqa: B018 - what is missing is told before git is asked
    origin = context.origin(overrides)
    extent = Extent(
        selective=selective or all_names is not None,
        all_names=read_names(all_names) if all_names else None,
        shard=_shard(shard, origin),
        allow_empty=allow_empty,
    )
    name = _build_name(build, parallel_id, extent, origin)
    reports = Reports(as_json, summary, junit)
    _upload(context, folder, name, origin, extent).tell(wait, timeout, gate, reports)


def _upload(
    context: Context, folder: Path | None, name: str, origin: BuildOrigin, extent: Extent
) -> Uploaded:
    """Scans, sends images, writes the manifest."""
    from pixelgate.bootstrap import max_megapixels
    from pixelgate.cli.console import progress_bar, say, warn
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
    build = build_id(context.project, name, fork=origin.fork)
    with progress_bar(quiet=False) as progress:
        found = scan(source, progress, max_megapixels())
        _check_not_empty(found, source, extent)
        for warning in found.warnings:
            warn(warning)
        # A fork may not write where images are shared, so that it cannot put a wrong one there.
        images = None if origin.fork else found.fields()
        if origin.fork and any(entry.sidecar for entry in found.entries.values()):
            warn("the build is a fork's: what its sidecar files say is not uploaded")
        body = manifest_of(build, origin, images, context.config, extent)
        key = key_of(build, extent)
        if not origin.fork:  # whose role reads no manifests, and whose manifest names no images
            check_unused(context.store, key, body, lambda: _look(context, build).status)
        if origin.fork:
            sent = send_plain(context.store, build, found, progress)
        else:
            sent = send_images(context.store, build.project, found, progress)
        before = _look(context, build)
        submit(context.store, key, body, before.status)
    part = f", part {extent.shard.index} of {extent.shard.total or '?'}" if extent.shard else ""
    say(f"uploaded {build}{part}: {sent.images:,} snapshots of {origin.commit[:12]}")
    return Uploaded(context, build, origin, key, sent, before)


def _look(context: Context, build: BuildId) -> Seen:
    """The status before the upload. A role that may only upload sees none, and needs none."""
    from pixelgate.client.polling import NOTHING_SEEN, look

    try:
        return look(context.store, build)
    except Refused:
        return NOTHING_SEEN


class Uploaded:
    """A build whose manifest is written."""

    def __init__(
        self,
        context: Context,
        build: BuildId,
        origin: BuildOrigin,
        key: str,
        sent: Sent,
        before: Any,
    ) -> None:
        self._context = context
        self._build = build
        self._origin = origin
        self._key = key
        self._sent = sent
        self._before = before

    def tell(self, wait: bool, timeout: float | None, gate: Any, reports: Any) -> None:
        """Says what was done and, if asked to, waits for what becomes of it."""
        from pixelgate.cli.console import progress_bar
        from pixelgate.cli.output import DEFAULT_TIMEOUT, conclude
        from pixelgate.client.polling import wait_for_result

        if not wait:
            if reports.as_json:
                typer.echo(json.dumps(self.as_json(), ensure_ascii=False))
            return
        seconds = timeout or self._context.config.fields.timeout or DEFAULT_TIMEOUT
        with progress_bar(quiet=False) as progress:
            seen = wait_for_result(
                self._context.store, self._build, seconds, before=self._before, progress=progress
            )
        conclude(
            self._context,
            self._build,
            seen,
            gate,
            reports,
            timeout=seconds,
            notes=self._origin.notes,
            extra=self.as_json(),
        )

    def as_json(self) -> dict[str, Any]:
        """What `--json` says of an upload."""
        sent, origin = self._sent, self._origin
        return {
            "project": self._build.project,
            "build": self._build.build,
            "manifest": self._key,
            "commit": origin.commit,
            "branch": origin.branch,
            "base_commit": origin.base_commit,
            "base_branch": origin.base_branch,
            "pull_request": origin.pull_request,
            "images": sent.images,
            "unique_images": sent.unique,
            "already_there": sent.present,
            "uploaded": sent.uploaded,
            "notes": list(origin.notes),
        }


def finalize(
    parallel_id: Annotated[
        str | None,
        typer.Argument(
            metavar="PARALLEL_ID",
            envvar="PIXELGATE_PARALLEL_ID",
            help="As in `upload --parallel-id`; in CI it is the pipeline's.",
        ),
    ] = None,
    total: Annotated[int | None, typer.Option(min=1, help="How many parts there must be.")] = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Say that all parts of a build are uploaded.

    Needed where the parts do not know how many they are (`--shard 2` instead of `--shard 2/4`).
    A part that --total counts and that is missing makes the build fail.

    Exit code: 0 said; 2 wrong usage, or it could not be done.
    """
    import os

    from pixelgate.ci.detect import detect
    from pixelgate.cli.console import say
    from pixelgate.client.upload import finalize as write_finalize
    from pixelgate.client.upload_manifest import build_id

    context = Context(project, bucket, config)
    found = detect(os.environ)
    build = build_id(context.project, parallel_id or _no_id(found.run), fork=found.fork)
    key = write_finalize(context.store, build, total)
    say(f"all parts of {build} are in{f', {total} of them' if total else ''}")
    if as_json:
        typer.echo(json.dumps({"project": build.project, "build": build.build, "manifest": key}))


def _no_id(run: str | None) -> str:
    if run is None:
        raise UsageError("which build? Pass the parallel id, or set PIXELGATE_PARALLEL_ID")
    return run


def _check_not_empty(found: Scan, source: Path, extent: Extent) -> None:
    if not found.entries and not extent.allow_empty:
        raise UsageError(
            f"there is no image (PNG, JPEG, WebP) in {source}. Did the tests write elsewhere? "
            "If having none is meant, pass --allow-empty"
        )


def _shard(said: str | None, origin: BuildOrigin) -> Shard | None:
    """`2/4`, `2`, or `auto` as a shard."""
    from pixelgate.cli.console import warn
    from pixelgate.client.upload_manifest import Shard

    if said is None:
        if origin.shard:
            index, total = origin.shard
            warn(
                f"this is job {index} of {total} of a split one: if each uploads a part of one "
                "build, pass --shard auto"
            )
        return None
    if said == "auto":
        if origin.shard is None:
            raise UsageError(
                "--shard auto: no CI system here says which part of a job this is; pass --shard I/N"
            )
        return Shard(*origin.shard)
    found = re.fullmatch(r"([1-9][0-9]{0,4})(?:/([1-9][0-9]{0,4}))?", said.strip())
    shard = Shard(int(found[1]), int(found[2] or 0)) if found else None
    if shard is None or (shard.total and shard.index > shard.total):
        raise UsageError(f"--shard {said}: it takes I/N, such as 2/4, with I from 1 to N")
    return shard


def _build_name(
    build: str | None, parallel_id: str | None, extent: Extent, origin: BuildOrigin
) -> str:
    """The build's id: what was said, what CI says, or one of this moment."""
    if extent.shard:
        name = parallel_id or build or origin.run
        if name is None:
            raise UsageError(
                "--shard needs --parallel-id (or PIXELGATE_PARALLEL_ID), which all parts share"
            )
        return name
    if parallel_id:
        raise UsageError("--parallel-id goes with --shard: which part of the build is this?")
    if origin.build:
        return origin.build
    return f"{origin.commit[:12]}-{datetime.now(UTC):%Y%m%dT%H%M%S}"


def _split(said: str | None) -> tuple[str, ...] | None:
    if said is None:
        return None
    return tuple(word for word in said.replace(",", " ").split() if word)
