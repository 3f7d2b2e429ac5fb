"""The audit finds what is not pinned, has no hash or is known to be bad, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import audit
from audit import Package, affects, locked, pinned, shipped

HASH = "--hash=sha256:" + "a" * 64
FLASK = Package("PyPI", "flask", "2.0.1", "list")


def test_our_own_lists_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    packages, wrong = audit.everything(audit.ROOT)
    assert wrong == []
    assert {p.ecosystem for p in packages} == {"PyPI", "npm"}
    assert {p.source for p in packages} >= {"functions/requirements.txt", "requirements-dev.txt"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(f"flask==2.0.1 \\\n    {HASH}\n    # via x", None, id="pinned"),
        pytest.param(f"flask[async]==2.0.1 ; python_version<'4' {HASH}", None, id="with an extra"),
        pytest.param("flask==2.0.1", "flask==2.0.1 has no sha256", id="no hash"),
        pytest.param("flask==2.0.1 --hash=sha256:abc", "has no sha256", id="half a hash"),
        pytest.param(f"flask>=2 {HASH}", "is not pinned", id="a range"),
        pytest.param("git+https://example.org/flask", "is not pinned", id="a repository"),
        pytest.param("-e .", "is not pinned", id="a folder"),
    ],
)
def test_pinned(line: str, problem: str | None) -> None:
    packages, wrong = pinned(f"# a list\n{line}\n", "list")
    if problem is None:
        assert (packages, wrong) == ([FLASK], [])
    else:
        [said] = wrong
        assert problem in said


def test_a_lock_file_of_npm_has_hashes() -> None:
    lock = {"packages": {
        "": {"name": "us"},
        "node_modules/@odiff/linux-x64": {"version": "4.5.0", "integrity": "sha512-x"},
        "node_modules/a/node_modules/b": {"version": "1.0.0", "integrity": "sha1-x"},
    }}  # fmt: skip
    packages, wrong = locked(json.dumps(lock), "lock")
    assert [(p.name, p.version) for p in packages] == [
        ("@odiff/linux-x64", "4.5.0"),
        ("b", "1.0.0"),
    ]
    assert wrong == ["lock: b has no sha512"]


def test_the_artefact_holds_what_the_list_pins(tmp_path: Path) -> None:
    for name in ("flask-2.0.1", "flask_cors-1.0", "werkzeug-9.9"):
        (tmp_path / f"{name}.dist-info").mkdir()
    source = audit.LISTS[0]
    packages = [Package("PyPI", "flask", "2.0.1", source),
                Package("PyPI", "werkzeug", "1.0", source)]  # fmt: skip
    assert [line.split(" holds ")[1].split(",")[0] for line in shipped(tmp_path, packages)] == [
        "flask_cors 1.0",
        "werkzeug 9.9",
    ]


def advisory(name: str = "Flask", ecosystem: str = "PyPI", **affected: Any) -> dict[str, Any]:
    return {"id": "X-1", "affected": [
        {"package": {"name": name, "ecosystem": ecosystem}, **affected}]}  # fmt: skip


def within(*events: dict[str, str]) -> dict[str, Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(advisory(versions=["2.0.1"]), True, id="named"),
        pytest.param(advisory(versions=["2.0.2"]), False, id="another one named"),
        pytest.param(advisory("werkzeug", versions=["2.0.1"]), False, id="another package"),
        pytest.param(advisory("flask", "npm", versions=["2.0.1"]), False, id="of npm"),
        pytest.param(advisory(**within({"introduced": "0"})), True, id="never fixed"),
        pytest.param(
            advisory(**within({"introduced": "0"}, {"fixed": "2.0.1"})), False, id="just fixed"
        ),
        pytest.param(
            advisory(**within({"introduced": "0"}, {"fixed": "2.0.10"})), True, id="fixed later"
        ),
        pytest.param(
            advisory(**within({"introduced": "1"}, {"last_affected": "2.0.1"})), True, id="the last"
        ),
        pytest.param(
            advisory(**within({"introduced": "1"}, {"last_affected": "2.0"})), False, id="past it"
        ),
        pytest.param(
            advisory(
                **within({"introduced": "0"}, {"fixed": "1"}, {"introduced": "2"}, {"fixed": "3"})
            ),
            True,
            id="it came back",
        ),
        pytest.param(advisory(**within({"introduced": "2.1"})), False, id="not yet there"),
    ],
)
def test_affects(said: dict[str, Any], expected: bool) -> None:
    assert affects(said, FLASK) is expected


@pytest.mark.parametrize(("withdrawn", "code"), [(False, 1), (True, 0)])
def test_an_advisory_of_what_we_use_makes_it_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], withdrawn: bool, code: int
) -> None:
    known = advisory("boto3", **within({"introduced": "0"}))
    body = {**known, "modified": "2026-01-01", **({"withdrawn": "2026-01-02"} if withdrawn else {})}
    (tmp_path / "X-1.json").write_text(json.dumps(body))
    (tmp_path / "Y-1.json").write_text(json.dumps(advisory("no-such-package", versions=["1"])))
    assert audit.main(["--advisories", str(tmp_path)]) == code
    assert ("boto3" in capsys.readouterr().err) is not withdrawn


def test_without_advisories_it_says_what_it_has_not_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert audit.main([]) == 0
    assert "known vulnerabilities were not looked for" in capsys.readouterr().out
