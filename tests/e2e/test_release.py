"""`pixelgate deploy` puts a release into the embedded cloud: two regions, updates, failures."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

import release
from e2e.deployed import wait_until
from pixelgate.sandbox.cloud import ACCOUNT, EmbeddedCloud
from uploader import Uploader

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAM = str(Path(sys.executable).parent / "pixelgate")
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
REGIONS = ("eu-central-1", "us-east-1")
ARTEFACTS = f"pixelgate-artefacts-{ACCOUNT}-eu-central-1"


@dataclass(frozen=True)
class Account:
    """The cloud, as somebody with a release and the command line sees it."""

    cloud: EmbeddedCloud
    release: Path

    def client(self, service: str, region: str = "eu-central-1") -> Any:
        make: Any = boto3.Session("test", "test", region_name=region).client
        return make(service, endpoint_url=self.cloud.endpoint_url, config=Config(proxies={}))

    def deploy(
        self,
        stack: str,
        *words: str,
        region: str = "eu-central-1",
        release: Path | None = None,
        credentials: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """With PATH empty: it needs no other program."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PIXELGATE_"))}
        variables = {**self.cloud.variables(credentials), "no_proxy": "127.0.0.1", "PATH": ""}
        return subprocess.run(
            [PROGRAM, "deploy", "--stack", stack, "--region", region, "--json",
             "--release", str(release or self.release), *words],
            env={**kept, **variables},
            capture_output=True,
            text=True,
            timeout=180,
        )  # fmt: skip

    def deployed(self, stack: str, *words: str, **more: Any) -> dict[str, str]:
        """Deploys; returns the outputs."""
        done = self.deploy(stack, *words, **more)
        assert done.returncode == 0, done.stderr
        outputs: dict[str, str] = json.loads(done.stdout)
        return outputs

    def refused(self, stack: str, *words: str, **more: Any) -> str:
        """Deploys in vain; returns what was said, in one line."""
        done = self.deploy(stack, *words, **more)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
        return " ".join(done.stderr.split())

    def delete(self, stack: str) -> None:
        stacks = self.client("cloudformation")
        [found] = stacks.describe_stacks(StackName=stack)["Stacks"]
        stacks.delete_stack(StackName=stack)

        def gone() -> bool:
            [now] = stacks.describe_stacks(StackName=found["StackId"])["Stacks"]
            return bool(now["StackStatus"] == "DELETE_COMPLETE")

        wait_until(gone)

    def settings(self, outputs: dict[str, str]) -> dict[str, Any]:
        """Of the compare function."""
        name = outputs["CompareFunction"]
        found: dict[str, Any] = self.client("lambda").get_function_configuration(FunctionName=name)
        return found


@pytest.fixture(scope="module")
def built_release(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of what all end-to-end tests run, for this machine's Python and processor."""
    into = tmp_path_factory.mktemp("release") / "dist"
    folders = release.Built(built / "CompareFunction", built / "OdiffLayer")
    release.write(into, {ARCHITECTURE: folders})
    return into


@pytest.fixture(scope="module")
def account(built: Path, built_release: Path) -> Iterator[Account]:
    with EmbeddedCloud.start(build_dir=built) as running:
        yield Account(running, built_release)


# IAM is one for all regions. This cloud gives roles of two stacks of one name the same name, which
# on AWS ends with random letters; so the stacks have different names.
@pytest.mark.parametrize("region", REGIONS)
def test_a_build_is_compared_in_each_region(account: Account, region: str) -> None:
    outputs = account.deployed(f"in-{region}", region=region)
    assert outputs["Bucket"] == f"in-{region}-{ACCOUNT}-{region}"
    uploader = Uploader(account.client("s3", region), outputs["Bucket"], "shop")
    base = uploader.wait(uploader.upload("trunk.base", EXAMPLES / "base", branch="main"))
    assert (base["state"], base["counts"]["added"]) == ("SUCCEEDED", 39)
    head = uploader.wait(uploader.upload("head", EXAMPLES / "head", base_build="trunk.base"))
    assert (head["verdict"], head["counts"]["changed"]) == ("needs_review", 21)
    buckets = [one["Name"] for one in account.client("s3").list_buckets()["Buckets"]]
    assert f"pixelgate-artefacts-{ACCOUNT}-{region}" in buckets


def test_an_update_changes_what_is_asked_for_and_keeps_the_rest(account: Account) -> None:
    outputs = account.deployed("shots", "--parameter", "MemorySize=2304")
    assert account.settings(outputs)["MemorySize"] == 2304
    again = account.deploy("shots")
    assert "nothing is to be changed" in again.stderr
    assert "uploaded" not in again.stderr, "the code is there already"
    assert json.loads(again.stdout) == outputs
    words = ("--parameter", "BaselineBranches=trunk,release/*")
    changed = {"BaselineBranches": words[1].partition("=")[2]}
    assert account.deployed("shots", *words) == {**outputs, **changed}
    settings = account.settings(outputs)
    assert settings["MemorySize"] == 2304
    assert settings["Environment"]["Variables"]["PIXELGATE_BASELINE_BRANCHES"] == words[1][17:]
    said = account.refused("shots", "--parameter", "MemorySize=9")
    assert "MemorySize" in said
    assert "1769" in said
    assert account.settings(outputs)["MemorySize"] == 2304


def test_another_release_brings_its_code(account: Account, built: Path, tmp_path: Path) -> None:
    outputs = account.deployed("upgraded")
    before = account.settings(outputs)
    code = tmp_path / "function"
    shutil.copytree(built / "CompareFunction", code, copy_function=os.link)
    (code / "newer.txt").write_text("newer")
    release.write(
        tmp_path / "dist", {ARCHITECTURE: release.Built(code, built / "OdiffLayer")}
    )  # fmt: skip
    done = account.deploy("upgraded", release=tmp_path / "dist")
    assert json.loads(done.stdout) == outputs
    assert done.stderr.count("uploaded pixelgate-function-") == 1
    assert "uploaded pixelgate-layer-" not in done.stderr
    after = account.settings(outputs)
    assert after["CodeSha256"] != before["CodeSha256"]
    account.deployed("upgraded")  # back to the first one
    assert account.settings(outputs)["CodeSha256"] == before["CodeSha256"]


def test_a_stack_that_sam_made_is_updated_by_a_release(account: Account) -> None:
    """Bucket, table and functions stay what they are; only the layer has another logical id."""
    before = account.cloud.stack
    outputs = account.deployed(before.name, region="us-east-1")
    assert {name: outputs[name] for name in before.outputs} == before.outputs
    assert outputs.keys() - before.outputs.keys() == {"Version"}
    uploader = Uploader(account.client("s3", "us-east-1"), outputs["Bucket"], "moved")
    status = uploader.wait(uploader.upload("first", EXAMPLES / "base"))
    assert status["state"] == "SUCCEEDED"


def test_a_deleted_stack_leaves_its_bucket_and_the_next_deployment_says_so(
    account: Account,
) -> None:
    bucket = account.deployed("deleted")["Bucket"]
    account.client("s3").put_object(Bucket=bucket, Key="builds/shop/b1/status.json", Body=b"{}")
    account.delete("deleted")
    said = account.refused("deleted")
    assert f"there is no stack deleted, but its bucket {bucket}" in said
    assert "docs/teardown.md" in said
    assert account.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    account.deployed("deleted-2")


def test_a_first_deployment_that_fails_says_why_and_what_to_do(account: Account) -> None:
    """The bucket's name is taken, by one that lies in another region."""
    taken = f"failed-{ACCOUNT}-eu-central-1"
    elsewhere = account.client("s3", "us-east-1")
    elsewhere.create_bucket(Bucket=taken)
    said = account.refused("failed")
    assert "the stack failed was not deployed (ROLLBACK_COMPLETE): Bucket (AWS::S3::Bucket)" in said
    assert "something of that name was there before" in said
    assert "delete-stack --stack-name failed --region eu-central-1" in said
    elsewhere.delete_bucket(Bucket=taken)
    said = account.refused("failed")
    assert "was never made (ROLLBACK_COMPLETE) and cannot be updated. Delete it" in said
    account.delete("failed")
    account.deployed("failed")


def test_a_stack_of_others_is_left_alone(account: Account) -> None:
    stacks = account.client("cloudformation")
    queue = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    stacks.create_stack(StackName="others", TemplateBody=json.dumps(queue))
    assert "the stack others is none of pixelgate's" in account.refused("others")
    [left] = stacks.describe_stack_resources(StackName="others")["StackResources"]
    assert left["LogicalResourceId"] == "Queue"


def test_without_a_permission_it_says_which(account: Account) -> None:
    iam = account.client("iam")
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName="newcomer", AssumeRolePolicyDocument=document)
    credentials = account.cloud.assume("newcomer", "laptop")
    said = account.refused("mine", credentials=credentials)
    assert "AWS refuses cloudformation:DescribeStacks on mine" in said
    reads = {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [reads]})
    iam.put_role_policy(RoleName="newcomer", PolicyName="stacks", PolicyDocument=policy)
    said = account.refused("mine", credentials=credentials)
    assert "these credentials lack s3:ListBucket on it; nothing was uploaded" in said
