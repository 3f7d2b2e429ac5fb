"""How commands show their options on the page of --help."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


def _without_types_of_flags(params: list[Any]) -> list[Any]:
    """Typer shows `--json <bool>`, which reads as if a flag took a value."""
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    return params


class Command(TyperCommand):
    """A command whose flags are shown without a type."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Returns the options and arguments, --help with them."""
        return _without_types_of_flags(super().get_params(ctx))


class Group(TyperGroup):
    """Commands whose common flags are shown without a type."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Returns the options of the group itself, --help with them."""
        return _without_types_of_flags(super().get_params(ctx))
