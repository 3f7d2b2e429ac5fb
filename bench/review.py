"""How long a review takes: from the click on a link to the picture, and to the green check.

    make bench-review                      # 40 pull requests, one after the other
    make bench-review ARGS="--rounds 100"

In the embedded cloud, with IAM enforced, an OpenID Connect issuer and a GitHub of ours on the
loopback, and Debian's Chromium. Each round a reviewer who is logged in follows the link of a pull
request's comment until the picture is decoded, approves all that changed and hands it in. The clock
then runs from the click on "Hand in" until GitHub has been told that the commit is green. The first
round, in which functions start cold, is counted too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from pixelgate.sandbox.cloud import ROOT
from support.review_stand import SEEN, Stand, review_stand, wait_until


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        review_stand(ROOT / ".aws-sam" / "build", Path(folder)) as stand,
    ):
        pictures, greens, requests = measure(stand, options.rounds)
        say("click on the link until the picture is there", pictures)
        say("click on “Hand in” until the check is green", greens)
        print(f"requests to the site until the picture is there: {statistics.mean(requests):.1f}")
    return 0


def measure(stand: Stand, rounds: int) -> tuple[list[float], list[float], list[int]]:
    """Returns of each round the seconds until the picture and until green, and the requests."""
    ada = stand.person()
    ada.opens(f"{stand.site.url}/")
    ada.logs_in("Ada")
    pictures, greens, requests = [], [], []
    for _ in range(rounds):
        pull = stand.pull_request()
        stand.cloud.wait_until_idle()
        before, begun = answered(stand), time.perf_counter()
        ada.opens(pull.link)
        ada.sees(SEEN)
        pictures.append(time.perf_counter() - begun)
        requests.append(answered(stand) - before)
        ada.presses("a", "a", "a", "e")
        ada.sees("document.querySelector('#go:not(:disabled)')")
        begun = time.perf_counter()
        ada.presses("Enter")
        wait_until(lambda pull=pull: pull.check == "success")  # type: ignore[misc]
        greens.append(time.perf_counter() - begun)
    return pictures, greens, requests


def answered(stand: Stand) -> int:
    """How many requests the site has answered so far."""
    return stand.cloud.logs("SiteFunction").count('"request answered"')


def say(what: str, seconds: list[float]) -> None:
    """Prints the median, the 95th percentile and the longest."""
    ordered = sorted(seconds)
    high = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    print(
        f"{what}: median {statistics.median(ordered):.2f} s, 95 % under {high:.2f} s, "
        f"longest {ordered[-1]:.2f} s ({len(ordered)} rounds)"
    )


if __name__ == "__main__":
    sys.exit(main())
