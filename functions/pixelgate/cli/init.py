"""`pixelgate init`: writes a commented pixelgate.toml and an example of a CI job."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.ci.git import Git


class CI(StrEnum):
    """The CI system that the example is for."""

    AUTO = "auto"
    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


def init(
    folder: Annotated[
        str, typer.Option("--folder", help="Folder that your tests write screenshots to.")
    ] = "screenshots",
    ci: Annotated[
        CI,
        typer.Option("--ci", help="CI system of the example; auto detects it from the repository."),
    ] = CI.AUTO,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    project: o.Project = None,
    bucket: o.Bucket = None,
) -> None:
    """Write a commented pixelgate.toml and an example of a CI job.

    Exit code: 0 written; 2 a file exists already or cannot be written.
    """
    from pixelgate.ci.git import Git
    from pixelgate.cli.console import say
    from pixelgate.cli.templates import CONFIG, GITHUB, GITLAB, filled

    git, here = Git(Path.cwd()), Path.cwd()
    remote = git.remote() or ""
    name = project or name_of(git, here)
    if ci is CI.AUTO:
        ci = _guess(here, remote)
    branch = git.default_branch() or git.branch() or "main"
    values = {"project": name, "bucket": bucket or "", "folder": folder, "branch": branch}
    files = {Path("pixelgate.toml"): filled(CONFIG, values)}
    if ci is CI.GITHUB:
        files[Path(".github/workflows/pixelgate.yml")] = filled(GITHUB, values)
    elif ci is CI.GITLAB:
        files[Path(".gitlab/pixelgate.gitlab-ci.yml")] = filled(GITLAB, values)
    existing = [str(path) for path in files if path.exists()]
    if existing and not force:
        raise UsageError(f"{' and '.join(existing)} exists already; --force replaces it")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        say(f"wrote {path}")
    if not bucket:
        say("next: write the bucket's name into pixelgate.toml, then run `pixelgate doctor`")
    else:
        say("next: run `pixelgate doctor`")
    for path in list(files)[1:]:
        say(f"then fill in <owner> and <commit> in {path}: where to install pixelgate from")
    if ci is CI.GITLAB:
        say("and add to .gitlab-ci.yml: include: [{local: .gitlab/pixelgate.gitlab-ci.yml}]")


def _guess(here: Path, remote: str) -> CI:
    if (here / ".gitlab-ci.yml").exists() or "gitlab" in remote:
        return CI.GITLAB
    if (here / ".github").is_dir() or "github.com" in remote:
        return CI.GITHUB
    return CI.NONE


def name_of(git: Git, here: Path) -> str:
    """Returns the repository's name, the last part of its URL; without one, the folder's."""
    remote = (git.remote() or "").rstrip("/").replace(":", "/")
    return remote.rpartition("/")[2].removesuffix(".git") or here.name
