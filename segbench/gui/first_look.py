"""What the first paint needs: theme, place and page, kept in a small file of its own, because reading the preferences proper
loads libraries that cost a quarter of the start. A copy only: `settings.py` holds the truth, and wins once it is read."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QByteArray

LAYOUT_VERSION = 1  # raise it when docks or pages change, so that an older layout is not put on them


class FirstLook(NamedTuple):
    """What the window looked like when it was closed. dark: its colours (None: not known); geometry, layout: Qt's bytes, empty
    if there are none."""

    dark: bool | None = None
    page: str = "dataset"
    geometry: QByteArray = QByteArray()
    layout: QByteArray = QByteArray()


def load_first_look() -> FirstLook:
    """The last look; the default one if there is none or if it is of another version."""
    try:
        lines = _find_file().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return FirstLook()
    kept = dict(line.split("=", 1) for line in lines if "=" in line)
    if kept.get("version") != str(LAYOUT_VERSION):
        return FirstLook()
    return FirstLook(
        {"True": True, "False": False}.get(kept.get("dark", "")),
        kept.get("page", "dataset"),
        QByteArray.fromBase64(kept.get("geometry", "").encode()),
        QByteArray.fromBase64(kept.get("layout", "").encode()),
    )


def save_first_look(look: FirstLook) -> None:
    """Keeps a look for the next start; a folder that cannot be written is no error."""
    lines = [f"version={LAYOUT_VERSION}", f"dark={look.dark}", f"page={look.page}"]
    lines += [f"geometry={encode(look.geometry)}", f"layout={encode(look.layout)}"]
    file = _find_file()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines), encoding="utf-8")


def encode(state: QByteArray) -> str:
    """Qt's bytes as base64."""
    return bytes(state.toBase64().data()).decode()


def _find_file() -> Path:
    if home := os.environ.get("SEGBENCH_HOME"):
        return Path(home) / "cache" / "first_look"
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        cache = str(Path.home() / "Library" / "Caches")
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "segbench" / "first_look"
