"""Build manifests as CI would write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest import BuildManifest, parse

BUILD = BuildId("shop", "b1")


def digest(n: int) -> str:
    return f"{n:064x}"


def entry(n: int = 1, **fields: Any) -> dict[str, Any]:
    return {"sha256": digest(n), "width": 10, "height": 20, **fields}


def fields(build: BuildId = BUILD, /, **changes: Any) -> dict[str, Any]:
    """The smallest manifest that is valid, with changes; a change to ... leaves the field out."""
    manifest = {
        "project": build.project,
        "build": build.build,
        "commit": "c0ffee",
        "branch": "main",
        "images": {"a.png": entry()},
        **changes,
    }
    return {name: value for name, value in manifest.items() if value is not ...}


def body(build: BuildId = BUILD, /, **changes: Any) -> bytes:
    return json.dumps(fields(build, **changes)).encode()


def build_of(hashes: Mapping[str, int], build: BuildId = BUILD, **changes: Any) -> BuildManifest:
    """A validated build: name to number of its made-up hash."""
    images = {name: entry(n) for name, n in hashes.items()}
    return parse(body(build, images=images, allow_empty=True, **changes), build)
