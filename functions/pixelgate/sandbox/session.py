"""A sandbox: a local AWS with the stack, and a project's roles in it, for as long as it is open."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import keep as kept
from .assemble import assemble, compiled
from .cloud import EmbeddedCloud
from .fetch import Steps, fetch
from .roles import Roles, deploy_roles
from .system import check_system

# Each role, and what it is for.
ROLES = {
    "trunk": "CI on the baseline branch: uploads baselines",
    "ci": "CI on other branches: uploads builds, reads their results",
    "reviewer": "reads reports, approves and rejects",
    "operator": "runs pixelgate admin",
}
LOGS = "logs"


@dataclass(frozen=True)
class Wanted:
    """What a sandbox is made of.

    Attributes:
        project: the project whose roles are made; None for the kept one, or `default`.
        default: the project of a new sandbox if none is wanted.
        cache: the folder for what is fetched once.
        keep: a folder that keeps bucket and table; None keeps nothing.
        port: where the local AWS listens; 0 for any free port.
        site: the stack's parameter Site: `none`, `function-url` or `http-api`.
    """

    project: str | None
    default: str
    cache: Path
    keep: Path | None = None
    port: int = 0
    site: str = "none"


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        cloud: the local AWS.
        roles: the project's roles.
        shared: the environment variables that all roles share.
        taken: the environment variables with credentials, and what else only one role needs.
        files: for each role a file for a shell's `.`, which sets shared and own variables.
    """

    cloud: EmbeddedCloud
    roles: Roles
    shared: Mapping[str, str]
    taken: Mapping[str, Mapping[str, str]]
    files: Mapping[str, Path]


@contextmanager
def opened(wanted: Wanted, steps: Steps = Steps()) -> Iterator[Sandbox]:  # noqa: B008 - it is frozen
    """Starts a sandbox, and ends it with all its processes and files when the block ends.

    Raises:
        SandboxFailed: it cannot be made here; the message says why, and what to do.
    """
    check_system()
    compiled()  # before anything is fetched in vain
    with ExitStack() as stack:
        project = wanted.project or wanted.default
        if wanted.keep:
            folder = wanted.keep
            project = stack.enter_context(kept.opened(folder, wanted.project, wanted.default))
        needs = fetch(wanted.cache, steps)
        steps.say("starting a local AWS and deploying the stack in it")
        work = Path(tempfile.mkdtemp(prefix="pixelgate-sandbox-"))
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        build = work / "build"
        assemble(build, needs)
        cloud = stack.enter_context(
            EmbeddedCloud.start(
                build_dir=build,
                parameters={"Site": wanted.site},
                environment=needs.cloud,
                port=wanted.port,
                work=work,
                logs=(wanted.keep or wanted.cache) / LOGS,
                keep=wanted.keep,
                lasting_sessions=True,
            )
        )
        shutil.rmtree(build)  # it is in the local AWS now
        yield _prepared(cloud, project, work / "roles")


def _prepared(cloud: EmbeddedCloud, project: str, folder: Path) -> Sandbox:
    roles = deploy_roles(cloud, project)
    shared = {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_DEFAULT_REGION": cloud.region,
        "AWS_REGION": cloud.region,  # AWS's own tools ask for this one first
        "PIXELGATE_BUCKET": cloud.bucket,
        "PIXELGATE_PROJECT": project,
        **past_proxies(os.environ),
    }
    operator = {
        "PIXELGATE_TABLE": cloud.table,
        "PIXELGATE_FAILED_EVENTS": cloud.stack.outputs["FailedEvents"],
        "PIXELGATE_BASELINE_BRANCHES": "main,master",  # the parameter's default
    }
    taken = {
        role: {**roles.take(role), **(operator if role == "operator" else {})} for role in ROLES
    }
    folder.mkdir()
    files = {role: folder / role for role in ROLES}
    for role, file in files.items():
        file.write_text(exports({**shared, **taken[role]}), "utf-8")
    return Sandbox(cloud, roles, shared, taken, files)


def past_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that lead past the proxies of the environment to this machine, if it has any."""
    named = {name.lower(): value for name, value in environ.items() if value}
    if not named.keys() & {"http_proxy", "all_proxy"}:
        return {}
    spared = f"{named['no_proxy']},127.0.0.1" if "no_proxy" in named else "127.0.0.1"
    return {"NO_PROXY": spared, "no_proxy": spared}


def exports(variables: Mapping[str, str]) -> str:
    """Lines for a POSIX shell that set environment variables."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
