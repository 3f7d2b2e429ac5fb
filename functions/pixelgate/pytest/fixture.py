"""The value of the fixture `pixelgate`: what one attempt of one test takes."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from pixelgate.domain.manifest import check_name
from pixelgate.domain.manifest_schema import ImageFields, PolicyOverrides, in_words
from pixelgate.domain.names import in_any_case
from pixelgate.domain.policy import Policy
from pixelgate.domain.policy_rules import overridden
from pixelgate.errors import BadManifest, UsageError
from pixelgate.pytest.files import put
from pixelgate.pytest.names import safe, stem_of
from pixelgate.pytest.pictures import facts, suffix_of, take

if TYPE_CHECKING:
    from pathlib import Path

    from pixelgate.pytest.judge import Outcome
    from pixelgate.pytest.run import Run

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Shot:
    """A screenshot that was written, and the fields of its policy."""

    path: Path
    policy: Mapping[str, Any] = field(default_factory=dict)


class Pixelgate:
    """Takes screenshots for one test."""

    def __init__(self, run: Run, item: pytest.Item) -> None:
        self._run = run
        self._id = item.nodeid
        self._about = inspect.getdoc(getattr(item, "function", None)) or ""
        self._stem = stem_of(item)
        self._taken: set[str] = set()
        self._awaited: set[str] = set()  # of Playwright's async API, until they are awaited
        self._shots: dict[str, Shot] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._whole = False  # whether the test has come to its end

    def __call__(
        self,
        target: Any,
        name: str | None = None,
        *,
        tags: Mapping[str, str] | list[str] | None = None,
        description: str | None = None,
        group: str | None = None,
        display_name: str | None = None,
        context: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """Takes a screenshot and writes it, with a JSON file beside it, to the folder of this run.

        Args:
            target: a Playwright page or locator, a Pillow image, the bytes of a PNG, JPEG or WebP
                file, or the path of one.
            name: unique within the test; "/" makes folders. Without one the test's own name.
            tags: more tags than browser, platform and viewport, which a page has by itself.
            description: by default the first line of the test's docstring.
            group: snapshots of one group are decided together.
            display_name: what the report shows instead of the name.
            context: further facts for the report, as JSON.
            policy: what counts for this screenshot, as in docs/manifest.md.
            options: options of Playwright's `screenshot`, such as `full_page` and `mask`.

        Returns:
            The path of the image; of a page of Playwright's async API an awaitable of it.

        Raises:
            UsageError: the name was used before, a field is wrong, or nothing can be taken.
        """
        __tracebackhide__ = True
        about: dict[str, Any] = {
            "display_name": display_name,
            "group": group,
            "description": description or self._about.partition("\n")[0].strip(),
            "tags": _joined(facts(target), tags),
            "context": {**(context or {}), "test": self._id},
            "policy": policy,
        }
        about = {key: value for key, value in about.items() if value not in (None, "", {}, [])}
        try:
            stem = self._stem_of(name)
            _check(stem, about)
            shot = take(target, options)
            if inspect.isawaitable(shot):
                self._awaited.add(stem)
                return self._later(stem, shot, about)
            return self._write(stem, shot, about)
        except UsageError as error:  # shown in the user's line, not in ours
            raise UsageError(str(error)) from None

    async def _later(self, stem: str, shot: Awaitable[bytes], about: Mapping[str, Any]) -> Path:
        try:
            body = await shot
        finally:
            self._awaited.discard(stem)
        return self._write(stem, body, about)

    def _stem_of(self, name: str | None) -> str:
        """Returns the path of a screenshot without its suffix."""
        if name is None:
            stem = self._stem
        elif not isinstance(name, str):
            raise UsageError(f"the name of a screenshot is a text, not {name!r}")
        else:
            suffix = next((s for s in _SUFFIXES if name.lower().endswith(s)), "")
            parts = name[: len(name) - len(suffix)].split("/")
            stem = "/".join([self._stem, *map(safe, parts)])
        try:
            check_name(f"{stem}.webp")
        except BadManifest as error:
            raise UsageError(f"{error}; shorten the test's name or the screenshot's") from error
        if in_any_case(stem) in {in_any_case(other) for other in (*self._taken, *self._awaited)}:
            raise UsageError(
                f"this test has taken {name!r} before; give each of its screenshots another name"
                if name
                else "this test has taken a screenshot without a name before; name the others"
            )
        return stem

    def _write(self, stem: str, body: Any, about: Mapping[str, Any]) -> Path:
        if not isinstance(body, bytes):
            raise UsageError(f"a screenshot is made of bytes, not {type(body).__name__!r}")
        name = stem + suffix_of(body)
        path = self._run.settings.snapshots / name
        # An image counts only once it is there, so the file beside it comes first.
        text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
        put(path.with_suffix(".json"), text.encode())
        put(path, body)
        self._taken.add(stem)
        self._shots[name] = Shot(path, about.get("policy", {}))
        return path

    def forget(self) -> None:
        """Removes what this test has taken before."""
        self._run.forget(self._stem)

    def finish(self) -> None:
        """Compares what the test took with the baseline, at its end.

        Raises:
            pytest.fail.Exception: there is something to review.
        """
        if self._awaited:
            names = ", ".join(sorted(self._awaited))
            pytest.fail(f"pixelgate: await the screenshot: {names}", pytrace=False)
        self._outcomes = self._run.judge(self._stem, self._shots)
        self._whole = True
        if message := self._run.complaint(self._id, self._outcomes):
            pytest.fail(message, pytrace=False)

    def record(self) -> dict[str, Any]:
        """Returns what the run needs to know of this test, as JSON."""
        return {
            "stem": self._stem,
            "taken": {name: dict(shot.policy) for name, shot in self._shots.items()},
            "outcomes": {name: list(outcome) for name, outcome in self._outcomes.items()},
            "whole": self._whole,
        }


def _joined(own: Mapping[str, str], given: object) -> object:
    if isinstance(given, list):
        return [*given, *own.values()]
    return {**own, **given} if isinstance(given, Mapping) else given or own


def _check(stem: str, about: Mapping[str, Any]) -> None:
    """Checks the fields of the JSON file as `pixelgate upload` will."""
    try:
        json.dumps(about, ensure_ascii=False).encode()
        fields = ImageFields.model_validate({**about, "sha256": "0" * 64, "width": 1, "height": 1})
        if fields.policy:
            overridden("policy", fields.policy, Policy())
    except ValidationError as error:
        raise UsageError(f"{stem}: {in_words(error)}") from error
    except (BadManifest, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{stem}: {error}") from error


def overrides(fields: Mapping[str, Any]) -> PolicyOverrides:
    """Returns the policy that a screenshot was taken with."""
    policy: PolicyOverrides = PolicyOverrides.model_validate(fields)
    return policy
