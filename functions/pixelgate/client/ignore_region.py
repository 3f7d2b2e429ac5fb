"""Writes an ignore region where the policy of a snapshot is kept: pixelgate.toml or its sidecar."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pixelgate.client.config import Config, read_config
from pixelgate.domain.manifest_schema import MAX_RULES, PolicyOverrides, in_words
from pixelgate.domain.policy import Rectangle
from pixelgate.errors import BadManifest, UsageError, why_unread
from pixelgate.past.unrest import policy_of, rule_text


def rule_for(config: Config, name: str, boxes: Sequence[Rectangle]) -> str:
    """Returns the lines for pixelgate.toml that ignore boxes besides those that it ignores now.

    Raises:
        UsageError: the file's policy of this name is not valid.
    """
    try:
        known = config.policies({}).of(name).ignore_regions
    except BadManifest as error:
        raise UsageError(f"{config.path}: {error}") from error
    return rule_text(name, boxes, known)


def add_rule(config: Config, name: str, boxes: Sequence[Rectangle]) -> Path:
    """Appends a rule to pixelgate.toml; what is in it stays as it is. Returns the file.

    Raises:
        UsageError: there is no file, it cannot be written, or has no room for the rule as it is
            written; then it is unchanged.
    """
    path, text = config.path, rule_for(config, name, boxes)
    if path is None:
        raise UsageError(
            "there is no pixelgate.toml here or above; `pixelgate init` writes one, or write these "
            f"lines into it:\n{text}"
        )
    if len(config.fields.rules) >= MAX_RULES:
        raise UsageError(
            f"{path} has {MAX_RULES} rules, which is the most; join some of them by `*`, or use "
            "--sidecar FILE"
        )
    if "*" in name:
        raise UsageError(
            f"{name!r} has a `*`, which stands for any text in a rule; use --sidecar FILE"
        )
    try:
        before = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {why_unread(error)}") from error
    ending = b"\r\n" if b"\r\n" in before else b"\n"
    gap = b"" if not before or before.endswith(b"\n") else ending
    added = ending.join(text.encode().split(b"\n"))
    written = _beside(path, before + gap + ending + added)
    try:
        ignored = read_config(written).policies({}).of(name).ignore_regions
    except (UsageError, BadManifest) as error:
        written.unlink()
        raise UsageError(
            f"{path} was not changed, as a rule at its end would not be valid ({error}); write "
            f"these lines where its rules are:\n{text}"
        ) from error
    if not set(boxes) <= set(ignored):
        written.unlink()
        raise UsageError(f"{path} was not changed: a rule at its end would have no effect")
    _into_place(written, path)
    return path


def add_to_sidecar(path: Path, boxes: Sequence[Rectangle]) -> Path:
    """Adds boxes to the policy in a snapshot's JSON file, which is made if there is none.

    Raises:
        UsageError: the file is no sidecar, or cannot be written; then it is unchanged.
    """
    if path.suffix != ".json":
        raise UsageError(f"--sidecar {path}: the file beside checkout.png is checkout.json")
    content: Any = {}
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("policy") or {}, dict):
        raise UsageError(f"{path} must be a JSON object, and its policy too")
    policy = content.get("policy") or {}
    try:
        known = PolicyOverrides.model_validate(policy).ignore_regions or []
    except ValidationError as error:
        raise UsageError(f"{path}: policy.{in_words(error)}") from error
    before = [Rectangle(box.x, box.y, box.width, box.height) for box in known]
    content["policy"] = {**policy, **policy_of(boxes, before)}
    body = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    _into_place(_beside(path, body.encode()), path)
    return path


def _beside(path: Path, body: bytes) -> Path:
    """Writes a new file in the same folder, from where it can be moved in one step."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.resolve().parent)
        with os.fdopen(number, "wb") as file:
            file.write(body)
        with suppress(FileNotFoundError):
            Path(name).chmod(path.stat().st_mode & 0o777)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return Path(name)


def _into_place(written: Path, path: Path) -> None:
    try:
        written.replace(path.resolve())
    except OSError as error:
        written.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
