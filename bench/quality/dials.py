"""The curve over one dial: our rule under several policies, from strict to tolerant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# The name of a policy and what it changes in the default one, as a manifest's `policy` says it.
Dial = tuple[str, Mapping[str, Any]]

# From the strictest to the most tolerant, as the curve's table shows them.
DIALS: Sequence[Dial] = (
    ("exact", {"sensitivity": "exact"}),
    ("careful", {"sensitivity": "careful"}),
    ("default", {}),
    ("tolerant", {"sensitivity": "tolerant"}),
)
