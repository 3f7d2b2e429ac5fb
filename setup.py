"""What pyproject.toml cannot say: the version of the extra, and what the sandbox reads."""

import re
import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDER = Path(__file__).parent / "functions" / "pixelgate"


def version() -> str:
    """The version, which stands in pixelgate/__init__.py and nowhere else."""
    text = (FOLDER / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if not found:
        raise SystemExit(f'{FOLDER / "__init__.py"} has no line __version__ = "…"')
    return found[1]


class BuildWithFiles(build_py):
    """Puts what `pixelgate sandbox` reads into the wheel; an editable one reads the checkout's."""

    def run(self) -> None:
        """Builds, then copies."""
        super().run()
        if self.editable_mode:
            return
        copied = runpy.run_path(str(FOLDER / "sandbox" / "files.py"))["COPIED"]
        data = Path(self.build_lib) / "pixelgate" / "sandbox" / "data"
        self.mkpath(str(data))
        for name, place in copied.items():
            self.copy_file(str(Path(__file__).parent / place), str(data / name))


# The compiled part is called with the arguments of this very version.
COMPARE = f"pixelgate-compare=={version()}"
setup(
    cmdclass={"build_py": BuildWithFiles},
    # An agent is shown pictures, which the compiled part draws.
    extras_require={"compare": [COMPARE], "mcp": ["mcp>=2.3,<3", COMPARE]},
)
