"""Colours that numbers are painted in: a perceptually even map for scores, and colours for right and wrong. Numpy only."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Okabe and Ito's palette: told apart with any of the common colour-vision deficiencies
TRUE_POSITIVE = (0, 158, 115)  # bluish green: predicted, and there
FALSE_POSITIVE = (213, 94, 0)  # vermillion: predicted, but not there
FALSE_NEGATIVE = (86, 180, 233)  # sky blue: there, but missed
CONFUSED = (204, 121, 167)  # reddish purple: one class missed and another predicted in its place
CONFUSION_LEGEND = (
    ("Found", TRUE_POSITIVE),
    ("Too much", FALSE_POSITIVE),
    ("Missed", FALSE_NEGATIVE),
    ("Another class", CONFUSED),
)

# Lightness, chroma and hue (CIE LCh, D65) the map runs through: dark purple, blue, green, yellow; all inside sRGB
_ANCHORS = ((12, 26, 304), (30, 38, 296), (45, 34, 264), (58, 30, 198), (72, 50, 148), (82, 72, 120), (92, 78, 104))
_STEPS = 256
_WHITE = np.array((0.95047, 1.0, 1.08883))
_TO_RGB = np.array(((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570)))


@cache
def score_table() -> NDArray[np.uint8]:
    """uint8 (256, 3), read-only: from dark purple over green to light yellow. Lightness rises all the way, and neighbouring
    entries differ by the same distance in CIE Lab, so that equal differences of score look equally large."""
    lightness, chroma, hue = np.array(_ANCHORS, float).T
    places = np.arange(len(_ANCHORS))
    fine = np.linspace(0, len(_ANCHORS) - 1, 4096)
    angle = np.deg2rad(np.interp(fine, places, hue))
    radius = np.interp(fine, places, chroma)
    lab = np.stack((np.interp(fine, places, lightness), radius * np.cos(angle), radius * np.sin(angle)), axis=1)
    walked = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(lab, axis=0), axis=1))))
    even = np.linspace(0, walked[-1], _STEPS)
    table = _lab_to_rgb(np.stack([np.interp(even, walked, channel) for channel in lab.T], axis=1))
    table.setflags(write=False)
    return table


def map_scores(
    scores: NDArray[np.floating], scale: Literal["probability", "value"], top: float | None = None
) -> NDArray[np.uint8]:
    """One class's scores (H, W) as uint8 (H, W, 3). The map runs from 0 to `top`: 1 for probabilities, 300 for the lecture's
    values unless given. What lies outside takes the end's colour, NaN that of 0."""
    end = top or (1.0 if scale == "probability" else 300.0)
    places = np.nan_to_num(scores.astype(np.float32) * np.float32((_STEPS - 1) / end), nan=0.0)
    picture: NDArray[np.uint8] = score_table()[np.clip(np.rint(places), 0, _STEPS - 1).astype(np.uint8)]
    return picture


def _lab_to_rgb(lab: NDArray[np.floating]) -> NDArray[np.uint8]:
    """CIE Lab (n, 3) to sRGB uint8 (n, 3); the formulas of CIE 15 and IEC 61966-2-1."""
    y = (lab[:, 0] + 16) / 116
    f = np.stack((y + lab[:, 1] / 500, y, y - lab[:, 2] / 200), axis=1)
    xyz = _WHITE * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = np.clip(xyz @ _TO_RGB.T, 0, 1)
    gamma = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    rgb: NDArray[np.uint8] = np.rint(gamma * 255).astype(np.uint8)
    return rgb
