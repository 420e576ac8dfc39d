"""The prediction panel: checkpoint, samples, pictures, classes and scores on one page. Shows what the presenter says, and asks it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, Qt, QUrl
from PySide6.QtGui import (
    QAction,
    QDragEnterEvent,
    QDropEvent,
    QHideEvent,
    QShowEvent,
    QUndoStack,
)
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QSlider,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.prediction.bars import MODES, CheckpointBar, SampleBar
from segbench.gui.panels.prediction.choices import Choice
from segbench.gui.panels.prediction.image_list import ImageList
from segbench.gui.panels.prediction.scored import ScoredSplit
from segbench.gui.panels.prediction.stage import Stage
from segbench.gui.panels.prediction.thresholds import Thresholds
from segbench.gui.panels.prediction.view_actions import ViewActions
from segbench.gui.panels.prediction.words import describe_checkpoint, describe_choice, describe_mismatch
from segbench.gui.theme import mark
from segbench.gui.undo import Change
from segbench.gui.widgets.class_table import ClassTableWidget
from segbench.gui.widgets.empty_state import EmptyState
from segbench.gui.widgets.parts import build_tip
from segbench.gui.widgets.png import encode_png
from segbench.records import CheckpointInfo, ClassTable, Color, Sample

if TYPE_CHECKING:
    from segbench.gui.panels.prediction.presenter import PredictionPresenter
    from segbench.gui.panels.prediction.reading import LiveReading

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm")
PRESETS = (
    ("default", "Checkpoint’s own thresholds", "As the network was trained to be read"),
    ("half", "Half", "Half the class's value, or probability 0.5"),
    ("lecture", "The lecture’s windows", "25–85, 65–135, 115–185, 165–230, over 210: an output above its window is background"),
)  # fmt: skip
MIXES = "Opacity of the overlay ([ and ])"
MIXES_NOT = "Masks stand in their pure colours here. Overlay (Alt+2) lays them on the image, and this sets how much of it they let through."
CHOOSE_CHECKPOINT = "Choose a checkpoint above to see what its network predicts, or train a network first."
NO_CHECKPOINT = "Train a network first, or browse for a checkpoint file, to see what it predicts."
LIST_CLOSED = 56  # pixels: button and summary alone
SPLIT_WORDS = {"files": "Dropped images", "all": "All", "train": "Train", "val": "Validation", "test": "Test"}


class PredictionView(QWidget):
    """The page's widgets. `presenter` decides; `set_undo_stack` gives the window's undo stack in place of the panel's own."""

    def __init__(self, presenter: PredictionPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("prediction_panel")
        self.setAccessibleName("Prediction")
        self.setAcceptDrops(True)
        self._presenter = presenter
        self._undo = QUndoStack(self)
        self._place = self._count = 0
        self._classes: ClassTable | None = None
        self._colors: tuple[Color, ...] = ()
        self._name = ""
        self._stage_name = ""
        self._build_body()
        self._actions = ViewActions(self, presenter)
        self._connect()
        self.table.set_opacity(presenter.opacity)
        self.stage.set_opacity(presenter.opacity)
        self._offer_opacity()

    def set_undo_stack(self, stack: QUndoStack) -> None:
        self._undo = stack

    # Build ------------------------------------------------------------------------------------------------------------------

    def _build_body(self) -> None:
        # Outermost first, each with its parent: a tree that is put together from its leaves is dressed again at every level
        self.bar = CheckpointBar(self)
        self.checkpoint, self.statistics = self.bar.checkpoint, self.bar.statistics
        self.warning = QLabel(self, wordWrap=True, objectName="class_warning", textFormat=Qt.TextFormat.PlainText)
        mark(self.warning, "warning")
        self.warning.hide()
        self.pages = QStackedWidget(self)
        self.empty_dataset = EmptyState(
            "Open a dataset, or drop images here, to see what a trained network makes of them.",
            "Go to dataset",
            self.pages,
        )
        self.empty_checkpoint = EmptyState(NO_CHECKPOINT, "Go to training", self.pages)
        self.body = QSplitter(Qt.Orientation.Horizontal, self.pages, objectName="prediction_body")
        for page in (self.empty_dataset, self.empty_checkpoint, self.body):
            self.pages.addWidget(page)
        self._build_pictures()
        self._build_side()
        self.body.setChildrenCollapsible(False)
        self.body.setStretchFactor(0, 1)
        self.body.setSizes([860, 368])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 8, 16, 8)
        layout.setSpacing(8)
        layout.addWidget(self.bar)
        layout.addWidget(self.warning)
        layout.addWidget(self.pages, 1)

    def _build_pictures(self) -> None:
        pictures = QWidget(self.body)
        self.samples = SampleBar(pictures)
        self.split, self.number = self.samples.split, self.samples.number
        self.stage = Stage(pictures)
        column = QVBoxLayout(pictures)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.samples)
        column.addWidget(self.stage, 1)

    def _build_side(self) -> None:
        self.side = QSplitter(Qt.Orientation.Vertical, self.body, objectName="prediction_side")
        above = QWidget(self.side)
        self.presets = QComboBox(above, objectName="presets")
        self.presets.setAccessibleName("Thresholds")
        self.presets.setToolTip("How scores become masks. Nothing is predicted again.")
        self.mean = QLabel("", above, objectName="mean_iou")
        self.mean.setToolTip("Mean IoU of this image over the classes that are in it or were predicted")
        self.table = ClassTableWidget(above)
        self._opacity = (self.table.findChild(QSlider, "opacity"), self.table.findChild(QLabel, "opacity_text"))
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.presets, 1)
        line.addWidget(self.mean)
        column = QVBoxLayout(above)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(line)
        column.addWidget(self.table, 1)
        self.images = ImageList(self.side)
        self.images.setMaximumHeight(LIST_CLOSED)
        self.side.setChildrenCollapsible(False)
        self.side.setStretchFactor(0, 1)

    def _connect(self) -> None:
        ask = self._presenter
        self.checkpoint.activated.connect(ask.choose)
        self.bar.browse.clicked.connect(self.browse)
        self.statistics.toggled.connect(ask.set_batch_statistics)
        self.bar.export.clicked.connect(self.export_masks)
        self.samples.modes.idClicked.connect(lambda number: self.choose_mode(MODES[number][0]))
        self.bar.save_picture.clicked.connect(self.save_picture)
        self.samples.linked.toggled.connect(self.stage.set_linked)
        self.split.activated.connect(lambda i: ask.choose_split(self.split.itemData(i)))
        self.samples.back.clicked.connect(lambda: ask.step(-1))
        self.samples.forth.clicked.connect(lambda: ask.step(1))
        self.number.editingFinished.connect(self._go_to_number)
        self.empty_dataset.requested.connect(lambda: ask.show_page("dataset"))
        self.empty_checkpoint.requested.connect(lambda: ask.show_page("training"))
        self.presets.activated.connect(self._choose_preset)
        self.table.visibility_changed.connect(self.stage.set_class_visible)
        self.table.opacity_changed.connect(self.stage.set_opacity)
        self.table.style_changed.connect(self.stage.set_style)
        self.table.overlay_toggled.connect(self.stage.set_overlay)
        self.table.class_selected.connect(self.stage.set_score_class)
        self.table.threshold_changed.connect(self._change_window)
        self.table.color_changed.connect(self._change_color)
        self.images.opened.connect(ask.go_to)
        self.images.score_requested.connect(self.score_split)
        self.images.cancel_requested.connect(ask.cancel_scoring)

    # What the window asks ---------------------------------------------------------------------------------------------------

    def actions_list(self) -> list[QAction]:
        """The panel's menu entries."""
        return list(self._actions.list)

    def save_layout(self) -> dict[str, str]:
        """Divider states, base64."""
        return {s.objectName(): bytes(s.saveState().toBase64().data()).decode() for s in (self.body, self.side)}

    def restore_layout(self, kept: dict[str, str]) -> None:
        """Puts dividers back; what does not fit is left alone."""
        for splitter in (self.body, self.side):
            if state := kept.get(splitter.objectName()):
                splitter.restoreState(QByteArray.fromBase64(state.encode()))

    # What the presenter shows -----------------------------------------------------------------------------------------------

    def show_stage(self, stage: str) -> None:
        if stage == self._stage_name:
            return
        self._stage_name = stage
        place = {"no dataset": 0, "no checkpoint": 1, "ready": 2}[stage]
        self.pages.setCurrentIndex(place)
        ready = stage == "ready"
        for widget in (self.bar.export, self.statistics, self.bar.save_picture):
            widget.setEnabled(ready)
        self._offer_opacity()
        self._aim_focus()
        if ready and self.isVisible():
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_choices(self, choices: Sequence[Choice], place: int) -> None:
        self.checkpoint.blockSignals(True)
        self.checkpoint.clear()
        for choice in choices:
            self.checkpoint.addItem(describe_choice(choice))
            last = self.checkpoint.count() - 1
            self.checkpoint.setItemData(last, build_tip(choice.path), Qt.ItemDataRole.ToolTipRole)
        self.checkpoint.setCurrentIndex(place)
        self.checkpoint.setEnabled(bool(choices))
        self.checkpoint.setPlaceholderText("Choose a checkpoint" if choices else "No run has a checkpoint yet")
        self.empty_checkpoint.say(CHOOSE_CHECKPOINT if choices else NO_CHECKPOINT)
        self.checkpoint.blockSignals(False)

    def show_checkpoint(self, info: CheckpointInfo | None, truth: ClassTable | None, comparable: bool) -> None:
        self.stage.set_truth_classes(truth)
        self.table.set_truth_known(comparable)
        can_score = self._presenter.can_score
        split = SPLIT_WORDS.get(self._presenter.split, self._presenter.split)
        self._enable_actions()
        why = (
            "These images have no masks to compare with."
            if truth is None
            else "The classes are others than the network’s."
        )
        self.images.set_enabled(can_score, split, why)
        facts = "" if info is None else describe_checkpoint(info, self._presenter.kept_best)
        self.bar.facts.setText(facts)
        more = "" if info is None else f"{info.path}\n{info.parameters:,} parameters, sha256 {info.sha256[:16]}"
        self.bar.facts.setToolTip(build_tip(f"{facts}\n{more}".strip()))
        if info is None or truth is None or comparable:
            self.warning.hide()
        else:
            self.warning.show()
            self.warning.setText(describe_mismatch(info.classes, truth))

    def show_splits(self, splits: Sequence[tuple[str, int]], present: str) -> None:
        items = [(SPLIT_WORDS.get(name, name), name) for name, count in splits if count]
        shown = [(self.split.itemText(i), self.split.itemData(i)) for i in range(self.split.count())]
        if items != shown:
            self.split.clear()
            for text, name in items:
                self.split.addItem(text, name)
        self.split.setCurrentIndex(self.split.findData(present))

    def show_position(self, place: int, count: int, name: str) -> None:
        self._place, self._count, self._name = place, count, name
        self.samples.show_position(place, count)
        self.images.select(self._presenter.index)

    def show_classes(self, classes: ClassTable, scale: str) -> None:
        if (classes, scale) != (self._classes, self.table.scale):
            self._classes = classes
            self.stage.set_classes(classes)
            self.table.set_classes(classes, scale)
            self._actions.class_keys.set_classes(classes.names)
            self.table.select_class(self.stage.score_class)
            for k in self.stage.hidden:
                self.table.set_class_visible(k, False)
            self.presets.clear()
            for name, text, tip in PRESETS:
                if name != "lecture" or (scale == "value" and classes.values == (50, 100, 150, 200, 250)):
                    self.presets.addItem(text, name)
                    self.presets.setItemData(self.presets.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            self.presets.addItem("Custom thresholds", "custom")

    def show_colors(self, colors: tuple[Color, ...]) -> None:
        self._colors = colors
        for k, color in enumerate(colors):
            self.table.set_color(k, color)
        self.stage.set_colors(colors)

    def show_thresholds(self, thresholds: Thresholds) -> None:
        self.table.set_windows(thresholds.reading.windows)
        self.presets.setCurrentIndex(self.presets.findData(thresholds.preset))

    def show_sample(self, sample: Sample | None, comparable: bool) -> None:
        self.stage.set_sample(sample, comparable)

    def show_problem(self, sentence: str) -> None:
        self.stage.set_problem(sentence)
        self.show_reading(None)

    def show_reading(self, live: LiveReading | None) -> None:
        self.stage.set_live(live)
        if live is None:
            self.mean.clear()
            self.table.set_values([(None, None)] * len(self.table))
            return
        scores, pixels = live.scores(), live.pixels()
        ious = [c.iou for c in scores.classes] if scores is not None else [None] * len(pixels)
        self.table.set_values(list(zip(ious, pixels, strict=True)))
        mean = scores.mean_iou if scores is not None else None
        self.mean.setText("" if scores is None else "IoU –" if mean is None else f"IoU {mean:.3f}")

    def show_lecture(self, picture: Any) -> None:
        self.stage.show_lecture(picture)

    def show_busy(self, busy: bool) -> None:
        self.stage.busy.setVisible(busy)

    def show_scoring(self, done: int, total: int) -> None:
        self.images.show_progress(done, total)

    def show_scored(self, scored: ScoredSplit | None, stale: bool) -> None:
        self._make_room(scored is not None and bool(scored.images))
        self.images.show_scored(scored, stale)
        self.images.select(self._presenter.index)

    def _make_room(self, for_list: bool) -> None:
        """The list takes its part of the page when there is one, and gives it back to the classes when there is none."""
        if for_list == (self.images.maximumHeight() > LIST_CLOSED):
            return
        self.images.setMaximumHeight(16_777_215 if for_list else LIST_CLOSED)
        height = self.side.height()
        part = height * 9 // 20 if for_list else LIST_CLOSED
        self.side.setSizes([height - part, part])

    # What the user does -----------------------------------------------------------------------------------------------------

    def choose_mode(self, mode: str) -> None:
        next(b for b in self.samples.modes.buttons() if b.property("mode_name") == mode).setChecked(True)
        self.stage.set_mode(mode)
        self._presenter.set_mode(mode)
        self._aim_focus()
        self._offer_opacity()

    def _offer_opacity(self) -> None:
        """Only where an image lies beneath the masks can they be mixed with it."""
        mixes = self.stage.mixes
        for part in self._opacity:
            part.setEnabled(mixes)
            part.setToolTip(MIXES if mixes else MIXES_NOT)
        self._enable_actions()

    def _enable_actions(self) -> None:
        self._actions.enable(self._stage_name == "ready", self.stage.mixes, self._presenter.can_score)

    def _choose_preset(self, place: int) -> None:
        before = self._presenter.thresholds
        after = self._presenter.find_preset(self.presets.itemData(place))
        if before is not None and after is not None and after != before:
            self._push("Thresholds", self._presenter.set_thresholds, before, after)

    def _change_window(self, k: int, low: float, high: float) -> None:
        before = self._presenter.thresholds
        if before is None or self._classes is None:
            return
        text = f"Threshold of {self._classes.names[k]}"
        gesture = ("threshold", k, self.table.gesture)
        self._push(text, self._presenter.set_thresholds, before, before.move_window(k, low, high), gesture)

    def _change_color(self, k: int, color: Color) -> None:
        if self._classes is None:
            return
        name = self._classes.names[k]
        before = self._presenter.find_color(name)
        self._push(f"Colour of {name}", partial(self._presenter.set_color, name), before, color)

    def _push(self, text: str, use: Any, before: Any, after: Any, gesture: Any = None) -> None:
        self._undo.push(Change(text, use, before, after, gesture))

    def score_split(self) -> None:
        self._presenter.score_split()

    def export_masks(self) -> None:
        selected = self.images.selected()
        self._presenter.request_export(selected if len(selected) > 1 else ())

    def ask_number(self) -> None:
        self.number.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.number.selectAll()

    def _go_to_number(self) -> None:
        if self.number.value() != self._place:
            self._presenter.go_to_place(self.number.value())
        if self.number.hasFocus():
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def browse(self) -> None:
        dialog = QFileDialog(self, "Open checkpoint", "", "Checkpoints (*.safetensors *.pt *.pth);;All files (*)")
        dialog.setObjectName("checkpoint_dialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._presenter.open_checkpoint)
        dialog.open()

    def save_picture(self) -> None:
        picture = self.stage.render_pictures()
        if picture is None:
            return
        dialog = QFileDialog(
            self, "Save picture", f"{Path(self._name).stem} {self.stage.mode}.png", "PNG pictures (*.png)"
        )
        dialog.setObjectName("picture_dialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._presenter.save_file(path, lambda: encode_png(picture)))
        dialog.open()

    # Qt ---------------------------------------------------------------------------------------------------------------------

    def _aim_focus(self) -> None:
        """The page's focus goes to its first picture, as soon as there is one."""
        shown = [canvas for canvas in self.stage.canvases.values() if canvas.isVisibleTo(self.stage)]
        proxy = shown[0] if shown and self._stage_name == "ready" else None
        self.setFocusProxy(proxy)  # type: ignore[arg-type]  # the stubs do not know that there may be none

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._presenter.set_active(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._presenter.set_active(False)
        self._presenter.remember_opacity(self.table.opacity)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        # Only images: a dataset, a run or a checkpoint is the window's business
        if _read_images(event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if paths := _read_images(event.mimeData().urls()):
            event.acceptProposedAction()
            self._presenter.open_files(paths)


def _read_images(urls: Sequence[QUrl]) -> list[str]:
    """Paths if all of them are image files, else none."""
    paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
    ours = [path for path in paths if path.lower().endswith(IMAGE_ENDINGS)]
    return ours if ours and len(ours) == len(urls) else []
