"""How the page's modules become one."""

from __future__ import annotations

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


def test_imports_over_several_lines() -> None:
    modules = {
        "main.js": 'import {\n  a,\n  B,\n} from "./a.js";\nnew B(a);\n',
        "a.js": "export async function a() {}\nexport class B {}\n",
    }
    assert bundle(modules, "main.js") == "async function a() {}\nclass B {}\nnew B(a);\n"


def test_several_constants_at_once_are_exported() -> None:
    modules = {
        "main.js": 'import { a, b } from "./a.js";\na(b);\n',
        "a.js": "export const [a, b] = [1, 2];\n",
    }
    assert bundle(modules, "main.js") == "const [a, b] = [1, 2];\na(b);\n"


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


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        pytest.param(
            {"main.js": 'import { a } from "./a.js";\n', "a.js": "const a = 1;\n"},
            "main.js: a.js does not export a",
            id="a name that is not exported",
        ),
        pytest.param(
            {"main.js": 'import { a } from "./a.js";\n'},
            "main.js imports a.js, which is not there",
            id="a module that is missing",
        ),
        pytest.param(
            {
                "main.js": 'import { a } from "./a.js";\nconst b = 1;\n',
                "a.js": "export const a = 1;\nfunction b() {}\n",
            },
            "main.js: b is defined in a.js too",
            id="a name twice",
        ),
        pytest.param(
            {
                "main.js": 'import { a } from "./a.js";\nexport const m = 1;\n',
                "a.js": 'import { m } from "./main.js";\nexport const a = 1;\n',
            },
            "modules import each other: main.js → a.js → main.js",
            id="a circle",
        ),
        pytest.param({"main.js": "export default 1;\n"}, "export default 1;", id="default"),
        pytest.param(
            {"main.js": 'import * as a from "./a.js";\n'}, "import * as a", id="everything"
        ),
        pytest.param(
            {"main.js": 'import { a as b } from "./a.js";\n', "a.js": "export const a = 1;\n"},
            "a.js does not export a as b",
            id="renamed",
        ),
        pytest.param({"main.js": 'await import("./a.js");\n'}, "import(", id="dynamic"),
        pytest.param({"main.js": "const a = '</SCRIPT>';\n"}, "cannot stand in a script", id="end"),
        pytest.param({"main.js": "const a = '<!--';\n"}, "cannot stand in a script", id="comment"),
    ],
)
def test_what_cannot_be_bundled_says_why(modules: dict[str, str], words: str) -> None:
    with pytest.raises(BundleError) as raised:
        bundle(modules, "main.js")
    assert words in str(raised.value)
