"""Undo for the form's edits. Edits of one row in a row are one step."""

from __future__ import annotations

import zlib

from PySide6.QtGui import QUndoCommand

from segbench.gui.widgets.config_form import ConfigForm, FormSnapshot


class FormEdit(QUndoCommand):
    """From one state of the form to another; `path` is the row that was edited, "" for all of them."""

    def __init__(self, form: ConfigForm, text: str, path: str, before: FormSnapshot, after: FormSnapshot) -> None:
        super().__init__(text)
        self._form, self._path, self._before, self._after = form, path, before, after
        self._done = True  # the user has done it already when it is pushed

    def redo(self) -> None:
        if not self._done:
            self._form.restore(self._after)
        self._done = False

    def undo(self) -> None:
        self._form.restore(self._before)

    def id(self) -> int:
        return zlib.crc32(f"form {self._path}".encode()) & 0x7FFFFFFF if self._path else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, FormEdit) or other._path != self._path:
            return False
        self._after = other._after
        self.setObsolete(self._after == self._before)
        return True
