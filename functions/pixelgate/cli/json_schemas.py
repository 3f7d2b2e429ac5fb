"""The schemas of what commands print with `--json`; docs/json/ has them as files.

Each object names all of its fields. A field that may be missing is not `required`; where a name is
itself data, as that of a stack's output, any is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pixelgate.cli.json_types import (
    ANY,
    COUNT,
    FLAG,
    INTEGER,
    NUMBER,
    TEXT,
    Schema,
    array,
    maybe,
    of,
    one_of,
    record,
    said,
    table,
    text,
)

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TIME = text("ISO 8601, in UTC")
_KEY = text("the key of an object in the bucket")
_SHA = text("SHA-256 of an image, 64 hexadecimal digits")
_BUILD = {"project": TEXT, "build": TEXT}
_STATES = ("WAITING_FOR_BASE", "PROCESSING", "SUCCEEDED", "FAILED")
_VERDICT = one_of(("passed", "needs_review"))
_REVIEW_STATES = one_of(("not_needed", "needed", "approved", "rejected"))
_ACTION = one_of(("approve", "reject"))


def _counts() -> Schema:
    from pixelgate.domain.comparison import QUARANTINED, Status

    more = {
        "learned_noise": said(COUNT, "of the unchanged ones: those that learned noise explains"),
        QUARANTINED: said(COUNT, "changed, and in quarantine"),
    }
    return said(
        record({"total": COUNT, **{str(status): COUNT for status in Status}, **more}),
        "snapshots by status; empty before there is a result",
    )


def _status() -> Schema:
    from pixelgate.domain.comparison import Status

    return one_of(Status)


def _review_of_status() -> Schema:
    refused = record(id=TEXT, by=TEXT, at=TEXT, why=TEXT)
    return record(
        {
            "left": said(COUNT, "snapshots that nobody has decided"),
            "names": array(TEXT, "the first of them"),
            "approved": COUNT,
            "rejected": COUNT,
            "by": array(TEXT, "who decided, as S3 names them"),
            "reasons": array(TEXT),
            "carried_from": maybe(TEXT),
            "refused": array(refused, "reviews that do not count"),
            "revision": COUNT,
        },
        state=_REVIEW_STATES,
    )


def _given(*, with_names: bool = True) -> Schema:
    names = {"names": maybe(array(TEXT, "null: the whole build"))} if with_names else {}
    return record(
        id=TEXT, action=_ACTION, by=TEXT, at=_TIME, reason=maybe(TEXT), issuer=maybe(TEXT), **names
    )


def _result_fields() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Returns the fields of a build's result that are always there, and the others."""
    always = {
        **_BUILD,
        "state": maybe(one_of(_STATES)),
        "result": text("the verdict and the review in words"),
        "exit_code": said(INTEGER, "0 passed, 1 needs review, 2 failed, 3 no result, 4 no base"),
    }
    others = {
        "verdict": maybe(_VERDICT),
        "counts": _counts(),
        "base": maybe(text("the build that it was compared with")),
        "baseline": maybe(_choice()),
        "baseline_reason": TEXT,
        "review": maybe(_review_of_status()),
        "report": maybe(_KEY),
        "comparison": maybe(_KEY),
        "execution": maybe(text("the run that made the result; for `approve --execution`")),
        "error": maybe(record(code=TEXT, message=TEXT)),
        "commit": TEXT,
        "branch": TEXT,
        "pull_request": TEXT,
    }
    return always, others


def _choice() -> Schema:
    from pixelgate.domain.baseline import Kind

    return record(
        {"distance": COUNT},
        kind=one_of(Kind),
        passed_over=array(record({"build": TEXT, "commit": TEXT}, why=TEXT)),
    )


def _result(extra: Mapping[str, Schema] | None = None) -> Schema:
    always, others = _result_fields()
    return record({**others, **(extra or {})}, **always)


def _shards() -> Schema:
    numbers = array(COUNT)
    return record(total=maybe(COUNT), came=numbers, begun=numbers, missing=maybe(numbers))


def _uploaded_fields() -> dict[str, Schema]:
    return {
        **_BUILD,
        "manifest": _KEY,
        **dict.fromkeys(("commit", "branch", "base_commit", "base_branch", "pull_request"),
                        maybe(TEXT)),
        "images": COUNT,
        "unique_images": COUNT,
        "already_there": COUNT,
        "uploaded": COUNT,
        "notes": array(TEXT, "how the origin was found out"),
    }  # fmt: skip


def _upload() -> Schema:
    always, others = _result_fields()
    sent = _uploaded_fields()
    waited = record({k: v for k, v in others.items() if k not in sent}, **{**sent, **always})
    return {
        "anyOf": [said(record(**sent), "without --wait"), said(waited, "with --wait")],
    }


def _import_baseline() -> Schema:
    copied = said(record(folder=TEXT, images=COUNT), "with --to")
    return {"anyOf": [*_upload()["anyOf"], copied]}


def _image_of_comparison(more: Mapping[str, Schema] | None = None) -> Schema:
    """Returns the entry of `images` in comparison.json."""
    from pixelgate.domain.verdict import Evidence, Explained, Mark, NoiseKind, Picture

    size = {"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2}
    region = record(
        {"mark": maybe(said(one_of(Mark), "why it counts")),
         "noise": maybe(said(one_of(NoiseKind), "what explains it")),
         "area": maybe(COUNT)},
        x=COUNT, y=COUNT, width=COUNT, height=COUNT, pixels=COUNT,
    )  # fmt: skip
    places = ("x", "y", "width", "height", "base_x", "base_y", "head_x", "head_y")
    band = record(
        dict.fromkeys(places, COUNT),
        kind=one_of(("inserted", "deleted")), axis=one_of(("rows", "columns")),
    )  # fmt: skip
    details = {
        "display_name": TEXT, "group": TEXT, "description": TEXT,
        "tags": {"anyOf": [array(TEXT), table(TEXT)]}, "context": table(ANY),
    }  # fmt: skip
    return record(
        {
            "head_sha256": _SHA,
            "base_sha256": _SHA,
            "head_size": size,
            "base_size": size,
            "size_changed": FLAG,
            "previous_name": text("its name in the base, if that is another one"),
            "reason": text("why it could not be compared"),
            "group": text("shared by all snapshots with the same change"),
            "policy": table(ANY, "the fields of its policy that differ from the build's"),
            "details": record(details),
            "thumb": _KEY,
            "mask": _KEY,
            "changed_pixels": COUNT,
            "counted_pixels": COUNT,
            "structural_pixels": COUNT,
            "total_pixels": COUNT,
            "regions": array(region),
            "bands": array(band),
            "areas": array(of(Evidence, all_required=False)),
            "noise": array(of(Explained, all_required=False)),
            "differing": of(Picture, all_required=False),
            "recoloured": FLAG,
            "base_profile": TEXT,
            "head_profile": TEXT,
            **(more or {}),
        },
        status=_status(),
    )


def _step() -> Schema:
    """Returns the row of a snapshot's life."""
    from pixelgate.past.life import How

    return record(
        at=_TIME, name=TEXT, build=TEXT, commit=TEXT, branch=TEXT, pull_request=maybe(TEXT),
        author=maybe(TEXT), status=_status(), pixels=COUNT, image=maybe(_SHA),
        base_image=maybe(_SHA), accepted=FLAG, how=one_of(How), by=TEXT, decided=maybe(_TIME),
        reason=TEXT,
    )  # fmt: skip


def _drift() -> Schema:
    return record(
        name=TEXT, build=TEXT, needs_review=FLAG, pixels=COUNT, total=COUNT, steps=COUNT,
        pixels_of_steps=COUNT, since_build=maybe(TEXT), since=maybe(_TIME), anchor=_SHA, image=_SHA,
    )  # fmt: skip


def _history() -> Schema:
    row = {
        "build": TEXT, "commit": maybe(TEXT), "branch": maybe(TEXT), "pull_request": maybe(TEXT),
        "state": maybe(one_of(_STATES)), "verdict": maybe(_VERDICT), "result": TEXT,
        "counts": _counts(), "base": maybe(TEXT), "report": maybe(_KEY), "updated": TEXT,
        "reviewers": array(TEXT),
    }  # fmt: skip
    seen = _image_of_comparison({"reviews": array(_given(with_names=False))})
    of_name = said(maybe(seen), "with NAME: its entry in comparison.json, and its reviews")
    life = record(
        name=TEXT, images=array(_step(), "those that were accepted"), steps=array(_step()),
        drift=maybe(_drift()),
    )  # fmt: skip
    listed = record(
        {"snapshot": life}, project=TEXT, builds=array(record({"snapshot": of_name}, **row))
    )
    compared = record(project=TEXT, snapshot=TEXT, **_compared_fields())
    return {"anyOf": [listed, said(compared, "with --diff")]}


def _rates() -> dict[str, Schema]:
    share, amount = maybe(NUMBER), maybe(NUMBER)
    return {
        "builds": COUNT, "needed_review": COUNT, "change_rate": share, "decided": COUNT,
        "approved": COUNT, "rejected": COUNT, "approval_rate": share, "without_a_review": COUNT,
        "open": COUNT, "median_seconds_to_review": amount, "p90_seconds_to_review": amount,
        "usd": NUMBER, "usd_per_build": amount, "unpriced": COUNT,
    }  # fmt: skip


def _life() -> Schema:
    build = record(
        at=_TIME, build=TEXT, branch=TEXT, pull_request=maybe(TEXT), commit=TEXT,
        author=maybe(TEXT), fork=FLAG, base=maybe(TEXT), verdict=_VERDICT, review=_REVIEW_STATES,
        by=array(TEXT), seconds_to_review=maybe(NUMBER), snapshots=COUNT, changed=COUNT,
        added=COUNT, removed=COUNT, errored=COUNT, usd=maybe(NUMBER),
    )  # fmt: skip
    series = record(
        branch=TEXT, pull_request=maybe(TEXT), fork=FLAG, first=_TIME, last=_TIME, **_rates()
    )
    snapshot = record(
        name=TEXT, builds=COUNT, changes=COUNT, change_rate=maybe(NUMBER), approved=COUNT,
        rejected=COUNT, by_rule_or_carried=COUNT, open=COUNT, images=COUNT, last=_TIME,
        last_build=TEXT,
    )  # fmt: skip
    tables = {
        "rates": array(record(project=TEXT, **_rates())),
        "builds": array(build),
        "series": array(series),
        "snapshots": array(snapshot),
        "months": array(record(month=text("YYYY-MM"), snapshots=COUNT, **_rates())),
        "drift": array(_drift()),
    }
    return record(tables, project=TEXT, since=TEXT)


def _flakes() -> Schema:
    from pixelgate.past.flakes import State
    from pixelgate.past.pairs import PairKind

    share = maybe(NUMBER)
    state = one_of(State)
    pair = record(
        at=_TIME, kind=one_of(PairKind), earlier_build=TEXT, build=TEXT, first=_SHA, second=_SHA,
        differs=FLAG,
    )  # fmt: skip
    in_a_row = record(at=_TIME, build=TEXT, image=maybe(_SHA), base_image=maybe(_SHA))
    fields = {
        "name": TEXT, "state": state, "why": TEXT, "pairs": COUNT, "differing": COUNT,
        "rate": share, "low": NUMBER, "high": NUMBER,
        **{f"{kind}_pairs": COUNT for kind in PairKind},
        "images": COUNT, "headroom": share, "headroom_build": maybe(TEXT),
        "last_difference": maybe(_TIME), "evidence": array(pair), "in_a_row": array(in_a_row),
    }  # fmt: skip
    box = record(x=COUNT, y=COUNT, width=COUNT, height=COUNT)
    hidden = record(at=_TIME, build=TEXT, name=TEXT, by=TEXT, image=maybe(_SHA), pixels=COUNT)
    unrest = record(
        name=TEXT, ignore_regions=array(box), measured_pairs=COUNT, differing_pairs=COUNT,
        cut=FLAG, approved_changes=COUNT, hidden_changes=array(hidden), words=TEXT,
    )  # fmt: skip
    listed = record(
        project=TEXT, since=TEXT, counts=record(**{str(one): COUNT for one in State}),
        snapshots=array(record(**fields)),
    )  # fmt: skip
    one = record(**fields, pairs_with_same_input=array(pair))
    told = record(
        project=TEXT, since=TEXT, snapshot=one, unrest=maybe(unrest),
        quarantine=maybe(text("the command that a person may run; null if it is not flaky")),
    )  # fmt: skip
    return {"anyOf": [listed, said(told, "with NAME")]}


def _replayed() -> Schema:
    from pixelgate.past.life import How
    from pixelgate.past.replay import Answer, Decided, Source

    versions = {"odiff": maybe(TEXT), "algorithm": TEXT, "pixelgate": TEXT}
    decided = {str(one): COUNT for one in Decided}
    row = record(
        answer=one_of(Answer), decided=one_of(Decided), name=TEXT, build=TEXT, at=_TIME,
        branch=TEXT, pull_request=maybe(TEXT), commit=TEXT, pixels=maybe(COUNT), same_input=FLAG,
        how=one_of(How), by=TEXT, reason=TEXT, source=one_of(Source), why=TEXT,
        base_image=maybe(_SHA), image=maybe(_SHA),
    )  # fmt: skip
    snapshot = record(
        name=TEXT, still_caught=COUNT, newly_quiet=COUNT, newly_quiet_rejected=COUNT,
        newly_quiet_approved=COUNT, newly_quiet_undecided=COUNT, newly_loud=COUNT,
        newly_loud_same_input=COUNT, still_quiet=COUNT, unknown=COUNT,
    )  # fmt: skip
    totals = record(
        differences=COUNT, still_caught=COUNT, newly_quiet=record(total=COUNT, **decided),
        newly_loud=record(total=COUNT, same_input=COUNT), still_quiet=COUNT,
        unknown=record(total=COUNT, **decided),
    )  # fmt: skip
    cost = record(
        usd=NUMBER, requests=table(COUNT), bytes_out=COUNT, lambda_gb_seconds=NUMBER,
        price_list=TEXT,
    )  # fmt: skip
    return record(
        project=TEXT, since=TEXT, rule=TEXT, installed=record(**versions),
        versions=array(record(**versions, results=COUNT)), builds=COUNT, results=COUNT,
        judged=record(from_stored=COUNT, from_images=COUNT, pairs_measured=COUNT), cost=cost,
        totals=totals, snapshots=array(snapshot), newly_quiet=array(row), newly_loud=array(row),
        unknown=array(row), reports=table(text("the path of a page"), "by answer, with --out"),
        exit_code=said(INTEGER, "1: a change that a person rejected would be quiet"),
    )  # fmt: skip


def _quarantine_list() -> Schema:
    lift = record(
        quarantine=TEXT, commit=TEXT, by=TEXT, at=_TIME, tree=maybe(TEXT),
        pull_request=maybe(TEXT), reason=maybe(TEXT),
    )  # fmt: skip
    row = record(
        id=maybe(TEXT), match=TEXT, owner=TEXT, reason=TEXT, since=_TIME, until=_TIME,
        source=one_of(("pixelgate.toml", "review")), by=maybe(TEXT),
        state=one_of(("applies", "expired", "not begun")), lifts=array(lift),
    )  # fmt: skip
    refused = record(id=TEXT, by=TEXT, at=_TIME, why=TEXT)
    return record(
        quarantines=array(row), refused=array(refused, "reviews that do not count, and why")
    )


def _compared_fields() -> dict[str, Schema]:
    return {
        "verdict": _VERDICT, "counts": _counts(),
        "comparison": text("the path of comparison.json"), "report": text("the path of the page"),
    }  # fmt: skip


def _changes() -> Schema:
    from pixelgate.domain.verdict import Mark, NoiseKind

    size = maybe({"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2})
    reason = maybe(TEXT)
    decision = record(action=_ACTION, at=_TIME, by=TEXT, reason=reason)
    mark = one_of(str(word).replace("_", "-") for word in Mark)
    region = record(
        x=COUNT, y=COUNT, width=COUNT, height=COUNT, pixels=COUNT,
        counts_as=maybe(one_of(Mark)), noise=maybe(one_of(NoiseKind)),
    )  # fmt: skip
    measured = {
        "pixels": COUNT,
        "of_pixels": COUNT,
        "counts_as": array(record(mark=mark, regions=COUNT, meaning=TEXT), "why it counts"),
        "explained_by": array(
            record(noise=one_of(NoiseKind), areas=COUNT, meaning=TEXT), "which noise explains it"
        ),
        "regions": array(region, "the largest"),
        "more_regions": COUNT,
        "more_sentences": COUNT,
    }
    snapshot = record(
        measured,
        name=TEXT, name_in_base=reason, status=_status(), needs_review=FLAG, group=reason,
        sizes=record(base=size, head=size), decision=maybe(decision), title=reason,
        description=reason, belongs_to=reason, error=reason,
        why=array(TEXT, "sentences that explain the status"),
    )  # fmt: skip
    group = record(group=TEXT, snapshots=COUNT, statuses=table(COUNT), names=array(TEXT))
    return record(
        **_BUILD, verdict=_VERDICT, review=_REVIEW_STATES, execution=TEXT, base=maybe(TEXT),
        counts=_counts(), groups=array(group, "those that need a review, the largest first"),
        snapshots=array(snapshot),
    )  # fmt: skip


def _scan() -> Schema:
    attempt = record(file=TEXT, sha256=_SHA)
    image = record(
        {"display_name": TEXT, "group": TEXT, "description": TEXT,
         "tags": {"anyOf": [array(TEXT), table(TEXT)]}, "context": table(ANY),
         "policy": table(ANY)},
        name=TEXT, file=TEXT, sha256=_SHA, width=COUNT, height=COUNT, bytes=COUNT,
        attempts=array(attempt),
    )  # fmt: skip
    left = record(file=TEXT, reason=TEXT, failure=FLAG)
    return record(
        {"from": array(TEXT, "the runners that wrote the folder")},
        folder=TEXT, images=array(image), left_out=array(left), notes=array(TEXT),
    )  # fmt: skip


def _doctor() -> Schema:
    from pixelgate.client.doctor import Health

    return record(checks=array(record(what=TEXT, health=one_of(Health), words=TEXT)))


def _sandbox() -> Schema:
    return record(
        bucket=TEXT, project=TEXT, variables=table(TEXT), roles=table(table(TEXT)),
        files=table(TEXT), logs=TEXT, outputs=table(TEXT),
    )  # fmt: skip


def _report() -> Schema:
    return record(**_BUILD, report=text("the path of the page"))


def _decided() -> Schema:
    return record({"review": maybe(_review_of_status())}, **_BUILD, reviews=array(_KEY))


def _github_app() -> Schema:
    return record(
        app_id={"type": ["integer", "string"]}, slug=TEXT, page=TEXT, install=TEXT, api=TEXT,
        webhook=FLAG, parameter=TEXT,
    )  # fmt: skip


def _projects() -> Schema:
    row = record(
        project=TEXT, builds=COUNT, newest=maybe(said(NUMBER, "seconds since 1970")),
        snapshots=COUNT, images=COUNT, size=said(COUNT, "bytes"), dollars=NUMBER, runs=COUNT,
        unpriced=COUNT, moving_from=maybe(TEXT), unseen=array(TEXT),
    )  # fmt: skip
    return record(bucket=TEXT, projects=array(row))


def _moved() -> Schema:
    place = record(bucket=TEXT, project=TEXT)
    return record(
        **{"from": place}, to=place, changed=FLAG, objects=COUNT, size=said(COUNT, "bytes"),
        records=COUNT, left=array(TEXT, "builds that nobody has accepted stay where they are"),
    )  # fmt: skip


def _deleted() -> Schema:
    return record(
        bucket=TEXT, project=TEXT, changed=FLAG, objects=COUNT, size=said(COUNT, "bytes"),
        records=COUNT,
    )  # fmt: skip


def _site() -> Schema:
    access = {"look": array(TEXT), "decide": array(TEXT)}
    own = record({name: maybe(rules) for name, rules in access.items()})
    login = record(
        {"scopes": array(TEXT), "login_claim": TEXT, "groups_claim": TEXT, "api": TEXT},
        kind=TEXT, issuer=TEXT, client_id=TEXT, client_secret=maybe({"const": "set"}),
    )  # fmt: skip
    settings = record(
        {"schema_version": COUNT, "url": maybe(TEXT), "repositories": table(TEXT)},
        login=login, access=record({"projects": table(own)}, **access),
    )  # fmt: skip
    return record(parameter=TEXT, site=maybe(TEXT), callback=maybe(TEXT), settings=maybe(settings))


def _failed_events() -> Schema:
    event = record(
        when=maybe(TEXT), function=maybe(TEXT), about=maybe(TEXT), attempts=maybe(COUNT),
        why=maybe(TEXT), problem=maybe(text("why it could not be read or sent")),
    )  # fmt: skip
    return record(queue=TEXT, events=array(event))


def _gc() -> Schema:
    return record(
        project=TEXT, deleting=said(FLAG, "whether --delete was given"),
        kept=table(COUNT, "builds by the reason why they are kept"),
        builds=array(TEXT, "those past retention"), images=COUNT, size=said(COUNT, "bytes"),
        hidden=COUNT, removed=COUNT, swept=COUNT, restored=COUNT, deleted=COUNT,
    )  # fmt: skip


def _index() -> Schema:
    row = record(
        project=TEXT, added=COUNT, known=COUNT, left=table(TEXT, "builds, and why"),
        requests=COUNT, usd=NUMBER,
    )  # fmt: skip
    return record(projects=array(row))


_Make = Callable[[], Schema]
# By the words of the command.
_MADE: Mapping[str, _Make] = {
    "doctor": _doctor,
    "compare": lambda: record(**_compared_fields()),
    "scan": _scan,
    "sandbox": _sandbox,
    "upload": _upload,
    "finalize": lambda: record(**_BUILD, manifest=_KEY),
    "wait": _result,
    "import-baseline": _import_baseline,
    "status": lambda: _result({"shards": _shards(), "reviews": array(_given())}),
    "changes": _changes,
    "report": _report,
    "approve": _decided,
    "reject": _decided,
    "history": _history,
    "life": _life,
    "flakes": _flakes,
    "quarantine add": lambda: record(project=TEXT, quarantines=array(TEXT, "the ids")),
    "quarantine lift": lambda: record(project=TEXT, lifts=array(TEXT, "the ids")),
    "quarantine list": _quarantine_list,
    "replay": _replayed,
    "deploy": lambda: table(TEXT, "the stack's outputs"),
    "github-app create": _github_app,
    "github-app show": _github_app,
    "projects list": _projects,
    "projects rename": _moved,
    "projects move": _moved,
    "projects delete": _deleted,
    "site show": _site,
    "admin failed": _failed_events,
    "admin redrive": _failed_events,
    "admin gc": _gc,
    "admin index": _index,
}
COMMANDS = tuple(_MADE)


def file_of(command: str) -> str:
    """Returns the name of a command's schema as a file."""
    return f"{command.replace(' ', '-')}.schema.json"


def schema_of(command: str) -> dict[str, Any]:
    """Returns the schema of what a command prints with `--json`. Raises KeyError."""
    return {
        "$schema": DRAFT,
        "$id": f"https://pixelgate.invalid/json/{file_of(command)}",
        "title": f"pixelgate {command} --json",
        **_MADE[command](),
    }
