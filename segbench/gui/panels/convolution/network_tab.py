"""The lab's network page: which network, at which image size, its layers, and the way from a layer to its numbers."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.convolution.inspection import MOST_SIDE, NetworkState
from segbench.gui.panels.convolution.layer_table import NAME_ROLE, LayerFilter, LayerTable, write_count
from segbench.gui.theme import GRID, mark, theme_signals
from segbench.gui.widgets.empty_state import EmptyState
from segbench.gui.widgets.number_box import NumberBox
from segbench.gui.widgets.parts import build_check, build_label, build_push, build_tip
from segbench.records import NetworkSummary


class NetworkTab(QWidget):
    """network_chosen carries the place in the choices; size_chosen height and width; layer_wanted a layer's name."""

    network_chosen = Signal(int)
    size_chosen = Signal(int, int)
    layer_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("network_tab")
        self._summary: NetworkSummary | None = None
        self.model = LayerTable()
        self.filter = LayerFilter(self.model)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(self._build_choice())
        self.totals = build_label("", "network_totals", wrap=True)
        self.flags = build_label("", "network_flags", "warning", wrap=True)
        column.addWidget(self.totals)
        column.addWidget(self.flags)
        column.addLayout(self._build_filter())
        self._pages = QStackedWidget()
        self.table = self._build_table()
        self.empty = EmptyState("Listing the layers…")
        self._pages.addWidget(self.table)
        self._pages.addWidget(self.empty)
        column.addWidget(self._pages, 1)
        theme_signals().changed.connect(self.table.viewport().update)

    def _build_choice(self) -> QHBoxLayout:
        self.network = QComboBox()
        self.network.setObjectName("network_choice")
        self.network.setAccessibleName("Network")
        self.network.setToolTip("The open checkpoint, or a fresh network with the settings of a preset")
        self.network.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.network.activated.connect(self.network_chosen)
        self.image_height, self.image_width = NumberBox(), NumberBox()
        for box, name, text in (
            (self.image_height, "network_height", "Image height"),
            (self.image_width, "network_width", "Image width"),
        ):
            box.setObjectName(name)
            box.setAccessibleName(text)
            box.setToolTip(f"{text} in pixels, for which sizes and MACs are told")
            box.setRange(8, MOST_SIDE)
            box.setKeyboardTracking(False)
            box.valueChanged.connect(
                lambda _value: self.size_chosen.emit(self.image_height.value(), self.image_width.value())
            )
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(build_label("Network"))
        row.addWidget(self.network)
        row.addSpacing(2 * GRID)
        row.addWidget(build_label("for images of"))
        row.addWidget(self.image_height)
        row.addWidget(build_label("×"))
        row.addWidget(self.image_width)
        row.addStretch(1)
        return row

    def _build_filter(self) -> QHBoxLayout:
        self.search = QLineEdit()
        self.search.setObjectName("layer_filter")
        self.search.setAccessibleName("Filter layers")
        self.search.setPlaceholderText("Filter layers: holes, conv_out, d2 …")
        self.search.setClearButtonEnabled(True)
        self.search.setFixedWidth(300)
        self.search.textChanged.connect(self._filter)
        self.only: QCheckBox = build_check("Convolutions only", "convolutions_only", "Hide norms, pools and the like")
        self.only.setChecked(True)
        self.only.toggled.connect(self._filter)
        self.open = build_push(
            "Open in lab", "open_in_lab", "Its trained kernel, and what really enters it (O, or Enter)", "primary"
        )
        self.open.clicked.connect(self.open_selected)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.search)
        row.addWidget(self.only)
        row.addStretch(1)
        row.addWidget(self.open)
        return row

    def _build_table(self) -> QTableView:
        table = QTableView()
        table.setObjectName("layer_table")
        table.setAccessibleName("Layers")
        table.setModel(self.filter)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(26)
        table.setTabKeyNavigation(False)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        for section, width in enumerate((205, 165, 180, 80, 100, 100, 80, 125)):
            table.setColumnWidth(section, width)
        table.activated.connect(lambda _index: self.open_selected())
        table.selectionModel().selectionChanged.connect(lambda _new, _old: self._offer())
        return table

    def _filter(self) -> None:
        self.filter.set_text(self.search.text())
        self.filter.set_convolutions_only(self.only.isChecked())
        self._choose_page(busy=False)

    def _choose_page(self, busy: bool) -> None:
        """The table, or why there is none."""
        if self._summary is None:
            self.empty.say("Listing the layers…" if busy else "The layers of this network could not be listed.")
        else:
            hidden = " Layers that are no convolutions are hidden." if self.only.isChecked() else ""
            self.empty.say(f"No layer holds “{self.search.text()}”.{hidden}")
        there = self._summary is not None and self.filter.rowCount() > 0
        self._pages.setCurrentWidget(self.table if there else self.empty)

    def show_state(self, state: NetworkState) -> None:
        titles = [choice.title for choice in state.choices]
        if titles != [self.network.itemText(i) for i in range(self.network.count())]:
            self.network.clear()
            for choice in state.choices:
                self.network.addItem(choice.title)
                self.network.setItemData(self.network.count() - 1, build_tip(choice.path), Qt.ItemDataRole.ToolTipRole)
        self.network.setCurrentIndex(state.place)
        for box, value in zip((self.image_height, self.image_width), state.size, strict=True):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        if state.summary is not self._summary:
            self._summary = state.summary
            self._show_summary(state.summary)
        self._choose_page(state.busy)
        self._offer()

    def _show_summary(self, summary: NetworkSummary | None) -> None:
        self.model.set_layers(summary.layers if summary else ())
        if summary is None:
            self.totals.clear()
            self.flags.clear()
            return
        field = summary.receptive_field
        self.totals.setText(
            f"{summary.parameters:,} parameters, {write_count(summary.macs)} multiply-accumulates an image, receptive field "
            + (f"{field[0]} × {field[1]} pixels." if field else "the whole image.")
        )
        flags = []
        if holes := summary.with_holes:
            names = ", ".join(layer.name for layer in holes)
            flags.append(f"Holes in {len(holes)} {'layer' if len(holes) == 1 else 'layers'}: {names}.")
        if summary.unreached_parameters:
            idle = sum(1 for layer in summary.layers if layer.unreached_parameters)
            flags.append(
                f"{summary.unreached_parameters:,} parameters in {idle} layers never receive a gradient: they keep the numbers they began with."
            )
        self.flags.setText(" ".join(flags) or "No holes, and every parameter receives a gradient.")
        mark(self.flags, "warning" if flags else "good")
        if self.filter.rowCount():
            self.table.selectRow(self._find_first_hole())

    def _find_first_hole(self) -> int:
        """The row of the last layer with holes, as that is what reaches the output; else the first row."""
        flagged = [row for row in range(self.filter.rowCount()) if self._layer(row).coverage == "holes"]
        return flagged[-1] if flagged else 0

    def _layer(self, row: int):  # type: ignore[no-untyped-def]
        return self.model.layers[self.filter.mapToSource(self.filter.index(row, 0)).row()]

    def _selected(self) -> int:
        rows = self.table.selectionModel().selectedRows()
        return rows[0].row() if rows else -1

    def _offer(self) -> None:
        row = self._selected()
        layer = self._layer(row) if row >= 0 else None
        ready = layer is not None and layer.coverage is not None
        self.open.setEnabled(ready)
        self.open.setToolTip(
            "Its trained kernel, and what really enters it for the sample on screen (O, or Enter)"
            if ready
            else "Choose a convolution that runs"
        )

    def open_selected(self) -> None:
        """The chosen layer in the lab, if it can be."""
        if self.open.isEnabled() and (row := self._selected()) >= 0:
            self.layer_wanted.emit(self.filter.index(row, 0).data(NAME_ROLE))
