"""One run of pytest that takes screenshots: what its tests took, the report, the new baseline."""

from __future__ import annotations

import io
import shutil
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import redirect_stderr
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import pytest

from pixelgate.domain.comparison import QUARANTINED
from pixelgate.domain.names import in_any_case
from pixelgate.domain.quarantine import Known, apply
from pixelgate.errors import UsageError
from pixelgate.pytest import names
from pixelgate.pytest.files import accept, clear, recover
from pixelgate.pytest.fixture import Pixelgate, Shot, overrides
from pixelgate.pytest.judge import INSTALL, Judge, Outcome, OwnPolicies
from pixelgate.pytest.settings import Settings, settings_of
from pixelgate.storage.folder import find_images

if TYPE_CHECKING:
    from pixelgate.client.compare_folders import LocalResult
    from pixelgate.client.config import Config
    from pixelgate.domain.policy_rules import Policies

_REVIEWED = ("errored", "changed", "added", "removed")
_SHOWN = 10


class Run:
    """The state of one process. Only the controlling process reports and accepts."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._judge = Judge()
        self._records: dict[str, dict[str, Any]] = {}  # of the last attempts, by the test's id
        self._failed: set[str] = set()
        self.gone: list[str] = []  # screenshots in the baseline whose tests are gone
        self.lines: list[str] = []  # of the summary

    @cached_property
    def settings(self) -> Settings:
        """The folders. Raises UsageError."""
        settings = settings_of(self._config)
        if settings.baseline is not None:
            recover(settings.baseline)
        return settings

    @cached_property
    def _file(self) -> Config:
        """The nearest pixelgate.toml. Raises UsageError."""
        from pixelgate.client.config import find_config, read_config

        return read_config(find_config(self.settings.root))

    @cached_property
    def _policies(self) -> Policies:
        return self._file.policies({})

    @property
    def _baseline(self) -> Path | None:
        """The folder to compare with; None if there is none."""
        baseline = self.settings.baseline
        return baseline if baseline is not None and baseline.is_dir() else None

    def close(self) -> None:
        """Ends the processes that were started."""
        self._judge.close()

    # One test

    def begin(self, item: pytest.Item) -> Pixelgate:
        """Begins an attempt of a test: what an earlier one took counts no more."""
        taker = Pixelgate(self, item)
        taker.forget()
        return taker

    def forget(self, stem: str) -> None:
        """Removes what a test has taken, in this run or in an earlier one."""
        folder = self.settings.snapshots
        clear(folder, _taken_by(folder, stem))
        shutil.rmtree(folder / stem, ignore_errors=True)

    def judge(self, stem: str, shots: Mapping[str, Shot]) -> dict[str, Outcome]:
        """Compares what a test took with its part of the baseline; empty if there is none."""
        baseline = self._baseline
        if baseline is None:
            return dict.fromkeys(shots, ("added", "")) if self.settings.update else {}
        base = {name: baseline / name for name in _taken_by(baseline, stem)}
        head = {name: shot.path for name, shot in shots.items()}
        own = {name: overrides(shot.policy) for name, shot in shots.items() if shot.policy}
        return self._excused(self._judge.judge(base, head, OwnPolicies(self._policies, own)))

    def _excused(self, outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
        """Returns the outcomes; what changed in quarantine has that for its status, and passes."""
        if not self._file.quarantine:
            return outcomes
        names, now = outcomes.keys(), datetime.now(UTC)
        stamps = apply(self._file.quarantine, names, now, Known()).stamps
        return outcomes | {
            name: (QUARANTINED, f"{words}; until {stamps[name].until[:10]}, {stamps[name].owner}")
            for name, (status, words) in outcomes.items()
            if status == "changed" and name in stamps
        }

    def complaint(self, test: str, outcomes: Mapping[str, Outcome]) -> str | None:
        """Returns the message with which a test fails; None if it passes or is to be accepted."""
        rows = [(s, n, words) for n, (s, words) in outcomes.items() if s in _REVIEWED]
        if not rows or self.settings.update:
            return None
        rows.sort(key=lambda row: (_REVIEWED.index(row[0]), row[1]))
        counts = Counter(status for status, _, _ in rows)
        return "\n".join(
            [
                f"pixelgate: needs review: {', '.join(f'{n} {s}' for s, n in counts.items())}",
                *(f"  {status:<11}{name}  {words}".rstrip() for status, name, words in rows),
                f"report: {self.settings.shown(self.settings.report / 'index.html')}, "
                "at the end of the run",
                f"to accept: pytest --pixelgate-update {quote(test)}",
            ]
        )

    # All tests

    def add(self, test: str, record: dict[str, Any]) -> None:
        """Adds what an attempt of a test took; it replaces an earlier attempt."""
        self._records[test] = record

    def phase(self, test: str, when: str, *, failed: bool) -> None:
        """Learns how setup and teardown of a test ended."""
        if when == "setup":
            self._records.pop(test, None)
            self._failed.discard(test)
        if failed:
            self._failed.add(test)

    def add_gone(self, names_gone: Collection[str]) -> None:
        """Adds what a worker of xdist found to be gone."""
        self.gone = sorted({*self.gone, *names_gone})

    def find_gone(self, items: Sequence[pytest.Item]) -> None:
        """Finds screenshots of tests that are no longer there, and clears this run's folder."""
        options = ("lf", "keyword", "markexpr")
        if not items or any(self._config.getoption(name, default=None) for name in options):
            return  # a part of the suite; --lf does not even collect all tests of a file
        try:
            self._find_gone(items)
        except UsageError:
            return  # the tests have failed with it, and so will the end

    def _find_gone(self, items: Sequence[pytest.Item]) -> None:
        partly, whole = self._collected_places()
        if partly is None:
            return
        settings = self.settings
        old = names.gone(_images(settings.snapshots), items, partly)
        clear(settings.snapshots, [*old])
        baseline = self._baseline
        if baseline is None:
            return
        in_baseline = _images(baseline)
        found = {*names.gone(in_baseline, items, partly)}
        if baseline.is_relative_to(settings.root):  # else it may be another suite's, too
            found |= {name for name in in_baseline if self._has_no_file(name, whole)}
        self.add_gone(found)

    def _has_no_file(self, name: str, folders: Collection[Path]) -> bool:
        file = names.file_of(name)
        if file is None or "~" in file:
            return False
        path = self.settings.root / file
        return not path.exists() and any(path.is_relative_to(folder) for folder in folders)

    def _collected_places(self) -> tuple[set[str] | None, list[Path]]:
        """Returns files of which the command line names single tests, and whole folders.

        The files are relative to the root, and None if unknown.
        """
        root, partly = self.settings.root, set()
        whole: list[Path] = []
        for argument in self._config.args:
            file, _, test = argument.partition("::")
            path = (self._config.invocation_params.dir / file).resolve()
            if test and not (path.is_relative_to(root) and path.exists()):
                return None, whole
            if test:
                partly.add(path.relative_to(root).as_posix())
            elif path.is_dir():
                whole.append(path)
        return partly, whole

    def end(self, status: int) -> bool:
        """Writes the report or the new baseline, and says what happened.

        Returns whether there is a problem that no test has failed with.
        """
        try:
            return self._end(interrupted=status not in (0, 1))
        except UsageError as error:
            self.lines.append(f"error: {error}")
        except ImportError as error:
            self.lines.append(f"error: there is no report: {error}; {INSTALL}")
        return True

    def _end(self, *, interrupted: bool) -> bool:
        taken = [name for record in self._records.values() for name in record["taken"]]
        self._check_unique(taken)
        settings = self.settings
        if settings.update:
            if interrupted:
                raise UsageError("the run was interrupted, so nothing was accepted")
            self._accept()
            return False
        if not taken and not self.gone:
            return False
        if (baseline := self._baseline) is None:
            self.lines.append(f"{_counted(len(taken))} in {settings.shown(settings.snapshots)}")
            if settings.baseline is not None:
                self.lines.append(
                    f"nothing was compared: there is no folder {settings.shown(settings.baseline)}"
                    "; --pixelgate-update makes it"
                )
            return False
        if taken:
            result = self._compare(baseline, taken)
            self.lines += _in_words(result)
            self.lines.append(f"report: {settings.shown(settings.report / 'index.html')}")
        else:
            self.lines += [f"  {'removed':<11}{name}" for name in self.gone[:_SHOWN]]
        if self.gone:
            self.lines.append(f"the tests of {_counted(len(self.gone))} are gone")
        if self.gone or any(self._problems()):
            self.lines.append("to accept: pytest --pixelgate-update")
        return bool(self.gone)

    def _problems(self) -> list[str]:
        return [
            name
            for record in self._records.values()
            for name, (status, _) in record["outcomes"].items()
            if status in _REVIEWED
        ]

    def _removed(self) -> set[str]:
        """Returns what is in the baseline and was not taken by the tests that came to their end."""
        return {
            name
            for record in self._records.values()
            for name, (status, _) in record["outcomes"].items()
            if status == "removed"
        }

    def _check_unique(self, taken: Sequence[str]) -> None:
        """Raises UsageError if two tests wrote one file."""
        known: dict[str, list[str]] = defaultdict(list)
        for name in taken:
            known[in_any_case(name)].append(name)
        folder = self.settings.snapshots
        for first, *others in known.values():
            for other in others:
                if first == other or _same(folder / first, folder / other):
                    raise UsageError(
                        f"two tests took {first!r} and {other!r}, which are one file here; "
                        "rename one of the tests"
                    )

    def _compare(self, baseline: Path, taken: Sequence[str]) -> LocalResult:
        from pixelgate.bootstrap import find_engine, open_pool
        from pixelgate.client.compare_folders import compare_folders
        from pixelgate.client.layouts.names import FOLDER
        from pixelgate.client.layouts.select import Choice

        own = {
            name: overrides(policy)
            for record in self._records.values()
            for name, policy in record["taken"].items()
            if policy
        }
        engine = find_engine()
        with open_pool(engine) as pool:
            return compare_folders(
                baseline,
                self.settings.snapshots,
                self.settings.report,
                pool=pool,
                engine=engine.label,
                policies=OwnPolicies(self._policies, own),
                quarantine=self._file.quarantine,
                allow_empty=True,
                choice=Choice(FOLDER),
                only=taken,
                gone={*self.gone, *self._removed()},
            )

    def _accept(self) -> None:
        settings, baseline = self.settings, self.settings.baseline
        assert baseline is not None  # noqa: S101 - settings_of has checked it
        new: dict[str, Path] = {}
        removed = dict.fromkeys(self.gone, "removed")
        changes: dict[str, int] = defaultdict(int)
        left_out = 0
        for test, record in self._records.items():
            if not record["whole"] or test in self._failed:
                left_out += len(record["taken"])
                continue
            for name, (status, was) in record["outcomes"].items():
                if status == "removed":
                    removed[name] = status
                elif status != "unchanged":
                    new[name] = settings.snapshots / name
                    changes[status if status in {"added", "renamed"} else "changed"] += 1
                if status == "renamed":
                    removed[was.removeprefix("was ")] = status
        if removed:
            changes["removed"] = len([s for s in removed.values() if s == "removed"])
        if new or removed:
            accept(baseline, new, removed.keys() - new.keys())
        counts = ", ".join(f"{changes[s]} {s}" for s in changes if changes[s]) or "nothing new"
        self.lines.append(f"accepted in {settings.shown(baseline)}: {counts}")
        if left_out:
            self.lines.append(f"not accepted, as their tests failed: {_counted(left_out)}")


def _taken_by(folder: Path, stem: str) -> list[str]:
    """Returns the names of what the test with this stem took into a folder."""
    parent, leaf = (folder / stem).parent, folder / stem
    beside = {}
    if parent.is_dir():
        beside = {
            path.relative_to(folder).as_posix(): path
            for path in parent.iterdir()
            if path.is_file() and path.stem == leaf.name
        }
    below = {f"{stem}/{name}" for name in _images(leaf)}
    return sorted({*(name for name in beside if not name.endswith(".json")), *below})


def _images(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    try:
        return find_images(folder)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error


def _same(one: Path, other: Path) -> bool:
    """Whether two names are one file, as on a disk that does not tell cases apart."""
    return one.exists() and other.exists() and one.samefile(other)


def _counted(number: int) -> str:
    return "1 screenshot" if number == 1 else f"{number:,} screenshots"


def _in_words(result: LocalResult) -> list[str]:
    """Returns what `pixelgate compare` prints."""
    from pixelgate.cli.console import show_summary

    printed = io.StringIO()
    with redirect_stderr(printed):
        show_summary(result.comparison)
    return [line.rstrip() for line in printed.getvalue().splitlines()]
