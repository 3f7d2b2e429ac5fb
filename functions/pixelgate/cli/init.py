"""`pixelgate init`: writes a commented pixelgate.toml, an example of a CI job, and .gitignore."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.errors import PixelgateError, UsageError

if TYPE_CHECKING:
    from pixelgate.ci.git import Git


class CI(StrEnum):
    """The CI system that the example is for."""

    AUTO = "auto"
    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


_SYSTEMS: dict[str | None, CI] = {"GitHub Actions": CI.GITHUB, "GitLab CI": CI.GITLAB}


def init(
    folder: Annotated[
        str, typer.Option("--folder", help="Folder that your tests write screenshots to.")
    ] = "screenshots",
    ci: Annotated[
        CI,
        typer.Option("--ci", help="CI system of the example; auto detects it from the repository."),
    ] = CI.AUTO,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    gitignore: Annotated[
        bool,
        typer.Option(
            "--gitignore/--no-gitignore",
            help="Add what pixelgate writes to .gitignore, at its end.",
        ),
    ] = True,
    require_baseline: Annotated[
        bool | None,
        typer.Option(
            "--require-baseline/--no-require-baseline",
            help="Whether the job fails if there is no baseline. Default: if the bucket has one.",
        ),
    ] = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
) -> None:
    """Write a commented pixelgate.toml, an example of a CI job, and lines for .gitignore.

    A file that exists is left as it is. If no job is written, the reason is said. Once the project
    has a baseline, the job gets --require-baseline, so that a mistyped project fails.

    Exit code: 0 written; 2 all files exist already, or one cannot be written.
    """
    from pixelgate.ci.git import Git
    from pixelgate.cli.console import say
    from pixelgate.cli.templates import CONFIG, filled, job_of
    from pixelgate.client.config import read_config
    from pixelgate.client.setup import repository_root

    here = Path.cwd()
    git = Git(here)
    remote = git.remote() or ""
    toml = Path("pixelgate.toml")
    if toml.exists() and not force:  # the job is for what it says
        present = read_config(toml).fields
        project, bucket = present.project or project, present.bucket or bucket
    name = project or name_of(git, here)
    branch = git.default_branch() or git.branch() or "main"
    root = repository_root(here)
    system, no_job = _chosen(ci, root, remote)
    required = _requires(require_baseline, bucket, name) if system else False
    values = {"project": name, "bucket": bucket or "", "folder": folder, "branch": branch}
    files = {toml: filled(CONFIG, values)}
    job = Path()
    if system:
        job, template = job_of(system)
        files[job] = filled(template, values, require_baseline=bool(required))
    written = _write(files, no_job, force=force)
    if no_job:
        say(no_job)
    _say_ignored(here, write=gitignore)
    first = "run `pixelgate doctor`"
    if not bucket:
        first = f"write the bucket's name into {toml}, then {first}"
    say(f"next: {first}")
    if job in written:
        if root != here:
            _say_place(job, here.relative_to(root))
        _say_next(job, branch, add=system is CI.GITLAB, required=bool(required))


def _write(files: Mapping[Path, str], no_job: str, *, force: bool) -> list[Path]:
    """Writes those files that do not exist, or all with `force`; returns their paths."""
    from pixelgate.cli.console import say
    from pixelgate.storage.folder import put_file

    kept = [path for path in files if path.exists() and not force]
    if len(kept) == len(files):
        names = " and ".join(map(str, kept))
        raise UsageError(f"{names} exists already; --force replaces it. {no_job}".strip())
    for path in kept:
        say(f"kept {path}, which exists already; --force replaces it")
    written = [path for path in files if path not in kept]
    for path in written:
        put_file(path, files[path].encode())
        say(f"wrote {path}")
    return written


def _say_place(job: Path, folder: Path) -> None:
    from pixelgate.cli.console import say

    say(
        f"then move {job} into the root of the repository, where CI looks for it, and let its "
        f"commands run in {folder} (`working-directory` on GitHub, `cd` on GitLab)"
    )


def _say_next(job: Path, branch: str, *, add: bool, required: bool) -> None:
    from pixelgate.cli.console import say

    say(f"then fill in <owner> and <commit> in {job}: where to install pixelgate from")
    if add:
        say(f"and add to .gitlab-ci.yml: include: [{{local: {job}}}]")
    if not required:
        say(
            f"and once {branch} has a build, add --require-baseline to the upload in {job}: then "
            "a mistyped project fails, and does not pass because there is nothing to compare with"
        )


def _chosen(ci: CI, here: Path, remote: str) -> tuple[CI | None, str]:
    """Returns the CI system to write a job for, or None and why there is none."""
    from pixelgate.client.setup import ci_system

    if ci is CI.NONE:
        return None, "wrote no job, as --ci none asks"
    if ci is not CI.AUTO:
        return ci, ""
    found = ci_system(here, remote)
    if found in _SYSTEMS:
        return _SYSTEMS[found], ""
    if found:
        return None, (
            f"wrote no job: this repository uses {found}, for which there is no example. Let a job "
            "take its screenshots and then run `pixelgate upload --wait`; docs/ci.md of pixelgate "
            "lists what is detected there. --ci github or --ci gitlab writes another example"
        )
    return None, (
        "wrote no job: neither a file nor the remote tells which CI system is used. --ci github or "
        "--ci gitlab writes one"
    )


def _requires(chosen: bool | None, bucket: str | None, project: str) -> bool:
    """Whether the job shall fail without a baseline: if asked to, or if the bucket has one."""
    from pixelgate import bootstrap
    from pixelgate.cli.console import say
    from pixelgate.client.setup import has_baseline

    if chosen is not None or not bucket:
        return bool(chosen)
    try:
        return has_baseline(bootstrap.open_bucket(bucket), project)
    except PixelgateError as error:
        say(f"whether {project} has a baseline is not known: {error}")
        return False


def _say_ignored(here: Path, *, write: bool) -> None:
    from pixelgate.cli.console import say
    from pixelgate.client.setup import ignore_outputs

    done = ignore_outputs(here, write=write)
    lines = ", ".join(done.lines)
    if done.written:
        say(f"added to .gitignore: {lines}")
    elif done.problem:
        say(f"add to .gitignore: {lines} ({done.problem})")
    elif done.lines:
        say(f"for .gitignore: {lines}")


def name_of(git: Git, here: Path) -> str:
    """Returns the repository's name, the last part of its URL; without one, the folder's."""
    from pixelgate.client.setup import repository_name

    return repository_name(git.remote() or "") or here.name
