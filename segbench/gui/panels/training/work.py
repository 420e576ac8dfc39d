"""What the training panel's jobs do: generators that run in a lane's thread and import the core there. No Qt, no view."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from segbench.events import LoggedEvent, RunLogRead, StepDone

if TYPE_CHECKING:
    from segbench.config import TrainConfig
    from segbench.data.dataset import Dataset
    from segbench.formats.runs import Run, RunFile
    from segbench.gui.session import Session
    from segbench.records import ClassTable

LOG_CHUNK = 5000  # events of a log that are read at a stretch

Work = Generator[Any, None, Any]


class Order:
    """What the user said about a run in training; its generator reads it in the job's thread when it ends."""

    def __init__(self) -> None:
        self.discard = False


class DatasetPins:
    """The session's pins as long as the dataset that is trained on is open; then the last of them, as those of another dataset
    would name other samples. The job's thread reads them."""

    def __init__(self, session: Session, dataset: Dataset) -> None:
        self._session, self._dataset = session, dataset
        self._kept: tuple[int, ...] = ()

    @property
    def indices(self) -> tuple[int, ...]:
        # In this order: a dataset is opened before its pins are set, so these are its own or older
        indices, opened = self._session.pins.indices, self._session.dataset
        if opened is not None and opened.info == self._dataset.info:
            self._kept = indices
        return self._kept


def run_training(make: Callable[[], Run], dataset: Dataset, order: Order, pins: DatasetPins, *, fresh: bool) -> Work:
    """Trains the run that `make` gives. A fresh run in which nothing was learnt is not kept; nor is one to be discarded."""
    from segbench.formats.runs import delete_run
    from segbench.training.trainer import train

    run = make()
    begun = not fresh
    watched: Any = pins  # read-only, where the trainer's protocol would allow to write
    try:
        with closing(train(run.config, dataset, run, watched)) as inner:
            for event in inner:
                begun = begun or isinstance(event, StepDone)
                yield event
    except Exception:
        if not begun:
            delete_run(run.path)
        raise
    finally:
        if order.discard:
            delete_run(run.path)


def make_run(folder: Path, config: TrainConfig, dataset: Dataset) -> Callable[[], Run]:
    """Creates a run's folder when it is called (in the job's thread, so that a full disk ends the job in words)."""

    def make() -> Run:
        from segbench.formats.runs import create_run

        return create_run(folder, config, dataset.info)

    return make


def reopen_run(path: str, config: TrainConfig) -> Callable[[], Run]:
    """Opens a run to be continued with these settings, which are kept in it."""

    def make() -> Run:
        from segbench.formats.runs import open_run

        run = open_run(Path(path))
        if run.config != config:
            with run.lock():  # not while another segbench trains it
                run.change(config=config)
        return run

    return make


class RunOnDisk(NamedTuple):
    """What a run's folder tells beside its log. torn: lines of the log that a crash tore; elsewhere: another process trains it."""

    file: RunFile
    name: str
    checkpoints: dict[str, str]  # by kind
    torn: int
    elsewhere: bool


def read_log(path: str) -> Generator[RunLogRead, None, RunOnDisk]:
    """A run's log in parts; returns the rest of what its folder tells."""
    from segbench.formats.runs import open_run

    run = open_run(Path(path))
    part: list[LoggedEvent] = []
    first = True
    for fact in run.events():
        part.append(fact)
        if len(part) == LOG_CHUNK:
            yield RunLogRead(path, run.name, tuple(part), first)
            part, first = [], False
    yield RunLogRead(path, run.name, tuple(part), first)
    there = {}
    for kind in ("last", "best"):
        if (checkpoint := run.checkpoint("best" if kind == "best" else "last")).exists():
            there[kind] = str(checkpoint)
    return RunOnDisk(run.file, run.name, there, run.torn, run.is_training())


def write_curves(runs: Sequence[str], out: str) -> Work:
    """The curves of these runs as a CSV file."""
    from segbench.export.curves import export_curves

    return (yield from export_curves([Path(run) for run in runs], Path(out)))


def remove_run(path: str) -> Work:
    """Deletes a run's folder."""
    from segbench.formats.runs import delete_run

    yield from ()
    delete_run(Path(path))


def count_threads() -> int:
    """Threads for training beside a window: all cores this process may use but one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def resolve_threads(raw: dict[str, Any]) -> dict[str, Any]:
    """`threads` 0 means "all" to the trainer; beside a window it shall leave one core to the window."""
    return raw if raw.get("threads") else {**raw, "threads": count_threads()}


def leave_threads(raw: dict[str, Any]) -> dict[str, Any]:
    """The reverse: the number that 0 stood for is 0 again, so that settings read as they were chosen."""
    return {**raw, "threads": 0} if raw.get("threads") == count_threads() else raw


def find_misfit(config: TrainConfig, classes: ClassTable | None) -> str:
    """Why a target cannot be trained on a dataset, in words; "" if it can."""
    if config.loss.target == "labels" and classes is not None and not classes.exclusive:
        return "The target labels wants one class a pixel, but objects of this dataset may overlap. Use planes with bce_dice."
    return ""
