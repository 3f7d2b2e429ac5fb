"""Which policy a snapshot has: the build's, what its name's rules say, and its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from functools import cached_property
from typing import Any

from pixelgate.domain.manifest_schema import PolicyFields, PolicyOverrides, Rule
from pixelgate.domain.names import canonical
from pixelgate.domain.policy import Policy
from pixelgate.errors import BadManifest


class Policies:
    """The policies of a build.

    Attributes:
        default: where nothing else is said.
    """

    def __init__(
        self, default: Policy, rules: Sequence[Rule] = (), above: Mapping[str, Any] | None = None
    ) -> None:
        """Takes what is set for all snapshots and by name.

        Args:
            default: where nothing else is said.
            rules: the first ones first.
            above: fields that override all of it, as those of a command line.

        Raises:
            BadManifest: the fields contradict one another.
        """
        self._above = dict(above or {})
        self.default = default.with_overrides(self._above)
        self._rules = tuple(rules)
        self._known: dict[tuple[int, ...], Policy] = {}

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        # Only the star is one: names do hold brackets and question marks.
        literal = str.maketrans({"[": "[[]", "?": "[?]"})
        return tuple(
            re.compile(translate(canonical(r.match).translate(literal))) for r in self._rules
        )

    def of(self, name: str, own: PolicyOverrides | None = None) -> Policy:
        """The policy of one snapshot; a later rule overrides an earlier one, its own fields both.

        Raises:
            BadManifest: the fields contradict one another; the message names the place.
        """
        compared = canonical(name)
        matching = tuple(i for i, p in enumerate(self._patterns) if p.match(compared))
        if matching not in self._known:
            policy = self.default
            for i in matching:
                policy = overridden(f"rules[{i}].policy", self._rules[i].policy, policy)
            self._known[matching] = policy.with_overrides(self._above) if matching else policy
        policy = self._known[matching]
        return overridden(f"images[{name!r}].policy", own, policy) if own else policy


def overridden(where: str, overrides: PolicyOverrides, policy: Policy) -> Policy:
    """A policy with what is set at some place of a manifest or file.

    Raises:
        BadManifest: the fields contradict one another; the message names the place.
    """
    try:
        return overrides.on(policy)
    except BadManifest as error:
        raise BadManifest(f"{where}: {error}") from error


def policies_of(fields: PolicyFields, above: Mapping[str, Any] | None = None) -> Policies:
    """The policies that a file sets for everything and by name.

    Args:
        fields: of the file.
        above: fields that override what it says.

    Raises:
        BadManifest: the fields contradict one another; the message names the place.
    """
    return Policies(overridden("policy", fields.policy, Policy()), fields.rules, above)
