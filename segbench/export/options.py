"""What a user chooses about an export, and the words the choices are known by. Knows no pixels and no torch."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from segbench.errors import SegbenchError
from segbench.records import ClassTable, Color, Reading

Flattening = Literal["table", "reverse", "smallest", "score"]
Overwrite = Literal["refuse", "replace", "skip"]
Instances = Literal["component", "class"]

FLATTENINGS: dict[str, str] = {
    "table": "a class further down the class table covers those above it",
    "reverse": "a class further up the class table covers those below it",
    "smallest": "in each image, a class with fewer pixels covers one with more",
    "score": "the class with the higher score covers the others (predictions only)",
}


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How masks are written. The defaults suit every format."""

    pattern: str = ""  # "": the format's own; fields {stem} {index} {split} {class}, without the ending
    flattening: Flattening = "table"  # formats that keep one class a pixel only
    reading: Reading | None = None  # None: the checkpoint's own thresholds
    overwrite: Overwrite = "refuse"
    instances: Instances = "component"  # coco: one annotation a connected component, or one a class
    colors: tuple[Color, ...] = ()  # one a class, for palettes and class maps; (): the class table's own
    data: tuple[str, ...] = ()  # pictures named one by one, for the manifest's command; (): the dataset's own path


def check_options(options: ExportOptions) -> None:
    """Raises SegbenchError for a word that is not known (Structs do not check what they are made with)."""
    for title, value, known in (
        ("order of flattening", options.flattening, get_args(Flattening)),
        ("overwrite policy", options.overwrite, get_args(Overwrite)),
        ("instances", options.instances, get_args(Instances)),
    ):
        if value not in known:
            raise SegbenchError(f"{value!r} is no {title}.", f"Choose one of: {', '.join(known)}.")


def default_format(classes: ClassTable) -> str:
    """The format that loses nothing: "planes" where objects may overlap, "palette" where each pixel has one class."""
    return "palette" if classes.exclusive else "planes"
