"""One line of the torture's table."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """what was done; what is promised; what was measured; whether the promise was kept."""

    what: str
    promise: str
    measured: str
    kept: bool
