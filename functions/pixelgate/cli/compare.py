"""`pixelgate compare`: two folders of screenshots, on this machine, without AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.domain.policy import Sensitivity

if TYPE_CHECKING:
    from pixelgate.client.exit_code import Gate
    from pixelgate.client.result import Result
    from pixelgate.domain.comparison import Comparison
    from pixelgate.domain.policy_rules import Policies


def compare(
    base_dir: Annotated[Path, typer.Argument(help="The screenshots as they were.")],
    head_dir: Annotated[Path, typer.Argument(help="The screenshots as they are now.")],
    out: Annotated[
        Path, typer.Option(help="Where the report goes; an earlier report there is replaced.")
    ] = Path("pixelgate-report"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON on stdout and nothing else.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Any pixel that differs at all counts.")
    ] = False,
    sensitivity: Annotated[
        Sensitivity | None,
        typer.Option(help="How much a noise may explain; exact is the same as --strict."),
    ] = None,
    policy_file: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            help="A TOML file: what counts, for all snapshots and by name. The nearest "
            "pixelgate.toml if not named.",
        ),
    ] = None,
    max_changed_pixels: Annotated[
        int | None, typer.Option(min=0, help="This many changed pixels still pass.")
    ] = None,
    max_changed_ratio: Annotated[
        float | None, typer.Option(min=0, max=1, help="This share of changed pixels still passes.")
    ] = None,
    structural_threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="YIQ threshold of the pass that sees shapes; 0.15."),
    ] = None,
    sensitive_threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="YIQ threshold of the pass that sees recolours; 0.0225."),
    ] = None,
    count_antialiasing: Annotated[
        bool,
        typer.Option("--count-antialiasing", help="Count pixels that are only smoothed edges."),
    ] = False,
    inline: Annotated[
        bool,
        typer.Option("--inline", help="Write index.html as one file that can be mailed."),
    ] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Accept a head_dir without images.")
    ] = False,
    max_megapixels: o.MaxMegapixels = None,
    fail_on: o.FailOn = None,
    exit_zero: o.ExitZero = False,
    summary: o.Summary = None,
    junit: o.Junit = None,
) -> None:
    """Compare two folders of screenshots and write a report. No AWS is involved.

    PNG, JPEG and WebP images are matched by their path below each folder. Hidden files and folders
    are left out. Noise, as compression and font smoothing leave it, does not count; docs/verdict.md
    says what does.

    Exit code: 0 nothing to review; 1 something was changed, added, removed or could not be
    compared; 2 the comparison could not be made; 130 interrupted.
    """
    # Imported when they are needed: `--help` must not wait for the engine's libraries.
    from pixelgate.bootstrap import find_engine, open_pool
    from pixelgate.cli.console import console, progress_bar, show_summary
    from pixelgate.cli.output import Reports, make_gate, write
    from pixelgate.client.compare_folders import COMPARISON, REPORT, compare_folders

    gate = make_gate(fail_on, exit_zero, require_baseline=False)
    policies = _policies(
        policy_file,
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
        )
    comparison, report = out / COMPARISON, out / REPORT
    counts, verdict = result.comparison.counts, result.comparison.verdict
    if as_json:
        answer = {
            "verdict": verdict,
            "counts": counts.as_json(),
            "comparison": str(comparison),
            "report": str(report),
        }
        typer.echo(json.dumps(answer))
    else:
        show_summary(result.comparison)
        console().print(f"unique pairs of images diffed: {result.tally.diffed:,}")
        console().print("report:", str(report), markup=False)
    told = _result(result.comparison, gate)
    write(told, Reports(summary=summary, junit=junit))
    if told.exit:
        raise typer.Exit(told.exit)


def _policies(named: Path | None, options: dict[str, Any]) -> Policies:
    """What the file says, or the nearest pixelgate.toml, and on all of it what the options say."""
    from pixelgate.client.config import find_config, read_config

    config = read_config(named or find_config(Path.cwd()))
    return config.policies({k: v for k, v in options.items() if v is not None})


def _result(comparison: Comparison, gate: Gate) -> Result:
    """As a build's result, so that it is told in the same ways."""
    from pixelgate.client.result import Result

    said = comparison.as_json()
    kept = ("project", "verdict", "counts", "base", "baseline_reason")
    status = {name: said[name] for name in kept}
    return Result({**status, "build": said["head"], "state": "SUCCEEDED"}, said, gate)
