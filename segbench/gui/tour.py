"""The two-minute tour: from an empty window to exported masks. Each step is over when the session says that it has happened,
whoever did it: the user, or "Do it for me", which asks the same presenters. The next one begins when the user asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices

from segbench.errors import SegbenchError
from segbench.events import (
    CheckpointOpened,
    CheckpointSaved,
    DatasetOpened,
    Event,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    JobStarted,
    SamplePredicted,
    SampleSelected,
    TrainingStarted,
)
from segbench.gui.widgets.coach import Coach

if TYPE_CHECKING:
    from segbench.data.dataset import Dataset
    from segbench.gui.desk import Desk

COUNT, TESTS = 200, 40
# About a minute on two cores: a shallow network and few passes
QUICK = ("network.depth=4", "epochs=10", "data.batch_size=4", "preview_seconds=2")
TRAINING, WATCHING = 2, 3  # the steps that end with the training's beginning and with its end
BROKEN_OFF = ("generate", "export")  # jobs that the cross in the status bar ends; a step that waits for one begins anew
LOOK_AT = 3  # samples to look at before the second step is over
EXPORT_TRIES, EXPORT_WAIT = 100, 200  # times, ms: the dialog's preview takes a moment
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One step. over: tells from an event whether it has happened; do: does it."""

    title: str
    text: str
    button: str
    page: str
    over: Callable[[Event], bool]
    do: Callable[[], None]
    busy: str
    after: str  # what is said when it is over


class Tour:
    """One per window; `begin` starts it anew."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = -1
        self._seen = 0
        self._run = ""
        self._manifest = ""
        self._predicts = False
        self._over = False  # the present step has happened; the user has not gone on yet
        self._trained = False  # a training of this tour has ended
        self.coach = Coach()
        self.coach.do_requested.connect(self.do_step)
        self.coach.skip_requested.connect(lambda: self.go_to(self._place + 1))
        self.coach.leave_requested.connect(self.leave)
        self.coach.hide()
        desk.window.foot.addWidget(self.coach)
        self._steps = self._list_steps()

    def _list_steps(self) -> tuple[Step, ...]:
        return (
            Step(
                "Make a dataset",
                "Press Generate shapes…, take 200 training and 40 test images, and press Generate. Small is enough for a "
                "first look.",
                "&Do it for me", "dataset", lambda e: isinstance(e, DatasetOpened), self._generate, "Drawing 240 images…",
                "The dataset is open: its images stand in the list on the left. Press Next when you are ready.",
            ),
            Step(
                "Look at the images",
                "Walk through the images with the arrow keys or A and D. Beside each image stand its masks and its boxes: "
                "what the network is to find.",
                "&Do it for me", "dataset", self._counts_samples, self._browse, "Going through a few images…",
                "That is how to walk through them. Look around as long as you like.",
            ),
            Step(
                "Train a network",
                "On the Training page press Start. “Do it for me” takes a small network and ten passes: about a minute.",
                "&Do it for me", "training", lambda e: isinstance(e, JobStarted) and e.kind == "train", self._train,
                "Starting…", "The training has begun. The next step tells what there is to see.",
            ),
            Step(
                "Watch it learn",
                "The loss falls, the IoU of each class rises, and the pinned samples show what it sees by now. Wait, or press "
                "Stop: the best model is kept.",
                "&Stop now", "training", lambda e: isinstance(e, JobDone | JobCancelled) and e.kind == "train", self._stop,
                "Stopping after this step…", "The training has ended, and what it has learned is kept.",
            ),
            Step(
                "See what it finds",
                "On the Prediction page choose the run’s best checkpoint and click through the test images: image, truth and "
                "prediction side by side, with the IoU of each image.",
                "&Do it for me", "prediction", self._predicted, self._predict, "Predicting…",
                "Image, truth and prediction stand side by side: A and D lead to the images before and after this one.",
            ),
            Step(
                "Export the masks",
                "Press Export masks… on the Prediction page, choose A whole split, test, and a format, and press Export.",
                "&Do it for me", "prediction", lambda e: isinstance(e, JobDone) and e.kind == "export", self._export,
                "Writing the masks…", "",
            ),
        )  # fmt: skip

    # Going through -----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """From the first step; from the second if a dataset with classes is open already."""
        dataset = self._desk.session.dataset
        self._run = self._manifest = ""
        self._trained = False
        self.coach.show()
        self.go_to(1 if dataset is not None and dataset.info.classes is not None else 0)

    def leave(self) -> None:
        self._place = -1
        self.coach.hide()
        self._desk.session.change_settings(tour_seen=True)

    def go_to(self, place: int) -> None:
        if place >= len(self._steps):
            self._finish()
            return
        self._place, self._seen, self._over = place, 0, False
        self._predicts = self._desk.session.checkpoint is not None
        self._offer()
        self._desk.window.show_page(self._steps[place].page)
        # It may have happened before: a training begun without the tour, or over while the user was at the step before
        if (place == TRAINING and self._trains()) or (place == WATCHING and self._trained):
            self._complete(place)

    def do_step(self) -> None:
        """Does the present step for the user; behind the last one it opens the folder of the masks."""
        if self._place >= len(self._steps):
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._manifest).parent)))
            return
        if self._place < 0 or self._over:
            return
        step = self._steps[self._place]
        self.coach.show_busy(step.busy)
        try:
            step.do()
        except SegbenchError as error:
            self._offer(str(error))

    def _offer(self, why: str = "") -> None:
        """Shows the present step, its button ready to be pressed; why: what kept it from being done, in place of its text."""
        step = self._steps[self._place]
        self.coach.show_step(self._place + 1, len(self._steps), step.title, why or step.text, step.button)

    def handle(self, events: Sequence[Event]) -> None:
        """Remembers what later steps need, and tells when the present step has happened."""
        for event in events:
            inner = getattr(event, "event", None)
            if isinstance(inner, TrainingStarted):
                self._run = inner.run
            elif isinstance(inner, CheckpointSaved):  # by a training that began before the tour
                self._run = self._run or str(Path(inner.path).parents[1])
            if isinstance(event, JobDone) and event.kind == "export":
                self._manifest = str(event.result or "")
            if isinstance(event, JobStarted | JobDone | JobCancelled) and event.kind == "train":
                self._trained = not isinstance(event, JobStarted)
            if not 0 <= self._place < len(self._steps):
                continue
            step = self._steps[self._place]
            if isinstance(event, JobFailed) and event.kind == "train" and self._place in (WATCHING - 1, WATCHING):
                self.go_to(WATCHING - 1)
            elif self._over:
                continue
            elif isinstance(event, JobFailed) or (isinstance(event, JobCancelled) and event.kind in BROKEN_OFF):
                self._offer()  # the error dialog tells why; the step can be tried again
            elif step.over(event):
                # After this batch: the panels hear of the event behind the tour
                place = self._place
                QTimer.singleShot(400, self.coach, lambda place=place: self._complete(place))

    def _complete(self, place: int) -> None:
        """Says that a step is over, if the user is still at it; behind the last one comes the end."""
        if self._place != place or self._over:
            return
        if place == len(self._steps) - 1:
            self._finish()
            return
        self._over = True
        self.coach.show_over(self._steps[place].title, self._steps[place].after)

    def _finish(self) -> None:
        self._place = len(self._steps)
        where = f"The masks stand in {Path(self._manifest).parent}, with a manifest that tells how they were made."
        self.coach.show_step(
            len(self._steps), len(self._steps), "That was it",
            where if self._manifest else "From a dataset through a trained network to its masks; Help holds the user guide.",
            "&Open the folder" if self._manifest else "", can_skip=False,
        )  # fmt: skip
        self._desk.session.change_settings(tour_seen=True)

    # What is waited for ------------------------------------------------------------------------------------------------

    def _counts_samples(self, event: Event) -> bool:
        self._seen += isinstance(event, SampleSelected)
        return self._seen >= LOOK_AT

    def _predicted(self, event: Event) -> bool:
        """A checkpoint was opened, and a sample went through it (the panel may keep predictions, so a selection counts, too)."""
        self._predicts = self._predicts or isinstance(event, CheckpointOpened)
        inner = event.event if isinstance(event, JobEvent) else None
        done = isinstance(event, JobDone) and event.kind == "predict sample"
        return self._predicts and (isinstance(inner, SamplePredicted) or done)

    # Doing it -----------------------------------------------------------------------------------------------------------------
    #
    # Each leads to an event that ends the step, or raises a SegbenchError that says why not: the button waits for one of them.

    def _trains(self) -> bool:
        """A training runs, or waits for its turn."""
        return any(job.kind == "train" for job in self._desk.jobs.jobs())

    def _find_dataset(self) -> Dataset:
        if self._desk.session.dataset is None:
            raise SegbenchError("There is no dataset yet.", "Open or generate one first.")
        return self._desk.session.dataset

    def _generate(self) -> None:
        from segbench.gui.dialogs.generate import find_shapes_folder, generate_shapes

        work = generate_shapes(find_shapes_folder(), COUNT, TESTS, 0, 64)
        self._desk.jobs.start("generate", work, title=f"Generating {COUNT + TESTS} images", lane="io")

    def _browse(self) -> None:
        self._find_dataset()
        session = self._desk.session
        for step in range(LOOK_AT):
            QTimer.singleShot(700 * (step + 1), self.coach, lambda: session.select_sample(session.sample + 1))

    def _train(self) -> None:
        from segbench import config
        from segbench.knobs import to_dict

        if self._trains():
            self.go_to(WATCHING)
            return
        classes = self._find_dataset().info.classes
        quick = list(QUICK)
        if classes is not None and classes.exclusive:
            quick += ["loss.target=labels", "loss.name=cross_entropy"]
        settings = config.override(config.find_preset("recommended").config, quick)
        raw = to_dict(settings)
        self._desk.views["training"].show_settings(raw)  # the form tells what runs
        self._desk.presenters["training"].start(raw)
        if not self._trains():
            raise SegbenchError("The training could not begin.", "The Training page says why.")

    def _stop(self) -> None:
        training = self._desk.presenters["training"]
        if self._trains():
            training.stop()
        else:
            self.go_to(self._place + 1)

    def _predict(self) -> None:
        from segbench.formats.runs import open_run

        if not self._run:
            raise SegbenchError(
                "There is no trained network yet.", "Train one, or choose a checkpoint on the Prediction page."
            )
        run = open_run(Path(self._run))
        kinds: tuple[Literal["best", "last"], ...] = ("best", "last")  # stopped in its first epoch, a run has no best
        there = [path for kind in kinds if (path := run.checkpoint(kind)).exists()]
        if not there:
            raise SegbenchError("That run has kept no checkpoint.", "Train again, a little longer.")
        dataset = self._desk.session.dataset
        if dataset is not None and "test" in dataset.splits:
            self._desk.presenters["prediction"].choose_split("test")
        self._desk.session.open_checkpoint(there[0])

    def _export(self) -> None:
        """Opens the dialog, chooses the test split, and presses Export as soon as the preview stands."""
        tested = "test" in self._find_dataset().splits
        self._desk.presenters["prediction"].request_export()
        export: Any = self._desk.presenters["export"]
        export.change(**({"scope": "split", "split": "test"} if tested else {"scope": "all"}))
        self._press_export(export, EXPORT_TRIES)

    def _press_export(self, export: Any, tries: int) -> None:
        if export.preview is not None and export.preview.problem is None and export.draft.scope in ("split", "all"):
            export.start()
        elif tries:
            QTimer.singleShot(EXPORT_WAIT, self.coach, lambda: self._press_export(export, tries - 1))
        elif 0 <= self._place < len(self._steps):
            self._offer("The export has not begun. The dialog says what it waits for; choose there, or try again.")
