"""Tags the wheel for its platform: for every Python, as ctypes loads the library."""

import os

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel


class PlatformWheel(bdist_wheel):
    """A wheel for one platform, named by the environment variable PLATFORM."""

    def get_tag(self) -> tuple[str, str, str]:
        """Any Python 3, no ABI, that platform."""
        return "py3", "none", os.environ["PLATFORM"]


class Binary(Distribution):
    """A distribution that is not pure Python."""

    def has_ext_modules(self) -> bool:
        """It has compiled files."""
        return True


setup(cmdclass={"bdist_wheel": PlatformWheel}, distclass=Binary)
