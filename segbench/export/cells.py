"""What stands in the cells of a CSV file: names that come from anybody must not become formulas of a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guard_cells(row: Sequence[Any]) -> list[Any]:
    """A row whose texts no spreadsheet takes for formulas: those that begin like one get an apostrophe, as OWASP advises."""
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in row]
