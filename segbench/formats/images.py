"""How picture files become uint8 RGB: the decoding rules, stated and the same everywhere. Knows no dataset layout.

Rules: grey becomes three equal channels; palettes are looked up; transparency is dropped, colours stay as stored; EXIF rotation is
honoured; of an animation the first frame counts. Pictures with more than 8 bits are divided by a white level: the smallest
2^n - 1 that holds the largest value (1 for floating point up to 1) of some files of the dataset, always the same ones, so that
its pictures stay comparable and none depends on which was read first; what is brighter becomes 255.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from segbench.errors import SegbenchError

SUFFIXES = frozenset((
    ".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm",
    ".jp2", ".j2k", ".tga",
))  # fmt: skip
PIXEL_LIMIT = (
    2**27
)  # 134 million, a square of 11,585; half of that with more than 8 bits: below 1 GB while it is decoded
STRIP_PIXELS = 2**22  # that are converted at once
WHITE_LEVEL_FILES = 32
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000", "TGA")
_ORIENTATION = 0x0112
_EXIF_KEYS = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")
_OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}

PathLike = str | os.PathLike[str]

# Of several pictures in one JPEG (MPO, as phones write them) the JPEG reader takes the first.
# PIXEL_LIMIT is checked before any pixel is decoded; Pillow's own warning begins below it
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def is_image_name(name: str) -> bool:
    """Whether a file name ends like a picture that `read_image` reads; hidden files do not."""
    return name[name.rfind(".") :].lower() in SUFFIXES and not name.startswith(".")


@contextmanager
def opened(path: PathLike, what: str = "image") -> Iterator[Image.Image]:
    """A picture whose header has been read and whose size is within PIXEL_LIMIT.

    Whatever goes wrong in the `with` block while it is decoded becomes a SegbenchError that names the file.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            limit = PIXEL_LIMIT // 2 if _is_deep(image) else PIXEL_LIMIT
            if width * height > limit:
                raise SegbenchError(
                    f"The {what} {os.fspath(path)} has {width} x {height} pixels, more than segbench opens.",
                    f"Cut it into pieces of at most {limit // 10**6} million pixels.",
                )
            yield image
    except (SegbenchError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise SegbenchError(f"The {what} {os.fspath(path)} does not exist.", "It may have been moved.") from error
    except PermissionError as error:
        raise SegbenchError(f"The {what} {os.fspath(path)} may not be read.", "Check its permissions.") from error
    except Image.DecompressionBombError as error:
        raise SegbenchError(
            f"The {what} {os.fspath(path)} has more pixels than segbench opens.",
            f"Cut it into pieces of at most {PIXEL_LIMIT // 10**6} million pixels.",
        ) from error
    except Exception as error:  # Pillow's readers raise nearly anything on damaged files
        reason = "it is no picture of a known format" if isinstance(error, UnidentifiedImageError) else error
        raise SegbenchError(
            f"The {what} {os.fspath(path)} could not be read: {str(reason).rstrip('.') or type(error).__name__}.",
            "It may be damaged or cut short; copy it anew, or leave it out.",
        ) from error


def read_image(path: PathLike, white: WhiteLevel | None = None) -> NDArray[np.uint8]:
    """A picture as uint8 (H, W, 3) RGB by the rules above. Raises SegbenchError naming the file.

    white: the dataset's white level for pictures of more than 8 bits; None, or one that is 0, takes the picture's own.
    """
    return read_picture(path, white)[0]


def read_picture(path: PathLike, white: WhiteLevel | None = None) -> tuple[NDArray[np.uint8], float]:
    """Like `read_image`, with the value that became 255; 0 for a picture of 8 bits."""
    with opened(path) as image:
        values = _decode(image, path)
    level = _choose_level(values, white)
    return _scale(values, level), level


def read_preview(path: PathLike, side: int, white: WhiteLevel | None = None) -> NDArray[np.uint8]:
    """Like `read_image`, but a JPEG comes smaller, with its longest side at least `side` pixels: much faster."""
    with opened(path) as image:
        ratio = side / max(image.size)
        if ratio < 1:
            image.draft(None, (max(1, round(image.width * ratio)), max(1, round(image.height * ratio))))
        values = _decode(image, path)
    return _scale(values, _choose_level(values, white))


def read_size(path: PathLike) -> tuple[int, int]:
    """Height and width as `read_image` would give them, from the header alone. Raises SegbenchError naming the file."""
    with opened(path) as image:
        width, height = image.size
        turned = find_orientation(image) >= 5
    return (width, height) if turned else (height, width)


def find_orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8 as the header tells it; 1 if there is none, if it cannot be read, or if Pillow has seen to it (TIFF)."""
    # Without these keys Pillow would decode the whole PNG to look for a block behind the pixels
    if image.format == "TIFF" or not any(key in image.info for key in _EXIF_KEYS):
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block is no reason to refuse the pixels
        return 1
    return orientation if orientation in range(1, 9) else 1


def turn_upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels (H, W, ...) as they are meant to be seen; orientation as in EXIF, 1..8."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


class WhiteLevel:
    """The value that becomes 255 in a dataset's pictures of more than 8 bits: read from some of its files, evenly spread,
    when it is first needed.

    files: paths relative to `folder`.
    """

    def __init__(self, folder: PathLike, files: Sequence[str]) -> None:
        picks = np.linspace(0, len(files) - 1, min(WHITE_LEVEL_FILES, len(files))).round().astype(int)
        self._paths = [os.path.join(folder, files[k]) for k in picks]
        self._lock = threading.Lock()
        self._level: float | None = None

    def find(self) -> float:
        """The level; 0 if none of the files has more than 8 bits."""
        with self._lock:
            if self._level is None:
                self._level = max(filter(None, map(_measure_white, self._paths)), default=0.0)
            return self._level


def _measure_white(path: PathLike) -> float | None:
    """The level of one file; None if it has 8 bits, as its header tells, or is broken, which is told when it is looked at."""
    try:
        with opened(path) as image:
            return find_white_level(_decode(image, path)) if _is_deep(image) else None
    except SegbenchError:
        return None


def find_white_level(values: NDArray[Any]) -> float:
    """The smallest 2^n - 1 that holds the largest value, at least 255; 1 for floating point values up to 1."""
    top = float(np.nanmax(values, initial=0))
    if values.dtype.kind == "f" and top <= 1:
        return 1.0
    return float(2 ** max(8, int(min(top, 2.0**62)).bit_length()) - 1)


def _is_deep(image: Image.Image) -> bool:
    """Whether a picture whose pixels are not decoded yet has more than 8 bits a channel."""
    return image.mode.startswith("I") or image.mode == "F" or _find_lower_bytes(image) is not None


def _decode(image: Image.Image, path: PathLike) -> NDArray[Any]:
    """uint8 (H, W, 3), or for deeper pictures uint16, int32 or float32 (H, W) or (H, W, 3); upright."""
    lower_bytes = _find_lower_bytes(image)
    orientation = find_orientation(image)
    image.load()
    values: NDArray[Any]
    if lower_bytes is not None:
        # Pillow keeps the upper byte of 16-bit colours, so the file is read again for the lower one
        tiles, channels = lower_bytes
        with opened(path) as again:
            again.tile = tiles  # type: ignore[attr-defined]
            again.load()
            values = np.empty((image.height, image.width, 3), np.uint16)
            for rows, upper in _cut(image):
                np.left_shift(np.asarray(upper)[..., :3], 8, out=values[rows], dtype=np.uint16)
            for rows, lower in _cut(again):
                values[rows] |= np.asarray(lower)[..., channels]
    elif image.mode.startswith("I") or image.mode == "F":
        values = np.array(image)
        if values.dtype.kind == "f":
            np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    else:
        values = np.empty((image.height, image.width, 3), np.uint8)
        for rows, strip in _cut(image):
            values[rows] = np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))
    return turn_upright(values, orientation)


def _cut(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """A decoded picture in strips of STRIP_PIXELS, so that what is made of each needs little memory of its own."""
    for rows in _cut_rows(image.height, image.width):
        whole = rows.stop - rows.start == image.height
        yield rows, image if whole else image.crop((0, rows.start, image.width, rows.stop))


def _cut_rows(height: int, width: int) -> Iterator[slice]:
    step = max(1, STRIP_PIXELS // width)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def _find_lower_bytes(image: Image.Image) -> tuple[list[Any], slice] | None:
    """Tiles that decode the other byte of 16-bit colours, and the channels it then stands in; None for other pictures."""
    if image.mode not in ("RGB", "RGBA", "RGBX"):
        return None
    tiles, channels = [], slice(0, 3)
    for tile in getattr(image, "tile", ()):
        raw = tile.args if isinstance(tile.args, str) else tile.args[0] if tile.args else None
        colors, _, depth = raw.partition(";") if isinstance(raw, str) else ("", "", "")
        if raw == "LA;16B":  # read as four bytes: grey's upper and lower one, then alpha's
            other, channels = "RGBA", slice(1, 2)
        elif colors.startswith("RGB") and depth in _OTHER_BYTE:  # with the byte order swapped
            other = f"{colors};{_OTHER_BYTE[depth]}"
        else:
            return None
        tiles.append(tile._replace(args=other if isinstance(tile.args, str) else (other, *tile.args[1:])))
    return (tiles, channels) if tiles else None


def _choose_level(values: NDArray[Any], white: WhiteLevel | None) -> float:
    """The value that becomes 255; 0 where the values have 8 bits."""
    if values.dtype == np.uint8:
        return 0.0
    return (white.find() if white else 0.0) or find_white_level(values)


def _scale(values: NDArray[Any], level: float) -> NDArray[np.uint8]:
    """uint8 (H, W, 3), contiguous."""
    if values.dtype == np.uint8 and values.ndim == 3:
        return np.ascontiguousarray(values)
    height, width = values.shape[:2]
    result = np.empty((height, width, 3), np.uint8)
    table = np.minimum(np.arange(65536) * 255.0 / (level or 255.0) + 0.5, 255).astype(np.uint8)
    for rows in _cut_rows(height, width):
        strip = values[rows]
        if strip.dtype == np.uint16:
            strip = table[strip]
        elif strip.dtype != np.uint8:
            strip = np.clip(strip * (255.0 / level) + 0.5, 0, 255).astype(np.uint8)
        result[rows] = strip if strip.ndim == 3 else strip[..., None]
    return result
