"""The evaluation page's head: which networks, which images, under which thresholds; and which of the networks is looked at."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from segbench.gui.panels.evaluation.state import Page, Topic
from segbench.gui.panels.evaluation.words import (
    GRID_TIP,
    RULES,
    STATISTICS,
    describe_page,
    write_candidate,
    write_split,
)
from segbench.gui.theme import GRID, current_theme, mark, theme_signals
from segbench.gui.widgets.class_marks import ElidedLabel, SegmentButton
from segbench.gui.widgets.parts import build_check, build_push, build_tip
from segbench.gui.widgets.run_colors import run_color
from segbench.gui.widgets.yielding_row import YieldingRow

TOPICS: tuple[tuple[Topic, str, str], ...] = (
    ("scores", "Scores", "Every number, by class and in the mean, with what it means"),
    ("images", "Images", "Every image, the worst first, with what was found in it"),
    ("compare", "Compare", "What the networks cost, what they score, and which differences are more than chance"),
    ("thresholds", "Thresholds", "IoU, precision and recall under any threshold"),
    ("scale", "Scale", "IoU against the size of an object"),
    ("overlap", "Overlap", "How much is found of what lies under other objects"),
)


class Header(QWidget):
    """Says what the user chose; places count in the page's candidates and in its chosen networks."""

    network_chosen = Signal(int)
    split_chosen = Signal(str)
    rule_chosen = Signal(str)
    statistics_toggled = Signal(bool)
    grid_toggled = Signal(bool)
    topic_chosen = Signal(str)
    present_chosen = Signal(int)
    compare_requested = Signal()
    evaluate_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._running = False
        self._page: Page | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self._build_terms())
        column.addWidget(self._build_tabs())
        column.addWidget(self._build_chips())
        theme_signals().changed.connect(self._color_chips)

    def _build_terms(self) -> QWidget:
        row = YieldingRow(GRID)
        self.network = self._build_combo(
            "evaluated_network", "Network", "The network that is evaluated first; every page looks through it"
        )
        self.network.setMinimumWidth(180)
        self.network.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.network.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.network.activated.connect(self.network_chosen)
        self.compare = build_push(
            "Compare with…", "compare_with", "Up to five more networks on the same images (Ctrl+M)"
        )
        self.compare.clicked.connect(self.compare_requested)
        self.split = self._build_combo("evaluated_split", "Split", "Which images are scored")
        self.split.activated.connect(lambda place: self.split_chosen.emit(self.split.itemData(place)))
        self.rule = self._build_combo(
            "evaluated_rule", "Thresholds", "How scores become masks, by one rule for all networks"
        )
        self.rule.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.rule.setMinimumWidth(130)
        self.rule.activated.connect(lambda place: self.rule_chosen.emit(self.rule.itemData(place)))
        self.statistics = build_check("Batch statistics", "evaluated_statistics", STATISTICS)
        self.statistics.toggled.connect(self.statistics_toggled)
        self.grid = build_check("Even pixels", "evaluated_grid", GRID_TIP)
        self.grid.toggled.connect(self.grid_toggled)
        self.start = build_push("Evaluate", "evaluate", "Score every image that has masks (Ctrl+Return)", "primary")
        self.start.clicked.connect(self._press)
        for widget in (self.network, self.compare, self.split, self.rule, self.statistics, self.grid, self.start):
            row.add(widget)
        return row

    def _build_combo(self, name: str, title: str, tip: str) -> QComboBox:
        combo = QComboBox()
        combo.setObjectName(name)
        combo.setAccessibleName(title)
        combo.setToolTip(tip)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        return combo

    def _build_tabs(self) -> QWidget:
        row = YieldingRow(2 * GRID)
        tabs = QWidget()
        line = QHBoxLayout(tabs)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        self.topics = QButtonGroup(self)
        for number, (topic, text, tip) in enumerate(TOPICS):
            button = SegmentButton(text)
            button.setObjectName(f"topic_{topic}")
            button.setAccessibleName(text)
            button.setToolTip(f"{tip} (Alt+{number + 1})")
            self.topics.addButton(button, number)
            line.addWidget(button)
        tabs.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.topics.button(0).setChecked(True)
        self.topics.idClicked.connect(lambda number: self.topic_chosen.emit(TOPICS[number][0]))
        self.progress = QProgressBar(objectName="evaluation_progress", textVisible=False)
        self.progress.setAccessibleName("Progress of the evaluation")
        self.progress.setFixedSize(140, 6)
        self.progress.hide()
        self.facts = ElidedLabel("")
        self.facts.setObjectName("evaluation_facts")
        mark(self.facts, "muted")
        self.facts.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row.add(tabs)
        row.add(self.facts)
        self._tabs = row
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        both = QWidget()
        both.setLayout(column)
        line = QHBoxLayout()
        line.setSpacing(GRID)
        line.addWidget(row, 1)
        line.addWidget(self.progress)
        column.addLayout(line)
        return both

    def _build_chips(self) -> QWidget:
        self.chips = QWidget(objectName="evaluated_networks")
        line = QHBoxLayout(self.chips)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        self._chips = QButtonGroup(self)
        for place in range(6):
            chip = SegmentButton("", self.chips)
            chip.setObjectName(f"network_{place}")
            chip.setAccessibleName(f"Network {place + 1}")
            chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            chip.setIconSize(QSize(12, 12))
            chip.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            chip.setMinimumWidth(40)
            self._chips.addButton(chip, place)
            line.addWidget(chip)
        line.addStretch(1)
        self._chips.idClicked.connect(self.present_chosen)
        self.chips.hide()
        return self.chips

    # What is shown --------------------------------------------------------------------------------------------------------

    def show_page(self, page: Page) -> None:
        self._page = page
        self._fill(self.network, [(write_candidate(one), one, one.path) for one in page.candidates])
        first = page.chosen[0] if page.chosen else None
        self.network.setCurrentIndex(page.candidates.index(first) if first is not None else -1)
        self.network.setPlaceholderText("Choose a checkpoint" if page.candidates else "No run has a checkpoint yet")
        self.network.setEnabled(bool(page.candidates))
        self._fill(self.split, [(f"{write_split(name)} ({count:,})", name, "") for name, count in page.splits])
        self.split.setCurrentIndex(self.split.findData(page.look.terms.split))
        rules = [(text, name, self._explain(name, tip, page)) for name, text, tip in RULES]
        self._fill(self.rule, [one for one in rules if one[1] != "lecture" or page.can_follow_lecture])
        self.rule.setCurrentIndex(self.rule.findData(page.look.terms.rule))
        for check, on in ((self.statistics, page.look.terms.batch_statistics), (self.grid, page.look.terms.grid)):
            check.blockSignals(True)
            check.setChecked(on)
            check.blockSignals(False)
        self.topics.button([topic for topic, _, _ in TOPICS].index(page.look.topic)).setChecked(True)
        self.facts.setText(describe_page(page))
        self.facts.setToolTip(build_tip(page.present.evaluation.checkpoint.path if page.present else ""))
        self._show_chips(page)
        self._offer()

    @staticmethod
    def _explain(rule: str, tip: str, page: Page) -> str:
        if rule != "best":
            return tip
        if page.tuned_on == page.look.terms.split:
            return f"{tip}. Here there are none: they are looked for on the images that are scored, which flatters a little."
        return f"{tip}: here on {write_split(page.tuned_on)}"

    @staticmethod
    def _fill(combo: QComboBox, items: list[tuple[str, object, str]]) -> None:
        shown = [(combo.itemText(i), combo.itemData(i, Qt.ItemDataRole.ToolTipRole)) for i in range(combo.count())]
        if shown != [(text, build_tip(tip)) for text, _, tip in items]:
            combo.clear()
            for place, (text, data, tip) in enumerate(items):
                combo.addItem(text, data)
                combo.setItemData(place, build_tip(tip), Qt.ItemDataRole.ToolTipRole)

    def _show_chips(self, page: Page) -> None:
        several = len(page.chosen) > 1
        for place, chip in enumerate(self._chips.buttons()):
            chip.setVisible(several and place < len(page.chosen))
            if place < len(page.chosen):
                waiting = "" if page.results[place] is not None else " (not evaluated)"
                chip.setText(_shorten(page.names[place]) + waiting)
                chip.setAccessibleName(page.names[place])
                chip.setToolTip(
                    build_tip(f"{page.names[place]}: look at its numbers and images (Ctrl+PgDown: the next)")
                )
        self._chips.button(page.look.present).setChecked(True)
        self.chips.setVisible(several)
        self._color_chips()

    def _color_chips(self) -> None:
        for place, chip in enumerate(self._chips.buttons()):
            chip.setIcon(build_swatch(run_color(place, current_theme())))

    def show_progress(self, done: int, total: int, name: str) -> None:
        """total 0: nothing runs."""
        self._running = total > 0
        self.progress.setVisible(self._running)
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)
        if self._running:
            self.facts.setText(f"{name}: {done:,} of {total:,} images")
        elif self._page is not None:
            self.facts.setText(describe_page(self._page))
        self._offer()

    def _offer(self) -> None:
        page = self._page
        missing = page.missing if page is not None and page.stage in ("not evaluated", "ready", "evaluating") else 0
        self.start.setText("Cancel" if self._running else "Evaluate")
        self.start.setEnabled(self._running or missing > 0)
        has_network = page is not None and page.stage in ("not evaluated", "ready", "evaluating")
        self.compare.setEnabled(has_network and page is not None and len(page.candidates) > 1)
        self.statistics.setEnabled(has_network)
        self.grid.setEnabled(has_network)
        if self._running:
            self.start.setToolTip("Stop; what was found about whole networks is kept")
        elif missing:
            self.start.setToolTip("Score every image that has masks (Ctrl+Return)")
        else:
            self.start.setToolTip(
                "What is chosen has been evaluated" if has_network else "Choose a network and a split first"
            )

    def _press(self) -> None:
        (self.cancel_requested if self._running else self.evaluate_requested).emit()


def build_swatch(color: QColor) -> QIcon:
    """A small square in a network's colour."""
    picture = QPixmap(24, 24)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(255, 255, 255))
    painter.setBrush(color)
    painter.drawRoundedRect(2, 2, 20, 20, 4, 4)
    painter.end()
    return QIcon(picture)


def _shorten(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:12]}…{name[-14:]}"
