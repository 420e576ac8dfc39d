"""The user's preferences: one JSON file under the user's config folder, written atomically. Knows no Qt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import msgspec
import platformdirs

from segbench.files import sweep_unfinished, write_atomically

RECENT_LIMIT = 12


class Settings(msgspec.Struct, frozen=True):
    """What is remembered between two starts."""

    theme: Literal["system", "light", "dark"] = "system"
    recent: tuple[str, ...] = ()  # datasets, runs and checkpoints, newest first
    runs_folder: str = ""  # "": find_runs_folder's default
    page: str = "dataset"
    geometry: str = ""  # Qt's window geometry and layout, base64
    layout: str = ""
    layout_version: int = 0
    splitters: dict[str, str] = {}  # a panel's splitter states, base64
    smoothing: float = 0.9
    opacity: float = 0.55
    tour_seen: bool = False


_decoder = msgspec.json.Decoder(Settings)


def find_settings_file() -> Path:
    """Where the preferences stand; SEGBENCH_HOME moves it (tests, portable installations)."""
    return find_home("config") / "settings.json"


def find_home(kind: Literal["config", "cache", "data", "log"]) -> Path:
    """The user's folder of that kind for segbench: platformdirs', or SEGBENCH_HOME/kind when that variable is set."""
    if home := os.environ.get("SEGBENCH_HOME"):
        return Path(home) / kind
    finder = {
        "config": platformdirs.user_config_path,
        "cache": platformdirs.user_cache_path,
        "data": platformdirs.user_data_path,
        "log": platformdirs.user_log_path,
    }[kind]
    return finder("segbench", appauthor=False)


def find_runs_folder(settings: Settings) -> Path:
    """Where new runs go: the user's choice, else Documents/segbench/runs (SEGBENCH_HOME/data/runs when that is set)."""
    if settings.runs_folder:
        return Path(settings.runs_folder)
    if os.environ.get("SEGBENCH_HOME"):
        return find_home("data") / "runs"
    return platformdirs.user_documents_path() / "segbench" / "runs"


def load_settings() -> Settings:
    """The preferences; defaults where the file is missing, unreadable or of another shape (never an error)."""
    try:
        return _decoder.decode(find_settings_file().read_bytes())
    except (OSError, ValueError, RecursionError):  # msgspec's own, and bytes that are not UTF-8
        return Settings()


def save_settings(settings: Settings) -> None:
    """Writes the preferences so that a crash leaves the old file or the new one. Raises OSError if the folder can't be written."""
    path = find_settings_file()
    sweep_unfinished(path.parent)
    write_atomically(path, msgspec.json.format(msgspec.json.encode(settings), indent=2))


def change(settings: Settings, **changes: Any) -> Settings:
    """A copy with some preferences changed."""
    return msgspec.structs.replace(settings, **changes)


def remember(settings: Settings, path: str) -> Settings:
    """A copy with `path` first among the recent ones; a name that is no text (bytes that are not UTF-8) is not kept."""
    if path.encode(errors="replace").decode() != path:
        return settings
    others = tuple(p for p in settings.recent if p != path)
    return change(settings, recent=(path, *others)[:RECENT_LIMIT])
