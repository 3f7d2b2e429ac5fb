"""What the report looks like, compared by pixelgate itself with pictures that a person accepted.

`pytest tests/browser/test_shots.py --accept-gold` writes what it sees over them; look at the
pictures before you commit them. What a failing test saw lies in pixelgate-shots/.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from browser.conftest import Open, Opened
from browser.test_states import state
from pixelgate.bootstrap import find_engine
from pixelgate.client.compare_folders import LocalResult
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from support.gold import Gold

pytestmark = pytest.mark.browser

BASELINES = Path(__file__).parent / "baselines"
SEEN = Path(__file__).parents[2] / "pixelgate-shots"
DESKTOP = {"width": 1200, "height": 680}
PHONE = {"width": 390, "height": 760}
# Another release of Chromium smooths an edge here and there in another way; that is noise, and
# what is no noise has to be looked at.
POLICY = Policy()

SHOTS = [
    pytest.param("side-light", "#s=cart/banner.png", (), "light", DESKTOP, id="side-light"),
    pytest.param("side-dark", "#s=cart/banner.png", (), "dark", DESKTOP, id="side-dark"),
    pytest.param(
        "swipe-light", "#s=cart/button-desktop.png&m=swipe", ("a",), "light", DESKTOP, id="swipe"
    ),
    pytest.param(
        "tree-dark", "#s=pages/step-1-mobile.png&tree=1&m=onion", (), "dark", DESKTOP, id="tree"
    ),
    pytest.param("list-phone", "#facts=0", (), "light", PHONE, id="list-phone"),
    pytest.param(
        "picture-phone", "#s=cart/button-desktop.png&facts=0", (), "dark", PHONE, id="phone-dark"
    ),
    pytest.param("help-light", "", ("?",), "light", DESKTOP, id="help"),
    pytest.param("hand-in-dark", "", ("a", "e"), "dark", DESKTOP, id="hand-in"),
]


def check(it: Opened, name: str, gold: Gold) -> None:
    """Holds the page against its accepted picture, or accepts it."""
    it.page.wait_for_timeout(400)
    for image in it.page.locator("img").all():
        image.evaluate("i => i.decode().catch(() => {})")
    seen = it.page.screenshot(animations="disabled", caret="hide")
    path = BASELINES / f"{name}.png"
    if gold.accepts:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(small(seen))
        return
    with OdiffDiffer(OdiffServer(find_engine().binary)) as differ:
        diff = differ.diff(path.read_bytes(), seen, POLICY)
    if not diff.passes(POLICY):
        SEEN.mkdir(exist_ok=True)
        (SEEN / f"{name}.png").write_bytes(seen)
        (SEEN / f"{name}.mask.png").write_bytes(diff.mask or b"")
        regions = [(r.x, r.y, r.width, r.height, r.pixels) for r in diff.regions[:5]]
        pytest.fail(
            f"{name} looks otherwise: {diff.changed_pixels} pixels changed, at {regions}; see "
            f"{SEEN}, and if that is meant, run pytest --accept-gold and look at the picture",
            pytrace=False,
        )


def small(picture: bytes) -> bytes:
    """The same pixels in fewer bytes."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").save(out, "PNG", optimize=True)
    return out.getvalue()


@pytest.mark.parametrize(("name", "fragment", "keys", "scheme", "viewport"), SHOTS)
def test_main_states_look_as_accepted(
    of_a_bucket: Path,
    opened: Open,
    gold: Gold,
    name: str,
    fragment: str,
    keys: tuple[str, ...],
    scheme: str,
    viewport: dict[str, int],
) -> None:
    it = opened(of_a_bucket, fragment, color_scheme=scheme, viewport=viewport)
    it.press(*keys)
    check(it, name, gold)


@pytest.mark.parametrize("kind", ["empty", "first"])
def test_unusual_states_look_as_accepted(
    compared: LocalResult, opened: Open, gold: Gold, kind: str
) -> None:
    it = opened(state(compared, kind), "#facts=0", viewport=DESKTOP)
    check(it, f"{kind}-light", gold)


def test_a_changed_look_would_be_found(of_a_bucket: Path, opened: Open, gold: Gold) -> None:
    """The comparison can fail: a button that is two pixels further right is seen."""
    if gold.accepts:
        pytest.skip("nothing to hold it against yet")
    it = opened(of_a_bucket, "#s=cart/banner.png", viewport=DESKTOP, bypass_csp=True)
    it.page.add_style_tag(content="#help { transform: translateX(-2px) }")
    with pytest.raises(pytest.fail.Exception, match="looks otherwise"):
        check(it, "side-light", gold)
