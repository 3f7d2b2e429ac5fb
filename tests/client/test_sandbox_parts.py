"""What a sandbox is made of: the folder that it keeps, its issuer, and the files that it finds."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.utils import should_bypass_proxies
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pixelgate.errors import SandboxFailed
from pixelgate.sandbox import assemble, cloud, deploy, files, keep
from pixelgate.sandbox.issuer import Issuer
from pixelgate.sandbox.session import past_proxies
from pixelgate.sandbox.system import check_system


def test_a_new_folder_is_made_and_its_project_is_remembered(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with keep.opened(folder, None, "shop") as project:
        assert project == "shop"
    with keep.opened(folder, None, "another") as project:
        assert project == "shop"
    with keep.opened(folder, "named", "another") as project:
        assert project == "named"
    with keep.opened(folder, None, "another") as project:
        assert project == "named"


def test_a_folder_serves_one_sandbox_at_a_time(tmp_path: Path) -> None:
    with (
        keep.opened(tmp_path, None, "shop"),
        pytest.raises(SandboxFailed, match="in use by another sandbox: end that one"),
        keep.opened(tmp_path, None, "shop"),
    ):
        raise AssertionError("opened twice")
    with keep.opened(tmp_path, None, "shop"):
        pass


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"precious.txt": "mine"}, r"files that are no sandbox's .*name a new or an empty folder"),
        ({"sandbox.json": "{"}, r"sandbox\.json cannot be read: "),
        ({"sandbox.json": "[]"}, r"sandbox\.json is not of format 1, .* written by something else"),
        ({"sandbox.json": '{"format": 2, "by": "9.0"}'}, r"not of format 1, .* by 9\.0\. Use"),
    ],
)  # fmt: skip
def test_a_folder_with_something_else_is_left_alone(
    tmp_path: Path, content: dict[str, str], words: str
) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(SandboxFailed, match=words), keep.opened(tmp_path, None, "shop"):
        raise AssertionError("opened")
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.name != "lock"} == (
        content
    )


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SandboxFailed, match="/file/kept cannot be written: Not a directory"),
        keep.opened(tmp_path / "file" / "kept", None, "shop"),
    ):
        raise AssertionError("opened")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_issuers_tokens_are_signed_as_the_published_key_says() -> None:
    for issuer in (Issuer("https://ci.example.com"), Issuer("https://ci.example.com")):
        header, claims, signature = issuer.token("repo:acme/shop", 1.9e9).split(".")
        (key,) = issuer.keys["keys"]
        n, e = (int.from_bytes(decoded(key[name]), "big") for name in ("n", "e"))
        assert n.bit_length() == 2048
        public = rsa.RSAPublicNumbers(e, n).public_key()
        signed = f"{header}.{claims}".encode()
        public.verify(decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        assert json.loads(decoded(header)) == {"alg": "RS256", "kid": "1"}
        assert json.loads(decoded(claims)) == {
            "iss": "https://ci.example.com", "sub": "repo:acme/shop", "aud": "sts.amazonaws.com",
            "exp": 1_900_000_000,
        }  # fmt: skip


def test_two_issuers_have_two_keys() -> None:
    assert Issuer("https://a.example").keys != Issuer("https://a.example").keys


@pytest.mark.parametrize("name", files.COPIED)
def test_a_checkout_has_each_file_that_a_wheel_carries(name: str) -> None:
    assert files.data_file(name) == files.CHECKOUT / files.COPIED[name]
    assert files.data_file(name).is_file()


def test_a_wheels_own_files_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "DATA", tmp_path)
    assert files.data_file("roles.yaml") == tmp_path / "roles.yaml"


def test_the_compiled_part_of_the_extra_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native, odiff = tmp_path / "native.so", tmp_path / "odiff"
    monkeypatch.setattr(assemble, "native_library", lambda: native)
    monkeypatch.setattr(assemble, "packaged_odiff", lambda: odiff)
    with pytest.raises(SandboxFailed, match="install pixelgate with its extra `compare`"):
        assemble.compiled()
    for path in (native, odiff):
        path.write_bytes(b"")
    assert assemble.compiled() == (native, odiff)


def test_a_checkout_has_odiff_beside_its_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    native, odiff = tmp_path / "native.so", tmp_path / "odiff"
    native.write_bytes(b"")
    odiff.write_bytes(b"")
    monkeypatch.setattr(assemble, "native_library", lambda: native)
    monkeypatch.setattr(assemble, "packaged_odiff", lambda: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert assemble.compiled() == (native, odiff)
    monkeypatch.setattr(assemble, "native_library", lambda: None)
    with pytest.raises(SandboxFailed, match="in a checkout, run `make setup`"):
        assemble.compiled()


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_told_where_it_runs(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(SandboxFailed, match="Linux only: start it in WSL on Windows"):
        check_system()


class Stuck:
    """CloudFormation that begins to make a stack and never gets on."""

    def create_stack(self, **request: object) -> None:
        pass

    def describe_stacks(self, **request: object) -> object:
        return {"Stacks": [{"StackStatus": "CREATE_IN_PROGRESS"}]}


def test_a_stack_that_is_never_made_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deploy, "CREATE_SECONDS", 0.1)
    never: Any = Stuck()
    with pytest.raises(SandboxFailed, match=r"stack shop is still CREATE_IN_PROGRESS after 0\.1 s"):
        deploy.create_stack(never, "shop", {})


def test_a_port_that_is_taken_is_named() -> None:
    with cloud.bound(0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(cloud.CloudFailed, match=f"port {port} of this machine cannot be had"):
            cloud.bound(port)


@pytest.mark.parametrize(
    ("environ", "spared"),
    [
        ({}, None),
        ({"http_proxy": ""}, None),
        ({"no_proxy": "intranet"}, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, "127.0.0.1"),
        ({"all_proxy": "http://proxy:3128", "NO_PROXY": "intranet"}, "intranet,127.0.0.1"),
    ],
)
def test_commands_reach_the_sandbox_past_a_proxy(
    environ: dict[str, str], spared: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = past_proxies(environ)
    assert found == ({} if spared is None else {"NO_PROXY": spared, "no_proxy": spared})
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in {**environ, **found}.items():
        monkeypatch.setenv(name, value)
    assert bool(should_bypass_proxies("http://127.0.0.1:4566/")) == (spared is not None)


def test_logs_of_clouds_that_may_still_run_are_kept_however_many_there_are(tmp_path: Path) -> None:
    made = [cloud.new_log_dir(tmp_path) for _ in range(cloud.LOGS_KEPT + 5)]
    assert all(one.is_dir() for one in made)
    for one in made:
        os.utime(one, (0, 0))
    cloud.new_log_dir(tmp_path)
    assert len(list(tmp_path.iterdir())) == cloud.LOGS_KEPT
