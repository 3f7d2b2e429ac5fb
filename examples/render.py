"""Render the two example snapshot sets, ``base/`` and ``head/``.

Both sets draw the same list of pictures (``snapshots.toml``), each with its own
release of the npm package govuk-frontend.  All differences are real: markup,
styles and scripts come from the two published packages.  If a release does not
ship an example, the pictures that need it are not drawn for that release.

    python examples/render.py           # writes examples/base and examples/head
    python examples/render.py --check   # renders elsewhere and compares the bytes

Needs npm (it fetches the two packages), Chromium (the environment variable
CHROMIUM names it), the Liberation fonts, and Playwright and Pillow for Python.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).resolve().parent
PACKAGE = "govuk-frontend"
SIDES = ("base", "head")
VIEWPORTS = {"desktop": (800, 600), "mobile": (390, 700)}
FONT = "Liberation Sans"

# The same picture on every run: no GPU, no sub-pixel text, no hinting taken
# from the machine's font settings, one colour space, no scrollbars.
CHROMIUM_ARGS = [
    "--disable-font-subpixel-positioning",
    "--disable-gpu",
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
]

# These run over the full width of the page, above its main column.
FULL_WIDTH = {"cookie-banner", "generic-header", "header", "service-navigation"}

# No motion; white down to the lower edge (the package paints the page behind
# a short body in the footer's colour); and no GOV.UK logo, which the package's
# MIT licence does not give away.
OWN_CSS = """
*, *::before, *::after {
  animation: none !important;
  caret-color: transparent !important;
  transition: none !important;
}
body { min-height: 100vh; }
.govuk-header__logotype { display: none; }
"""


@dataclass(frozen=True)
class Release:
    """One published release: which side it is drawn for, and its checksum."""

    side: str
    version: str
    sha512: str


@dataclass(frozen=True)
class Design:
    """The styles, scripts and example markup of a release."""

    css: str
    script: str
    examples: Mapping[str, str]


@dataclass(frozen=True)
class Snapshot:
    """One entry of ``snapshots.toml``."""

    name: str
    body: tuple[str, ...]
    viewports: tuple[str, ...]


RELEASES = (
    Release(
        side="base",
        version="5.14.0",
        sha512=(
            "3207da5ecc0833a2a95d2d93e6096d127ce054b81f33752813dfab624841891d"
            "2cb9a27c2deb77d55657419ab3f508623c36efdbc7d6d674632322ee8df64804"
        ),
    ),
    Release(
        side="head",
        version="6.6.0",
        sha512=(
            "c5cb645ab42f2e7bd0b7b7f28d0dcc197f52d30cf4c74450b8bc427a85c5facf"
            "048c62021bcd7f0d840628de6a80efb42954f5d9401a47052c198e9fba545c46"
        ),
    ),
)


def slug(text: str) -> str:
    """Make an example's name fit for a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def is_markup(part: str) -> bool:
    """Tell our own markup from the name of an example."""
    return part.startswith("<")


def load_snapshots(path: Path) -> list[Snapshot]:
    """Read the list of pictures."""
    snapshots = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["snapshot"]:
        body = tuple(entry["body"])
        component, _, example = body[0].partition(": ")
        name = entry.get("name", f"{component}/{slug(example)}")
        snapshots.append(Snapshot(name, body, tuple(entry["viewports"])))
    return snapshots


def fetch(release: Release, folder: Path) -> Path:
    """Download a release with npm and check its SHA-512."""
    spec = f"{PACKAGE}@{release.version}"
    npm = ["npm", "pack", "--silent", "--pack-destination", str(folder), spec]
    subprocess.run(npm, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    archive = folder / f"{PACKAGE}-{release.version}.tgz"
    found = hashlib.sha512(archive.read_bytes()).hexdigest()
    if found != release.sha512:
        raise SystemExit(f"{spec}: the checksum is {found}, not the one expected")
    return archive


def load_design(archive: Path) -> Design:
    """Read styles, scripts and examples straight out of a release's archive."""
    files: dict[str, str] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("package/dist/govuk/")
            content = tar.extractfile(member)
            if content and name.endswith((".min.css", ".bundle.js", "/fixtures.json")):
                files[name] = content.read().decode("utf-8")

    examples: dict[str, str] = {}
    for name, content_text in files.items():
        if name.endswith("/fixtures.json"):
            fixtures = json.loads(content_text)
            for fixture in fixtures["fixtures"]:
                examples[f"{fixtures['component']}: {fixture['name']}"] = fixture["html"]

    # The package's typeface is not free to use outside its own service.
    css = re.sub(r"@font-face\{[^}]*\}", "", files["govuk-frontend.min.css"])
    css = css.replace("GDS Transport", FONT)
    return Design(css, files["all.bundle.js"], examples)


def page_markup(design: Design, body: tuple[str, ...]) -> str:
    """Build the page for one picture."""
    top, main = [], []
    for part in body:
        if is_markup(part):
            main.append(part)
        elif part.partition(": ")[0] in FULL_WIDTH:
            top.append(design.examples[part])
        else:
            main.append(design.examples[part])
    column = "\n".join(main)
    if column:
        column = f'<main class="govuk-width-container govuk-main-wrapper">{column}</main>'
    return f"""<!doctype html>
<html lang="en" class="govuk-template">
<head><meta charset="utf-8"><style>{design.css}{OWN_CSS}</style></head>
<body class="govuk-template__body js-enabled govuk-frontend-supported">
{"".join(top)}{column}
<script>{design.script}</script>
<script>GOVUKFrontend.initAll()</script>
</body></html>"""


def optimised(screenshot: bytes) -> bytes:
    """Write the same pixels as a smaller PNG."""
    with Image.open(io.BytesIO(screenshot)) as image:
        small = io.BytesIO()
        image.convert("RGB").save(small, format="PNG", optimize=True)
    return small.getvalue()


def has_font(browser: Browser) -> bool:
    """Tell whether the browser finds the font, by the width of a text set in it."""
    page = browser.new_page()
    try:
        page.set_content("<canvas></canvas>")
        widths = page.evaluate(
            """font => ['monospace', 'serif'].map(fallback => {
                const context = document.querySelector('canvas').getContext('2d');
                context.font = `40px "${font}", ${fallback}`;
                return context.measureText('Mill and will').width;
            })""",
            FONT,
        )
    finally:
        page.close()
    return bool(widths[0] == widths[1])


def render(browser: Browser, design: Design, snapshots: list[Snapshot], folder: Path) -> int:
    """Draw one side's pictures into a folder and return how many there are."""
    count = 0
    for viewport, (width, height) in VIEWPORTS.items():
        context = browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=1,
            locale="en-GB",
            timezone_id="UTC",
            color_scheme="light",
            reduced_motion="reduce",
            offline=True,
        )
        context.route("**/*", lambda route: route.abort())
        page = context.new_page()
        for snapshot in snapshots:
            examples = [part for part in snapshot.body if not is_markup(part)]
            if viewport not in snapshot.viewports or any(
                example not in design.examples for example in examples
            ):
                continue
            page.set_content(page_markup(design, snapshot.body))
            page.evaluate("document.fonts.ready.then(() => undefined)")
            target = folder / f"{snapshot.name}-{viewport}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(optimised(page.screenshot(animations="disabled", caret="hide")))
            count += 1
        context.close()
    return count


def render_all(folder: Path) -> None:
    """Fetch both releases and draw both sides below a folder."""
    snapshots = load_snapshots(HERE / "snapshots.toml")
    with tempfile.TemporaryDirectory() as downloads:
        designs = {
            release.side: load_design(fetch(release, Path(downloads))) for release in RELEASES
        }
    for snapshot in snapshots:
        for part in snapshot.body:
            if not is_markup(part) and all(part not in d.examples for d in designs.values()):
                raise SystemExit(f"{snapshot.name}: no release has the example {part!r}")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=CHROMIUM_ARGS,
        )
        if not has_font(browser):
            raise SystemExit(f"the browser does not find the font {FONT}")
        print(f"Chromium {browser.version}")
        for release in RELEASES:
            count = render(browser, designs[release.side], snapshots, folder / release.side)
            print(f"{release.side}: {count} pictures of {PACKAGE} {release.version}")
        browser.close()


def hashes(folder: Path) -> dict[str, str]:
    """Map each picture below a folder, by name, to the hash of its bytes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.png"))
    }


def summary(base: Mapping[str, str], head: Mapping[str, str]) -> str:
    """Describe how two sets differ by name and hash."""
    both = base.keys() & head.keys()
    same = sum(base[name] == head[name] for name in both)
    gone = {name: base[name] for name in base.keys() - head.keys()}
    new = {name: head[name] for name in head.keys() - base.keys()}
    renamed = len(set(gone.values()) & set(new.values()))
    return (
        f"unchanged {same}, changed {len(both) - same}, added {len(new) - renamed}, "
        f"removed {len(gone) - renamed}, renamed {renamed}"
    )


def main() -> int:
    """Render both sides, or check that the committed ones are reproducible."""
    parser = argparse.ArgumentParser(description="Render the example snapshot sets.")
    parser.add_argument(
        "--check",
        action="store_true",
        help="render into a temporary folder and compare with the committed pictures",
    )
    check: bool = parser.parse_args().check

    with tempfile.TemporaryDirectory() as temporary:
        rendered = Path(temporary)
        render_all(rendered)
        print(summary(*(hashes(rendered / side) for side in SIDES)))
        if check:
            wrong = 0
            for side in SIDES:
                ours, theirs = hashes(HERE / side), hashes(rendered / side)
                for name in sorted(ours.keys() | theirs.keys()):
                    if ours.get(name) != theirs.get(name):
                        print(f"differs: {side}/{name}")
                        wrong += 1
            print(f"{wrong} pictures differ from the committed ones")
            return 1 if wrong else 0
        for side in SIDES:
            shutil.rmtree(HERE / side, ignore_errors=True)
            shutil.copytree(rendered / side, HERE / side)
    return 0


if __name__ == "__main__":
    sys.exit(main())
