"""Whoever is called at night finds a page for the alarm that called."""

from __future__ import annotations

import re

import pytest

from .stack import ROOT, Stack

RUNBOOK = ROOT / "docs" / "runbook"
PAGES = sorted(path.name for path in RUNBOOK.glob("*.md") if path.name != "README.md")
SECTIONS = ("What it means", "Who notices", "Look first", "Do", "It is over")


def page_of(stack: Stack) -> dict[str, str]:
    """The page that each alarm's description names."""
    found = {}
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items():
        [found[name]] = re.findall(r"docs/runbook/([\w-]+\.md)", alarm["AlarmDescription"])
    return found


def words_of(page: str) -> str:
    """The page in one line: what it prints may be broken into two."""
    return " ".join((RUNBOOK / page).read_text(encoding="utf-8").split())


def test_each_alarm_has_a_page_and_each_page_its_alarm(stack: Stack) -> None:
    assert sorted(set(page_of(stack).values())) == PAGES


def test_a_page_names_the_alarms_that_lead_to_it(stack: Stack) -> None:
    leading: dict[str, list[str]] = {}
    for alarm, page in page_of(stack).items():
        leading.setdefault(page, []).append(alarm)
    for page, alarms in leading.items():
        text = (RUNBOOK / page).read_text(encoding="utf-8")
        [named] = re.findall(r"^Alarms? (.+) · \[all pages\]", text, re.MULTILINE)
        assert named == ", ".join(f"`{alarm}`" for alarm in alarms), page


@pytest.mark.parametrize("page", PAGES)
def test_a_function_is_invoked_as_the_command_line_takes_it(page: str) -> None:
    """Without the option, AWS's command line takes the payload for Base64 and refuses it."""
    text = words_of(page)
    for command in re.findall(r"`(aws lambda invoke [^`]+)`", text):
        assert "--cli-binary-format raw-in-base64-out" in command


def test_a_function_is_invoked_by_hand_on_some_page() -> None:
    pages = [page for page in PAGES if "`aws lambda invoke " in words_of(page)]
    assert pages == ["sweep-silent.md", "tidy-errors.md"]


def test_the_first_page_lists_all(stack: Stack) -> None:
    text = (RUNBOOK / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"\| `(\w+)` \| \[[^\]]+\]\(([\w-]+\.md)\) \|", text))
    assert listed == page_of(stack)


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_links_lead_somewhere(page: str) -> None:
    text = (RUNBOOK / page).read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([\w./-]+\.md)\)", text)
    assert [name for name in linked if not (RUNBOOK / name).is_file()] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_its_sections_and_calls_things_what_they_are_called(
    stack: Stack, page: str
) -> None:
    """Messages, metrics' labels and outputs that a page speaks of exist."""
    text = words_of(page)
    lines = (RUNBOOK / page).read_text(encoding="utf-8")
    assert re.findall(r"^\*\*([^*]+?)\.?\*\*", lines, re.MULTILINE) == list(SECTIONS)
    code = "".join(p.read_text() for p in (ROOT / "functions/pixelgate/handlers").glob("*.py"))
    for message in re.findall(r"message = '([^']+)'", text):
        assert f'"{message}"' in code, message
    outputs = (ROOT / "template.yaml").read_text(encoding="utf-8").partition("\nOutputs:")[2]
    for output in re.findall(r"\$\(stack (\w+)\)", text):
        assert f"\n  {output}:\n" in outputs, output
