"""Debian's Chromium by Playwright, whose driver can be started only once in a process."""

from __future__ import annotations

import atexit
import os
import shutil
from functools import cache

import pytest
from playwright.sync_api import Playwright, sync_playwright


@cache
def driver() -> Playwright:
    """Playwright's driver, until the process ends: beside it no other one could be started."""
    started = sync_playwright().start()
    atexit.register(started.stop)
    return started


def executable() -> str:
    """Where Chromium is. Without it the test is skipped, and fails in CI."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have Chromium: apt-get install chromium")
        pytest.skip("needs Chromium: apt-get install chromium, or CHROMIUM=<path>")
    return path
