"""A field for the number of a sample: takes any digits, and means the last one where there are not so many. Knows Qt only."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QSpinBox


class NumberBox(QSpinBox):
    """QSpinBox refuses a digit that would lead past its maximum: of 999 it takes the first two or one, and means another."""

    def validate(self, text: str, place: int) -> Any:
        return (QValidator.State.Acceptable, text, place) if text.isdecimal() else super().validate(text, place)

    def valueFromText(self, text: str) -> int:
        return min(int(text), self.maximum()) if text.isdecimal() else super().valueFromText(text)
