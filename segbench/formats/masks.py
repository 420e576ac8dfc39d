"""How mask files become labels or planes: index pictures, palettes, colour pictures. Knows no dataset layout."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.events import Progressed
from segbench.formats.classes import IndexTable
from segbench.formats.images import PathLike, find_orientation, opened, turn_upright
from segbench.records import IGNORE, Color

COLOR_LIMIT = 4096  # a picture with more colours than this is no mask
HINT = "Masks hold a class index a pixel, or one flat colour a class; save them as PNG, never as JPEG."
_JPEG = (".jpg", ".jpeg", ".jpe")


@dataclass(frozen=True, eq=False, slots=True)
class MaskRule:
    """What a value in a mask file means. `labels` uint8 (256,): index on disk -> label or IGNORE; `known` bool (256,): whether
    the index means anything, be it to ignore the pixel. `codes` sorted uint32 and `code_labels` uint8 of the same length:
    colour r << 16 | g << 8 | b -> label; both empty if no colours are known."""

    labels: NDArray[np.uint8]
    known: NDArray[np.bool_]
    codes: NDArray[np.uint32]
    code_labels: NDArray[np.uint8]

    def check(self, value: int, path: PathLike) -> None:
        """Raises SegbenchError if a value found in the mask `path` means nothing."""
        hint = "Masks hold the numbers 0 to 255; write 255 where a pixel is to be left out."
        if 0 <= value <= 255:
            if self.known[value]:
                return
            hint = (
                f'Add a line "{value}: NAME" to classes.txt, or "{value}: void" to leave such pixels out; every line then '
                "begins with its number."
            )
        raise SegbenchError(f"The mask {os.fspath(path)} holds the value {value}, which stands for no class.", hint)


def build_rule(index_table: IndexTable, colors: Sequence[Color | None] = (), binary: bool = False) -> MaskRule:
    """The rule for a table's masks; 255 is IGNORE unless the table knows it as a class.

    colors: the colour of each index on disk, None where it has none. binary: 255 means the same as 1.
    """
    labels, known = np.full(256, IGNORE, np.uint8), np.zeros(256, np.bool_)
    known[IGNORE] = True
    for index, label in enumerate(index_table.labels):
        if label is not None:
            labels[index], known[index] = label, True
    if binary:
        labels[255] = labels[1]
    pairs = sorted({(pack(color), int(labels[k])) for k, color in enumerate(colors) if color is not None})
    return MaskRule(
        labels, known, np.array([code for code, _ in pairs], np.uint32), np.array([k for _, k in pairs], np.uint8)
    )


def pack(color: Color) -> int:
    """One number for a colour: r << 16 | g << 8 | b."""
    return color[0] << 16 | color[1] << 8 | color[2]


def unpack(code: int) -> Color:
    return code >> 16 & 255, code >> 8 & 255, code & 255


def read_labels(path: PathLike, rule: MaskRule) -> NDArray[np.uint8]:
    """A mask file as uint8 (H, W): labels of the rule's table, IGNORE for void ones and for colours that the rule lacks.

    Modes 1, L, P, I;16 and I hold indices; so does RGB(A) with three equal channels when the rule knows no colours. Other
    RGB(A), and P whose palette holds the rule's colours in another order, is looked up by colour. Raises SegbenchError naming
    the file, also for an index that means nothing: its pixels would be left out without a word.
    """
    values, palette = _decode(path)
    if values.ndim == 3 and not rule.codes.size:
        values = _as_index(values, path)
    if values.ndim == 3:
        return _look_up(_pack_all(values), rule)
    if palette is not None and rule.codes.size and _is_shuffled(values, palette, rule):
        looked_up: NDArray[np.uint8] = _look_up(palette, rule)[values]
        return looked_up
    labels: NDArray[np.uint8] = rule.labels[np.clip(values, 0, 255)]
    in_doubt = labels == IGNORE if values.dtype == np.uint8 else (labels == IGNORE) | (values < 0) | (values > 255)
    for value in np.unique(values[in_doubt]).tolist():
        rule.check(value, path)
    return labels


def read_plane(path: PathLike) -> NDArray[np.bool_]:
    """A mask file of one class as bool (H, W): True where any colour channel is above 0, or, as JPEG blurs what it stores, above
    half of the file's largest value. Raises SegbenchError naming the file."""
    values, palette = _decode(path)
    floor = int(values.max(initial=0)) // 2 if _is_jpeg(path) else 0
    plane: NDArray[np.bool_] = values > floor if palette is None else (palette > 0)[values]
    return plane if plane.ndim == 2 else np.logical_or.reduce(plane, axis=2)


def check_size(mask: NDArray[Any], mask_path: PathLike, size: tuple[int, int], image_path: PathLike) -> None:
    """Raises SegbenchError with both sizes unless the mask (H, W) covers its image of `size` (height, width) pixel by pixel."""
    if mask.shape[:2] != size:
        raise SegbenchError(
            f"The mask {os.fspath(mask_path)} has {mask.shape[1]} x {mask.shape[0]} pixels, "
            f"its image {os.fspath(image_path)} {size[1]} x {size[0]}.",
            "Bring the mask to the image's size (without smoothing: nearest neighbour), or the image to the mask's.",
        )


@dataclass(slots=True)
class MaskProbe:
    """What a look at some masks found. `indices`: each value of the index masks, and the first file that holds it. `palette`:
    of the first one that has a palette, as many colours as it holds."""

    indices: dict[int, PathLike] = field(default_factory=dict)
    colors: set[Color] = field(default_factory=set)  # of colour pictures, unless they are grey
    palette: tuple[Color, ...] = ()
    read: int = 0


def probe_masks(paths: Sequence[PathLike]) -> Generator[Progressed, None, MaskProbe]:
    """Looks at these masks to learn what values they hold; unreadable ones are passed over.

    Raises SegbenchError for a picture of more than COLOR_LIMIT colours, or of greys that a JPEG has blurred.
    """
    probe = MaskProbe()
    for done, path in enumerate(paths):
        if done:
            yield Progressed("looking at masks", done, len(paths))
        try:
            values, palette = _decode(path)
        except SegbenchError:
            continue
        probe.read += 1
        if palette is not None and not probe.palette:
            probe.palette = tuple(unpack(int(code)) for code in palette)
        if values.ndim == 3 and (values == values[..., :1]).all():
            values = values[..., 0]
        if values.ndim == 2:
            found = _find_values(values)
            if _is_jpeg(path) and not {0, 255}.issuperset(found):
                raise SegbenchError(f"The mask {os.fspath(path)} is a JPEG of {len(found)} greys, not a mask.", HINT)
            for value in found:
                probe.indices.setdefault(value, path)
            continue
        codes = np.unique(_pack_all(values))
        if len(codes) > COLOR_LIMIT:
            raise SegbenchError(f"The mask {os.fspath(path)} is a picture of {len(codes)} colours, not a mask.", HINT)
        probe.colors.update(unpack(int(code)) for code in codes)
    return probe


def _is_jpeg(path: PathLike) -> bool:
    return os.fspath(path).lower().endswith(_JPEG)


def _find_values(values: NDArray[Any]) -> list[int]:
    """The different values of integers (H, W), ascending."""
    # Counting is ten times as fast as the sorting that np.unique does
    small = values.dtype == np.uint8
    found: list[int] = (np.flatnonzero(np.bincount(values.ravel())) if small else np.unique(values)).tolist()
    return found


def _decode(path: PathLike) -> tuple[NDArray[Any], NDArray[np.uint32] | None]:
    """Integers (H, W) or uint8 (H, W, 3), upright; and of palette pictures their colours as packed numbers."""
    palette: NDArray[np.uint32] | None = None
    with opened(path, "mask") as image:
        orientation = find_orientation(image)
        image.load()
        if image.mode in ("P", "PA"):
            flat = image.getpalette("RGB") or []
            palette = _pack_all(np.array(flat, np.uint8).reshape(1, -1, 3))[0]
        if image.mode in ("RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "RGBa"):
            values = np.asarray(image.convert("RGB"))
        elif image.mode in ("LA", "PA", "La"):
            values = np.asarray(image)[..., 0]
        else:
            values = np.asarray(image)
    if values.dtype == bool:
        values = values.astype(np.uint8)
    elif values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=IGNORE).round().astype(np.int64)
    if palette is not None and (top := int(values.max(initial=0))) >= len(palette):
        palette = np.concatenate([palette, np.zeros(top + 1 - len(palette), np.uint32)], dtype=np.uint32)
    return turn_upright(values, orientation), palette


def _as_index(values: NDArray[np.uint8], path: PathLike) -> NDArray[np.uint8]:
    if not (values == values[..., :1]).all():
        raise SegbenchError(
            f"The mask {os.fspath(path)} is a colour picture, and nothing tells which class a colour means.",
            "Write each class's colour behind its name in classes.txt, like: road 128 64 128.",
        )
    return values[..., 0]


def _is_shuffled(values: NDArray[Any], palette: NDArray[np.uint32], rule: MaskRule) -> bool:
    """Whether all colours used are the rule's, but stand at other indices: then the colours are meant, not the indices. They
    cannot be where two classes share a colour."""
    if (rule.codes[1:] == rule.codes[:-1]).any():
        return False
    used = np.unique(values)
    known = rule.labels[used] != IGNORE
    agrees = (_look_up(palette[used], rule) == rule.labels[used])[known].all()
    return not agrees and bool(np.isin(palette[used], rule.codes).all())


def _pack_all(values: NDArray[np.uint8]) -> NDArray[np.uint32]:
    wide = values.astype(np.uint32)
    return wide[..., 0] << np.uint32(16) | wide[..., 1] << np.uint32(8) | wide[..., 2]


def _look_up(codes: NDArray[np.uint32], rule: MaskRule) -> NDArray[np.uint8]:
    place = np.minimum(np.searchsorted(rule.codes, codes), len(rule.codes) - 1)
    return np.where(rule.codes[place] == codes, rule.code_labels[place], np.uint8(IGNORE))
