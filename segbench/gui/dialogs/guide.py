"""The user guide: the Markdown pages of resources/help, with a list of them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QTextDocument
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.dialogs.buttons import strip_icons
from segbench.gui.theme import theme_signals
from segbench.resources import find_resource


def find_pages() -> list[Path]:
    """The guide's pages in the order of their file names' numbers (10-start.md ...), then those that scripts measured."""
    return sorted(find_resource("help").glob("*.md"))


def read_name(page: Path) -> str:
    """ "20-dataset.md" is "dataset"."""
    return page.stem.lstrip("0123456789-")


def read_title(page: Path) -> str:
    """ "20-dataset.md" is "Dataset"."""
    return read_name(page).replace("-", " ").capitalize()


class Guide(QDialog):
    """A non-modal reader; links between pages stay in it, others open in the browser."""

    def __init__(self, parent: QWidget | None = None, about: str = "") -> None:
        """about: opens at the page of that name ("dataset"), else at the first."""
        super().__init__(parent)
        self.setObjectName("guide")
        self.setWindowTitle("User guide")
        self.setWindowFlag(Qt.WindowType.Window)
        self.resize(900, 640)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        splitter = QSplitter()
        self.list = QListWidget()
        self.list.setAccessibleName("Pages of the guide")
        self.list.setMaximumWidth(220)
        self.list.setSpacing(3)
        for page in find_pages():
            item = QListWidgetItem(read_title(page))
            item.setData(Qt.ItemDataRole.UserRole, str(page))
            self.list.addItem(item)
        self.list.currentItemChanged.connect(lambda item: item and self.show_page(item.data(Qt.ItemDataRole.UserRole)))
        self.text = QTextBrowser()
        self.text.setAccessibleName("User guide")
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._follow)
        self.text.document().setDocumentMargin(16)
        splitter.addWidget(self.list)
        splitter.addWidget(self.text)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([180, 720])
        column.addWidget(splitter)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        strip_icons(box)
        column.addWidget(box)
        names = [read_name(page) for page in find_pages()]
        self.list.setCurrentRow(names.index(about) if about in names else 0)
        theme_signals().changed.connect(self.text.reload)

    def show_page(self, path: str) -> None:
        self.text.setSource(QUrl.fromLocalFile(path), QTextDocument.ResourceType.MarkdownResource)

    def _follow(self, url: QUrl) -> None:
        name = url.fileName()
        for row in range(self.list.count()):
            if name and Path(self.list.item(row).data(Qt.ItemDataRole.UserRole)).name == name:
                self.list.setCurrentRow(row)
                return
        if url.scheme() in ("http", "https"):
            QDesktopServices.openUrl(url)
