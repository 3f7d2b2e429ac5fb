"""Reads TeamCity, whose branch and pull request are in files that a variable leads to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pixelgate.ci.detected import CiInfo, Variables, branch_of

# A line of a file of Java's properties: `name=value`, or with ":" or spaces between them.
_LINE = re.compile(r"((?:\\.|[^\\\s=:])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_REQUEST = re.compile(r"(?:refs/)?(?:pull|pull-requests|pullrequest|merge-requests)/(\d+)(?:/\S*)?")


def teamcity(v: Variables) -> CiInfo:
    """Reads TeamCity (jetbrains.com/help/teamcity: predefined build parameters, pull requests).

    A build's environment has its commit. Branch and pull request are configuration parameters,
    which are not in the environment, but in a file: TEAMCITY_BUILD_PROPERTIES_FILE leads to it. It
    does not say whether a pull request comes from a fork. The batches of parallel tests are builds
    that share no id, so `--parallel-id` has to name one.
    """
    system = _properties(v["TEAMCITY_BUILD_PROPERTIES_FILE"])
    parameters = {**_properties(system.get("teamcity.configuration.properties.file")), **system}
    branch = _branch(parameters)
    request = _REQUEST.fullmatch(branch or "")
    number = parameters.get("teamcity.pullRequest.number") or (request and request[1])
    build = parameters.get("teamcity.build.id")
    shard = Variables(parameters).shard(
        "teamcity.build.parallelTests.currentBatch",
        "teamcity.build.parallelTests.totalBatches",
        first=1,
    )
    server = (parameters.get("teamcity.serverUrl") or "").rstrip("/")
    link = f"{server}/viewLog.html?buildId={build}" if server and build else None
    return CiInfo(
        vendor="TeamCity",
        commit=v["BUILD_VCS_NUMBER"] or parameters.get("build.vcs.number"),
        branch=branch_of(parameters.get("teamcity.pullRequest.source.branch")) or branch,
        base_branch=branch_of(parameters.get("teamcity.pullRequest.target.branch")),
        pull_request=number or None,
        ci_url=v["BUILD_URL"] or link,
        build=build,
        run=None if shard else build,
        shard=shard,
        merge_request=bool(branch and "merge-requests/" in branch),
    )


def _branch(parameters: Mapping[str, str]) -> str | None:
    """Returns the branch of the only VCS root, or else the one that TeamCity shows."""
    roots = {
        value for name, value in parameters.items() if name.startswith("teamcity.build.vcs.branch.")
    }
    shown = parameters.get("teamcity.build.branch")
    if len(roots) == 1:
        return branch_of(roots.pop())
    return None if shown == "<default>" else branch_of(shown)


def _properties(path: str | None) -> dict[str, str]:
    """Reads a file of Java's properties; returns nothing if it cannot be read."""
    try:
        text = Path(path or "").read_text("utf-8", errors="replace")
    except (OSError, ValueError):
        return {}
    found = {}
    for line in re.sub(r"(?<!\\)((?:\\\\)*)\\\r?\n[ \t]*", r"\1", text).splitlines():
        line = line.lstrip()
        match = _LINE.fullmatch(line)
        if match and line[:1] not in {"#", "!", ""}:
            found[_unescaped(match[1])] = _unescaped(match[2])
    return found


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _CONTROL.get(code, code)

    return _ESCAPED.sub(plain, text)
