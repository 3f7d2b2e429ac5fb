"""Walks a folder: its images, its other files, and the links and folders that are left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pixelgate.client.layouts.words import is_actual_folder, is_expected_folder
from pixelgate.domain.manifest import FOREIGN_SUFFIXES, IMAGE_SUFFIXES

_IMAGES = IMAGE_SUFFIXES | FOREIGN_SUFFIXES
# Folders of a program's parts: no test writes its screenshots there.
_PACKAGES = frozenset({"node_modules"})
_MOST_COUNTED = 10_000


@dataclass
class Tree:
    """The files below a folder; names are paths relative to it, with "/"."""

    root: Path
    above: tuple[str, ...] = ()  # the parts of the folder's own path, without links
    images: dict[str, Path] = field(default_factory=dict)  # sorted by name
    others: dict[str, Path] = field(default_factory=dict)  # files that are no images
    links: list[str] = field(default_factory=list)  # links out of the folder, not followed
    packages: list[str] = field(default_factory=list)  # folders of packages, not entered


def walk(root: Path, *, plain: bool = False) -> Tree:
    """Lists the files below a folder, without hidden ones.

    A link is followed if it leads to something below the folder; a folder that contains itself is
    entered once. Unless `plain`, a hidden folder is entered if it has a folder of a run's pictures,
    such as `.tmp/actual`, and folders of packages are not.

    Raises:
        OSError: a folder cannot be read; its snapshots would count as removed.
    """
    inside = os.path.realpath(root)
    tree = Tree(root, Path(inside).parts)
    pending: list[tuple[str, str, frozenset[tuple[int, int]]]] = [(str(root), "", frozenset())]
    while pending:
        folder, prefix, ancestors = pending.pop()
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in ancestors:
            continue
        for entry in _entries(folder):
            name = prefix + entry.name
            if entry.is_symlink() and not _is_below(entry.path, inside):
                _note_link(tree, entry, name)
            elif not _is_folder(entry):
                _add(tree, entry, name)
            elif entry.name in _PACKAGES and not plain:
                tree.packages.append(name)
            elif not entry.name.startswith(".") or (not plain and _has_a_run(entry.path)):
                pending.append((entry.path, f"{name}/", ancestors | {identity}))
    tree.images = dict(sorted(tree.images.items()))
    tree.links.sort()
    tree.packages.sort()
    return tree


def hidden_images(root: Path) -> dict[str, int]:
    """Returns the hidden folders below a folder with the number of images in each."""
    found: dict[str, int] = {}
    for folder, names, _ in os.walk(root):
        for name in sorted(names):
            if name.startswith(".") and name != ".git":
                path = os.path.join(folder, name)
                if number := _count(path):
                    found[Path(path).relative_to(root).as_posix()] = number
        names[:] = [n for n in names if not n.startswith(".") and n not in _PACKAGES]
    return found


def _count(folder: str) -> int:
    number = 0
    for _, _, files in os.walk(folder):
        number += sum(_suffix(name) in _IMAGES for name in files)
        if number > _MOST_COUNTED:
            break
    return number


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _is_below(path: str, root: str) -> bool:
    real = os.path.realpath(path)
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def _note_link(tree: Tree, entry: os.DirEntry[str], name: str) -> None:
    """Notes a link that is not followed, if it leads to a folder or is called like an image."""
    if entry.name.startswith("."):
        return
    if _is_folder(entry) or _suffix(entry.name) in _IMAGES:
        tree.links.append(name)


def _add(tree: Tree, entry: os.DirEntry[str], name: str) -> None:
    if _suffix(entry.name) not in _IMAGES:
        tree.others[name] = Path(entry.path)
    elif not entry.name.startswith("."):
        tree.images[name] = Path(entry.path)


def _has_a_run(folder: str) -> bool:
    """Whether a hidden folder holds a folder of pictures of a run, or of expected ones."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if _is_folder(entry)]
    except OSError:
        return False
    return any(is_actual_folder(name) or is_expected_folder(name) for name in names)
