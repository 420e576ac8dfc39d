"""The dataset panel: filter and gallery on the left, the sample's pictures on the right, classes and statistics below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeyEvent, QKeySequence, QUndoStack
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSlider,
    QSpinBox,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.dataset.figure import Figure, Mode
from segbench.gui.panels.dataset.filter_bar import FilterBar
from segbench.gui.panels.dataset.filters import Filter
from segbench.gui.panels.dataset.presenter import DatasetPresenter, Lookups, Place, ScanState
from segbench.gui.panels.dataset.statistics import StatisticsView
from segbench.gui.panels.dataset.supply import Looked, Unreadable
from segbench.gui.panels.dataset.toolbar import Toolbar
from segbench.gui.theme import GRID
from segbench.gui.undo import Change
from segbench.gui.widgets.class_keys import ClassKeys
from segbench.gui.widgets.class_marks import OwnArrowsSlider
from segbench.gui.widgets.class_table import ClassTableWidget
from segbench.gui.widgets.empty_state import EmptyState
from segbench.gui.widgets.gallery import LARGEST, SMALLEST, Gallery
from segbench.gui.widgets.parts import build_label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.data.stats import DatasetStats
    from segbench.records import ClassTable, Color, DatasetInfo

MIXES = "Opacity of the masks over the image ([ and ])"
MIXES_NOT = (
    "No masks lie over the image now: open the eye on the left (V) or choose Overlaid, then this sets their opacity."
)


class DatasetView(QWidget):
    """Shows what its presenter says, and tells it what the user does. `set_undo_stack` gives the window's undo stack."""

    def __init__(self, presenter: DatasetPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dataset_view")
        self.setAccessibleName("Dataset")
        self._presenter = presenter
        self._info: DatasetInfo | None = None
        self._lookups: Lookups | None = None
        self._actions: list[QAction] = []
        self._undo = QUndoStack(self)
        self.filter_bar = FilterBar()
        self.gallery = Gallery()
        self.toolbar = Toolbar()
        self.figure = Figure()
        self.classes = ClassTableWidget(thresholds=False)
        self._opacity = (self.classes.findChild(QSlider, "opacity"), self.classes.findChild(QLabel, "opacity_text"))
        self.statistics = StatisticsView()
        self.empty = EmptyState("No dataset is open. Open a folder or a .gz file from the File menu, or drop one here.")
        self._build_actions()
        self._lay_out()
        self._connect()
        self.show_nothing()

    def set_undo_stack(self, stack: QUndoStack) -> None:
        """The window's undo stack in place of the page's own."""
        self._undo = stack

    # Building -----------------------------------------------------------------------------------------------------------

    def _build_actions(self) -> None:
        ask = self._presenter
        self._add("previous", "Previous sample", lambda: ask.step(-1), "A Left")
        self._add("next", "Next sample", lambda: ask.step(1), "D Right")
        self._add("first", "First sample", lambda: ask.go_to_end(False), "Home")
        self._add("last", "Last sample", lambda: ask.go_to_end(True), "End")
        self._add("go", "Go to sample", self.toolbar.ask_number, "G", "Go to the sample with a number")
        self._separate()
        self._add("find", "Search by name", self.filter_bar.search.setFocus, "Ctrl+F")
        self._separate()
        self.side_action = self._add(
            "mode_side",
            "Side by side",
            partial(self._set_mode, "side"),
            "Alt+1",
            "Image, mask and boxes beside each other",
        )
        self.overlay_action = self._add(
            "mode_overlay",
            "Overlaid",
            partial(self._set_mode, "overlay"),
            "Alt+2",
            "Mask and boxes over one large image",
        )
        self.boxes_action = self._toggle("boxes", "Boxes", "B", "Show or hide the boxes of the objects", True)
        self.grey_action = self._toggle(
            "grey", "Grey values", "M", "Show the mask in the lecture's grey values, as the file holds it", False
        )
        self.link_action = self._toggle("link", "Linked", "L", "Zoom and move all pictures together", True)
        for action in (self.side_action, self.overlay_action):
            action.setCheckable(True)
        self.side_action.setChecked(True)
        self._separate()
        self._add("fit", "Fit", lambda: self.figure.active().fit(), "F", "Show the whole image as large as it goes")
        self._add(
            "actual", "1:1", lambda: self.figure.active().actual_size(), "Ctrl+0", "One screen pixel an image pixel"
        )
        self._separate()
        self._add(
            "show_overlay",
            "Masks over the image",
            self.classes.toggle_overlay,
            "V",
            "Show or hide masks over the image",
        )
        self._add("contour", "Fill or contour", self.classes.toggle_style, "C")
        self._class_keys = ClassKeys(self, "dataset_class")
        self._class_keys.toggled.connect(self.classes.toggle)
        self._actions.append(self._class_keys.menuAction())
        self._mixing = (
            self._add("more", "More opaque", partial(self.classes.change_opacity, 0.1), "]"),
            self._add("less", "Less opaque", partial(self.classes.change_opacity, -0.1), "["),
        )
        self._separate()
        self.pin_action = self._toggle(
            "pin", "Pin for training", "P", "Show this sample's prediction while training", False
        )
        self._add(
            "predict", "Predict this sample", ask.predict, "Ctrl+Return", "See what a network finds in this sample"
        )
        self._add("copy", "Copy image", self._copy, "Ctrl+C", "Copy the picture, with what lies on it, at its own size")
        self._separate()
        self.scan_action = self._add(
            "scan", "Scan the dataset", ask.start_scan, "S", "Count pixels, objects, sizes and overlaps of all samples"
        )

    def _add(self, name: str, text: str, run: Callable[[], object] | None, keys: str = "", tip: str = "") -> QAction:
        action = QAction(text, self)
        action.setObjectName(f"dataset_{name}")
        action.setShortcuts([QKeySequence(key) for key in keys.split()])
        # Until the window that shows this page says otherwise: see reach_window
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setStatusTip(tip or text)
        if run is not None:
            action.triggered.connect(lambda _checked=False: run())
        self.addAction(action)
        self._actions.append(action)
        return action

    def _separate(self) -> None:
        """A line between two groups of the menu."""
        line = QAction(self)
        line.setSeparator(True)
        self._actions.append(line)

    def _toggle(self, name: str, text: str, keys: str, tip: str, checked: bool) -> QAction:
        action = self._add(name, text, None, keys, tip)
        action.setCheckable(True)
        action.setChecked(checked)
        return action

    def _lay_out(self) -> None:
        by_name = {action.objectName().removeprefix("dataset_"): action for action in self._actions}
        bar = self.toolbar
        bar.add_button(by_name["previous"], "◀")
        bar.add_button(by_name["next"], "▶")
        bar.add_place()
        bar.add_gap()
        for name in ("mode_side", "mode_overlay"):
            bar.add_button(by_name[name], by_name[name].text())
        bar.addSeparator()
        bar.add_button(self.boxes_action, "Boxes")
        bar.add_button(self.grey_action, "Grey")
        bar.add_button(self.link_action, "Linked")
        bar.add_button(by_name["fit"], "Fit")
        bar.add_button(by_name["actual"], "1:1")
        bar.addSeparator()
        bar.add_button(self.pin_action, "Pin")
        bar.add_button(by_name["predict"], "Predict")
        self.thumbnail_size = OwnArrowsSlider(Qt.Orientation.Horizontal)
        self.thumbnail_size.setObjectName("thumbnail_size")
        self.thumbnail_size.setAccessibleName("Size of the thumbnails")
        self.thumbnail_size.setToolTip("Size of the thumbnails")
        self.thumbnail_size.setRange(SMALLEST, LARGEST)
        self.thumbnail_size.setValue(self.gallery.side)
        self.thumbnail_size.setPageStep(32)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(GRID, GRID, 0, GRID)
        column.setSpacing(GRID)
        column.addWidget(self.filter_bar)
        column.addWidget(self.gallery, 1)
        foot = QHBoxLayout()
        foot.addWidget(build_label("Thumbnails", role="muted"))
        foot.addWidget(self.thumbnail_size, 1)
        column.addLayout(foot)
        self.tabs = QTabWidget()
        self.tabs.setObjectName("dataset_tabs")
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.classes, "Classes")
        self.tabs.addTab(self.statistics, "Statistics")
        upper = QWidget()
        pictures = QVBoxLayout(upper)
        pictures.setContentsMargins(0, GRID, GRID, 0)
        pictures.setSpacing(GRID)
        pictures.addWidget(self.toolbar)
        pictures.addWidget(self.figure, 1)
        self.below = QWidget()
        lower = QVBoxLayout(self.below)
        lower.setContentsMargins(0, 0, GRID, GRID)
        lower.addWidget(self.tabs)
        self.right = self._split("dataset_right", Qt.Orientation.Vertical, (upper, self.below), (400, 232))
        self.body = self._split("dataset_body", Qt.Orientation.Horizontal, (left, self.right), (372, 910))
        self._pages = QStackedWidget()
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.body)
        self.setFocusProxy(self.gallery)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)

    @staticmethod
    def _split(name: str, way: Qt.Orientation, parts: tuple[QWidget, ...], sizes: tuple[int, ...]) -> QSplitter:
        splitter = QSplitter(way)
        splitter.setObjectName(name)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(GRID)
        for part in parts:
            splitter.addWidget(part)
        splitter.setStretchFactor(0, 0 if way == Qt.Orientation.Horizontal else 1)
        splitter.setStretchFactor(1, 1 if way == Qt.Orientation.Horizontal else 0)
        splitter.setSizes(list(sizes))
        return splitter

    def _connect(self) -> None:
        ask, figure, table = self._presenter, self.figure, self.classes
        self.filter_bar.changed.connect(ask.set_filter)
        self.gallery.visible_changed.connect(lambda wanted: ask.want_thumbnails(wanted, self.gallery.wanted_side))
        self.gallery.current_changed.connect(ask.select)
        self.gallery.opened.connect(lambda _index: figure.active().setFocus(Qt.FocusReason.OtherFocusReason))
        self.thumbnail_size.valueChanged.connect(self.gallery.set_side)
        self.toolbar.index_entered.connect(self._go_to)
        self.boxes_action.toggled.connect(figure.set_boxes_shown)
        self.grey_action.toggled.connect(figure.set_grey)
        self.link_action.toggled.connect(figure.link.set_linked)
        self.pin_action.triggered.connect(lambda _checked: ask.toggle_pin())
        table.set_truth_known(False)
        table.visibility_changed.connect(figure.set_class_visible)
        table.opacity_changed.connect(figure.set_opacity)
        table.style_changed.connect(figure.set_style)
        table.overlay_toggled.connect(self._set_overlay)
        table.color_changed.connect(self._set_color)
        self.statistics.scan_requested.connect(ask.start_scan)
        self.statistics.stop_requested.connect(ask.stop_scan)
        self.statistics.class_requested.connect(lambda k: ask.set_filter(Filter(classes=frozenset((k,)))))

    # Qt -----------------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Shift alone shows the bare images wherever the focus is, except while typing."""
        alone = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)
        typing = isinstance(QApplication.focusWidget(), (QLineEdit, QSpinBox))
        if event.key() == Qt.Key.Key_Shift and alone and not typing:
            self.figure.set_raw(True)
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Shift:
            self.figure.set_raw(False)
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Whatever takes the window's place, as a dialog that a shortcut with Shift opens, hears of the key's release."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.figure.set_raw(False)

    # What the window asks -----------------------------------------------------------------------------------------------

    def actions_list(self) -> list[QAction]:
        """The panel's menu entries."""
        return list(self._actions)

    def save_layout(self) -> dict[str, str]:
        """Divider states, base64, and the size of the thumbnails."""
        kept = {s.objectName(): bytes(s.saveState().toBase64().data()).decode() for s in (self.body, self.right)}
        return {**kept, "thumbnail_size": str(self.gallery.side)}

    def restore_layout(self, kept: dict[str, str]) -> None:
        """Puts dividers back; what does not fit is left alone."""
        for splitter in (self.body, self.right):
            if state := kept.get(splitter.objectName()):
                splitter.restoreState(QByteArray.fromBase64(state.encode()))
        if (side := kept.get("thumbnail_size", "")).isdigit():
            self.thumbnail_size.setValue(int(side))

    # What the presenter shows -------------------------------------------------------------------------------------------

    def show_nothing(self) -> None:
        self._info = self._lookups = None
        self._pages.setCurrentWidget(self.empty)
        self.gallery.set_indices(())
        self.gallery.cache.clear()
        self.figure.set_classes(None, boxes=False)
        self._class_keys.set_classes(())
        for action in self._actions:
            action.setEnabled(False)

    def show_dataset(self, info: DatasetInfo, lookups: Lookups) -> None:
        self._info, self._lookups = info, lookups
        masks = info.classes is not None
        boxes = info.format == "purdue"
        self._pages.setCurrentWidget(self.body)
        for action in self._actions:
            action.setEnabled(True)
        for action in (self.side_action, self.overlay_action, self.grey_action, self.scan_action, self.boxes_action):
            action.setEnabled(masks)
        self.boxes_action.setVisible(boxes)
        self.grey_action.setVisible(boxes)
        self.filter_bar.set_dataset(info)
        colors = info.classes.colors if info.classes else ()
        self.gallery.set_indices(())
        self.gallery.set_source(self._name_cell, lookups.classes_of, colors, self._describe)
        self.gallery.set_empty_text("No sample passes the filter" if info.count else "This dataset is empty")
        self.figure.set_classes(info.classes, boxes)
        self.classes.set_classes(info.classes)
        self._class_keys.set_classes(info.classes.names if info.classes else ())
        self.classes.set_truth_known(False)
        self._show_overlay()
        self.tabs.setTabVisible(0, masks)
        self.below.setVisible(masks)
        focus = QApplication.focusWidget()
        if self.isVisible() and (focus is None or self.isAncestorOf(focus)):
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_colors(self, colors: tuple[Color, ...]) -> None:
        for k, color in enumerate(colors):
            self.classes.set_color(k, color)
        self.figure.set_colors(colors)
        self.gallery.set_colors(colors)
        self.filter_bar.set_colors(colors)
        self.statistics.set_colors(colors)

    def show_list(self, indices: Sequence[int], keep_place: bool) -> None:
        self.gallery.set_indices(indices, keep_place)
        self.filter_bar.set_count(len(indices), self._info.count if self._info else 0)

    def show_place(self, place: Place, pinned: bool) -> None:
        self.toolbar.set_place(place)
        self.gallery.set_current(place.index)
        self.pin_action.setChecked(pinned)
        self.pin_action.setIconText("Pinned" if pinned else "Pin")

    def show_sample(self, looked: Looked, classes: ClassTable | None) -> None:
        sample = looked.sample
        height, width = sample.size
        parts = [f"{width} × {height} pixels", sample.split]
        if sample.boxes:
            parts.append("1 object" if len(sample.boxes) == 1 else f"{len(sample.boxes)} objects")
        self.figure.set_note(", ".join(parts))
        self.figure.set_sample(sample)
        if classes is not None:
            self.classes.set_values([(None, n) for n in looked.pixels or [None] * len(classes)])

    def show_problem(self, problem: Unreadable) -> None:
        name = self._lookups.name_of(problem.index) if self._lookups else ""
        self.figure.set_problem(name, f"{problem.message} {problem.hint}".strip())

    def show_thumbnails(self, thumbnails: Sequence[tuple[int, NDArray[np.uint8]]]) -> None:
        for index, array in thumbnails:
            self.gallery.set_thumbnail(index, array)

    def show_scan(self, state: ScanState) -> None:
        self.filter_bar.set_scan(state)
        self.statistics.set_scan(state)
        self.scan_action.setEnabled(not state.running and state.done < state.total)
        self.gallery.viewport().update()  # dots of what was scanned

    def show_statistics(self, stats: DatasetStats | None, classes: ClassTable | None) -> None:
        self.statistics.set_stats(stats, classes)

    def show_filter(self, wanted: Filter) -> None:
        self.filter_bar.set_filter(wanted)

    def show_pins(self, indices: tuple[int, ...]) -> None:
        self.gallery.set_pinned(indices)

    # What the user does -------------------------------------------------------------------------------------------------

    def _set_mode(self, mode: Mode) -> None:
        self.figure.set_mode(mode)
        self.side_action.setChecked(mode == "side")
        self.overlay_action.setChecked(mode == "overlay")
        self.grey_action.setEnabled(mode == "side")
        self.link_action.setEnabled(mode == "side")
        self._show_overlay()

    def _set_overlay(self, shown: bool) -> None:
        self.figure.set_overlay(shown)
        self._show_overlay()

    def _show_overlay(self) -> None:
        """Only where masks lie over the image does their opacity matter."""
        over = self.figure.overlay
        self.classes.set_overlay(over)
        for part in self._opacity:
            part.setEnabled(over)
            part.setToolTip(MIXES if over else MIXES_NOT)
        for action in self._mixing:
            action.setEnabled(over)

    def _set_color(self, k: int, color: Color) -> None:
        if self._info is None or self._info.classes is None:
            return
        name, ask = self._info.classes.names[k], self._presenter
        self._undo.push(Change(f"Colour of {name}", partial(ask.set_color, name), ask.find_color(name), color))

    def _go_to(self, index: int) -> None:
        self._presenter.select(index)
        self.figure.active().setFocus(Qt.FocusReason.OtherFocusReason)

    def _copy(self) -> None:
        picture = self.figure.render_picture()
        if not picture.isNull():
            QGuiApplication.clipboard().setImage(picture)

    def _name_cell(self, index: int) -> str:
        """A sample's name; a search may find the same one in several splits, so then with its split."""
        if self._lookups is None or self._info is None:
            return ""
        name = self._lookups.name_of(index)
        searched = bool(self.filter_bar.search.text()) and len(self._info.splits) > 1
        return f"{name} ({self._lookups.split_of(index)})" if searched else name

    def _describe(self, index: int) -> str:
        """A sample in words, for tooltips and screen readers."""
        if self._lookups is None or self._info is None:
            return ""
        parts = [self._lookups.name_of(index), self._lookups.split_of(index), f"number {index + 1:,}"]
        names = self._info.classes.names if self._info.classes else ()
        present = [names[k] for k in self._lookups.classes_of(index)]
        if index in self.gallery.pinned:
            parts.append("pinned")
        return ", ".join(parts) + (f": {', '.join(present)}" if present else "")
