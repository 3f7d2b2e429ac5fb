"""Builds the adapters from environment variables; no other module of a function reads these."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from pixelgate.domain.failed_event import FailedEvents
from pixelgate.domain.keys import BuildId
from pixelgate.errors import UsageError
from pixelgate.notify.forge import Connector, Forge, checked
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
    from pixelgate.notify.check_approval import Approved, NotApproved, Pressed
    from pixelgate.notify.github_app import App
    from pixelgate.notify.http import Patience
    from pixelgate.notify.update import Shown
    from pixelgate.web.app import Pictures
    from pixelgate.web.gate import Person
    from pixelgate.web.http import Request, Response
    from pixelgate.web.login.github import Permission

# Older releases give random or wrong counts when the images differ in size.
OLDEST_ODIFF = (4, 3, 8)
EVERY_PROJECT = "*"


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
    for project, days in _by_project(setting):
        if not re.fullmatch(r"\d{1,5}", days):
            raise UsageError(f"{setting!r} is no retention: days, or project=days")
        by_project[project] = float(days)
    return lambda project: by_project.get(project, by_project[EVERY_PROJECT])


def _by_project(setting: str) -> Iterator[tuple[str, str]]:
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


@dataclass(frozen=True)
class Notifier:
    """The adapters of the notify function.

    `shown` is what notices link to and offer. `forges` makes the forge of a project; the key `*` is
    for all other projects.
    """

    records: StorageContext
    shown: Shown
    forges: Mapping[str, Callable[[Patience], Forge]]

    def forge(self, project: str, patience: Patience) -> Forge | None:
        """Makes the forge of a project; None if no repository is configured for it."""
        connect = self.forges.get(project) or self.forges.get(EVERY_PROJECT)
        return connect(patience) if connect else None


def aws_notifier(environ: Mapping[str, str] = os.environ) -> Notifier:
    """Builds the notify function's adapters, once per environment. Raises UsageError."""
    from pixelgate.notify.github import GitHub
    from pixelgate.notify.gitlab import GitLab

    kinds: dict[str, Connector] = {"GITHUB": GitHub, "GITLAB": GitLab}
    forges: dict[str, Callable[[Patience], Forge]] = {}
    for name, kind in kinds.items():
        on_forge = _forges_of(name, kind, environ)
        if twice := forges.keys() & on_forge.keys():
            raise UsageError(f"project {min(twice)} has a repository on two forges")
        forges |= on_forge
    if not forges:
        names = " or ".join(
            f"PIXELGATE_{n}_REPOSITORIES and PIXELGATE_{n}_TOKEN_SECRET" for n in kinds
        )
        raise UsageError(
            f"no repository is configured: set {names}, or PIXELGATE_GITHUB_APP in the place of "
            "GitHub's token"
        )
    return Notifier(aws_records(environ), _shown(environ), forges)


def _shown(environ: Mapping[str, str]) -> Shown:
    from pixelgate.notify.update import Shown

    return Shown(
        report_url=environ.get("PIXELGATE_REPORT_URL", ""),
        site_url=environ.get("PIXELGATE_SITE_URL", ""),
        approve_from_check=environ.get("PIXELGATE_APPROVE_FROM_CHECK", "off") == "on",
        comment_commands=environ.get("PIXELGATE_COMMENT_COMMANDS") == "true",
        pictures=comment_pictures(environ),
    )


def comment_pictures(environ: Mapping[str, str]) -> CommentPictures:
    """Reads how pull requests' comments show pictures. Raises UsageError."""
    return CommentPictures.parse(environ.get("PIXELGATE_COMMENT_PICTURES", CommentPictures.OFF))


def aws_webhook(
    environ: Mapping[str, str] = os.environ,
) -> Callable[[Request], Response] | None:
    """Builds what answers GitHub's webhook; None without a GitHub App. Raises UsageError.

    GitHub waits ten seconds for an answer, so what is asked of GitHub meanwhile gets eight.
    """
    from pixelgate.notify.check_approval import Buttons
    from pixelgate.notify.github import GitHub
    from pixelgate.notify.http import Patience
    from pixelgate.web.github_webhook import Webhook, answer

    app = _github_app(environ)
    if app is None:
        return None
    named = repositories(environ.get("PIXELGATE_GITHUB_REPOSITORIES", ""), GitHub.REPOSITORY)
    buttons = Buttons(app, named, aws_records(environ), _shown(environ))

    def patience() -> Patience:
        until = time.monotonic() + 8.0
        return Patience(lambda: until - time.monotonic())

    def press(pressed: Pressed, origin: str) -> Approved | NotApproved:
        # With a function URL nobody knows the site's address but the request itself.
        shown = replace(buttons.shown, site_url=buttons.shown.site_url or origin)
        return replace(buttons, shown=shown).press(pressed, patience)

    return partial(answer, webhook=Webhook(lambda: app.credentials().webhook_secret, press))


def _github_app(environ: Mapping[str, str]) -> App | None:
    """Makes the GitHub App; None if none is configured."""
    name = environ.get("PIXELGATE_GITHUB_APP")
    if not name:
        return None
    from pixelgate.aws.parameters import KeptParameter
    from pixelgate.notify.github_app import App

    return App(KeptParameter(open_parameter(name)), name)


class Responds(Protocol):
    """What answers requests: `web.app.Site`."""

    def respond(self, request: Request) -> Response:
        """Answers one, also with an error."""


@dataclass(frozen=True)
class ServedSite:
    """The review site as Lambda serves it.

    Attributes:
        site: what answers requests.
        kind: `function-url` or `http-api`.
        url: the address under which people reach it; "" if only each request knows.
    """

    site: Responds
    kind: str
    url: str


def aws_site(environ: Mapping[str, str] = os.environ) -> ServedSite:
    """Builds the review site, once per execution environment.

    Nobody gets in before its settings exist: `pixelgate site setup` writes them.
    """
    from pixelgate.aws.sdk import lambda_config, open_session
    from pixelgate.storage.s3 import S3Bucket
    from pixelgate.web.app import Site
    from pixelgate.web.login.gate import LoginGate
    from pixelgate.web.login.settings import SettingsSource

    bucket = environ["PIXELGATE_BUCKET"]
    s3 = open_session().client("s3", config=lambda_config())
    return ServedSite(
        site=Site(
            S3Bucket(s3, bucket, owner=environ.get("PIXELGATE_BUCKET_OWNER")),
            gate=LoginGate(
                SettingsSource(open_parameter(environ["PIXELGATE_SITE_PARAMETER"]).read),
                _permission(environ),
            ),
            pictures=_signed_pictures(bucket),
            bucket=bucket,
            hook=aws_webhook(environ),
        ),
        kind=environ.get("PIXELGATE_SITE", ""),
        url=environ.get("PIXELGATE_SITE_URL", ""),
    )


def _signed_pictures(bucket: str) -> Pictures:
    """Makes addresses of pictures, with the credentials that the function has at the moment."""
    from botocore.config import Config

    from pixelgate.aws.sdk import open_session
    from pixelgate.web.app import Pictures

    # Objects under a key of one's own take no older signature.
    s3 = open_session().client("s3", config=Config(signature_version="s3v4"))

    def sign(key: str, seconds: int) -> str:
        # CI says of what type its images are; as a page of its own, one would run its scripts.
        wanted = {"Bucket": bucket, "Key": key, "ResponseContentType": "image/png"}
        return s3.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)

    address = urlsplit(sign("images", 1))
    return Pictures(sign, (f"{address.scheme}://{address.netloc}",))


def _permission(environ: Mapping[str, str]) -> Permission | None:
    """Makes what asks GitHub what somebody may do; None without a credential of the site."""
    from pixelgate.web.login.github import RepositoryPermission

    if (app := _github_app(environ)) is not None:
        from pixelgate.notify.http import Patience

        def ask(repository: str, person: Person) -> str:
            # Each repository has a token of its own; five seconds to get one, if it is due.
            until = time.monotonic() + 5.0
            token = app.token(repository, Patience(lambda: until - time.monotonic()))
            return RepositoryPermission(app.credentials().api, token)(repository, person)

        return ask
    secret = environ.get("PIXELGATE_GITHUB_TOKEN_SECRET")
    if not secret:
        return None
    import boto3

    from pixelgate.aws.secrets import SecretToken
    from pixelgate.notify.github import GitHub

    api = environ.get("PIXELGATE_GITHUB_API") or GitHub.API
    return RepositoryPermission(api, SecretToken(boto3.client("secretsmanager"), secret))


def _forges_of(
    name: str, kind: Connector, environ: Mapping[str, str]
) -> dict[str, Callable[[Patience], Forge]]:
    """Makes the forges of one kind, by project; empty without a credential or repositories."""
    secret = environ.get(f"PIXELGATE_{name}_TOKEN_SECRET")
    named = environ.get(f"PIXELGATE_{name}_REPOSITORIES", "")
    if named and name == "GITHUB" and (app := _github_app(environ)) is not None:
        from pixelgate.notify.check_run import GitHubChecks

        return {
            project: partial(GitHubChecks, repository, app)
            for project, repository in repositories(named, kind.REPOSITORY).items()
        }
    if not secret or not named:
        return {}
    import boto3

    from pixelgate.aws.secrets import SecretToken

    token = SecretToken(boto3.client("secretsmanager"), secret)
    api = environ.get(f"PIXELGATE_{name}_API") or kind.API
    return {
        project: partial(kind, repository, token, api)
        for project, repository in repositories(named, kind.REPOSITORY).items()
    }


def repositories(named: str, pattern: re.Pattern[str]) -> dict[str, str]:
    """Parses `owner/name` for all projects, or `project=owner/name,…`. Raises UsageError."""
    by_project = {project: checked(name, pattern) for project, name in _by_project(named)}
    if not by_project:
        raise UsageError(f"{named!r} names no repository")
    return by_project


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
