"""Undo for the form's edits. Edits of one row in a row are one step."""

from __future__ import annotations

from segbench.gui.undo import Change
from segbench.gui.widgets.config_form import ConfigForm, FormSnapshot


class FormEdit(Change):
    """From one state of the form to another; `path` is the row that was edited, "" for all of them."""

    def __init__(self, form: ConfigForm, text: str, path: str, before: FormSnapshot, after: FormSnapshot) -> None:
        super().__init__(text, form.restore, before, after, ("form", path) if path else None)
        self._done = True  # the user has done it already when it is pushed

    def redo(self) -> None:
        if not self._done:
            super().redo()
        self._done = False
