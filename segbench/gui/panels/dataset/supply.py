"""Brings samples and thumbnails through the io lane: the newest wanted first, samples before thumbnails. No Qt."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segbench.errors import SegbenchError

if TYPE_CHECKING:
    from segbench.data.dataset import Dataset
    from segbench.jobs import Job, JobRunner
    from segbench.records import Sample


@dataclass(frozen=True, eq=False, slots=True)
class Looked:
    """A sample that was read. pixels: a class, () without masks."""

    sample: Sample
    pixels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A sample that could not be read, and why."""

    index: int
    message: str
    hint: str


class Supply:
    """One dataset's; what jobs of an earlier dataset bring is not taken."""

    def __init__(self, jobs: JobRunner) -> None:
        self._jobs = jobs
        self._dataset: Dataset | None = None
        self._read: Job | None = None
        self._own_reads: set[int] = set()  # overtaken ones, too
        self._thumbnails: Job | None = None
        self._own_thumbnails: set[int] = set()
        self._wanted: list[int] = []
        self._side = 0
        self.reading = -1  # the sample being read, -1: none

    def open(self, dataset: Dataset | None) -> None:
        """Another dataset, or none; unfinished work for the last one is given up."""
        for job in (self._read, self._thumbnails):
            if job is not None:
                job.cancel()
        self._dataset, self._read, self._thumbnails = dataset, None, None
        self._own_reads.clear()
        self._own_thumbnails.clear()
        self._wanted, self.reading = [], -1

    # Samples ------------------------------------------------------------------------------------------------------------

    def read(self, index: int) -> None:
        """Reads a sample before everything else in the lane; thumbnails go on afterwards."""
        if self._dataset is None:
            return
        self.reading = index
        if self._thumbnails is not None:
            self._thumbnails.cancel()
            self._thumbnails = None
        self._read = self._jobs.start(
            "read sample",
            _read_sample(self._dataset, index),
            title="Reading a sample",
            lane="io",
            urgent=True,
            newest_wins=True,
        )
        self._own_reads.add(self._read.number)

    def end_read(self, number: int, result: object) -> Looked | Unreadable | None:
        """A job that read a sample has ended: what it brought, if it is of this dataset. A read that was overtaken counts:
        whoever holds a key down sees samples go by."""
        if number not in self._own_reads:
            return None
        self._own_reads.discard(number)
        if self._read is not None and self._read.number == number:
            self._read, self.reading = None, -1
            self._make_thumbnails()
        return result if isinstance(result, (Looked, Unreadable)) else None

    # Thumbnails ---------------------------------------------------------------------------------------------------------

    def want_thumbnails(self, indices: Sequence[int], side: int) -> None:
        """Makes these, in this order; what was wanted before and is not there yet is given up."""
        self._wanted, self._side = list(indices), side
        self._make_thumbnails()

    def owns_thumbnails(self, number: int) -> bool:
        """The job of this number makes thumbnails of this dataset."""
        return number in self._own_thumbnails

    def take_thumbnails(self, indices: Iterable[int]) -> None:
        """These have come."""
        arrived = set(indices)
        self._wanted = [index for index in self._wanted if index not in arrived]

    def end_thumbnails(self, number: int) -> None:
        if self._thumbnails is not None and self._thumbnails.number == number:
            self._thumbnails = None

    def _make_thumbnails(self) -> None:
        dataset, wanted, side = self._dataset, tuple(self._wanted), self._side
        if dataset is None or not wanted or self._read is not None:
            return

        def work() -> Generator[Any, None, None]:
            from segbench.data.thumbnails import make_thumbnails

            yield from make_thumbnails(dataset, wanted, side)

        self._thumbnails = self._jobs.start(
            "thumbnails", work(), title="Making thumbnails", lane="io", urgent=True, newest_wins=True
        )
        self._own_thumbnails.add(self._thumbnails.number)


def _read_sample(dataset: Dataset, index: int) -> Generator[Any, None, Looked | Unreadable]:
    """Reads one sample; a broken one is a result, not an error, so that it can be stepped over."""
    from segbench.gui.panels.dataset.facts import count_pixels

    yield from ()
    try:
        sample = dataset.read(index)
    except SegbenchError as error:
        return Unreadable(index, error.message, error.hint)
    classes = dataset.info.classes
    return Looked(sample, count_pixels(sample, len(classes)) if classes else ())
