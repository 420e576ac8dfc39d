"""Stand-ins for presenters' tests: a job runner that works when told to, and samples without files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from segbench.errors import explain
from segbench.events import Event, JobCancelled, JobDone, JobEvent, JobFailed, JobStarted
from segbench.records import ClassInfo, ClassTable, Sample

SHAPES = ClassTable((ClassInfo("disk", (0, 158, 115), 50), ClassInfo("star", (240, 228, 66), 100)), exclusive=False)


class StandInJob:
    def __init__(self, number: int, kind: str, events: Any, options: dict[str, Any]) -> None:
        self.number, self.kind, self.events, self.options = number, kind, events, options
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class StandInJobs:
    """`start` only queues; `run` does the oldest job of a kind, or all there are, and publishes what the real runner would."""

    def __init__(self, publish: Callable[[Sequence[Event]], None]) -> None:
        self._publish = publish
        self._count = 0
        self.queue: list[StandInJob] = []
        self.started: list[str] = []

    def start(self, kind: str, events: Any, **options: Any) -> StandInJob:
        if options.get("newest_wins"):
            for job in self.queue:
                job.cancelled = job.cancelled or job.kind == kind
        self._count += 1
        job = StandInJob(self._count, kind, events, options)
        self.queue.append(job)
        self.started.append(kind)
        return job

    def jobs(self) -> list[StandInJob]:
        return list(self.queue)

    def kinds(self) -> list[str]:
        """Kinds of the jobs that wait and were not cancelled."""
        return [job.kind for job in self.queue if not job.cancelled]

    def run(self, kind: str = "") -> None:
        for job in [j for j in self.queue if not kind or j.kind == kind]:
            if job in self.queue:
                self.queue.remove(job)
                self._publish(self._work(job))
        if not kind and self.queue:
            self.run()

    def _work(self, job: StandInJob) -> list[Event]:
        if job.cancelled:
            job.events.close()
            return [JobCancelled(job.number, job.kind)]
        told: list[Event] = [JobStarted(job.number, job.kind, job.options.get("title", ""))]
        try:
            while True:
                told.append(JobEvent(job.number, job.kind, next(job.events)))
        except StopIteration as stop:
            told.append(JobDone(job.number, job.kind, stop.value))
        except Exception as error:
            told.append(JobFailed(job.number, job.kind, explain(error)))
        return told


def build_samples(train: int = 3, test: int = 6, side: int = 8) -> list[Sample]:
    """Sample i has a disk on its first i + 1 pixels."""
    samples = []
    for i in range(train + test):
        masks = np.zeros((2, side, side), bool)
        masks[0].flat[: i + 1] = True
        image = np.full((side, side, 3), i * 10, np.uint8)
        samples.append(Sample(i, f"image {i}", "train" if i < train else "test", image, masks))
    return samples


class Recorder:
    """A view that remembers every call: `calls` in order, `last(name)` its arguments."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("show_"):
            raise AttributeError(name)
        return lambda *arguments: self.calls.append((name, arguments))

    def last(self, name: str) -> tuple[Any, ...]:
        return next(arguments for called, arguments in reversed(self.calls) if called == name)

    def count(self, name: str) -> int:
        return sum(called == name for called, _ in self.calls)
