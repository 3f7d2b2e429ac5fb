"""Draws the stack's dashboard with the numbers of a run, from the logs that the functions wrote.

    make dashboard                  # of the latest run of the embedded cloud: tests, demo, a bench
    make dashboard LOGS=FOLDER      # of another

The widgets are those of template.yaml, so the picture shows what CloudWatch would. Numbers are of
the whole run, not by five minutes. What only AWS measures says so.
"""

from __future__ import annotations

import argparse
import ast
import html
import json
import operator
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from embedded_cloud.deploy import TemplateLoader

ROOT = Path(__file__).parents[1]
WIDTH, ROW, HEAD, GAP = 560, 22, 44, 16
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
Values = Mapping[tuple[str, ...], list[float]]  # by namespace, metric and dimensions


@dataclass(frozen=True)
class Line:
    """One line of a widget: a label and its number, None if nothing was measured."""

    label: str
    value: float | None


@dataclass(frozen=True)
class Widget:
    """One widget of the dashboard."""

    title: str
    lines: tuple[Line, ...]


def measured(folder: Path) -> Values:
    """All values in the logs of a folder: ours (EMF), and what Lambda reports of itself."""
    values: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for path in sorted(folder.glob("*.log")):
        function = re.sub(r"^.*?-(\w+Function)-.*$", r"${\1}", path.stem)
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if text.startswith("{") and '"_aws"' in text:
                for key, found in _of_emf(json.loads(text)):
                    values[key].extend(found)
            elif took := re.match(r"REPORT RequestId: \S+\tDuration: ([\d.]+) ms", text):
                of_function = ("FunctionName", function)
                values["AWS/Lambda", "Duration", *of_function].append(float(took[1]))
                values["AWS/Lambda", "Invocations", *of_function].append(1.0)
    return values


def _of_emf(blob: Mapping[str, Any]) -> Iterable[tuple[tuple[str, ...], list[float]]]:
    for directive in blob["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = [part for name in names for part in (name, blob[name])]
            for metric in directive["Metrics"]:
                value = blob[metric["Name"]]
                key = (directive["Namespace"], metric["Name"], *dimensions)
                yield key, [float(v) for v in (value if isinstance(value, list) else [value])]


def widgets(template: Path, values: Values) -> list[Widget]:
    """The widgets of a template's dashboard, with these values."""
    body = yaml.load(template.read_text(encoding="utf-8"), TemplateLoader)  # noqa: S506 - safe
    parameters = {n: str(p.get("Default", "")) for n, p in body["Parameters"].items()}
    [text] = [
        r["Properties"]["DashboardBody"]["Fn::Sub"]
        for r in body["Resources"].values()
        if r["Type"] == "AWS::CloudWatch::Dashboard"
    ]
    for name, value in parameters.items():
        text = text.replace(f"${{{name}}}", value)
    return [
        Widget(w["properties"]["title"], tuple(_lines(w["properties"], values)))
        for w in json.loads(text)["widgets"]
        if w["type"] == "metric"
    ]


def _lines(properties: Mapping[str, Any], values: Values) -> Iterable[Line]:
    known: dict[str, float | None] = {}
    before: list[str] = []
    for row in properties["metrics"]:
        options = row[-1] if isinstance(row[-1], dict) else {}
        if "expression" in options:
            yield Line(options["label"], evaluated(options["expression"], known))
            continue
        before = spelt_out([part for part in row if isinstance(part, str)], before)
        stat = options.get("stat", properties.get("stat", "Average"))
        value = statistic(values.get(tuple(before), []), stat)
        if "id" in options:
            known[options["id"]] = value
        if options.get("visible", True):
            yield Line(options["label"], value)


def spelt_out(row: list[str], before: list[str]) -> list[str]:
    """CloudWatch's shorthand: "." is the row before's, a leading "..." all but what follows."""
    if row[0] == "...":
        return before[: len(before) - len(row) + 1] + row[1:]
    return [before[i] if part == "." else part for i, part in enumerate(row)]


def statistic(values: list[float], stat: str) -> float | None:
    """A statistic by CloudWatch's name; None of nothing."""
    if not values:
        return None
    if stat.startswith("p"):
        if len(values) == 1:
            return values[0]
        return statistics.quantiles(values, n=100, method="inclusive")[int(stat[1:]) - 1]
    match stat:
        case "Sum":
            return sum(values)
        case "Maximum":
            return max(values)
        case "Average":
            return statistics.fmean(values)
    raise ValueError(f"statistic {stat} is not drawn")


def evaluated(expression: str, known: Mapping[str, float | None]) -> float | None:
    """The value of a sum over other lines; None if one of them has none, or for 0 / 0."""

    def value(node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                found = known[name]
                if found is None:
                    raise ZeroDivisionError
                return found
            case ast.BinOp(left=left, op=op, right=right):
                return OPERATORS[type(op)](value(left), value(right))
        raise ValueError(f"{expression}: only sums, products and quotients are drawn")

    try:
        return value(ast.parse(expression, mode="eval").body)
    except ZeroDivisionError:
        return None


def picture(found: list[Widget], subtitle: str) -> str:
    """The widgets as SVG, in two columns."""
    parts, bottoms = [], [60, 60]
    for widget in found:
        column = bottoms.index(min(bottoms))
        x, y = GAP + column * (WIDTH + GAP), bottoms[column]
        height = HEAD + ROW * len(widget.lines) + 8
        parts.append(_panel(widget, x, y, height))
        bottoms[column] = y + height + GAP
    width, height = 2 * WIDTH + 3 * GAP, max(bottoms)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" fill="#16191f">'
        f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>'
        f'<text x="{GAP}" y="36" font-size="20" font-weight="bold">pixelgate</text>'
        f'<text x="130" y="36" fill="#545b64">{html.escape(subtitle)}</text>'
        + "".join(parts)
        + "</svg>\n"
    )


def _panel(widget: Widget, x: int, y: int, height: int) -> str:
    most = max((line.value or 0 for line in widget.lines), default=0) or 1
    parts = [
        f'<g transform="translate({x} {y})"><rect width="{WIDTH}" height="{height}" rx="4" '
        'fill="#fff" stroke="#d5dbdb"/>'
        f'<text x="12" y="26" font-weight="bold" font-size="14">{html.escape(widget.title)}</text>'
    ]
    for number, line in enumerate(widget.lines):
        top = HEAD + number * ROW
        length = 200 * (line.value or 0) / most
        shown = "no value in this run" if line.value is None else f"{line.value:,.6g}"
        parts.append(
            f'<text x="12" y="{top + 13}">{html.escape(line.label)}</text>'
            f'<rect x="240" y="{top + 2}" width="{length:.1f}" height="14" fill="#0073bb"/>'
            f'<text x="{WIDTH - 12}" y="{top + 13}" text-anchor="end" '
            f'fill="{"#879596" if line.value is None else "#16191f"}">{shown}</text>'
        )
    return "".join(parts) + "</g>"


def main(arguments: list[str] | None = None) -> int:
    """Draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=Path, help="the latest run's, if not given")
    parser.add_argument("--out", type=Path, default=ROOT / ".aws-sam" / "dashboard.svg")
    options = parser.parse_args(arguments)
    runs = sorted((ROOT / ".aws-sam" / "logs").glob("*/"))
    folder = options.logs or (runs[-1] if runs else None)
    values = measured(folder) if folder else {}
    if folder is None or not values:
        print(f"no run has left logs in {folder or ROOT / '.aws-sam' / 'logs'}", file=sys.stderr)
        return 2
    found = widgets(ROOT / "template.yaml", values)
    options.out.write_text(picture(found, f"the run in {folder.name}"), encoding="utf-8")
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
