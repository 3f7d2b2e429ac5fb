"""Reads a release, as `make release` writes it, and checks that it is whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelgate.errors import UsageError

CHECKSUMS = "SHA256SUMS"
TEMPLATE = "template.json"
CODE_BUCKET, CODE_PREFIX = "CodeBucket", "CodePrefix"
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([\w.-]+)")


@dataclass(frozen=True)
class Release:
    """A release whose files were all checked."""

    folder: Path
    template: Mapping[str, Any]

    @property
    def version(self) -> str:
        """The version of pixelgate."""
        return str(self.template["Outputs"]["Version"]["Value"])

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """What can be set at deployment."""
        ours = (CODE_BUCKET, CODE_PREFIX)
        return {k: v for k, v in self.template["Parameters"].items() if k not in ours}

    def zips(self, architecture: str) -> list[str]:
        """The names of the zips for one architecture."""
        return sorted(self.template["Mappings"]["Zips"][architecture].values())

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return _read(self.folder / name)


def read_release(folder: Path) -> Release:
    """Reads a release and checks every file of it.

    Raises:
        UsageError: there is none, or a file is missing, damaged or of another release.
    """
    if not (folder / CHECKSUMS).is_file():
        raise UsageError(
            f"{folder} is no release: it has no {CHECKSUMS}. Name the folder with a release's "
            "files by --release, or build one with `make release`"
        )
    sums = _sums(_read(folder / CHECKSUMS).decode("utf-8", "replace"), folder)
    problems = [
        _problem(folder / name, wanted)
        for name, wanted in sums.items()
        if not _is_for_a_client(name) or (folder / name).exists()
    ]
    if TEMPLATE not in sums:
        problems.append(f"{TEMPLATE} is not in {CHECKSUMS}")
    if found := list(filter(None, problems)):
        raise UsageError(
            f"{folder} is not a whole release, so nothing was deployed: {'; '.join(found)}. "
            "Download or build all its files again"
        )
    try:
        release = Release(folder, json.loads(_read(folder / TEMPLATE)))
        named = {
            name
            for kinds in release.template["Mappings"]["Zips"].values()
            for name in kinds.values()
        }
        _ = release.version, release.template["Parameters"][CODE_BUCKET]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder / TEMPLATE} is not the template of a release") from error
    if unknown := sorted(named - sums.keys()):
        raise UsageError(
            f"{folder / TEMPLATE} names {', '.join(unknown)}, which {CHECKSUMS} does not"
        )
    return release


def _is_for_a_client(name: str) -> bool:
    """Whether a deployment does without the file: wheels, and the list of what they need."""
    return name.endswith(".whl") or name.startswith("requirements-")


def _sums(text: str, folder: Path) -> dict[str, str]:
    sums = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if not found or found[2].startswith("."):
            raise UsageError(f"{folder / CHECKSUMS}: {line[:80]!r} is not a hash and a file's name")
        sums[found[2]] = found[1]
    return sums


def _problem(path: Path, wanted: str) -> str:
    if not path.is_file():
        return f"{path.name} is missing"
    if hashlib.sha256(_read(path)).hexdigest() != wanted:
        return f"{path.name} is not the file that {CHECKSUMS} means"
    return ""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
