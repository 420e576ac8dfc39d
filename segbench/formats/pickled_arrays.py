"""What a pickle of plain data can hold, as inert objects, and numpy's reconstructors redone on them: an array is made from
bytes whose count was checked, of plain numbers only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

Copy = Callable[[int], None]  # told how many bytes are copied; raises Damaged beyond a bound
LIST_LIMIT = 1_000_000  # longest list handed out as Python objects

# The names that real files hold, and what each is here
NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy.core.multiarray", "scalar"): "scalar",
    ("numpy._core.multiarray", "scalar"): "scalar",
    ("numpy.core.numeric", "_frombuffer"): "frombuffer",
    ("numpy._core.numeric", "_frombuffer"): "frombuffer",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
}
_KINDS = frozenset(["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])


class Run(bytes):
    """Small ints in a row, a byte each."""


class PickledName:
    """A name from the short list, as a word."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        self.word = word


class PickledList:
    """A list; small ints in a row are kept as bytes, so a picture costs a byte a value."""

    __slots__ = ("length", "parts")

    def __init__(self, parts: list[Any] | None = None) -> None:
        self.parts: list[Any] = []
        self.length = 0
        if parts:
            self.extend(parts)

    def __len__(self) -> int:
        return self.length

    def extend(self, parts: list[Any]) -> None:
        self.parts += parts
        self.length += sum([len(part) if type(part) is Run else 1 for part in parts])

    def values(self) -> list[Any]:
        """The items as Python objects. Raises ValueError for a list beyond LIST_LIMIT."""
        if self.length > LIST_LIMIT:
            raise ValueError("a list is too long")
        return [value for part in self.parts for value in (part if type(part) is Run else (part,))]

    def pixels(self) -> NDArray[np.uint8]:
        """The items as uint8 (n,), read-only. Raises ValueError if one is not an int in 0..255."""
        parts: list[bytes] = []
        for part in self.parts:
            if type(part) is Run:
                parts.append(part)
            elif type(part) is int and 0 <= part <= 255:
                parts.append(bytes((part,)))
            else:
                raise ValueError("a value is not an int in 0..255")
        return np.frombuffer(b"".join(parts), np.uint8)


class PickledDtype:
    """A plain dtype: kind and size ("u1"), byte order once it is told."""

    __slots__ = ("built", "kind", "order")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.order = "|" if kind[1] == "1" else "<"
        self.built = False

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype((self.order if self.order != "|" else "") + self.kind)


class PickledArray:
    """An array of plain numbers; `value` is None until its state has come."""

    __slots__ = ("value",)

    def __init__(self, value: NDArray[Any] | None = None) -> None:
        self.value = value


class Damaged(Exception):
    """What is wrong with the pickle, in words."""


def misfit(what: str) -> NoReturn:
    raise Damaged(f"the arguments of numpy's {what} are not the usual ones")


def _call_reconstruct(copy: Copy, *arguments: Any) -> PickledArray:
    """numpy's empty array before its state comes: (ndarray, (0,), b"b")."""
    match arguments:
        case (PickledName(word="ndarray"), (0,), b"b" | "b"):
            return PickledArray()
    misfit("_reconstruct")


def _call_dtype(copy: Copy, *arguments: Any) -> PickledDtype:
    match arguments:
        case (str(kind), 0 | 1, 0 | 1) if kind in _KINDS:
            return PickledDtype(kind)
        case (str(kind), *_) if kind not in _KINDS:
            raise Damaged(f"an array has the type {kind[:40]!a}, not plain numbers")
    misfit("dtype")


def _call_encode(copy: Copy, *arguments: Any) -> bytes:
    """How Python 3 writes bytes in protocols 0 to 2."""
    match arguments:
        case (str(text), "latin1" | "latin-1"):
            copy(len(text))
            return text.encode("latin1")
    misfit("bytes")


def _call_scalar(copy: Copy, *arguments: Any) -> int | float | bool:
    match arguments:
        case (PickledDtype() as kind, bytes() | str() as raw):
            value: int | float | bool = make_array(copy, make_raw(copy, raw), kind, (), "C").item()
            return value
    misfit("scalar")


def _call_frombuffer(copy: Copy, *arguments: Any) -> PickledArray:
    match arguments:
        case (bytes() as raw, PickledDtype() as kind, tuple() as shape, "C" | "F" as order):
            return PickledArray(make_array(copy, raw, kind, shape, order))
        case (bytes() as raw, PickledDtype() as kind, tuple() as shape, "C" | "F" as order, None):
            return PickledArray(make_array(copy, raw, kind, shape, order))
        case (bytes() as raw, PickledDtype() as kind, tuple() as shape, "K", tuple() as axes):
            array = make_array(copy, raw, kind, shape, "C")
            if sorted(axes) != list(range(array.ndim)) or not all(type(axis) is int for axis in axes):
                misfit("_frombuffer")
            return PickledArray(array.transpose(axes))
    misfit("_frombuffer")


CALLS: dict[str, Callable[..., Any]] = {
    "reconstruct": _call_reconstruct,
    "dtype": _call_dtype,
    "encode": _call_encode,
    "scalar": _call_scalar,
    "frombuffer": _call_frombuffer,
}


def make_raw(copy: Copy, data: bytes | str) -> bytes:
    """Python 2's bytes are text here, read as latin1."""
    if isinstance(data, bytes):
        return data
    copy(len(data))
    return data.encode("latin1")


def make_array(copy: Copy, raw: bytes, kind: PickledDtype, shape: tuple[Any, ...], order: str) -> NDArray[Any]:
    """Plain numbers from bytes whose count was checked first."""
    count = 1
    for extent in shape:
        if type(extent) is not int or extent < 0:
            raise Damaged("the shape of an array is not made of whole numbers")
        count *= extent
        if count > len(raw):
            break
    if len(shape) > 8 or count * int(kind.kind[1]) != len(raw) or 0 in shape:
        raise Damaged("the shape of an array does not fit its bytes")
    if kind.kind == "b1":
        copy(len(raw))
        array: NDArray[Any] = np.frombuffer(raw, np.uint8) != 0
    else:
        array = np.frombuffer(raw, kind.dtype)
    return array.reshape(shape, order="F" if order == "F" else "C")
