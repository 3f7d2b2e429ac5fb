"""The files that `pixelgate init` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

CONFIG = """\
# Settings of pixelgate for this project. Flags and PIXELGATE_* variables override them.

project = @project@
@bucket_line@

# Folder that your tests write screenshots to, relative to this file. `pixelgate upload` reads it.
folder = @folder@

# Which images in it are snapshots (docs/screenshots.md); `pixelgate scan` shows them.
# from = "playwright"         # the test runner that wrote the folder; "auto" recognises it
# include = ["pages/*"]       # only these names; * stands for any text
# exclude = ["*/debug/*"]     # not these

# Branch that changes are merged into. Set it if your CI system does not report it.
# base_branch = @branch@

# Branches whose builds are compared with their own last approved build.
# release_branches = ["release/*"]

# Seconds that a build waits for its base commit's build. The default is the stack's, 600.
# grace = 600

# Seconds to wait for a result.
# timeout = 900

# What counts as a change, for all snapshots. The defaults are explained in docs/verdict.md.
[policy]
# sensitivity = "careful"      # exact, careful, default or tolerant: how much noise to ignore
# strict = true               # every pixel that differs counts, as with "exact"
# max_changed_pixels = 0      # up to this many changed pixels still pass
# max_changed_ratio = 0.0     # up to this share of changed pixels still passes
# max_region_pixels = 0       # a connected area with more pixels fails
# antialiasing = true         # pixels that differ only by anti-aliasing do not count
# structural_threshold = 0.15
# sensitive_threshold = 0.0225

# Policies for some snapshots, by name. * matches anything; later rules override earlier ones.
# [[rules]]
# match = "icons/*"
# policy = {strict = true}
#
# [[rules]]
# match = "*/clock.png"
# policy = {ignore_regions = [{x = 0, y = 0, width = 120, height = 40}]}

# Flaky snapshots: changes are shown and need no review, for 14 days unless `until` says otherwise.
# [[quarantine]]
# match = "checkout/*"
# owner = "ada"
# reason = "fonts load late"
# since = 2026-12-01

# To describe one screenshot, put checkout.json beside checkout.png, with any of display_name,
# group, tags, description, policy and context.
"""

GITHUB = """\
# Uploads the screenshots of every push and pull request. The job fails if they need a review.
# That review comes after it: require the status pixelgate/PROJECT for a merge and not this job, if
# the stack has a token (docs/pull-requests.md of pixelgate). Then add --exit-zero-on-changes.
# Fill in <owner> and <commit> below. The job takes an AWS role over OIDC and needs no stored key;
# docs/ci.md of pixelgate describes the roles.
name: pixelgate
on:
  push: {branches: [@branch@]}
  pull_request:

permissions:
  contents: read
  id-token: write   # lets the job take the AWS role

jobs:
  screenshots:
    # A fork's pull request gets no role; docs/ci.md of pixelgate says how to compare it.
    if: >-
      github.event_name == 'push' ||
      github.event.pull_request.head.repo.full_name == github.repository
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683  # v4.2.2
        with:
          fetch-depth: 0               # pixelgate needs the history to find the merge base
          persist-credentials: false   # nothing in this job pushes
      - uses: actions/setup-python@a26af69be951a213d495a4c3e4e4022e16d87065  # v5.6.0
        with: {python-version: "3.13"}
      # A pinned commit of your copy; every package that it downloads has a hash in its lists.
      - uses: <owner>/pixelgate/tools/install@<commit>
      # Replace by your tests. They write screenshots to the folder named in pixelgate.toml.
      - run: make screenshots
      # Last, so that nothing before has the role. Only the trunk role makes baselines. (v4.2.1)
      - uses: aws-actions/configure-aws-credentials@b47578312673ae6fa5b5096b330d9fbac3d116df
        with:
          role-to-assume: >-
            ${{ github.event_name == 'push' && vars.PIXELGATE_TRUNK_ROLE || vars.PIXELGATE_ROLE }}
          aws-region: ${{ vars.AWS_REGION }}
      - run: pixelgate upload --wait@require_baseline@ --junit pixelgate.xml
"""

GITLAB = """\
# Uploads the screenshots of every push and merge request. The job fails if they need a review.
# Fill in <owner> and <commit> below. The job takes an AWS role over OIDC and needs no stored key;
# docs/ci.md of pixelgate describes the roles.
# With a token in the stack (docs/pull-requests.md of pixelgate) the merge request also gets a note
# and the status pixelgate/PROJECT, which turns green when somebody approves. If only that status
# shall block the merge, add --exit-zero-on-changes: this job then passes.
pixelgate:
  image: python:3.13
  variables:
    GIT_DEPTH: 0   # pixelgate needs the history to find the merge base
    AWS_REGION: $PIXELGATE_REGION   # the stack's; else a request goes to another region first
    AWS_WEB_IDENTITY_TOKEN_FILE: /tmp/web-identity
  id_tokens:
    PIXELGATE_TOKEN: {aud: sts.amazonaws.com}
  rules:
    # Not for a fork's merge request that a member runs here: its code would get the role.
    - if: >-
        $CI_PIPELINE_SOURCE == "merge_request_event"
        && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID
      variables: {AWS_ROLE_ARN: $PIXELGATE_ROLE}
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      variables: {AWS_ROLE_ARN: $PIXELGATE_TRUNK_ROLE}   # only this role makes baselines
  script:
    # A pinned commit of your copy; every package that it downloads has a hash in its lists.
    - git init --quiet /tmp/pixelgate
    - git -C /tmp/pixelgate fetch --quiet --depth 1 https://github.com/<owner>/pixelgate <commit>
    - git -C /tmp/pixelgate checkout --quiet FETCH_HEAD
    - /tmp/pixelgate/tools/install/install.sh /tmp/pixelgate-env
    # Replace by your tests. They write screenshots to the folder named in pixelgate.toml.
    - make screenshots
    # Last, so that nothing before has the role.
    - printf %s "$PIXELGATE_TOKEN" > "$AWS_WEB_IDENTITY_TOKEN_FILE"
    - /tmp/pixelgate-env/bin/pixelgate upload --wait@require_baseline@ --junit pixelgate.xml
  artifacts:
    when: always
    reports: {junit: pixelgate.xml}
"""


_JOBS = {
    "github": (Path(".github/workflows/pixelgate.yml"), GITHUB),
    "gitlab": (Path(".gitlab/pixelgate.gitlab-ci.yml"), GITLAB),
}


def job_of(system: str) -> tuple[Path, str]:
    """Returns the path and the template of the job for `github` or `gitlab`."""
    return _JOBS[system]


def filled(template: str, values: Mapping[str, str], *, require_baseline: bool = False) -> str:
    """Fills in the values of a template, each quoted so that TOML and YAML can read it.

    With `require_baseline` the job fails if there is no baseline to compare with.
    """
    bucket = values["bucket"]
    line = f"bucket = {json.dumps(bucket)}" if bucket else '# bucket = "the stack\'s output Bucket"'
    text = template.replace("@bucket_line@", line)
    text = text.replace("@require_baseline@", " --require-baseline" if require_baseline else "")
    for name, value in values.items():
        text = text.replace(f"@{name}@", json.dumps(value, ensure_ascii=False))
    return text
