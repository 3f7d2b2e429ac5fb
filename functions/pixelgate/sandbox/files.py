"""Where the files lie that the sandbox needs and that are no Python modules of it.

A wheel carries copies of them; a checkout has them at their own places. setup.py reads `COPIED`, so
this module imports nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
DATA = Path(__file__).parent / "data"

# Name of the copy in the wheel's folder pixelgate/sandbox/data → path in the checkout.
COPIED: Mapping[str, str] = {
    "template.yaml": "template.yaml",
    "roles.yaml": "examples/ci/roles.yaml",
    "requirements.txt": "functions/requirements.txt",
    "requirements-cloud.txt": "tools/requirements-cloud.txt",
}


def data_file(name: str) -> Path:
    """Returns where a file of `COPIED` lies in this installation.

    Raises:
        KeyError: no such file is copied.
    """
    place = COPIED[name]
    return DATA / name if DATA.is_dir() else CHECKOUT / place
