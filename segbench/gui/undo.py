"""Undo for what a user sets by hand: thresholds, colours, settings. One drag of a slider is one step."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable
from typing import Any

from PySide6.QtGui import QUndoCommand


class Change(QUndoCommand):
    """Takes a value from `before` to `after` through `use`; changes with the same `gesture` become one."""

    def __init__(
        self, text: str, use: Callable[[Any], None], before: Any, after: Any, gesture: Hashable = None
    ) -> None:
        super().__init__(text)
        self._use, self._before, self._after, self._gesture = use, before, after, gesture

    def redo(self) -> None:
        self._use(self._after)

    def undo(self) -> None:
        self._use(self._before)

    def id(self) -> int:
        return -1 if self._gesture is None else zlib.crc32(repr(self._gesture).encode()) & 0x7FFFFFFF

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, Change) or other._gesture != self._gesture:
            return False
        self._after = other._after
        self.setObsolete(self._after == self._before)
        return True
