"""Generate shapes: how many, how large, where to, with a look at a few of them beforehand."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from segbench.events import Event, Progressed
from segbench.gui.dialogs.buttons import strip_icons
from segbench.gui.session import Session
from segbench.gui.theme import mark
from segbench.jobs import Job, JobRunner
from segbench.settings import find_home

SHOWN, SIDE = 6, 128  # pictures of the preview, and their size on the screen
PREVIEW_DELAY = 150  # ms after the last change
SMALL_IMAGES, SMALL_TESTS = 2000, 200


def find_shapes_folder() -> Path:
    """A folder for new shapes that does not exist yet."""
    base = find_home("data") / "shapes"
    number = 1
    while (folder := base / f"shapes-{number}").exists():
        number += 1
    return folder


def generate_shapes(out: Path, count: int, tests: int, seed: int, size: int) -> Generator[Progressed, None, Path]:
    """The job "generate": its result is the path that can be opened."""
    from segbench.data.shapes import write_shapes

    return (yield from write_shapes(out, count, tests, seed, size))


def make_preview(seed: int, size: int) -> Generator[Event, None, list[Any]]:
    """The first images of such a dataset: uint8 (size, size, 3) each."""
    yield from ()
    from segbench.data.shapes import generate

    return [sample.image for sample in generate(SHOWN, seed, size)]


class GenerateDialog(QDialog):
    """Starts the job and closes; the status bar tells how far it is, and the window opens the result."""

    def __init__(self, session: Session, jobs: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("generate_dialog")
        self.setWindowTitle("Generate shapes")
        self._jobs = jobs
        self._session = session
        self._wanted: tuple[int, int] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PREVIEW_DELAY)
        self._timer.timeout.connect(self._draw)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(16)
        about = QLabel(
            "Rectangles, triangles, disks, ovals and stars in flat colours on black, cut by the border and lying over each "
            "other, each with its whole mask: the dataset of the lecture (PurdueShapes5MultiObject)."
        )
        about.setWordWrap(True)
        mark(about, "muted")
        column.addWidget(about)
        row = QHBoxLayout()
        row.setSpacing(24)
        row.addLayout(self._build_form(), 1)
        row.addLayout(self._build_preview())
        column.addLayout(row)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.start = box.addButton("&Generate", QDialogButtonBox.ButtonRole.AcceptRole)
        self.start.setObjectName("generate_start")
        mark(self.start, "primary")
        self.start.setDefault(True)
        box.accepted.connect(self._start)
        box.rejected.connect(self.reject)
        strip_icons(box)
        column.addWidget(box)
        self._draw()

    def _build_form(self) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(12)
        self.count = self._build_number("generate_count", 1, 1_000_000, SMALL_IMAGES, "Images to train on")
        self.tests = self._build_number("generate_tests", 0, 1_000_000, SMALL_TESTS, "Images to test on, made apart")
        self.side = self._build_number("generate_size", 8, 4096, 64, "Side of each image")
        self.side.setSuffix(" px")
        self.seed = self._build_number("generate_seed", 0, 2**31 - 1, 0, "The same seed makes the same images")
        form.addRow("&Training images", self.count)
        form.addRow("T&est images", self.tests)
        form.addRow("&Size", self.side)
        form.addRow("See&d", self.seed)
        place = QHBoxLayout()
        place.setSpacing(8)
        self.folder = QLineEdit(str(find_shapes_folder()))
        self.folder.setObjectName("generate_folder")
        self.folder.setAccessibleName("Folder to write to")
        self.folder.setMinimumWidth(260)
        place.addWidget(self.folder, 1)
        choose = QPushButton("C&hoose…")
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose)
        place.addWidget(choose)
        label = QLabel("&Folder")
        label.setBuddy(self.folder)
        form.addRow(label, place)
        lecture = QPushButton("As in the &lecture: 10,000 and 1,000")
        lecture.setObjectName("generate_lecture")
        lecture.setAutoDefault(False)
        lecture.clicked.connect(
            lambda: (self.count.setValue(10_000), self.tests.setValue(1_000), self.side.setValue(64))
        )
        form.addRow("", lecture)
        self.side.valueChanged.connect(self._timer.start)
        self.seed.valueChanged.connect(self._timer.start)
        return form

    def _build_number(self, name: str, low: int, high: int, value: int, tip: str) -> QSpinBox:
        field = QSpinBox()
        field.setObjectName(name)
        field.setRange(low, high)
        field.setGroupSeparatorShown(True)
        field.setValue(value)
        field.setToolTip(tip)
        field.setAccessibleDescription(tip)
        return field

    def _build_preview(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(8)
        self.pictures = []
        for place in range(SHOWN):
            picture = QLabel()
            picture.setFixedSize(SIDE, SIDE)
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setAccessibleName(f"Example {place + 1}")
            grid.addWidget(picture, place // 3, place % 3)
            self.pictures.append(picture)
        grid.setRowStretch(2, 1)
        return grid

    def _draw(self) -> None:
        """Makes the examples in the io lane; what comes when other ones are wanted is dropped."""
        seed, size = self.seed.value(), self.side.value()
        self._wanted = (seed, size)

        def work() -> Generator[Event, None, None]:
            images = yield from make_preview(seed, size)
            made.append(images)

        made: list[list[Any]] = []
        job = self._jobs.start("preview shapes", work(), title="Drawing examples", lane="io", newest_wins=True)
        self._wait_for(made, (seed, size), job)

    def _wait_for(self, made: list[list[Any]], wanted: tuple[int, int], job: Job) -> None:
        lives = job in self._jobs.jobs()  # asked first: it may end in between
        if wanted != self._wanted:
            return
        if made:
            self._show(made[0])
        elif lives:
            QTimer.singleShot(30, self, lambda: self._wait_for(made, wanted, job))

    def _show(self, images: list[Any]) -> None:
        for picture, image in zip(self.pictures, images, strict=True):
            height, width = image.shape[:2]
            drawn = QImage(image.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            mode = (
                Qt.TransformationMode.FastTransformation
                if width <= SIDE
                else Qt.TransformationMode.SmoothTransformation
            )
            pixmap = QPixmap.fromImage(drawn).scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio, mode)
            picture.setPixmap(pixmap)

    def _choose(self) -> None:
        dialog = QFileDialog(self, "Folder to write to")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._take_folder)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _take_folder(self, folder: str) -> None:
        chosen = Path(folder)
        self.folder.setText(str(chosen / "shapes" if any(chosen.iterdir()) else chosen))

    def _start(self) -> None:
        out = Path(self.folder.text().strip()).expanduser()
        if not self.folder.text().strip() or out.is_file():
            self._refuse("Choose a folder to write to.")
            return
        if out.is_dir() and any(out.iterdir()):
            self._refuse(f"{out} is not empty; choose another folder, so that nothing is overwritten.")
            return
        count, tests, seed, size = self.count.value(), self.tests.value(), self.seed.value(), self.side.value()
        work = generate_shapes(out, count, tests, seed, size)
        self._jobs.start("generate", work, title=f"Generating {count + tests:,} images", lane="io")
        self.accept()

    def _refuse(self, sentence: str) -> None:
        box = QMessageBox(QMessageBox.Icon.Information, "Generate shapes", sentence, parent=self)
        box.finished.connect(box.deleteLater)
        box.open()
        strip_icons(box)
        self.folder.setFocus()
        self.folder.selectAll()
