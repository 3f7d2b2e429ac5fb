"""`pixelgate compare`: compares two folders of screenshots on this machine, without AWS."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.domain.policy import Sensitivity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixelgate.client.config import Config
    from pixelgate.client.exit_code import Gate
    from pixelgate.client.result import Result
    from pixelgate.domain.comparison import Comparison
    from pixelgate.domain.learned_noise import LearnedNoise
    from pixelgate.domain.policy_rules import Policies

_POLICY = (
    "TOML file with the policy for all snapshots, and rules for some. Default: the nearest "
    "pixelgate.toml."
)
_RATIO = "Let a snapshot pass with up to this share of its pixels changed."
_LEARNED = (
    "File with noise that was learned of these snapshots: a copy of "
    "builds/PROJECT/@history/noise.json of the bucket."
)
_STRUCTURAL = "Colour distance (YIQ) at which a change of shape counts. Default: 0.15."
_SENSITIVE = "Colour distance (YIQ) at which a change of colour counts. Default: 0.0225."


def compare(
    base_dir: Annotated[Path, typer.Argument(help="Folder with the old screenshots.")],
    head_dir: Annotated[Path, typer.Argument(help="Folder with the new screenshots.")],
    out: Annotated[
        Path, o.option("Folder for the report; replaces an earlier report in it.")
    ] = Path("pixelgate-report"),
    as_json: Annotated[
        bool, o.option("Print only the result, as JSON on stdout.", "--json")
    ] = False,
    strict: Annotated[
        bool, o.option("Count every pixel that differs, however little.", "--strict")
    ] = False,
    sensitivity: Annotated[
        Sensitivity | None,
        o.option("How much harmless noise to ignore; exact is the same as --strict."),
    ] = None,
    policy_file: Annotated[Path | None, o.option(_POLICY, "--policy")] = None,
    max_changed_pixels: Annotated[
        int | None, o.option("Let a snapshot pass with up to this many changed pixels.", min=0)
    ] = None,
    max_changed_ratio: Annotated[float | None, o.option(_RATIO, min=0, max=1)] = None,
    structural_threshold: Annotated[float | None, o.option(_STRUCTURAL, min=0, max=1)] = None,
    sensitive_threshold: Annotated[float | None, o.option(_SENSITIVE, min=0, max=1)] = None,
    count_antialiasing: Annotated[
        bool, o.option("Count pixels that differ only by anti-aliasing.", "--count-antialiasing")
    ] = False,
    open_it: Annotated[
        bool,
        o.option(
            "Serve the report and open a browser, until Ctrl-C (only on a terminal).", "--open"
        ),
    ] = False,
    inline: Annotated[
        bool, o.option("Write the report as one file, with its images inside.", "--inline")
    ] = False,
    allow_empty: Annotated[
        bool, o.option("Accept a head folder without images.", "--allow-empty")
    ] = False,
    learned_file: Annotated[Path | None, o.option(_LEARNED, "--learned")] = None,
    layout: o.Layout = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    max_megapixels: o.MaxMegapixels = None,
    fail_on: o.FailOn = None,
    exit_zero: o.ExitZero = False,
    summary: o.Summary = None,
    junit: o.Junit = None,
) -> None:
    """Compare two folders of screenshots and write a report. No AWS is involved.

    PNG, JPEG and WebP images are matched by their path below each folder. Where a test runner wrote
    the folder, its diffs, failures and earlier attempts are left out, and named. Harmless noise,
    such as from compression or font smoothing, does not count as a change; docs/verdict.md lists
    the rules.

    Exit code: 0 nothing to review; 1 a snapshot was changed, added, removed or could not be
    compared; 2 wrong usage or an error; 130 interrupted.
    """
    from pixelgate.engine.compiled import check_installed

    check_installed()
    # Imported here so that `--help` does not load the engine's libraries.
    from pixelgate.bootstrap import find_engine, open_pool
    from pixelgate.cli.console import console, progress_bar, show_summary
    from pixelgate.cli.output import Reports, make_gate, write
    from pixelgate.cli.scan import tell
    from pixelgate.client.compare_folders import compare_folders
    from pixelgate.domain.keys import COMPARISON, REPORT
    from pixelgate.domain.review_request import quarantine_of

    gate = make_gate(fail_on, exit_zero, require_baseline=False)
    config = _config(policy_file)
    policies = _policies(
        config,
        {
            "structural_threshold": structural_threshold,
            "sensitive_threshold": sensitive_threshold,
            "antialiasing": False if count_antialiasing else None,
            "max_changed_pixels": max_changed_pixels,
            "max_changed_ratio": max_changed_ratio,
            "strict": strict or None,
            "sensitivity": sensitivity,
        },
    )
    engine = find_engine()
    with (
        open_pool(engine, max_megapixels=max_megapixels) as pool,
        progress_bar(quiet=as_json) as progress,
    ):
        result = compare_folders(
            base_dir,
            head_dir,
            out,
            pool=pool,
            engine=engine.label,
            policies=policies,
            allow_empty=allow_empty,
            inline=inline,
            progress=progress,
            choice=config.choice(layout, include, exclude),
            learned=_learned(learned_file),
            quarantine=config.quarantine,
        )
    tell(*result.selections)
    comparison, report = out / COMPARISON, out / REPORT
    verdict = result.comparison.verdict
    if as_json:
        fields: dict[str, Any] = {
            "verdict": verdict,
            "counts": result.comparison.all_counts,
            "comparison": str(comparison),
            "report": str(report),
        }
        if quarantine := quarantine_of(result.comparison):
            fields["quarantine"] = quarantine
        typer.echo(json.dumps(fields))
    else:
        show_summary(result.comparison)
        console().print(f"unique pairs of images diffed: {result.tally.diffed:,}")
        console().print("report:", str(report), markup=False)
    outcome = _result(result.comparison, gate)
    write(outcome, Reports(summary=summary, junit=junit))
    if open_it and sys.stderr.isatty():
        _show(out)
    if outcome.exit:
        raise typer.Exit(outcome.exit)


def _show(out: Path) -> None:
    """Serves the report; after Ctrl-C the exit code is that of the comparison."""
    from pixelgate.cli.serve import show
    from pixelgate.client.serve import of_folder

    with suppress(KeyboardInterrupt):
        show(of_folder(out), "/", open_it=True)


def _config(named: Path | None) -> Config:
    """Reads the named file or the nearest pixelgate.toml."""
    from pixelgate.client.config import find_config, read_config

    return read_config(named or find_config(Path.cwd()))


def _learned(named: Path | None) -> Mapping[str, LearnedNoise]:
    """Reads what was learned of the snapshots' noise; nothing without a file."""
    from pixelgate.domain.learned_noise import decode
    from pixelgate.errors import UsageError, why_unread

    if named is None:
        return {}
    try:
        return decode(named.read_bytes())
    except OSError as error:
        raise UsageError(f"{named}: {why_unread(error)}") from error
    except ValueError as error:
        raise UsageError(
            f"{named}: {error}; name a copy of builds/PROJECT/@history/noise.json of the bucket"
        ) from error


def _policies(config: Config, options: dict[str, Any]) -> Policies:
    """Returns the file's policies; options override them."""
    return config.policies({k: v for k, v in options.items() if v is not None})


def _result(comparison: Comparison, gate: Gate) -> Result:
    """Turns a local comparison into a `Result`, so that the same code writes its summaries."""
    from pixelgate.client.result import Result
    from pixelgate.domain.review_request import quarantine_of

    fields = comparison.as_json()
    names = ("project", "verdict", "counts", "base", "baseline_reason")
    status = {name: fields[name] for name in names}
    if quarantine := quarantine_of(comparison):
        status["quarantine"] = quarantine
    return Result({**status, "build": fields["head"], "state": "SUCCEEDED"}, fields, gate)
