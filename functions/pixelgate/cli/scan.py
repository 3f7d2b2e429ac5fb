"""`pixelgate scan`: shows which images of a folder are snapshots; uploads nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o

if TYPE_CHECKING:
    from pixelgate.client.layouts.select import Selection, Taken
    from pixelgate.client.scan import Scan


def scan(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with the screenshots. Default: `folder` in pixelgate.toml."),
    ] = None,
    config: o.ConfigFile = None,
    layout: o.Layout = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    max_megapixels: o.MaxMegapixels = None,
    as_json: o.AsJson = False,
) -> None:
    """Show which images of a folder would be uploaded, and which not and why. Uploads nothing.

    It needs neither AWS nor a project.

    Exit code: 0 there are snapshots, and all can be uploaded; 2 there is none, or one cannot be.
    """
    from pixelgate.cli.console import progress_bar
    from pixelgate.cli.context import Context
    from pixelgate.client.scan import scan as read
    from pixelgate.errors import UsageError

    context = Context(None, None, config)
    source = folder or context.config.folder
    if source is None:
        raise UsageError(
            "no folder is named: `pixelgate scan FOLDER`, or `folder` in pixelgate.toml"
        )
    with progress_bar(quiet=as_json) as progress:
        choice = context.config.choice(layout, include, exclude)
        scanned = read(source, progress, max_megapixels, choice)
    if as_json:
        typer.echo(json.dumps(_fields(scanned), ensure_ascii=False))
    else:
        _show(scanned.selection)
    if not scanned.entries:
        raise UsageError(scanned.selection.why_empty())


def tell(*selections: Selection, briefly: bool = True) -> None:
    """Prints what was taken of folders and what was left out, unless they are plain folders.

    What was left out is told `briefly`: a number and an example for each reason.
    """
    from pixelgate.cli.console import warn

    for selection in selections:
        _tell(selection, briefly=briefly)
    unused = set.intersection(*({*selection.unused} for selection in selections))
    for pattern in sorted(unused):
        warn(f"the pattern {pattern!r} fits no name of a snapshot; is it misspelt?")


def _tell(selection: Selection, *, briefly: bool) -> None:
    from pixelgate.cli.console import say, warn

    if selection.left or selection.runners:
        by = f" ({', '.join(selection.runners)})" if selection.runners else ""
        number = len(selection.taken)
        say(f"{selection.folder}{by}: {number:,} snapshot{'s' * (number != 1)} taken")
    for line in selection.reasons() if briefly else ():
        say(f"  left out: {line}")
    for note in selection.notes:
        warn(note)


def _show(selection: Selection) -> None:
    from pixelgate.cli.console import say

    for taken in selection.taken.values():
        say(f"  {taken.name}{_words(taken)}")
    if selection.left:
        say("left out:")
    for one in selection.left:
        say(f"  {one.where}: {one.reason}")
    tell(selection, briefly=False)


def _words(taken: Taken) -> str:
    """Returns the tags of a snapshot, and how many attempts there were before it."""
    words = [*taken.tags.values()]
    if taken.attempts:
        words.append(f"attempt {len(taken.attempts) + 1}")
    return f"  [{', '.join(words)}]" if words else ""


def _fields(scanned: Scan) -> dict[str, Any]:
    """Returns what `--json` prints."""
    selection = scanned.selection
    images = [
        {
            "name": name,
            "file": entry.path.relative_to(selection.folder).as_posix(),
            **entry.fields(),
            "attempts": [
                {"file": path.relative_to(selection.folder).as_posix(), "sha256": sha256}
                for path, sha256 in zip(
                    selection.taken[name].attempts,
                    entry.attempts,
                    strict=True,
                )
            ],
        }
        for name, entry in scanned.entries.items()
    ]
    left = [
        {"file": one.where, "reason": one.reason, "failure": one.failure} for one in selection.left
    ]
    return {
        "folder": str(selection.folder),
        "from": list(selection.runners) or ["folder"],
        "images": images,
        "left_out": left,
        "notes": list(selection.notes),
    }
