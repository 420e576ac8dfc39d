"""What the Dataset page shows while no dataset is open: what segbench is, and the ways in. Knows Qt; knows no service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from segbench.gui.icons import dress
from segbench.gui.theme import mark
from segbench.gui.widgets.parts import build_tip

SHOWN_RECENT = 6
SENTENCE = "Browse images and masks, train a segmentation network, see where it is right, export its masks."
DOORS = (  # signal, label, icon, what it does
    ("generate_requested", "&Generate shapes…", "shapes", "Make a dataset of coloured shapes to try everything on"),
    ("open_folder_requested", "Open &folder…", "folder", "Images and masks, CamVid, Pascal VOC, or a run"),
    ("open_file_requested", "Open f&ile…", "file", "A PurdueShapes5 .gz, a checkpoint, or images of your own"),
)


class Welcome(QScrollArea):
    """The start: three ways in, what was open lately, and the tour."""

    open_folder_requested = Signal()
    open_file_requested = Signal()
    generate_requested = Signal()
    tour_requested = Signal()
    recent_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        self.setAccessibleName("Welcome")
        self.setWidgetResizable(True)
        self.setFrameStyle(0)
        # The centred column is as wide as a page of text
        ground = QWidget()
        ground.setObjectName("welcome_ground")
        row = QHBoxLayout(ground)
        row.addStretch(1)
        middle = QWidget()
        middle.setFixedWidth(760)
        row.addWidget(middle)
        row.addStretch(1)
        column = QVBoxLayout(middle)
        column.setContentsMargins(8, 24, 8, 24)
        column.setSpacing(8)
        column.addStretch(2)
        title = QLabel("segbench")
        mark(title, "title")
        column.addWidget(title)
        sentence = QLabel(SENTENCE)
        sentence.setWordWrap(True)
        mark(sentence, "muted")
        column.addWidget(sentence)
        column.addSpacing(16)
        column.addLayout(self._build_doors())
        column.addSpacing(8)
        column.addWidget(self._build_tour())
        column.addSpacing(16)
        self._recent_title = QLabel("Recent")
        mark(self._recent_title, "heading")
        column.addWidget(self._recent_title)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        column.addLayout(self._recent)
        self._hint = QLabel("Or drop a folder, a dataset file, a run or a checkpoint anywhere on this window.")
        mark(self._hint, "muted")
        column.addSpacing(8)
        column.addWidget(self._hint)
        column.addStretch(3)
        self.setWidget(ground)
        self._recent_title.hide()

    def _build_doors(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(16)
        self.doors: dict[str, QPushButton] = {}
        for place, (signal, label, icon, about) in enumerate(DOORS):
            card = QFrame()
            card.setObjectName("card")
            mark(card, "card")
            inside = QVBoxLayout(card)
            inside.setContentsMargins(16, 16, 16, 16)
            inside.setSpacing(8)
            button = QPushButton(label)
            button.setObjectName(signal.removesuffix("_requested"))
            button.setAccessibleDescription(about)
            button.setIconSize(QSize(20, 20))
            button.setMinimumHeight(40)
            if place == 0:
                mark(button, "primary")
            dress(button, icon, "on_accent" if place == 0 else "text")
            button.clicked.connect(getattr(self, signal))
            inside.addWidget(button)
            text = QLabel(about)
            text.setWordWrap(True)
            mark(text, "muted")
            inside.addWidget(text)
            inside.addStretch(1)
            grid.addWidget(card, 0, place)
            grid.setColumnStretch(place, 1)
            self.doors[signal] = button
        return grid

    def _build_tour(self) -> QFrame:
        card = QFrame()
        card.setObjectName("card")
        mark(card, "card")
        row = QHBoxLayout(card)
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(16)
        text = QLabel("New here? The tour goes from an empty window to exported masks.")
        text.setWordWrap(True)
        row.addWidget(text, 1)
        self.tour = QPushButton("&Two-minute tour")
        self.tour.setObjectName("tour")
        self.tour.setMinimumHeight(36)
        dress(self.tour, "tour")
        self.tour.clicked.connect(self.tour_requested)
        row.addWidget(self.tour)
        return card

    def set_recent(self, paths: Sequence[str]) -> None:
        """Shows the newest of these paths; one press opens one."""
        from PySide6.QtCore import Qt
        from PySide6.QtGui import QFontMetrics

        while (item := self._recent.takeAt(0)) is not None:
            if widget := item.widget():
                widget.setParent(None)
                widget.deleteLater()
        shown = paths[:SHOWN_RECENT]
        self._recent_title.setVisible(bool(shown))
        for path in shown:
            where = PurePath(path)
            button = QPushButton()
            mark(button, "flat")
            metrics = QFontMetrics(button.font())
            name = where.name or path
            room = 700 - metrics.horizontalAdvance(f"{name}    ")
            folder = metrics.elidedText(str(where.parent), Qt.TextElideMode.ElideMiddle, max(room, 80))
            button.setText(f"{name}    {folder}".replace("&", "&&"))
            button.setToolTip(build_tip(path))
            button.setAccessibleName(f"Open {path}")
            button.clicked.connect(lambda _checked=False, path=path: self.recent_requested.emit(path))
            self._recent.addWidget(button)
