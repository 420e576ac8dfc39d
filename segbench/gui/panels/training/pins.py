"""Keeps the strip of pinned samples up to date: chooses pins, has their pictures made in the io lane. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

from segbench.events import JobDone, PreviewsUpdated

if TYPE_CHECKING:
    from segbench.data.dataset import Dataset
    from segbench.gui.panels.training.previews import PinPicture
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner
    from segbench.records import ClassTable

KINDS = ("read pins", "show previews")


class PinWatch:
    """The strip shows the pins of the open dataset; while a run trains, those of the run's own, whatever is opened meanwhile.

    `show` gets the pictures, and the dataset's name if that is not the one that is open, whenever one of the two changes.
    """

    def __init__(self, session: Session, jobs: JobRunner, show: Callable[[Sequence[PinPicture], str], None]) -> None:
        self._session, self._jobs, self._show = session, jobs, show
        self._dataset: Dataset | None = None  # whose pins are shown
        self._trained: Dataset | None = None  # what the run in training is trained on
        self._read: tuple[int, ...] = ()  # whose pictures are shown or on their way
        self._pictures: Sequence[PinPicture] = ()

    @property
    def foreign(self) -> str:
        """The name of the dataset whose pins are shown, "" if it is the one that is open."""
        shown, opened = self._dataset, self._session.dataset
        return "" if shown is None or (opened is not None and opened.info == shown.info) else shown.info.name

    def begin(self, dataset: Dataset) -> None:
        """A run is trained on this dataset from now on, until `end`."""
        self._trained = dataset
        self.follow()

    def end(self) -> None:
        self._trained = None
        self.follow()

    def follow(self) -> None:
        """Another dataset is open, or none; or training began or ended."""
        wanted = self._trained or self._session.dataset
        if wanted is not self._dataset:
            self._dataset, self._read = wanted, ()
            if wanted is None:
                self._pictures = ()
        self._show(self._pictures, self.foreign)
        self.read()

    def read(self) -> None:
        """Image and truth of the pins; where nothing is pinned, a few samples are chosen."""
        dataset, indices = self._dataset, self._session.pins.indices
        if dataset is None or self.foreign or (indices and indices == self._read):
            return
        self._read = indices
        classes = self._choose_colors(dataset)

        def work() -> Generator[Any, None, Any]:
            from segbench.gui.panels.training.previews import choose_pins, read_pins

            return dataset, (yield from read_pins(dataset, indices or choose_pins(dataset), classes))

        self._jobs.start("read pins", work(), title="Reading pinned samples", lane="io", newest_wins=True)

    def recolor(self) -> None:
        """A class has another colour. Predictions take it over with the next ones: their masks are not kept."""
        if all(picture.step is None for picture in self._pictures):
            self._read = ()
            self.read()

    def paint(self, fact: PreviewsUpdated) -> None:
        """The network in training has looked at the pins."""
        dataset = self._trained
        if dataset is None:
            return
        classes = self._choose_colors(dataset)

        def work() -> Generator[Any, None, Any]:
            from segbench.gui.panels.training.previews import paint_previews

            return dataset, (yield from paint_previews(dataset, fact.predictions, fact.step, classes))

        self._jobs.start("show previews", work(), title="Refreshing previews", lane="io", newest_wins=True)

    def take(self, event: JobDone) -> None:
        """A job of KINDS is done."""
        dataset, pictures = event.result
        if dataset is not self._dataset:
            return
        self._pictures = pictures
        if not self._session.pins.indices and not self.foreign:
            self._read = tuple(picture.index for picture in pictures)
            self._session.set_pins(self._read)
        self._show(pictures, self.foreign)

    def _choose_colors(self, dataset: Dataset) -> ClassTable | None:
        classes = dataset.info.classes
        return None if classes is None else self._session.recolor(classes)
