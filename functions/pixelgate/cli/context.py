"""What every command that uses the bucket needs to know first: which one, and which project."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.ci.origin import BuildOrigin, Overrides
    from pixelgate.client.config import Config
    from pixelgate.domain.keys import BuildId
    from pixelgate.ports import Bucket


@dataclass(frozen=True)
class Context:
    """Options that many commands share; None where nothing was said."""

    project_option: str | None
    bucket_option: str | None
    config_path: Path | None

    @cached_property
    def config(self) -> Config:
        """pixelgate.toml: the one that was named, or the nearest one."""
        from pixelgate.client.config import find_config, read_config

        return read_config(self.config_path or find_config(Path.cwd()))

    @cached_property
    def project(self) -> str:
        """The project."""
        found = self.project_option or self.config.fields.project
        if not found:
            raise UsageError(
                "no project is named: pass --project, set PIXELGATE_PROJECT, or let "
                "`pixelgate init` write a pixelgate.toml"
            )
        from pixelgate.domain.keys import check_id
        from pixelgate.errors import BadManifest

        try:
            return check_id(found, "the project")
        except BadManifest as error:
            raise UsageError(str(error)) from error

    @cached_property
    def bucket(self) -> str:
        """The bucket's name."""
        found = self.bucket_option or self.config.fields.bucket
        if not found:
            raise UsageError(
                "no bucket is named: pass --bucket, set PIXELGATE_BUCKET, or write `bucket` into "
                "pixelgate.toml; the stack's output Bucket says how it is called"
            )
        return found.removeprefix("s3://").rstrip("/")

    @cached_property
    def store(self) -> Bucket:
        """The bucket."""
        from pixelgate import bootstrap

        return bootstrap.open_store(self.bucket)

    def origin(self, said: Overrides) -> BuildOrigin:
        """Where the build comes from."""
        from dataclasses import replace

        from pixelgate.ci.detect import detect
        from pixelgate.ci.git import Git
        from pixelgate.ci.origin import resolve_origin

        if said.base_branch is None:
            said = replace(said, base_branch=self.config.fields.base_branch)
        return resolve_origin(said, detect(os.environ), Git(Path.cwd()))

    def build(self, named: str | None) -> BuildId:
        """The build that a command is about: named, this CI job's, or the newest of the project.

        Raises:
            UsageError: there is none.
        """
        from pixelgate.ci.detect import detect
        from pixelgate.cli.console import say
        from pixelgate.client.history import newest
        from pixelgate.client.upload_manifest import build_id

        if named:
            # Also as it is printed: project/build.
            return build_id(self.project, named.removeprefix(f"{self.project}/"), fork=False)
        found = detect(os.environ)
        if found.build:
            return build_id(self.project, found.build, fork=found.fork)
        builds = newest(self.store, self.project)
        if not builds:
            raise UsageError(
                f"{self.project} has no build in {self.bucket} yet; name one to wait for"
            )
        say(f"the newest build: {builds[0].build}")
        return builds[0]
