"""Files that may come from anybody, read within limits; and files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import stat
import time
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from segbench.errors import SegbenchError

PATIENCE = (0.01, 0.05, 0.2, 0.5)  # seconds between the attempts to take a file's place
CHUNK = 8 * 2**20
STALE_SECONDS = 3600.0  # nobody takes so long between writing a file and putting it in its place
LARGEST_TEXT = 16 * 2**20  # bytes of a JSON or text file; the largest run.json, of 250 classes, has 30 KB
_UNFINISHED = re.compile(r"\..*\.[0-9a-f]{8}\.part")


# Reading ---------------------------------------------------------------------------------------------------------------


def open_regular(path: Path) -> BinaryIO:
    """Opens a regular file for reading; a device, a pipe or a folder is refused before it is opened.

    Raises SegbenchError for those, OSError where the file is missing or may not be read.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise SegbenchError(f"{path.name} is {kind}.", "Choose a file.")
    return path.open("rb")


def read_bytes(path: Path, limit: int = LARGEST_TEXT) -> bytes:
    """A whole file of at most `limit` bytes. Raises ValueError if it has more, else as open_regular does."""
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it is larger than {limit // 2**20} MB")
    return data


def read_json(path: Path) -> Any:
    """A JSON file as plain values. Raises ValueError with the reason (see parse_json), else as open_regular does."""
    return parse_json(read_bytes(path))


def parse_json(data: bytes | str) -> Any:
    """JSON as plain values. Raises ValueError for what is none, and for what readers understand differently or choke on: a name
    that an object holds twice, numbers that are none or have no end, nesting without end."""
    try:
        return json.loads(
            data, object_pairs_hook=_collect_once, parse_constant=_refuse_constant, parse_float=_read_float
        )
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _collect_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it says {doubled[:40]!r} twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON knows")


def _read_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is beyond all numbers")
    return value


# Writing ---------------------------------------------------------------------------------------------------------------


def write_atomically(path: Path, data: bytes | memoryview, sync: bool = True) -> None:
    """Writes beside `path`, flushes to the disk, reads it back, then takes its place: a crash leaves the old file or the new one.

    Makes the folder. Raises OSError (disk full, read-only, or what was written does not read back); nothing half-written stays
    then. sync=False leaves the flush to the system and reads nothing back, 70 times as fast for small files: for what can be
    made again (a power cut may cost the newest ones).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if sync:
            _read_back(temporary, memoryview(data))
        _replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the folder may be gone with it; what went wrong first is what counts
            temporary.unlink(missing_ok=True)
        raise
    if sync:
        _sync_folder(path.parent)


def sweep_unfinished(folder: Path, older: float = STALE_SECONDS) -> int:
    """Removes what writers that were killed left in a folder, if it is older than so many seconds; how many it were. Never raises."""
    swept = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _UNFINISHED.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat().st_mtime >= older:
                        os.unlink(entry.path)
                        swept += 1
    return swept


def _read_back(path: Path, data: memoryview) -> None:
    place = 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            if bytes(data[place : place + len(chunk)]) != chunk:  # views compare number by number, forty times as slow
                break
            place += len(chunk)
    if place != len(data):
        raise OSError(errno.EIO, "What was written does not read back as it was", str(path))


def _sync_folder(folder: Path) -> None:
    """Makes the new name last through a power cut, where folders can be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _replace(temporary: Path, path: Path) -> None:
    """Windows refuses while anybody has the old file open (a window that reads a checkpoint, a virus scanner): waits a little."""
    for pause in PATIENCE:
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            time.sleep(pause)
    os.replace(temporary, path)
