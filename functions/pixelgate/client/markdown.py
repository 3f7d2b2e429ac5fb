"""Writes a result as Markdown, for the summary of a CI job."""

from __future__ import annotations

import re
from shlex import quote

from pixelgate.client.exit_code import Exit, after_the_job
from pixelgate.client.result import STATUSES, Result
from pixelgate.domain.comparison import QUARANTINED
from pixelgate.published.status import is_excused, review_in, reviewers

# GitHub accepts 1 MiB for each step, and shows nothing of a longer summary.
MAX_BYTES = 1_000_000
_NAMES_SHOWN = 50
_SIGNS = {Exit.PASSED: "✅", Exit.NEEDS_REVIEW: "🔍", Exit.FAILED: "❌", Exit.TIMED_OUT: "⏳",
          Exit.NO_BASELINE: "❌"}  # fmt: skip
# Characters that could start markup, a mention or an HTML tag in text of the build's author.
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~@:&$-])")


def markdown(result: Result) -> str:
    """Returns a heading with the verdict, the counts, the snapshots to review, and what to do."""
    status = result.status
    project, build = str(status.get("project")), str(status.get("build"))
    lines = [f"### {_SIGNS[result.exit]} pixelgate: {_text(project)} {result.words}", ""]
    lines += [f"Build {_code(build)}{_base(result)}.", ""]
    if result.error:
        lines += [_text(result.error), ""]
    if result.counts:
        lines += _counts(result)
    lines += _names(result)
    lines += _review(result)
    lines += _what_to_do(result, project, build)
    lines += [f"> {_text(note)}\n" for note in (*result.warnings, *result.notes)]
    text = "\n".join(lines).rstrip() + "\n"
    encoded = text.encode()
    if len(encoded) <= MAX_BYTES:
        return text
    return encoded[:MAX_BYTES].decode(errors="ignore") + "\n…\n"


def _base(result: Result) -> str:
    base, reason = result.status.get("base"), result.status.get("baseline_reason")
    words = f" against {_code(str(base))}" if base else ""
    return f"{words} ({_text(str(reason))})" if reason else words


def _counts(result: Result) -> list[str]:
    shown = [s for s in (*STATUSES, QUARANTINED) if s in result.counts]
    learned = result.counts.get("learned_noise", 0)
    return [
        "| " + " | ".join([*shown, "total"]) + " |",
        "|" + " --: |" * (len(shown) + 1),
        "| " + " | ".join(f"{result.counts.get(s, 0):,}" for s in [*shown, "total"]) + " |",
        "",
        *([f"{learned:,} explained by learned noise.", ""] if learned else []),
    ]


def _names(result: Result) -> list[str]:
    snapshots = list(result.images(*STATUSES[:5]))
    if not snapshots:
        return []
    lines = ["| | snapshot | |", "|---|---|---|"]
    for name, image in snapshots[:_NAMES_SHOWN]:
        title = (image.get("details") or {}).get("display_name")
        shown = f"{_text(str(title))} {_code(name)}" if title else _code(name)
        status = QUARANTINED if is_excused(image) else image.get("status")
        lines.append(f"| {status} | {shown} | {_text(result.in_words(image))} |")
    if len(snapshots) > _NAMES_SHOWN:
        lines.append(f"| … | {len(snapshots) - _NAMES_SHOWN:,} more, in the report | |")
    return [*lines, ""]


def _review(result: Result) -> list[str]:
    names = reviewers(result.status)
    if not names:
        return []
    reasons = review_in(result.status).get("reasons") or ()
    words = f": {'; '.join(_text(str(reason)) for reason in reasons)}" if reasons else ""
    return [f"Reviewed by {', '.join(map(_code, names))}{words}.", ""]


def _what_to_do(result: Result, project: str, build: str) -> list[str]:
    if result.words != "needs review" or not result.status.get("report"):
        return []
    where = f"--project {quote(project)} {quote(build)}"
    commands = ["```", f"pixelgate report  {where}", f"pixelgate approve {where}", "```", ""]
    return [*commands, _text(after_the_job(result.status)), ""]


def _text(words: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(words.split()))


def _code(name: str) -> str:
    """Returns a code span; in it only a backtick, and within a table a bar, needs escaping."""
    name = name.replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", name)), default=0) + 1)
    pad = " " if name.startswith("`") or name.endswith("`") else ""
    return f"{fence}{pad}{name}{pad}{fence}"
