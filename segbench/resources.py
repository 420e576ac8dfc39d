"""The one file that knows where resources/ is: beside the package in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path

_CANDIDATES = (Path(__file__).parent.parent / "resources", Path(__file__).parent / "_resources")


def find_resource(*parts: str) -> Path:
    """The path of a file or folder under resources/, e.g. find_resource("presets", "lecture.json")."""
    for root in _CANDIDATES:
        if (found := root.joinpath(*parts)).exists():
            return found
    return _CANDIDATES[0].joinpath(*parts)
