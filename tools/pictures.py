"""`make pictures`: takes the README's screenshots of the report, from a comparison of examples/."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# What is shown: a page with inserted and deleted rows, after two decisions.
SHOWN = "#s=pages/confirmation-mobile.png"
KEYS = ("a", "a", "ArrowUp", "ArrowUp", "ArrowUp")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> None:
    """Compares the examples and photographs the report."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).parent / "pixelgate"), "compare", "examples/base"]
        command += ["examples/head", "--out", f"{folder}/report"]
        compared = subprocess.run(command, cwd=ROOT, check=False)
        if compared.returncode != 1:
            sys.exit("the examples should need review")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for scheme in SCHEMES:
                page = browser.new_page(
                    viewport={"width": 1360, "height": 820}, color_scheme=scheme
                )
                page.goto(f"file://{folder}/report/index.html{SHOWN}")
                page.wait_for_selector("body.ready")
                for key in KEYS:
                    page.keyboard.press(key)
                page.wait_for_timeout(600)
                save(page.screenshot(), ROOT / "docs" / f"report-{scheme}.png")
            browser.close()


def save(picture: bytes, path: Path) -> None:
    """As a small PNG. Not with a palette: it would merge the colours of small things."""
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").save(path, optimize=True)
    print(path.relative_to(ROOT), path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
