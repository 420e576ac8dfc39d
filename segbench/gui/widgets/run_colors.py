"""Colours that lines and swatches share: one a run when runs are compared, and any colour made readable on the theme's surface."""

from __future__ import annotations

from PySide6.QtGui import QColor

from segbench.gui.theme import Theme, contrast

# Okabe-Ito without black and yellow, which vanish on one of the two surfaces
RUN_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5bd0", "#8c6d31")
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


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """`share` of one colour and the rest of the other, opaque: what a faint line looks like, without the cost of blending."""

    def blend(a: float, b: float) -> float:
        return share * a + (1 - share) * b

    return QColor.fromRgbF(
        blend(one.redF(), other.redF()), blend(one.greenF(), other.greenF()), blend(one.blueF(), other.blueF())
    )
