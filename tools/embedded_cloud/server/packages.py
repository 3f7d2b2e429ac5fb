"""What a function runs: its code and layers unpacked, and the packages of Lambda's runtime."""

import compileall
import hashlib
import importlib.metadata
import io
import os
import shutil
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path

# What a function may import without bringing it: AWS's Python runtime has boto3.
RUNTIME_PACKAGES = (
    *("awslambdaric", "simplejson", "snapshot-restore-py"),
    *("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"),
)


class Packages:
    """Unpacked archives, each kept once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def unpacked(self, contents: Mapping[str, bytes]) -> Path:
        """A directory with the archives on top of one another, as layers are in /opt.

        They come by name, and a name must stand for one content for ever.
        """
        target = self._directory / hashlib.sha256("\n".join(contents).encode()).hexdigest()[:16]
        with self._lock:
            if not target.exists():
                target.mkdir(parents=True)
                for archive in contents.values():
                    unzip(archive, target)
        return target


def unzip(archive: bytes, target: Path) -> None:
    """Unpack with the file modes that zipfile forgets: odiff must stay executable."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for member in opened.infolist():
            path = opened.extract(member, target)
            mode = member.external_attr >> 16
            if mode and not member.is_dir():
                os.chmod(path, mode & 0o755)


def lambda_runtime() -> Path:
    """The packages of Lambda's runtime, apart from all else that this environment holds.

    So a package that the artefact forgot is missing here as it would be on Lambda. Made once.
    """
    distributions = [importlib.metadata.distribution(name) for name in RUNTIME_PACKAGES]
    versions = " ".join(f"{found.name}=={found.version}" for found in distributions)
    target = Path(sys.prefix, f"lambda-runtime-{hashlib.sha256(versions.encode()).hexdigest()[:8]}")
    if target.exists():
        return target
    unfinished = Path(tempfile.mkdtemp(prefix="lambda-runtime-", dir=sys.prefix))
    for distribution in distributions:
        for file in distribution.files or ():
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            (unfinished / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(distribution.locate_file(file)), unfinished / file)
    compileall.compile_dir(unfinished, quiet=2)
    try:
        unfinished.rename(target)
    except OSError:  # another cloud was quicker
        shutil.rmtree(unfinished)
    return target
