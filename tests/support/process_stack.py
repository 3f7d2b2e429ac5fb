"""A stack whose functions are hurt: real processes of the built artefact, behind a wire."""

from __future__ import annotations

import io
import json
import os
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pixelgate.sandbox.cloud import EmbeddedCloud, Worker
from pixelgate.sandbox.deploy import Stack
from support.whole import what_is_not_whole
from support.wire import Request, Wire, client_of


@dataclass(frozen=True)
class Times:
    """How long what takes, in seconds: as short as a machine allows that is so slow, or so busy.

    A worker that nobody gives a processor looks like a dead one as soon as its lease is over. A
    failed delivery is repeated after `retry_delay` and after two more: the lease of a dead worker
    ends before the last attempt, as on AWS. What is left then is the sweeper's.
    """

    lease: float = 3.0
    retry_delay: float = 1.2
    sweep_after: float = 4.0
    sweep_every: float = 2.0
    patience: float = 100.0  # until a comparison is said to be stuck

    def on(self, slowness: float) -> Times:
        """On a machine that takes so many times longer than two quiet processors."""
        return Times(*(seconds * slowness for seconds in vars(self).values()))


COMPARE, SWEEP = "CompareFunction", "SweepFunction"


@dataclass
class Site:
    """One deployed stack.

    Attributes:
        cloud: in which it runs.
        stack: what was deployed.
        wire: by which its functions reach AWS.
        times: how long what takes.
        partial: what was about to be shown and was not whole.
        given_up: events of each build that Lambda has given up on, by what they tell of.
        swept: what the sweeper did to each comparison.
    """

    cloud: EmbeddedCloud
    stack: Stack
    wire: Wire
    times: Times = Times()
    partial: list[str] = field(default_factory=list)
    given_up: list[dict[str, Any]] = field(default_factory=list)
    swept: Counter[tuple[str, str]] = field(default_factory=Counter)
    _ended: threading.Event = field(default_factory=threading.Event)
    _sweeper: threading.Thread | None = None
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _layers: list[str] = field(default_factory=list)

    @classmethod
    def deploy(cls, cloud: EmbeddedCloud, build: Path, name: str, wire: Wire, times: Times) -> Site:
        """One more stack in a cloud, with short times and the wire in between."""
        site = cls(cloud, cloud.deploy(name, build, {"TrunkPrefix": "optional"}), wire, times)
        variables = {
            "PIXELGATE_LEASE_SECONDS": str(times.lease),
            "PIXELGATE_SWEEP_AFTER_SECONDS": str(times.sweep_after),
            "AWS_ENDPOINT_URL": wire.url,
        }
        for function in (COMPARE, SWEEP):
            site.configure(function, variables)
        deployed = site.client("lambda").get_function_configuration(
            FunctionName=site.stack.resources[COMPARE]
        )
        site._layers = [layer["Arn"] for layer in deployed["Layers"]]
        site._sweeper = threading.Thread(target=site._sweep_by_schedule, daemon=True)
        site._sweeper.start()
        return site

    def close(self) -> None:
        self._ended.set()
        if self._sweeper:
            self._sweeper.join(60)

    def client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self.cloud.client(service)
            return self._clients[service]

    @property
    def bucket(self) -> str:
        return self.stack.only("AWS::S3::Bucket")

    def configure(
        self, function: str, variables: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        """Changes a function; its next invocation starts in a new environment."""
        client, name = self.client("lambda"), self.stack.resources[function]
        if variables:
            present = client.get_function_configuration(FunctionName=name)["Environment"]
            settings["Environment"] = {"Variables": {**present["Variables"], **variables}}
        client.update_function_configuration(FunctionName=name, **settings)

    def replace_layer(self, files: Mapping[str, bytes]) -> None:
        """Gives the compare function another layer: executables, by their path in /opt."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as zipped:
            for path, content in files.items():
                about = zipfile.ZipInfo(path)
                about.external_attr = 0o100755 << 16
                zipped.writestr(about, content)
        layer = self.client("lambda").publish_layer_version(
            LayerName="replaced", Content={"ZipFile": archive.getvalue()}
        )
        self.configure(COMPARE, Layers=[layer["LayerVersionArn"]])

    def restore_layer(self) -> None:
        self.configure(COMPARE, Layers=self._layers)

    def deliver(self, event: Mapping[str, Any], times: int = 1) -> None:
        """Sends an event to the compare function, as S3 does; several times at once."""
        client, name = self.client("lambda"), self.stack.resources[COMPARE]
        payload = json.dumps(event).encode()

        def send() -> None:
            client.invoke(FunctionName=name, InvocationType="Event", Payload=payload)

        threads = [threading.Thread(target=send) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def created(self, key: str) -> dict[str, Any]:
        template = json.loads(
            (Path(__file__).parents[2] / "events" / "s3-manifest-put.json").read_text()
        )
        [record] = template["Records"]
        record["s3"]["bucket"]["name"] = self.bucket
        record["s3"]["object"]["key"] = quote(key)
        return dict(template)

    def worker_of(self, request: Request) -> Worker | None:
        """The runtime process that makes a request."""
        workers = self.cloud.workers()
        port = urlsplit(self.wire.url).port or 0
        pid = client_of(request.port, port, [worker.pid for worker in workers])
        return next((worker for worker in workers if worker.pid == pid), None)

    def read(self, key: str) -> bytes | None:
        """An object, or nothing."""
        s3 = self.client("s3")
        with suppress(s3.exceptions.NoSuchKey):
            return bytes(s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        return None

    def keys(self, prefix: str) -> set[str]:
        """The objects that lie there."""
        pages = self.client("s3").get_paginator("list_objects_v2")
        return {
            found["Key"]
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
            for found in page.get("Contents", ())
        }

    def written(self, key: str) -> list[dict[str, Any]]:
        """Every JSON that was ever written under a key, the latest first."""
        s3 = self.client("s3")
        listed = s3.list_object_versions(Bucket=self.bucket, Prefix=key).get("Versions", [])
        bodies = [
            s3.get_object(Bucket=self.bucket, Key=key, VersionId=one["VersionId"])["Body"].read()
            for one in listed
            if one["Key"] == key
        ]
        return [json.loads(body) for body in bodies]

    def records(self, project: str, prefix: str) -> list[dict[str, Any]]:
        """Items of a project in the table, as strings."""
        found = self.client("dynamodb").query(
            TableName=self.stack.only("AWS::DynamoDB::Table"),
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": project}, ":sk": {"S": prefix}},
            ConsistentRead=True,
        )["Items"]
        return [{name: next(iter(value.values())) for name, value in i.items()} for i in found]

    def witness(self, request: Request) -> None:
        """Looks at what a function is about to show, before it can be seen."""
        if (request.service, request.method) != ("s3", "PUT") or self.bucket not in request.path:
            return
        if request.key.endswith("/status.json") or request.key.startswith("cache/"):
            self.partial += what_is_not_whole(request.key, request.body, self.read)

    def take_given_up(self) -> None:
        sqs, queue = self.client("sqs"), self.stack.outputs["FailedEvents"]
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                self.given_up.append(json.loads(message["Body"]))

    def _sweep_by_schedule(self) -> None:
        client, name = self.client("lambda"), self.stack.resources[SWEEP]
        while not self._ended.wait(self.times.sweep_every):
            with suppress(Exception):  # the next one is the retry
                answer = json.load(client.invoke(FunctionName=name, Payload=b"{}")["Payload"])
                for one in answer.get("swept", ()):
                    self.swept[one["comparison"], one["action"]] += 1


@dataclass
class Ballast:
    """Fills a worker's /tmp, for real: its tmpfs has no room left."""

    room: int = 0
    files: list[Path] = field(default_factory=list)

    def load(self, worker: Worker) -> None:
        """Takes all the room but a little; once."""
        file = worker.tmp / "ballast"
        if file in self.files:
            return
        about = os.statvfs(worker.tmp)
        descriptor = os.open(file, os.O_CREAT | os.O_WRONLY)
        try:
            os.posix_fallocate(descriptor, 0, about.f_bavail * about.f_frsize - self.room)
        finally:
            os.close(descriptor)
        self.files.append(file)

    def throw_off(self) -> None:
        """Gives the room back."""
        while self.files:
            with suppress(OSError):
                self.files.pop().unlink()


def wait_until(holds: Any, seconds: float = 60, every: float = 0.1) -> None:
    """Waits until something is true. Raises AssertionError when it is not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(every)
