"""Every key, sorted by menu, read from the actions themselves, so that it cannot lie."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QTextBrowser, QVBoxLayout, QWidget

from segbench.gui.actions import Entry
from segbench.gui.dialogs.buttons import strip_icons
from segbench.gui.theme import current_theme

# What pictures and lists answer to while they have the focus; these are no actions of a menu
ON_PICTURES = (
    ("Wheel", "Zoom at the cursor"),
    ("Drag, Space + drag", "Move the picture"),
    ("F", "Fit the picture"),
    ("Ctrl+0", "Actual size, 1:1"),
    ("+ / −", "Zoom in / out"),
    ("Hold Shift", "The image without overlays"),
)


class ShortcutSheet(QDialog):
    """A searchable list of shortcuts."""

    def __init__(self, entries: Sequence[Entry], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("shortcut_sheet")
        self.setWindowTitle("Keyboard shortcuts")
        self.resize(560, 600)
        self._entries = entries
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search keys and actions")
        self.search.setAccessibleName("Search keys and actions")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._fill)
        column.addWidget(self.search)
        self.sheet = QTextBrowser()
        self.sheet.setAccessibleName("Keyboard shortcuts")
        column.addWidget(self.sheet)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        strip_icons(box)
        column.addWidget(box)
        self._fill()

    def _fill(self) -> None:
        wanted = self.search.text().casefold().strip()
        rows: dict[str, list[tuple[str, str]]] = {}
        for entry in self._entries:
            if entry.shortcuts:
                title = ": ".join((*entry.path[1:], entry.title))  # "Theme: Dark"
                rows.setdefault(entry.path[0], []).append((entry.shortcuts, title))
        rows["In pictures"] = list(ON_PICTURES)
        border, muted = current_theme().border.name(), current_theme().muted.name()
        parts = []
        for group, lines in rows.items():
            shown = [(k, t) for k, t in lines if wanted in f"{k} {t} {group}".casefold()]
            if not shown:
                continue
            parts.append(
                f'<h3 style="margin-top:14px">{escape(group)}</h3><table width="100%" cellpadding="4" cellspacing="0">'
            )
            parts += [
                f'<tr><td style="border-bottom:1px solid {border}">{escape(title)}</td>'
                f'<td align="right" style="border-bottom:1px solid {border}"><b>{escape(keys)}</b></td></tr>'
                for keys, title in shown
            ]
            parts.append("</table>")
        self.sheet.setHtml("".join(parts) or f'<p style="color:{muted}">Nothing has such a key or name.</p>')
