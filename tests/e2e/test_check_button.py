"""The Approve button of a check run: GitHub calls the review site, and the check turns green."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from e2e.deployed import wait_until
from e2e.test_reviews import BASE, HEAD, OF_PULL_REQUEST, pictures
from pixelgate.domain.keys import BuildId
from pixelgate.sandbox.cloud import EmbeddedCloud
from support.github import REPOSITORY, FakeGitHub, github_with_app
from support.github_app import APP_ID, OTHER_APP, delivery
from support.site import Site, site
from uploader import Uploader

pytestmark = pytest.mark.e2e

CREDENTIALS = "/pixelgate/github-app"
COMMIT, CHECK = "c0ffee", "pixelgate/shop"


@dataclass(frozen=True)
class Deployed:
    """A stack that approves from the check, a GitHub App, and a build with a button."""

    cloud: EmbeddedCloud
    site: Site
    github: FakeGitHub
    build: BuildId

    @property
    def run(self) -> dict[str, Any]:
        assert self.github.app is not None
        found = self.github.app.run(COMMIT, CHECK)
        assert found is not None
        return found

    @property
    def shown(self) -> str | None:
        """The conclusion of the check; None while it runs."""
        assert self.github.app is not None
        found = self.github.app.shown(COMMIT, CHECK)
        return found[0] if found else None

    def press(self, who: str, app: int = APP_ID, **more: str) -> urllib3.BaseHTTPResponse:
        """What GitHub sends when somebody presses the button; `more` as of `delivery`."""
        _, number = self.github.members[who]
        run = {**self.run, "app": {"id": app}, "pull_requests": []}
        content = {
            "action": "requested_action",
            "requested_action": {"identifier": run["actions"][0]["identifier"]},
            "check_run": {key: value for key, value in run.items() if key != "actions"},
            "repository": {"id": 7, "full_name": REPOSITORY},
            "sender": {"login": who, "id": number, "type": "User"},
            "installation": {"id": 99},
        }
        headers, body = delivery(content, **more)
        return self.site.ask("POST", "/github/webhook", headers, body)

    def reviews(self) -> list[dict[str, Any]]:
        """The reviews of the build, as they are kept."""
        s3, bucket = self.cloud.client("s3"), self.cloud.bucket
        prefix = f"builds/{self.build}/reviews/"
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
        return [json.load(s3.get_object(Bucket=bucket, Key=o["Key"])["Body"]) for o in listed]


@pytest.fixture(scope="module")
def deployed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with ExitStack() as stack:
        fake = stack.enter_context(github_with_app())
        fake.members = {"ada": ("write", 1), "bob": ("read", 2)}
        parameters = {
            "Site": "function-url",
            "TrunkPrefix": "optional",
            "GitHubApp": CREDENTIALS,
            "GitHubRepositories": REPOSITORY,
            "ApproveFromCheck": "on",
        }
        cloud = stack.enter_context(EmbeddedCloud.start(build_dir=built, parameters=parameters))
        cloud.client("ssm").put_parameter(Name=CREDENTIALS, Value=fake.token, Type="SecureString")
        found = stack.enter_context(site(cloud))
        folder = tmp_path_factory.mktemp("shots")
        uploader = Uploader(cloud.client("s3"), cloud.bucket, "shop")
        uploader.wait(uploader.upload("base", pictures(folder / "base", BASE)))
        fake.pull(5, COMMIT)
        build = uploader.upload(
            "head", pictures(folder / "head", HEAD), commit=COMMIT, **OF_PULL_REQUEST
        )
        uploader.wait(build)
        running = Deployed(cloud, found, fake, build)
        wait_until(lambda: running.shown == "action_required")
        yield running
        cloud.wait_until_idle()


def test_the_check_leads_to_the_site_and_has_the_button(deployed: Deployed) -> None:
    run = deployed.run
    assert run["details_url"] == f"{deployed.site.url}/builds/{deployed.build}"
    assert run["external_id"].startswith("shop/head/")
    assert len(run["actions"]) == 1


@pytest.mark.parametrize(
    ("who", "app", "more", "status"),
    [
        pytest.param("ada", APP_ID, {"secret": "guessed"}, 401, id="forged signature"),
        pytest.param(
            "ada", OTHER_APP, {"number": "12d3162e-cc78-11e3"}, 200, id="another App's check"
        ),
        pytest.param("bob", APP_ID, {"number": "22d3162e-cc78-11e3"}, 200, id="a reader"),
    ],
)
def test_nobody_else_presses_it(
    deployed: Deployed, who: str, app: int, more: dict[str, str], status: int
) -> None:
    answer = deployed.press(who, app, **more)
    assert answer.status in {status, 202}, answer.data
    deployed.cloud.wait_until_idle()
    assert (deployed.reviews(), deployed.shown) == ([], "action_required")


def test_pressed_by_who_may_it_turns_green_and_counts_once(deployed: Deployed) -> None:
    number = "72d3162e-cc78-11e3"
    for _ in range(2):  # GitHub may deliver twice
        answer = deployed.press("ada", number=number)
        assert answer.status in {200, 202}, answer.data
        wait_until(lambda: deployed.shown == "success")
        deployed.cloud.wait_until_idle()
        deployed.run.setdefault("actions", []).append({"identifier": "pixelgate-approve"})
    [review] = deployed.reviews()
    assert review["id"] == f"github-{number}"
    assert review["on_behalf_of"] == {
        "issuer": "https://github.com",
        "subject": "1",
        "login": "ada",
    }
