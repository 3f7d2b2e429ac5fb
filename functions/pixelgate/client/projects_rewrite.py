"""What a project's objects say about its name, and how they say another one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.manifest import fingerprint
from pixelgate.domain.records import State
from pixelgate.errors import BucketError, NotFound, UsageError
from pixelgate.ports import Bucket
from pixelgate.report import comparison_of, render, render_failure

_TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8", ".png": "image/png",
          ".webp": "image/webp", ".gz": "application/gzip"}  # fmt: skip


def content_type(key: str, body: bytes) -> str:
    """Returns the type of an object, by its name, or of an image by its first bytes."""
    for suffix, found in _TYPES.items():
        if key.endswith(suffix):
            return found
    if body.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if body.startswith(b"RIFF") else "image/png"


def rewritten(key: str, body: bytes, bucket: Bucket, old: str, new: str) -> bytes:
    """Returns an object of the project `old` as it has to be in the project `new`.

    Pages are made anew from what they show, as their links contain the project.

    Args:
        key: the object's key in the old project.
        body: its bytes.
        bucket: the old project's, from which a page's comparison or status is read.
        old: the old name.
        new: the new name.

    Raises:
        BucketError: the object is not as pixelgate writes it.
    """
    top, name = key.partition("/")[0], key.rpartition("/")[2]
    change = _CHANGES.get(f"{top}/{name}") if key.count("/") == _DEPTHS.get(top) else None
    if top == "builds" and change is None and name.endswith(".json"):
        change = _change_named
    if change is None:
        return body
    try:
        return change(key, body, bucket, old, new)
    except NotFound:
        return body  # a page of a run that died before it wrote what the page shows
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise BucketError(
            f"{key} is not as pixelgate writes it ({error!r}), so the project cannot be renamed; "
            "nothing was removed"
        ) from error


def _renamed(value: Any, old: str, new: str) -> Any:
    """Returns a key with the new project in it; any other value as it is."""
    if not isinstance(value, str):
        return value
    top, slash, rest = value.partition("/")
    if slash and rest.startswith(f"{old}/"):
        return f"{top}/{new}/{rest.removeprefix(f'{old}/')}"
    return value


def _change_named(key: str, body: bytes, bucket: Bucket, old: str, new: str) -> bytes:
    """Changes the field `project` of an object of a build, if it has one."""
    fields = json.loads(body)
    if not isinstance(fields, dict) or fields.get("project") != old:
        return body
    return _encoded({**fields, "project": new})


def _change_manifest(key: str, body: bytes, bucket: Bucket, old: str, new: str) -> bytes:
    """The hash of the upload stays what the record says, so that it is still the same upload."""
    fields = json.loads(body)
    return _encoded({**fields, "project": new, "upload_sha256": fingerprint(body)})


def _change_status(key: str, body: bytes, bucket: Bucket, old: str, new: str) -> bytes:
    return _encoded(_status(json.loads(body), old, new), indent=2)


def _status(fields: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    links = {name: _renamed(fields.get(name), old, new) for name in ("comparison", "report")}
    return {**fields, "project": new, **links}


def _change_comparison(key: str, body: bytes, bucket: Bucket, old: str, new: str) -> bytes:
    return _encoded(_comparison(json.loads(body), old, new))


def _comparison(fields: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    images = {
        name: {
            field: _renamed(value, old, new) if field in {"mask", "thumb"} else value
            for field, value in image.items()
        }
        for name, image in fields["images"].items()
    }
    # In this order, as what comes before the images is read alone.
    return {**{n: v for n, v in fields.items() if n != "images"}, "project": new, "images": images}


def _change_report(key: str, body: bytes, bucket: Bucket, old: str, new: str) -> bytes:
    beside = f"{key.rpartition('/')[0]}/comparison.json"
    comparison = comparison_of(_comparison(json.loads(bucket.read(beside)), old, new))
    return render(comparison, lambda sha: keys.image(new, sha), str(_renamed(key, old, new)))


def _change_failure(key: str, body: bytes, bucket: Bucket, old: str, new: str) -> bytes:
    status = json.loads(bucket.read(f"{key.rpartition('/')[0]}/status.json"))
    if status["state"] != State.FAILED:
        return body  # of an earlier attempt; nothing links to it any more
    return render_failure(_status(status, old, new))


# How many "/" are in the key of an object that belongs to a build or an execution itself.
_DEPTHS = {"builds": 3, "comparisons": 5}
_CHANGES: dict[str, Callable[[str, bytes, Bucket, str, str], bytes]] = {
    "builds/manifest.json": _change_manifest,
    "builds/status.json": _change_status,
    "builds/index.html": _change_failure,
    "comparisons/comparison.json": _change_comparison,
    "comparisons/index.html": _change_report,
}


def _encoded(fields: dict[str, Any], indent: int | None = None) -> bytes:
    return json.dumps(fields, ensure_ascii=False, indent=indent).encode()
