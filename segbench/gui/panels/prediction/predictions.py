"""Predictions of one source under one Key: what is kept, what is asked for, and what is asked next. No Qt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segbench.gui.panels.prediction.workshop import Key, Workshop
from segbench.records import ClassTable

if TYPE_CHECKING:
    from segbench.gui.panels.prediction.reading import LiveReading
    from segbench.jobs import Job, JobRunner

CACHE_BYTES = 256 * 2**20
BATCH = 4  # columns of slides 84-86, and the reference's batch


class Predictions:
    """At most one job "predict sample" at a time: the newest wins, and goes between two steps of a training."""

    def __init__(self, jobs: JobRunner, workshop: Workshop) -> None:
        self._jobs = jobs
        self._workshop = workshop
        self._kept: OrderedDict[int, LiveReading] = OrderedDict()
        self._job: Job | None = None
        self._asked: frozenset[int] = frozenset()  # samples that job will bring
        self._missing: frozenset[int] = frozenset()  # those that such a job did not bring, as the next one would not

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, index: int) -> LiveReading | None:
        """The prediction of that sample, if it is there; it becomes the last to be dropped."""
        live = self._kept.get(index)
        if live is not None:
            self._kept.move_to_end(index)
        return live

    def ask(
        self, source: Any, span: range, wanted: Sequence[int], key: Key, classes: ClassTable, comparable: bool
    ) -> bool:
        """Asks for samples of a split. False: they are there or on their way."""
        missing = [i for i in wanted if i not in self._kept and i not in self._missing]
        if set(missing) <= self._asked:
            return False
        groups = list(dict.fromkeys(_group(i, span, key.batch_statistics) for i in missing))
        work = self._workshop.predict(source, groups, key, classes, comparable)
        self._job = self._jobs.start("predict sample", work, title="Predicting a sample", urgent=True, newest_wins=True)
        self._asked = frozenset(i for group in groups for i in group)
        return True

    @property
    def idle(self) -> bool:
        """Nothing is being predicted, and no training or whole split would have to wait for something that is not needed yet."""
        return self._job is None and not any(job.kind in ("train", "predict") for job in self._jobs.jobs())

    def take(self, job: int, result: Any) -> bool:
        """Keeps the readings a job returned, if any; False: it is not this one's job."""
        asked = self._asked
        if not self.end(job):
            return False
        found: dict[int, LiveReading] = {live.index: live for live in result or ()}
        self._kept.update(found)
        self._missing |= asked - found.keys()
        spent = sum(kept.byte_count for kept in self._kept.values())
        while spent > CACHE_BYTES and len(self._kept) > BATCH + 1:
            _, oldest = self._kept.popitem(last=False)
            spent -= oldest.byte_count
        return True

    def end(self, job: int) -> bool:
        """The job ended, with or without a result; False: it is not this one's job."""
        if self._job is None or self._job.number != job:
            return False
        self._job, self._asked = None, frozenset()
        return True

    def forget(self) -> None:
        """Other weights, or another source: nothing of what is kept or on its way is true any more."""
        if self._job is not None:
            self._job.cancel()
        self._job, self._asked, self._missing = None, frozenset(), frozenset()
        self._kept.clear()


def _group(index: int, span: range, together: bool) -> tuple[int, ...]:
    """The samples that go through the network in one go: one, or the reference's batch of four."""
    if not together:
        return (index,)
    first = span[0] + (index - span[0]) // BATCH * BATCH
    return tuple(range(first, min(first + BATCH, span[-1] + 1)))
