"""The loss of one image, from its scores: the same for every network with scores of that kind, whatever it was trained with."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segbench.records import ClassTable

SUREST = 2.0**-12  # no probability counts as nearer to 0 or 1 than this: half precision can't tell any nearer to 1


def measure_loss(
    scores: NDArray[np.float16],
    truth: NDArray[np.bool_],
    known: NDArray[np.bool_] | None,
    target: Literal["values", "planes", "labels"],
    classes: ClassTable,
) -> float | None:
    """values: mean squared difference from the grey values over pixels and planes. planes: mean binary cross-entropy over pixels
    and planes. labels: mean cross-entropy over pixels. None if no pixel is known.

    scores, truth: (K, H, W); known: bool (H, W), None counts all.
    """
    if known is not None and not known.all():
        scores, truth = scores[:, known], truth[:, known]
    if not scores.size:
        return None
    if target == "values":
        values = np.array(classes.values, np.float32).reshape(-1, *[1] * (scores.ndim - 1))
        away = scores - truth * values
        return float(np.square(away, out=away).mean(dtype=np.float64))
    given = scores.astype(np.float32)
    if target == "planes":
        given = np.where(truth, given, 1 - given)
        return float(-np.log(given.clip(SUREST, 1 - SUREST)).mean(dtype=np.float64))
    return float(-np.log(given[truth].clip(SUREST, 1 - SUREST)).mean(dtype=np.float64))
