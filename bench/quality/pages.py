"""The pages that are rendered: our markup, other people's styles."""

from __future__ import annotations

import base64
import io
import mimetypes
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from bench.quality import drawings

HERE = Path(__file__).resolve().parent
MODULES = HERE / "node_modules"
# The longer side of a photo that comes with a package's page: every edit writes the page anew.
PHOTO = 700

STYLES = {
    "own": (),
    "bootstrap": ("bootstrap/dist/css/bootstrap.min.css",),
    "bulma": ("bulma/css/bulma.min.css",),
    "govuk": ("govuk-frontend/dist/govuk/govuk-frontend.min.css",),
    "pico": ("@picocss/pico/css/pico.min.css",),
    "uikit": ("uikit/dist/css/uikit.min.css",),
    "spectre": tuple(
        f"spectre.css/dist/{name}.min.css" for name in ("spectre", "spectre-icons", "spectre-exp")
    ),
    "picnic": ("picnic/picnic.min.css",),
    "materialize": ("@materializecss/materialize/dist/css/materialize.min.css",),
    "water-dark": ("water.css/out/dark.min.css",),
    "tufte": ("tufte-css/tufte.min.css",),
    "latex": ("latex.css/style.min.css",),
    "98": ("98.css/dist/98.css",),
    "primer": (
        *(f"@primer/primitives/dist/css/{name}.css" for name in (
            "base/size/size", "base/typography/typography", "functional/size/border",
            "functional/size/size", "functional/size/radius", "functional/spacing/space",
            "functional/typography/typography", "functional/themes/light",
        )),
        "@primer/css/dist/primer.css",
    ),
}  # fmt: skip
# No motion, and no font that the machine might lack.
OWN_CSS = """
*, *::before, *::after {
  animation: none !important; transition: none !important; caret-color: transparent !important;
}
body, button, input, select, textarea, h1, h2, h3, h4, h5, h6, label, th, td, dt, dd, legend, p, a,
li, div, span, strong, b { font-family: "%s", sans-serif; }
body { margin: 0; }
"""


@dataclass(frozen=True)
class View:
    """A window: its size in CSS pixels and the device's pixels for each of them."""

    name: str
    width: int
    height: int
    scale: int


VIEWS = {
    "desktop": View("desktop", 1280, 800, 1),
    "phone2": View("phone2", 360, 740, 2),
    "phone3": View("phone3", 390, 844, 3),
    "m1": View("m1", 390, 844, 1),
    "m2": View("m2", 390, 844, 2),
}


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: of its file.
        views: the windows in which it is drawn.
        half: tune, held-out or fresh: a rule is tuned on the pages of one and judged on another.
        theme: light or dark.
        html: the whole document.
    """

    name: str
    views: tuple[View, ...]
    half: str
    theme: str
    html: str


def load_pages() -> list[Page]:
    """Reads all pages, sorted by name."""
    install()
    return [_load(path) for path in sorted((HERE / "pages").glob("*.html"))]


def install() -> None:
    """Fetches what package-lock.json pins, unless it is there."""
    stamp = MODULES / ".package-lock.json"
    if stamp.exists() and stamp.stat().st_mtime >= (HERE / "package-lock.json").stat().st_mtime:
        return
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(npm, cwd=HERE, check=True)


def _load(path: Path) -> Page:
    first, _, body = path.read_text(encoding="utf-8").partition("\n")
    said = dict(part.split(": ") for part in first.strip("<!->\n ").split("; "))
    theme = said.get("theme", "light")
    if "shows" in said:
        body = _shipped(MODULES / said["shows"]) + body
    if "skip" in said:
        body += f"<style>body{{margin-top:-{said['skip']}px !important}}</style>"
    html = (
        f'<!doctype html><html lang="en" class="govuk-template" data-theme="{theme}" '
        f'data-bs-theme="{theme}" data-color-mode="light" data-light-theme="light">'
        f'<head><meta charset="utf-8"><style>{_css(said["framework"])}</style>'
        f"<style>{OWN_CSS % said.get('font', 'Liberation Sans')}</style></head>"
        f"<body>{drawings.expand(body)}</body></html>"
    )
    views = tuple(VIEWS[name] for name in said["views"].split())
    return Page(path.stem, views, said["half"], theme, html)


def _shipped(path: Path) -> str:
    """The body of a page that a package ships, without its scripts and with its pictures in it."""
    html = path.read_text(encoding="utf-8")
    html = re.sub(
        r"(?is)<script\b.*?</script>|<noscript\b.*?</noscript>|<iframe.*?</iframe>", "", html
    )
    found = re.search(r"(?is)<body[^>]*>(.*)</body>", html)

    def inlined(match: re.Match[str]) -> str:
        file = path.parent / match[2]
        if not file.is_file():
            return match[0]
        kind, content = mimetypes.guess_type(file.name)[0] or "image/jpeg", file.read_bytes()
        if kind == "image/jpeg":
            content = _smaller(content)
        return f"{match[1]}data:{kind};base64,{base64.b64encode(content).decode()}"

    pictures = r"""(\bsrc=["']?)([\w./-]+\.(?:jpe?g|png|svg|webp))"""
    return re.sub(pictures, inlined, found[1] if found else html).replace("{{", "{ {")


@cache
def _smaller(jpeg: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as image:
        image.thumbnail((PHOTO, PHOTO))
        file = io.BytesIO()
        image.convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()


@cache
def _css(framework: str) -> str:
    css = "\n".join((MODULES / name).read_text(encoding="utf-8") for name in STYLES[framework])
    # What lies beside the style sheets is not served, and nothing is fetched.
    css = re.sub(r"@font-face\s*\{[^}]*\}|@charset[^;]*;|@import[^;]*;", "", css)
    return css.replace("</style", "")
