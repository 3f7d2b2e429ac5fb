"""Finds the policy of a snapshot: the build's, overridden by rules for names and by its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from pixelgate.domain.manifest_schema import PolicyFields, PolicyOverrides, Rule
from pixelgate.domain.names import canonical, compile_glob
from pixelgate.domain.policy import Policy
from pixelgate.errors import BadManifest


class Policies:
    """The policies of a build.

    Attributes:
        default: the policy of snapshots without a rule or a policy of their own.
    """

    def __init__(
        self, default: Policy, rules: Sequence[Rule] = (), above: Mapping[str, Any] | None = None
    ) -> None:
        """Combines a default and rules, of which a later one overrides an earlier one.

        The fields `above`, such as those of a command line, override both. Raises BadManifest.
        """
        self._above = dict(above or {})
        self.default = default.with_overrides(self._above)
        self._rules = tuple(rules)
        self._known: dict[tuple[int, ...], Policy] = {}

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(compile_glob(rule.match) for rule in self._rules)

    def of(self, name: str, own: PolicyOverrides | None = None) -> Policy:
        """Returns the policy of one snapshot: default, rules, then its own. Raises BadManifest."""
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
    """Returns a policy with the overrides at one place, which a BadManifest then names."""
    try:
        return overrides.on(policy)
    except BadManifest as error:
        raise BadManifest(f"{where}: {error}") from error


def policies_of(fields: PolicyFields, above: Mapping[str, Any] | None = None) -> Policies:
    """Returns the policies of a file; the fields `above` override it. Raises BadManifest."""
    return Policies(overridden("policy", fields.policy, Policy()), fields.rules, above)
