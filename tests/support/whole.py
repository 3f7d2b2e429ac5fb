"""Whether what a build shows is whole: used on the doubles and on a real bucket alike."""

from __future__ import annotations

import json
from collections.abc import Callable

from pixelgate.pipeline.diffing.cached import result_in


def what_is_not_whole(key: str, body: bytes, read: Callable[[str], bytes | None]) -> list[str]:
    """What is wrong with an object that becomes visible now, in words.

    Args:
        key: a status.json, or the mask of a pair, which carries its result.
        body: what is written there.
        read: gives what lies in the bucket, None if there is nothing.
    """
    if key.startswith("diffs/"):
        return [] if result_in(body) else [f"{key} carries no result"]
    status = json.loads(body)
    shown = [other for other in (status["comparison"], status["report"]) if other]
    there = {other: read(other) for other in shown}
    wrong = [f"{key} shows {other}, which is missing" for other in shown if there[other] is None]
    page = there.get(status["report"])
    if page is not None and not page.rstrip().endswith((b"</html>", b"a page")):
        wrong.append(f"{key} shows half a report")
    if status["state"] != "SUCCEEDED":
        # Of a failure there is a page that says why, and no result.
        shows_too_much = status["comparison"] or (status["report"] and status["state"] != "FAILED")
        return wrong + [f"{key} shows {shown} in {status['state']}"] * bool(shows_too_much)
    comparison = there.get(status["comparison"])
    if comparison is None:
        return wrong or [f"{key} shows no comparison"]
    written = json.loads(comparison)
    if written["counts"] != status["counts"]:
        wrong.append(f"{key} and {status['comparison']} have other counts")
    masks = {image.get("mask") for image in written["images"].values()} - {None}
    return wrong + [f"{key}: {mask} is missing" for mask in masks if read(mask) is None]
