"""The patterns of --include and --exclude."""

from __future__ import annotations

import re

from pixelgate.domain.names import canonical


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compiles a pattern for names of snapshots: `*` stands for any text, `/` too.

    `**/` may also stand for nothing, and `icons/` is everything below icons. Other characters,
    such as brackets, are meant literally, as names contain them.
    """
    text = canonical(pattern.removeprefix("./"))
    text += "*" if text.endswith("/") else ""
    anywhere = (
        ".*".join(re.escape(part) for part in re.split(r"\*+", piece))
        for piece in text.split("**/")
    )
    return re.compile("(?s:" + "(?:.*/)?".join(anywhere) + r")\Z")
