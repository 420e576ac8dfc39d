"""Networks side by side: what each costs and scores, the difference of a pair with its interval, and both scores of every image."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from segbench.gui.panels.evaluation.interval_plot import Bar, IntervalPlot
from segbench.gui.panels.evaluation.number_table import ROW_HEIGHT, Cell, NumberTable
from segbench.gui.panels.evaluation.plot import Curve, Plot, Points
from segbench.gui.panels.evaluation.state import MEAN, Evaluated, Page
from segbench.gui.panels.evaluation.words import (
    SHORT,
    find_title,
    write_difference,
    write_loss,
    write_macs,
    write_network,
    write_pair,
    write_ratio,
    write_seconds,
    write_speed,
    write_verdict,
)
from segbench.gui.theme import GRID, current_theme, mark, theme_signals
from segbench.gui.widgets.empty_state import EmptyState
from segbench.gui.widgets.parts import build_label, build_tip, build_tool
from segbench.gui.widgets.run_colors import run_color
from segbench.metrics.definitions import DEFINITIONS
from segbench.metrics.evaluation import MAIN, OVERLAP

ALONE = "Choose up to five more networks to see which of them is better, by how much, and how sure that is."
WAITING = "Two of the chosen networks have to be evaluated first."


class CompareTab(QWidget):
    """pair_chosen: places of the first and the second network. scope_wanted: words and sample indices."""

    pair_chosen = Signal(int, int)
    metric_chosen = Signal(str)
    present_chosen = Signal(int)
    scope_wanted = Signal(str, list)
    compare_requested = Signal()
    evaluate_requested = Signal()
    csv_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare_tab")
        self._page: Page | None = None
        self._shown: tuple[object, ...] = ()
        self._drawn: tuple[object, ...] = ()
        self.table = NumberTable("compared_networks", "Compared networks", rows=True)
        self.table.setSortingEnabled(True)
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.table.opened.connect(lambda row, _column: self._choose_row(row))
        self.note = build_label(
            "Large: pixels pooled over all images. Small: the mean of the images’ own numbers.", "compare_note", "muted"
        )
        csv = build_tool("CSV…", "save_comparison", "Save this table, and more, as a CSV file (Ctrl+Shift+S)")
        csv.clicked.connect(self.csv_requested)
        foot = QHBoxLayout()
        foot.addWidget(self.note, 1)
        foot.addWidget(csv)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.table, 2)
        column.addLayout(foot)
        column.addWidget(self._build_below(), 3)
        theme_signals().changed.connect(self._redraw)

    def _build_below(self) -> QWidget:
        self.pages = QStackedWidget()
        self.pair = QWidget()
        self.alone = EmptyState(ALONE, "Compare with…")
        self.alone.requested.connect(self.compare_requested)
        self.waiting = EmptyState(WAITING, "Evaluate")
        self.waiting.requested.connect(self.evaluate_requested)
        left = QVBoxLayout()
        left.setSpacing(GRID)
        left.addLayout(self._build_choice())
        self.verdict = build_label("", "verdict", "heading", wrap=True)
        left.addWidget(self.verdict)
        self.intervals = IntervalPlot()
        self.intervals.setToolTip(build_tip(DEFINITIONS["difference"].note))
        left.addWidget(self.intervals)
        self.caveat = build_label(
            "Intervals: 95 % of what the difference would be if the images were drawn again. Another seed of the same training "
            "may change more.", "caveat", "muted", wrap=True,
        )  # fmt: skip
        left.addWidget(self.caveat)
        left.addStretch(1)
        self.scatter = Plot("image_scatter", "Scores of each image", "", "")
        self.scatter.setMinimumSize(260, 200)
        self.scatter.describe = self._describe_image
        self.scatter.clicked.connect(self._open_point)
        row = QHBoxLayout(self.pair)
        row.setContentsMargins(0, 6, 0, 0)
        row.setSpacing(3 * GRID)
        row.addLayout(left, 3)
        row.addWidget(self.scatter, 2)
        for page in (self.pair, self.alone, self.waiting):
            self.pages.addWidget(page)
        return self.pages

    def _build_choice(self) -> QHBoxLayout:
        self.second, self.first, self.score = QComboBox(), QComboBox(), QComboBox()
        for combo, name, title in (
            (self.second, "pair_second", "The network that is compared"),
            (self.first, "pair_first", "The network it is compared with"),
            (self.score, "pair_metric", "Score"),
        ):
            combo.setObjectName(name)
            combo.setAccessibleName(title)
            combo.setToolTip(title)
            combo.setMinimumWidth(80)
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(8)
        for combo in (self.second, self.first):
            combo.activated.connect(
                lambda _place: self.pair_chosen.emit(self.first.currentIndex(), self.second.currentIndex())
            )
        self.score.activated.connect(lambda place: self.metric_chosen.emit(self.score.itemData(place)))
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.second, 3)
        row.addWidget(build_label("against"))
        row.addWidget(self.first, 3)
        row.addWidget(build_label("in"))
        row.addWidget(self.score, 2)
        return row

    # What is shown --------------------------------------------------------------------------------------------------------

    def show_page(self, page: Page) -> None:
        self._page = page
        shown = (*(id(one) for _, one in page.there), page.names)
        if shown != self._shown:
            self._shown = shown
            self._fill(page)
        self._fill_choice(page)
        pair = page.find_pair()
        self.pages.setCurrentWidget(self.alone if len(page.chosen) < 2 else self.waiting if pair is None else self.pair)
        self.waiting.button.setVisible(page.missing > 0 and page.stage != "evaluating")
        if pair is not None:
            self._show_pair(page, *pair)

    def _redraw(self) -> None:
        if self._page is not None and self._page.there:
            self._drawn = ()
            self._fill(self._page)
            self.show_page(self._page)

    def _fill(self, page: Page) -> None:
        first = page.there[0][1]
        metrics = [metric for metric in (*MAIN, *OVERLAP) if (metric, MEAN) in first.measured]
        exclusive = first.evaluation.classes.exclusive
        heads = ["Run", "Network", "Parameters", "MACs", "Training", "Images/s", "Loss"]
        tips = ["Double-click: look at this one", "What was trained", "Learnable numbers"]
        tips += [
            f"{DEFINITIONS[key].title}: {DEFINITIONS[key].formula}"
            for key in ("macs", "training_time", "images_per_second")
        ]
        tips.append("The mean of the images’ losses")
        heads += [SHORT[metric] for metric in metrics] + ["Accuracy"] * exclusive
        tips += [f"{find_title(metric)}, mean over the classes" for metric in metrics] + ["Pixel accuracy"] * exclusive
        rows = [self._build_row(page.names[place], place, one, metrics) for place, one in page.there]
        self.table.set_rows(heads, tips, rows)
        self.table.fit_columns(150)
        self.table.setColumnWidth(0, min(self.table.columnWidth(0), 240))
        around = self.table.horizontalHeader().sizeHint().height() + 20  # a scroll bar may stand below
        self.table.setMinimumHeight(min(len(rows), 4) * ROW_HEIGHT + around)
        self.table.setMaximumHeight(len(rows) * ROW_HEIGHT + around)

    @staticmethod
    def _build_row(name: str, place: int, one: Evaluated, metrics: list) -> tuple[Cell, ...]:  # type: ignore[type-arg]
        color = run_color(place, current_theme())
        evaluation = one.evaluation
        loss, speed = evaluation.measure_loss(), evaluation.images_per_second
        cells = [
            Cell(name, value=name.casefold(), tip=build_tip(one.path), swatch=color.getRgb()[:3], left=True),  # type: ignore[index]
            Cell(write_network(one), value=write_network(one), left=True),
            Cell(f"{evaluation.checkpoint.parameters:,}", value=evaluation.checkpoint.parameters),
            Cell(write_macs(one.macs), value=one.macs),
            Cell(write_seconds(one.training_seconds), value=one.training_seconds),
            Cell(write_speed(speed), value=speed),
            Cell(write_loss(loss), value=loss),
        ]
        for metric in metrics:
            found = one.measured[metric, MEAN]
            cells.append(Cell(write_ratio(found.pooled), write_ratio(found.per_image), found.pooled, write_pair(found)))
        if (accuracy := evaluation.measure_accuracy()) is not None:
            cells.append(Cell(write_ratio(accuracy.pooled), write_ratio(accuracy.per_image), accuracy.pooled))
        return tuple(cells)

    def _fill_choice(self, page: Page) -> None:
        for combo, place in ((self.first, page.look.pair[0]), (self.second, page.look.pair[1])):
            if [combo.itemText(i) for i in range(combo.count())] != list(page.names):
                combo.clear()
                combo.addItems(list(page.names))
            combo.setCurrentIndex(place if place < len(page.names) else -1)
        measured = page.there[0][1].measured if page.there else {}
        metrics = [metric for metric in (*MAIN, *OVERLAP) if (metric, MEAN) in measured]
        if [self.score.itemData(i) for i in range(self.score.count())] != metrics:
            self.score.clear()
            for metric in metrics:
                self.score.addItem(SHORT[metric], metric)
        self.score.setCurrentIndex(self.score.findData(page.look.metric))

    def _show_pair(self, page: Page, one: Evaluated, other: Evaluated) -> None:
        first, second = (page.names[place] for place in page.look.pair)
        found, metric = page.differences, page.look.metric
        drawn = (id(one), id(other), metric, id(found), first, second)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        title = find_title(metric)
        if found is None:
            self.verdict.setText("Drawing images again and again…")
            mark(self.verdict, "heading")
            self.intervals.set_bars((), "")
        elif found.mean is None:
            self.verdict.setText(f"Neither has a mean {title} on these images.")
            self.intervals.set_bars((), "")
        else:
            value = f"{found.mean.value:+.3f}".replace("-", "−")
            self.verdict.setText(f"{title} {value}: {second} is {write_verdict(found.mean)}" if found.mean.verdict in ("better", "worse")
                                 else f"{title} {value}: {write_verdict(found.mean)}")  # fmt: skip
            named = [("Mean", found.mean), *zip(one.evaluation.classes.names, found.classes, strict=True)]
            bars = [
                Bar(name, d.value, d.low, d.high, write_difference(d), d.verdict, place == 0)
                for place, (name, d) in enumerate(named)
                if d is not None
            ]
            self.intervals.set_bars(bars[:16], f"{second} less {first} in {title}")
        a, b = one.values[metric][:, -1], other.values[metric][:, -1]
        theme = current_theme()
        dots = Points(a, b, run_color(page.look.pair[1], theme), one.evaluation.indices)
        ends = np.array([0.0, 1.0])
        self.scatter.set_title("bottom", f"{SHORT[metric]} of {first}")
        self.scatter.set_title("left", f"{SHORT[metric]} of {second}")
        self.scatter.draw([dots], [Curve(ends, ends, theme.muted, 1, Qt.PenStyle.DashLine)])
        self.scatter.set_ranges((-0.02, 1.02), (-0.02, 1.02))
        better, worse = int((b > a).sum()), int((b < a).sum())
        self.scatter.setToolTip("")
        self.scatter.setAccessibleDescription(f"{second} is better on {better:,} images and worse on {worse:,}.")
        self.note.setText(
            f"Large: pixels pooled. Small: the mean of the images’ own numbers. {second} is better on {better:,} images, worse on {worse:,}."
        )

    def _describe_image(self, index: int) -> str:
        page = self._page
        pair = page.find_pair() if page is not None else None
        if page is None or pair is None:
            return ""
        row = int(np.flatnonzero(pair[0].evaluation.indices == index)[0])
        scores = [write_ratio(float(one.values[page.look.metric][row, -1])) for one in pair]
        return build_tip(f"{pair[0].evaluation.names[row]}: {scores[0]} and {scores[1]}. Click: open it.")

    def _open_point(self, index: int) -> None:
        """The image, and those that lie near it in the same sense: all by how much the second is worse than the first."""
        page = self._page
        pair = page.find_pair() if page is not None else None
        if page is None or pair is None:
            return
        a, b = (one.values[page.look.metric][:, -1] for one in pair)
        row = int(np.flatnonzero(pair[0].evaluation.indices == index)[0])
        worse = b[row] < a[row]
        with np.errstate(invalid="ignore"):
            same = np.flatnonzero((b < a) == worse)
        same = same[~np.isnan(b[same] - a[same])]
        order = same[np.argsort(np.abs(b - a)[same] * -1, kind="stable")]
        found = [index, *(i for i in pair[0].evaluation.indices[order].tolist() if i != index)]
        second = page.names[page.look.pair[1]]
        self.scope_wanted.emit(f"Images on which {second} is {'worse' if worse else 'not worse'}", found)

    def _choose_row(self, row: int) -> None:
        if self._page is not None:
            self.present_chosen.emit(self._page.there[row][0])
