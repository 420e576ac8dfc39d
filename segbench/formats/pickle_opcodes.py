"""What each pickle operation does to the symbolic machine: a table from opcode to function. What is not in it is refused."""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from segbench.formats.pickled_arrays import (
    CALLS,
    NAMES,
    Damaged,
    PickledArray,
    PickledDtype,
    PickledList,
    PickledName,
    Run,
    make_array,
    make_raw,
    misfit,
)

if TYPE_CHECKING:
    from segbench.formats.pickles import Machine

LINE_LIMIT = 64 << 20  # longest line of a text opcode (protocol 0 writes an array as one line)
RUN = 16  # from so many small ints in a row on they are kept as bytes
RUN_LIMIT = 4096  # longest run that may stand anywhere but in a list of numbers
_TEXT_RUN = re.compile(rb"(?:I(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\na){16,}+")  # protocol 0: I17\na
_PLAIN_ESCAPES = re.compile(rb"(?:[^\\]|\\(?:x[0-9a-fA-F]{2}|[\\'\"nrt]))*+", re.DOTALL)
_MANY = b"K" * RUN

Handler = Callable[["Machine"], None]
HANDLERS: dict[int, Handler] = {}


def check_number(value: int) -> int:
    if not -(2**63) <= value < 2**64:
        raise Damaged("a number is not one of 64 bits")
    return value


def unroll(run: Run) -> list[int]:
    if len(run) > RUN_LIMIT:
        raise Damaged("a long row of numbers stands outside a list")
    return list(run)


def unrolled(items: list[Any]) -> list[Any]:
    return [value for item in items for value in (unroll(item) if type(item) is Run else (item,))]


# Numbers, text, containers ------------------------------------------------------------------------------------------------


def _read_small(m: Machine) -> None:
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


def _read_int(m: Machine) -> None:
    """INT: a row of `I17\\na` at once where a list is waiting, else one number; I00 and I01 are the old False and True."""
    if m.stack and type(m.stack[-1]) is PickledList and (row := _TEXT_RUN.match(m.data, m.pos - 1)):
        numbers = np.fromstring(row[0][1:-2].replace(b"\naI", b" "), np.int16, sep=" ")
        m.stack[-1].extend([Run(numbers.astype(np.uint8).tobytes())])
        m.pos = row.end()
        return
    if m.data[m.pos : m.pos + 3] in (b"00\n", b"01\n"):
        m.push(m.exactly(3) == b"01\n")
    else:
        m.push(m.decimal())


def _read_long(size: int) -> Handler:
    def read(m: Machine) -> None:
        count = m.number("<B" if size == 1 else "<i", size)
        if not 0 <= count <= 9:
            raise Damaged("a number is not one of 64 bits")
        m.push(check_number(int.from_bytes(m.exactly(count), "little", signed=True)))

    return read


def _read_number(code: str, size: int) -> Handler:
    def read(m: Machine) -> None:
        m.push(m.number(code, size))

    return read


def _read_double(m: Machine) -> None:
    m.push(float(struct.unpack_from(">d", m.data, m.pos)[0]))
    m.pos += 8


def _read_float_line(m: Machine) -> None:
    m.push(float(m.line(64)))


def _read_bytes(code: str, size: int, text: str = "") -> Handler:
    def read(m: Machine) -> None:
        part = m.exactly(m.number(code, size))
        m.push(part.decode(text) if text else part)

    return read


def _read_quoted(m: Machine) -> None:
    """STRING: Python 2's repr of a str, read as latin1."""
    line = m.line(LINE_LIMIT)
    if len(line) < 2 or line[0] != line[-1] or line[0] not in b"'\"" or not _PLAIN_ESCAPES.fullmatch(line[1:-1]):
        raise Damaged("a text is not quoted as Python does")
    m.push(codecs.escape_decode(line[1:-1])[0].decode("latin1"))


def _read_unicode_line(m: Machine) -> None:
    m.push(m.line(LINE_LIMIT).decode("raw-unicode-escape"))


def _push_constant(value: Any) -> Handler:
    return lambda m: m.push(value)


def _mark(m: Machine) -> None:
    m.marked.append(m.stack)
    m.stack = []


def _build_tuple(count: int) -> Handler:
    def build(m: Machine) -> None:
        items = [m.take() for _ in range(count)]
        m.push(tuple(reversed(items)))

    return build


def _tuple_to_mark(m: Machine) -> None:
    items = m.take_to_mark()
    m.push(tuple(unrolled(items)))


def _list_to_mark(m: Machine) -> None:
    items = m.take_to_mark()
    m.push(PickledList(items))


def _append(m: Machine) -> None:
    value = m.take()
    _target_list(m).extend([value])


def _append_to_mark(m: Machine) -> None:
    items = m.take_to_mark()
    _target_list(m).extend(items)


def _target_list(m: Machine) -> PickledList:
    target = m.stack[-1]
    if type(target) is not PickledList:
        raise Damaged("it appends to something that is not a list")
    return target


def _dict_to_mark(m: Machine) -> None:
    items = m.take_to_mark()
    m.push({})
    _set_items(m, unrolled(items))


def _set_item(m: Machine) -> None:
    value = m.take()
    _set_items(m, [m.take(), value])


def _set_items_to_mark(m: Machine) -> None:
    items = m.take_to_mark()
    _set_items(m, unrolled(items))


def _set_items(m: Machine, items: list[Any]) -> None:
    target = m.stack[-1]
    if type(target) is not dict:
        raise Damaged("it sets an item of something that is not a dict")
    if len(items) % 2:
        raise Damaged("a key has no value")
    for key in items[::2]:
        # A tuple as key can make hashing endless; only these are ever needed
        if type(key) is not int and type(key) is not str:
            raise Damaged("a key is neither text nor a whole number")
    target.update(zip(items[::2], items[1::2], strict=True))


# Memo -----------------------------------------------------------------------------------------------------------------------


def _put(read: Callable[[Machine], int]) -> Handler:
    def put(m: Machine) -> None:
        m.memo[read(m)] = m.top()

    return put


def _get(read: Callable[[Machine], int]) -> Handler:
    def get(m: Machine) -> None:
        number = read(m)
        if number not in m.memo:
            raise Damaged("it refers to an object that it has not told")
        m.push(m.memo[number])

    return get


# Names and numpy's reconstructors, redone --------------------------------------------------------------------------------


def _name(m: Machine, module: Any, name: Any) -> None:
    if type(module) is not str or type(name) is not str:
        raise Damaged("a name is not text")
    word = NAMES.get((module, name))
    if word is None:
        raise Damaged(f"it asks for {f'{module[:60]}.{name[:60]}'!a}, which no data set needs")
    m.push(PickledName(word))


def _read_name(m: Machine) -> None:
    module = m.line(1000).decode()
    _name(m, module, m.line(1000).decode())


def _stack_name(m: Machine) -> None:
    name = m.take()
    _name(m, m.take(), name)


def _skip_frame(m: Machine) -> None:
    m.number("<Q", 8)


def _check_protocol(m: Machine) -> None:
    if m.number("<B", 1) > 5:
        raise Damaged("its protocol is newer than 5")


def _reduce(m: Machine) -> None:
    arguments = m.take()
    name = m.take()
    if type(name) is not PickledName or type(arguments) is not tuple:
        raise Damaged("it calls something that is not a name")
    call = CALLS.get(name.word)
    if call is None:
        raise Damaged("it calls a type")
    m.push(call(m.copy, *arguments) if len(arguments) <= 5 else misfit(name.word))


def _build(m: Machine) -> None:
    """BUILD: the state of a dtype (its byte order) or of an array (its shape and bytes), once each."""
    state = m.take()
    target = m.stack[-1]
    if type(target) is PickledDtype and not target.built:
        match state:
            case (3 | 4, "<" | ">" | "|" | "=" as order, None, None, None, int(), int(), *rest) if rest in ([], [0]):
                if order == "|" and target.kind[1] != "1":
                    misfit("dtype")
                target.order, target.built = order, True
                return
        misfit("dtype")
    if type(target) is PickledArray and target.value is None:
        match state:
            case (1, tuple() as shape, PickledDtype() as kind, 0 | 1 as columns_first, bytes() | str() as raw):
                target.value = make_array(m.copy, make_raw(m.copy, raw), kind, shape, "F" if columns_first else "C")
                return
        misfit("ndarray")
    raise Damaged("it sets the state of something that has none")


HANDLERS |= {
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
        "p": _put(lambda m: m.decimal()),
        "q": _put(lambda m: m.number("<B", 1)),
        "r": _put(lambda m: m.number("<I", 4)),
        "\x94": _put(lambda m: len(m.memo)),
        "g": _get(lambda m: m.decimal()),
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
