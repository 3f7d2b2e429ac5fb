"""`pixelgate replay`: judges past comparisons under another rule, against what people decided."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.cli.history import csv_of
from pixelgate.domain.policy import Sensitivity
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.bootstrap import Engine
    from pixelgate.client.counted import CountedBucket
    from pixelgate.client.replay import Plan, Reading, Rule, Versions
    from pixelgate.past.model import Past
    from pixelgate.past.replay import Answer, Replayed
    from pixelgate.ports import DifferPool, Thumbnailer

_RULE = "The other rule"
_COST = "Cost"
_SINCE = "What is older is left out."
_POLICY = (
    "TOML file whose policy and rules take the place of those that the builds had, such as a "
    "changed pixelgate.toml."
)
_THRESHOLD = (
    "Colour distance (YIQ) from which a pixel is in the mask: --sensitive-threshold, and "
    "--structural-threshold if that is lower."
)
_STORED_ONLY = (
    "Measure nothing: differences that only their images can tell are counted as unknown."
)
_RECOMPUTE = "Measure every difference from its images, though stored measurements suffice."
_MAX_USD = "Stop before more than this is spent on S3's requests and transfer, in US dollars."
_OUT = (
    "Folder for two reports with pictures: what would be quiet, and what would be loud. An "
    "interrupted run goes on there."
)


def replay(
    since: Annotated[str, typer.Option(metavar="DAYSd|DATE", help=_SINCE)] = "30d",
    branch: Annotated[
        str | None, typer.Option(help="Only builds of this branch and of no pull request.")
    ] = None,
    policy_file: Annotated[Path | None, o.option(_POLICY, "--policy", panel=_RULE)] = None,
    strict: Annotated[
        bool, o.option("Count every pixel that differs, however little.", "--strict", panel=_RULE)
    ] = False,
    sensitivity: Annotated[
        Sensitivity | None, o.option("How much harmless noise to ignore.", panel=_RULE)
    ] = None,
    threshold: Annotated[float | None, o.option(_THRESHOLD, panel=_RULE, min=0, max=1)] = None,
    sensitive_threshold: Annotated[
        float | None,
        o.option("Colour distance at which a change of colour counts.", panel=_RULE, min=0, max=1),
    ] = None,
    structural_threshold: Annotated[
        float | None,
        o.option("Colour distance at which a change of shape counts.", panel=_RULE, min=0, max=1),
    ] = None,
    count_antialiasing: Annotated[
        bool,
        o.option(
            "Count pixels that differ only by anti-aliasing.", "--count-antialiasing", panel=_RULE
        ),
    ] = False,
    max_changed_pixels: Annotated[
        int | None,
        o.option("Let a snapshot pass with up to this many changed pixels.", panel=_RULE, min=0),
    ] = None,
    max_changed_ratio: Annotated[
        float | None,
        o.option(
            "Let a snapshot pass with up to this share of its pixels changed.",
            panel=_RULE,
            min=0,
            max=1,
        ),
    ] = None,
    recompute: Annotated[bool, o.option(_RECOMPUTE, "--recompute")] = False,
    stored_only: Annotated[bool, o.option(_STORED_ONLY, "--stored-only")] = False,
    max_usd: Annotated[float, o.option(_MAX_USD, panel=_COST, min=0, metavar="USD")] = 1.0,
    yes: Annotated[
        bool, o.option("Fetch images without asking.", "--yes", "-y", panel=_COST)
    ] = False,
    dry_run: Annotated[
        bool, o.option("Only say what would be done and what it costs.", "--dry-run", panel=_COST)
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=_OUT)] = None,
    pictures: Annotated[
        int, o.option("Snapshots that each report of --out shows at most.", min=1)
    ] = 200,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print each difference as a line of CSV on stdout.")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Judge past comparisons under another rule, against what people decided then.

    Tells what is still caught, what would be quiet (of it what people approved, rejected or never
    decided), and what would be loud, by snapshot. Without an option for the rule, this version's
    verdict is replayed, so that an upgrade is checked before it is deployed.

    Verdicts come from stored measurements where these suffice. Other pairs are measured again from
    their images on this machine, which needs the extra `compare`; what that costs is said before,
    and asked. What has been deleted since is counted and named.

    Exit code: 0 no rejected change would be quiet; 1 one would be; 2 wrong usage or an error.
    """
    from pixelgate.cli.console import say
    from pixelgate.cli.replay_output import show

    _check(as_csv=as_csv, as_json=as_json, recompute=recompute, stored_only=stored_only)
    if threshold is not None and (sensitive_threshold, structural_threshold) != (None, None):
        raise UsageError("--threshold sets both thresholds; give it without the other two")
    above = {
        "strict": strict or None,
        "sensitivity": sensitivity.value if sensitivity else None,
        "sensitive_threshold": sensitive_threshold,
        "structural_threshold": structural_threshold,
        "antialiasing": False if count_antialiasing else None,
        "max_changed_pixels": max_changed_pixels,
        "max_changed_ratio": max_changed_ratio,
    }
    run = _Run(
        context=Context(project, bucket, config),
        since=since,
        branch=branch,
        rule=_rule(policy_file, {n: v for n, v in above.items() if v is not None}, threshold),
        recompute=recompute,
        stored_only=stored_only,
        max_usd=max_usd,
        yes=yes,
        out=out,
        pictures=pictures if out else 0,
    )
    if dry_run:
        run.plan_only()
        say("no image was fetched, as --dry-run was given")
        return
    done = run.whole()
    if as_json:
        typer.echo(json.dumps(done.as_json(), ensure_ascii=False))
    elif as_csv:
        from pixelgate.past.replay import COLUMNS, Answer

        rows = [one.row() for one in done.found if one.answer is not Answer.STILL_QUIET]
        typer.echo(csv_of(rows, COLUMNS), nl=False)
    else:
        show(done.found, done.meter, done.reports)
    if done.risky:
        raise typer.Exit(1)


def _check(*, as_csv: bool, as_json: bool, recompute: bool, stored_only: bool) -> None:
    """Raises UsageError if options do not go together."""
    if as_csv and as_json:
        raise UsageError("--csv and --json cannot be used together")
    if recompute and stored_only:
        raise UsageError("--recompute and --stored-only cannot be used together")


def _rule(policy_file: Path | None, above: Mapping[str, Any], threshold: float | None) -> Rule:
    from pixelgate.client.config import read_config
    from pixelgate.client.replay import Rule

    return Rule(read_config(policy_file) if policy_file else None, above, threshold)


@dataclass(frozen=True)
class _Done:
    """The answer, and what it took."""

    run: _Run
    past: Past
    reading: Reading
    plan: Plan
    found: Sequence[Replayed]
    installed: Versions
    meter: CountedBucket
    reports: Mapping[Answer, Path]

    @property
    def risky(self) -> bool:
        from pixelgate.past.replay import is_risky

        return is_risky(self.found)

    def as_json(self) -> dict[str, Any]:
        from pixelgate.domain.cost import PRICE_LIST
        from pixelgate.past.replay import Answer, by_snapshot, totals

        shown = (Answer.NEWLY_QUIET, Answer.NEWLY_LOUD)
        rows = {
            answer: [one.row() for one in self.found if one.answer is answer]
            for answer in (*shown, Answer.UNKNOWN)
        }
        usage = self.meter.usage
        return {
            "project": self.reading.project,
            "since": self.run.since,
            "rule": self.run.rule.words,
            "installed": self.installed.as_json(),
            "versions": [
                {**versions.as_json(), "results": n}
                for versions, n in self.reading.versions.items()
            ],
            "builds": len(self.past.entries),
            "results": self.reading.results,
            "judged": {
                "from_stored": len(self.plan.stored),
                "from_images": len(self.plan.pair_of),
                "pairs_measured": self.plan.fresh,
            },
            "cost": {
                "usd": round(self.meter.usd, 6),
                "requests": dict(usage.requests),
                "bytes_out": self.meter.bytes_out,
                "lambda_gb_seconds": 0.0,
                "price_list": PRICE_LIST,
            },
            "totals": totals(self.found),
            "snapshots": by_snapshot(self.found),
            "newly_quiet": rows[Answer.NEWLY_QUIET],
            "newly_loud": rows[Answer.NEWLY_LOUD],
            "unknown": rows[Answer.UNKNOWN],
            "reports": {
                str(answer).replace(" ", "_"): str(self.reports[answer])
                for answer in shown
                if answer in self.reports
            },
            "exit_code": int(self.risky),
        }


@dataclass(frozen=True)
class _Run:
    """One replay, as the options ask for it."""

    context: Context
    since: str
    branch: str | None
    rule: Rule
    recompute: bool
    stored_only: bool
    max_usd: float
    yes: bool
    out: Path | None
    pictures: int

    def plan_only(self) -> None:
        """Says what would be done and what it costs."""
        with self._prepared():
            pass

    def whole(self) -> _Done:
        """Replays. Raises UsageError if it costs too much, or nobody agrees to the cost."""
        from pixelgate.client.replay_pairs import answers
        from pixelgate.past.replay import in_order

        with self._prepared() as made:
            self._agree(made.plan)
            needs_engine = made.engine is not None and (made.plan.pairs or self.pictures)
            with _pool(made.engine if needs_engine else None) as pool:
                results = made.measure(pool)
                found = in_order(answers(made.reading, made.plan, results))
                reports = made.write(found, results, pool) if self.out else {}
            return _Done(
                self, made.past, made.reading, made.plan, found, made.installed, made.meter, reports
            )

    @contextmanager
    def _prepared(self) -> Iterator[_Prepared]:
        """Reads what is stored and says what the rest costs."""
        from pixelgate.cli.console import progress_bar, say
        from pixelgate.cli.replay_output import in_bytes, in_dollars, tell
        from pixelgate.cli.since import beginning
        from pixelgate.client.counted import CountedBucket, dollars
        from pixelgate.client.replay import Wishes, find, plan, price_of_reading, with_differences
        from pixelgate.client.replay_pairs import Kept, KeptImages, code_fingerprint
        from pixelgate.client.replay_report import KEPT, check_folder
        from pixelgate.past.model import Past
        from pixelgate.past.replay import same_inputs

        if self.out:
            check_folder(self.out)
        context = self.context
        began = beginning(self.since, datetime.now(UTC))
        engine = None if self.stored_only else _engine()
        installed = _versions(engine)
        meter = CountedBucket(context.store)
        past = Past.of(meter.bucket, context.project, began)
        noise = same_inputs(past)
        if self.branch is not None:
            past = past.only(past.on_branch(self.branch))
        entries = with_differences(past)
        usage, size = price_of_reading(entries, self.rule)
        price = meter.usd + dollars(usage, size)
        say(
            f"reading {len(entries):,} results of {len(past.entries):,} builds since "
            f"{began.date()}: {sum(usage.requests.values()):,} requests, about {in_bytes(size)}, "
            f"about {in_dollars(price)}"
        )
        self._bound(price)

        def check() -> None:
            self._bound(meter.usd, "stopped: ")

        with progress_bar(quiet=False) as progress:
            reading = find(
                meter, past, self.rule, installed, noise=noise, check=check, progress=progress
            )
        with _folder(self.out, KEPT) as folder:
            kept = Kept(folder, context.project, code_fingerprint())
            wishes = Wishes(
                recompute=self.recompute,
                stored_only=self.stored_only,
                pictures=self.pictures,
                kept=kept.has_image,
                measured=kept.has_pair,
            )
            todo = plan(meter, reading, installed, wishes)
            made = _Prepared(
                self, past, reading, todo, installed, engine, meter, kept,
                KeptImages(kept, meter.bucket), check,
            )  # fmt: skip
            tell(self.rule.words, installed, reading, todo, self.out)
            if todo.pairs and engine is None:
                raise UsageError(
                    f"{len(todo.pairs):,} pairs must be measured again, with the engine, which is "
                    "not installed: pip install 'pixelgate[compare]', or pass --stored-only"
                )
            self._bound(meter.usd + todo.usd)
            yield made

    def _bound(self, usd: float, begin: str = "") -> None:
        from pixelgate.cli.replay_output import in_dollars

        if usd > self.max_usd:
            raise UsageError(
                f"{begin}it costs about {in_dollars(usd)}, more than --max-usd {self.max_usd:g}; "
                "allow more, or replay less with --since, --branch or --stored-only"
            )

    def _agree(self, todo: Plan) -> None:
        """Asks whether images may be fetched. Raises UsageError if nobody agrees."""
        from pixelgate.cli.replay_output import in_dollars

        if self.yes or not todo.usage.requests:
            return
        if sys.stdin is None or not sys.stdin.isatty():  # None where the job has closed it
            raise UsageError(
                f"nothing was fetched: to fetch {len(todo.fetched):,} images for about "
                f"{in_dollars(todo.usd)} without being asked, pass --yes"
            )
        if not typer.confirm(f"Fetch them for about {in_dollars(todo.usd)}?", err=True):
            raise UsageError("nothing was fetched")


@dataclass(frozen=True)
class _Prepared:
    """What is known before anything is fetched."""

    run: _Run
    past: Past
    reading: Reading
    plan: Plan
    installed: Versions
    engine: Engine | None
    meter: CountedBucket
    kept: Any
    images: Any
    check: Any

    def measure(self, pool: DifferPool | None) -> Any:
        from pixelgate.cli.console import progress_bar
        from pixelgate.client.replay_pairs import measure

        if pool is None or not self.plan.pairs:
            return {}
        with progress_bar(quiet=False) as progress:
            return measure(
                self.plan, self.kept, self.images, pool, check=self.check, progress=progress
            )

    def write(
        self, found: Sequence[Replayed], results: Any, pool: DifferPool | None
    ) -> dict[Answer, Path]:
        from pixelgate.client.replay_report import Studio, write_reports

        draw: Thumbnailer | None = None
        if pool is not None:
            from pixelgate.engine.thumbnail import thumbnail as draw
        studio = Studio(
            self.meter.bucket, self.kept, self.images, self.installed, self.run.rule.words,
            pool, draw,
        )  # fmt: skip
        return write_reports(
            studio, self.reading, found, results, self.plan.pair_of, Path(str(self.run.out)),
            self.run.pictures,
        )  # fmt: skip


def _engine() -> Engine | None:
    """Finds the engine; None where it is not installed."""
    from pixelgate.bootstrap import find_engine
    from pixelgate.engine.compiled import check_installed

    try:
        check_installed()
        return find_engine()
    except UsageError:
        return None


def _versions(engine: Engine | None) -> Versions:
    from pixelgate.client.replay import Versions

    return Versions(engine.version if engine else None)


@contextmanager
def _pool(engine: Engine | None) -> Iterator[DifferPool | None]:
    from pixelgate.bootstrap import max_megapixels, open_pool

    if engine is None:
        yield None
        return
    with open_pool(engine, max_megapixels=max_megapixels()) as pool:
        yield pool


@contextmanager
def _folder(out: Path | None, name: str) -> Iterator[Path]:
    """Yields the folder for what is fetched and measured; without `out` one that is removed."""
    with (
        nullcontext(str(out / name)) if out else tempfile.TemporaryDirectory(prefix="pixelgate-")
    ) as folder:
        yield Path(folder)
