"""The runs that the training page knows: a record each, which one is shown, which are drawn beside it, whose logs are being read. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from segbench.events import LoggedEvent, RunLogRead
from segbench.gui.panels.training import work
from segbench.gui.panels.training.state import ELSEWHERE, RunRecord, describe_torn

if TYPE_CHECKING:
    from segbench.jobs import JobRunner


class CurvesView(Protocol):
    """Where the runs' curves are drawn."""

    def add_facts(self, key: str, facts: Sequence[LoggedEvent], name: str) -> None: ...
    def forget_run(self, key: str) -> None: ...
    def show_runs(self, keys: Sequence[str]) -> None: ...


class RunShelf:
    """Records by path. The path "" is that of a run that is not on disk: not yet, or because it failed before its first step."""

    def __init__(self, jobs: JobRunner, view: CurvesView) -> None:
        self._jobs = jobs
        self._view = view
        self._records: dict[str, RunRecord] = {}
        self._compared: tuple[str, ...] = ()
        self._reading: dict[int, str] = {}  # job number -> path of the run whose log it reads
        self._fresh: dict[str, list[LoggedEvent]] = {}  # facts that the view has not got yet
        self.shown = ""

    # Finding -----------------------------------------------------------------------------------------------------------

    def find(self, path: str) -> RunRecord | None:
        return self._records.get(path)

    @property
    def current(self) -> RunRecord | None:
        """The record of the run that is shown."""
        return self._records.get(self.shown)

    @property
    def paths(self) -> tuple[str, ...]:
        """Of all runs on disk that are known."""
        return tuple(path for path in self._records if path)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The runs whose curves are drawn: the one that is shown first, then the compared ones."""
        return tuple(dict.fromkeys(path for path in (self.shown, *self._compared) if path))

    @property
    def drawn_records(self) -> list[RunRecord]:
        return [self._records[path] for path in self.drawn if path in self._records]

    # Changing ----------------------------------------------------------------------------------------------------------

    def put(self, record: RunRecord) -> RunRecord:
        """Takes a record in; another one of the same path goes with all that was drawn of it."""
        self._drop(record.path)
        self._records[record.path] = record
        return record

    def forget(self, path: str, instead: str = "") -> None:
        """A run that is no more. `instead` is shown from now on if it was the one that is shown."""
        self._drop(path)
        self._compared = tuple(p for p in self._compared if p != path)
        self.show(instead if self.shown == path else self.shown)

    def show(self, path: str) -> None:
        self.shown = path
        self._view.show_runs(self.drawn)

    def compare(self, paths: Iterable[str]) -> None:
        """Draws these beside the run that is shown; the logs of those that are not known yet are read."""
        self._compared = tuple(paths)
        for path in self._compared:
            if path not in self._records:
                self.read(path)
        self._view.show_runs(self.drawn)

    def rename(self, path: str, name: str) -> None:
        record = self._records[path]
        if record.name != name:
            record.name = name
            self._view.add_facts(path, (), name)

    def add(self, path: str, facts: Sequence[LoggedEvent]) -> None:
        """Facts of a run, in order. `flush` hands them on."""
        self._records[path].add(facts)
        self._fresh.setdefault(path, []).extend(facts)

    def flush(self) -> None:
        """The view gets what came since it was called last, a run at a time."""
        fresh, self._fresh = self._fresh, {}
        for path, facts in fresh.items():
            self._view.add_facts(path, facts, self._records[path].name)

    def _drop(self, path: str) -> None:
        self._fresh.pop(path, None)
        if self._records.pop(path, None) is not None:
            self._view.forget_run(path)

    # Logs on disk --------------------------------------------------------------------------------------------------------

    def read(self, path: str) -> None:
        """Reads a run's log in the io lane, again if it is known; not that of a run trained in this window, whose facts are here."""
        record = self._records.get(path) or self.put(RunRecord(path, Path(path).name))
        if record.live or path in self._reading.values():
            return
        job = self._jobs.start("open run", work.read_log(path), title=f"Opening {Path(path).name}", lane="io")
        self._reading[job.number] = path

    def take_part(self, part: RunLogRead) -> None:
        record = self._records.get(part.path)
        if record is None or record.live:
            return
        if part.first:
            self._fresh.pop(part.path, None)
            self._view.forget_run(part.path)
            record.clear()
        record.name = part.name
        self.add(part.path, part.facts)

    def end_reading(self, job: int) -> str | None:
        """The path of the run whose log that job was reading; None if it was another job."""
        return self._reading.pop(job, None)

    def take_result(self, path: str, result: work.RunOnDisk) -> RunRecord | None:
        """A log has been read to its end: what `read_log` returns. None if the run was forgotten meanwhile."""
        record = self._records.get(path)
        if record is not None and not record.live:
            record.name, record.checkpoints = result.name, result.checkpoints
            record.config, record.dataset = result.file.config, result.file.dataset
            record.sentence = describe_torn(result.torn)
            if result.elsewhere:
                record.phase, record.sentence = "elsewhere", ELSEWHERE
            elif record.phase == "opening":
                record.phase = "stopped" if record.step else "interrupted"
        return record
