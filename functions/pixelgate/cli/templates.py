"""The files that `pixelgate init` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping

CONFIG = """\
# What pixelgate needs to know of this project; flags and PIXELGATE_* variables win over it.

project = @project@
@bucket_line@

# Where the tests leave the screenshots, as seen from this file. `pixelgate upload` takes it.
folder = @folder@

# The branch that changes are merged into, where CI does not say it.
# base_branch = @branch@

# Seconds to wait for a result.
# timeout = 900

# What counts as a change, for all snapshots. Without any of it the rule of docs/verdict.md holds.
[policy]
# sensitivity = "careful"      # exact, careful, default or tolerant: how much noise may explain
# strict = true               # any pixel that differs at all counts, as with "exact"
# max_changed_pixels = 0      # this many changed pixels still pass
# max_changed_ratio = 0.0     # this share of them still passes
# max_region_pixels = 0       # no connected area may be larger
# antialiasing = true         # smoothed edges do not count
# structural_threshold = 0.15
# sensitive_threshold = 0.0225

# What counts for some, by name; * is anything, a later rule wins over an earlier one.
# [[rules]]
# match = "icons/*"
# policy = {strict = true}
#
# [[rules]]
# match = "*/clock.png"
# policy = {ignore_regions = [{x = 0, y = 0, width = 120, height = 40}]}

# One screenshot's own: a file checkout.json beside checkout.png with display_name, group, tags,
# description, policy, context.
"""

GITHUB = """\
# Uploads the screenshots of every push and pull request, and gates on what became of them.
# The job takes a role over OIDC: no key lies anywhere. The role is in docs/ci.md of pixelgate.
name: pixelgate
on:
  push: {branches: [@branch@]}
  pull_request:

permissions:
  contents: read
  id-token: write   # for the role

jobs:
  screenshots:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0   # pixelgate looks for the merge base
      # Your tests: they leave screenshots in the folder that pixelgate.toml names.
      - run: make screenshots
      - uses: aws-actions/configure-aws-credentials@v4
        with:
          role-to-assume: ${{ vars.PIXELGATE_ROLE }}
          aws-region: ${{ vars.AWS_REGION }}
      - uses: actions/setup-python@v5
        with: {python-version: "3.13"}
      - run: pip install "pixelgate[cli]"
      - run: pixelgate upload --wait --junit pixelgate.xml
"""

GITLAB = """\
# Uploads the screenshots of every push and merge request, and gates on what became of them.
# The job takes a role over OIDC: no key lies anywhere. The role is in docs/ci.md of pixelgate.
# With a token in the stack (docs/pull-requests.md) the verdict stands at the merge request, too, as
# a note and as the status pixelgate/PROJECT, which turns green when somebody approves. To have that
# status alone hold the merge, add --exit-zero-on-changes: this job then passes.
pixelgate:
  image: python:3.13
  variables:
    GIT_DEPTH: 0   # pixelgate looks for the merge base
    AWS_ROLE_ARN: $PIXELGATE_ROLE
    AWS_WEB_IDENTITY_TOKEN_FILE: /tmp/web-identity
  id_tokens:
    PIXELGATE_TOKEN: {aud: sts.amazonaws.com}
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  script:
    # Your tests: they leave screenshots in the folder that pixelgate.toml names.
    - make screenshots
    - printf %s "$PIXELGATE_TOKEN" > "$AWS_WEB_IDENTITY_TOKEN_FILE"
    - pip install "pixelgate[cli]"
    - pixelgate upload --wait --junit pixelgate.xml
  artifacts:
    when: always
    reports: {junit: pixelgate.xml}
"""


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its values, each quoted as TOML and YAML both read it."""
    bucket = values["bucket"]
    line = f"bucket = {json.dumps(bucket)}" if bucket else '# bucket = "the stack\'s output Bucket"'
    text = template.replace("@bucket_line@", line)
    for name, value in values.items():
        text = text.replace(f"@{name}@", json.dumps(value, ensure_ascii=False))
    return text
