"""What the fixture takes, where it writes it, and under which name."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pixelgate.client.scan import scan
from pixelgate.pytest.names import safe

from .conftest import Project, colour_of, files, pictures, sidecar


def test_images_bytes_and_paths_are_written_with_a_file_beside_each(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        from pixelgate.pytest import Pixelgate

        def test_cart(pixelgate: Pixelgate, tmp_path):
            \"\"\"An empty cart.

            And more words.
            \"\"\"
            assert pixelgate(drawn()).is_file()
            pixelgate(encoded(), "as bytes", tags={"theme": "dark"}, group="carts")
            pixelgate(bytearray(encoded()), "as bytearray.png", description="Other words")
            (tmp_path / "x").write_bytes(encoded("blue", "JPEG"))
            pixelgate(tmp_path / "x", "a/path", display_name="A path")
            pixelgate(str(tmp_path / "x"), "a/text", context={"step": 2})
            pixelgate(encoded("blue", "WEBP"), "webp", policy={"max_changed_pixels": 5})
        """,
    )
    ended = project.run()
    assert (ended.code, ended.results) == (0, {"passed": 1}), ended.text
    assert pictures(project.snapshots) == [
        "tests/test_shop.py/test_cart.png",
        "tests/test_shop.py/test_cart/a/path.jpg",
        "tests/test_shop.py/test_cart/a/text.jpg",
        "tests/test_shop.py/test_cart/as bytearray.png",
        "tests/test_shop.py/test_cart/as bytes.png",
        "tests/test_shop.py/test_cart/webp.webp",
    ]
    of = "tests/test_shop.py/test_cart"
    context = {"test": "tests/test_shop.py::test_cart"}
    about = {"description": "An empty cart.", "context": context}
    assert sidecar(project.snapshots, f"{of}.png") == about
    assert sidecar(project.snapshots, f"{of}/as bytes.png") == {
        **about, "tags": {"theme": "dark"}, "group": "carts"
    }  # fmt: skip
    described = sidecar(project.snapshots, f"{of}/as bytearray.png")
    assert described == {**about, "description": "Other words"}
    assert sidecar(project.snapshots, f"{of}/a/path.jpg") == {**about, "display_name": "A path"}
    assert sidecar(project.snapshots, f"{of}/a/text.jpg")["context"] == {"step": 2, **context}
    assert sidecar(project.snapshots, f"{of}/webp.webp")["policy"] == {"max_changed_pixels": 5}


def test_the_folder_is_what_upload_takes(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        @pytest.mark.parametrize("what", ["a/b", "größe", ".hidden", "a:b", "a" * 90])
        def test_cart(pixelgate, what):
            pixelgate(drawn(), tags={"what": what})
            pixelgate(drawn(), f".{what}/{what}", policy={"strict": True})
        """,
    )
    assert project.run().results == {"passed": 5}
    scanned = scan(project.snapshots)
    assert len(scanned.entries) == len(pictures(project.snapshots)) == 10
    assert scanned.warnings == ()
    assert all("context" in entry.sidecar for entry in scanned.entries.values())
    assert "tests/test_shop.py/test_cart[größe].png" in scanned.entries


def test_without_a_use_there_is_no_folder_and_nothing_is_imported(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        HEAVY = {"PIL", "numpy", "pydantic", "boto3", "botocore", "rich", "typer", "playwright"}

        def test_other():
            ours = {name for name in sys.modules if name.startswith("pixelgate")}
            assert ours == {"pixelgate", "pixelgate.pytest"}
            assert not HEAVY & sys.modules.keys()

        def test_that_asks_for_it_but_takes_nothing(pixelgate):
            pass
        """,
    )
    path = project.folder / "tests/test_shop.py"
    path.write_text(path.read_text().replace("from PIL import Image", ""))
    ended = project.run("-pno:cacheprovider", PYTHONDONTWRITEBYTECODE="1")
    assert (ended.code, ended.results, ended.section()) == (0, {"passed": 2}, []), ended.text
    assert {path.name for path in project.folder.iterdir()} == {"tests", "pytest.ini"}


WRONG = [
    ("pixelgate(drawn(), 'a'); pixelgate(drawn(), 'a')", "this test has taken 'a' before"),
    ("pixelgate(drawn(), 'a.png'); pixelgate(drawn(), 'A')", "has taken 'A' before"),
    ("pixelgate(drawn()); pixelgate(drawn())", "a screenshot without a name before"),
    ("pixelgate(drawn(), 'a'); pixelgate(encoded(kind='JPEG'), 'a')", "taken 'a' before"),
    ("pixelgate(3)", "takes a Playwright page or locator, a Pillow image, the bytes"),
    ("pixelgate(None, 'a')", "not 'NoneType'"),
    ("pixelgate(drawn(), 3)", "the name of a screenshot is a text, not 3"),
    ("pixelgate(b'')", "these 0 bytes are no PNG, JPEG or WebP image"),
    ("pixelgate(b'GIF89a')", "these 6 bytes are no PNG"),
    ("pixelgate(encoded()[:30])", "this image cannot be read"),
    ("pixelgate('nowhere.png')", "nowhere.png cannot be read: No such file or directory"),
    ("pixelgate(drawn(), full_page=True)", "full_page: only a Playwright page or locator"),
    (
        "pixelgate(drawn(), tags={'a': 1})",
        "tags: must be a list of texts of 1 to 1,024 characters, or an object",
    ),
    ("pixelgate(drawn(), policy={'strikt': True})", "policy.strikt: there is no such field"),
    ("pixelgate(drawn(), context={'a': drawn()})", "not JSON serializable"),
    ("pixelgate(drawn(), '/'.join(['deep' * 25] * 12))", "must have 1 to 1024 bytes"),
]


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pytest says of each wrong use."""
    project = Project(tmp_path_factory.mktemp("wrong"))
    calls = "".join(f"def test_{n}(pixelgate):\n    {call}\n" for n, (call, _) in enumerate(WRONG))
    project.write("test_shop.py", calls)
    ended = project.run("--junitxml=result.xml")
    assert (ended.code, ended.results) == (1, {"failed": len(WRONG)})
    cases = ElementTree.parse(project.folder / "result.xml").iter("testcase")
    return {case.attrib["name"]: str(case.findtext("failure")) for case in cases}


@pytest.mark.parametrize("number", range(len(WRONG)), ids=[call for call, _ in WRONG])
def test_a_wrong_use_fails_the_test_with_the_rule(complaints: dict[str, str], number: int) -> None:
    said = complaints[f"test_{number}"]
    assert WRONG[number][1] in said
    assert "fixture.py" not in said  # the trace ends in the user's test


def test_after_an_error_the_name_is_free(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        def test_cart(pixelgate):
            with pytest.raises(Exception, match="cannot be read"):
                pixelgate("nowhere.png", "a")
            pixelgate(drawn(), "a")
        """,
    )
    assert project.run().results == {"passed": 1}
    assert pictures(project.snapshots) == ["test_shop.py/test_cart/a.png"]


def test_classes_and_parameters_are_a_part_of_the_name(project: Project) -> None:
    project.write(
        "tests/unit/test_shop.py",
        """
        class TestCart:
            @pytest.mark.parametrize("size", [1.5, "a::b", "a/b", "a-b", "CON", "x y", "q?"])
            def test_total(self, pixelgate, size):
                pixelgate(drawn())

        @pytest.mark.parametrize("pair", [("é", 1), ("e\u0301", 2)], ids=lambda p: p[0])
        def test_forms(pixelgate, pair):
            pixelgate(drawn())
        """,
    )
    first = project.run()
    assert first.results == {"passed": 9}
    names = [Path(name).name for name in pictures(project.snapshots)]
    assert len({name.casefold() for name in names}) == 9
    plain = {f"test_total[{size}].png" for size in ("1.5", "a-b", "CON", "x y")}
    assert plain | {"test_forms[é].png"} <= {*names}
    assert (project.snapshots / "tests/unit/test_shop.py/TestCart").is_dir()
    before = files(project.snapshots)
    project.run("-n2", "-pno:randomly")
    assert files(project.snapshots) == before


@pytest.mark.parametrize(
    ("part", "written"),
    [
        ("plain-1.5_[x]", "plain-1.5_[x]"),
        ("größe", "größe"),
        (r"gr\xf6\xdfe", "größe"),
        ("a/b", "a_b~c14cddc0"),
        ("a\\b", "a_~"),
        ("..", "__~"),
        (".hidden", "_hidden~"),
        ("end.", "end_~"),
        ("", "_~e3b0c442"),
        ("nul", "_nul~"),
        ("COM1.x", "_COM1.x~"),
        ("a\u202eb", "a_b~"),
        ("a\x00b", "a_b~"),
        ("\ud800", "_~"),
        ("e\u0301", "é~"),
        ("ü" * 200, "ü" * 60 + "~"),
    ],
)
def test_a_part_of_a_name_can_be_written_everywhere(part: str, written: str) -> None:
    assert safe(part).startswith(written)
    assert len(safe(part)) in {len(written), len(written.partition("~")[0]) + 9}
    assert safe(part) == safe(part)


def test_parts_that_differ_stay_different() -> None:
    parts = ["a/b", "a:b", "a_b", "a?b", ".a", "_a", "a.", "a_", "a ", "x" * 200, "x" * 201]
    assert len({safe(part).casefold() for part in parts}) == len(parts)


def test_other_folders_by_option_and_by_ini_file(project: Project) -> None:
    (project.folder / "pytest.ini").write_text(
        "[pytest]\npixelgate_snapshots = out/shots\npixelgate_baseline = golden\n"
    )
    project.write("tests/test_shop.py", "def test_cart(pixelgate): pixelgate(drawn())\n")
    name = "tests/test_shop.py/test_cart.png"
    assert project.run("--pixelgate-update").code == 0
    assert pictures(project.folder / "out/shots") == pictures(project.folder / "golden") == [name]
    ended = project.run("--pixelgate-baseline=other", "--pixelgate-snapshots=more")
    assert ended.section() == [
        "1 screenshot in more",
        "nothing was compared: there is no folder other; --pixelgate-update makes it",
    ]
    ended = project.run("--pixelgate-baseline=", COLOUR="blue")
    assert (ended.code, ended.section()) == (0, ["1 screenshot in out/shots"])
    ended = project.run("--pixelgate-report=elsewhere")
    assert ended.section()[-1] == "report: elsewhere/index.html"
    content = json.loads((project.folder / "elsewhere/comparison.json").read_text())
    assert content["counts"]["unchanged"] == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--pixelgate-baseline=pixelgate-snapshots/x"], "pixelgate_baseline (/"),
        (["--pixelgate-report=tests/pixelgate-baseline"], "give each a folder of its own"),
        (["--pixelgate-snapshots="], "pixelgate_snapshots and pixelgate_report need a folder"),
        (["--pixelgate-update", "--pixelgate-baseline="], "--pixelgate-update needs a folder"),
        (["--pixelgate-snapshots=pytest.ini"], "pytest.ini"),
    ],
)
def test_folders_that_cannot_be(project: Project, options: list[str], words: str) -> None:
    project.write("tests/test_shop.py", "def test_cart(pixelgate): pixelgate(drawn())\n")
    before = files(project.folder)
    ended = project.run(*options, "-pno:cacheprovider")
    assert ended.code == 1
    assert words in ended.text
    assert "INTERNALERROR" not in ended.text
    assert "Traceback" not in ended.text
    assert "run.py" not in ended.text
    assert {k: v for k, v in files(project.folder).items() if "__pycache__" not in k} == before


@pytest.mark.parametrize("more", ["", "-ppixelgate.pytest"])
def test_the_entry_point_of_a_package_loads_it_once(project: Project, more: str) -> None:
    info = project.folder / "packages/pixelgate_compare-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pixelgate-compare\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[pytest11]\npixelgate.pytest = pixelgate.pytest\n")
    project.write("tests/test_shop.py", "def test_cart(pixelgate): pixelgate(drawn())\n")
    environ = {"PYTHONPATH": str(info.parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": ""}
    ended = project.run_alone(*([more] if more else []), **environ)
    assert (ended.code, ended.results) == (0, {"passed": 1}), ended.text


def test_an_earlier_runs_screenshots_go_with_their_tests(project: Project) -> None:
    text = """
        def test_cart(pixelgate):
            pixelgate(drawn(), "a")
            pixelgate(drawn(), "b")

        @pytest.mark.parametrize("n", [1, 2])
        def test_list(pixelgate, n): pixelgate(drawn())

        def test_old(pixelgate): pixelgate(drawn())
        """
    path = project.write("tests/test_shop.py", text)
    project.write("tests/test_other.py", "def test_other(pixelgate): pixelgate(drawn())\n")
    project.run()
    assert len(pictures(project.snapshots)) == 6
    path.write_text(path.read_text().replace('pixelgate(drawn(), "b")', "").replace("_old", "_new"))
    project.run("-k", "cart or new")
    assert "tests/test_shop.py/test_cart/b.png" not in pictures(project.snapshots)
    assert "tests/test_shop.py/test_old.png" in pictures(project.snapshots)
    project.run("tests/test_shop.py::test_new")
    assert "tests/test_shop.py/test_old.png" in pictures(project.snapshots)
    project.run("tests/test_shop.py")
    assert pictures(project.snapshots) == [
        "tests/test_other.py/test_other.png",
        "tests/test_shop.py/test_cart/a.png",
        "tests/test_shop.py/test_list[1].png",
        "tests/test_shop.py/test_list[2].png",
        "tests/test_shop.py/test_new.png",
    ]
    assert len(files(project.snapshots)) == 10  # and the files beside them
    assert colour_of(project.snapshots / "tests/test_shop.py/test_new.png") == (255, 0, 0)
