"""Runs the tests of the page's own modules, which Node runs as they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_modules_of_the_page() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.fail("Node is needed, which comes with npm")
    files = sorted(map(str, HERE.glob("*.test.js")))
    command = [node, "--no-warnings", "--test", "--test-reporter=tap", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [passed] = re.findall(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert int(passed) > 65
