"""Puts the page's ES modules into one, as a page opened from a file can load no others.

The modules import each other by name from "./x.js" and export functions, classes and constants;
nothing else is allowed, so that leaving out the imports and the word "export" is all there is to
do. Names at the top of modules must differ, as they share one scope afterwards. In the source
tree the modules stay what browsers, editors and tsc know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let) )", re.MULTILINE)
_DEFINED = re.compile(
    r"^(export )?(?:async )?(?:function\*?|class|const|let) (?:(\w+)|[\[{]([^\]}]*)[\]}])",
    re.MULTILINE,
)
_OTHER = re.compile(r"^(?:import|export)\b.*|\bimport\(|\bimport\.meta\b", re.MULTILINE)
# Types and comments that are lines of their own; the page needs neither. JSDoc within a line
# goes too: "/**" begins nothing else in our modules, neither a string nor a pattern.
_JSDOC = r"/\*\*(?:[^*]|\*(?!/))*\*/"
_COMMENT = re.compile(rf"^[ \t]*(?:{_JSDOC}|//[^\n]*)[ \t]*\n|{_JSDOC}[ \t]*", re.MULTILINE)


class BundleError(ValueError):
    """Modules that cannot be put into one."""


def bundle(modules: Mapping[str, str], entry: str) -> str:
    """The entry and all that it imports as one module.

    Args:
        modules: file name to source.
        entry: the file name to begin with.

    Raises:
        BundleError: a module or a name is missing, a name is used twice, modules import each
            other in a circle, or something other than named imports and exports is used.
    """
    order: list[str] = []
    _visit(modules, entry, order, ())
    owners: dict[str, str] = {}
    for name in order:
        for defined, _ in _definitions(modules[name]):
            if defined in owners:
                raise BundleError(f"{name}: {defined} is defined in {owners[defined]} too")
            owners[defined] = name
    return "".join(_stripped(name, modules[name]) for name in order)


def _visit(modules: Mapping[str, str], name: str, order: list[str], above: tuple[str, ...]) -> None:
    if name in order:
        return
    if name in above:
        raise BundleError(f"modules import each other: {' → '.join((*above, name))}")
    if name not in modules:
        raise BundleError(f"{above[-1] if above else 'nothing'} imports {name}, which is not there")
    for words, other in _IMPORT.findall(modules[name]):
        _visit(modules, other, order, (*above, name))
        exported = {defined for defined, is_exported in _definitions(modules[other]) if is_exported}
        for word in filter(None, (w.strip() for w in words.split(","))):
            if word not in exported:
                raise BundleError(f"{name}: {other} does not export {word}")
    order.append(name)


def _definitions(source: str) -> list[tuple[str, bool]]:
    """Names at the top of a module, and whether it exports them."""
    return [
        (name.strip(), bool(export))
        for export, single, several in _DEFINED.findall(source)
        for name in ([single] if single else several.split(","))
    ]


def _stripped(name: str, source: str) -> str:
    body = _EXPORT.sub("", _COMMENT.sub("", _IMPORT.sub("", source)))
    if found := _OTHER.search(body):
        raise BundleError(f"{name}: {found[0].strip()!r} is none of the forms that can be bundled")
    # The HTML parser ends a script here whatever the language says, and changes its mind there.
    if found := re.search(r"</script|<!--", body, re.IGNORECASE):
        raise BundleError(f"{name}: {found[0]!r} cannot stand in a script")
    return body
