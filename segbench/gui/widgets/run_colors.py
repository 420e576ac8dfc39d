"""Colours that lines and swatches share: one a run when runs are compared, and any colour made readable on the theme's surface."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtGui import QColor

from segbench.gui.theme import Theme, contrast

# Okabe-Ito without black and yellow, which vanish on one of the two surfaces
RUN_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5bd0", "#8c6d31")
APART = 0.14  # of `_distance`: less than this is one colour to the eye in a thin line
LINE_CONTRAST = 3.0  # WCAG 1.4.11: graphics against what lies beside them


def run_color(number: int, theme: Theme) -> QColor:
    """The colour of the run that stands at this place among the compared ones."""
    return readable(QColor(RUN_COLORS[number % len(RUN_COLORS)]), theme)


def readable(color: QColor, theme: Theme) -> QColor:
    """The colour itself, or the nearest lighter or darker one that stands out from the theme's surface."""
    hue, saturation, lightness = max(color.hslHueF(), 0.0), color.hslSaturationF(), color.lightnessF()
    step = 0.03 if theme.is_dark else -0.03
    found = QColor(color)
    while contrast(found, theme.surface) < LINE_CONTRAST and 0.0 < lightness + step < 1.0:
        lightness += step
        found = QColor.fromHslF(hue, saturation, lightness)
    return found


def keep_apart(colors: Sequence[QColor], theme: Theme) -> list[QColor]:
    """Readable colours that tell apart from each other as well as lightness allows: made readable alone, yellow and orange
    would become one ochre."""
    kept: list[QColor] = []
    for color in colors:
        first = found = readable(color, theme)
        hue, saturation, lightness = max(first.hslHueF(), 0.0), first.hslSaturationF(), first.lightnessF()
        step = 0.03 if theme.is_dark else -0.03
        while any(_distance(found, other) < APART for other in kept) and 0.12 < lightness + step < 0.92:
            lightness += step
            found = QColor.fromHslF(hue, saturation, lightness)
        kept.append(found if all(_distance(found, other) >= APART for other in kept) else first)
    return kept


def _distance(one: QColor, other: QColor) -> float:
    """Between two colours, 0..1, each channel weighted by how much of it is seen."""
    red, green, blue = one.redF() - other.redF(), one.greenF() - other.greenF(), one.blueF() - other.blueF()
    return math.sqrt(0.3 * red**2 + 0.59 * green**2 + 0.11 * blue**2)


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """`share` of one colour and the rest of the other, opaque: what a faint line looks like, without the cost of blending."""

    def blend(a: float, b: float) -> float:
        return share * a + (1 - share) * b

    return QColor.fromRgbF(
        blend(one.redF(), other.redF()), blend(one.greenF(), other.greenF()), blend(one.blueF(), other.blueF())
    )
