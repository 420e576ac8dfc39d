"""The menu of the classes' eyes: the keys 1 to 9 show and hide the first nine classes. Knows Qt; knows no picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

KEYS = 9


class ClassKeys(QMenu):
    """A submenu whose actions belong to `panel`, as their keys work where the focus is in it. `toggled` carries a class."""

    toggled = Signal(int)

    def __init__(self, panel: QWidget, name: str) -> None:
        super().__init__("Show or hide c&lass", panel)
        self.menuAction().setObjectName(name)
        self.menuAction().setStatusTip("Show or hide a class in all pictures")
        for k in range(KEYS):
            action = QAction(self)
            action.setObjectName(f"{name}_{k + 1}")
            action.setShortcut(QKeySequence(str(k + 1)))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _checked=False, k=k: self.toggled.emit(k))
            self.addAction(action)
            panel.addAction(action)
        self.set_classes(())

    def set_classes(self, names: Sequence[str]) -> None:
        """Names the actions after the classes there are."""
        for k, action in enumerate(self.actions()):
            name = names[k] if k < len(names) else str(k + 1)
            action.setText(name.replace("&", "&&"))
            action.setStatusTip(f"Show or hide {name}")
            action.setEnabled(k < len(names))
