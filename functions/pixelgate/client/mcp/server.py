"""The server: tools of the Model Context Protocol over standard input and output.

Only this module imports the library `mcp`, which the extra `mcp` brings.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal, ParamSpec

from mcp.server import MCPServer
from mcp.types import CallToolResult, ImageContent, TextContent, ToolAnnotations
from pydantic import Field

from pixelgate import __version__
from pixelgate.client.mcp import changes, decisions, pasts, pictures
from pixelgate.client.mcp.answers import ERROR_NOTE, NOTE, Answer, Picture, as_text, clip
from pixelgate.client.mcp.source import Source
from pixelgate.errors import PixelgateError

INSTRUCTIONS = f"""\
pixelgate compares screenshots of builds. These tools read its results: builds, what changed in \
one and why that counts, small pictures, and the history. They write nothing. Whether a change is \
right is decided by people: prepare_decision returns a command for them to look at and to run.

{NOTE}

Answers are bounded. Where `next_cursor` is not null, there is more: ask again with the same \
arguments and with it as `cursor`."""

# Nothing is written, and asking twice is as asking once. The world is one bucket or folder.
READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

P = ParamSpec("P")
Told = tuple[Answer, list[Picture]]
Add = Callable[[Callable[..., Answer | Told]], None]

Project = Annotated[
    str | None, Field(description="The project. Default: the one of pixelgate.toml, or the only.")
]
Build = Annotated[str | None, Field(description="Id of the build. Default: the newest.")]
Branch = Annotated[
    str | None, Field(description="Only builds of this branch, and of no pull request.")
]
Cursor = Annotated[
    str | None, Field(description="`next_cursor` of the answer before; the rest as before.")
]
Limit = Annotated[int, Field(ge=1, le=100, description="Most rows of the answer.")]
Pictures = Annotated[
    int,
    Field(
        ge=0, le=pictures.MOST,
        description="How many of the answer's snapshots to show as pictures: base, head and "
        "difference beside one another.",
    ),
]  # fmt: skip
Statuses = Annotated[
    list[str] | None,
    Field(
        description="Only these of changed, added, removed, errored, renamed, unchanged, skipped; "
        "`explained` is what differs and passed. Default: all but unchanged and skipped."
    ),
]
Names = Annotated[list[str] | None, Field(description="Names of snapshots.")]
Globs = Annotated[
    list[str] | None,
    Field(description="Patterns of names, of snapshots that need a review; * is any text."),
]
Groups = Annotated[list[str] | None, Field(description="Groups, as what_changed tells them.")]
Table = Literal["rates", "series", "builds", "snapshots", "months"]
Days = Annotated[int, Field(ge=1, le=3_650, description="How many days back.")]


def make_server(source: Source, *, with_pictures: bool = True) -> MCPServer[Any]:
    """Makes the server of a bucket or folder; without pictures, no tool sends any."""
    server: MCPServer[Any] = MCPServer(
        "pixelgate", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )

    def tool(function: Callable[..., Answer | Told]) -> None:
        server.tool(annotations=READS, structured_output=False)(_answering(function))

    _add_builds(tool, source, with_pictures=with_pictures)
    _add_pasts(tool, source)
    _add_decisions(tool, source)
    return server


def _add_builds(tool: Add, source: Source, *, with_pictures: bool) -> None:
    @tool
    def list_projects(cursor: Cursor = None) -> Answer:
        """List the projects whose builds can be asked for."""
        return changes.list_projects(source, cursor)

    @tool
    def list_builds(
        project: Project = None,
        search: Annotated[
            str | None,
            Field(description="Words that the build, result, branch, commit, author or reviewer "
                  "has; #12 is a pull request."),
        ] = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Answer:  # fmt: skip
        """List builds, the newest first, with verdict, counts, review and reviewers."""
        return changes.list_builds(source, project, search, limit, cursor)

    @tool
    def what_changed(
        project: Project = None,
        build: Build = None,
        statuses: Statuses = None,
        group: Annotated[str | None, Field(description="Only this group.")] = None,
        glob: Annotated[str | None, Field(description="Only names like this.")] = None,
        pictures: Pictures = 0,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Told:
        """Tell what changed in a build: verdict, counts, groups, and for each snapshot why.

        `counts_as` says why a difference counts, `explained_by` which noise explains one that does
        not. Snapshots of one group show the same change, and can be decided at once.
        """
        answer, result, names = changes.what_changed(
            source, project, build, statuses=statuses or (), group=group, glob=glob,
            limit=limit, cursor=cursor,
        )  # fmt: skip
        return _with_pictures(source, answer, result, names[:pictures], shown=with_pictures)

    @tool
    def show_snapshot(
        name: Annotated[str, Field(description="Name of the snapshot, as what_changed tells it.")],
        project: Project = None,
        build: Build = None,
    ) -> Told:
        """Show a snapshot of a build as a picture: base, head and difference; and tell why."""
        result = source.result(source.named(project), build)
        known = changes.known_name(result, name)
        row = changes.snapshot_row(result, known, source.reviews(result))
        where = {"project": result.build.project, "build": result.build.build}
        answer = {"note": NOTE, "untrusted": where, "snapshot": row}
        return _with_pictures(source, answer, result, [known], shown=with_pictures)


def _add_pasts(tool: Add, source: Source) -> None:
    @tool
    def snapshot_history(
        name: Annotated[str, Field(description="Name of the snapshot.")],
        project: Project = None,
        branch: Branch = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Answer:
        """Tell a snapshot's life: each build that changed it, and who decided what and why."""
        return pasts.snapshot_history(
            source, project, name, branch=branch, limit=limit, cursor=cursor
        )

    @tool
    def project_life(
        table: Table = "rates",
        project: Project = None,
        since_days: Days = 90,
        branch: Branch = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Answer:
        """Tell a project's life: review and change rates, series, builds, snapshots, cost."""
        return pasts.project_life(
            source, project, table,
            since_days=since_days, branch=branch, limit=limit, cursor=cursor,
        )  # fmt: skip

    @tool
    def drift(
        project: Project = None, branch: Branch = None, limit: Limit = 20, cursor: Cursor = None
    ) -> Answer:
        """Tell which snapshots changed in many small steps that passed, and what it comes to."""
        return pasts.drift(source, project, branch=branch, limit=limit, cursor=cursor)

    @tool
    def flakes(
        project: Project = None,
        states: Annotated[
            list[str] | None,
            Field(description="Only these of broken, flaky, at risk, quiet. Default: all but "
                  "quiet."),
        ] = None,
        since_days: Days = 90,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Answer:  # fmt: skip
        """Tell which snapshots differ although nothing was changed, and how surely.

        The evidence is pairs of images with the same input. A quarantine changes none of it.
        """
        return pasts.flakes(
            source, project, states=states or (), since_days=since_days, limit=limit, cursor=cursor
        )

    @tool
    def quarantines(
        project: Project = None, build: Build = None, limit: Limit = 20, cursor: Cursor = None
    ) -> Answer:
        """Tell which snapshots of a build were in quarantine when it was compared, and why.

        By default of the newest build that others may be compared with.
        """
        return pasts.quarantines(source, project, build, limit=limit, cursor=cursor)


def _add_decisions(tool: Add, source: Source) -> None:
    @tool
    def prepare_decision(
        build: Annotated[str, Field(description="Id of the build.")],
        action: Literal["approve", "reject"],
        project: Project = None,
        names: Names = None,
        globs: Globs = None,
        groups: Groups = None,
        reason: Annotated[str | None, Field(description="Why, in words.")] = None,
    ) -> Answer:
        """Prepare the command with which a person approves or rejects. It submits nothing.

        Without names, globs and groups it is about the whole build. With many names the answer has
        the content of a decisions.json, which the command takes.
        """
        return decisions.prepare_decision(
            source, project, build, action, names=names or (), globs=globs or (),
            groups=groups or (), reason=reason,
        )  # fmt: skip


def _with_pictures(
    source: Source, answer: Answer, result: Any, names: list[str], *, shown: bool
) -> Told:
    if not names:
        return answer, []
    if not shown:
        return {**answer, "no_pictures": "this server was started with --no-pictures"}, []
    told, drawn = pictures.draw(source, result, names)
    return {**answer, "pictures": told}, drawn


def _failed(message: str) -> CallToolResult:
    """Returns an error; what it quotes may be a name that somebody else chose."""
    told = {"error": clip(message, 2_000), "note": ERROR_NOTE}
    return CallToolResult(content=[TextContent(type="text", text=as_text(told))], is_error=True)


def _answering(function: Callable[P, Answer | Told]) -> Callable[P, CallToolResult]:
    """Makes a tool of a function: its answer as JSON, and pictures after it, or a clear error."""

    @wraps(function)
    def answered(*args: P.args, **kwargs: P.kwargs) -> CallToolResult:
        try:
            told = function(*args, **kwargs)
        except PixelgateError as error:
            return _failed(str(error))
        except OSError as error:
            return _failed(f"{error.filename or 'the folder'}: {error.strerror or error}")
        answer, shown = told if isinstance(told, tuple) else (told, [])
        return CallToolResult(
            content=[
                TextContent(type="text", text=as_text(answer)),
                *(
                    ImageContent(
                        type="image",
                        data=base64.b64encode(picture.body).decode(),
                        mime_type=picture.kind,
                    )
                    for picture in shown
                ),
            ]
        )

    # Of the type that it returns now, the library shall know.
    answered.__annotations__ = {**function.__annotations__, "return": CallToolResult}
    return answered
