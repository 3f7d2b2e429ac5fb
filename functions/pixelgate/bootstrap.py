"""Builds the adapters from environment variables; `bootstrap_web` has those of the review."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelgate.domain.failed_event import FailedEvents
from pixelgate.domain.keys import EVERY_PROJECT, BuildId
from pixelgate.errors import UsageError
from pixelgate.notify.pictures import CommentPictures
from pixelgate.pipeline.announce.announce import Backlog
from pixelgate.pipeline.context import CompareContext, Limits, StorageContext
from pixelgate.ports import Bucket, FanOut, Stages

if TYPE_CHECKING:
    from pixelgate.aws.deployment import CloudStack, Target
    from pixelgate.aws.meter import RequestMeter
    from pixelgate.aws.operator import ProjectTable
    from pixelgate.aws.parameters import Parameter
    from pixelgate.engine.pool import SharedDiffers

# Older releases give random or wrong counts when the images differ in size.
OLDEST_ODIFF = (4, 3, 8)


@dataclass(frozen=True)
class Engine:
    """The odiff program of this machine."""

    binary: Path
    version: str

    @property
    def label(self) -> tuple[str, str]:
        """Name and version."""
        return "odiff", self.version


def find_engine(environ: Mapping[str, str] = os.environ) -> Engine:
    """Finds odiff and asks for its version.

    The order of the search: PIXELGATE_ODIFF, the folder of the running Python, the package
    pixelgate-compare, PATH.

    Raises:
        UsageError: there is none, it does not run, or it is too old.
    """
    from pixelgate.engine.compiled import packaged_odiff
    from pixelgate.engine.process_limits import few_variables

    beside = Path(sys.executable).parent / ("odiff.exe" if sys.platform == "win32" else "odiff")
    binary = (
        environ.get("PIXELGATE_ODIFF")
        or (beside if beside.is_file() else packaged_odiff())
        or shutil.which("odiff")
    )
    if not binary:
        raise UsageError(
            "odiff was not found. The extra `compare` of pixelgate carries it, and in a checkout "
            "`make setup` fetches it; PIXELGATE_ODIFF names another one"
        )
    try:
        answer = subprocess.run(  # noqa: S603 - a program that the user names
            [str(binary), "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            env=few_variables(environ),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"odiff at {binary} does not run: {error}") from error
    version = re.search(r"\bodiff v?(\d+)\.(\d+)\.(\d+)\b", answer.stdout + answer.stderr)
    if version is None:
        raise UsageError(f"{binary} --version does not say that it is odiff")
    numbers = tuple(map(int, version.groups()))
    if numbers < OLDEST_ODIFF:
        raise UsageError(
            f"odiff at {binary} is {_dotted(numbers)}; {_dotted(OLDEST_ODIFF)} or newer is needed"
        )
    return Engine(Path(binary), _dotted(numbers))


def make_pool(
    engine: Engine, size: int | None = None, max_megapixels: float | None = None
) -> SharedDiffers:
    """Starts a pool of odiff processes: `size` of them, or one for each processor.

    `max_megapixels` is the size of the largest canvas; the engine's own limit by default.
    """
    # Imports are local, so that the sweeper starts without the libraries of engine and page.
    from pixelgate.engine.differ import OdiffDiffer
    from pixelgate.engine.header import MAX_PIXELS
    from pixelgate.engine.odiff import OdiffServer
    from pixelgate.engine.pool import SharedDiffers

    most = MAX_PIXELS if max_megapixels is None else round(max_megapixels * 1e6)
    if size is None:
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
        size = len(affinity(0)) if affinity else os.cpu_count() or 1
    servers = [OdiffServer(engine.binary) for _ in range(size)]
    return SharedDiffers([OdiffDiffer(server, max_pixels=most) for server in servers], most)


def max_megapixels(environ: Mapping[str, str] = os.environ) -> float | None:
    """Reads PIXELGATE_MAX_MEGAPIXELS, the size of the largest canvas; None if it is not set.

    Raises:
        UsageError: it is no number above 0.
    """
    value = environ.get("PIXELGATE_MAX_MEGAPIXELS")
    if not value:
        return None
    try:
        size = float(value)
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise UsageError(f"PIXELGATE_MAX_MEGAPIXELS is {value!r}; it must be a number above 0")
    return size


@contextmanager
def open_pool(
    engine: Engine, size: int | None = None, max_megapixels: float | None = None
) -> Iterator[SharedDiffers]:
    """Opens a pool and ends its processes on exit; arguments as of `make_pool`."""
    pool = make_pool(engine, size, max_megapixels)
    try:
        yield pool
    finally:
        pool.close()


def aws_records(
    environ: Mapping[str, str] = os.environ, meter: RequestMeter | None = None
) -> StorageContext:
    """Connects a Lambda function to its bucket and table; the meter counts the requests."""
    from pixelgate.aws.eventbridge import EventBridgeEvents
    from pixelgate.aws.sdk import lambda_config, open_session
    from pixelgate.report import render_failure
    from pixelgate.storage.dynamodb_comparisons import DynamoLedger
    from pixelgate.storage.s3 import S3Bucket

    config, session = lambda_config(), open_session()
    s3, dynamodb = session.client("s3", config=config), session.client("dynamodb", config=config)
    if meter:
        meter.watch(s3)
        meter.watch(dynamodb)
    bucket = environ["PIXELGATE_BUCKET"]
    return StorageContext(
        events=Backlog(
            EventBridgeEvents(
                lambda: session.client("events", config=config),
                bucket,
                environ.get("PIXELGATE_EVENT_BUS", "default"),
            )
        ),
        objects=S3Bucket(s3, bucket, owner=environ.get("PIXELGATE_BUCKET_OWNER")),
        ledger=DynamoLedger(dynamodb, environ["PIXELGATE_TABLE"]),
        render_failure=render_failure,
        limits=Limits(
            lease=float(environ.get("PIXELGATE_LEASE_SECONDS", Limits.lease)),
            max_attempts=int(environ.get("PIXELGATE_MAX_ATTEMPTS", Limits.max_attempts)),
            margin=float(environ.get("PIXELGATE_MARGIN_SECONDS", Limits.margin)),
            sweep_after=float(environ.get("PIXELGATE_SWEEP_AFTER_SECONDS", Limits.sweep_after)),
            grace=float(environ.get("PIXELGATE_BASE_GRACE_SECONDS", Limits.grace)),
            fan_out_lease=float(
                environ.get("PIXELGATE_FAN_OUT_LEASE_SECONDS", Limits.fan_out_lease)
            ),
            inline_megapixels=float(
                environ.get("PIXELGATE_INLINE_MEGAPIXELS", Limits.inline_megapixels)
            ),
        ),
        baseline_branches=baseline_branches(environ),
        trunk_only=trunk_only(environ),
        site_role=environ.get("PIXELGATE_SITE_ROLE", ""),
    )


def bucket_owner(bucket: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Returns the account that must own a bucket; None if any account may.

    It is PIXELGATE_BUCKET_OWNER, or what the name of a stack's bucket says. STS is not asked: that
    costs a request, and CI may belong to another account than the bucket.

    Raises:
        UsageError: the variable is not an account.
    """
    from pixelgate.storage.s3 import owner_in

    owner = environ.get("PIXELGATE_BUCKET_OWNER") or owner_in(bucket)
    if owner and not re.fullmatch(r"\d{12}", owner):
        raise UsageError(f"PIXELGATE_BUCKET_OWNER is {owner!r}; an AWS account has 12 digits")
    return owner


@contextmanager
def _settings_errors(resource: str) -> Iterator[None]:
    """Raises BucketError if the SDK's settings, with which it opens a resource, are invalid."""
    from botocore.exceptions import BotoCoreError

    from pixelgate.errors import BucketError
    from pixelgate.storage.s3_errors import without_answer

    try:
        yield
    except (BotoCoreError, ValueError) as error:
        raise BucketError(without_answer(error, resource)) from error


def client_region(environ: Mapping[str, str] = os.environ) -> str | None:
    """Returns AWS_REGION, which boto3 does not read; None leaves the region to its own settings."""
    return environ.get("AWS_REGION") or None


def open_bucket(bucket: str) -> Bucket:
    """Opens a bucket for a client, with the SDK's own settings. Raises BucketError."""
    import boto3
    from botocore.config import Config

    from pixelgate.storage.client_bucket import ClientBucket

    # With these limits a request that stalls in every attempt ends after about three minutes.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=32,
    )
    with _settings_errors(bucket):
        session = boto3.Session(region_name=client_region())
        # STS needs a region for its endpoint; any region works.
        sts = session.client("sts", config=config, region_name=session.region_name or "us-east-1")
        s3 = session.client("s3", config=config)
        return ClientBucket(s3, bucket, sts.get_caller_identity, bucket_owner(bucket))


def open_failed_events(url: str) -> FailedEvents:
    """Opens the queue of failed events for a client. Raises BucketError."""
    import boto3

    from pixelgate.aws.failed_queue import SqsFailedEvents
    from pixelgate.aws.sdk import lambda_config

    config = lambda_config()
    with _settings_errors(url):
        session = boto3.Session(region_name=client_region())
        return SqsFailedEvents(
            session.client("sqs", config=config), session.client("lambda", config=config), url
        )


def open_target(stack: str, region: str | None, artefacts: str | None) -> Target:
    """Opens what `pixelgate deploy` deploys to. Raises BucketError."""
    from pixelgate.aws.deployment import open_target

    return open_target(stack, region or client_region(), artefacts)


def open_storage(
    bucket: str,
    table: str,
    branches: tuple[str, ...] = StorageContext.baseline_branches,
    *,
    trunk_only: bool = False,
) -> StorageContext:
    """Opens bucket and table for the tidy function or an operator. Raises BucketError.

    Without `trunk_only` all builds of these branches may be baselines, so more of them are kept.
    """
    import boto3

    from pixelgate.aws.sdk import lambda_config
    from pixelgate.storage.client_bucket import ClientBucket
    from pixelgate.storage.dynamodb_comparisons import DynamoLedger

    config = lambda_config()
    with _settings_errors(bucket):
        session = boto3.Session(region_name=client_region())
        s3 = session.client("s3", config=config)
        return StorageContext(
            objects=ClientBucket(s3, bucket, owner=bucket_owner(bucket)),
            ledger=DynamoLedger(session.client("dynamodb", config=config), table),
            baseline_branches=branches,
            trunk_only=trunk_only,
        )


def open_stack(name: str, region: str | None = None) -> CloudStack:
    """Opens a stack to read its outputs. Raises BucketError."""
    import boto3

    from pixelgate.aws.deployment import CloudStack
    from pixelgate.aws.sdk import lambda_config

    with _settings_errors(f"the stack {name}"):
        session = boto3.Session(region_name=region or client_region())
        return CloudStack(session.client("cloudformation", config=lambda_config()), name)


def open_parameter(name: str, region: str | None = None) -> Parameter:
    """Opens an encrypted parameter of Systems Manager. Raises BucketError."""
    import boto3

    from pixelgate.aws.parameters import Parameter
    from pixelgate.aws.sdk import lambda_config

    with _settings_errors(f"the parameter {name}"):
        session = boto3.Session(region_name=region or client_region())
        return Parameter(session.client("ssm", config=lambda_config()), name)


def open_project_store(
    bucket: str, table: str, region: str | None = None
) -> tuple[Bucket, ProjectTable]:
    """Opens the objects and the records of projects for an operator. Raises BucketError."""
    import boto3

    from pixelgate.aws.operator import ProjectTable
    from pixelgate.aws.sdk import lambda_config
    from pixelgate.storage.client_bucket import ClientBucket
    from pixelgate.storage.dynamodb_projects import DynamoProjects

    config = lambda_config()
    with _settings_errors(bucket):
        session = boto3.Session(region_name=region or client_region())
        s3 = session.client("s3", config=config)
        items = DynamoProjects(session.client("dynamodb", config=config), table)
        return ClientBucket(s3, bucket, owner=bucket_owner(bucket)), ProjectTable(items, table)


def retention_days(setting: str) -> Callable[[str], float]:
    """Parses days for all projects and single ones, `90` or `90,shop=30`; or raises UsageError."""
    by_project = {EVERY_PROJECT: 90.0}
    for project, days in per_project(setting):
        if not re.fullmatch(r"\d{1,5}", days):
            raise UsageError(f"{setting!r} is no retention: days, or project=days")
        by_project[project] = float(days)
    return lambda project: by_project.get(project, by_project[EVERY_PROJECT])


def per_project(setting: str) -> Iterator[tuple[str, str]]:
    """Splits `value` or `project=value,…` into projects, or EVERY_PROJECT, and their values."""
    for entry in filter(None, map(str.strip, setting.split(","))):
        project, equals, value = entry.rpartition("=")
        yield project if equals else EVERY_PROJECT, value


def resume_by_lambda(environ: Mapping[str, str] = os.environ) -> Callable[[BuildId], None]:
    """Returns a function that invokes the compare function for a build, asynchronously."""
    invoke = _invoke_compare(environ)
    return lambda build: invoke({"resume": {"project": build.project, "build": build.build}})


def deliver_by_lambda(environ: Mapping[str, str] = os.environ) -> Callable[[str], None]:
    """Returns a function that invokes the compare function for the key of an uploaded manifest."""
    invoke = _invoke_compare(environ)
    return lambda key: invoke({"uploaded": key})


def _invoke_compare(environ: Mapping[str, str]) -> Callable[[Mapping[str, Any]], None]:
    import boto3

    from pixelgate.aws.sdk import lambda_config

    client = boto3.client("lambda", config=lambda_config())
    # The compare function calls itself; Lambda sets the second variable to its own name.
    function = environ.get("PIXELGATE_COMPARE_FUNCTION") or environ["AWS_LAMBDA_FUNCTION_NAME"]

    def invoke(event: Mapping[str, Any]) -> None:
        client.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
        )

    return invoke


def aws_fan_out(environ: Mapping[str, str] = os.environ) -> FanOut | None:
    """Connects to the fan-out's state machine; None if none is configured."""
    arn = environ.get("PIXELGATE_STATE_MACHINE")
    if not arn:
        return None
    import boto3

    from pixelgate.aws.sdk import lambda_config
    from pixelgate.aws.stepfunctions import StateMachine

    client = boto3.client("stepfunctions", config=lambda_config())
    concurrency = int(environ.get("PIXELGATE_FAN_OUT_CONCURRENCY", "8"))
    return StateMachine(client, arn, environ["PIXELGATE_BUCKET"], concurrency)


def pace_collector() -> None:
    """Makes Python's garbage collector run less often than by default.

    A run creates millions of objects, none of them in a cycle, and frees them at its end. By
    default the collector takes a third of the time of publishing 100,000 snapshots.
    """
    gc.set_threshold(100_000, 50)


def aws_service(stage: Stages, environ: Mapping[str, str] = os.environ) -> CompareContext:
    """Builds the context of the compare function, once per execution environment."""
    pace_collector()
    from pixelgate.aws.meter import RequestMeter
    from pixelgate.engine.preview import preview
    from pixelgate.engine.thumbnail import thumbnail
    from pixelgate.report import render

    # Only Lambda sets the memory size; elsewhere nothing is metered.
    memory = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    meter = RequestMeter(int(memory)) if memory else None
    records = replace(aws_records(environ, meter), resume=resume_by_lambda(environ))
    engine = find_engine(environ)
    return CompareContext(
        **vars(records),
        pool=make_pool(engine, max_megapixels=max_megapixels(environ)),
        engine=engine.label,
        render=partial(render, bucket=environ["PIXELGATE_BUCKET"]),
        stage=stage,
        fan_out=aws_fan_out(environ),
        thumbnail=thumbnail,
        preview=preview if comment_pictures(environ) is not CommentPictures.OFF else None,
        meter=meter,
    )


def comment_pictures(environ: Mapping[str, str]) -> CommentPictures:
    """Reads how pull requests' comments show pictures. Raises UsageError."""
    return CommentPictures.parse(environ.get("PIXELGATE_COMMENT_PICTURES", CommentPictures.OFF))


def baseline_branches(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Returns the branches whose builds need no approval, from names separated by commas."""
    names = environ.get("PIXELGATE_BASELINE_BRANCHES")
    if names is None:
        return StorageContext.baseline_branches
    return tuple(name.strip() for name in names.split(",") if name.strip())


def trunk_only(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether builds that need no approval have ids that begin with `trunk.`."""
    return environ.get("PIXELGATE_TRUNK_PREFIX", "optional") == "required"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
