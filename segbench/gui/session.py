"""What is open now, and who wants to hear of it: dataset, selected sample, pins, runs, checkpoint, colours, preferences. No Qt."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench import settings as preferences
from segbench.events import (
    CheckpointClosed,
    CheckpointOpened,
    ClassRecolored,
    DatasetClosed,
    DatasetOpened,
    Event,
    JobDone,
    PageRequested,
    PinsChanged,
    RunOpened,
    RunsListed,
    SampleSelected,
)
from segbench.records import CheckpointInfo, ClassTable, Color
from segbench.settings import Settings

if TYPE_CHECKING:
    from segbench.data.dataset import Dataset
    from segbench.jobs import Job, JobRunner

Handler = Callable[[Sequence[Event]], None]
log = logging.getLogger(__name__)


class Pins:
    """The samples a training run shows; the trainer reads `indices` whenever it makes previews, so a change shows at once."""

    def __init__(self) -> None:
        self.indices: tuple[int, ...] = ()


class Session:
    """One per window. Panels get it and the JobRunner, and nothing else."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.dataset: Dataset | None = None
        self.sample = 0
        self.pins = Pins()
        self.checkpoint: CheckpointInfo | None = None
        self._colors: dict[str, Color] = {}  # by class name: what the user chose
        self._handlers: list[Handler] = []
        self._waiting: deque[Sequence[Event]] = deque()
        self._publishing = False
        self._jobs: JobRunner | None = None

    def attach(self, jobs: JobRunner) -> None:
        self._jobs = jobs

    @property
    def jobs(self) -> JobRunner:
        assert self._jobs is not None, "attach a JobRunner first"
        return self._jobs

    def subscribe(self, handler: Handler) -> None:
        """`handler` gets every batch of events, in order."""
        self._handlers.append(handler)

    def publish(self, events: Sequence[Event]) -> None:
        """Hands a batch to every subscriber. One that raises does not keep the others from hearing it; the first error is raised at the end.

        What a subscriber publishes while it handles a batch follows behind that batch, so that all hear the same order.
        """
        self._waiting.append(events)
        if self._publishing:
            return
        errors: list[Exception] = []
        self._publishing = True
        try:
            while self._waiting:
                batch = [fact for event in self._waiting.popleft() for fact in self._adopt(event)]
                errors += self._hand_out(batch)
        finally:
            self._publishing = False
        if errors:
            raise errors[0]

    def _hand_out(self, batch: list[Event]) -> list[Exception]:
        errors: list[Exception] = []
        for handler in tuple(self._handlers):
            try:
                handler(batch)
            except Exception as error:
                log.exception("A panel could not handle %d events.", len(batch))
                errors.append(error)
        return errors

    def _adopt(self, event: Event) -> list[Event]:
        """Takes over what a finished job found, and says so behind the job's own event."""
        if isinstance(event, JobDone) and event.kind == "open dataset":
            self.dataset = event.result
            self.sample, self.pins.indices = 0, ()
            self.remember(self.dataset.info.path)
            return [event, DatasetOpened(self.dataset.info)]
        if isinstance(event, JobDone) and event.kind == "open checkpoint" and event.result is not None:
            self.checkpoint = event.result
            return [event, CheckpointOpened(event.result)]
        if isinstance(event, JobDone) and event.kind == "list runs":
            return [event, RunsListed(tuple(event.result)), *self._let_go()]
        return [event]

    def _let_go(self) -> list[Event]:
        """Runs are listed whenever one was deleted or discarded: its checkpoint goes with it."""
        if self.checkpoint is None or Path(self.checkpoint.path).exists():
            return []
        self.checkpoint = None
        return [CheckpointClosed()]

    # What panels and menus ask for ------------------------------------------------------------------------------------

    def open_dataset(self, path: str | Path) -> Job:
        """Opens a dataset in the io lane; DatasetOpened follows, or JobFailed."""

        def work() -> Generator[Any, None, Any]:
            from segbench.data.dataset import open_dataset

            return (yield from open_dataset(Path(path)))

        return self.jobs.start("open dataset", work(), title=f"Opening {Path(path).name}", lane="io", newest_wins=True)

    def open_checkpoint(self, path: str | Path) -> Job:
        """Reads a checkpoint's header; CheckpointOpened follows, or JobFailed."""

        def work() -> Generator[Any, None, Any]:
            from segbench.formats.apart import convert_weights
            from segbench.formats.checkpoints import SUFFIX, find_checkpoint, read_checkpoint_info

            file = find_checkpoint(Path(path))
            if file.suffix != SUFFIX:  # so that it can be cancelled; from then on it is in the cache
                yield from convert_weights(file)
            return read_checkpoint_info(file)

        self.remember(str(path))
        return self.jobs.start(
            "open checkpoint", work(), title=f"Opening {Path(path).name}", lane="io", newest_wins=True
        )

    def list_runs(self) -> Job:
        """Looks through the runs folder; RunsListed follows."""
        folder = preferences.find_runs_folder(self.settings)

        def work() -> Generator[Any, None, Any]:
            from segbench.formats.runs import find_runs

            yield from ()
            return find_runs(folder)

        return self.jobs.start("list runs", work(), title="Looking for runs", lane="io", newest_wins=True)

    def close_dataset(self) -> None:
        self.dataset = None
        self.sample, self.pins.indices = 0, ()
        self.publish([DatasetClosed()])

    def select_sample(self, index: int) -> None:
        """Every panel looks at this sample from now on; out of range is brought into range."""
        if self.dataset is None or not len(self.dataset):
            return
        self.sample = min(max(index, 0), len(self.dataset) - 1)
        self.publish([SampleSelected(self.sample)])

    def set_pins(self, indices: tuple[int, ...]) -> None:
        self.pins.indices = indices
        self.publish([PinsChanged(indices)])

    def recolor(self, classes: ClassTable) -> ClassTable:
        """The classes in the colours every panel shows: the user's, else the dataset's where it knows the name, else their own."""
        known = self.dataset.info.classes if self.dataset is not None else None
        shown = {c.name: c.color for c in known.classes} if known is not None else {}
        shown |= self._colors
        return classes.recolor([shown.get(c.name, c.color) for c in classes.classes])

    def find_color(self, name: str) -> Color | None:
        """What the user chose for the classes of this name, if anything."""
        return self._colors.get(name)

    def set_color(self, name: str, color: Color | None) -> None:
        """Every panel shows the classes of this name in this colour from now on; None: in their own again."""
        if color is None:
            self._colors.pop(name, None)
        else:
            self._colors[name] = color
        self.publish([ClassRecolored(name, color)])

    def open_run(self, path: str | Path) -> None:
        self.remember(str(path))
        self.publish([RunOpened(str(path))])

    def show_page(self, page: str) -> None:
        self.publish([PageRequested(page)])

    def remember(self, path: str) -> None:
        self.change_settings(**{"recent": preferences.remember(self.settings, path).recent})

    def change_settings(self, **changes: Any) -> None:
        """Changes preferences and saves them; a folder that can't be written is logged, not fatal."""
        self.settings = preferences.change(self.settings, **changes)
        try:
            preferences.save_settings(self.settings)
        except OSError as error:
            reason = error.strerror or error
            log.warning("The preferences could not be saved to %s: %s.", preferences.find_settings_file(), reason)
