"""`make deploy` and `make smoke`, as README has them, against the embedded cloud."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pixelgate.sandbox.cloud import EmbeddedCloud

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def make(cloud: EmbeddedCloud, *words: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "AWS_"))}
    done = subprocess.run(
        ["make", *words],
        cwd=ROOT,
        env={**kept, **cloud.variables(), "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def test_what_make_deploy_deploys_passes_make_smoke(built: Path) -> None:
    """By `sam build` and `sam deploy`; a second deployment has nothing to do."""
    with EmbeddedCloud.start(build_dir=built) as cloud:
        # The embedded cloud's Python is this one; for Lambda it is 3.13.
        deploy = [
            "deploy",
            "STACK=by-sam",
            f"DEPLOY_PYTHON={PYTHON}",
            "ARGS=--no-confirm-changeset",
        ]
        said = make(cloud, *deploy)
        assert "Successfully created/updated stack" in said
        said = make(cloud, "smoke", "STACK=by-sam")
        assert said.count("ok    ") == 5
        assert "21 changed, as they should" in said
        assert "approved by EXAMPLE" in said
