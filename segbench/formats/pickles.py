"""Reads pickles without unpickling: a symbolic machine over the opcodes that knows lists, dicts, numbers, text and plain
numpy arrays. No name in a file is ever looked up or called; what is not on the short list is an error."""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.formats.streams import ByteSource

BUFFER = 4 << 20  # bytes held of the stream; a yield each
MARGIN = 1 << 16  # so many bytes are always there when an opcode is read, unless the stream ends
LINE_LIMIT = 64 << 20  # longest line of a text opcode (protocol 0 writes an array as one line)
DIGITS_LIMIT = 20  # of a decimal number: 64 bits
FREE_OPCODES = 3_000_000  # any file may hold so many objects
BYTES_PER_OPCODE = 20  # beyond that: an opcode for so many bytes (an image of 16 x 16 needs fewer)
RUN = 16  # from so many small ints in a row on they are kept as bytes
RUN_LIMIT = 4096  # longest run that may stand anywhere but in a list of numbers
LIST_LIMIT = 1_000_000  # longest list handed out as Python objects

# The names that real files hold, and what each is here
_NAMES = {
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
_TEXT_RUN = re.compile(rb"(?:I(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\na){16,}+")  # protocol 0: I17\na
_PLAIN_ESCAPES = re.compile(rb"(?:[^\\]|\\(?:x[0-9a-fA-F]{2}|[\\'\"nrt]))*+", re.DOTALL)
_MANY = b"K" * RUN


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


class _Damaged(Exception):
    """What is wrong with the pickle, in words."""


def read_pickle(source: ByteSource, name: str) -> Generator[int, None, Any]:
    """Reads one pickle of protocol 0..5 that fills `source` to its end.

    Yields the bytes read so far, every BUFFER bytes. Returns None, bool, int (64 bits), float, str, bytes, tuple, dict (keys
    str or int), PickledList or PickledArray, nested; nothing else can come out. Raises SegbenchError naming `name`, the
    reason and the place. Memory and time are bounded by the bytes that are there.
    """
    machine = _Machine(source)
    try:
        result = yield from machine.run()
    except _Damaged as error:
        reason = str(error)
    except (IndexError, struct.error):
        reason = "it ends in the middle" if machine.ended else "an operation has nothing to work on"
    except (ValueError, KeyError, OverflowError, TypeError) as error:
        reason = f"something in it does not fit ({type(error).__name__})"
    else:
        return result
    raise SegbenchError(
        f"{name} is not a pickle of plain data: {reason} (near byte {machine.place:,}).",
        "Nothing in the file was run. Get it again from where it came from.",
    )


class _Machine:
    """Stack, memo and a window on the stream."""

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.data = b""
        self.view: NDArray[np.uint8] = np.empty(0, np.uint8)
        self.pos = 0
        self.before = 0  # bytes of the stream in front of `data`
        self.ended = False
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []  # the stacks below each mark
        self.memo: dict[int, Any] = {}

    @property
    def place(self) -> int:
        return self.before + min(self.pos, len(self.data))

    def refill(self, wanted: int = MARGIN) -> None:
        """Makes at least `wanted` bytes follow `pos`, unless the stream ends before."""
        parts, have = [self.data[self.pos :]], len(self.data) - self.pos
        while not self.ended and (have < wanted or len(parts) == 1):
            part = self.source.read(BUFFER)
            self.ended = not part
            parts.append(part)
            have += len(part)
        self.before += self.pos
        self.data, self.pos = b"".join(parts), 0
        self.view = np.frombuffer(self.data, np.uint8)

    def run(self) -> Generator[int, None, Any]:
        opcodes = 0
        while True:
            if not self.ended and self.pos + MARGIN > len(self.data):
                self.refill()
                yield self.place
            opcode = self.data[self.pos]
            self.pos += 1
            if opcode == 0x2E:  # STOP
                break
            opcodes += 1
            if opcodes > FREE_OPCODES and opcodes > FREE_OPCODES + self.place // BYTES_PER_OPCODE:
                raise _Damaged("it holds far more objects than a data set has")
            handler = _HANDLERS.get(opcode)
            if handler is None:
                raise _Damaged(f"the operation {chr(opcode)!a} has no place in a data set")
            handler(self)
        if self.pos == len(self.data) and not self.ended:
            self.refill(1)
        if self.pos != len(self.data):
            raise _Damaged("something follows its end")
        if self.marked or len(self.stack) != 1:
            raise _Damaged("it ends with objects left over")
        return self.take()

    # Bytes ------------------------------------------------------------------------------------------------------------

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes; a size beyond what is there is found out before memory is spent on it."""
        if count < 0:
            raise _Damaged("a size is negative")
        end = self.pos + count
        if end > len(self.data) and not self.ended:
            self.refill(count)
            end = count
        if end > len(self.data):
            self.pos = len(self.data)
            raise _Damaged("a size points behind its end")
        part = self.data[self.pos : end]
        self.pos = end
        return part

    def number(self, code: str, size: int) -> int:
        (value,) = struct.unpack_from(code, self.data, self.pos)
        self.pos += size
        return int(value)

    def line(self, limit: int) -> bytes:
        """The bytes up to a newline, without it."""
        end = self.data.find(b"\n", self.pos)
        while end < 0 and not self.ended and len(self.data) - self.pos <= limit:
            known = len(self.data) - self.pos
            self.refill(2 * known + MARGIN)
            end = self.data.find(b"\n", known)
        if end < 0 or end - self.pos > limit:
            raise _Damaged("a line is too long" if not self.ended or end >= 0 else "it ends in the middle of a line")
        part = self.data[self.pos : end]
        self.pos = end + 1
        return part

    def decimal(self) -> int:
        text = self.line(DIGITS_LIMIT + 4).rstrip(b"L")
        if not re.fullmatch(rb"-?\d{1,20}", text):
            raise _Damaged("a number is not one of 64 bits")
        return _checked(int(text))

    # Stack ------------------------------------------------------------------------------------------------------------

    def take(self) -> Any:
        """Pops one object."""
        value = self.stack.pop()
        if type(value) is not Run:
            return value
        self.stack += _unroll(value)
        return self.stack.pop()

    def take_to_mark(self) -> list[Any]:
        """Pops everything above the last mark; runs stay runs."""
        items = self.stack
        self.stack = self.marked.pop()
        return items

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def top(self) -> Any:
        value = self.take()
        self.stack.append(value)
        return value


_Handler = Callable[[_Machine], None]
_HANDLERS: dict[int, _Handler] = {}


def _checked(value: int) -> int:
    if not -(2**63) <= value < 2**64:
        raise _Damaged("a number is not one of 64 bits")
    return value


def _unroll(run: Run) -> list[int]:
    if len(run) > RUN_LIMIT:
        raise _Damaged("a long row of numbers stands outside a list")
    return list(run)


def _unrolled(items: list[Any]) -> list[Any]:
    if not any(type(item) is Run for item in items):
        return items
    return [value for item in items for value in (_unroll(item) if type(item) is Run else (item,))]


# Numbers, text, containers ------------------------------------------------------------------------------------------------


def _read_small(m: _Machine) -> None:
    """BININT1: one small int, or a row of them at numpy's speed."""
    pos = m.pos
    if m.data[pos + 1 : pos + 2 * RUN : 2] != _MANY:
        m.stack.append(m.data[pos])
        m.pos = pos + 1
        return
    start, reach = pos - 1, 1024
    while True:
        window = m.view[start : start + 2 * reach : 2] != 0x4B
        count = int(window.argmax())
        if window[count]:
            break
        if start + 2 * reach >= len(m.data):
            count = (len(m.data) - start) // 2
            break
        reach *= 8
    m.stack.append(Run(m.data[pos : start + 2 * count : 2]))
    m.pos = start + 2 * count


def _read_int(m: _Machine) -> None:
    """INT: a row of `I17\\na` at once where a list is waiting, else one number; I00 and I01 are the old False and True."""
    if m.stack and type(m.stack[-1]) is PickledList and (row := _TEXT_RUN.match(m.data, m.pos - 1)):
        m.stack[-1].extend([Run(bytes(map(int, row[0][1:-2].split(b"\naI"))))])
        m.pos = row.end()
        return
    if m.data[m.pos : m.pos + 3] in (b"00\n", b"01\n"):
        m.push(m.exactly(3) == b"01\n")
    else:
        m.push(m.decimal())


def _read_long(size: int) -> _Handler:
    def read(m: _Machine) -> None:
        count = m.number("<B" if size == 1 else "<i", size)
        if not 0 <= count <= 9:
            raise _Damaged("a number is not one of 64 bits")
        m.push(_checked(int.from_bytes(m.exactly(count), "little", signed=True)))

    return read


def _read_number(code: str, size: int) -> _Handler:
    def read(m: _Machine) -> None:
        m.push(m.number(code, size))

    return read


def _read_double(m: _Machine) -> None:
    m.push(float(struct.unpack_from(">d", m.data, m.pos)[0]))
    m.pos += 8


def _read_float_line(m: _Machine) -> None:
    m.push(float(m.line(64)))


def _read_bytes(code: str, size: int, text: str = "") -> _Handler:
    def read(m: _Machine) -> None:
        part = m.exactly(m.number(code, size))
        m.push(part.decode(text) if text else part)

    return read


def _read_quoted(m: _Machine) -> None:
    """STRING: Python 2's repr of a str, read as latin1."""
    line = m.line(LINE_LIMIT)
    if len(line) < 2 or line[0] != line[-1] or line[0] not in b"'\"" or not _PLAIN_ESCAPES.fullmatch(line[1:-1]):
        raise _Damaged("a text is not quoted as Python does")
    m.push(codecs.escape_decode(line[1:-1])[0].decode("latin1"))


def _read_unicode_line(m: _Machine) -> None:
    m.push(m.line(LINE_LIMIT).decode("raw-unicode-escape"))


def _push_constant(value: Any) -> _Handler:
    return lambda m: m.push(value)


def _mark(m: _Machine) -> None:
    m.marked.append(m.stack)
    m.stack = []


def _build_tuple(count: int) -> _Handler:
    def build(m: _Machine) -> None:
        items = [m.take() for _ in range(count)]
        m.push(tuple(reversed(items)))

    return build


def _tuple_to_mark(m: _Machine) -> None:
    items = m.take_to_mark()
    m.push(tuple(_unrolled(items)))


def _list_to_mark(m: _Machine) -> None:
    items = m.take_to_mark()
    m.push(PickledList(items))


def _append(m: _Machine) -> None:
    value = m.take()
    _target_list(m).extend([value])


def _append_to_mark(m: _Machine) -> None:
    items = m.take_to_mark()
    _target_list(m).extend(items)


def _target_list(m: _Machine) -> PickledList:
    target = m.stack[-1]
    if type(target) is not PickledList:
        raise _Damaged("it appends to something that is not a list")
    return target


def _dict_to_mark(m: _Machine) -> None:
    items = m.take_to_mark()
    m.push({})
    _set_items(m, _unrolled(items))


def _set_item(m: _Machine) -> None:
    value = m.take()
    key = m.take()
    _set_items(m, [key, value])


def _set_items_to_mark(m: _Machine) -> None:
    items = m.take_to_mark()
    _set_items(m, _unrolled(items))


def _set_items(m: _Machine, items: list[Any]) -> None:
    target = m.stack[-1]
    if type(target) is not dict:
        raise _Damaged("it sets an item of something that is not a dict")
    if len(items) % 2:
        raise _Damaged("a key has no value")
    for key in items[::2]:
        # A tuple as key can make hashing endless; only these are ever needed
        if type(key) is not int and type(key) is not str:
            raise _Damaged("a key is neither text nor a whole number")
    target.update(zip(items[::2], items[1::2], strict=True))


# Memo -----------------------------------------------------------------------------------------------------------------------


def _put(read: Callable[[_Machine], int]) -> _Handler:
    def put(m: _Machine) -> None:
        m.memo[read(m)] = m.top()

    return put


def _get(read: Callable[[_Machine], int]) -> _Handler:
    def get(m: _Machine) -> None:
        number = read(m)
        if number not in m.memo:
            raise _Damaged("it refers to an object that it has not told")
        m.push(m.memo[number])

    return get


# Names and numpy's reconstructors, redone --------------------------------------------------------------------------------


def _name(m: _Machine, module: Any, name: Any) -> None:
    if type(module) is not str or type(name) is not str:
        raise _Damaged("a name is not text")
    word = _NAMES.get((module, name))
    if word is None:
        raise _Damaged(f"it asks for {f'{module[:60]}.{name[:60]}'!a}, which no data set needs")
    m.push(PickledName(word))


def _read_name(m: _Machine) -> None:
    module = m.line(1000).decode()
    _name(m, module, m.line(1000).decode())


def _stack_name(m: _Machine) -> None:
    name = m.take()
    _name(m, m.take(), name)


def _skip_frame(m: _Machine) -> None:
    m.number("<Q", 8)


def _check_protocol(m: _Machine) -> None:
    if m.number("<B", 1) > 5:
        raise _Damaged("its protocol is newer than 5")


def _reduce(m: _Machine) -> None:
    arguments = m.take()
    name = m.take()
    if type(name) is not PickledName or type(arguments) is not tuple:
        raise _Damaged("it calls something that is not a name")
    call = _CALLS.get(name.word)
    if call is None:
        raise _Damaged("it calls a type")
    m.push(call(*arguments) if len(arguments) <= 5 else _misfit(name.word))


def _misfit(what: str) -> Any:
    raise _Damaged(f"the arguments of numpy's {what} are not the usual ones")


def _call_reconstruct(*arguments: Any) -> PickledArray:
    """numpy's empty array before its state comes: (ndarray, (0,), b"b")."""
    match arguments:
        case (PickledName(word="ndarray"), (0,), b"b" | "b"):
            return PickledArray()
    return _misfit("_reconstruct")  # type: ignore[no-any-return]


def _call_dtype(*arguments: Any) -> PickledDtype:
    match arguments:
        case (str(kind), 0 | 1, 0 | 1) if kind in _KINDS:
            return PickledDtype(kind)
        case (str(kind), *_) if kind not in _KINDS:
            raise _Damaged(f"an array has the type {kind[:40]!a}, not plain numbers")
    return _misfit("dtype")  # type: ignore[no-any-return]


def _call_encode(*arguments: Any) -> bytes:
    """How Python 3 writes bytes in protocols 0 to 2."""
    match arguments:
        case (str(text), "latin1" | "latin-1"):
            return text.encode("latin1")
    return _misfit("bytes")  # type: ignore[no-any-return]


def _call_scalar(*arguments: Any) -> int | float | bool:
    match arguments:
        case (PickledDtype() as kind, bytes() | str() as raw):
            value: int | float | bool = _array(_raw(raw), kind, (), "C").item()
            return value
    return _misfit("scalar")  # type: ignore[no-any-return]


def _call_frombuffer(*arguments: Any) -> PickledArray:
    match arguments:
        case (bytes() as raw, PickledDtype() as kind, tuple() as shape, "C" | "F" as order):
            return PickledArray(_array(raw, kind, shape, order))
        case (bytes() as raw, PickledDtype() as kind, tuple() as shape, "C" | "F" as order, None):
            return PickledArray(_array(raw, kind, shape, order))
        case (bytes() as raw, PickledDtype() as kind, tuple() as shape, "K", tuple() as axes):
            array = _array(raw, kind, shape, "C")
            if sorted(axes) != list(range(array.ndim)) or not all(type(axis) is int for axis in axes):
                _misfit("_frombuffer")
            return PickledArray(array.transpose(axes))
    return _misfit("_frombuffer")  # type: ignore[no-any-return]


_CALLS: dict[str, Callable[..., Any]] = {
    "reconstruct": _call_reconstruct,
    "dtype": _call_dtype,
    "encode": _call_encode,
    "scalar": _call_scalar,
    "frombuffer": _call_frombuffer,
}


def _raw(data: bytes | str) -> bytes:
    """Python 2's bytes are text here, read as latin1."""
    return data if isinstance(data, bytes) else data.encode("latin1")


def _array(raw: bytes, kind: PickledDtype, shape: tuple[Any, ...], order: str) -> NDArray[Any]:
    """Plain numbers from bytes whose count was checked first."""
    count = 1
    for extent in shape:
        if type(extent) is not int or extent < 0:
            raise _Damaged("the shape of an array is not made of whole numbers")
        count *= extent
        if count > len(raw):
            break
    if len(shape) > 8 or count * int(kind.kind[1]) != len(raw) or 0 in shape:
        raise _Damaged("the shape of an array does not fit its bytes")
    if kind.kind == "b1":
        array: NDArray[Any] = np.frombuffer(raw, np.uint8) != 0
    else:
        array = np.frombuffer(raw, kind.dtype)
    return array.reshape(shape, order="F" if order == "F" else "C")


def _build(m: _Machine) -> None:
    """BUILD: the state of a dtype (its byte order) or of an array (its shape and bytes), once each."""
    state = m.take()
    target = m.stack[-1]
    if type(target) is PickledDtype and not target.built:
        match state:
            case (3 | 4, "<" | ">" | "|" | "=" as order, None, None, None, int(), int(), *rest) if rest in ([], [0]):
                if (order == "|") != (target.kind[1] == "1") and not (order in "<=" and target.kind[1] == "1"):
                    _misfit("dtype")
                target.order, target.built = order, True
                return
        _misfit("dtype")
    if type(target) is PickledArray and target.value is None:
        match state:
            case (1, tuple() as shape, PickledDtype() as kind, 0 | 1 as columns_first, bytes() | str() as raw):
                target.value = _array(_raw(raw), kind, shape, "F" if columns_first else "C")
                return
        _misfit("ndarray")
    raise _Damaged("it sets the state of something that has none")


_HANDLERS |= {
    ord(key): handler
    for key, handler in {
        "K": _read_small,
        "I": _read_int,
        "L": lambda m: m.push(m.decimal()),
        "\x8a": _read_long(1),
        "\x8b": _read_long(4),
        "J": _read_number("<i", 4),
        "M": _read_number("<H", 2),
        "G": _read_double,
        "F": _read_float_line,
        "S": _read_quoted,
        "V": _read_unicode_line,
        "T": _read_bytes("<i", 4, "latin1"),
        "U": _read_bytes("<B", 1, "latin1"),
        "B": _read_bytes("<I", 4),
        "C": _read_bytes("<B", 1),
        "\x8e": _read_bytes("<Q", 8),
        "\x96": _read_bytes("<Q", 8),
        "X": _read_bytes("<I", 4, "utf-8"),
        "\x8c": _read_bytes("<B", 1, "utf-8"),
        "\x8d": _read_bytes("<Q", 8, "utf-8"),
        "N": _push_constant(None),
        "\x88": _push_constant(True),
        "\x89": _push_constant(False),
        "(": _mark,
        ")": _push_constant(()),
        "\x85": _build_tuple(1),
        "\x86": _build_tuple(2),
        "\x87": _build_tuple(3),
        "t": _tuple_to_mark,
        "]": lambda m: m.push(PickledList()),
        "l": _list_to_mark,
        "a": _append,
        "e": _append_to_mark,
        "}": lambda m: m.push({}),
        "d": _dict_to_mark,
        "s": _set_item,
        "u": _set_items_to_mark,
        "p": _put(_Machine.decimal),
        "q": _put(lambda m: m.number("<B", 1)),
        "r": _put(lambda m: m.number("<I", 4)),
        "\x94": _put(lambda m: len(m.memo)),
        "g": _get(_Machine.decimal),
        "h": _get(lambda m: m.number("<B", 1)),
        "j": _get(lambda m: m.number("<I", 4)),
        "c": _read_name,
        "\x93": _stack_name,
        "R": _reduce,
        "b": _build,
        "\x80": _check_protocol,
        "\x95": _skip_frame,
    }.items()
}
