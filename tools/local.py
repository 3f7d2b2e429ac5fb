"""`make local`: hands one event to the function that it is for, on this machine.

With a stack, the function has that stack's environment variables and your own credentials: it reads
and writes your bucket and table. Without a stack, an embedded cloud is started, the build that the
event names is uploaded to it, and the function runs there under its own role.

With Docker, `sam local invoke` runs the function in AWS's image. Without Docker, the same artefact
runs under AWS's Runtime Interface Emulator. The output says which.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import CloudFailed, EmbeddedCloud
from pixelgate.sandbox.deploy import DeploymentFailed
from pixelgate.sandbox.template import TemplateLoader
from runtime_emulator import EmulatorFailed, emulator
from uploader import Uploader

ROOT = Path(__file__).parents[1]
# For this machine's Python, and for Lambda's.
HERE, THERE = ROOT / ".aws-sam" / "build", ROOT / ".aws-sam" / "deploy"
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
SHOTS = ROOT / "examples" / "base"


class LocalFailed(Exception):
    """The event cannot be handed to a function; the message says why."""


@dataclass(frozen=True)
class Setting:
    """Where a function runs.

    Attributes:
        variables: the function's environment variables, as the stack has them.
        access: the variables with credentials, region and, in the embedded cloud, the endpoint.
    """

    variables: Mapping[str, str]
    access: Mapping[str, str]


def main() -> int:
    """Invokes the function; returns 0 if it answered without an error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("event", type=Path, help="a file with an event, such as one in events/")
    parser.add_argument("--stack", help="a deployed stack; without it, an embedded cloud")
    parser.add_argument(
        "--function", help="the function's logical id; the event names it otherwise"
    )
    options = parser.parse_args()
    event = json.loads(options.event.read_text(encoding="utf-8"))
    function = options.function or function_of(event)
    with _prepared(options.stack, function, event) as (setting, event):
        docker = has_docker()
        print(f"{function}: {'sam local invoke, in Docker' if docker else NO_DOCKER}", flush=True)
        answer = (
            _in_docker(function, event, setting)
            if docker
            else _under_emulator(function, event, setting)
        )
    print(json.dumps(answer, indent=2))
    return 1 if isinstance(answer, dict) and "errorMessage" in answer else 0


NO_DOCKER = "AWS's Runtime Interface Emulator, because Docker is missing"


def function_of(event: Any) -> str:
    """Returns the logical id of the function that AWS would send an event to.

    Raises:
        LocalFailed: none of them gets such an event.
    """
    if isinstance(event, dict):
        if event.get("only") == "waits" or event.get("detail-type") == "Scheduled Event":
            return "SweepFunction"
        if event.get("source") == "pixelgate":
            return "NotifyFunction"
        if event.get("Event") == "s3:TestEvent":
            return "CompareFunction"
        uploaded = _keys(event)
        if uploaded:
            reviews = all(key.startswith("reviews/") for key in uploaded)
            return "ReviewFunction" if reviews else "CompareFunction"
    raise LocalFailed("no function of the stack gets such an event; name one with --function")


def seed(cloud: EmbeddedCloud, event: Any) -> Any:
    """Uploads what an event names, as CI and a reviewer would have done, before it is handled.

    Returns the event with the ETags of what was uploaded: a review is refused if its object has
    another one.

    The bucket's own notification is switched off meanwhile, so that the event is the first to come.
    A review's build is compared first, by the functions of the cloud.
    """
    for key in _keys(event):
        review = keys.review_of(key)
        if review is not None:
            build = review[0]
            uploader = Uploader(cloud.client("s3"), cloud.bucket, build.project)
            done = uploader.wait(uploader.upload(build.build, SHOTS))
            body = {"schema_version": 1, "action": "approve", "execution": done["execution"]}
            cloud.wait_until_idle()
            _silence(cloud)
            _put(cloud, key, body)
    _silence(cloud)
    for key in _keys(event):
        upload = keys.upload_of(key)
        if upload is None:
            continue
        build = upload.build
        shard = keys.ShardId(1, 1) if upload.finalizes else upload.shard
        _put(cloud, keys.uploaded_manifest(build, shard), _manifest(cloud, build, shard))
        if upload.finalizes:
            _put(cloud, key, {"project": build.project, "build": build.build})
    return _with_tags(cloud, event)


def _with_tags(cloud: EmbeddedCloud, event: Any) -> Any:
    copy = json.loads(json.dumps(event))
    for record in copy.get("Records", []):
        key = unquote_plus(record["s3"]["object"]["key"])
        if keys.review_of(key):
            head = cloud.client("s3").head_object(Bucket=cloud.bucket, Key=key)
            record["s3"]["object"]["eTag"] = head["ETag"].strip('"')
    return copy


def _manifest(cloud: EmbeddedCloud, build: BuildId, shard: keys.ShardId | None) -> dict[str, Any]:
    images = Uploader(cloud.client("s3"), cloud.bucket, build.project).upload_images(SHOTS)
    part = {"shard": {"index": shard.index, "total": shard.total}} if shard else {}
    fields = {"project": build.project, "build": build.build, "commit": "c1", "branch": "main"}
    return {**fields, **part, "images": images}


def _put(cloud: EmbeddedCloud, key: str, body: Mapping[str, Any]) -> None:
    cloud.client("s3").put_object(Bucket=cloud.bucket, Key=key, Body=json.dumps(body).encode())


def _silence(cloud: EmbeddedCloud) -> None:
    cloud.client("s3").put_bucket_notification_configuration(
        Bucket=cloud.bucket, NotificationConfiguration={}
    )


def _keys(event: Any) -> list[str]:
    records = event.get("Records", []) if isinstance(event, dict) else []
    return [unquote_plus(record["s3"]["object"]["key"]) for record in records]


@contextmanager
def _prepared(stack: str | None, function: str, event: Any) -> Iterator[tuple[Setting, Any]]:
    """The function's setting, and the event to hand to it."""
    if stack:
        yield deployed(stack, function), event
        return
    with EmbeddedCloud.start() as cloud:
        event = seed(cloud, event)
        yield embedded(cloud, function), event


def embedded(cloud: EmbeddedCloud, function: str) -> Setting:
    """A function's setting in an embedded cloud: its role's credentials and its variables."""
    config = cloud.client("lambda").get_function_configuration(
        FunctionName=cloud.stack.resources[function]
    )
    credentials = cloud.assume(config["Role"].rpartition("/")[2], config["FunctionName"])
    return Setting(config["Environment"]["Variables"], cloud.variables(credentials))


def deployed(stack: str, function: str) -> Setting:
    """A function's setting in your account: the stack's variables, and your credentials.

    Raises:
        LocalFailed: the stack or the function cannot be read.
    """
    session = boto3.Session()
    try:
        found = session.client("cloudformation").describe_stack_resource(
            StackName=stack, LogicalResourceId=function
        )
        name = found["StackResourceDetail"]["PhysicalResourceId"]
        config = session.client("lambda").get_function_configuration(FunctionName=name)
        credentials = session.get_credentials()
        assert credentials is not None  # noqa: S101 - the requests were signed
        frozen = credentials.get_frozen_credentials()
    except (BotoCoreError, ClientError) as error:
        raise LocalFailed(f"the stack {stack} cannot be read: {error}") from error
    region = str(session.region_name)
    access = {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token or "",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": os.environ.get("AWS_ENDPOINT_URL", ""),
    }
    return Setting(
        config["Environment"]["Variables"], {name: text for name, text in access.items() if text}
    )


def has_docker() -> bool:
    """Whether Docker's engine answers."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    return not subprocess.run([docker, "info"], capture_output=True).returncode


def _under_emulator(function: str, event: Any, setting: Setting) -> Any:
    with emulator(HERE, function, {**setting.variables, **setting.access}) as running:
        answer = running.invoke(event)
        print(running.log.read_text(), file=sys.stderr)
    return answer


def _in_docker(function: str, event: Any, setting: Setting) -> Any:
    if not (THERE / "template.yaml").exists():
        raise LocalFailed(f"{THERE} is missing: `make local` builds it")
    with tempfile.TemporaryDirectory() as folder:
        overrides = Path(folder) / "variables.json"
        template = write_overrides(function, setting, overrides, THERE / "template.yaml")
        endpoint = setting.access.get("AWS_ENDPOINT_URL")
        file = Path(folder) / "event.json"
        file.write_text(json.dumps(event))
        command = [
            *(SAM, "local", "invoke", function, "--template", template, "--event", file),
            *("--env-vars", overrides, "--region", setting.access["AWS_DEFAULT_REGION"]),
            # The embedded cloud listens on this machine's loopback only.
            *(("--docker-network", "host") if endpoint else ()),
        ]
        done = subprocess.run(
            list(map(str, command)),
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder, **setting.access},
            stdout=subprocess.PIPE,
            text=True,
        )
    if done.returncode:
        raise LocalFailed(f"sam local invoke ended with status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def write_overrides(function: str, setting: Setting, overrides: Path, template: Path) -> Path:
    """Writes the file for `sam local invoke --env-vars`; returns the template that it is for.

    SAM overrides only variables that the template has, so a copy beside the built template gets
    those that are missing: AWS_ENDPOINT_URL, for the embedded cloud.
    """
    built = yaml.load(template.read_text(), TemplateLoader)  # noqa: S506 - a safe loader
    extra = {n: v for n, v in setting.access.items() if n == "AWS_ENDPOINT_URL"}
    built["Globals"]["Function"]["Environment"]["Variables"].update(dict.fromkeys(extra, ""))
    copy = template.with_name("template-local.json")
    copy.write_text(json.dumps(built))
    overrides.write_text(json.dumps({function: {**setting.variables, **extra}}, indent=2))
    return copy


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CloudFailed, DeploymentFailed, EmulatorFailed, LocalFailed, TimeoutError) as error:
        sys.exit(f"the event was not handled: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
