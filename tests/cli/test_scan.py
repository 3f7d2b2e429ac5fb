"""`pixelgate scan`, and what `compare` and `upload` tell of a folder that a runner wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pixelgate.cli import app as cli
from pixelgate.domain import keys
from support import images
from support.doubles.memory import MemoryBucket
from support.repository import Repository

from .conftest import Cli, Done, manifest

REAL = Path(__file__).parents[1] / "fixtures" / "layouts"
KEY = "uploads/shop/7/manifest.json"


@pytest.fixture
def jest(repository: Repository) -> Path:
    """The real folder of jest-image-snapshot, in the repository's folder of screenshots."""
    shots = repository.folder / "shots"
    shutil.rmtree(shots)
    shutil.copytree(REAL / "jest-image-snapshot", shots)
    return shots


def test_what_would_be_taken_and_what_not_and_why(run: Cli, bucket: MemoryBucket) -> None:
    done = run("scan", REAL / "webdriverio")
    assert (done.code, done.out, bucket.objects) == (0, "", {})
    lines = done.err.splitlines()
    assert lines[0] == (
        "  desktop_chrome/checkout-desktop_chrome-500x300-dpr-1.png  "
        "[desktop_chrome, linux, 500x300, dpr-1]"
    )
    assert lines[4:6] == [
        "left out:",
        "  .tmp/diff/desktop_chrome/checkout-desktop_chrome-500x300-dpr-1.png: "
        "a difference that a runner drew",
    ]
    assert lines[-1] == f"{REAL / 'webdriverio'} (webdriverio): 4 snapshots taken"


def test_as_json(run: Cli) -> None:
    done = run("scan", REAL / "playwright", "--json", "--include", "*/own.png")
    assert (done.code, done.err) == (0, "")
    assert (done.json["folder"], done.json["from"]) == (str(REAL / "playwright"), ["playwright"])
    own = done.json["images"][1]
    attempts = own.pop("attempts")
    assert own == {
        "name": "test-results/shop-shop-own-shots-chromium/own.png",
        "file": "test-results/shop-shop-own-shots-chromium-retry1/own.png",
        "description": "shop.spec.ts › shop › own shots",
        "tags": ["chromium"],
        "context": {"attempts": [attempts[0]["sha256"]]},
        "sha256": own["sha256"],
        "width": 80,
        "height": 60,
        "bytes": own["bytes"],
    }
    assert attempts[0]["file"] == "test-results/shop-shop-own-shots-chromium/own.png"
    assert attempts[0]["sha256"] != own["sha256"], (
        "the test drew another colour when it was retried"
    )
    assert {
        "file": "test-results/shop-shop-checkout-changes-chromium/checkout-diff.png",
        "reason": "a difference that Playwright drew",
        "failure": True,
    } in done.json["left_out"]
    assert len(done.json["notes"]) == 1


def test_a_scan_needs_neither_a_project_nor_a_bucket(run: Cli, repository: Repository) -> None:
    done = run("scan", "shots", PIXELGATE_PROJECT="", PIXELGATE_BUCKET="")
    assert (done.code, done.err.splitlines()) == (0, ["  a.png", "  sub/b.png"])
    (repository.folder / "pixelgate.toml").write_text('folder = "shots"\nexclude = ["sub/"]\n')
    done = run("scan")
    assert (done.code, done.err.splitlines()) == (
        0,
        [
            "  a.png",
            "left out:",
            "  sub/b.png: excluded by 'sub/'",
            f"{repository.folder / 'shots'}: 1 snapshot taken",
        ],
    )


def test_nothing_to_take_is_2(run: Cli, repository: Repository) -> None:
    assert run("scan").code == 2
    shutil.rmtree(repository.folder / "shots" / "sub")
    (repository.folder / "shots" / "a.png").rename(repository.folder / "shots" / ".a.png")
    done = run("scan", "shots")
    assert (done.code, "there is no image (PNG, JPEG, WebP) in shots" in done.err) == (2, True)


def test_an_upload_tells_what_it_took_and_what_it_left_out(
    run: Cli, bucket: MemoryBucket, jest: Path
) -> None:
    done = run("upload", "shots", "--build", "7")
    assert done.code == 0
    assert done.err.splitlines()[:3] == [
        "shots (jest-image-snapshot): 6 snapshots taken",
        "  left out: 2 × a difference that a runner drew: such as __image_snapshots__/"
        "__diff_output__/shop-test-js-shop-checkout-changes-1-snap-diff.png",
        "  left out: 2 × the picture of a failure, beside the one that was expected: such as "
        "__image_snapshots__/__received_output__/footer-received.png",
    ]
    assert len(manifest(bucket, KEY)["images"]) == 6


def test_an_upload_of_a_plain_folder_tells_nothing_of_layouts(run: Cli) -> None:
    done = run("upload", "shots", "--build", "7")
    assert not any("taken" in line or "left out" in line for line in done.err.splitlines())


@pytest.mark.parametrize(
    ("how", "environ"),
    [(("--from", "folder"), {}), ((), {"PIXELGATE_FROM": "folder"}), (("toml",), {})],
    ids=["flag", "variable", "pixelgate.toml"],
)
def test_from_folder_takes_everything(
    run: Cli,
    bucket: MemoryBucket,
    jest: Path,
    how: tuple[str, ...],
    environ: dict[str, str],
    repository: Repository,
) -> None:
    if how == ("toml",):
        (repository.folder / "pixelgate.toml").write_text('from = "folder"\n')
        how = ()
    assert run("upload", "shots", "--build", "7", *how, **environ).code == 0
    assert len(manifest(bucket, KEY)["images"]) == 10


@pytest.mark.parametrize("command", ["upload", "scan", "import-baseline"])
def test_wrong_choices_are_2_and_say_what_to_do(run: Cli, command: str) -> None:
    done = run(command, "shots", "--from", "jasmine")
    assert (done.code, "--from jasmine: it must be one of auto, folder, pl" in done.err) == (
        2,
        True,
    )
    done = run(command, "shots", "--exclude", "c*")
    assert done.code == 0
    assert "note: the pattern 'c*' fits no name of a snapshot; is it misspelt?" in done.err
    done = run(command, "shots", "--include", "c*")
    assert (done.code, "2 × not among --include: such as a.png" in done.err) == (2, True)


def test_tags_and_attempts_are_in_the_manifest(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    shutil.copytree(REAL / "playwright", repository.folder / "web")
    done = run("upload", "web", "--build", "7")
    assert done.code == 0, done.err
    assert "note: 2 snapshots differed in the tests" in done.err
    entries = manifest(bucket, KEY)["images"]
    assert entries["e2e/shop.spec.ts-snapshots/home-chromium-linux.png"]["tags"] == [
        "chromium",
        "linux",
    ]
    own = entries["test-results/shop-shop-own-shots-chromium/own.png"]
    assert len(own["attempts"]) == 1
    assert own["attempts"] == own["context"]["attempts"]
    # The hash is the evidence; the picture itself would cost and nobody would look at it.
    assert not bucket.exists(keys.image("shop", own["attempts"][0]))
    assert bucket.exists(keys.image("shop", own["sha256"]))


def test_a_fork_s_tags_are_no_sidecars_that_are_ignored(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    shutil.copytree(REAL / "argos", repository.folder / "web")
    done = run("upload", "web", "--build", "7", "--fork")
    assert done.code == 0, done.err
    assert "sidecar files are ignored" not in done.err
    assert any(key.endswith("foot er/inner.png") for key in bucket.objects)


# compare


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compare(capsys: pytest.CaptureFixture[str], *arguments: object) -> Done:
    code = cli.run(["compare", *map(str, arguments)])
    return Done(code, *capsys.readouterr())


def compared(folder: Path) -> dict[str, str]:
    result = json.loads((folder / "pixelgate-report" / "comparison.json").read_text())
    return {name: image["status"] for name, image in result["images"].items()}


def test_pictures_of_a_run_in_a_hidden_folder_are_compared(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(REAL / "webdriverio", "head")
    done = compare(capsys, "head/test/baseline", "head")
    assert done.code == 1
    assert done.err.splitlines()[0] == "head/test/baseline (webdriverio): 4 snapshots taken"
    name = "desktop_chrome/{}-desktop_chrome-500x300-dpr-1.png"
    assert compared(folder) == {
        name.format("checkout"): "changed",
        **{name.format(n): "unchanged" for n in ("clock", "home", "price-diff")},
    }


def test_only_failures_are_refused_as_a_head_and_as_a_base(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(REAL / "playwright" / "test-results", "run")
    for path in Path("run").iterdir():
        if path.is_dir() and "checkout" not in path.name:
            shutil.rmtree(path)
    Path("good").mkdir()
    Path("good/a.png").write_bytes(images.png())
    for sides in (("good", "run"), ("run", "good")):
        done = compare(capsys, *sides)
        assert (done.code, done.out) == (2, "")
        assert "run holds only pictures of failures: a passing toHaveScreenshot" in done.err
    assert not Path("pixelgate-report").exists()


def test_another_browser_is_compared_and_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side, browser in (("base", "chromium"), ("head", "firefox")):
        spec = Path(side, "a.spec.ts-snapshots")
        spec.mkdir(parents=True)
        for n in range(3):
            drawn = images.png((9, 9), (n, 0, 0 if side == "base" else 200))
            (spec / f"{n}-{browser}-linux.png").write_bytes(drawn)
    done = compare(capsys, "base", "head")
    assert compared(folder) == {
        f"a.spec.ts-snapshots/{n}-firefox-linux.png": "changed" for n in range(3)
    }
    assert "note: 3 snapshots were compared with another variant's" in done.err


def test_svgs_and_excluded_pictures_are_not_errored(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("base", "head"):
        Path(side, "icons").mkdir(parents=True)
        Path(side, "a.png").write_bytes(images.png())
        Path(side, "icons", "x.svg").write_text("<svg/>")
        Path(side, "icons", "y.svg").write_text("<svg/>")
        Path(side, "broken.png").write_bytes(b"")
    done = compare(capsys, "base", "head", "--exclude", "broken*")
    assert done.code == 0, done.err
    assert compared(folder) == {"a.png": "unchanged"}
    assert "left out: 2 × an SVG, which is no screenshot: such as icons/x.svg" in done.err


def test_a_pattern_may_fit_one_side_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side in ("base", "head"):
        Path(side).mkdir()
        Path(side, "a.png").write_bytes(images.png())
    Path("head", "new.png").write_bytes(images.png())
    done = compare(capsys, "base", "head", "--exclude", "new*", "--exclude", "nwe*")
    assert compared(folder) == {"a.png": "unchanged"}
    assert [line for line in done.err.splitlines() if "misspelt" in line] == [
        "note: the pattern 'nwe*' fits no name of a snapshot; is it misspelt?"
    ]
