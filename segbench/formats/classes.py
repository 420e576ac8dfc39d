"""Class names and colours: classes.txt and its relatives, palettes, which index of a mask means what. Knows no pixels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from segbench.errors import SegbenchError
from segbench.files import read_bytes
from segbench.records import IGNORE, ClassInfo, ClassTable, Color
from segbench.resources import find_resource

LONGEST_NAME = 100  # characters of a class's
LARGEST_CLASS_FILE = 2**20  # bytes
CLASS_FILES = ("classes.txt", "labels.txt", "labelmap.txt", "label_colors.txt", "class_dict.csv")
VOID_NAMES = frozenset({"void", "unlabelled", "unlabeled", "ignore", "ignored", "unknown"})
BACKGROUND_NAMES = frozenset({"background", "_background_", "bg", "none", "nothing"})
_CAMVID_SYNONYMS = {"signsymbol": "sign", "sign symbol": "sign", "sidewalk": "pavement", "cyclist": "bicyclist"}
_RGB = r"\(?(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})\)?"
_NAME_THEN_COLOR = re.compile(rf"^(.+?)[\s,;:]+{_RGB}[\s:;,]*$")
_COLOR_THEN_NAME = re.compile(rf"^{_RGB}[\s,;:]+(.+)$")
_NUMBER_THEN_NAME = re.compile(r"^(\d+)\s*[:=,\s]\s*(.+)$")


class Palette(msgspec.Struct, frozen=True):
    """Colours in index order from resources/palettes, with the class names they were made for (none in "default")."""

    about: str
    colors: tuple[Color, ...]
    names: tuple[str, ...] = ()


_decoder = msgspec.json.Decoder(Palette)


@cache
def load_palette(name: str) -> Palette:
    """A palette of resources/palettes: "default" (255 colours that tell apart), "camvid", "voc"."""
    return _decoder.decode(find_resource("palettes", f"{name}.json").read_bytes())


class Naming(msgspec.Struct, frozen=True):
    """What a class file says, entry k about index k of the masks. A name is empty where the file numbers its classes and
    none has this number, a colour None where the file gives none."""

    names: tuple[str, ...]
    colors: tuple[Color | None, ...]


def is_readable_name(name: str) -> bool:
    """Whether a class can be called so: not empty, not long, no line breaks and no characters that turn the text around."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def find_class_file(folders: Iterable[Path]) -> Path | None:
    """The first file of CLASS_FILES in the first folder that has one; None if there is none."""
    for folder in folders:
        for name in CLASS_FILES:
            if (path := folder / name).is_file():
                return path
    return None


def read_class_file(path: Path) -> Naming:
    """Reads one class a line: `name`, `name r g b`, `r g b name` or `name,r,g,b`; # begins a comment. Lines stand in index
    order, or each of them begins with its index: `3: name`, `3 name`.

    Raises SegbenchError if the file cannot be read, is empty, or gives a name or an index twice, or an index beyond 255.
    """
    hint = "Write one class name a line, in the order of the mask's indices, as UTF-8 text."
    try:
        text = read_bytes(path, LARGEST_CLASS_FILE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SegbenchError(f"The class file {path} is not UTF-8 text.", hint) from error
    except ValueError as error:
        raise SegbenchError(f"The class file {path} is no list of classes: {error}.", hint) from error
    except OSError as error:
        raise SegbenchError(
            f"The class file {path} could not be read: {error.strerror}.", "Check its permissions."
        ) from error
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if lines and re.fullmatch(r"names?\s*[,;]\s*r\s*[,;]\s*g\s*[,;]\s*b", lines[0].lower()):
        del lines[0]
    names, colors = [], []
    for line in _order_by_number(lines, path):
        name, color = _read_line(line)
        names.append(name)
        colors.append(color)
    if not names:
        raise SegbenchError(f"The class file {path} names no class.", hint)
    if odd := next((name for name in names if name and not is_readable_name(name)), None):
        raise SegbenchError(
            f"The class file {path} has a name that is no class's: {odd[:40]!a}.",
            f"A name has at most {LONGEST_NAME} characters, and none that cannot be seen.",
        )
    if doubled := next((name for name in names if name and names.count(name) > 1), None):
        raise SegbenchError(f"The class file {path} names {doubled!r} twice.", "Give each class its own name.")
    return Naming(tuple(names), tuple(colors))


def _order_by_number(lines: list[str], path: Path) -> list[str]:
    """Lines that all begin with a class's index: without it, at its place, "" where no line has it. Others as they are."""
    matches = [match for line in lines if (match := _NUMBER_THEN_NAME.match(line))]
    numbers = [int(match[1]) for match in matches]
    # `64 128 64 road` begins with a colour, unless the numbers count the lines
    has_colors_first = any(_COLOR_THEN_NAME.match(line) for line in lines) and numbers != list(range(len(lines)))
    if not matches or len(matches) < len(lines) or has_colors_first:
        return lines
    if (top := max(numbers)) > 255:
        raise SegbenchError(
            f"The class file {path} gives a class the number {top}.", "Masks hold the numbers 0 to 255."
        )
    if doubled := next((number for number in numbers if numbers.count(number) > 1), None):
        raise SegbenchError(
            f"The class file {path} gives the number {doubled} twice.",
            "Give each class the number it has in the masks.",
        )
    ordered = [""] * (top + 1)
    for number, match in zip(numbers, matches, strict=True):
        ordered[number] = match[2].strip()
    return ordered


def _read_line(line: str) -> tuple[str, Color | None]:
    if match := _COLOR_THEN_NAME.match(line):
        name, color = match[4], (int(match[1]), int(match[2]), int(match[3]))
    elif match := _NAME_THEN_COLOR.match(line):
        name, color = match[1], (int(match[2]), int(match[3]), int(match[4]))
    else:
        return line.rstrip(":;,").strip(), None
    return (name.strip(" ,;:\t\"'"), color) if max(color) <= 255 else (line, None)


class IndexTable(msgspec.Struct, frozen=True):
    """A ClassTable and what each index of the masks on disk means: `labels[index]` is the class, IGNORE for void ones, None
    for an index that means nothing."""

    table: ClassTable
    labels: tuple[int | None, ...]


def build_index_table(naming: Naming, where: str) -> IndexTable:
    """Classes for index masks: void entries become IGNORE, a class called background is the table's background; without one,
    an index 0 that has no name is it.

    Own colours first, then those of a palette made for these names, then "default". Raises SegbenchError for more than 255 classes
    or none at all; `where` names the culprit in its message.
    """
    named = list(naming.names)
    if named and not named[0] and BACKGROUND_NAMES.isdisjoint(name.lower() for name in named):
        named[0] = "background"
    kept = [k for k, name in enumerate(named) if name and name.lower() not in VOID_NAMES]
    if not kept or len(kept) > IGNORE:
        raise SegbenchError(
            f"{where} names {len(kept)} classes.",
            f"segbench works with 1 to {IGNORE} classes; leave out the unused ones.",
        )
    names = [named[k] for k in kept]
    background = next((k for k, name in enumerate(names) if name.lower() in BACKGROUND_NAMES), -1)
    colors = assign_colors(names, [naming.colors[k] for k in kept], background)
    table = ClassTable(tuple(map(ClassInfo, names, colors)), exclusive=True, background=background)
    labels = [IGNORE if name else None for name in named]
    for label, k in enumerate(kept):
        labels[k] = label
    return IndexTable(table, tuple(labels))


def build_plane_table(names: Sequence[str], colors: Sequence[Color | None] | None = None) -> ClassTable:
    """Classes for planes that may overlap."""
    given = assign_colors(names, colors or [None] * len(names))
    return ClassTable(tuple(map(ClassInfo, names, given)), exclusive=False)


def assign_colors(names: Sequence[str], own: Sequence[Color | None], background: int = -1) -> list[Color]:
    """A colour a class: its own, else the CamVid or VOC one if all names are theirs, else the default palette's; background is black."""
    for known in (load_palette("camvid"), load_palette("voc")):
        if not any(own) and normalise(names) == known.names:
            return list(known.colors)
    taken = {color for color in own if color}
    free = (color for color in load_palette("default").colors if color not in taken)
    colors: list[Color] = []
    for k, color in enumerate(own):
        if color is None:
            color = (0, 0, 0) if k == background else next(free, (128, 128, 128))
        colors.append(color)
    return colors


def normalise(names: Sequence[str]) -> tuple[str, ...]:
    """Names in lower case with CamVid's spellings made one."""
    return tuple(_CAMVID_SYNONYMS.get(name.lower(), name.lower()) for name in names)


def is_camvid(names: Sequence[str]) -> bool:
    """Whether these are the 11 classes of CamVid in the SegNet tutorial's order."""
    return normalise(names) == load_palette("camvid").names
