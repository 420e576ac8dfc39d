"""Converted data sets in the user's cache folder: plain .npy files that are memory-mapped, built aside and renamed into place.
Knows arrays and a few facts about them, no data set's format."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from segbench.settings import find_home

VERSION = 1  # of what converters write; another number makes every entry stale
SIZE_LIMIT = 8 << 30  # bytes of all entries together; the ones unused longest go first
STALE_SECONDS = 86_400.0  # a temporary folder older than this was left by a crash
_ENDS = (
    1 << 16
)  # bytes at either end of a file that go into its key; the last eight of a .gz are its checksum and length

log = logging.getLogger(__name__)


class _ArrayFacts(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    bytes: int  # of the whole file


class _Header(msgspec.Struct, frozen=True):
    version: int
    source: str  # the file it was made from, for people
    arrays: dict[str, _ArrayFacts]
    facts: dict[str, Any]


_decoder = msgspec.json.Decoder(_Header)


class CacheEntry(msgspec.Struct, frozen=True):
    """Read-only arrays by name and the facts that were stored with them."""

    arrays: dict[str, NDArray[Any]]
    facts: dict[str, Any]


def find_key(path: Path, kind: str) -> str:
    """Names the content of a file as converted to `kind`: its size, time of change and both ends. Raises OSError."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest = hashlib.sha256(f"{VERSION} {kind} {status.st_size} {status.st_mtime_ns}".encode())
        digest.update(file.read(_ENDS))
        file.seek(max(0, status.st_size - _ENDS))
        digest.update(file.read(_ENDS))
    return digest.hexdigest()[:40]


def load_entry(key: str) -> CacheEntry | None:
    """The entry of that key, mapped into memory, or None if there is none; a damaged or stale one is removed."""
    folder = _find_root() / key
    if not folder.is_dir():
        return None
    try:
        header = _decoder.decode((folder / "header.json").read_bytes())
        if header.version != VERSION:
            raise ValueError("another version")
        arrays = {name: _load_array(folder / f"{name}.npy", facts) for name, facts in header.arrays.items()}
        os.utime(folder / "header.json")  # last used now
    except (OSError, ValueError, EOFError, RecursionError):
        log.info("The cache entry %s is damaged or stale and is made again.", folder, exc_info=True)
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return CacheEntry(arrays, header.facts)


def _load_array(path: Path, facts: _ArrayFacts) -> NDArray[Any]:
    if path.stat().st_size != facts.bytes:
        raise ValueError("an array file has another size")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != facts.shape or array.dtype.str != facts.dtype:
        raise ValueError("an array file holds another array")
    plain: NDArray[Any] = array.view(np.ndarray)  # a memmap's own slicing is ten times slower
    return plain


class CacheWriter:
    """Builds one entry: start each array, write its rows in order, then finish (or discard, in a `finally`).

    in_memory: keeps the arrays in memory, for a cache folder that can't be written; finish then returns those.
    All methods raise OSError when the disk is full.
    """

    def __init__(self, key: str, source: Path, in_memory: bool = False) -> None:
        self._key = key
        self._source = str(source)
        self._folder: Path | None = None
        self._files: dict[str, BinaryIO] = {}
        self._facts: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        if not in_memory:
            root = _find_root()
            root.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=f".{key[:8]}-", dir=root))

    def start(self, name: str, dtype: DTypeLike, shape: tuple[int, ...]) -> None:
        """Opens an array of that whole shape for writing. Rows go through a file, not a map: a full disk then is an error,
        not a crash."""
        file: BinaryIO = io.BytesIO() if self._folder is None else (self._folder / f"{name}.npy").open("xb")
        kind = np.dtype(dtype)
        if self._folder is not None:
            header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
        self._files[name] = file
        self._facts[name] = kind, shape

    def write(self, name: str, rows: NDArray[Any]) -> None:
        """Appends rows; their dtype must be the array's."""
        assert rows.dtype == self._facts[name][0], name
        self._files[name].write(np.ascontiguousarray(rows).data)

    def finish(self, facts: dict[str, Any]) -> CacheEntry:
        """Puts the entry in its place, sweeps what is old, and opens it."""
        if self._folder is None:
            arrays = {}
            for name, (dtype, shape) in self._facts.items():
                file = self._files[name]
                assert isinstance(file, io.BytesIO)
                arrays[name] = np.frombuffer(file.getvalue(), dtype).reshape(shape)
            return CacheEntry(arrays, facts)
        described = {}
        for name, (dtype, shape) in self._facts.items():
            file = self._files[name]
            file.flush()
            os.fsync(file.fileno())
            described[name] = _ArrayFacts(dtype.str, shape, file.tell())
            file.close()
        header = _Header(VERSION, self._source, described, facts)
        with (self._folder / "header.json").open("xb") as file:
            file.write(msgspec.json.encode(header))
            file.flush()
            os.fsync(file.fileno())
        place = _find_root() / self._key
        try:
            self._folder.rename(place)
        except OSError:
            # Another segbench was faster; what stands there is as good, unless it is damaged
            if (entry := load_entry(self._key)) is not None:
                self.discard()
                return entry
            self._folder.rename(place)
        self._folder = None
        sweep_cache(keep=self._key)
        entry = load_entry(self._key)
        if entry is None:
            raise OSError(f"The cache entry {place} could not be read back.")
        return entry

    def discard(self) -> None:
        """Removes what was built, if it was not finished."""
        for file in self._files.values():
            file.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def sweep_cache(keep: str = "", limit: int = SIZE_LIMIT) -> None:
    """Removes temporaries that a crash left and, while the entries take more than `limit` bytes, the one unused longest.

    Entry `keep` stays. Never raises: what can't be removed is left.
    """
    try:
        folders = [folder for folder in _find_root().iterdir() if folder.is_dir()]
    except OSError:
        return
    used: list[tuple[float, int, Path]] = []
    for folder in folders:
        try:
            files = [file.stat() for file in folder.iterdir()]
            newest = max((status.st_mtime for status in files), default=folder.stat().st_mtime)
        except OSError:
            continue
        if folder.name.startswith("."):
            if time.time() - newest > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
            continue
        used.append((newest, sum(status.st_size for status in files), folder))
    total = sum(size for _, size, _ in used)
    for _, size, folder in sorted(used):
        if total <= limit:
            break
        if folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)
            total -= size


def _find_root() -> Path:
    return find_home("cache") / "datasets"
