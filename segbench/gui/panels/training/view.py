"""The training page: the form at the left; the run, its curves and the pinned samples at the right. Shows, decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtGui import QAction, QUndoStack
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QMessageBox,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from segbench.config import Preset
from segbench.events import LoggedEvent
from segbench.gui.actions import build_action
from segbench.gui.panels.training.header import TrainingHeader
from segbench.gui.panels.training.presenter import TrainingPresenter
from segbench.gui.panels.training.previews import PinPicture
from segbench.gui.panels.training.state import TrainingState
from segbench.gui.panels.training.undo import FormEdit
from segbench.gui.widgets.config_form import ConfigForm
from segbench.gui.widgets.curves import CurvePlot
from segbench.gui.widgets.empty_state import EmptyState
from segbench.gui.widgets.parts import build_label, build_push, dress_dialog
from segbench.gui.widgets.sample_strip import SampleStrip, StripCard
from segbench.records import Color

FORM_WIDTH = 368
SMOOTHING_SAVED_MS = 600


class TrainingView(QWidget):
    """See TrainingPresenter for what its signals lead to."""

    def __init__(self, presenter: TrainingPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training_view")
        self.setAccessibleName("Training")
        self._presenter = presenter
        self._state = TrainingState()
        self._undo = QUndoStack(self)
        self.form = ConfigForm()
        self.header = TrainingHeader()
        self.curves = CurvePlot()
        self.strip = SampleStrip()
        self._build()
        self._build_actions()
        self._connect()

    # What the presenter shows (TrainingView protocol) ---------------------------------------------------------------------

    def show_presets(self, presets: Sequence[Preset], chosen: str) -> None:
        self.form.set_presets(presets, chosen)

    def choose_preset(self, name: str) -> None:
        self.form.choose_preset(name)

    def suggest_preset(self, name: str) -> None:
        self.form.suggest_preset(name)

    def show_settings(self, raw: dict[str, Any]) -> None:
        self.form.set_values(raw)

    def show_misfit(self, path: str, sentence: str) -> None:
        self.form.show_problem(path, sentence)

    def show_state(self, state: TrainingState) -> None:
        self._state = state
        self.header.show_state(state)
        active = state.can_stop or state.phase in ("stopping", "cancelling")
        self.start_button.setVisible(not active)
        self._allow_start()
        for button in (self.pause_button, self.stop_button, self.cancel_button):
            button.setVisible(active)
        self.pause_button.setEnabled(state.can_pause)
        self.pause_button.setText("Resume" if state.phase == "paused" else "Pause")
        self.stop_button.setEnabled(state.can_stop)
        self.stop_button.setText("Stopping…" if state.phase == "stopping" else "Stop")
        self.cancel_button.setEnabled(state.can_cancel)
        self.cancel_button.setText("Discarding…" if state.phase == "cancelling" else "Cancel…")
        self._pause.setEnabled(state.can_pause)
        self._pause.setText("&Resume training" if state.phase == "paused" else "&Pause training")
        self._stop.setEnabled(state.can_stop)
        self._cancel.setEnabled(state.can_cancel)
        self._continue.setEnabled(state.can_continue)
        self._predict.setEnabled(state.can_predict)
        self._use.setEnabled(state.can_use_settings)
        self._show_middle()

    def show_problem(self, sentence: str) -> None:
        self.header.show_problem(sentence)

    def set_smoothing(self, smoothing: float) -> None:
        self.curves.set_smoothing(smoothing)

    def set_class_colors(self, colors: dict[str, Color]) -> None:
        self.curves.set_class_colors(colors)
        self.header.set_class_colors(colors)

    def set_lecture(self, shown: bool, reference: tuple[float, ...]) -> None:
        self.curves.set_lecture(shown, reference)

    def add_facts(self, key: str, facts: Sequence[LoggedEvent], name: str) -> None:
        self.curves.add(key, facts, name)

    def forget_run(self, key: str) -> None:
        self.curves.clear_run(key)

    def show_runs(self, keys: Sequence[str]) -> None:
        self.curves.show_runs(keys)
        self._csv.setEnabled(bool(keys))
        self._show_middle()

    def show_comparison(self, sentence: str) -> None:
        self.curves.show_comparison(sentence)

    def show_pins(self, pins: Sequence[PinPicture], foreign: str) -> None:
        self.strip.set_cards([_describe_pin(pin, foreign) for pin in pins])
        self._pins_box.setVisible(bool(pins))
        # Images without truth are trained on by nobody
        waits = all(pin.step is None for pin in pins) and any(pin.truth is not None for pin in pins)
        note = "  Predictions appear here while a run trains." if waits else ""
        self._pins_title.setText(f"Pinned samples{f' of {foreign}' if foreign else ''}{note}")

    def ask_epochs(self, path: str, name: str, done: int, planned: int) -> None:
        """Asks for how many epochs in all a run shall have."""
        dialog = QInputDialog(self)
        dialog.setObjectName("continue_dialog")
        dialog.setWindowTitle("Continue a run")
        dialog.setInputMode(QInputDialog.InputMode.IntInput)
        dialog.setLabelText(f"{name} has done {done:,} of {planned:,} epochs.\nTrain until epoch")
        dialog.setIntRange(max(done + 1, 1), 100_000)
        dialog.setIntValue(planned if planned > done else 2 * planned)
        dialog.setOkButtonText("Continue")
        dress_dialog(dialog)
        dialog.intValueSelected.connect(lambda epochs: self._presenter.continue_run(path, epochs))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # What the window asks for ----------------------------------------------------------------------------------------------

    def actions_list(self) -> list[QAction]:
        return [
            self._start, self._pause, self._stop, self._cancel, self._continue, self._predict, self._use, self._csv,
            self._follow,
            self._layers,
        ]  # fmt: skip

    def set_undo_stack(self, stack: QUndoStack) -> None:
        """The window's undo stack in place of the page's own."""
        self._undo = stack

    @property
    def state(self) -> TrainingState:
        """What is shown now."""
        return self._state

    def save_layout(self) -> dict[str, str]:
        return {name: bytes(s.saveState().toBase64().data()).decode() for name, s in self._splitters().items()}

    def restore_layout(self, states: dict[str, str]) -> None:
        for name, splitter in self._splitters().items():
            if states.get(name):
                splitter.restoreState(QByteArray.fromBase64(states[name].encode()))

    def _splitters(self) -> dict[str, QSplitter]:
        return {
            "training": self._across,
            "training_down": self._down,
            "training_curves": self.curves.splitter,
            "training_side": self.curves.side,
        }

    # Inside ----------------------------------------------------------------------------------------------------------------

    def _start_run(self) -> None:
        if self.form.problem:
            self.show_problem(self.form.problem)
        else:
            self._presenter.start(self.form.values())

    def _ask_cancel(self) -> None:
        box = QMessageBox(self)
        box.setObjectName("cancel_dialog")
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Discard the run")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"Discard {self._state.name or 'this run'}?")
        box.setInformativeText(
            f"Training ends, and its folder with {self._state.step:,} steps, its curves and its checkpoints is deleted. "
            "Stop would keep them."
        )
        discard = box.addButton("Discard", QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        discard.clicked.connect(self._presenter.cancel)
        box.finished.connect(box.deleteLater)
        box.open()

    def _ask_csv(self) -> None:
        dialog = QFileDialog(self, "Save curves as CSV")
        dialog.setObjectName("csv_dialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("CSV files (*.csv)")
        dialog.setDefaultSuffix("csv")
        dialog.selectFile(f"{self._state.name or 'curves'}.csv")
        dialog.fileSelected.connect(self._presenter.save_curves)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _take_edit(self) -> None:
        self._presenter.check_settings(self.form.values())
        self._allow_start()

    def _allow_start(self) -> None:
        """Start is grey while something is against it, and says what."""
        against = self._state.refusal or self.form.problem
        self.start_button.setEnabled(not against)
        self._start.setEnabled(not against)
        self.start_button.setToolTip(against or "Start a new run with these settings (Ctrl+T)")

    def _show_middle(self) -> None:
        """Curves as soon as there is a run; until then one sentence and one button."""
        state = self._state
        if self.curves.shown:
            self._middle.setCurrentWidget(self.curves)
            return
        if state.phase in ("preparing", "stopping", "cancelling"):
            self.empty.say("The run is being prepared: images are looked through, the network is built.")
            self.empty.button.hide()
        elif state.can_start:
            self.empty.say("Curves appear here from the first step on. The settings at the left are a good start.")
            self.empty.button.setText("Start training")
            self.empty.button.show()
        else:
            self.empty.say(state.sentence or "Open a run, or train one, and its curves appear here.")
            self.empty.button.setText("Go to Dataset")
            self.empty.button.show()
        self._middle.setCurrentWidget(self.empty)

    def _press_empty(self) -> None:
        if self._state.can_start:
            self._start_run()
        else:
            self._presenter.open_dataset_page()

    def _build(self) -> None:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(8, 8, 0, 8)
        column.setSpacing(8)
        scroll = QScrollArea()
        scroll.setObjectName("form_scroll")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        column.addWidget(scroll, 1)
        column.addLayout(self._build_buttons())
        # The form is never cut off at its right, however large the font
        scroll.setMinimumWidth(self.form.minimumSizeHint().width() + scroll.verticalScrollBar().sizeHint().width())
        right = QWidget()
        stack = QVBoxLayout(right)
        stack.setContentsMargins(0, 8, 8, 8)
        stack.setSpacing(8)
        stack.addWidget(self.header)
        self.empty = EmptyState("", "Start training")
        self.empty.requested.connect(self._press_empty)
        self._middle = QStackedWidget()
        self._middle.addWidget(self.empty)
        self._middle.addWidget(self.curves)
        self._pins_box = QWidget()
        pins = QVBoxLayout(self._pins_box)
        pins.setContentsMargins(0, 0, 0, 0)
        pins.setSpacing(4)
        self._pins_title = build_label("Pinned samples", "pins_title", "muted")
        pins.addWidget(self._pins_title)
        pins.addWidget(self.strip, 1)
        self._pins_box.hide()
        self._down = QSplitter(Qt.Orientation.Vertical)
        self._down.setObjectName("training_down")
        self._down.addWidget(self._middle)
        self._down.addWidget(self._pins_box)
        self._down.setStretchFactor(0, 1)
        self._down.setSizes([400, 160])
        self._down.setChildrenCollapsible(False)
        stack.addWidget(self._down, 1)
        self._across = QSplitter(Qt.Orientation.Horizontal)
        self._across.setObjectName("training_across")
        self._across.addWidget(left)
        self._across.addWidget(right)
        self._across.setStretchFactor(1, 1)
        self._across.setSizes([FORM_WIDTH, 900])
        self._across.setChildrenCollapsible(False)
        self.setFocusProxy(self.form)  # whose arrows scroll it; Tab leads to its first setting
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._across)

    def _build_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.start_button = build_push("Start", "start", "Start a new run with these settings (Ctrl+T)", "primary")
        self.pause_button = build_push("Pause", "pause", "Pause after the present step; nothing is lost (Ctrl+Shift+T)")
        self.stop_button = build_push("Stop", "stop", "End after the present step and keep the model (Ctrl+.)")
        self.cancel_button = build_push("Cancel…", "cancel", "End and delete it; asks first (Ctrl+Shift+X)", "danger")
        for button in (self.start_button, self.pause_button, self.stop_button, self.cancel_button):
            row.addWidget(button, 1)
        return row

    def _build_actions(self) -> None:
        self._start = build_action(
            self, "training_start", "&Start training", self._start_run, "Ctrl+T", "Start a new run with these settings"
        )
        self._pause = build_action(
            self, "training_pause", "&Pause training", self._presenter.pause, "Ctrl+Shift+T", "Pause after this step"
        )
        self._stop = build_action(
            self,
            "training_stop",
            "S&top training",
            self._presenter.stop,
            "Ctrl+.",
            "End after this step, keep the model",
        )
        self._cancel = build_action(
            self, "training_cancel", "&Cancel and discard…", self._ask_cancel, "Ctrl+Shift+X", "End and delete the run"
        )
        self._continue = build_action(
            self,
            "training_continue",
            "Co&ntinue run…",
            self._presenter.request_continue,
            "Ctrl+R",
            "Train it for more epochs",
        )
        self._predict = build_action(
            self,
            "training_predict",
            "P&redict with this run",
            self._presenter.predict,
            "Ctrl+P",
            "Open its best checkpoint",
        )
        self._use = build_action(
            self,
            "training_settings",
            "&Use this run's settings",
            self._presenter.use_settings,
            "Ctrl+Shift+E",
            "Fill the form with the settings that the shown run was trained with",
        )
        self._csv = build_action(
            self, "training_csv", "Save cur&ves as CSV…", self._ask_csv, "Ctrl+Shift+V", "Every value of the curves"
        )
        self._follow = build_action(
            self, "training_follow", "&Follow the newest step", self.curves.follow, "Ctrl+Shift+F", "Show the whole run"
        )
        self._csv.setEnabled(False)
        self._layers = build_action(
            self,
            "training_layers",
            "&Layers of this network",
            lambda: self._presenter.show_layers(self.form.values()),
            "Ctrl+L",
            "Sizes, parameters, coverage of every layer of the network that the form describes",
        )

    def _connect(self) -> None:
        presenter = self._presenter
        self.start_button.clicked.connect(self._start_run)
        self.pause_button.clicked.connect(presenter.pause)
        self.stop_button.clicked.connect(presenter.stop)
        self.cancel_button.clicked.connect(self._ask_cancel)
        self.form.changed.connect(self._take_edit)
        self.form.edited.connect(lambda *edit: self._undo.push(FormEdit(self.form, *edit)))
        self.header.continue_requested.connect(presenter.request_continue)
        self.header.predict_requested.connect(presenter.predict)
        self.header.settings_requested.connect(presenter.use_settings)
        self.header.show_active_requested.connect(presenter.show_active)
        self.header.smaller_batch_requested.connect(presenter.use_batch)
        self.curves.csv_requested.connect(self._ask_csv)
        self.curves.stop_comparing_requested.connect(presenter.stop_comparing)
        self.strip.chosen.connect(presenter.select_sample)
        self._smoothing_timer = QTimer(self)
        self._smoothing_timer.setSingleShot(True)
        self._smoothing_timer.setInterval(SMOOTHING_SAVED_MS)
        self._smoothing_timer.timeout.connect(lambda: presenter.set_smoothing(self.curves.smoothing))
        self.curves.smoothing_changed.connect(lambda _value: self._smoothing_timer.start())


def _describe_pin(pin: PinPicture, foreign: str) -> StripCard:
    """A pinned sample in words."""
    caption = "" if pin.predicted is None else "IoU –" if pin.iou is None else f"IoU {pin.iou:.2f}"
    note = "" if pin.step is None else f"step {pin.step:,}"
    lines = [f"{Path(pin.name).name} (sample {pin.index})"]
    if pin.iou is not None:
        lines.append(f"Mean IoU {pin.iou:.3f} over the classes in truth or prediction of this image:")
        lines += [f"  {name}: {iou:.3f}" for name, iou in pin.class_ious]
    lines.append(f"Of {foreign}, which is not open." if foreign else "Click to show it on the dataset page.")
    return StripCard(pin.index, pin.name, (pin.image, pin.truth, pin.predicted), caption, note, "\n".join(lines))
