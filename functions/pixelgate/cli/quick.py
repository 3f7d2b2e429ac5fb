"""Halves the time of `--help` by not importing a Markdown parser and a syntax highlighter.

typer.rich_utils imports rich.markdown and rich.traceback, which import markdown-it and Pygments;
pixelgate uses neither. Classes of the same names import the real ones when they are first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_SPARED = (("rich.markdown", "Markdown"), ("rich.traceback", "Traceback"))


def spare_imports() -> None:
    """Puts the stand-ins into sys.modules, unless the real modules are loaded already."""
    for module, name in _SPARED:
        if module not in sys.modules:
            sys.modules[module] = _stand_in(module, name)


def _stand_in(module: str, name: str) -> ModuleType:
    stand_in = ModuleType(module)

    def real() -> Any:
        if sys.modules.get(module) is stand_in:
            del sys.modules[module]
        return getattr(import_module(module), name)

    class Later(type):
        def __call__(cls, *arguments: Any, **options: Any) -> Any:
            return real()(*arguments, **options)

        def __getattr__(cls, attribute: str) -> Any:
            return getattr(real(), attribute)

    setattr(stand_in, name, Later(name, (), {}))
    return stand_in
