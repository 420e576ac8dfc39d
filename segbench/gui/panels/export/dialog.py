"""The export dialog: what, as which format, where to, with a preview of the real output. Shows what the presenter says, and asks it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage, QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.panels.export.draft import Done, Draft, FormatInfo, Preview
from segbench.gui.theme import mark
from segbench.gui.widgets.parts import build_tip
from segbench.records import ClassTable, Reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segbench.gui.panels.export.presenter import ExportPresenter

LARGE, SMALL = 280, 140  # side of a preview in logical pixels: of one file, of several
COLUMNS = 3
TYPING_MS = 250
OVERWRITES = (
    ("refuse", "Stop before anything is written"),
    ("replace", "Replace them"),
    ("skip", "Keep them, write the missing ones"),
)
INSTANCES = (("component", "Each connected area is an object"), ("class", "One object a class and image"))


class ExportDialog(QDialog):
    """Non-blocking: `open()`, and closing it lets a running export go on."""

    def __init__(self, presenter: ExportPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("export_dialog")
        self.setWindowTitle("Export masks")
        self.resize(1060, 690)
        self._presenter = presenter
        self._formats: dict[str, FormatInfo] = {}
        self._command = ""
        self._folder = ""
        self._running = False
        self._showing = False
        self._typing = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._typing.timeout.connect(self._take_texts)
        body = QHBoxLayout()
        body.setSpacing(24)
        body.addLayout(self._build_left(), 4)
        body.addLayout(self._build_right(), 5)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addLayout(body, 1)
        column.addLayout(self._build_foot())

    # Build ------------------------------------------------------------------------------------------------------------------

    def _build_left(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(_heading("What"))
        self.scopes = QButtonGroup(self)
        self._scope_buttons: dict[str, QRadioButton] = {}
        for scope in ("this", "selected", "split", "all", "numbers"):
            button = QRadioButton(objectName=f"scope_{scope}")
            button.toggled.connect(partial(self._choose, "scope", scope))
            self.scopes.addButton(button)
            self._scope_buttons[scope] = button
        self.splits = QComboBox(objectName="splits")
        self.splits.setAccessibleName("Split")
        self.splits.activated.connect(lambda i: self._tell(scope="split", split=self.splits.itemData(i)))
        of_split = QHBoxLayout()
        of_split.addWidget(self._scope_buttons["split"])
        of_split.addWidget(self.splits, 1)
        for scope in ("this", "selected"):
            column.addWidget(self._scope_buttons[scope])
        column.addLayout(of_split)
        column.addWidget(self._scope_buttons["all"])
        self._scope_buttons["split"].setText("A whole split")
        self.numbers = QLineEdit(placeholderText="1-20, 43", objectName="numbers")
        self.numbers.setAccessibleName("Numbers of the images")
        self.numbers.setToolTip("Numbers as the Dataset page shows them: from 1, over all splits")
        self.numbers.textEdited.connect(lambda _text: self._pick_numbers())
        line = QHBoxLayout()
        line.addWidget(self._scope_buttons["numbers"])
        line.addWidget(self.numbers, 1)
        column.addLayout(line)
        self._scope_buttons["numbers"].setText("Numbers")
        self.masks = QComboBox(objectName="masks")
        self.masks.setAccessibleName("Masks")
        self.masks.activated.connect(lambda i: self._tell(masks=self.masks.itemData(i)))
        column.addSpacing(4)
        column.addWidget(self.masks)
        self.thresholds = QLabel(wordWrap=True, objectName="thresholds")
        mark(self.thresholds, "muted")
        column.addWidget(self.thresholds)
        column.addSpacing(8)
        column.addWidget(_heading("Format"))
        self.formats = QButtonGroup(self)
        self._format_box = QVBoxLayout()
        self._format_box.setSpacing(2)
        column.addLayout(self._format_box)
        column.addStretch(1)
        return column

    def _build_right(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        self.preview_title = _heading("Preview")
        column.addWidget(self.preview_title)
        self._pictures = QGridLayout()
        self._pictures.setSpacing(8)
        self._pictures.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        inside = QWidget()
        inside.setLayout(self._pictures)
        scroll = QScrollArea(widgetResizable=True, objectName="preview")
        scroll.setAccessibleName("Preview of the files")
        scroll.setFrameShape(QFrame.Shape.StyledPanel)
        scroll.setWidget(inside)
        scroll.setMinimumHeight(SMALL + 64)
        column.addWidget(scroll, 1)
        self.hidden = QLabel(wordWrap=True, objectName="hidden")
        column.addWidget(self.hidden)
        column.addSpacing(8)
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.pattern = QLineEdit(objectName="pattern")
        self.pattern.setToolTip(
            "Fields: {stem} the image's name, {index} its number from 0, {split}, {class}; a / makes a folder"
        )
        self.pattern.textEdited.connect(lambda _text: self._typing.start())
        self.form.addRow("&Name pattern", self.pattern)
        self.example = QLabel(objectName="example", textFormat=Qt.TextFormat.PlainText)
        mark(self.example, "muted")
        self.form.addRow("", self.example)
        self.flattening = QComboBox(objectName="flattening")
        self.flattening.activated.connect(lambda i: self._tell(flattening=self.flattening.itemData(i)))
        self.form.addRow("Where &classes overlap", self.flattening)
        self.instances = QComboBox(objectName="instances")
        for name, text in INSTANCES:
            self.instances.addItem(text, name)
        self.instances.activated.connect(lambda i: self._tell(instances=self.instances.itemData(i)))
        self.form.addRow("&Objects", self.instances)
        self.out = QLineEdit(objectName="out")
        self.out.textEdited.connect(lambda _text: self._typing.start())
        browse = QPushButton("Choose…", objectName="choose_folder")
        browse.clicked.connect(self._browse)
        line = QHBoxLayout()
        line.addWidget(self.out, 1)
        line.addWidget(browse)
        label = QLabel("&Folder")
        label.setBuddy(self.out)
        self.form.addRow(label, line)
        self.overwrite = QComboBox(objectName="overwrite")
        for name, text in OVERWRITES:
            self.overwrite.addItem(text, name)
        self.overwrite.activated.connect(lambda i: self._tell(overwrite=self.overwrite.itemData(i)))
        self.form.addRow("If files &stand there", self.overwrite)
        column.addLayout(self.form)
        return column

    def _build_foot(self) -> QVBoxLayout:
        self.message = QLabel(wordWrap=True, objectName="message", textFormat=Qt.TextFormat.PlainText)
        self.progress = QProgressBar(objectName="export_progress", textVisible=False)
        self.progress.setFixedHeight(6)
        keep = self.progress.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(keep)
        self.progress.hide()
        self.copy = QPushButton("Copy as command line", objectName="copy_command")
        self.copy.clicked.connect(self._copy)
        self.open_folder = QPushButton("Open folder", objectName="open_folder")
        self.open_folder.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(self._folder)))
        self.open_folder.hide()
        self.close_button = QPushButton("Close", objectName="close_export")
        self.close_button.clicked.connect(self._close_or_cancel)
        self.start = QPushButton("Export", objectName="start_export", default=True)
        mark(self.start, "primary")
        self.start.clicked.connect(self._start)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.copy)
        buttons.addStretch(1)
        buttons.addWidget(self.open_folder)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.start)
        foot = QVBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.message)
        foot.addWidget(self.progress)
        foot.addLayout(buttons)
        return foot

    # What the presenter shows -----------------------------------------------------------------------------------------------

    def show_counts(
        self,
        counts: dict[str, int],
        splits: dict[str, int],
        names: dict[str, str],
        reading: Reading | None,
        classes: ClassTable | None,
    ) -> None:
        texts = {
            "this": f"This image ({names['sample']})",
            "selected": f"Selected images ({counts['selected']:,})" if counts["selected"] else "Selected images (mark some in the list of scores)",
            "all": f"All images ({counts['all']:,})",
        }  # fmt: skip
        for scope, text in texts.items():
            self._scope_buttons[scope].setText(text)
            self._scope_buttons[scope].setEnabled(counts[scope] > 0)
        several = len(splits) > 1  # the only split of a dataset is all of it
        self._scope_buttons["split"].setVisible(several)
        self.splits.setVisible(several)
        self._scope_buttons["all"].setVisible(counts["all"] > 1)  # one image is the one above
        self.splits.clear()
        for split, count in splits.items():
            self.splits.addItem(f"{split} ({count:,})", split)
        self.masks.clear()
        if counts["network"]:
            self.masks.addItem(f"Predicted by {names['checkpoint']}", "network")
        if counts["truth"]:
            self.masks.addItem("The dataset’s own masks", "truth")
        self._thresholds = _describe_reading(reading, classes)
        self.preview_title.setText(f"Preview of {names['sample']}")
        self._show_pictures(())  # those of the sample before
        self.example.setText("–")
        self.start.setText("Export")

    def show_draft(self, draft: Draft) -> None:
        self.open_folder.hide()  # what it told is of the choices before
        self._showing = True
        self._scope_buttons[draft.scope].setChecked(True)
        for field, text in ((self.numbers, draft.numbers), (self.pattern, draft.pattern), (self.out, draft.out)):
            if field.text() != text and not self._typing.isActive():
                field.setText(text)
        for box, value in (
            (self.splits, draft.split), (self.masks, draft.masks), (self.flattening, draft.flattening), (self.instances, draft.instances),
            (self.overwrite, draft.overwrite),
        ):  # fmt: skip
            box.setCurrentIndex(max(0, box.findData(value)))
        self.thresholds.setText(self._thresholds if draft.masks == "network" else "")
        self.thresholds.setVisible(draft.masks == "network")
        self._showing = False

    def show_preview(self, preview: Preview, samples: int) -> None:
        self._showing = True
        self._show_formats(preview)
        one = self._formats[preview.format]
        self.pattern.setPlaceholderText(one.pattern)
        self.form.setRowVisible(self.flattening, one.flattens)
        self.form.setRowVisible(self.instances, preview.format == "coco")
        if not self.flattening.count():
            for name, about in preview.flattenings.items():
                self.flattening.addItem(about[0].upper() + about[1:], name)
            self.flattening.setCurrentIndex(max(0, self.flattening.findData(self._presenter.draft.flattening)))
        self._show_pictures(preview.pictures)
        first = preview.pictures[0][0] if preview.pictures else ""
        more = f" and {len(preview.pictures) - 1} more" if one.per_class and len(preview.pictures) > 1 else ""
        self.example.setText(f"{first}{more}" if first else "–")
        self._show_hidden(preview, one)
        self._command = preview.command
        self.copy.setEnabled(bool(preview.command))
        self.start.setText(f"Export {samples:,} {'image' if samples == 1 else 'images'}" if samples else "Export")
        self._problem = preview.problem
        self._show_message()
        self._showing = False

    _problem: tuple[str, str] | None = None
    _thresholds = ""

    def _show_formats(self, preview: Preview) -> None:
        if not self._formats:
            for one in preview.formats:
                button = QRadioButton(one.title, objectName=f"format_{one.name}")
                button.toggled.connect(partial(self._choose, "format", one.name))
                about = QLabel(one.about, wordWrap=True)
                about.setContentsMargins(22, 0, 0, 2)
                about.setBuddy(button)
                mark(about, "muted")
                self.formats.addButton(button)
                self._format_box.addWidget(button)
                self._format_box.addWidget(about)
                self._formats[one.name] = one
        button = self.findChild(QRadioButton, f"format_{preview.format}")
        assert button is not None
        button.setChecked(True)

    def _show_pictures(self, pictures: Sequence[tuple[str, NDArray[np.uint8]]]) -> None:
        while self._pictures.count():
            item = self._pictures.takeAt(0)
            if widget := item.widget():
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        side = LARGE if len(pictures) == 1 else SMALL
        for place, (name, picture) in enumerate(pictures):
            holder = QWidget()
            column = QVBoxLayout(holder)
            column.setContentsMargins(4, 4, 4, 4)
            column.setSpacing(4)
            shown = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
            shown.setPixmap(_make_pixmap(picture, side))
            shown.setAccessibleName(f"Picture of {name}")
            title = QLabel(textFormat=Qt.TextFormat.PlainText, alignment=Qt.AlignmentFlag.AlignCenter)
            title.setText(title.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, side))
            title.setToolTip(build_tip(name))
            mark(title, "muted")
            column.addWidget(shown)
            column.addWidget(title)
            column.addStretch(1)
            self._pictures.addWidget(holder, place // COLUMNS, place % COLUMNS)

    def _show_hidden(self, preview: Preview, one: FormatInfo) -> None:
        if not preview.pictures:
            self.hidden.clear()
        elif preview.hidden:
            mark(self.hidden, "warning")
            self.hidden.setText(
                f"In this image {preview.hidden:,} pixels of a class are hidden under another one. “One PNG a class” keeps them all."
            )
        elif one.flattens or one.name == "lecture":
            mark(self.hidden, "muted")
            self.hidden.setText("One class a pixel; nothing is hidden in this image.")
        else:
            mark(self.hidden, "muted")
            self.hidden.setText("Overlapping objects stay whole.")

    def show_running(self, done: int, total: int) -> None:
        self._running = True
        self.progress.show()
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)
        self.open_folder.hide()
        self.start.setEnabled(False)
        self.close_button.setText("Cancel export")
        mark(self.message, "")
        self.message.setText(f"{done:,} of {total:,} images written")

    def show_done(self, done: Done) -> None:
        self.show_idle()
        self._folder = done.folder
        files = f"{done.files:,} {'file' if done.files == 1 else 'files'}"
        images = f"{done.samples:,} {'image' if done.samples == 1 else 'images'}"
        said = (
            f"{files} for {images} written to {done.folder}."
            if done.complete
            else f"Cancelled: {files} for {images} {'stands' if done.files == 1 else 'stand'} in {done.folder}."
        )
        if done.hidden:
            said += f" {done.hidden:,} pixels were hidden where classes overlap."
        mark(self.message, "warning" if done.hidden or not done.complete else "good")
        self.message.setText(said)
        self.open_folder.show()
        self.open_folder.setFocus()

    def show_idle(self) -> None:
        self._running = False
        self.progress.hide()
        self.close_button.setText("Close")
        self.open_folder.hide()
        self._show_message()

    def _show_message(self) -> None:
        if self._running:
            return
        self.start.setEnabled(self._problem is None and bool(self._formats))
        if not self.open_folder.isHidden():
            return
        mark(self.message, "bad" if self._problem else "muted")
        self.message.setText(
            " ".join(self._problem) if self._problem else "A manifest.json beside the files tells how they were made."
        )

    # What the user does -----------------------------------------------------------------------------------------------------

    def _tell(self, **changes: Any) -> None:
        self.open_folder.hide()
        self._presenter.change(**changes)

    def _choose(self, field: str, value: str, on: bool) -> None:
        if on and not self._showing:
            self._tell(**{field: value})

    def _pick_numbers(self) -> None:
        self._typing.start()
        self._scope_buttons["numbers"].setChecked(True)

    def _take_texts(self) -> None:
        # `_tell` shows the draft it makes, so all fields are read before
        self._tell(numbers=self.numbers.text(), pattern=self.pattern.text().strip(), out=self.out.text().strip())

    def _browse(self) -> None:
        dialog = QFileDialog(self, "Folder for the masks", self.out.text())
        dialog.setObjectName("folder_dialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._tell(out=path))
        dialog.open()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._command)
        mark(self.message, "")
        self.message.setText(f"Copied: {self._command}")

    def _start(self) -> None:
        if self._typing.isActive():
            self._typing.stop()
            self._take_texts()
        self.open_folder.hide()
        self._presenter.start()

    def _close_or_cancel(self) -> None:
        if self._running:
            self._presenter.cancel()
        else:
            self.accept()


def _heading(text: str) -> QLabel:
    label = QLabel(text, textFormat=Qt.TextFormat.PlainText)
    mark(label, "heading")
    return label


def _make_pixmap(picture: NDArray[np.uint8], side: int) -> QPixmap:
    import numpy as np

    picture = np.ascontiguousarray(picture)
    height, width = picture.shape[:2]
    grey = picture.ndim == 2
    kind = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
    image = QImage(picture.data, width, height, picture.strides[0], kind).copy()
    small = max(width, height) <= side
    if small:
        image = image.scaled(width * (side // max(width, height)), height * (side // max(width, height)))
    else:
        image = image.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    return QPixmap.fromImage(image)


def _describe_reading(reading: Reading | None, classes: ClassTable | None) -> str:
    if reading is None or classes is None:
        return "Thresholds: the checkpoint’s own."
    infinite = float("inf")
    parts = [
        f"{name} > {low:g}" if high == infinite else f"{name} {low:g} to {high:g}"
        for name, (low, high) in zip(classes.names, reading.windows, strict=False)
    ]
    return "Thresholds as in the panel: " + ", ".join(parts[:8]) + ("…" if len(parts) > 8 else "") + "."
