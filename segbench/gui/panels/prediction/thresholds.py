"""Thresholds as a user sets them: how scores become masks, and of which scores. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segbench.records import CheckpointInfo, Reading


@dataclass(frozen=True)
class Thresholds:
    """preset: "default", "half", "lecture", or "custom" for the user's own.

    meaning: the classes and the units of the scores that the windows stand for. Thresholds of one meaning say nothing about
    scores of another, even where there are as many.
    """

    reading: Reading
    preset: str
    meaning: tuple[object, ...]

    def move_window(self, k: int, low: float, high: float) -> Thresholds:
        """The same, but class k is where low < score < high."""
        windows = list(self.reading.windows)
        windows[k] = (low, high)
        return replace(self, reading=Reading(self.reading.rule, tuple(windows)), preset="custom")


def find_thresholds(info: CheckpointInfo, preset: str) -> Thresholds:
    """preset: "default", "half" (half the value or probability 0.5) or "lecture" (the reference's windows).

    Raises SegbenchError where the preset does not fit the classes.
    """
    from segbench.targets import build_target, half_reading, lecture_reading

    reading = build_target(info.target, info.classes).reading
    if preset == "lecture":
        reading = lecture_reading(info.classes)
    elif preset == "half" and info.target == "values":
        reading = half_reading(info.classes)
    elif preset == "half":
        reading = Reading(reading.rule, ((0.5, float("inf")),) * len(info.classes))
    units = info.classes.values if info.target == "values" else ()
    return Thresholds(reading, preset, (info.target, info.classes.names, units))
