"""`make demo`: the whole of pixelgate on this machine, in a local AWS, on real screenshots."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from embedded_cloud.cloud import CloudFailed, EmbeddedCloud
from embedded_cloud.deploy import DeploymentFailed
from uploader import Uploader

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
OUT = ROOT / "pixelgate-demo"
PROJECT = "govuk-frontend"
BASE, HEAD = "5.14.0", "6.6.0"


def main() -> int:
    """Runs the demo; 0 if the pipeline gave a result, whatever its verdict."""
    started = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {words}", flush=True)

    say("starting a local AWS and deploying template.yaml")
    with EmbeddedCloud.start() as cloud:
        s3 = cloud.client("s3")
        uploader = Uploader(s3, cloud.bucket, PROJECT)
        say(f"uploading {PROJECT} {BASE}, the baseline, to s3://{cloud.bucket}")
        base = uploader.wait(uploader.upload(BASE, EXAMPLES / "base"))
        say(f"{base['state']}: {base['verdict']} ({base['baseline_reason']})")
        say(f"uploading {PROJECT} {HEAD}; the manifest's event starts the comparison")
        status = uploader.wait(uploader.upload(HEAD, EXAMPLES / "head", base_build=BASE))
        say(f"{status['state']}: {status['verdict']}")
        if status["state"] != "SUCCEEDED":
            print(f"{status['error']}\nthe functions' logs: {cloud.log_dir}", file=sys.stderr)
            return 1
        comparison = download(s3, cloud.bucket, status)
    say("the local AWS has stopped")
    print()
    for name, number in comparison["counts"].items():
        print(f"  {name:<10}{number:>6}")
    print(f"\nreport: {OUT / status['report']}")
    return 0


def download(s3: Any, bucket: str, status: dict[str, Any]) -> dict[str, Any]:
    """Copies the report with everything it shows; the keys are its relative paths."""
    staging = Path(tempfile.mkdtemp(prefix=".demo-", dir=ROOT))
    for prefix in (f"images/{PROJECT}/", f"diffs/{PROJECT}/", status["report"].rpartition("/")[0]):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                path = staging / entry["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    shutil.rmtree(OUT, ignore_errors=True)
    staging.chmod(0o755)
    staging.replace(OUT)
    comparison: dict[str, Any] = json.loads((OUT / status["comparison"]).read_text())
    return comparison


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CloudFailed, DeploymentFailed, TimeoutError) as error:
        sys.exit(f"the demo could not run: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
