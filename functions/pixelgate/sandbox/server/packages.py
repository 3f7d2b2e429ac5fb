"""The packages that a function may import without bringing them."""

import compileall
import hashlib
import importlib.metadata
import shutil
import sys
import tempfile
from pathlib import Path

RUNTIME_PACKAGES = (
    *("awslambdaric", "simplejson", "snapshot-restore-py"),
    *("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"),
)


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
