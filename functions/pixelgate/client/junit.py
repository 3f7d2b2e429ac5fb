"""Writes a result as JUnit XML, with one test case for each snapshot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as Tree

from pixelgate.client.exit_code import Exit
from pixelgate.client.result import STATUSES, Result
from pixelgate.published.status import FAILING, is_excused, quarantined, review_of

# Characters that XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORDS = {
    "changed": "differs from the baseline",
    "added": "is not in the baseline",
    "removed": "is in the baseline and was not uploaded",
}


def junit(result: Result) -> bytes:
    """Returns one test suite. What the gate allows is no failure; a failed build is one error."""
    project, build = str(result.status.get("project")), str(result.status.get("build"))
    suite = Tree.Element("testsuite", {"name": _clean(f"pixelgate {project}")})
    properties = Tree.SubElement(suite, "properties")
    for name in ("build", "base", "baseline_reason", "verdict", "report"):
        value = result.status.get(name)
        if value is not None:
            fields = {"name": name, "value": _clean(str(value))}
            Tree.SubElement(properties, "property", fields)
    if words := quarantined(result.status):
        Tree.SubElement(properties, "property", {"name": "quarantined", "value": words})
    if result.comparison is None:
        _whole_build(suite, result, project, build)
    for name, image in result.images(*STATUSES):
        _case(suite, result, project, name, image)
    for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    root = Tree.Element("testsuites", {k: v for k, v in suite.attrib.items() if k != "name"})
    root.set("name", "pixelgate")
    root.append(suite)
    Tree.indent(root)
    return bytes(Tree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(
    suite: Tree.Element, result: Result, project: str, name: str, image: Mapping[str, Any]
) -> None:
    folder, _, _ = name.rpartition("/")
    classname = ".".join([project, *folder.split("/")]) if folder else project
    case = Tree.SubElement(
        suite, "testcase", {"name": _clean(name), "classname": _clean(classname), "time": "0"}
    )
    status, words = str(image.get("status")), _clean(result.in_words(image))
    if status == "skipped":
        Tree.SubElement(case, "skipped", {"message": "not part of this selective upload"})
    elif is_excused(image) and review_of(result.status) != "rejected":
        Tree.SubElement(case, "system-out").text = f"quarantined: {_WORDS[status]}: {words}"
    elif status in FAILING and _counts(result, status):
        tag = "error" if status == "errored" else "failure"
        message = words if status == "errored" else f"{_WORDS[status]}{words and f': {words}'}"
        Tree.SubElement(case, tag, {"type": status, "message": message})
    elif status in FAILING:
        Tree.SubElement(case, "system-out").text = f"{status}, which this gate allows. {words}"


def _counts(result: Result, status: str) -> bool:
    """Whether a snapshot with this status fails the build."""
    if review_of(result.status) == "rejected":
        return True
    return result.exit is Exit.NEEDS_REVIEW and status in result.gate.fail_on


def _whole_build(suite: Tree.Element, result: Result, project: str, build: str) -> None:
    case = Tree.SubElement(
        suite, "testcase", {"name": _clean(f"build {build}"), "classname": project, "time": "0"}
    )
    if result.exit is not Exit.PASSED:
        error = _clean(result.error or result.words)
        Tree.SubElement(case, "error", {"type": result.words, "message": error})


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
