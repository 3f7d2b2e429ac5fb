"""How the page's modules become one."""

from __future__ import annotations

import re

import pytest

from pixelgate.report.bundle import BundleError, bundle


def test_imported_modules_come_first_and_once() -> None:
    modules = {
        "main.js": 'import { a, b } from "./ab.js";\nimport { c } from "./c.js";\nrun(a, b, c);\n',
        "ab.js": 'import { c } from "./c.js";\nexport const a = c + 1;\nexport function b() {}\n',
        "c.js": "export const c = 1;\n",
        "unused.js": "export const nobody = 1;\n",
    }
    assert bundle(modules, "main.js") == (
        "const c = 1;\nconst a = c + 1;\nfunction b() {}\nrun(a, b, c);\n"
    )


def test_imports_over_several_lines_and_several_constants_at_once() -> None:
    modules = {
        "main.js": 'import {\n  a,\n  B,\n} from "./a.js";\nimport { c } from "./c.js";\nB(c);\n',
        "a.js": "export async function a() {}\nexport class B {}\n",
        "c.js": "export function* g() {}\nexport const [c, d] = [1, 2];\n",
    }
    assert bundle(modules, "main.js") == (
        "async function a() {}\nclass B {}\nfunction* g() {}\nconst [c, d] = [1, 2];\nB(c);\n"
    )


def test_types_and_comments_are_left_out() -> None:
    source = (
        "// Says what it is for.\n"
        '/** @typedef {import("./x.js").X} X */\n'
        "/**\n * Adds.\n * @param {number} a\n */\n"
        "const f = (a) => a; // why\n"
        "  // alone\n"
        "const g = /** @type {any} */ (f).x;\n"
        'const url = "https://x/*y";\n'
    )
    assert bundle({"main.js": source}, "main.js") == (
        'const f = (a) => a; // why\nconst g = (f).x;\nconst url = "https://x/*y";\n'
    )


USES_A = 'import { a } from "./a.js";\n'
REFUSED: dict[str, dict[str, str]] = {
    "main.js: a.js does not export a": {"main.js": USES_A, "a.js": "const a = 1;\n"},
    "main.js imports a.js, which is not there": {"main.js": USES_A},
    "main.js: b is defined in a.js too": {
        "main.js": f"{USES_A}const b = 1;\n",
        "a.js": "export const a = 1;\nfunction b() {}\n",
    },
    "modules import each other: main.js → a.js → main.js": {
        "main.js": f"{USES_A}export const m = 1;\n",
        "a.js": 'import { m } from "./main.js";\nexport const a = 1;\n',
    },
    "export default 1;": {"main.js": "export default 1;\n"},
    "import * as a": {"main.js": 'import * as a from "./a.js";\n'},
    "a.js does not export a as b": {
        "main.js": 'import { a as b } from "./a.js";\n',
        "a.js": "export const a = 1;\n",
    },
    "import(": {"main.js": 'await import("./a.js");\n'},
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_bundled_says_why(words: str) -> None:
    with pytest.raises(BundleError, match=re.escape(words)):
        bundle(REFUSED[words], "main.js")


@pytest.mark.parametrize("text", ["</SCRIPT>", "<!--"])
def test_what_would_end_the_script_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match="cannot stand in a script"):
        bundle({"main.js": f"const a = '{text}';\n"}, "main.js")
