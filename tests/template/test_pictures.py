"""Pictures in comments: off unless asked for, and then the notifier reads these and no more."""

from __future__ import annotations

import pytest

from pixelgate.notify.pictures import CommentPictures

from .stack import Stack, allows, decided, object_arn

RESULT = "comparisons/web/4f2a9c1d/b7730e52/1"
TOKEN = {
    "GitHubTokenSecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:t-AbCdEf",
    "GitHubRepositories": "acme/shop",
}
APP = {"GitHubApp": "/acme/github-app", "GitHubRepositories": "acme/shop"}
ON_GITLAB = {
    "GitLabTokenSecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:t-AbCdEf",
    "GitLabRepositories": "acme/shop",
}
LIST, PICTURE = f"{RESULT}/previews/list.json", f"{RESULT}/previews/0a1b.png"
OTHERS = (
    f"{RESULT}/index.html",
    f"{RESULT}/comparison.json",
    f"{RESULT}/masks/1/9f86d081-60303ae2.png",
    f"{RESULT}/thumbs/9f86d081.webp",
    "images/web/9f86d081",
    # Of a build of that name.
    "comparisons/web/previews/b7730e52/1/masks/1/9f86d081-60303ae2.png",
    "comparisons/web/4f2a9c1d/previews/1/thumbs/list.json",
)


def read_by_notifier(stack: Stack) -> list[str]:
    grants = stack.grants("NotifyRole")
    asked = (LIST, PICTURE, *OTHERS)
    return [key for key in asked if allows(grants, "s3:GetObject", object_arn(key))]


@pytest.mark.parametrize(
    ("how", "credential", "read"),
    [
        (None, TOKEN, []),
        ("off", TOKEN, []),
        ("attach", TOKEN, [LIST, PICTURE]),
        ("site", TOKEN, [LIST]),
        ("site", APP, [LIST]),
        ("attach", APP, [LIST]),
        ("attach", {}, []),
        ("site", ON_GITLAB, []),
    ],
)
def test_the_notifier_reads_what_it_shows(
    how: str | None, credential: dict[str, str], read: list[str]
) -> None:
    stack = decided(**credential, **({"CommentPictures": how} if how else {}))
    assert read_by_notifier(stack) == read
    for grant in stack.grants("NotifyRole"):
        if grant["Sid"].endswith("PicturesOfComments"):
            assert list(grant["Condition"]["StringEquals"]) == ["aws:ResourceAccount"]
    writes = stack.grants("NotifyRole")
    assert not allows(writes, "s3:PutObject", object_arn(LIST))


@pytest.mark.parametrize("how", ["off", "attach", "site"])
def test_who_draws_and_who_shows_them_is_told(how: str) -> None:
    stack = decided(**TOKEN, CommentPictures=how)
    told = {
        name: function["Environment"]["Variables"]["PIXELGATE_COMMENT_PICTURES"]
        for name, function in stack.of_type("AWS::Lambda::Function").items()
        if "PIXELGATE_COMMENT_PICTURES" in function["Environment"]["Variables"]
    }
    assert told == dict.fromkeys(("CompareFunction", "PublishFunction", "NotifyFunction"), how)


def test_it_is_off_by_default_and_takes_what_the_code_knows() -> None:
    parameter = decided().parameters["CommentPictures"]
    assert parameter["Default"] == "off"
    assert parameter["AllowedValues"] == [str(how) for how in CommentPictures]


@pytest.mark.parametrize("role", ["CompareRole", "PublishRole"])
def test_who_draws_them_may_store_them(role: str) -> None:
    assert allows(decided().grants(role), "s3:PutObject", object_arn(LIST))
