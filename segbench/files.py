"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import time
from pathlib import Path

PATIENCE = (0.01, 0.05, 0.2, 0.5)  # seconds between the attempts to take a file's place
CHUNK = 8 * 2**20
STALE_SECONDS = 3600.0  # nobody takes so long between writing a file and putting it in its place
_UNFINISHED = re.compile(r"\..*\.[0-9a-f]{8}\.part")


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
