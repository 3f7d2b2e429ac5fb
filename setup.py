"""What pyproject.toml cannot say: the extra `compare` is of the same version."""

import re
from pathlib import Path

from setuptools import setup

FOLDER = Path(__file__).parent / "functions" / "pixelgate"


def version() -> str:
    """The version, which stands in pixelgate/__init__.py and nowhere else."""
    text = (FOLDER / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if not found:
        raise SystemExit(f'{FOLDER / "__init__.py"} has no line __version__ = "…"')
    return found[1]


# The compiled part is called with the arguments of this very version.
setup(extras_require={"compare": [f"pixelgate-compare=={version()}"]})
