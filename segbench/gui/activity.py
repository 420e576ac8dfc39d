"""What runs now, told from the stream of events: title, progress, time left. No Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from segbench.events import (
    EpochDone,
    Event,
    FileExported,
    ImageScored,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    JobPaused,
    JobResumed,
    JobStarted,
    MemoryRead,
    Progressed,
    SamplePredicted,
    StepDone,
    TrainingStarted,
)
from segbench.gui.pace import Pace

QUIET = (  # too short to tell of
    "thumbnails", "list runs", "predict sample", "open checkpoint", "preview shapes", "export preview", "read pins",
    "read sample", "read predicted sample", "show previews", "save picture", "save table", "evaluation picture", "difference",
)  # fmt: skip
SETTLE_SECONDS = 1.0  # no time left is told before so long


@dataclass
class Work:
    """One job that has begun. done, total: of images, files or steps; total 0: not known."""

    job: int
    kind: str
    title: str
    began: float
    done: int = 0
    total: int = 0
    paused: bool = False
    pace: Pace | None = None  # of a training: counted in steps, so that a validation inside it does not move its bar
    validating: tuple[int, int] | None = None  # images done, of all, while a training validates
    moved: float = field(default=0.0)  # when `done` last grew

    @property
    def seconds_left(self) -> float | None:
        """By the mean rate so far; None if there is no telling."""
        if self.paused:
            return None
        if self.pace is not None:
            return self.pace.seconds_left
        spent = self.moved - self.began
        if not self.total or self.done <= 0 or spent < SETTLE_SECONDS:
            return None
        return max(0.0, spent / self.done * (self.total - self.done))

    @property
    def news(self) -> str:
        """How it goes, in a few words; a validation has no time left of its own, since only steps are timed."""
        if self.paused:
            return "paused"
        if self.validating is not None:
            return f"validating {self.validating[0]:,} of {self.validating[1]:,}"
        left = self.seconds_left
        return "" if left is None else describe_time_left(left)


class Activity:
    """Adopts batches of events; `shown` is the job that the status bar tells of, `others` how many more run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._works: dict[int, Work] = {}
        self.memory: MemoryRead | None = None
        self.device = ""  # what the run in training uses, "" when none runs

    def adopt(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case JobStarted(job, kind, title) if kind not in QUIET:
                    self._works[job] = Work(job, kind, title, self._clock())
                case JobEvent(job, _, inner):
                    self._adopt_step(self._works.get(job), inner)
                case JobPaused(job) | JobResumed(job) if job in self._works:
                    self._works[job].paused = isinstance(event, JobPaused)
                case JobDone(job, _, _) | JobCancelled(job, _) | JobFailed(job, _, _):
                    work = self._works.pop(job, None)
                    if work and work.kind == "train":
                        self.device = ""

    def _adopt_step(self, work: Work | None, event: object) -> None:
        if isinstance(event, MemoryRead):
            self.memory = event
        if work is None:
            return
        match event:
            case TrainingStarted():
                work.done, work.total, work.pace = event.step, event.total_steps, Pace(event.total_steps)
                self.device = event.device
            case StepDone() | EpochDone():
                work.done, work.validating = event.step, None
                if work.pace is not None:
                    work.pace.add(event.step, event.seconds)
            case Progressed(what="validating") if work.pace is not None:
                work.validating = event.done, event.total
            case Progressed() | SamplePredicted() | FileExported() | ImageScored() if work.pace is None:
                work.done, work.total, work.moved = event.done, event.total, self._clock()

    @property
    def shown(self) -> Work | None:
        """Training before all else, then what began last."""
        works = sorted(self._works.values(), key=lambda w: (w.kind == "train", w.kind != "scan", w.job))
        return works[-1] if works else None

    @property
    def others(self) -> int:
        return max(0, len(self._works) - 1)


def describe_time_left(seconds: float) -> str:
    """ "2 h 5 min left", "about 3 min left", "12 s left" """
    if seconds >= 3600:
        minutes = round(seconds / 60)
        return f"{minutes // 60} h {minutes % 60} min left"
    if seconds >= 90:
        return f"about {round(seconds / 60)} min left"
    return f"{max(1, round(seconds))} s left"


def describe_bytes(count: int) -> str:
    """ "312 MB", "1.4 GB" """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
