"""The example roles of examples/ci keep one project apart from another, as IAM reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .stack import BUCKET_ARN, ROOT, Stack, covers, listed, object_arn

IMAGE = "images/shop/9f86d081"
MANIFEST = "uploads/shop/7/manifest.json"
FORKS = "uploads/shop/fork.7/manifest.json"
STATUS = "builds/shop/7/status.json"
REVIEW = "reviews/shop/7/1.json"
REPORT = "comparisons/shop/7/6/1/index.html"
MASK = "diffs/shop/1/9f86d081-60303ae2.png"
FORKS_STATUS = "builds/shop/fork.7/status.json"
TRUNKS = "uploads/shop/trunk.7/manifest.json"
TRUNKS_IMAGE = "uploads/shop/trunk.7/home.png"
EVERYTHING = [
    IMAGE, MANIFEST, FORKS, TRUNKS, TRUNKS_IMAGE, STATUS, REVIEW, REPORT, MASK, FORKS_STATUS,
]  # fmt: skip
LOOK_ALIKES = ["shop2", "shop.", "sho", "a/shop", "shоp", "SHOP"]
MAY_WRITE = {
    "role-trunk.json": {IMAGE, TRUNKS, TRUNKS_IMAGE},
    "role-ci.json": {IMAGE, MANIFEST, FORKS},
    "role-fork.json": {FORKS},
    "role-reviewer.json": {REVIEW},
}
NEVER = ("s3:DeleteObject", "s3:PutObjectAcl", "s3:PutBucketPolicy", "s3:DeleteObjectVersion")


def statements(role: str, project: str = "shop") -> list[dict[str, Any]]:
    text = (ROOT / "examples" / "ci" / role).read_text(encoding="utf-8")
    text = text.replace("arn:aws:s3:::BUCKET", BUCKET_ARN).replace("PROJECT", project)
    found: list[dict[str, Any]] = json.loads(text)["Statement"]
    return found


def may(role: str, action: str, key: str) -> bool:
    about = [s["Effect"] for s in statements(role) if covers(s, action, object_arn(key))]
    assert set(about) <= {"Allow", "Deny"}
    return "Allow" in about and "Deny" not in about


@pytest.mark.parametrize("role", MAY_WRITE)
def test_a_role_writes_its_own_and_deletes_or_opens_nothing(role: str) -> None:
    assert {key for key in EVERYTHING if may(role, "s3:PutObject", key)} == MAY_WRITE[role]
    assert [(key, a) for key in EVERYTHING for a in NEVER if may(role, a, key)] == []


@pytest.mark.parametrize("role", MAY_WRITE)
@pytest.mark.parametrize("other", LOOK_ALIKES)
def test_another_project_is_out_of_reach(role: str, other: str) -> None:
    keys = [key.replace("/shop/", f"/{other}/") for key in EVERYTHING]
    reached = [k for k in keys for a in ("s3:PutObject", "s3:GetObject") if may(role, a, k)]
    assert reached == []


@pytest.mark.parametrize("role", [*MAY_WRITE, "role-operator.json", "role-projects.json"])
def test_a_bucket_of_that_name_in_another_account_is_out_of_reach(role: str) -> None:
    for statement in statements(role):
        on_s3 = any(action.startswith("s3:") for action in listed(statement["Action"]))
        if on_s3 and statement["Effect"] == "Allow":
            assert statement["Condition"]["StringEquals"] == {"aws:ResourceAccount": "ACCOUNT"}


def test_a_fork_reads_its_own_results_only() -> None:
    read = [k for k in EVERYTHING if may("role-fork.json", "s3:GetObject", k)]
    assert read == [FORKS, FORKS_STATUS]


@pytest.mark.parametrize("role", MAY_WRITE)
def test_a_listing_is_of_the_project_s_prefixes(role: str) -> None:
    """ListBucket is granted on the bucket, and narrowed by what is listed."""
    for statement in statements(role):
        if "s3:ListBucket" not in statement["Action"]:
            continue
        prefixes = statement["Condition"]["StringLike"]["s3:prefix"]
        assert prefixes
        assert all(prefix.split("/")[1] == "shop" for prefix in prefixes)


def test_who_collects_by_hand_may_what_the_tidy_function_may(stack: Stack) -> None:
    def of_bucket_and_table(found: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {
            (action, resource.partition(":::")[2].partition("/")[2].split("/")[0])
            for statement in found
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
            if action.startswith(("s3:", "dynamodb:"))
        }

    by_hand = of_bucket_and_table(statements("role-operator.json"))
    assert by_hand == of_bucket_and_table(stack.grants("TidyRole"))
    assert ("s3:DeleteObject", "images") in by_hand
