"""Reads pickles without unpickling: a symbolic machine over the opcodes that knows lists, dicts, numbers, text and plain
numpy arrays. No name in a file is ever looked up or called; what is not on the short list is an error."""

from __future__ import annotations

import re
import struct
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.formats.pickle_opcodes import HANDLERS, check_number, unroll
from segbench.formats.pickled_arrays import Damaged, PickledArray, PickledList, Run
from segbench.formats.streams import ByteSource

__all__ = ["PickledArray", "PickledList", "read_pickle"]

BUFFER = 4 << 20  # bytes held of the stream; a yield each
MARGIN = 1 << 16  # so many bytes are always there when an opcode is read, unless the stream ends
SIZE_LIMIT = 128 << 20  # largest single string of bytes: the masks of five classes at 4096 x 4096 need 80 MB
DIGITS_LIMIT = 20  # of a decimal number: 64 bits
FREE_OPCODES = 1_500_000  # any file may hold so many objects
BYTES_PER_OPCODE = (
    25  # beyond that: an opcode for so many bytes (an image of 16 x 16 has one for 21, so 50,000 of those may come)
)
FREE_COPIES = 64 << 20  # bytes that may be copied from text to arrays beyond those that were read


def read_pickle(source: ByteSource, name: str) -> Generator[int, None, Any]:
    """Reads one pickle of protocol 0..5 that fills `source` to its end.

    Yields the bytes read so far, every BUFFER bytes. Returns None, bool, int (64 bits), float, str, bytes, tuple, dict (keys
    str or int), PickledList or PickledArray, nested; nothing else can come out. Raises SegbenchError naming `name`, the
    reason and the place. Memory and time are bounded by the bytes that are there.
    """
    machine = Machine(source)
    try:
        result = yield from machine.run()
    except Damaged as error:
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


class Machine:
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
        self.copied = 0

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
                raise Damaged("it holds far more objects than a data set has")
            handler = HANDLERS.get(opcode)
            if handler is None:
                raise Damaged(f"the operation {chr(opcode)!a} has no place in a data set")
            handler(self)
        if self.pos == len(self.data) and not self.ended:
            self.refill(1)
        if self.pos != len(self.data):
            raise Damaged("something follows its end")
        if self.marked or len(self.stack) != 1:
            raise Damaged("it ends with objects left over")
        return self.take()

    # Bytes ------------------------------------------------------------------------------------------------------------

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes; a size beyond what is there is found out before memory is spent on it."""
        if not 0 <= count <= SIZE_LIMIT:
            raise Damaged("a size is negative or beyond what a picture needs")
        end = self.pos + count
        if end > len(self.data) and not self.ended:
            self.refill(count)
            end = count
        if end > len(self.data):
            self.pos = len(self.data)
            raise Damaged("a size points behind its end")
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
            raise Damaged("a line is too long" if not self.ended or end >= 0 else "it ends in the middle of a line")
        part = self.data[self.pos : end]
        self.pos = end + 1
        return part

    def decimal(self) -> int:
        text = self.line(DIGITS_LIMIT + 4).rstrip(b"L")
        if not re.fullmatch(rb"-?\d{1,20}", text):
            raise Damaged("a number is not one of 64 bits")
        return check_number(int(text))

    # Stack ------------------------------------------------------------------------------------------------------------

    def take(self) -> Any:
        """Pops one object."""
        value = self.stack.pop()
        if type(value) is not Run:
            return value
        self.stack += unroll(value)
        return self.stack.pop()

    def take_to_mark(self) -> list[Any]:
        """Pops everything above the last mark; runs stay runs."""
        items = self.stack
        self.stack = self.marked.pop()
        return items

    def copy(self, count: int) -> None:
        """Says that `count` bytes are copied; text told once and copied a thousand times must not fill the memory."""
        self.copied += count
        if self.copied > self.place + FREE_COPIES:
            raise Damaged("it makes far more of its bytes than a data set does")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def top(self) -> Any:
        value = self.take()
        self.stack.append(value)
        return value
