"""A release's template is plain CloudFormation without a wrong choice; its zips repeat."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest
import yaml

import release
from pixelgate import __version__
from pixelgate.sandbox.template import TemplateLoader
from release import Built, CannotRelease

from .stack import ROOT, Json, Stack, listed

SOURCE = (ROOT / "template.yaml").read_text(encoding="utf-8")
ZIPS = {
    name: {"Function": f"f-{name}.zip", "Layer": f"l-{name}.zip"} for name in ("arm64", "x86_64")
}


@pytest.fixture(scope="module")
def plain(region: None) -> Json:
    return release.template(SOURCE, ZIPS)


def of_type(template: Json, kind: str) -> dict[str, Json]:
    return {n: r["Properties"] for n, r in template["Resources"].items() if r["Type"] == kind}


def test_there_is_nothing_left_for_sam(plain: Json) -> None:
    """So the stack needs no CAPABILITY_AUTO_EXPAND."""
    assert "Transform" not in plain
    assert "Globals" not in plain
    assert not [r for r in plain["Resources"].values() if "Serverless" in r["Type"]]
    for resource in plain["Resources"].values():
        assert "BuildMethod" not in resource.get("Metadata", {})


def test_it_has_the_resources_of_sam_s_own_translation(plain: Json, stack: Stack) -> None:
    def kinds(resources: dict[str, Json]) -> dict[str, str]:
        """The layer's name ends with a hash of where its content lies."""
        return {n[:10] if "Layer" in n else n: r["Type"] for n, r in resources.items()}

    assert kinds(plain["Resources"]) == kinds(stack.resources)


def test_all_functions_have_the_zip_of_the_chosen_processor(plain: Json) -> None:
    def place(kind: str) -> Json:
        name = {"Fn::FindInMap": ["Zips", {"Ref": "Architecture"}, kind]}
        return {
            "S3Bucket": {"Ref": "CodeBucket"},
            "S3Key": {"Fn::Join": ["", [{"Ref": "CodePrefix"}, name]]},
        }

    functions = of_type(plain, "AWS::Lambda::Function").values()
    assert len(functions) == 8
    for function in functions:
        assert function["Code"] == place("Function")
        assert function["Architectures"] == [{"Ref": "Architecture"}]
    [layer] = of_type(plain, "AWS::Lambda::LayerVersion").values()
    assert layer["Content"] == place("Layer")
    assert plain["Mappings"]["Zips"] == ZIPS


@pytest.mark.parametrize(
    ("released", "default"), [(["x86_64"], "x86_64"), (["arm64"], "arm64"), ([*ZIPS], "x86_64")]
)
def test_only_what_was_released_can_be_chosen(
    region: None, released: list[str], default: str
) -> None:
    found = release.template(SOURCE, {name: ZIPS[name] for name in released})
    parameter = found["Parameters"]["Architecture"]
    assert (parameter["AllowedValues"], parameter["Default"]) == (released, default)


def test_parameters_are_those_of_the_template_and_none_is_filled_in(
    plain: Json, stack: Stack
) -> None:
    assert plain["Parameters"].keys() == stack.parameters.keys() | {"CodeBucket", "CodePrefix"}
    assert plain["Resources"]["CompareFunction"]["Properties"]["MemorySize"] == {
        "Ref": "MemorySize"
    }


def test_where_it_was_translated_does_not_matter(
    plain: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    assert release.template(SOURCE, ZIPS) == plain


def test_capability_iam_suffices_and_no_policy_is_over_all_of_iam(plain: Json) -> None:
    """A name of one's own would need CAPABILITY_NAMED_IAM.

    The Serverless Application Repository refuses iam:* and the right to attach any policy.
    """
    names = {"RoleName", "ManagedPolicyName", "UserName", "GroupName"}
    kinds = ("Role", "ManagedPolicy", "User", "Group")
    for kind in kinds:
        for name, properties in of_type(plain, f"AWS::IAM::{kind}").items():
            assert not names & properties.keys(), name
            assert not properties.get("ManagedPolicyArns"), name
    actions = [
        action
        for resource in plain["Resources"].values()
        if resource["Type"].startswith("AWS::IAM::")
        for statement in statements(resource["Properties"])
        for action in listed(statement["Action"])
    ]
    assert actions
    assert [a for a in actions if a == "*" or a.lower().startswith("iam:")] == []


def statements(properties: Json) -> list[Json]:
    """Of what a role or policy grants, whatever condition makes it."""
    found: list[Json] = []

    def look(value: Json) -> None:
        match value:
            case {"Effect": _, "Action": _, "Resource": _}:
                found.append(value)
            case dict():
                for inner in value.values():
                    look(inner)
            case list():
                for inner in value:
                    look(inner)

    look(properties)
    return found


def test_the_source_says_what_a_repository_of_applications_asks(plain: Json) -> None:
    source = yaml.load(SOURCE, TemplateLoader)
    application = source["Metadata"]["AWS::ServerlessRepo::Application"]
    assert application["SemanticVersion"] == __version__
    assert application["SpdxLicenseId"] == "MIT"
    for file in ("LicenseUrl", "ReadmeUrl"):
        assert (ROOT / application[file]).is_file()
    assert len(application["Description"]) <= 256
    assert len(application["Labels"]) <= 10
    assert "Metadata" not in plain


X86_64 = b"\x7fELF".ljust(18, b"\0") + (62).to_bytes(2, "little")  # a header of an executable


def folder(into: Path, *, mtime: int, umask: int) -> Path:
    before = os.umask(umask)
    try:
        for name, content in (("b/two.py", b"2"), ("a.py", b"1"), ("bin/odiff", X86_64)):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes(content)
            os.utime(into / name, (mtime, mtime))
        (into / "bin" / "odiff").chmod(0o777 & ~umask)
    finally:
        os.umask(before)
    return into


def test_equal_folders_give_equal_zips(tmp_path: Path) -> None:
    first = folder(tmp_path / "one", mtime=10**9, umask=0o022)
    second = folder(tmp_path / "two", mtime=2 * 10**9, umask=0o077)
    names = [release.pack(one, tmp_path, "function-x86_64") for one in (first, second)]
    assert names[0] == names[1]
    (second / "a.py").write_text("changed")
    assert release.pack(second, tmp_path, "function-x86_64") != names[0]
    with zipfile.ZipFile(tmp_path / names[0]) as archive:
        entries = archive.infolist()
    assert [e.filename for e in entries] == ["a.py", "b/two.py", "bin/odiff"]
    modes = [e.external_attr >> 16 for e in entries]
    assert [stat.filemode(mode) for mode in modes] == ["-rw-r--r--", "-rw-r--r--", "-rwxr-xr-x"]


def test_a_release_replaces_one_and_nothing_else(tmp_path: Path, region: None) -> None:
    built = {"x86_64": Built(*(folder(tmp_path / n, mtime=10**9, umask=0o022) for n in "fl"))}
    into = tmp_path / "dist"
    wheel = tmp_path / "pixelgate-1-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    first = release.write(into, built, [wheel])
    assert (into / wheel.name).read_bytes() == b"wheel"
    sums = (into / "SHA256SUMS").read_text()
    (tmp_path / "f" / "a.py").write_text("newer")
    assert release.write(into, built, [wheel]) != first
    (tmp_path / "f" / "a.py").write_text("1")
    assert release.write(into, built, [wheel]) == first
    assert (into / "SHA256SUMS").read_text() == sums
    assert sorted(path.name for path in into.iterdir()) == sorted(first)
    (into / "SHA256SUMS").unlink()
    with pytest.raises(CannotRelease, match="holds something else than a release"):
        release.write(into, built)
    with pytest.raises(CannotRelease, match="f is built for x86_64, not for arm64"):
        release.write(tmp_path / "other", {"arm64": built["x86_64"]})
    with pytest.raises(CannotRelease, match="pins no odiff"):
        release.write(tmp_path / "other", {})


def test_what_layers_odiff_pins_is_released() -> None:
    pinned = {path.parent.name for path in (ROOT / "layers/odiff").glob("*/odiff.sha256")}
    assert {*release.pinned()} == pinned
    assert "x86_64" in pinned
