"""examples/ci/roles.yaml: whose tokens get which role, and what the role may do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from .stack import ROOT, Json, decided_resources, like, listed

EXAMPLES = ROOT / "examples" / "ci"
GITHUB = {
    "GitHubOwner": "acme", "GitHubOwnerId": "11", "GitHubRepository": "shop",
    "GitHubRepositoryId": "22",
}  # fmt: skip
GITLAB = {"GitLabProject": "acme/web/shop", "GitLabHost": "git.example.com"}
NEW, OLD = "repo:acme@11/shop@22", "repo:acme/shop"


def resources(**chosen: Any) -> dict[str, Json]:
    source = yaml_parse((EXAMPLES / "roles.yaml").read_text(encoding="utf-8"))
    values = {name: p.get("Default", name.upper()) for name, p in source["Parameters"].items()}
    return decided_resources(source, {**values, **chosen})


def takers(found: dict[str, Json], claims: dict[str, str]) -> set[str]:
    """The roles that a token with these claims, named by issuer and claim, gets."""
    roles = {n: r["Properties"] for n, r in found.items() if r["Type"] == "AWS::IAM::Role"}
    return {name for name, role in roles.items() if trusts(role, claims)}


def trusts(role: Json, claims: dict[str, str]) -> bool:
    document = role["AssumeRolePolicyDocument"]
    if isinstance(document, str):
        document = json.loads(document)
    [statement] = document["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"].keys() == {"StringEquals", "StringLike"}
    return all(
        name in claims and any(like(wanted, claims[name]) for wanted in listed(values))
        for keys in statement["Condition"].values()
        for name, values in keys.items()
    )


def of_github(subject: str, audience: str = "sts.amazonaws.com") -> dict[str, str]:
    issuer = "token.actions.githubusercontent.com"
    return {f"{issuer}:sub": subject, f"{issuer}:aud": audience}


def of_gitlab(subject: str, host: str = "git.example.com") -> dict[str, str]:
    return {f"{host}:sub": subject, f"{host}:aud": "sts.amazonaws.com"}


CI, TRUNK, FORK = "GitHubCiRole", "GitHubTrunkRole", "GitHubForkRole"


@pytest.mark.parametrize(
    ("subject", "roles"),
    [
        pytest.param(f"{NEW}:ref:refs/heads/main", {TRUNK, CI}, id="the baseline branch"),
        pytest.param(f"{NEW}:ref:refs/heads/topic", {CI}, id="another branch"),
        pytest.param(f"{NEW}:ref:refs/heads/main2", {CI}, id="a branch with a longer name"),
        pytest.param(f"{NEW}:ref:refs/heads/x/main", {CI}, id="a branch below another"),
        pytest.param(f"{NEW}:pull_request", {CI}, id="a pull request"),
        pytest.param(f"{NEW}:ref:refs/tags/main", set(), id="a tag of that name"),
        pytest.param(f"{NEW}:environment:pixelgate-forks", {FORK}, id="the job for forks"),
        pytest.param(f"{NEW}:environment:production", set(), id="another workflow's environment"),
        pytest.param("repo:evil@99/shop@98:pull_request", set(), id="a fork"),
        pytest.param("repo:evil@99/shop@98:ref:refs/heads/main", set(), id="a fork's main"),
        pytest.param("repo:acme-evil@11/shop@22:pull_request", set(), id="a longer owner"),
        pytest.param("repo:acme@112/shop@22:pull_request", set(), id="a longer number"),
        pytest.param("repo:acme@99/shop@22:pull_request", set(), id="another owner of that name"),
        pytest.param("repo:acme@11/shop@98:pull_request", set(), id="another repository so named"),
        pytest.param("repo:acme@11/shop2@22:pull_request", set(), id="another repository"),
        pytest.param(f"{OLD}:ref:refs/heads/main", set(), id="a subject of the old form"),
    ],
)
def test_a_token_of_github(subject: str, roles: set[str]) -> None:
    assert takers(resources(**GITHUB), of_github(subject)) == roles


@pytest.mark.parametrize(
    ("subject", "roles"),
    [
        (f"{OLD}:ref:refs/heads/main", {TRUNK, CI}),
        (f"{NEW}:ref:refs/heads/main", {TRUNK, CI}),
        (f"{OLD}:pull_request", {CI}),
        (f"{OLD}:environment:pixelgate-forks", {FORK}),
        ("repo:acme-evil/shop:pull_request", set()),
        ("repo:acme/shop-evil:pull_request", set()),
    ],
)
def test_a_token_of_github_where_the_old_subject_counts_too(subject: str, roles: set[str]) -> None:
    assert takers(resources(**GITHUB, GitHubOldSubject="yes"), of_github(subject)) == roles


@pytest.mark.parametrize(
    ("subject", "roles"),
    [
        pytest.param("branch:ref:main", {"GitLabTrunkRole", "GitLabCiRole"}, id="baseline branch"),
        pytest.param("branch:ref:topic", {"GitLabCiRole"}, id="another branch"),
        pytest.param("tag:ref:main", set(), id="a tag of that name"),
    ],
)
def test_a_token_of_gitlab(subject: str, roles: set[str]) -> None:
    found = resources(**GITLAB)
    ours = f"project_path:acme/web/shop:ref_type:{subject}"
    assert takers(found, of_gitlab(ours)) == roles
    assert takers(found, of_gitlab(ours, "gitlab.com")) == set()  # the same path elsewhere
    for path in ("evil/shop", "acme/web/shop-evil", "acme/web/shop/more", "acme-evil/web/shop"):
        assert takers(found, of_gitlab(f"project_path:{path}:ref_type:{subject}")) == set()


def test_a_token_for_another_audience_gets_nothing() -> None:
    token = of_github(f"{NEW}:pull_request", "https://github.com/acme")
    assert takers(resources(**GITHUB), token) == set()


def test_an_account_s_provider_is_made_or_taken() -> None:
    def providers(found: dict[str, Json]) -> list[str]:
        return [
            r["Properties"]["Url"] for r in found.values() if r["Type"].endswith("OIDCProvider")
        ]

    assert providers(resources(**GITHUB)) == ["https://token.actions.githubusercontent.com"]
    assert providers(resources(**GITLAB)) == ["https://git.example.com"]
    ours = "arn:aws-cn:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    taken = resources(**GITHUB, ExistingGitHubProvider=ours)
    assert providers(taken) == []
    [statement] = taken[CI]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Federated": ours}
    assert not [r for r in resources().values() if r["Type"] == "AWS::IAM::Role"]


APPROVE = "GitHubApproveRole"
APPROVING = {**GITHUB, "GitHubApproveWorkflow": "github-approve.yml"}
WORKFLOW = "acme/shop/.github/workflows/github-approve.yml@refs/heads/main"
OF_COMMENT = {
    "sub": f"{NEW}:ref:refs/heads/main", "aud": "sts.amazonaws.com", "repository_id": "22",
    "ref": "refs/heads/main", "job_workflow_ref": WORKFLOW, "actor_id": "7",
}  # fmt: skip


def of_job(**changed: str | None) -> dict[str, str]:
    """The claims of the job that a comment starts, with some changed or left out."""
    claims = {**OF_COMMENT, **changed}
    issuer = "token.actions.githubusercontent.com"
    return {f"{issuer}:{name}": value for name, value in claims.items() if value is not None}


def test_the_workflow_of_comments_gets_its_role_on_the_default_branch() -> None:
    assert APPROVE in takers(resources(**APPROVING), of_job())
    assert takers(resources(**GITHUB), of_job()) == {TRUNK, CI}  # unless its file is named
    other = resources(**APPROVING, GitHubDefaultBranch="trunk/next")
    assert APPROVE not in takers(other, of_job())
    branch = "refs/heads/trunk/next"
    workflow = f"acme/shop/.github/workflows/github-approve.yml@{branch}"
    job = of_job(sub=f"{NEW}:ref:{branch}", ref=branch, job_workflow_ref=workflow)
    assert takers(other, job) == {CI, APPROVE}


ELSEWHERE: dict[str, dict[str, str | None]] = {
    "another workflow": {"job_workflow_ref": WORKFLOW.replace("github-approve", "pixelgate")},
    "the workflow of another branch": {
        "job_workflow_ref": WORKFLOW.replace("refs/heads/main", "refs/heads/topic")
    },
    "the workflow of a commit": {"job_workflow_ref": WORKFLOW.replace("refs/heads/main", "4f2a9c")},
    "the workflow of a tag": {"job_workflow_ref": WORKFLOW.replace("heads/main", "tags/main")},
    "a fork's workflow": {"job_workflow_ref": WORKFLOW.replace("acme/", "evil/")},
    "a longer name": {"job_workflow_ref": f"{WORKFLOW}2"},
    "a token without the claim": {"job_workflow_ref": None},
    "another branch": {"ref": "refs/heads/topic", "sub": f"{NEW}:ref:refs/heads/topic"},
    "only its ref": {"ref": "refs/heads/topic"},
    "a tag of that name": {"ref": "refs/tags/main"},
    "a pull request": {"ref": "refs/pull/5/merge", "sub": f"{NEW}:pull_request"},
    "only its subject": {"sub": f"{NEW}:pull_request"},
    "an environment": {"sub": f"{NEW}:environment:production"},
    "another repository of that name": {"repository_id": "98"},
    "a longer number": {"repository_id": "223"},
    "no number": {"repository_id": None},
    "another audience": {"aud": "https://github.com/acme"},
}


@pytest.mark.parametrize("changed", ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_other_job_gets_the_role_of_comments(changed: dict[str, str | None]) -> None:
    assert APPROVE not in takers(resources(**APPROVING), of_job(**changed))


def test_the_role_of_comments_may_be_for_some_accounts_only() -> None:
    some = resources(**APPROVING, GitHubApproverIds=["7", "8"])
    assert APPROVE in takers(some, of_job())
    assert APPROVE in takers(some, of_job(actor_id="8"))
    for other in ("9", "77", None):
        assert APPROVE not in takers(some, of_job(actor_id=other))
    assert APPROVE in takers(resources(**APPROVING), of_job(actor_id="9"))


def test_a_token_with_the_old_subject_gets_the_role_of_comments_if_that_counts() -> None:
    old = of_job(sub=f"{OLD}:ref:refs/heads/main")
    assert takers(resources(**APPROVING), old) == set()
    assert APPROVE in takers(resources(**APPROVING, GitHubOldSubject="yes"), old)


@pytest.mark.parametrize(
    "name", ["trunk", "ci", "fork", "approve", "reviewer", "operator", "projects"]
)
def test_the_policies_are_those_of_the_files(name: str) -> None:
    names = {"Bucket": "BUCKET", "Project": "PROJECT", "Stack": "STACK", "Queue": "QUEUE"}
    found = resources(
        **APPROVING, **names, Table="TABLE", BucketAccount="ACCOUNT", NewProject="NEWNAME"
    )
    policy = found[f"{name.capitalize()}Policy"]["Properties"]["PolicyDocument"]
    ours = json.dumps(policy["Statement"])
    for long, short in (("Partition}", "aws"), ("AccountId}", "ACCOUNT"), ("Region}", "REGION")):
        ours = ours.replace("${AWS::" + long, short)
    theirs = json.loads((EXAMPLES / f"role-{name}.json").read_text(encoding="utf-8"))
    assert normal(json.loads(ours)) == normal(theirs["Statement"])


def test_roles_get_the_policy_of_their_kind_a_boundary_and_the_key() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/k"
    found = resources(**APPROVING, **GITLAB, PermissionsBoundary="BOUNDARY", KmsKeyArn=key)
    roles = {n: r["Properties"] for n, r in found.items() if r["Type"] == "AWS::IAM::Role"}
    assert len(roles) == 6
    for name, role in roles.items():
        kind = name.removeprefix("GitHub").removeprefix("GitLab").removesuffix("Role")
        assert role["ManagedPolicyArns"] == [f"${{{kind}Policy}}"]
        assert role["PermissionsBoundary"] == "BOUNDARY"
        statements = found[f"{kind}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        assert [s["Resource"] for s in statements if s["Sid"] == "UseTheKey"] == [key]


def normal(statements: list[Any]) -> list[Any]:
    return [{k: v if k != "Resource" else listed(v) for k, v in s.items()} for s in statements]


def test_an_operator_s_role_uses_the_key_for_queue_and_table_too() -> None:
    found = resources(Stack="pixelgate", KmsKeyArn="arn:aws:kms:us-east-1:123456789012:key/k")
    for name, services in (("Operator", ["s3", "sqs", "dynamodb"]), ("Reviewer", ["s3"])):
        statements = found[f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        [use] = [s for s in statements if s["Sid"] == "UseTheKey"]
        named = listed(use["Condition"]["StringLike"]["kms:ViaService"])
        assert [service.partition(".")[0] for service in named] == services
