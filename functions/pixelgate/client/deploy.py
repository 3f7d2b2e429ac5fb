"""Deploys a release: code into a bucket, then a stack by a change set."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pixelgate.client.release import CODE_BUCKET, CODE_PREFIX, TEMPLATE
from pixelgate.domain.wording import and_more
from pixelgate.errors import BucketError, NotFound, UsageError

if TYPE_CHECKING:
    from pixelgate.aws.deployment import Change, Target
    from pixelgate.client.release import Release
    from pixelgate.ports import Progress

PREFIX = "pixelgate/"
# The bucket's name contains the stack's, the account and the region: 63 characters in all.
_STACK_NAME = re.compile(r"[a-z][a-z0-9-]{0,34}")
_DATA = frozenset({"AWS::S3::Bucket", "AWS::DynamoDB::Table"})
_NEVER_MADE = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
_DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
# What CloudFormation says of a resource, and what cures it.
_CURES = (
    (r"MemorySize.*3008|3008.*MemorySize",
     "new accounts may give a function 3,008 MB: deploy with --parameter MemorySize=3008, or ask "
     "for more in Service Quotas"),
    (r"UnreservedConcurrentExecution|ReservedConcurrentExecution",
     "the account has too little Lambda concurrency: ask for more in Service Quotas"),
    (r"not authorized to perform|AccessDenied|is not authorized",
     "the credentials lack a permission that CloudFormation needs: deploy with those of an "
     "administrator"),
    (r"already exists|AlreadyOwnedByYou",
     "something of that name was there before, or was kept when an earlier stack was deleted: "
     "docs/teardown.md says how to adopt or to remove it"),
)  # fmt: skip


def deploy(
    release: Release, target: Target, chosen: Mapping[str, str], progress: Progress
) -> Mapping[str, str]:
    """Makes or updates the stack; returns its outputs.

    Raises:
        UsageError: the stack's name, a parameter or the stack's state stands against it.
        BucketError: AWS did not do it; the message has its reasons and the cure.
    """
    name = target.stack.name
    if not _STACK_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the stack's name, as the bucket's contains it: lower case "
            "letters, digits and hyphens, up to 35 of them"
        )
    check_parameters(release, chosen)
    present = _present(target)
    new = present is None
    parameters = _parameters(release, target, chosen, present)
    if new:
        _check_kept_bucket(release, target, parameters)
    architecture = parameters["Architecture"] or _value(present, "Architecture")
    if architecture not in release.template["Mappings"]["Zips"]:
        raise UsageError(
            f"the release has no code for {architecture}, only for "
            f"{' and '.join(release.template['Mappings']['Zips'])}; "
            "choose with --parameter Architecture=…"
        )
    url = _upload(release, target, architecture, progress)
    token = f"pixelgate-{time.time_ns()}"
    try:
        changes = target.stack.propose(url, parameters, token, new=new)
    except BucketError as error:
        raise _explained(error) from error
    if not changes and not new:
        progress.say("nothing is to be changed")
        return _outputs(target.stack.describe())
    _check_changes(changes, target, token, new=new)
    progress.say(f"release {release.version} for {architecture}: {in_words(changes)}")
    done = target.stack.execute(token)
    if done["StackStatus"] not in _DONE:
        raise BucketError(_failure(target, done, new=new))
    return _outputs(done)


def check_parameters(release: Release, chosen: Mapping[str, str]) -> None:
    """Raises UsageError for a parameter that the release does not have."""
    for name in chosen:
        if name in (CODE_BUCKET, CODE_PREFIX):
            raise UsageError(f"the parameter {name} is set by this command; see --artefacts")
        if name not in release.parameters:
            near = difflib.get_close_matches(name, release.parameters, 1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"the release has no parameter {name!r}; {meant}It has "
                f"{', '.join(release.parameters)}"
            )


def in_words(changes: Sequence[Change]) -> str:
    """Describes what a change set does."""
    verbs = {"Add": "added", "Modify": "changed", "Remove": "removed"}
    counted = Counter(verbs.get(change.action, change.action) for change in changes)
    words = ", ".join(f"{number} {verb}" for verb, number in counted.items())
    replaced = [change.name for change in changes if change.replaced]
    return f"resources: {words}" + (f" ({', '.join(replaced)} anew)" if replaced else "")


def _present(target: Target) -> Mapping[str, Any] | None:
    """The stack, if it can be updated; None if there is none. Raises UsageError."""
    try:
        found = target.stack.describe()
    except NotFound:
        return None
    status, name = found["StackStatus"], target.stack.name
    at = f"--stack-name {name} --region {target.region}"
    if status == "REVIEW_IN_PROGRESS":  # it has only ever been proposed
        return None
    if status in _NEVER_MADE:
        what = "could not be deleted" if status == "DELETE_FAILED" else "was never made"
        raise UsageError(
            f"the stack {name} {what} ({status}) and cannot be updated. Delete it, then deploy "
            f"again: aws cloudformation delete-stack {at}"
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        raise UsageError(
            f"the stack {name} is stuck between two versions ({status}). Finish that first: "
            f"aws cloudformation continue-update-rollback {at}"
        )
    if status.endswith("_IN_PROGRESS"):
        raise UsageError(
            f"the stack {name} is being changed by somebody else ({status}). Wait until that has "
            f"ended: aws cloudformation describe-stacks {at}"
        )
    # A kept bucket and table that were just imported have no outputs yet.
    if "CompareFunction" not in _outputs(found) and status != "IMPORT_COMPLETE":
        raise UsageError(
            f"the stack {name} is none of pixelgate's: it has no output CompareFunction. A "
            "deployment would remove what is in it; choose another --stack"
        )
    return found


def _value(stack: Mapping[str, Any] | None, parameter: str) -> str:
    found = {
        one["ParameterKey"]: one["ParameterValue"] for one in (stack or {}).get("Parameters", ())
    }
    return str(found.get(parameter, ""))


def _parameters(
    release: Release, target: Target, chosen: Mapping[str, str], present: Mapping[str, Any] | None
) -> dict[str, str | None]:
    """All parameters: as chosen, else None for the stack's value, else the release's default."""
    kept = {one["ParameterKey"] for one in (present or {}).get("Parameters", ())}
    values: dict[str, str | None] = {CODE_BUCKET: target.artefacts.name, CODE_PREFIX: PREFIX}
    for name, parameter in release.parameters.items():
        if name in chosen:
            values[name] = chosen[name]
        elif name in kept:
            values[name] = None
        elif name == "Architecture" and present and (built := target.stack.architecture()):
            values[name] = built  # by `make deploy`, which writes it into the template
        elif "Default" in parameter:
            values[name] = str(parameter["Default"])
        else:
            raise UsageError(f"the parameter {name} has no default: pass --parameter {name}=…")
    return values


def _check_kept_bucket(
    release: Release, target: Target, parameters: Mapping[str, str | None]
) -> None:
    """Raises UsageError if the new stack's bucket is there already: an earlier one was deleted."""
    known = {
        "AWS::StackName": target.stack.name, "AWS::AccountId": target.account,
        "AWS::Region": target.region, **{name: value or "" for name, value in parameters.items()},
    }  # fmt: skip
    for resource in release.template["Resources"].values():
        if resource["Type"] != "AWS::S3::Bucket":
            continue
        pattern = resource["Properties"]["BucketName"]["Fn::Sub"]
        name = re.sub(r"\$\{([\w:]+)\}", lambda found: known[found[1]], pattern)
        if target.has_bucket(name):
            raise UsageError(
                f"there is no stack {target.stack.name}, but its bucket {name}: an earlier stack "
                "of this name was deleted, which keeps the bucket and the table. Nothing was "
                "changed. docs/teardown.md says how to adopt both, or to remove them. A stack of "
                "another name has an empty bucket"
            )


def _upload(release: Release, target: Target, architecture: str, progress: Progress) -> str:
    """Uploads what is not there; returns the template's URL."""
    bucket = target.artefacts
    if not bucket.exists():
        progress.say(f"making the bucket {bucket.name}, for code")
        bucket.make()
    template = json.dumps(release.template, separators=(",", ":"), ensure_ascii=False).encode()
    for name in release.zips(architecture):
        if bucket.put(PREFIX + name, release.read(name)):
            progress.say(f"uploaded {name}")
    key = f"{PREFIX}{hashlib.sha256(template).hexdigest()[:16]}-{TEMPLATE}"
    bucket.put(key, template)
    return bucket.url(key)


def _check_changes(changes: Sequence[Change], target: Target, token: str, *, new: bool) -> None:
    """Withdraws a change set that gives up data. Raises UsageError."""
    lost = [c.name for c in changes if c.kind in _DATA and (c.replaced or c.action == "Remove")]
    if lost:
        target.stack.withdraw(token, new=new)
        raise UsageError(
            f"with these parameters the stack would give up its {' and '.join(sorted(lost))} for a "
            "new, empty one, and with it every baseline. Nothing was changed"
        )


def _explained(error: BucketError) -> BucketError:
    """An error of a change set with its cure, if there is one."""
    cures = _cures([str(error)])
    return type(error)(f"{error}{cures}")


def _cures(reasons: Sequence[str]) -> str:
    found = [cure for pattern, cure in _CURES if re.search(pattern, "\n".join(reasons), re.DOTALL)]
    return "".join(f"\n{cure}" for cure in found)


def _failure(target: Target, done: Mapping[str, Any], *, new: bool) -> str:
    """Says in words why a deployment failed, what is there now, and what to do."""
    name, status = target.stack.name, done["StackStatus"]
    reasons = target.stack.failures(done["StackId"])
    shown = reasons[:8] + [f"… {line}" for line in and_more(len(reasons) - 8)]
    listed = "".join(f"\n  {reason}" for reason in shown)
    at = f"--stack-name {name} --region {target.region}"
    if new:
        after = (
            "nothing of it is left but its empty shell and perhaps an empty table. Delete the "
            f"shell, then deploy again: aws cloudformation delete-stack {at}"
        )
    elif status == "UPDATE_ROLLBACK_FAILED":
        after = (
            "it is stuck between two versions. Remove the causes, then: "
            f"aws cloudformation continue-update-rollback {at}"
        )
    else:
        after = "it is as it was before, and works"
    return f"the stack {name} was not deployed ({status}):{listed}{_cures(reasons)}\n{after}"


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
