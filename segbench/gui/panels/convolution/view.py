"""The convolution lab: examples on top, knobs on the left, and a page each for the operation, its matrix, its coverage, atrous
convolution and the open network."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QFont, QGuiApplication, QHideEvent, QShowEvent, QStandardItemModel, QUndoStack
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from segbench.convolution.lecture import PRESETS
from segbench.gui.actions import build_action
from segbench.gui.panels.convolution import drawing
from segbench.gui.panels.convolution.atrous_tab import AtrousTab
from segbench.gui.panels.convolution.coverage_tab import CoverageTab
from segbench.gui.panels.convolution.knobs import Knobs
from segbench.gui.panels.convolution.lab import Lab, Topic
from segbench.gui.panels.convolution.matrix_tab import MatrixTab
from segbench.gui.panels.convolution.network_tab import NetworkTab
from segbench.gui.panels.convolution.operation_tab import OperationTab
from segbench.gui.panels.convolution.presenter import ConvolutionPresenter
from segbench.gui.theme import GRID, Mark, current_theme, mark
from segbench.gui.undo import Change
from segbench.gui.widgets.class_marks import ElidedLabel, SegmentButton
from segbench.gui.widgets.parts import build_tool

if TYPE_CHECKING:
    from segbench.gui.panels.convolution.atrous_picture import AtrousPicture
    from segbench.gui.panels.convolution.coverage_picture import CoveragePicture
    from segbench.gui.panels.convolution.inspection import NetworkState
    from segbench.gui.panels.convolution.matrix_picture import MatrixPicture
    from segbench.gui.panels.convolution.operation_picture import OperationPicture
    from segbench.records import Proof

TOPICS: tuple[tuple[Topic, str, str], ...] = (
    ("operation", "Operation", "Input, kernel and output, and the sum behind every pixel"),
    ("matrix", "Matrix", "The same as y = C x, its transpose, and the proof that all ways agree"),
    ("coverage", "Coverage", "How many input values reach each output pixel: holes and checkerboards"),
    ("atrous", "Atrous", "Dilated kernels, ASPP and gridding"),
    ("network", "Network", "The layers of the open network, and the way into each of them"),
)
HAND_MADE = "Own numbers"
NEWS_MS = 6000
MATRIX_WIDTH = 880
WITH_KNOBS = ("operation", "matrix", "coverage")
OF_THE_OPERATION = (
    "play",
    "step_back",
    "step_forth",
    "kind",
    "code",
    "picture",
    "film",
)  # actions that go with the knobs
SUFFIXES = {"PNG picture (*.png)": "png", "SVG drawing (*.svg)": "svg"}


class ConvolutionView(QWidget):
    """Shows what its presenter says, and tells it what the user does."""

    def __init__(self, presenter: ConvolutionPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("convolution_view")
        self.setAccessibleName("Convolution lab")
        self._presenter = presenter
        self._undo = QUndoStack(self)
        self._actions: list[QAction] = []
        self.knobs = Knobs()
        self.operation, self.matrix, self.coverage = OperationTab(), MatrixTab(), CoverageTab()
        self.atrous, self.network = AtrousTab(), NetworkTab()
        self._build()
        self._connect()
        self._build_actions()

    # Building -----------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.stack = QStackedWidget()
        self.tabs = (self.operation, self.matrix, self.coverage, self.atrous, self.network)
        for tab in self.tabs:
            self.stack.addWidget(self._make_scroll(tab) if tab is self.matrix else tab)
        self.stack.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        body = QHBoxLayout()
        body.setSpacing(3 * GRID)
        body.addWidget(self.knobs)
        body.addWidget(self.stack, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        column.setSpacing(GRID)
        column.addLayout(self._build_head())
        column.addWidget(self._build_note())
        column.addLayout(body, 1)

    def _make_scroll(self, tab: QWidget) -> QScrollArea:
        """A small window scrolls over the matrix instead of squeezing it."""
        room = QScrollArea()
        room.setFrameShape(QScrollArea.Shape.NoFrame)
        room.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        room.setWidgetResizable(True)
        tab.setMinimumWidth(MATRIX_WIDTH)
        room.setWidget(tab)
        for part in (room.viewport(), tab):
            part.setAutoFillBackground(False)
        return room

    def _build_head(self) -> QHBoxLayout:
        self.topics = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(0)
        for number, (topic, text, tip) in enumerate(TOPICS):
            button = SegmentButton(text)
            button.setObjectName(f"topic_{topic}")
            button.setAccessibleName(text)
            button.setToolTip(f"{tip} (Alt+{number + 1})")
            self.topics.addButton(button, number)
            row.addWidget(button)
        row.addSpacing(3 * GRID)
        self.examples = QComboBox()
        self.examples.setObjectName("examples")
        self.examples.setAccessibleName("Examples")
        self.examples.setToolTip("The lecture's slides and Dumoulin and Visin's cases, one click each")
        self.examples.setMinimumWidth(330)
        self.examples.setMaxVisibleItems(48)
        self._fill_examples()
        row.addWidget(self.examples)
        row.addSpacing(4)
        self.before = build_tool("◀", "example_before", "Previous example (Ctrl+PgUp)")
        self.after = build_tool("▶", "example_after", "Next example (Ctrl+PgDown)")
        self.before.setAccessibleName("Previous example")
        self.after.setAccessibleName("Next example")
        row.addWidget(self.before)
        row.addWidget(self.after)
        row.addStretch(1)
        self.copy_code = build_tool(
            "Copy PyTorch code", "copy_code", "This operation as a program that runs as pasted (Ctrl+Shift+C)"
        )
        self.save_picture = build_tool("Save picture…", "save_lab_picture", "As PNG or SVG (Ctrl+Shift+S)")
        self.save_film = build_tool("Save film…", "save_film", "The sweep as an animated GIF (Ctrl+Shift+G)")
        for tool in (self.copy_code, self.save_picture, self.save_film):
            row.addSpacing(4)
            row.addWidget(tool)
        return row

    def _fill_examples(self) -> None:
        """Examples under the headings of their groups, which cannot be chosen."""
        self.examples.addItem(HAND_MADE, None)
        group = ""
        for number, preset in enumerate(PRESETS):
            if preset.group != group:
                group = preset.group
                self.examples.addItem(group, None)
                model = self.examples.model()
                assert isinstance(model, QStandardItemModel)
                heading = model.item(self.examples.count() - 1)
                heading.setEnabled(False)
                font = QFont(self.font())
                font.setBold(True)
                heading.setFont(font)
            self.examples.addItem(f"   {preset.name}", number)
            self.examples.setItemData(self.examples.count() - 1, preset.note, Qt.ItemDataRole.ToolTipRole)

    def _build_note(self) -> QWidget:
        """One line that is always there, so that the knobs never move under the mouse."""
        self.note = ElidedLabel("")
        self.note.setObjectName("lab_note")
        self.note.setFixedHeight(self.fontMetrics().height() + 2)
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._news = QTimer(self)
        self._news.setSingleShot(True)
        self._news.setInterval(NEWS_MS)
        self._news.timeout.connect(lambda: self._show_note(self._presenter.lab.note))
        return self.note

    def _show_note(self, text: str, role: Mark = "muted") -> None:
        self._news.stop()
        self.note.setText(text)
        self.note.setToolTip(text)
        mark(self.note, role)

    def _connect(self) -> None:
        ask, knobs = self._presenter, self.knobs
        self.topics.idClicked.connect(lambda number: ask.set_topic(TOPICS[number][0]))
        self.examples.activated.connect(self._choose_example)
        self.before.clicked.connect(lambda: ask.step_preset(-1))
        self.after.clicked.connect(lambda: ask.step_preset(1))
        self.copy_code.clicked.connect(self.copy_program)
        self.save_picture.clicked.connect(self.ask_for_picture)
        self.save_film.clicked.connect(self.ask_for_film)
        knobs.kind_chosen.connect(ask.set_kind)
        knobs.knob_turned.connect(lambda name, value: ask.set_knob(name, value, ("knob", name, knobs.gesture)))
        knobs.values_chosen.connect(ask.set_values)
        knobs.pair_chosen.connect(ask.set_pair)
        knobs.summed_chosen.connect(ask.set_summed)
        self.operation.pointed.connect(ask.point)
        self.operation.edited.connect(ask.edit)
        self.operation.step_wanted.connect(ask.step)
        self.matrix.pointed.connect(ask.point)
        self.matrix.changed.connect(ask.set_look)
        self.matrix.prove_requested.connect(ask.prove)
        self.coverage.pointed.connect(ask.point)
        self.coverage.repair_chosen.connect(ask.take_repair)
        self.atrous.changed.connect(ask.set_atrous)
        self.network.network_chosen.connect(ask.choose_network)
        self.network.size_chosen.connect(ask.set_network_size)
        self.network.layer_wanted.connect(ask.open_layer)

    def _build_actions(self) -> None:
        ask = self._presenter
        for number, (topic, text, tip) in enumerate(TOPICS):
            self._add(f"topic_{topic}", text, partial(ask.set_topic, topic), f"Alt+{number + 1}", tip)
        self._separate()
        self._add("example_before", "Previous example", lambda: ask.step_preset(-1), "Ctrl+PgUp")
        self._add("example_after", "Next example", lambda: ask.step_preset(1), "Ctrl+PgDown")
        self._add("play", "Play or pause the sweep", self._play, "P", "The kernel sweeps, pixel by pixel of the output")
        self._add("step_back", "Previous pixel", lambda: ask.step(-1), ",")
        self._add("step_forth", "Next pixel", lambda: ask.step(1), ".")
        self._add("kind", "Convolution or its transpose", self._turn_kind, "T")
        self._add("open_layer", "Open layer in lab", self._open_layer, "O", "The chosen layer of the Network page")
        self._add(
            "prove",
            "Prove it",
            self._prove,
            "Ctrl+Return",
            "Compute the numbers on screen in every way, torch's among them",
        )
        self._separate()
        self._add("code", "Copy PyTorch code", self.copy_program, "Ctrl+Shift+C", "A program that runs as pasted")
        self._add("picture", "Save picture…", self.ask_for_picture, "Ctrl+Shift+S", "The operation as PNG or SVG")
        self._add("film", "Save film…", self.ask_for_film, "Ctrl+Shift+G", "The sweep as an animated GIF")

    def _add(self, name: str, text: str, run: Callable[[], object], keys: str, tip: str = "") -> None:
        action = build_action(self, f"convolution_{name}", text, run, keys.split(), tip or text)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.addAction(action)
        self._actions.append(action)

    def _separate(self) -> None:
        line = QAction(self)
        line.setSeparator(True)
        self._actions.append(line)

    # What the window asks -----------------------------------------------------------------------------------------------

    def actions_list(self) -> list[QAction]:
        return list(self._actions)

    def set_undo_stack(self, stack: QUndoStack) -> None:
        """The window's undo stack in place of the page's own."""
        self._undo = stack

    # What the presenter shows -----------------------------------------------------------------------------------------------

    @contextmanager
    def keeping_focus(self) -> Iterator[None]:
        """Where the part that has the focus goes or is disabled, the page's main part gets it, not the next in the window."""
        before = QApplication.focusWidget()
        ours = before is not None and self.isAncestorOf(before)
        yield
        after = QApplication.focusWidget()
        if ours and (after is None or not self.isAncestorOf(after)):
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_lab(self, lab: Lab) -> None:
        place = [topic for topic, _text, _tip in TOPICS].index(lab.topic)
        self.topics.button(place).setChecked(True)
        self.stack.setCurrentIndex(place)
        self.setFocusProxy(self._find_first(lab.topic))
        self.knobs.setVisible(lab.topic in WITH_KNOBS)
        self.knobs.show_lab(lab)
        number = self._presenter.find_preset()
        self.examples.setCurrentIndex(0 if number is None else self.examples.findData(number))
        self.examples.setItemText(0, lab.name if lab.name and number is None else HAND_MADE)
        self._show_note(lab.note)
        self.note.setVisible(lab.topic in WITH_KNOBS)
        for part in (self.examples, self.before, self.after):
            part.setVisible(lab.topic != "network")
        for tool in (self.copy_code, self.save_picture, self.save_film):
            tool.setVisible(lab.topic in WITH_KNOBS)
        for action in self._actions:
            if action.objectName().removeprefix("convolution_") in OF_THE_OPERATION:
                action.setEnabled(lab.topic in WITH_KNOBS)

    def _find_first(self, topic: str) -> QWidget:
        return {"operation": self.operation.output, "network": self.network.table}.get(
            topic, self.topics.checkedButton() or self.examples
        )

    def show_operation(self, picture: OperationPicture) -> None:
        self.operation.show_picture(picture)

    def show_matrix(self, picture: MatrixPicture) -> None:
        self.matrix.show_picture(picture)

    def show_coverage(self, picture: CoveragePicture) -> None:
        self.coverage.show_picture(picture)

    def show_atrous(self, picture: AtrousPicture) -> None:
        self.atrous.show_picture(picture)

    def show_network(self, state: NetworkState) -> None:
        self.network.show_state(state)

    def show_proof(self, proof: Proof | None, busy: bool) -> None:
        with self.keeping_focus():
            self.matrix.show_proof(proof, busy)

    def show_news(self, text: str) -> None:
        self._show_note(text, "good")
        self._news.start()

    def remember(self, text: str, before: Lab, after: Lab, gesture: Hashable) -> None:
        self._undo.push(Change(text, self._presenter.use, before, after, gesture))

    # What the user does -----------------------------------------------------------------------------------------------------

    def _choose_example(self, place: int) -> None:
        number = self.examples.itemData(place)
        if number is None:
            self._presenter.keep_own()
        else:
            self._presenter.open_preset(number)

    def _play(self) -> None:
        if self.operation.isVisible() and self.operation.play.isEnabled():
            self.operation.play.toggle()

    def _turn_kind(self) -> None:
        self._presenter.set_kind(not self._presenter.lab.geometry.transposed)

    def _prove(self) -> None:
        self._presenter.set_topic("matrix")
        self._presenter.prove()

    def _open_layer(self) -> None:
        if self.network.isVisible():
            self.network.open_selected()

    def copy_program(self) -> None:
        program = self._presenter.write_code()
        QGuiApplication.clipboard().setText(program)
        self.show_news(
            f"Copied a program of {len(program.splitlines())} lines; it prints the output that is shown here."
        )

    def ask_for_picture(self) -> None:
        dialog = self._build_dialog("Save picture", "png", list(SUFFIXES))
        dialog.filterSelected.connect(lambda text: dialog.setDefaultSuffix(SUFFIXES[text]))
        dialog.fileSelected.connect(self._save_picture)
        dialog.open()

    def _save_picture(self, path: str) -> None:
        render = drawing.render_svg if path.lower().endswith(".svg") else drawing.render_png
        self._presenter.save_file(path, render(self._presenter.lab, current_theme(), QApplication.font()))

    def ask_for_film(self) -> None:
        drawing.count_frames(self._presenter.lab)  # too long: say so before asking for a name
        dialog = self._build_dialog("Save film", "gif", ["Animated GIF (*.gif)"])
        dialog.fileSelected.connect(self._save_film)
        dialog.open()

    def _save_film(self, path: str) -> None:
        lab, speed = self._presenter.lab, self.operation.speed.value()
        self._presenter.save_film(drawing.film(path, lab, speed, current_theme(), QApplication.font()))

    def _build_dialog(self, title: str, suffix: str, filters: list[str]) -> QFileDialog:
        name = "".join(c if c.isalnum() else "_" for c in self._presenter.lab.name.partition(":")[0]) or "convolution"
        dialog = QFileDialog(self, title, f"{name.lower()}.{suffix}")
        dialog.setObjectName(f"{suffix}_dialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(filters)
        dialog.setDefaultSuffix(suffix)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    # Qt ---------------------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._presenter.set_active(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._presenter.set_active(False)
