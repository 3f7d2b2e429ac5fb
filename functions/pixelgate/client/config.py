"""Reads pixelgate.toml, the settings of a project that all commands share."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from pixelgate.client.layouts.names import AUTO, LAYOUTS
from pixelgate.client.layouts.select import Choice
from pixelgate.domain.manifest import quarantines_of
from pixelgate.domain.manifest_schema import (
    MAX_RULES,
    Grace,
    PolicyFields,
    QuarantineFields,
    Text,
    in_words,
)
from pixelgate.domain.policy import Policy
from pixelgate.domain.policy_rules import Policies, overridden, policies_of
from pixelgate.domain.quarantine import MAX_ENTRIES, Quarantine
from pixelgate.errors import BadManifest, UsageError, why_unread

NAME = "pixelgate.toml"


class ConfigFields(PolicyFields):
    """The fields of pixelgate.toml: policies, quarantines, and where builds are uploaded."""

    project: Text | None = None
    bucket: Text | None = None
    base_branch: Text | None = None
    release_branches: list[Text] | None = Field(default=None, max_length=100)
    grace: Grace | None = None  # seconds
    folder: Text | None = None
    layout: Text | None = Field(default=None, alias="from")
    include: list[Text] = Field(default=[], max_length=MAX_RULES)
    exclude: list[Text] = Field(default=[], max_length=MAX_RULES)
    timeout: float | None = Field(default=None, gt=0)
    quarantine: list[QuarantineFields] = Field(default=[], max_length=MAX_ENTRIES)

    @field_validator("layout")
    @classmethod
    def _known(cls, layout: str | None) -> str | None:
        if layout is not None and layout not in LAYOUTS:
            raise ValueError(f"must be one of {', '.join(LAYOUTS)}")
        return layout


@dataclass(frozen=True)
class Config:
    """The content of pixelgate.toml; empty if there is no such file."""

    path: Path | None
    fields: ConfigFields

    def policy_fields(self) -> dict[str, Any]:
        """Returns the fields `defaults`, `rules` and `quarantine` of a manifest."""
        fields = {
            "defaults": self.fields.policy.model_dump(exclude_none=True),
            "rules": [rule.model_dump(exclude_none=True) for rule in self.fields.rules],
            "quarantine": [one.model_dump() for one in self.fields.quarantine],
        }
        return {name: value for name, value in fields.items() if value}

    @property
    def quarantine(self) -> tuple[Quarantine, ...]:
        """The quarantines of the file, also those that have expired."""
        return quarantines_of(self.fields.quarantine)

    def policies(self, above: Mapping[str, Any]) -> Policies:
        """Returns the policies for a comparison here; those `above` override the file's.

        Raises:
            UsageError: the fields contradict one another.
        """
        try:
            return policies_of(self.fields, above)
        except BadManifest as error:
            raise UsageError(f"{self.path}: {error}" if self.path else str(error)) from error

    def choice(
        self,
        layout: str | None = None,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        *,
        expected: bool = False,
    ) -> Choice:
        """Returns which snapshots of a folder are wanted; an option overrides the file's key."""
        return Choice(
            layout or self.fields.layout or AUTO,
            tuple(self.fields.include if include is None else include),
            tuple(self.fields.exclude if exclude is None else exclude),
            expected=expected,
        )

    @property
    def folder(self) -> Path | None:
        """The folder with the screenshots, relative to the working directory."""
        if self.path is None or self.fields.folder is None:
            return None
        return self.path.parent / self.fields.folder


def find_config(start: Path) -> Path | None:
    """Finds pixelgate.toml in this folder or the nearest one above, up to the repository's root."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / NAME).is_file():
            return folder / NAME
        if (folder / ".git").exists():
            return None
    return None


def read_config(path: Path | None) -> Config:
    """Reads a pixelgate.toml; returns an empty configuration for None.

    Raises:
        UsageError: the file is invalid; the message names the field and the rule.
    """
    if path is None:
        return Config(None, ConfigFields())
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{path} cannot be read: {why_unread(error)}") from error
    try:
        fields = ConfigFields.model_validate(tomllib.loads(text))
        policies_of(fields)
        for number, rule in enumerate(fields.rules):
            overridden(f"rules[{number}].policy", rule.policy, Policy())
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise UsageError(f"{path}: {in_words(error)}") from error
    except BadManifest as error:
        raise UsageError(f"{path}: {error}") from error
    return Config(path, fields)
