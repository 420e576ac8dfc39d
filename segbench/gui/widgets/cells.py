"""What a grid of numbers shows: values, what kind of cell each is, and what is marked. No Qt, so that presenters can say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Palette = Literal["diverging", "counts", "binary"]
VALUE, PADDING, INSERTED, VOID = 0, 1, 2, 3  # kinds of cells
NUMBERS_UP_TO = 16  # rows or columns; above, cells are colours alone


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """values: float64 (rows, columns). kinds: uint8, the same shape: VALUE, PADDING (a zero around), INSERTED (a zero between),
    VOID (nothing there); None: all VALUE. letters: shown instead of the numbers. span: the absolute value in full colour; None:
    the largest. palette: "diverging" about 0, "counts" from 0 (which gets a warning colour), "binary" 0 or not."""

    values: NDArray[np.float64]
    kinds: NDArray[np.uint8] | None = None
    letters: NDArray[np.str_] | None = None
    span: float | None = None
    palette: Palette = "diverging"


@dataclass(frozen=True, eq=False, slots=True)
class Marks:
    """cursor: the chosen cell. hits: bool (rows, columns), cells that take part. faded: bool, cells in the background.
    window: (row, column, rows, columns), an outlined rectangle inside the grid."""

    cursor: tuple[int, int] | None = None
    hits: NDArray[np.bool_] | None = None
    faded: NDArray[np.bool_] | None = None
    window: tuple[int, int, int, int] | None = None
