"""The scan of a dataset as a job that makes way: it holds the io lane only while nobody else waits for it. No Qt."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbench.data.dataset import Dataset
    from segbench.data.stats import DatasetStats
    from segbench.jobs import Job, JobRunner

OTHERS_FIRST = ("open dataset", "generate", "open checkpoint", "list runs", "delete run")


class Counting:
    """At most one scan; it is taken up again behind the jobs that it made way for."""

    def __init__(self, jobs: JobRunner) -> None:
        self._jobs = jobs
        self._job: Job | None = None
        self._dataset: Dataset | None = None
        self._scanning: Generator[Any, None, DatasetStats] | None = None  # lives on between two jobs
        self._make_way = False

    @property
    def running(self) -> bool:
        return self._job is not None

    def owns(self, number: int) -> bool:
        """The job of this number is the present scan."""
        return self._job is not None and self._job.number == number

    def start(self, dataset: Dataset) -> None:
        """Counts all samples from the first on, unless that is going on."""
        if self._job is None:
            self._dataset = dataset
            self._go_on(dataset)

    def stop(self) -> None:
        """Gives up; a new start begins at the first sample."""
        if self._job is not None:
            self._job.cancel()
        self._job = self._scanning = self._dataset = None

    def look_around(self) -> None:
        """Lets the scan make way if others wait for its lane."""
        if self._job is not None and any(job.kind in OTHERS_FIRST for job in self._jobs.jobs()):
            self._make_way = True

    def end(self, result: Any) -> DatasetStats | None:
        """The scan's job has ended: its statistics, or None if it goes on later or was broken off."""
        self._job = None
        if result is None and self._make_way and self._dataset is not None:
            self._go_on(self._dataset)
            return None
        self._scanning = self._dataset = None
        stats: DatasetStats | None = result
        return stats

    def _go_on(self, dataset: Dataset) -> None:
        self._make_way = False
        title = f"Scanning {dataset.info.name}"
        self._job = self._jobs.start("scan", self._pull(dataset), title=title, lane="io", newest_wins=True)

    def _pull(self, dataset: Dataset) -> Generator[Any, None, DatasetStats | None]:
        """In the io lane: until the scan is done (its result) or has to make way (None)."""
        from segbench.data.stats import scan

        scanning = self._scanning = self._scanning or scan(dataset)
        while not self._make_way:
            try:
                event = next(scanning)
            except StopIteration as stop:
                stats: DatasetStats = stop.value
                return stats
            yield event
        return None
