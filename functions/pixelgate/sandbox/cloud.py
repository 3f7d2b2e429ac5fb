"""A local AWS in one process tree with our stack deployed in it, for the demo and for tests.

    with EmbeddedCloud.start() as cloud:
        cloud.client("s3").put_object(Bucket=cloud.bucket, Key=..., Body=...)

It listens on 127.0.0.1 only and ends with its `with` block, with Ctrl-C, and with this process even
when that is killed. It keeps everything in memory, and only the functions' logs stay, unless it is
given a folder to keep the bucket and the table in.
"""

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from pixelgate.errors import SandboxFailed

from .deploy import Stack, deploy
from .files import CHECKOUT
from .server import DECISIONS, ISSUERS, RESTORE_PATH, STATE_PATH
from .system import check_system

ROOT = CHECKOUT
REGION = "us-east-1"
ACCOUNT = "000000000000"  # MiniStack's
START_SECONDS = 120  # of a machine that does much else; a server that has ended is not waited for
SERVER = "pixelgate_sandbox_server"  # the name that the package server/ runs under
LOGS_KEPT = 20  # of the latest clouds, and all of the last day: some may still be written to
_DAY = 86_400
# To ourselves, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# A server that no longer answers is said after three minutes, not after boto3's five or more.
CLIENT = Config(proxies={}, connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 3})


class CloudFailed(SandboxFailed):
    """The embedded cloud could not start or did not do what it should; the message says why."""


@dataclass(frozen=True)
class Worker:
    """A function's runtime process, for tests that hurt it."""

    function: str
    pid: int
    request_id: str  # of the invocation in progress; empty when it waits for one
    tmp: Path  # its temporary directory, as seen from here

    def kill(self) -> None:
        """Kills it, in the middle of whatever it does."""
        os.kill(self.pid, signal.SIGKILL)

    def pause(self) -> None:
        """Stops it until `resume`; Lambda's time limit goes on."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
        os.kill(self.pid, signal.SIGCONT)


@dataclass(frozen=True)
class Decision:
    """What IAM decided about a request of a role session, or of an AWS service.

    Attributes:
        principal: the session's ARN, or "s3.amazonaws.com for arn:aws:s3:::bucket".
        function: the logical id of the function of the latest stack whose session it is, or empty.
        action: such as "s3:GetObject".
        resource: its ARN.
        allowed: the decision.
    """

    principal: str
    function: str
    action: str
    resource: str
    allowed: bool


class EmbeddedCloud:
    """A running cloud. Made by `start`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, work: Path, logs: Path) -> None:
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.region = REGION
        self.log_dir = logs
        self.stack = Stack("none", {}, {}, {})
        self._process = process
        self._work_dir = work
        (work / ISSUERS).write_text("{}")
        self._session = boto3.Session("test", "test", region_name=REGION)

    @classmethod
    def start(
        cls,
        *,
        build_dir: Path = ROOT / ".aws-sam" / "build",
        parameters: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        environment: Path = ROOT / ".tools" / "cloud",
        environments: int = 8,
        retry_delay: float = 1.0,
        port: int = 0,
        work: Path | None = None,
        logs: Path | None = None,
        keep: Path | None = None,
        lasting_sessions: bool = False,
    ) -> Self:
        """Starts the cloud and deploys a built application in it.

        Args:
            build_dir: what `sam build` or `assemble` made, with its template.
            parameters: the template's.
            secrets: secrets to create first, by the parameters that get their ARNs.
            environment: the virtual environment made of requirements-cloud.txt.
            environments: how many invocations run at once; further ones wait.
            retry_delay: seconds before the first retry of an asynchronous invocation; the second
                waits twice as long. (AWS: 60.)
            port: where it listens; 0 for any free port.
            work: a folder for its own files, which is removed at the end; by default a new one.
            logs: the parent folder of its logs; by default beside the build.
            keep: a folder that the bucket and the table are kept in, and read from (`keep.Kept`).
            lasting_sessions: whether credentials of roles are valid until the cloud ends, instead
                of for an hour.

        Raises:
            CloudFailed: it did not come up, or the build cannot run in it.
            DeploymentFailed: the stack could not be created.
        """
        check(build_dir, environment)
        work = work or Path(tempfile.mkdtemp(prefix="pixelgate-cloud-"))
        logs = new_log_dir(logs or build_dir.parent / "logs")
        with bound(port) as listener:  # the server inherits it: nobody can take the port
            port = listener.getsockname()[1]
            options = {
                "socket": listener.fileno(),
                "endpoint": f"http://127.0.0.1:{port}",
                "work-dir": work,
                "log-dir": logs,
                "environments": environments,
                "retry-delay": retry_delay,
                **({"keep": keep} if keep else {}),
                **({"lasting-sessions": "yes"} if lasting_sessions else {}),
            }
            python = environment / "bin" / "python"
            module = ["-m", SERVER]
            flags = [f"--{name}={value}" for name, value in options.items()]
            with (logs / "server.log").open("wb") as log:
                process = subprocess.Popen(
                    [python, *module, *flags],
                    env={**server_variables(port, work), **(keeping(keep) if keep else {})},
                    stdin=subprocess.PIPE,  # its end tells the server to stop
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[listener.fileno()],
                    start_new_session=True,  # Ctrl-C is for us alone, we stop it in order
                )
        cloud = cls(process, port, work, logs)
        try:
            cloud._wait_until_up()
            arns = {name: cloud._secret(name, text) for name, text in (secrets or {}).items()}
            cloud.deploy("pixelgate", build_dir, {**(parameters or {}), **arns})
            if keep:
                cloud._restore()
        except BaseException:
            cloud.stop()
            raise
        return cloud

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends every process and removes every file but the logs."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        shutil.rmtree(self._work_dir, ignore_errors=True)

    def wait(self, seconds: float) -> str:
        """Waits so long; returns why something that is to be kept cannot be written, or nothing.

        Raises:
            CloudFailed: the server has ended by itself.
        """
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            try:
                return str(self._state()["unkept"])
            except OSError:  # it is busy, or ends: the next call will tell
                return ""
        raise self._ended(f"ended with status {status}")

    def deploy(self, stack_name: str, build_dir: Path, parameters: Mapping[str, str]) -> Stack:
        """Creates one more stack; the latest is what `bucket`, `table` and the like refer to."""
        template = template_of(build_dir)
        clients = self.client("cloudformation"), self.client("s3")
        self.stack = deploy(*clients, template, stack_name, parameters)
        return self.stack

    def configure(
        self, function: str, variables: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        """Changes a function of the stack, by its logical id.

        Its next invocation starts in a new environment.

        Args:
            function: the logical id.
            variables: environment variables to add or replace.
            settings: as UpdateFunctionConfiguration takes them, such as Timeout=5.
        """
        client, name = self.client("lambda"), self.stack.resources[function]
        if variables:
            present = client.get_function_configuration(FunctionName=name)["Environment"]
            settings["Environment"] = {"Variables": {**present["Variables"], **variables}}
        client.update_function_configuration(FunctionName=name, **settings)

    @property
    def bucket(self) -> str:
        """The name of the stack's one bucket."""
        return self.stack.only("AWS::S3::Bucket")

    @property
    def table(self) -> str:
        """The name of the stack's one table."""
        return self.stack.only("AWS::DynamoDB::Table")

    @property
    def server_pid(self) -> int:
        """The process that stands for AWS."""
        return self._process.pid

    @property
    def has_own_tmp(self) -> bool:
        """Whether a function's /tmp has the size that it should have; that needs root."""
        return bool(self._state()["own_tmp"])

    def client(self, service: str, credentials: Mapping[str, str] | None = None) -> Any:
        """A boto3 client of this cloud.

        Args:
            service: such as "s3".
            credentials: what `assume` returned; without them the account's root, who may do all.
        """
        session = self._session
        if credentials:
            session = boto3.Session(
                credentials["AWS_ACCESS_KEY_ID"],
                credentials["AWS_SECRET_ACCESS_KEY"],
                credentials["AWS_SESSION_TOKEN"],
                self.region,
            )
        make: Any = session.client  # its stubs want a literal
        return make(service, endpoint_url=self.endpoint_url, config=CLIENT)

    def assume(self, role: str, session: str) -> dict[str, str]:
        """Takes a role as the account's root; returns environment variables with its credentials.

        Args:
            role: its name.
            session: the session's name.
        """
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        taken = self.client("sts").assume_role(RoleArn=arn, RoleSessionName=session)
        return access(taken["Credentials"])

    def assume_with_token(self, role: str, token: str, session: str = "job") -> dict[str, str]:
        """Takes a role as a CI job does; returns environment variables with its credentials.

        Args:
            role: its name.
            token: the job's token of OpenID Connect.
            session: the name of the session.
        """
        taken = self.client("sts").assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}",
            RoleSessionName=session,
            WebIdentityToken=token,
        )
        return access(taken["Credentials"])

    def trust_issuer(self, url: str, keys: Mapping[str, Any]) -> None:
        """Lets STS fetch the keys (a JSON Web Key Set) of an OpenID Connect issuer."""
        file = self._work_dir / ISSUERS
        file.write_text(json.dumps({**json.loads(file.read_text()), url: keys}))

    def variables(self, credentials: Mapping[str, str] | None = None) -> dict[str, str]:
        """Environment variables that point AWS's tools and SDKs at this cloud.

        Args:
            credentials: what `assume` returned; without them the account's root.
        """
        return {
            **(credentials or {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}),
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
        }

    def logs(self, function: str = "") -> str:
        """What the functions have logged; one function, by its logical id, or all."""
        name = self.stack.resources[function] if function else "*"
        files = sorted(self.log_dir.glob(f"{name}.log"))
        return "".join(file.read_text() for file in files if file.name != "server.log")

    def decisions(self) -> list[Decision]:
        """What IAM has allowed and refused so far, each kind once; root's requests are left out."""
        file = self.log_dir / DECISIONS
        lines = file.read_text().splitlines() if file.exists() else []
        # A function's URL has the function's own name, so the type is asked for.
        functions = {n for n, kind in self.stack.types.items() if kind == "AWS::Lambda::Function"}
        logical = {self.stack.resources[name]: name for name in functions}
        return [
            Decision(
                principal=line["principal"],
                function=logical.get(line["session"], ""),
                action=line["action"],
                resource=line["resource"],
                allowed=line["allowed"],
            )
            for line in map(json.loads, lines)
        ]

    def workers(self, function: str = "") -> list[Worker]:
        """The runtime processes that are up; of one function, by its logical id, or all."""
        wanted = self.stack.resources[function] if function else ""
        found = [Worker(**{**one, "tmp": Path(one["tmp"])}) for one in self._state()["workers"]]
        return [one for one in found if wanted in ("", one.function)]

    def events(self) -> list[Any]:
        """Asynchronous events that are not done with: they run, or wait for a retry."""
        return list(self._state()["pending"])

    def wait_until_idle(self, seconds: float = 60, settled: float = 0.3) -> None:
        """Waits until no invocation runs and no event waits for a retry, for a moment at least.

        Raises:
            CloudFailed: it was still busy after so many seconds.
        """
        end = time.monotonic() + seconds
        idle_since = None
        while True:
            state, now = self._state(), time.monotonic()
            if state["pending"] or state["running"]:
                idle_since = None
            elif idle_since is None:
                idle_since = now
            elif now - idle_since >= settled:
                return
            if now > end:
                raise CloudFailed(f"still busy after {seconds} s: {state}; logs in {self.log_dir}")
            time.sleep(0.05)

    def _secret(self, name: str, text: str) -> str:
        made = self.client("secretsmanager").create_secret(Name=name, SecretString=text)
        return str(made["ARN"])

    def _restore(self) -> None:
        """Puts what an earlier cloud kept into bucket and table; keeps both from now on."""
        names = urllib.parse.urlencode({"bucket": self.bucket, "table": self.table})
        place = f"{self.endpoint_url}{RESTORE_PATH}?{names}"
        try:
            DIRECT.open(urllib.request.Request(place, method="POST"), timeout=300).close()  # noqa: S310 - to ourselves
        except urllib.error.HTTPError as error:
            raise CloudFailed(error.read().decode()) from error

    def _wait_until_up(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self._state()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.02)
            else:
                return
        status = self._process.poll()
        raise self._ended(
            f"ended with status {status}" if status is not None else "does not answer"
        )

    def _ended(self, what: str) -> CloudFailed:
        lines = (self.log_dir / "server.log").read_text(errors="replace").splitlines()
        last = "\n".join(f"  {line}" for line in lines[-15:])
        return CloudFailed(f"the embedded cloud's server {what}; it said:\n{last}")

    def _state(self) -> dict[str, Any]:
        with DIRECT.open(self.endpoint_url + STATE_PATH, timeout=30) as answer:
            return dict(json.load(answer))


def access(credentials: Mapping[str, Any]) -> dict[str, str]:
    """Environment variables with credentials as STS returns them."""
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
    }


def bound(port: int) -> socket.socket:
    """A socket on the loopback, at a port or, for 0, at any free one.

    Raises:
        CloudFailed: the port cannot be had.
    """
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of an earlier cloud
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise CloudFailed(
            f"port {port} of this machine cannot be had: {error.strerror}; choose another one"
        ) from error
    return listener


def template_of(build_dir: Path) -> Path:
    """The template of a build: `assemble` writes JSON, `sam build` YAML."""
    assembled = build_dir / "template.json"
    return assembled if assembled.exists() else build_dir / "template.yaml"


def check(build_dir: Path, environment: Path) -> None:
    """Raises CloudFailed for what cannot run, before anything is started."""
    check_system()
    if not template_of(build_dir).exists():
        raise CloudFailed(f"{build_dir} has no template.yaml: build it first, with `make build`")
    libraries = [path.name for path in environment.glob("lib/python3.*")]
    if len(libraries) != 1:
        raise CloudFailed(f"{environment} is missing: `make .tools/cloud/.done` makes it")
    version = libraries[0].removeprefix("python")
    ours = f"cpython-{version.replace('.', '')}-{platform.machine()}-linux-gnu"
    # Compiled modules bear what they were built for: _imaging.cpython-313-x86_64-linux-gnu.so
    theirs = {path.name.split(".")[-2] for path in build_dir.rglob("*.cpython-*.so")}
    if theirs - {ours}:
        raise CloudFailed(
            f"{build_dir} was built for {', '.join(sorted(theirs))}; {environment} is {ours}:"
            f" build again, with LAMBDA_PYTHON={version}"
        )


def new_log_dir(parent: Path) -> Path:
    """A directory for one cloud's logs; those of old clouds go."""
    parent.mkdir(parents=True, exist_ok=True)
    olds = sorted(parent.iterdir())
    made = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=parent))
    now = made.stat().st_mtime  # by the clock that the others' times are of
    for old in olds[: -LOGS_KEPT + 1]:
        with suppress(FileNotFoundError):  # another process has deleted it
            if now - old.stat().st_mtime > _DAY:
                shutil.rmtree(old, ignore_errors=True)
    return made


def keeping(folder: Path) -> dict[str, str]:
    """MiniStack's variables to write each object into a folder, and to read what is there."""
    return {"S3_PERSIST": "1", "S3_DATA_DIR": str(folder / "s3")}


def server_variables(port: int, work_dir: Path) -> dict[str, str]:
    """The server's environment: nothing of ours that could lead it elsewhere.

    Its package is found by a link of its own, and with it no package of this environment.
    """
    path = work_dir / "path"
    path.mkdir()
    (path / SERVER).symlink_to(Path(__file__).parent / "server")
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(path),
        "HOME": str(work_dir),
        "TMPDIR": str(work_dir),
        # The rest is MiniStack's.
        "AUTH": "true",  # IAM refuses what no policy allows
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",  # server/environment.py limits and queues instead
        "IOT_MTLS_ENABLED": "0",  # no listener of its own
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nowhere",  # leave the developer's containers alone
    }
