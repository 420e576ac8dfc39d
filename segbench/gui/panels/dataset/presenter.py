"""Decides what the dataset panel shows: which samples, which one of them, what is known about them. No Qt."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from segbench.events import (
    ClassRecolored,
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
from segbench.gui.panels.dataset.supply import Looked, Supply, Unreadable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.data.dataset import Dataset
    from segbench.data.stats import DatasetStats
    from segbench.gui.panels.dataset.facts import Facts
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner
    from segbench.records import ClassTable, Color, DatasetInfo

SCANNED_AT_ONCE = {"purdue": 50_000, "": 1_000}  # datasets up to this many samples are scanned without being asked
REFILTER_AFTER = 2_000  # newly scanned samples after which a list that depends on them is made anew


class Lookups(NamedTuple):
    """What the gallery asks about a sample while it paints; all return at once."""

    name_of: Any  # (index) -> str
    split_of: Any  # (index) -> str
    classes_of: Any  # (index) -> tuple of class indices, () while unknown


@dataclass(frozen=True, slots=True)
class Place:
    """Where the panel stands: sample `index` of `total`, in row `row` (from 0; -1: filtered out) of `shown` samples listed.
    split: its name where there are several, else ""; place: where the sample stands in it, from 0."""

    index: int
    total: int
    row: int
    shown: int
    split: str = ""
    place: int = 0


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
    def show_colors(self, colors: tuple[Color, ...]) -> None: ...
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
        self._supply = Supply(jobs)
        self._shown = -1  # the sample in the viewer
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
        arrived: Looked | Unreadable | None = None
        thumbnails: list[tuple[int, NDArray[np.uint8]]] = []
        for event in events:
            match event:
                case DatasetOpened():
                    if self._session.dataset is not None:
                        self._open(self._session.dataset)
                        selected, arrived = -1, None
                        thumbnails.clear()
                case DatasetClosed():
                    self._forget()
                    self.view.show_nothing()
                    arrived = None
                    thumbnails.clear()
                case SampleSelected(index):
                    selected = index
                case PinsChanged(indices):
                    self._show_pins(indices)
                case ClassRecolored():
                    self._show_colors()
                case JobEvent(job, "thumbnails", ThumbnailsMade(made)) if self._supply.owns_thumbnails(job):
                    thumbnails += made
                case JobEvent(job, "scan", SamplesScanned() as found) if self._counting.owns(job):
                    assert self._facts is not None
                    self._facts.add(found)
                    scanned = True
                case JobDone(job, "read sample", result):
                    arrived = self._supply.end_read(job, result) or arrived
                case JobDone(job, kind, result):
                    self._end(job, kind, result)
                case JobCancelled(job, "read sample") | JobFailed(job, "read sample", _):
                    self._supply.end_read(job, None)
                case JobCancelled(job, kind) | JobFailed(job, kind, _):
                    self._end(job, kind, None)
        if arrived is not None:
            self._show_read(arrived)
        if thumbnails:
            self.view.show_thumbnails(thumbnails)
            self._supply.take_thumbnails(index for index, _ in thumbnails)
        if scanned:
            self._show_scan()
        if selected >= 0 and self._dataset is not None:
            self._go(selected)

    def _open(self, dataset: Dataset) -> None:
        from segbench.gui.panels.dataset.facts import Facts

        self._forget()
        self._dataset, self._facts = dataset, Facts(dataset)
        self._supply.open(dataset)
        self._facts.read_headers()
        lookups = Lookups(dataset.name, dataset.split_of, self._facts.classes_of)
        self.view.show_dataset(dataset.info, lookups)
        self.view.show_filter(self._wanted)
        self.view.show_statistics(None, dataset.info.classes)
        self._show_colors()
        self.view.show_pins(self._session.pins.indices)
        self._list_samples(keep_place=False)
        if len(dataset):
            self._go(self._session.sample)
        limit = SCANNED_AT_ONCE.get(dataset.info.format, SCANNED_AT_ONCE[""])
        if dataset.info.classes is not None and 0 < len(dataset) <= limit:
            self.start_scan()
        else:
            self._show_scan()

    def _forget(self) -> None:
        self._counting.stop()
        self._supply.open(None)
        self._dataset = self._facts = None
        self._wanted, self._list, self._rows = Filter(), (), None
        self._refiltered_at, self._shown = 0, -1

    def _end(self, number: int, kind: str, result: object) -> None:
        if kind == "thumbnails":
            self._supply.end_thumbnails(number)
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
        reading = self._supply.reading
        if index != reading and (index != self._shown or reading >= 0):
            self._supply.read(index)

    def _show_read(self, result: Looked | Unreadable) -> None:
        if isinstance(result, Looked):
            self._shown = result.sample.index
            assert self._dataset is not None
            self.view.show_sample(result, self._dataset.info.classes)
        else:
            self._shown = result.index
            self.view.show_problem(result)

    def _show_place(self, index: int) -> None:
        assert self._dataset is not None
        split = self._dataset.split_of(index) if len(self._dataset.splits) > 1 else ""
        start = self._dataset.splits[split].start if split else 0
        place = Place(index, len(self._dataset), self._find_row(index), len(self._list), split, index - start)
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
        self._supply.want_thumbnails(indices, side)

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
        if stats is not None and self._dataset is not None and self._dataset.info.classes is not None:
            self.view.show_statistics(stats, self._session.recolor(self._dataset.info.classes))
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

    # Colours ------------------------------------------------------------------------------------------------------------

    def set_color(self, name: str, color: Color | None) -> None:
        """Shows a class in this colour on every page; None: in its own again."""
        self._session.set_color(name, color)

    def find_color(self, name: str) -> Color | None:
        """What the user chose for that class, if anything."""
        return self._session.find_color(name)

    def _show_colors(self) -> None:
        if self._dataset is not None and self._dataset.info.classes is not None:
            self.view.show_colors(self._session.recolor(self._dataset.info.classes).colors)

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
