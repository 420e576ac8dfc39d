"""The lecture's own experiment: which run is one, and the losses of segbench's run of it. No Qt."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

from segbench.resources import find_resource

if TYPE_CHECKING:
    from segbench.config import TrainConfig
    from segbench.records import ClassTable


def is_lecture(config: TrainConfig, classes: ClassTable | None) -> bool:
    """Whether a run is the lecture's own experiment: its losses mean nothing beside another one's."""
    return (
        getattr(config.network, "head", "") == "lecture"
        and config.loss.target == "values"
        and config.loss.name == "mse"
        and config.data.batch_size == 4
        and classes is not None
        and classes.values == (50, 100, 150, 200, 250)
    )


@functools.cache
def load_averages() -> tuple[float, ...]:
    """The twelve mean losses of segbench's reference run, as slide 82 prints the lecture's; () if the file is not there."""
    try:
        found = json.loads(find_resource("lecture_run", "averages.json").read_text(encoding="utf-8"))
        return tuple(float(value) for value in found["averages"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
