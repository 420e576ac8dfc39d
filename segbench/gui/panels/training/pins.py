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

KINDS = ("read pins", "show previews")


class PinWatch:
    """`show` gets the pictures whenever there are new ones."""

    def __init__(self, session: Session, jobs: JobRunner, show: Callable[[Sequence[PinPicture]], None]) -> None:
        self._session, self._jobs, self._show = session, jobs, show
        self._read: tuple[int, ...] = ()  # whose pictures are shown or on their way

    def adopt_dataset(self) -> None:
        """Another dataset is open, or none."""
        self._read = ()
        if self._session.dataset is None:
            self._show(())
        else:
            self.read()

    def read(self) -> None:
        """Image and truth of the pins; where nothing is pinned, a few samples are chosen."""
        dataset, indices = self._session.dataset, self._session.pins.indices
        if dataset is None or (indices and indices == self._read):
            return
        self._read = indices

        def work() -> Generator[Any, None, Any]:
            from segbench.gui.panels.training.previews import choose_pins, read_pins

            return dataset, (yield from read_pins(dataset, indices or choose_pins(dataset)))

        self._jobs.start("read pins", work(), title="Reading pinned samples", lane="io", newest_wins=True)

    def paint(self, dataset: Dataset, fact: PreviewsUpdated) -> None:
        """The network in training has looked at the pins."""
        if self._session.dataset is not dataset:
            return

        def work() -> Generator[Any, None, Any]:
            from segbench.gui.panels.training.previews import paint_previews

            return dataset, (yield from paint_previews(dataset, fact.predictions, fact.step))

        self._jobs.start("show previews", work(), title="Refreshing previews", lane="io", newest_wins=True)

    def take(self, event: JobDone) -> None:
        """A job of KINDS is done."""
        dataset, pictures = event.result
        if dataset is not self._session.dataset:
            return
        if not self._session.pins.indices:
            self._read = tuple(picture.index for picture in pictures)
            self._session.set_pins(self._read)
        self._show(pictures)
