"""Checks what we did not write: that it is pinned with hashes, and that nothing bad is known of it.

    make audit                               # offline: pins, hashes, what the artefact holds
    make audit ADVISORIES=FOLDER             # the same, and known vulnerabilities, offline too

FOLDER holds advisories in the OSV format, one JSON file each, as the archives of osv.dev for PyPI
and npm unpack to; old ones tell only of old troubles, so the age of the newest is told. With
pip-audit on PATH `make audit` runs that too, strictly: what it cannot look up makes it fail.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]
LISTS = ("functions/requirements.txt", "requirements-dev.txt", "tools/requirements-*.txt")
LOCKS = ("layers/odiff/*/package-lock.json", "bench/*/package-lock.json")
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


@dataclass(frozen=True, order=True)
class Package:
    """One version of something we use.

    Attributes:
        ecosystem: PyPI or npm, as OSV calls them.
        name: in its canonical form.
        version: the pinned one.
        source: the list that pins it.
    """

    ecosystem: str
    name: str
    version: str
    source: str


def pinned(text: str, source: str) -> tuple[list[Package], list[str]]:
    """The packages of a requirements list, and what is wrong with how they are pinned."""
    packages, wrong = [], []
    logical = text.replace("\\\n", " ")
    for line in logical.splitlines():
        words = line.partition(" #")[0].strip()
        if not words or words.startswith("#"):
            continue
        found = _REQUIREMENT.match(words)
        if found is None:
            wrong.append(f"{source}: {words[:60]!r} is not pinned to a version")
            continue
        if not _HASH.search(words):
            wrong.append(f"{source}: {found[1]}=={found[2]} has no sha256")
        packages.append(Package("PyPI", canonicalize_name(found[1]), found[2], source))
    return packages, wrong


def locked(text: str, source: str) -> tuple[list[Package], list[str]]:
    """The same of an npm lock file."""
    packages, wrong = [], []
    for path, entry in json.loads(text)["packages"].items():
        if not path or entry.get("link"):
            continue
        name = path.rpartition("node_modules/")[2]
        if not str(entry.get("integrity", "")).startswith("sha512-"):
            wrong.append(f"{source}: {name} has no sha512")
        packages.append(Package("npm", name, entry["version"], source))
    return packages, wrong


def everything(root: Path) -> tuple[list[Package], list[str]]:
    """What all lists of the repository pin."""
    packages: list[Package] = []
    wrong: list[str] = []
    for patterns, read in ((LISTS, pinned), (LOCKS, locked)):
        for path in sorted(p for pattern in patterns for p in root.glob(pattern)):
            found, bad = read(path.read_text(encoding="utf-8"), str(path.relative_to(root)))
            packages += found
            wrong += bad
    return packages, wrong


def shipped(artefact: Path, packages: Iterable[Package]) -> list[str]:
    """What the built artefact holds that functions/requirements.txt does not pin so."""
    wanted = {p.name: p.version for p in packages if p.source == LISTS[0]}
    wrong = []
    for path in sorted(artefact.glob("*.dist-info")):
        name, _, version = path.name.removesuffix(".dist-info").rpartition("-")
        if wanted.get(canonicalize_name(name)) != version:
            wrong.append(f"{artefact.name} holds {name} {version}, which {LISTS[0]} does not pin")
    return wrong


def advisories(folder: Path) -> Iterator[dict[str, Any]]:
    """The advisories of a folder, that were not withdrawn."""
    for path in sorted(folder.rglob("*.json")):
        advisory = json.loads(path.read_text(encoding="utf-8"))
        if not advisory.get("withdrawn"):
            yield advisory


def affects(advisory: Mapping[str, Any], package: Package) -> bool:
    """Whether an advisory speaks of this very version."""
    for affected in advisory.get("affected", ()):
        named = affected.get("package", {})
        name = named.get("name", "")
        name = canonicalize_name(name) if named.get("ecosystem") == "PyPI" else name
        if (named.get("ecosystem"), name) != (package.ecosystem, package.name):
            continue
        if package.version in affected.get("versions", ()):
            return True
        for among in affected.get("ranges", ()):
            if among["type"] != "GIT" and _within(among["events"], package.version):
                return True
    return False


def _within(events: list[dict[str, str]], version: str) -> bool:
    """Whether a version lies between an `introduced` and the `fixed` that follows."""
    asked = _version(version)
    inside = False
    for event in sorted(events, key=lambda e: _version(next(iter(e.values())))):
        [(kind, limit)] = event.items()
        at = _version(limit)
        if kind == "introduced" and asked >= at:
            inside = True
        elif (kind == "fixed" and asked >= at) or (kind == "last_affected" and asked > at):
            inside = False
    return inside


def _version(text: str) -> Version:
    """Of npm's too: what is no version of Python's counts as older than all, thus is reported."""
    try:
        return Version(text.replace("-", "+", 1) if re.search(r"-\D", text) else text)
    except InvalidVersion:
        return Version("0")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Prints what is wrong; 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--advisories", type=Path)
    options = parser.parse_args(arguments)
    packages, wrong = everything(root)
    for artefact in sorted((root / ".aws-sam" / "build").glob("*Function")):
        wrong += shipped(artefact, packages)
    print(f"{len({(p.ecosystem, p.name, p.version) for p in packages})} packages, pinned by hash")
    if options.advisories:
        read = list(advisories(options.advisories))
        newest = max((a.get("modified", "") for a in read), default="none at all")
        print(f"{len(read)} advisories, the newest of {newest}")
        if not read:
            wrong.append(f"{options.advisories} holds no advisories")
        for package in sorted(set(packages)):
            for advisory in read:
                if affects(advisory, package):
                    said = advisory.get("summary", "see the advisory")
                    where = f"{package.name} {package.version} ({package.source})"
                    wrong.append(f"{where}: {advisory['id']}: {said}")
    else:
        print("known vulnerabilities were not looked for: that needs ADVISORIES=FOLDER")
    for line in wrong:
        print(line, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
