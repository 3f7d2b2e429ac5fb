"""Reads what was learned of the noise of a project, at most once for a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from pixelgate.domain import keys
from pixelgate.domain.learned_noise import LearnedNoise, decode
from pixelgate.errors import NotFound
from pixelgate.ports import Bucket


class Learned:
    """What the tidy function has learned of a project, read when it is asked for.

    Without it every difference counts that no other noise explains. So it is none where nothing
    was learned yet, and where the object is none of ours; `warnings` then says so.
    """

    def __init__(self, project: str, objects: Bucket) -> None:
        self._key, self._objects = keys.learned_noise(project), objects
        self.warnings: tuple[str, ...] = ()

    def __call__(self) -> Mapping[str, LearnedNoise]:
        """Returns the noise of each snapshot, by canonical name."""
        return self._known

    @cached_property
    def _known(self) -> Mapping[str, LearnedNoise]:
        try:
            return decode(self._objects.read(self._key))
        except NotFound:
            return {}
        except ValueError as error:
            self.warnings = (
                f"learned noise explains nothing, as {self._key} cannot be used: {error}. Delete "
                "it; the tidy function writes it again within a day",
            )
            return {}
