"""What an export is going to be: the choices of the dialog, and what a preview of them found out. No Qt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from segbench.errors import SegbenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Scope = Literal["this", "selected", "split", "all", "numbers"]
Masks = Literal["network", "truth"]
_PART = re.compile(r"(\d+)(?:\s*-\s*(\d+))?")


@dataclass(frozen=True)
class Draft:
    """The dialog's choices. masks "network": what the checkpoint predicts; "truth": the dataset's own. `numbers`: "1-20, 43"."""

    scope: Scope = "this"
    split: str = ""  # of scope "split"; "": that of the image one looks at
    numbers: str = ""
    masks: Masks = "network"
    format: str = ""  # "": the one that loses nothing
    pattern: str = ""  # "": the format's own
    flattening: Literal["table", "reverse", "smallest", "score"] = "table"
    instances: Literal["component", "class"] = "component"
    overwrite: Literal["refuse", "replace", "skip"] = "refuse"
    out: str = ""


@dataclass(frozen=True)
class FormatInfo:
    """An exporter as the dialog lists it."""

    name: str
    title: str
    about: str
    pattern: str
    ending: str
    flattens: bool
    per_class: bool
    collects: bool  # one file for all samples


@dataclass(frozen=True, eq=False)
class Preview:
    """Of the present sample in the draft's format. hidden: pixels that flattening drops there. problem: message and hint, if the
    draft cannot be exported as it is. command: the line that does the same without the window."""

    formats: tuple[FormatInfo, ...]
    flattenings: dict[str, str]
    format: str
    pictures: tuple[tuple[str, NDArray[np.uint8]], ...] = ()
    hidden: int = 0
    problem: tuple[str, str] | None = None
    command: str = ""


@dataclass(frozen=True)
class Done:
    """How an export ended."""

    samples: int
    files: int
    folder: str
    hidden: int
    complete: bool


def parse_numbers(text: str, count: int) -> list[int]:
    """ "1-20, 43", counted from 1, as sorted sample indices from 0 without repetition. Raises SegbenchError naming the part that is wrong."""
    found: set[int] = set()
    for part in filter(None, (p.strip() for p in re.split(r"[,;]", text))):
        match = _PART.fullmatch(part)
        if match is None:
            raise SegbenchError(f"{part!r} is no number and no range.", "Write numbers like 1-20, 43.")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last:
            raise SegbenchError(f"{part!r} is no number and no range.", "Write numbers from 1, like 1-20, 43.")
        if last > count:
            raise SegbenchError(f"There is no image {last:,}.", f"The images are 1 to {count:,}.")
        found.update(range(first - 1, last))
    if not found:
        raise SegbenchError("No image is chosen.", "Write numbers like 1-20, 43.")
    return sorted(found)


def list_indices(draft: Draft, index: int, selected: Sequence[int], split: range, count: int) -> list[int]:
    """The samples a draft covers. Raises SegbenchError for numbers that are not right."""
    match draft.scope:
        case "this":
            return [index]
        case "selected":
            return list(selected)
        case "split":
            return list(split)
        case "numbers":
            return parse_numbers(draft.numbers, count)
        case _:
            return list(range(count))
