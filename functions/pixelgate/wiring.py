"""Picks the adapters: the only reader of the environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pixelgate.errors import UsageError
from pixelgate.keys import BuildId
from pixelgate.pipeline.service import Limits, Records, Service
from pixelgate.ports import Stages

if TYPE_CHECKING:
    from pixelgate.adapters.meter import RequestMeter
    from pixelgate.engine.pool import SharedDiffers

# Older releases answered at random or counted wrongly when images differ in size.
OLDEST_ODIFF = (4, 3, 8)


@dataclass(frozen=True)
class Engine:
    """The odiff of this machine."""

    binary: Path
    version: str

    @property
    def label(self) -> tuple[str, str]:
        """Name and version."""
        return "odiff", self.version


def find_engine(environ: Mapping[str, str] = os.environ) -> Engine:
    """Finds odiff and asks for its version.

    Looked for in this order: PIXELGATE_ODIFF, beside the running Python, PATH.

    Raises:
        UsageError: there is none, it does not run, or it is too old.
    """
    named = environ.get("PIXELGATE_ODIFF")
    beside = Path(sys.executable).parent / "odiff"
    found = named or (str(beside) if beside.is_file() else shutil.which("odiff"))
    if not found:
        raise UsageError(
            "odiff was not found; set PIXELGATE_ODIFF to it, or put it on PATH "
            "(in a checkout, `make setup` fetches it)"
        )
    try:
        answer = subprocess.run(  # noqa: S603 - a program that the user names
            [found, "--version"], capture_output=True, text=True, timeout=20, check=True, env={}
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"odiff at {found} does not run: {error}") from error
    version = re.search(r"\bodiff v?(\d+)\.(\d+)\.(\d+)\b", answer.stdout + answer.stderr)
    if version is None:
        raise UsageError(f"{found} --version does not say that it is odiff")
    numbers = tuple(map(int, version.groups()))
    if numbers < OLDEST_ODIFF:
        raise UsageError(
            f"odiff at {found} is {_dotted(numbers)}; {_dotted(OLDEST_ODIFF)} or newer is needed"
        )
    return Engine(Path(found), _dotted(numbers))


def make_pool(engine: Engine, size: int | None = None) -> SharedDiffers:
    """One odiff for each processor: a second one on the same processor gains nothing."""
    # Imported here and below: the sweeper starts without the engine's and the page's libraries.
    from pixelgate.engine.differ import OdiffDiffer
    from pixelgate.engine.odiff import OdiffServer
    from pixelgate.engine.pool import SharedDiffers

    return SharedDiffers(
        [OdiffDiffer(OdiffServer(engine.binary)) for _ in range(size or _processors())]
    )


@contextmanager
def open_pool(engine: Engine, size: int | None = None) -> Iterator[SharedDiffers]:
    """A pool whose processes have ended when the context is left."""
    pool = make_pool(engine, size)
    try:
        yield pool
    finally:
        pool.close()


def aws_records(
    environ: Mapping[str, str] = os.environ, meter: RequestMeter | None = None
) -> Records:
    """The bucket and the table of a Lambda function; the meter counts what is asked of them."""
    import boto3
    from botocore.config import Config

    from pixelgate.adapters.dynamodb import DynamoLedger
    from pixelgate.adapters.s3 import S3Objects
    from pixelgate.report import render_failure

    # A call that stalls in every attempt takes some 45 s, half a lease: a heartbeat, which is sent
    # with two thirds of the lease left, does not outlive it.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=3,
        read_timeout=10,
        max_pool_connections=64,
    )
    s3, dynamodb = boto3.client("s3", config=config), boto3.client("dynamodb", config=config)
    if meter:
        meter.watch(s3)
        meter.watch(dynamodb)
    return Records(
        objects=S3Objects(s3, environ["PIXELGATE_BUCKET"]),
        ledger=DynamoLedger(dynamodb, environ["PIXELGATE_TABLE"]),
        render_failure=render_failure,
        limits=Limits(
            lease=float(environ.get("PIXELGATE_LEASE_SECONDS", Limits.lease)),
            max_attempts=int(environ.get("PIXELGATE_MAX_ATTEMPTS", Limits.max_attempts)),
        ),
    )


def resume_by_lambda(environ: Mapping[str, str] = os.environ) -> Callable[[BuildId], None]:
    """Delivers a build to the compare function once more, asynchronously."""
    import boto3

    client, function = boto3.client("lambda"), environ["PIXELGATE_COMPARE_FUNCTION"]

    def resume(build: BuildId) -> None:
        event = {"resume": {"project": build.project, "build": build.build}}
        client.invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
        )

    return resume


def aws_service(stage: Stages, environ: Mapping[str, str] = os.environ) -> Service:
    """What the compare function needs; made once per execution environment."""
    from pixelgate.adapters.meter import RequestMeter
    from pixelgate.engine.thumbnail import thumbnail
    from pixelgate.report import render

    # Lambda says how much memory it gives; elsewhere nobody charges for any.
    memory = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    meter = RequestMeter(int(memory)) if memory else None
    records = aws_records(environ, meter)
    engine = find_engine(environ)
    return Service(
        objects=records.objects,
        ledger=records.ledger,
        limits=records.limits,
        pool=make_pool(engine),
        engine=engine.label,
        render=render,
        render_failure=records.render_failure,
        stage=stage,
        thumbnail=thumbnail,
        meter=meter,
    )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
