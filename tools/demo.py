"""`make demo`: runs all of pixelgate on this machine, in a sandbox, on real screenshots."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any

from pixelgate.client.report_download import fetch_report
from pixelgate.domain import keys
from pixelgate.errors import SandboxFailed
from pixelgate.ports import Bucket
from pixelgate.published.comparison import read_comparison
from pixelgate.sandbox.fetch import Steps
from pixelgate.sandbox.session import Wanted, opened
from uploader import Uploader

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
CACHE = ROOT / ".tools" / "sandbox"
OUT = ROOT / "pixelgate-demo"
PROJECT = "govuk-frontend"
BASE, HEAD = f"{keys.TRUNK}5.14.0", "6.6.0"  # the baseline branch's build, and a later one


def main() -> int:
    """Runs the demo; 0 if the pipeline gave a result, whatever its verdict."""
    started = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {words}", flush=True)

    wanted = Wanted(project=PROJECT, default=PROJECT, cache=CACHE)
    with opened(wanted, Steps(say=say)) as sandbox:
        cloud, roles = sandbox.cloud, sandbox.roles
        trunk, uploader = (
            Uploader(cloud.client("s3", roles.take(name)), cloud.bucket, PROJECT)
            for name in ("trunk", "ci")
        )
        say(f"uploading {PROJECT} {BASE}, the baseline, to s3://{cloud.bucket}")
        base = trunk.wait(trunk.upload(BASE, EXAMPLES / "base"))
        say(f"{base['state']}: {base['verdict']} ({base['baseline_reason']})")
        say(f"uploading {PROJECT} {HEAD}; the manifest's event starts the comparison")
        status = uploader.wait(uploader.upload(HEAD, EXAMPLES / "head", base_build=BASE))
        say(f"{status['state']}: {status['verdict']}")
        if status["state"] != "SUCCEEDED":
            print(f"{status['error']}\nthe functions' logs: {cloud.log_dir}", file=sys.stderr)
            return 1
        cloud.wait_until_idle()  # thumbnails are drawn after the verdict
        comparison, report = fetch(uploader.store, status)
    say("the local AWS has stopped")
    print()
    for name, number in comparison["counts"].items():
        print(f"  {name:<10}{number:>6}")
    print(f"\nreport: {report}")
    return 0


def fetch(store: Bucket, status: dict[str, Any]) -> tuple[dict[str, Any], Path]:
    """Copies the report with everything it shows, as `pixelgate report` does."""
    comparison = read_comparison(store, status)
    assert comparison is not None  # noqa: S101 - it SUCCEEDED
    shutil.rmtree(OUT, ignore_errors=True)
    return comparison, fetch_report(store, status, comparison, OUT)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (SandboxFailed, TimeoutError) as error:
        sys.exit(f"the demo could not run: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
