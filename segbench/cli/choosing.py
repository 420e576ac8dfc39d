"""Which samples, thresholds and colours the options of a command mean. Opens datasets; knows no terminal but the bar it is given."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from segbench.cli.console import open_bar
from segbench.cli.interrupt import pull
from segbench.cli.parser import DEFAULT_SPLITS
from segbench.data.dataset import Dataset, open_dataset, open_images
from segbench.errors import SegbenchError
from segbench.records import ClassTable, Color, Reading
from segbench.targets import half_reading, lecture_reading

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def open_data(paths: Sequence[str]) -> Dataset:
    """The dataset at one path, or several pictures as one. Raises SegbenchError if it is none."""
    if len(paths) > 1:
        return open_images([Path(path) for path in paths])
    with open_bar(f"Opening {Path(paths[0]).name}") as bar:
        return pull(open_dataset(Path(paths[0])), lambda event: bar.show(event.done, event.total))


def choose_samples(dataset: Dataset, arguments: argparse.Namespace) -> list[int]:
    """The samples --split or --indices means. Raises SegbenchError for a split or an index that is not there."""
    if arguments.indices is not None:
        return read_indices(arguments.indices, len(dataset))
    name = arguments.split
    if name is None:
        name = next((s for s in DEFAULT_SPLITS if len(dataset.splits.get(s, ()))), "all")
    return list_split(dataset, name)


def list_split(dataset: Dataset, name: str) -> list[int]:
    """The samples of a split, or all. Raises SegbenchError for a split that is not there."""
    if name == "all":
        return list(range(len(dataset)))
    if name not in dataset.splits:
        there = ", ".join(dataset.splits)
        raise SegbenchError(f"The dataset {dataset.info.name} has no split {name!r}.", f"Choose one of: {there}, all.")
    return list(dataset.splits[name])


def read_indices(text: str, count: int) -> list[int]:
    """ "0-9,17" as a list, in the order given, each once. Raises SegbenchError for anything else or an index beyond the dataset."""
    found: dict[int, None] = {}
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise SegbenchError(f"--indices {text!r} is no list of samples.", "Write it like 0-9,17,20-22.")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last or last >= count:
            raise SegbenchError(f"There are no samples {part.strip()}.", f"The dataset's samples are 0 to {count - 1}.")
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)


def choose_reading(
    own: Reading, classes: ClassTable, scale: Literal["probability", "value"], arguments: argparse.Namespace
) -> Reading | None:
    """The reading the options ask for; None if they ask for nothing but the checkpoint's own.

    scale: that of the network's scores. Raises SegbenchError for a class or a window that cannot be read, and for a reading in
    which no score of that scale can lie.
    """
    reading = own
    if arguments.reading not in ("own", "best"):
        if scale == "probability":
            raise SegbenchError(
                f"--reading {arguments.reading} is for networks that give grey values, and this one gives probabilities.",
                "Leave it out; --threshold 0.7 asks for surer masks.",
            )
        reading = half_reading(classes) if arguments.reading == "half" else lecture_reading(classes)
    windows = list(reading.windows)
    if arguments.threshold is not None:
        if not math.isfinite(arguments.threshold):
            raise SegbenchError(f"--threshold {arguments.threshold} is no threshold.", "Give a number such as 0.7.")
        windows = [(arguments.threshold, high) for _, high in windows]
    for text in arguments.windows:
        name, window = _read_window(text, classes)
        windows[classes.names.index(name)] = window
    reading = msgspec.structs.replace(reading, rule=arguments.rule or reading.rule, windows=tuple(windows))
    if reading == own:
        return None
    for name, (low, high) in zip(classes.names, windows, strict=True):
        if not low < high:
            raise SegbenchError(
                f"No score of {name} can be above {low:g} and below {high:g}.", "Give a lower end below the upper one."
            )
        if scale == "probability" and not all(0 <= end <= 1 for end in (low, high) if math.isfinite(end)):
            raise SegbenchError(
                f"The window {low:g} to {high:g} of {name} does not fit the network's scores, which are probabilities.",
                "Give ends from 0 to 1.",
            )
    return reading


def _read_window(text: str, classes: ClassTable) -> tuple[str, tuple[float, float]]:
    name, equals, window = text.rpartition("=")
    low, colon, high = window.partition(":")
    try:
        ends = (float(low) if low else float("-inf"), float(high) if high else float("inf"))
    except ValueError:
        colon = ""
    if not equals or not colon or name not in classes.names or not ends[0] < ends[1]:
        raise SegbenchError(
            f"--window {text} is no window of a class.",
            f"Write CLASS=LOW:HIGH with one of: {', '.join(classes.names)}; an end may be left out.",
        )
    return name, ends


def choose_colors(classes: ClassTable, arguments: argparse.Namespace) -> tuple[Color, ...]:
    """One colour a class: what --color says, else the class's own. Raises SegbenchError for a class or a colour that cannot be read."""
    colors = list(classes.colors)
    for text in arguments.colors:
        name, _, color = text.rpartition("=")
        if name not in classes.names or not _COLOR.fullmatch(color):
            raise SegbenchError(
                f"--color {text} is no colour of a class.",
                f"Write CLASS=#RRGGBB, such as #f0e442 for yellow, with one of: {', '.join(classes.names)}.",
            )
        red, green, blue = bytes.fromhex(color[1:])
        colors[classes.names.index(name)] = (red, green, blue)
    return tuple(colors)
