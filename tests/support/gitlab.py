"""A GitLab that knows pipelines, commit statuses and notes, and refuses what the real one does.

A status is a job of a pipeline. It is found again while it is pending or running, may go from one
state to another but not stay in one, and a finished one is followed by a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from support.forge import OURS, Answer, FakeForge, Request, serving

REPOSITORY = "acme/web/shop"
TOKEN = "glpat-of-the-tests"
_STATES = {"pending", "running", "success", "failed", "canceled", "skipped"}
# What a job in a state refuses, and how GitLab calls it.
_REFUSED = {
    ("pending", "pending"): ":enqueue from :pending",
    ("running", "running"): ":run from :running",
    ("running", "pending"): ":enqueue from :running",
}


@dataclass
class FakeGitLab(FakeForge):
    """Its state.

    Attributes:
        pipelines: commit of each, by id.
        statuses: the latest last.
    """

    token: str = TOKEN
    pipelines: dict[int, str] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)

    def start_pipeline(self, commit: str) -> int:
        """As a push does, or a person who runs one again."""
        made = self.number()
        self.pipelines[made] = commit
        return made

    def shown(self, commit: str, name: str) -> tuple[str, str, str | None] | None:
        found = [s for s in self.statuses if (s["sha"], s["name"]) == (commit, name)]
        if not found:
            return None
        return found[-1]["status"], found[-1]["description"], found[-1]["target_url"]

    def problem(self, request: Request) -> Answer | None:
        if request.headers.get("private-token") != self.token:
            return 401, {}, {"message": "401 Unauthorized"}
        return None

    def route(self, request: Request) -> Answer:
        path = urlsplit(request.path).path.removeprefix(self.prefix)
        # The real one cuts at slashes before it reads %2F.
        match request.method, [unquote(part) for part in path.split("/")[1:]]:
            case "GET", ["user"]:
                return 200, {}, OURS["author"]
            case method, ["projects", project, *rest] if project == REPOSITORY:
                return self._project(method, rest, request)
        return 404, {}, {"message": "404 Project Not Found"}

    def _project(self, method: str, rest: list[str], request: Request) -> Answer:
        match method, rest:
            case "GET", ["pipelines"]:
                of_commit = [p for p, sha in self.pipelines.items() if sha == request.query["sha"]]
                headers, page = self.page(request, [{"id": p} for p in reversed(of_commit)])
                return 200, headers, page
            case "GET", ["repository", "commits", commit, "statuses"]:
                return self._latest(commit, request)
            case "POST", ["statuses", commit]:
                return self._set_status(commit, request.body)
            case _, ["merge_requests", number, "notes", *note] if number.isdigit():
                return self._notes(method, int(number), note, request)
        return 404, {}, {"message": "404 Not Found"}

    def _latest(self, commit: str, request: Request) -> Answer:
        name = request.query.get("name")
        of_name = [s for s in self.statuses if s["sha"] == commit and name in {None, s["name"]}]
        # One for each pipeline; those before it count as retried.
        latest = {(s["pipeline_id"], s["name"]): s for s in of_name}
        headers, page = self.page(request, list(latest.values()))
        return 200, headers, page

    def _set_status(self, commit: str, body: Any) -> Answer:
        if self.commits is not None and commit not in self.commits:
            return 404, {}, {"message": "404 Commit Not Found"}
        if body["state"] not in _STATES:
            return 400, {}, {"error": "state does not have a valid value"}
        url = body.get("target_url", "https://x")
        if not re.match(r"https?://", url) or len(url) > 255:
            return 400, {}, {"message": {"target_url": ["is too long (maximum is 255 characters)"]}}
        if len(body["description"]) > 255:
            return 400, {}, {"message": {"description": ["is too long"]}}
        of_commit = [p for p, sha in self.pipelines.items() if sha == commit]
        pipeline = max(of_commit) if of_commit else self.start_pipeline(commit)
        found = next((s for s in self.statuses if _open(s, pipeline, body["name"])), None)
        if refused := found and _REFUSED.get((found["status"], body["state"])):
            return 400, {}, {"message": f"Cannot transition status via {refused} (Reason(s): …)"}
        if found is None:
            found = {"id": self.number(), "sha": commit, "pipeline_id": pipeline}
            found |= {"name": body["name"], "target_url": None, "description": None}
            self.statuses.append(found)
        found |= {k: body[k] for k in ("target_url", "description") if k in body}
        found["status"] = body["state"]
        return 201, {}, found

    def _notes(self, method: str, number: int, note: list[str], request: Request) -> Answer:
        notes = self.comments.get(number, [])
        if method == "POST":
            if not request.body["body"] or len(request.body["body"]) > 1_000_000:
                return 400, {}, {"message": "400 Bad request"}
            return 201, {}, {"id": self.say(number, request.body["body"], system=False, **OURS)}
        if method == "GET":
            assert (request.query["sort"], request.query["order_by"]) == ("asc", "created_at")
            headers, page = self.page(request, notes)
            return 200, headers, [n for n in page if not n.get("hidden")]
        found = next((n for n in notes if [str(n["id"])] == note), None)
        if found is None:
            return 404, {}, {"message": "404 Note Not Found"}
        if found["author"] != OURS["author"]:
            return 403, {}, {"message": "403 Forbidden"}
        if method == "DELETE":
            notes.remove(found)
            return 204, {}, None
        found["body"] = request.body["body"]
        return 200, {}, found

    def say(self, pull_request: int, body: str, **more: Any) -> int:
        return super().say(pull_request, body, **{"system": False, **more})


def _open(status: dict[str, Any], pipeline: int, name: str) -> bool:
    of = (status["pipeline_id"], status["name"])
    return of == (pipeline, name) and status["status"] in {"pending", "running"}


@contextmanager
def gitlab(prefix: str = "/api/v4") -> Iterator[FakeGitLab]:
    with serving(FakeGitLab(prefix=prefix)) as fake:
        yield fake
