"""Byte streams from files that may lie: a gunzip that neither trusts the header nor lets a small file fill the memory."""

from __future__ import annotations

import zlib
from typing import BinaryIO, Protocol

from segbench.errors import SegbenchError

CHUNK = 1 << 20  # bytes read from disk at once
FREE_EXPANSION = 32 << 20  # bytes that any file may unpack to
LARGEST_RATIO = (
    800  # beyond that: so many unpacked bytes a packed one. zlib's own limit is 1032; large black pictures reach 750
)


class ByteSource(Protocol):
    """What the pickle reader reads from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; b"" only at the end."""
        ...


class Gunzip:
    """Reads a gzip file of one or more members, its checksums verified, its growth bounded. Raises SegbenchError."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._machine = zlib.decompressobj(wbits=31)
        self._waiting = b""  # packed bytes not yet fed
        self._ended = False
        self.packed = 0  # bytes taken from the file
        self.unpacked = 0

    def read(self, size: int, /) -> bytes:
        """At most `size` unpacked bytes; b"" at the end of the last member."""
        parts: list[bytes] = []
        wanted = size
        while wanted > 0 and not self._ended:
            if not self._waiting:
                self._waiting = self._file.read(CHUNK)
                self.packed += len(self._waiting)
            if self._machine.eof and not self._next_member():
                break
            try:
                part = self._machine.decompress(self._waiting, wanted)
            except zlib.error as error:
                raise SegbenchError(
                    f"{self._name} is a damaged gzip file.", "Get the file again; it may be an incomplete download."
                ) from error
            if not part and not self._waiting and not self._machine.eof:
                raise SegbenchError(
                    f"{self._name} is a gzip file that ends in the middle.", "Get the file again, its end is missing."
                )
            self._waiting = self._machine.unused_data if self._machine.eof else self._machine.unconsumed_tail
            wanted -= len(part)
            self.unpacked += len(part)
            parts.append(part)
            if self.unpacked > FREE_EXPANSION + LARGEST_RATIO * (self.packed - len(self._waiting)):
                raise SegbenchError(
                    f"{self._name} unpacks to far more than a data set of its size can hold.",
                    "The file looks made to fill the memory; get it from a source you trust.",
                )
        return b"".join(parts)

    def _next_member(self) -> bool:
        """After the end of a member: starts the next one; False at the end of the file (zero bytes may pad it)."""
        while True:
            self._waiting = self._waiting.lstrip(b"\0")
            if self._waiting:
                self._machine = zlib.decompressobj(wbits=31)
                return True
            self._waiting = self._file.read(CHUNK)
            self.packed += len(self._waiting)
            if not self._waiting:
                self._ended = True
                return False
