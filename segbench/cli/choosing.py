"""Which samples, thresholds and colours the options of a command mean. Opens datasets; knows no terminal but the bar it is given."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from segbench.cli.arguments import DEFAULT_SPLITS
from segbench.cli.console import open_bar
from segbench.cli.interrupt import pull
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
    if arguments.indices:
        return read_indices(arguments.indices, len(dataset))
    if arguments.split == "all":
        return list(range(len(dataset)))
    name = arguments.split or next((s for s in DEFAULT_SPLITS if len(dataset.splits.get(s, ()))), None)
    if name is None:
        return list(range(len(dataset)))
    if name not in dataset.splits:
        there = ", ".join(dataset.splits)
        raise SegbenchError(f"The dataset {dataset.info.name} has no split {name}.", f"Choose one of: {there}, all.")
    return list(dataset.splits[name])


def read_indices(text: str, count: int) -> list[int]:
    """ "0-9,17" as a list, in the order given, each once. Raises SegbenchError for anything else or an index beyond the dataset."""
    found: dict[int, None] = {}
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise SegbenchError(f"--indices {text} is no list of samples.", "Write it like 0-9,17,20-22.")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last or last >= count:
            raise SegbenchError(f"There are no samples {part.strip()}.", f"The dataset's samples are 0 to {count - 1}.")
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)


def choose_reading(own: Reading, classes: ClassTable, arguments: argparse.Namespace) -> Reading | None:
    """The reading the options ask for; None if they ask for nothing but the checkpoint's own.

    Raises SegbenchError for a class or a window that cannot be read.
    """
    reading = own
    if arguments.reading == "half":
        reading = half_reading(classes)
    elif arguments.reading == "lecture":
        reading = lecture_reading(classes)
    windows = list(reading.windows)
    if arguments.threshold is not None:
        windows = [(arguments.threshold, high) for _, high in windows]
    for text in arguments.windows:
        name, window = _read_window(text, classes)
        windows[classes.names.index(name)] = window
    reading = msgspec.structs.replace(reading, rule=arguments.rule or reading.rule, windows=tuple(windows))
    return None if reading == own else reading


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
                f"Write CLASS=#RRGGBB with one of: {', '.join(classes.names)}; the colour in hexadecimal, such as #f0e442.",
            )
        red, green, blue = bytes.fromhex(color[1:])
        colors[classes.names.index(name)] = (red, green, blue)
    return tuple(colors)
