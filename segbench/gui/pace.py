"""How long a training will go on: the one formula, for the training page and for the status bar. No Qt."""

from __future__ import annotations

LEAST_STEPS = 3  # fewer tell nothing


class Pace:
    """The mean time of a step since training began or went on, in busy seconds: a pause does not count, validation and previews
    do. `total`: steps there are to be done in all."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._first: tuple[int, float] | None = None  # step, seconds
        self._last = (0, 0.0)

    def add(self, step: int, seconds: float) -> None:
        """How far the run is, and how long it has worked for that: `step` and `seconds` of a StepDone or an EpochDone."""
        self._first = self._first or (step, seconds)
        self._last = step, seconds

    @property
    def seconds_left(self) -> float | None:
        """Busy seconds until all steps are done; None before there is a mean."""
        if self._first is None or self._last[0] - self._first[0] < LEAST_STEPS:
            return None
        steps, seconds = self._last[0] - self._first[0], self._last[1] - self._first[1]
        return max(self._total - self._last[0], 0) * seconds / steps
