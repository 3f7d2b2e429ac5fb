"""A built SAM application becomes a stack, as `sam deploy` would have it, in about a second."""

import hashlib
import io
import json
import os
import stat
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelgate.errors import SandboxFailed

from .server import ARTEFACTS

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

CREATE_SECONDS = 300  # it takes two; ever so much longer when this machine is busy
LOCAL_FILES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}


class DeploymentFailed(SandboxFailed):
    """The stack was not created; the message has the reasons."""


@dataclass(frozen=True)
class Stack:
    """What a deployment has made."""

    name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]  # logical id → physical id
    types: Mapping[str, str]  # logical id → type

    def only(self, resource_type: str) -> str:
        """The physical id of the one resource of a type."""
        ids = [self.resources[name] for name, kind in self.types.items() if kind == resource_type]
        if len(ids) != 1:
            raise LookupError(f"stack {self.name} has {len(ids)} resources of type {resource_type}")
        return ids[0]


def deploy(
    cloudformation: "CloudFormationClient",
    s3: "S3Client",
    template: Path,
    stack_name: str,
    parameters: Mapping[str, str],
) -> Stack:
    """Uploads what a built template refers to, creates the stack, waits until it is there."""
    body = read(template)
    upload_local_files(s3, template.parent, body)
    # By its place, as `sam deploy` does: a template in the request has at most 51,200 bytes.
    s3.put_object(Bucket=ARTEFACTS, Key="template.json", Body=json.dumps(body).encode())
    place = f"{s3.meta.endpoint_url}/{ARTEFACTS}/template.json"
    return create_stack(cloudformation, stack_name, parameters, TemplateURL=place)


def read(template: Path) -> dict[str, Any]:
    """Reads a template from JSON or YAML; only the latter needs PyYAML."""
    if template.suffix == ".json":
        return dict(json.loads(template.read_text("utf-8")))
    from .template import read_template

    return read_template(template)


def create_stack(
    cloudformation: "CloudFormationClient",
    name: str,
    parameters: Mapping[str, str],
    **template: str,
) -> Stack:
    """Creates a stack from a template, given as CreateStack takes it; waits until it is there.

    Raises:
        DeploymentFailed: it was not created, or not in CREATE_SECONDS.
    """
    cloudformation.create_stack(
        StackName=name,
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        OnFailure="DO_NOTHING",
        **template,  # type: ignore[arg-type]
    )
    end = time.monotonic() + CREATE_SECONDS
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        if time.monotonic() > end:
            raise DeploymentFailed(
                f"stack {name} is still {stack['StackStatus']} after {CREATE_SECONDS} s"
            )
        time.sleep(0.05)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        reasons = "\n".join(failures(cloudformation, name))
        raise DeploymentFailed(f"stack {name} is {stack['StackStatus']}\n{reasons}")
    found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return Stack(
        name=name,
        outputs={one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])},
        resources={one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found},
        types={one["LogicalResourceId"]: one["ResourceType"] for one in found},
    )


def upload_local_files(s3: "S3Client", directory: Path, template: dict[str, Any]) -> None:
    """Puts code beside the template into a bucket, and its place there into the template."""
    s3.create_bucket(Bucket=ARTEFACTS)
    listed = s3.list_objects_v2(Bucket=ARTEFACTS).get("Contents", ())
    present = {found["Key"] for found in listed}  # another stack may have the same code
    keys: dict[Path, str] = {}  # functions may share a folder, and reading it takes its time
    for resource in template["Resources"].values():
        field = LOCAL_FILES.get(resource["Type"], "")
        source = resource.get("Properties", {}).get(field)
        if not isinstance(source, str):
            continue
        path = directory / source
        if not path.exists():
            raise DeploymentFailed(f"the template refers to {path}, which was not built")
        key = keys.get(path) or keys.setdefault(path, digest(path))
        if key not in present:  # two functions may have the same code, and packing is slow
            content = packed(path) if path.is_dir() else path.read_bytes()
            s3.put_object(Bucket=ARTEFACTS, Key=key, Body=content)
            present.add(key)
        resource["Properties"][field] = {"Bucket": ARTEFACTS, "Key": key}


def digest(path: Path) -> str:
    """The hash of names, modes and content of a file or a directory."""
    found = hashlib.sha256()
    for file in sorted(map(str, path.rglob("*") if path.is_dir() else [path])):
        mode = os.stat(file).st_mode
        found.update(f"{file.removeprefix(str(path))} {mode}\n".encode())
        if stat.S_ISREG(mode):
            with open(file, "rb") as content:
                found.update(content.read())
    return found.hexdigest()


def packed(directory: Path) -> bytes:
    """The directory as an archive that keeps file modes; stored, as it travels no further."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED, strict_timestamps=False) as into:
        for path in directory.rglob("*"):
            into.write(path, path.relative_to(directory))
    return archive.getvalue()


def failures(cloudformation: "CloudFormationClient", stack_name: str) -> Iterator[str]:
    """Why resources were not created, first cause first."""
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    for event in reversed(events):
        if event["ResourceStatus"].endswith("FAILED"):
            reason = event.get("ResourceStatusReason", "no reason given")
            yield f"  {event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
