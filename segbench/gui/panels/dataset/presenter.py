"""Decides what the dataset panel shows: which samples, which one of them, what is known about them. No Qt."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from segbench.errors import SegbenchError
from segbench.events import (
    DatasetClosed,
    DatasetOpened,
    Event,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    PinsChanged,
    SampleSelected,
    SamplesScanned,
    ThumbnailsMade,
)
from segbench.gui.panels.dataset.counting import Counting
from segbench.gui.panels.dataset.filters import Filter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.data.dataset import Dataset
    from segbench.data.stats import DatasetStats
    from segbench.gui.panels.dataset.facts import Facts
    from segbench.gui.session import Session
    from segbench.jobs import Job, JobRunner
    from segbench.records import ClassTable, DatasetInfo, Sample

SCANNED_AT_ONCE = {"purdue": 50_000, "": 1_000}  # datasets up to this many samples are scanned without being asked
REFILTER_AFTER = 2_000  # newly scanned samples after which a list that depends on them is made anew


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


class Lookups(NamedTuple):
    """What the gallery asks about a sample while it paints; all return at once."""

    name_of: Any  # (index) -> str
    split_of: Any  # (index) -> str
    classes_of: Any  # (index) -> tuple of class indices, () while unknown


@dataclass(frozen=True, slots=True)
class Place:
    """Where the panel stands: sample `index` of `total`, in row `row` (from 0; -1: filtered out) of `shown` samples listed."""

    index: int
    total: int
    row: int
    shown: int


class ScanState(NamedTuple):
    """How far the counting is. needed: a filter waits for it."""

    done: int
    total: int
    running: bool
    needed: bool


class DatasetView(Protocol):
    """What the presenter needs of a view."""

    def show_nothing(self) -> None: ...
    def show_dataset(self, info: DatasetInfo, lookups: Lookups) -> None: ...
    def show_list(self, indices: Sequence[int], keep_place: bool) -> None: ...
    def show_place(self, place: Place, pinned: bool) -> None: ...
    def show_sample(self, looked: Looked, classes: ClassTable | None) -> None: ...
    def show_problem(self, problem: Unreadable) -> None: ...
    def show_thumbnails(self, thumbnails: Sequence[tuple[int, NDArray[np.uint8]]]) -> None: ...
    def show_scan(self, state: ScanState) -> None: ...
    def show_statistics(self, stats: DatasetStats | None, classes: ClassTable | None) -> None: ...
    def show_filter(self, wanted: Filter) -> None: ...
    def show_pins(self, indices: tuple[int, ...]) -> None: ...


class DatasetPresenter:
    """One dataset at a time; everything it knows about the last one is dropped when another is opened."""

    def __init__(self, session: Session, jobs: JobRunner) -> None:
        self._session = session
        self._jobs = jobs
        self._view: DatasetView | None = None
        self._dataset: Dataset | None = None
        self._facts: Facts | None = None
        self._wanted = Filter()
        self._list: Sequence[int] = ()
        self._rows: dict[int, int] | None = None
        self._read: Job | None = None
        self._own_reads: set[int] = set()  # jobs whose samples belong to this dataset, older ones too
        self._arrived: object = None  # the sample read last that has not been shown
        self._reading = -1  # the sample being read
        self._shown = -1  # the sample in the viewer
        self._thumbnails: Job | None = None
        self._thumbnail_jobs: set[int] = set()
        self._wanted_thumbnails: list[int] = []
        self._side = 96
        self._counting = Counting(jobs)
        self._refiltered_at = 0

    @property
    def view(self) -> DatasetView:
        assert self._view is not None, "attach a view first"
        return self._view

    @property
    def indices(self) -> Sequence[int]:
        """The samples listed now, in order."""
        return self._list

    @property
    def wanted(self) -> Filter:
        """The filter in force."""
        return self._wanted

    def attach(self, view: DatasetView) -> None:
        self._view = view
        if self._session.dataset is not None:
            self._open(self._session.dataset)
        else:
            view.show_nothing()

    # What happens elsewhere ---------------------------------------------------------------------------------------------

    def handle(self, events: Sequence[Event]) -> None:
        """Takes one batch of events; the viewer is touched for its last sample only."""
        if self._view is None:
            return
        selected, scanned = -1, False
        thumbnails: list[tuple[int, NDArray[np.uint8]]] = []
        for event in events:
            match event:
                case DatasetOpened():
                    if self._session.dataset is not None:
                        self._open(self._session.dataset)
                        selected = -1
                        thumbnails.clear()
                case DatasetClosed():
                    self._close()
                case SampleSelected(index):
                    selected = index
                case PinsChanged(indices):
                    self._show_pins(indices)
                case JobEvent(job, "thumbnails", ThumbnailsMade(made)) if job in self._thumbnail_jobs:
                    thumbnails += made
                case JobEvent(job, "scan", SamplesScanned() as found) if self._counting.owns(job):
                    assert self._facts is not None
                    self._facts.add(found)
                    scanned = True
                case JobDone(job, kind, result):
                    self._end(job, kind, result)
                case JobCancelled(job, kind) | JobFailed(job, kind, _):
                    self._end(job, kind, None)
        if self._arrived is not None:
            self._show_read(self._arrived)
            self._arrived = None
            self._make_thumbnails()
        if thumbnails:
            self.view.show_thumbnails(thumbnails)
            arrived = {index for index, _ in thumbnails}
            self._wanted_thumbnails = [i for i in self._wanted_thumbnails if i not in arrived]
        if scanned:
            self._show_scan()
        if selected >= 0 and self._dataset is not None:
            self._go(selected)

    def _open(self, dataset: Dataset) -> None:
        from segbench.gui.panels.dataset.facts import Facts

        self._forget()
        self._dataset, self._facts = dataset, Facts(dataset)
        self._facts.read_headers()
        lookups = Lookups(dataset.name, dataset.split_of, self._facts.classes_of)
        self.view.show_dataset(dataset.info, lookups)
        self.view.show_filter(self._wanted)
        self.view.show_statistics(None, dataset.info.classes)
        self.view.show_pins(self._session.pins.indices)
        self._list_samples(keep_place=False)
        if len(dataset):
            self._go(self._session.sample)
        limit = SCANNED_AT_ONCE.get(dataset.info.format, SCANNED_AT_ONCE[""])
        if dataset.info.classes is not None and 0 < len(dataset) <= limit:
            self.start_scan()
        else:
            self._show_scan()

    def _close(self) -> None:
        self._forget()
        self.view.show_nothing()

    def _forget(self) -> None:
        self._counting.stop()
        for job in (self._read, self._thumbnails):
            if job is not None:
                job.cancel()
        self._read = self._thumbnails = None
        self._refiltered_at = 0
        self._thumbnail_jobs.clear()
        self._own_reads.clear()
        self._arrived = None
        self._wanted_thumbnails = []
        self._dataset = self._facts = None
        self._wanted, self._list, self._rows = Filter(), (), None
        self._reading = self._shown = -1

    @staticmethod
    def _is(job: Job | None, number: int) -> bool:
        return job is not None and job.number == number

    def _end(self, number: int, kind: str, result: object) -> None:
        if kind == "read sample" and number in self._own_reads:
            self._own_reads.discard(number)
            # A read that was overtaken is shown, too: whoever holds a key down sees samples go by
            self._arrived = result or self._arrived
            if self._is(self._read, number):
                self._read, self._reading = None, -1
        elif kind == "thumbnails" and self._is(self._thumbnails, number):
            self._thumbnails = None
        elif kind == "scan" and self._counting.owns(number):
            self._end_scan(result)

    # Samples ------------------------------------------------------------------------------------------------------------

    def select(self, index: int) -> None:
        """Goes to a sample, for all panels."""
        self._session.select_sample(index)

    def step(self, by: int) -> None:
        """Goes `by` samples on in the list, not past its ends; from a sample that is not listed, to the nearest that is."""
        if not len(self._list):
            return
        row = self._find_row(self._session.sample)
        if row >= 0:
            row = min(max(row + by, 0), len(self._list) - 1)
        elif self._wanted.sort == "index":
            after = bisect_left(self._list, self._session.sample)
            row = min(max(after if by > 0 else after - 1, 0), len(self._list) - 1)
        else:
            row = 0
        self._select_row(row)

    def go_to_end(self, last: bool) -> None:
        """Goes to the first or the last sample of the list."""
        if len(self._list):
            self._select_row(len(self._list) - 1 if last else 0)

    def _select_row(self, row: int) -> None:
        if (index := int(self._list[row])) != self._session.sample:
            self.select(index)

    def _go(self, index: int) -> None:
        """Reads a sample in the io lane, before everything else there; the newest asked for is shown."""
        dataset = self._dataset
        if dataset is None or not 0 <= index < len(dataset):
            return
        self._show_place(index)
        if index == self._reading or (index == self._shown and self._read is None):
            return
        self._reading = index
        if self._thumbnails is not None:
            self._thumbnails.cancel()  # it goes on when the sample is there
            self._thumbnails = None
        self._read = self._jobs.start(
            "read sample",
            _read_sample(dataset, index),
            title="Reading a sample",
            lane="io",
            urgent=True,
            newest_wins=True,
        )
        self._own_reads.add(self._read.number)

    def _show_read(self, result: object) -> None:
        if isinstance(result, Looked):
            self._shown = result.sample.index
            assert self._dataset is not None
            self.view.show_sample(result, self._dataset.info.classes)
        elif isinstance(result, Unreadable):
            self._shown = result.index
            self.view.show_problem(result)

    def _show_place(self, index: int) -> None:
        assert self._dataset is not None
        place = Place(index, len(self._dataset), self._find_row(index), len(self._list))
        self.view.show_place(place, index in self._session.pins.indices)

    def _find_row(self, index: int) -> int:
        if isinstance(self._list, range):
            return self._list.index(index) if index in self._list else -1
        if self._rows is None:
            self._rows = {sample: row for row, sample in enumerate(self._list)}
        return self._rows.get(index, -1)

    # The list -----------------------------------------------------------------------------------------------------------

    def set_filter(self, wanted: Filter) -> None:
        """Lists what passes; counts samples first where that takes it."""
        if wanted == self._wanted or self._facts is None:
            return
        self._wanted = wanted
        self.view.show_filter(wanted)
        covers = wanted.sort in ("most covered", "least covered") and self._facts.scanned < len(self._facts)
        if (wanted.needs_facts and not self._facts.complete) or covers:
            self.start_scan()
        self._list_samples(keep_place=False)
        self._show_scan()

    def _list_samples(self, keep_place: bool) -> None:
        assert self._facts is not None
        self._list, self._rows = self._facts.find(self._wanted, self._session.pins.indices), None
        self._refiltered_at = self._facts.scanned
        self.view.show_list(self._list, keep_place)
        if self._dataset is not None and len(self._dataset):
            self._show_place(self._session.sample)

    # Thumbnails ---------------------------------------------------------------------------------------------------------

    def want_thumbnails(self, indices: Sequence[int], side: int) -> None:
        """Makes these, in this order; what was wanted before and is not there yet is given up."""
        self._wanted_thumbnails, self._side = list(indices), side
        self._make_thumbnails()

    def _make_thumbnails(self) -> None:
        dataset, wanted, side = self._dataset, tuple(self._wanted_thumbnails), self._side
        if dataset is None or not wanted or self._read is not None:
            return

        def work() -> Generator[Any, None, None]:
            from segbench.data.thumbnails import make_thumbnails

            yield from make_thumbnails(dataset, wanted, side)

        self._thumbnails = self._jobs.start(
            "thumbnails", work(), title="Making thumbnails", lane="io", urgent=True, newest_wins=True
        )
        self._thumbnail_jobs.add(self._thumbnails.number)

    # Counting -----------------------------------------------------------------------------------------------------------

    def start_scan(self) -> None:
        """Counts pixels and objects of all samples in the background; nothing happens if that is done or going on."""
        if self._dataset is None or self._facts is None or self._dataset.info.classes is None:
            return
        if self._facts.scanned < len(self._facts):
            self._counting.start(self._dataset)
            self._show_scan()

    def stop_scan(self) -> None:
        """Gives the counting up; what is known stays known."""
        self._counting.stop()
        self._show_scan()

    def _end_scan(self, result: object) -> None:
        stats = self._counting.end(result)
        if stats is not None and self._dataset is not None:
            self.view.show_statistics(stats, self._dataset.info.classes)
        if self._wanted.needs_facts and not self._counting.running:
            self._list_samples(keep_place=True)
        self._show_scan()

    def _show_scan(self) -> None:
        if self._facts is None:
            return
        self._counting.look_around()
        scanned = self._facts.scanned
        if self._wanted.needs_facts and scanned - self._refiltered_at >= REFILTER_AFTER:
            self._list_samples(keep_place=True)
        needed = self._wanted.needs_facts and not self._facts.complete
        self.view.show_scan(ScanState(scanned, len(self._facts), self._counting.running, needed))

    # Pins, other pages --------------------------------------------------------------------------------------------------

    def toggle_pin(self) -> None:
        """Adds the present sample to those shown while training, or takes it off."""
        if self._dataset is None:
            return
        pins, index = self._session.pins.indices, self._session.sample
        self._session.set_pins(tuple(i for i in pins if i != index) if index in pins else (*pins, index))

    def _show_pins(self, indices: tuple[int, ...]) -> None:
        self.view.show_pins(indices)
        if self._facts is not None and len(self._facts):
            if self._wanted.pinned:
                self._list_samples(keep_place=True)
            self._show_place(self._session.sample)

    def predict(self) -> None:
        """Goes to the prediction page, which shows the present sample."""
        if self._dataset is not None:
            self._session.show_page("prediction")


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
