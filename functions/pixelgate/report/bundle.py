"""Bundles the page's ES modules into one, as a page that is opened from a file cannot load any.

The modules import each other by name from "./x.js", and export functions, classes and constants.
Nothing else is allowed, so the bundler only removes the imports and the word "export". Top-level
names must be unique, as they share one scope in the bundle. In the source tree, the files are
ordinary modules for browsers, editors and tsc.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const|let) )", re.MULTILINE)
_DEFINED = re.compile(
    r"^(export )?(?:async )?(?:function\*?|class|const|let) (?:(\w+)|[\[{]([^\]}]*)[\]}])",
    re.MULTILINE,
)
_OTHER = re.compile(r"^(?:import|export)\b.*|\bimport\(|\bimport\.meta\b", re.MULTILINE)
# Comments on lines of their own, and JSDoc types anywhere; the page needs neither. In our modules,
# "/**" occurs in no string and no regular expression.
_JSDOC = r"/\*\*(?:[^*]|\*(?!/))*\*/"
_COMMENT = re.compile(rf"^[ \t]*(?:{_JSDOC}|//[^\n]*)[ \t]*\n|{_JSDOC}[ \t]*", re.MULTILINE)


class BundleError(ValueError):
    """Modules that cannot be bundled."""


def bundle(modules: Mapping[str, str], entry: str) -> str:
    """Bundles the entry and all that it imports into one module.

    `modules` maps a file name to its source; `entry` is the file name of the first module.

    Raises:
        BundleError: a module or a name is missing, a name is used twice, modules import each
            other in a circle, or a module uses something other than named imports and exports.
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


def _visit(
    modules: Mapping[str, str], name: str, order: list[str], importers: tuple[str, ...]
) -> None:
    if name in order:
        return
    if name in importers:
        raise BundleError(f"modules import each other: {' → '.join((*importers, name))}")
    if name not in modules:
        importer = importers[-1] if importers else "nothing"
        raise BundleError(f"{importer} imports {name}, which is not there")
    for names, imported in _IMPORT.findall(modules[name]):
        _visit(modules, imported, order, (*importers, name))
        exported = {defined for defined, exports in _definitions(modules[imported]) if exports}
        for wanted in filter(None, (n.strip() for n in names.split(","))):
            if wanted not in exported:
                raise BundleError(f"{name}: {imported} does not export {wanted}")
    order.append(name)


def _definitions(source: str) -> list[tuple[str, bool]]:
    """Returns the top-level names of a module, and whether it exports them."""
    return [
        (name.strip(), bool(export))
        for export, single, several in _DEFINED.findall(source)
        for name in ([single] if single else several.split(","))
    ]


def _stripped(name: str, source: str) -> str:
    body = _EXPORT.sub("", _COMMENT.sub("", _IMPORT.sub("", source)))
    if match := _OTHER.search(body):
        raise BundleError(f"{name}: {match[0].strip()!r} is none of the forms that can be bundled")
    # HTML ends a script at "</script", even within a string; after "<!--" it parses differently.
    if match := re.search(r"</script|<!--", body, re.IGNORECASE):
        raise BundleError(f"{name}: {match[0]!r} cannot stand in a script")
    return body
