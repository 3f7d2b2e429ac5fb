"""`make release`: builds what a release carries, so that using it needs no compiler and no SAM.

In the folder are one zip with the code of all functions and one with the layer, for each
architecture that layers/odiff pins an odiff for; template.json, plain CloudFormation, which names
the zips; the wheels for users' machines, with the list that locks what they need; and SHA256SUMS.
Two builds of the same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from samtranslator.translator.transform import transform  # type: ignore[import-untyped]

from fix_architecture import architecture_of
from pixelgate import __version__
from pixelgate.sandbox.template import TemplateLoader
from wheels.build import PLATFORMS, CannotBuild
from wheels.build import build as build_wheels

ROOT = Path(__file__).parents[1]
ODIFF = ROOT / "layers" / "odiff"
CLIENT_LOCK = "requirements-client.txt"
ARCHITECTURE = "Architecture"
MAPPING = "Zips"
PLACE = {
    "CodeBucket": {
        "Type": "String",
        "Description": "Bucket of this region with the release's zips; `pixelgate deploy` sets it.",
    },
    "CodePrefix": {
        "Type": "String",
        "Default": "",
        "Description": "What the zips' keys begin with, such as `pixelgate/`.",
    },
}
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # a zip knows nothing earlier
TEMPLATE_LIMIT = 1_000_000  # CloudFormation's, in bytes, for a template in a bucket


class CannotRelease(Exception):
    """The release cannot be built; the message says why."""


@dataclass(frozen=True)
class Built:
    """What was built for one architecture: the unpacked code of all functions, and the layer."""

    function: Path
    layer: Path


class NoManagedPolicies:
    """Answers the translator's question for AWS's managed policies: we attach none."""

    def load(self) -> dict[str, str]:
        """There are none."""
        return {}


def main() -> int:
    """Builds and writes the release; 1 with a message if it cannot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("into", type=Path, help="the folder; what it held is removed")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="pixelgate-release-") as work:
            built = {name: build(name, Path(work, name)) for name in pinned()}
            wheels = build_wheels(Path(work, "wheels"), PLATFORMS)
            names = write(arguments.into, built, [*wheels, ROOT / CLIENT_LOCK])
    except (CannotRelease, CannotBuild) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name in names:
        print(f"{(arguments.into / name).stat().st_size:>12,}  {arguments.into / name}")
    return 0


def pinned() -> list[str]:
    """The architectures that an odiff is pinned for."""
    return sorted(path.parent.name for path in ODIFF.glob("*/odiff.sha256"))


def build(architecture: str, into: Path) -> Built:
    """Builds the functions' code and the layer for Lambda."""
    built = Built(into / "function", into / "layer")
    built.function.mkdir(parents=True)
    run("make", "-C", str(ROOT / "functions"), "build-CompareFunction",
        f"ARCH={architecture}", f"ARTIFACTS_DIR={built.function}")  # fmt: skip
    run(str(ODIFF / "fetch.sh"), architecture, str(built.layer / "bin"))
    return built


def run(*words: str) -> None:
    """Runs a command apart from the make that called us. Raises CannotRelease."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    if subprocess.run(words, env=kept).returncode:
        raise CannotRelease(f"`{' '.join(words)}` failed")


def write(into: Path, built: Mapping[str, Built], more: Sequence[Path] = ()) -> list[str]:
    """Writes the release with more files as they are; returns the names of its files.

    Raises:
        CannotRelease: there is nothing to release, or the folder holds something else.
    """
    if not built:
        raise CannotRelease(f"{ODIFF} pins no odiff for any architecture")
    if into.exists() and any(into.iterdir()) and not (into / "SHA256SUMS").exists():
        raise CannotRelease(f"{into} holds something else than a release")
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for name, one in built.items():
        check_processor(one, name)
    zips = {
        name: {
            "Function": pack(one.function, into, f"function-{name}"),
            "Layer": pack(one.layer, into, f"layer-{name}"),
        }
        for name, one in built.items()
    }
    source = (ROOT / "template.yaml").read_text(encoding="utf-8")
    content = json.dumps(template(source, zips), indent=1, ensure_ascii=False) + "\n"
    if len(content.encode()) > TEMPLATE_LIMIT:
        raise CannotRelease(f"the template has more than {TEMPLATE_LIMIT:,} bytes")
    (into / "template.json").write_text(content, encoding="utf-8")
    for path in more:
        shutil.copyfile(path, into / path.name)
    sums = {path.name: digest(path.read_bytes()) for path in sorted(into.iterdir())}
    lines = [f"{found}  {name}\n" for name, found in sums.items()]
    (into / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    return ["SHA256SUMS", *sums]


def check_processor(built: Built, architecture: str) -> None:
    """Raises CannotRelease unless all that is compiled is for this architecture."""
    for folder in (built.function, built.layer):
        files = [path for path in folder.rglob("*") if path.is_file()]
        found = {name for path in files if (name := architecture_of(path))}
        if found != {architecture}:
            what = " and ".join(sorted(found)) or "no processor"
            raise CannotRelease(f"{folder} is built for {what}, not for {architecture}")


def pack(folder: Path, into: Path, name: str) -> str:
    """Packs a folder; returns the zip's name, which contains its hash.

    So another content has another name, and CloudFormation sees that the code has changed.
    """
    unfinished = into / "unfinished.zip"
    files = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    if not files:
        raise CannotRelease(f"{folder} is empty")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files:
            path = folder / file
            entry = zipfile.ZipInfo(file, FIRST_DAY)
            entry.create_system = 3  # Unix, whose modes these are
            # Lambda reads as another user. What may be executed stays so; the umask does not count.
            mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    finished = f"pixelgate-{name}-{digest(unfinished.read_bytes())[:16]}.zip"
    unfinished.rename(into / finished)
    return finished


def digest(content: bytes) -> str:
    """The SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def template(source: str, zips: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Translates template.yaml to plain CloudFormation, whose code lies in a bucket.

    Args:
        source: the content of template.yaml.
        zips: the names of the zips "Function" and "Layer", by architecture.
    """
    sam: dict[str, Any] = yaml.load(source, TemplateLoader)  # noqa: S506 - a safe loader
    parameters, outputs = sam.pop("Parameters"), sam["Outputs"]
    sam.pop("Metadata", None)  # for the Serverless Application Repository, which has its own way
    sam["Globals"]["Function"]["CodeUri"] = _place("Function")
    for resource in sam["Resources"].values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = _place("Layer")
        if resource["Type"].startswith("AWS::Serverless::"):
            resource.pop("Metadata", None)  # how `sam build` builds it
    # Without values the translator leaves every reference to a parameter as it is.
    sam["Parameters"] = {name: {"Type": p["Type"]} for name, p in (parameters | PLACE).items()}
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # it asks boto3 for one
    plain: dict[str, Any] = transform(sam, {}, NoManagedPolicies())
    default = parameters[ARCHITECTURE]["Default"]
    architecture = {
        **parameters[ARCHITECTURE],
        "AllowedValues": list(zips),
        "Default": default if default in zips else next(iter(zips)),
        "Description": "Processor of the functions: what this release has zips for.",
    }
    head = {
        "AWSTemplateFormatVersion": plain.pop("AWSTemplateFormatVersion"),
        "Description": re.sub(r"\s+", " ", plain.pop("Description")).strip(),
        "Parameters": {**parameters, ARCHITECTURE: architecture, **PLACE},
        "Mappings": {**plain.pop("Mappings", {}), MAPPING: {n: dict(z) for n, z in zips.items()}},
    }
    version = {"Description": "Release of pixelgate", "Value": __version__}
    return {**head, **{k: v for k, v in plain.items() if k not in head},
            "Outputs": {**outputs, "Version": version}}  # fmt: skip


def _place(kind: str) -> dict[str, Any]:
    name = {"Fn::FindInMap": [MAPPING, {"Ref": ARCHITECTURE}, kind]}
    key = {"Fn::Join": ["", [{"Ref": "CodePrefix"}, name]]}
    return {"Bucket": {"Ref": "CodeBucket"}, "Key": key}


if __name__ == "__main__":
    sys.exit(main())
