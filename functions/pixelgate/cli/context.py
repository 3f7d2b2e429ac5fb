"""Finds the project, the bucket and the build that a command works on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.ci.detected import CiInfo
    from pixelgate.ci.origin import BuildOrigin, Overrides
    from pixelgate.client.config import Config
    from pixelgate.client.counted import CountedBucket
    from pixelgate.domain.keys import BuildId
    from pixelgate.ports import Bucket

_SPELT = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class Context:
    """The options that many commands share; None where an option was not given."""

    project_option: str | None
    bucket_option: str | None
    config_path: Path | None

    @cached_property
    def config(self) -> Config:
        """The named pixelgate.toml, or the nearest one."""
        from pixelgate.client.config import find_config, read_config

        return read_config(self.config_path or find_config(Path.cwd()))

    @cached_property
    def project(self) -> str:
        """The project's name."""
        project = self.project_option or self.config.fields.project
        if not project:
            raise UsageError(
                "no project is named: pass --project, set PIXELGATE_PROJECT, or run "
                "`pixelgate init` to write a pixelgate.toml"
            )
        from pixelgate.domain.keys import check_id
        from pixelgate.errors import BadManifest

        try:
            return check_id(project, "the project")
        except BadManifest as error:
            raise UsageError(str(error)) from error

    @cached_property
    def bucket(self) -> str:
        """The bucket's name."""
        bucket = self.bucket_option or self.config.fields.bucket
        if not bucket:
            raise UsageError(
                "no bucket is named: pass --bucket, set PIXELGATE_BUCKET, or write `bucket` into "
                "pixelgate.toml; its name is the stack's output Bucket"
            )
        return bucket.removeprefix("s3://").rstrip("/")

    @cached_property
    def store(self) -> Bucket:
        """The bucket, opened with the user's credentials."""
        from pixelgate import bootstrap

        return bootstrap.open_bucket(self.bucket)

    def count_requests(self) -> CountedBucket:
        """From here on counts the requests to `store`."""
        from pixelgate.client.counted import CountedBucket

        counted = CountedBucket(self.store)
        self.__dict__["store"] = counted.bucket
        return counted

    def origin(self, overrides: Overrides) -> BuildOrigin:
        """Finds the commit, branch and base of the build."""
        from dataclasses import replace

        from pixelgate.ci.detect import detect
        from pixelgate.ci.git import Git
        from pixelgate.ci.origin import resolve_origin

        if overrides.base_branch is None:
            overrides = replace(overrides, base_branch=self.config.fields.base_branch)
        if (release_branches := self.config.fields.release_branches) is not None:
            overrides = replace(overrides, release_branches=tuple(release_branches))
        return resolve_origin(overrides, detect(os.environ), Git(Path.cwd()))

    def is_trunk(self, ci: CiInfo, chosen: bool | None = None) -> bool:
        """Whether this CI job's build is a baseline branch's own; an option or a variable decides.

        Raises:
            UsageError: the variable is neither true nor false.
        """
        from pixelgate.ci.git import Git
        from pixelgate.ci.origin import is_trunk

        if chosen is None and (said := os.environ.get("PIXELGATE_TRUNK", "").strip().lower()):
            if said not in _SPELT:
                raise UsageError(f"PIXELGATE_TRUNK is {said!r}; it must be true or false")
            chosen = _SPELT[said]
        if chosen is not None:
            return chosen
        base = self.config.fields.base_branch or ci.base_branch or Git(Path.cwd()).default_branch()
        return is_trunk(ci, base)

    def build(self, named: str | None) -> BuildId:
        """Returns the named build; by default this CI job's, or the newest of the project.

        Raises:
            UsageError: the project has no build.
        """
        from pixelgate.ci.detect import detect
        from pixelgate.cli.console import say
        from pixelgate.client.upload_manifest import build_id
        from pixelgate.published.history import newest

        if named:
            # Messages print builds as project/build; accept that too.
            return build_id(self.project, named.removeprefix(f"{self.project}/"), fork=False)
        ci = detect(os.environ)
        if ci.build:
            return build_id(self.project, ci.build, fork=ci.fork, trunk=self.is_trunk(ci))
        builds = newest(self.store, self.project)
        if not builds:
            raise UsageError(
                f"{self.project} has no build in {self.bucket} yet. One that was just uploaded is "
                "there after some seconds; `pixelgate wait` waits for the build that it is given"
            )
        say(f"using the newest build: {builds[0].build}")
        return builds[0]
