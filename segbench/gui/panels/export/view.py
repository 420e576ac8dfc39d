"""The export panel's view: makes the dialog when it is wanted and hands on what the presenter shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QWidget

from segbench.gui.panels.export.dialog import ExportDialog
from segbench.gui.panels.export.draft import Done, Draft, Preview
from segbench.records import ClassTable, Reading

if TYPE_CHECKING:
    from segbench.gui.panels.export.presenter import ExportPresenter


class ExportView(QWidget):
    """Holder of the dialog, so that it composes like any panel's view; itself never shown."""

    def __init__(self, presenter: ExportPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("export_panel")
        self._presenter = presenter
        self.dialog: ExportDialog | None = None

    def actions_list(self) -> list[QAction]:
        """None: the prediction panel's "Export masks…" opens the dialog."""
        return []

    def save_layout(self) -> dict[str, str]:
        return {}

    def restore_layout(self, kept: dict[str, str]) -> None:
        pass

    def show_dialog(
        self,
        counts: dict[str, int],
        splits: dict[str, int],
        names: dict[str, str],
        reading: Reading | None,
        classes: ClassTable | None,
    ) -> None:
        if self.dialog is None:
            # Beside the page that is shown: this holder has no place on the screen
            self.dialog = ExportDialog(self._presenter, QApplication.activeWindow() or self)
            self.dialog.destroyed.connect(self._forget)
        self.dialog.show_counts(counts, splits, names, reading, classes)
        self.dialog.open()
        self.dialog.raise_()

    def _forget(self) -> None:
        self.dialog = None

    def show_draft(self, draft: Draft) -> None:
        if self.dialog is not None:
            self.dialog.show_draft(draft)

    def show_preview(self, preview: Preview, samples: int) -> None:
        if self.dialog is not None:
            self.dialog.show_preview(preview, samples)

    def show_running(self, done: int, total: int) -> None:
        if self.dialog is not None:
            self.dialog.show_running(done, total)

    def show_done(self, done: Done) -> None:
        if self.dialog is not None:
            self.dialog.show_done(done)

    def show_idle(self) -> None:
        if self.dialog is not None:
            self.dialog.show_idle()
