"""Text for people on a terminal: progress bars and lines on stderr, results on stdout. Decides nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from segbench.errors import SegbenchError
from segbench.events import EpochDone, LossShared, StepDone, TrainingStarted
from segbench.knobs import Knob
from segbench.records import Scores

LINE_SECONDS = 10.0  # without a terminal: the longest silence
SMOOTHING = 0.95
OWNERS = 6  # classes that are named as owners of the loss


class Bar:
    """How far a long job is: a bar on a terminal, now and then a line elsewhere."""

    def __init__(self, title: str, progress: Progress | None, console: Console) -> None:
        self._title = title
        self._progress = progress
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._told = time.monotonic()

    def show(self, done: int, total: int, text: str = "", title: str = "") -> None:
        """`total` 0: not known yet. `title` names work inside the work, such as a validation: a bar of its own until it is done."""
        title = title or self._title
        if self._progress is not None:
            if title not in self._tasks:
                self._tasks[title] = self._progress.add_task(title, total=total or None, text="")
            self._progress.update(self._tasks[title], completed=done, total=total or None, text=text)
            if title != self._title and done >= total:
                self._progress.remove_task(self._tasks.pop(title))
        elif time.monotonic() - self._told > LINE_SECONDS:
            self._told = time.monotonic()
            self.tell(f"{title}: {done:,}{f' of {total:,}' if total else ''}{f', {text}' if text else ''}")

    def tell(self, line: str) -> None:
        """A line that stays, above the bar."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def open_bar(title: str) -> Iterator[Bar]:
    """A bar on stderr that goes away when the work is done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Bar(title, None, console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(title, progress, console)


def tell(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(line + "\n")


def note(line: str) -> None:
    """One line beside the result, to stderr."""
    sys.stderr.write(line + "\n")


def tell_json(document: Any) -> None:
    """The result for a script; numbers that JSON cannot hold become null."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


# Training --------------------------------------------------------------------------------------------------------------


class TrainingLines:
    """Follows a run: the bar's text at each step, a line at each epoch, below it who owns the loss. classes: their names."""

    def __init__(self, bar: Bar, classes: Sequence[str] = ()) -> None:
        self._bar = bar
        self._classes = classes
        self._shared: LossShared | None = None
        self._started: TrainingStarted | None = None
        self._loss: float | None = None
        self._first: StepDone | None = None
        self._images = 0

    def show(self, event: object) -> None:
        match event:
            case TrainingStarted():
                self._started, self._first, self._images = event, None, 0
                self._bar.tell(describe_start(event))
                if event.changes:
                    told = ", ".join(f"{what} {before}, now {now}" for what, before, now in event.changes)
                    self._bar.tell(f"Not bit for bit as if it had never been stopped: {told}.")
            case StepDone():
                self._step(event)
            case LossShared():
                self._shared = event
            case EpochDone():
                assert self._started is not None
                self._bar.tell(describe_epoch(event, self._started.epochs))
                if self._shared is not None and len(self._shared.shares) == len(self._classes):
                    self._bar.tell(describe_owners(self._classes, self._shared.shares))

    def _step(self, event: StepDone) -> None:
        assert self._started is not None
        self._loss = event.loss if self._loss is None else SMOOTHING * self._loss + (1 - SMOOTHING) * event.loss
        if self._first is None:
            self._first = event
        else:
            self._images += event.images
        busy = event.seconds - self._first.seconds
        speed = f", {self._images / busy:.0f} images/s" if busy > 0 else ""
        epoch = -(-event.step // self._started.steps_per_epoch)
        text = f"epoch {epoch} of {self._started.epochs}, loss {self._loss:.4g}{speed}"
        self._bar.show(event.step, self._started.total_steps, text)


def describe_start(event: TrainingStarted) -> str:
    """The first line of a run: how much, on what."""
    watched = (
        f"validated on {event.validation_images:,} ({event.validation_split})"
        if event.validation_images
        else "no validation"
    )
    begun = f"Going on after step {event.step:,}" if event.step else "Training"
    return (
        f"{begun}: {event.epochs} epochs of {event.steps_per_epoch:,} steps on {event.train_images:,} images, {watched}, "
        f"{event.parameters:,} parameters, {event.device}."
    )


def describe_epoch(event: EpochDone, epochs: int) -> str:
    """One line an epoch; what was not measured is left out, not shown as 0."""
    parts = [f"epoch {event.epoch} of {epochs}", f"train loss {event.train_loss:.4g}"]
    if event.validation_loss is not None:
        parts.append(f"validation loss {event.validation_loss:.4g}")
    if event.scores is not None:
        parts.append(f"mean IoU {write_ratio(event.scores.mean_iou)}")
    if event.grid_scores is not None:
        parts.append(f"on even pixels {write_ratio(event.grid_scores.mean_iou)}")
    return ", ".join(parts) + (" (best)" if event.best else "")


def describe_owners(classes: Sequence[str], shares: Sequence[float]) -> str:
    """Who owns the loss, the greatest share first; the smallest of many classes are put together."""
    pairs = sorted(zip(classes, shares, strict=True), key=lambda pair: -pair[1])
    if len(pairs) > OWNERS + 1:
        pairs = [*pairs[:OWNERS], (f"{len(pairs) - OWNERS} others", sum(share for _, share in pairs[OWNERS:]))]
    return "  loss by class: " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in pairs)


# Scores ----------------------------------------------------------------------------------------------------------------


def describe_scores(scores: Scores) -> list[str]:
    """A table of the classes and their means."""
    rows = [
        (
            c.name,
            *(write_ratio(ratio) for ratio in (c.iou, c.dice, c.precision, c.recall)),
            f"{c.true_positives + c.false_negatives:,}",
        )
        for c in scores.classes
    ]
    rows.append(("mean", write_ratio(scores.mean_iou), write_ratio(scores.mean_dice), "", "", ""))
    lines = align([("class", "IoU", "Dice", "precision", "recall", "true pixels"), *rows])
    if scores.pixel_accuracy is not None:
        lines.append(f"pixel accuracy {write_ratio(scores.pixel_accuracy)}")
    return lines


def scores_document(scores: Scores) -> dict[str, Any]:
    """Scores as plain values, ratios included; None where a ratio is not defined."""
    return {
        "images": scores.images,
        "mean_iou": scores.mean_iou,
        "mean_dice": scores.mean_dice,
        "pixel_accuracy": scores.pixel_accuracy,
        "classes": [
            msgspec.to_builtins(c) | {"iou": c.iou, "dice": c.dice, "precision": c.precision, "recall": c.recall}
            for c in scores.classes
        ],
    }


def write_ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.3f}"


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the first column to the left and the others to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def write_count(number: int, noun: str) -> str:
    """ "1 image", "1,000 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


# Settings --------------------------------------------------------------------------------------------------------------


def describe_knob(knob: Knob) -> list[str]:
    """Two lines of help: name, default and range; what it means."""
    default = str(knob.default).lower() if knob.kind == "bool" else str(knob.default)
    return [f"  {knob.path}={default}  ({write_range(knob)})", f"      {knob.help}"]


def write_range(knob: Knob) -> str:
    """What a knob takes, in words."""
    if knob.kind == "bool":
        return "true or false"
    if knob.kind == "choice":
        return " or ".join(str(choice) for choice in knob.choices)
    what = "whole number" if knob.kind == "int" else "number"
    low = "" if knob.low is None else f"{'above' if knob.low_open else 'from'} {knob.low:g}"
    high = "" if knob.high is None else f"{'below' if knob.high_open else 'to'} {knob.high:g}"
    return " ".join(part for part in (what, low, high) if part)


def check_positive(number: int, option: str) -> None:
    """Raises SegbenchError for a number below 1."""
    if number < 1:
        raise SegbenchError(f"{option} {number} is too small.", "Give 1 or more.")
