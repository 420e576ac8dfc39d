"""Opening things: what stands at a path decides whether it is a dataset, a run, a checkpoint or pictures, and who gets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from segbench.errors import SegbenchError, explain
from segbench.formats.kinds import CHECKPOINT_ENDINGS, looks_like_checkpoint

if TYPE_CHECKING:
    from segbench.gui.alarm import Alarm
    from segbench.gui.main_window import MainWindow
    from segbench.gui.session import Session

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")


class Opening:
    """open_pictures: takes image files that belong to no dataset."""

    def __init__(
        self, session: Session, window: MainWindow, alarm: Alarm, open_pictures: Callable[[list[str]], None]
    ) -> None:
        self._session, self._window, self._alarm, self._open_pictures = session, window, alarm, open_pictures
        self._waiting: list[list[str]] = []
        self.is_ready = False

    def be_ready(self) -> None:
        """The panels stand: what was asked for meanwhile is opened."""
        self.is_ready = True
        waiting, self._waiting = self._waiting, []
        for paths in waiting:
            self.open_paths(paths)

    def open_paths(self, paths: list[str]) -> None:
        """Opens a dataset, a run or a checkpoint, or pictures to predict; before `be_ready` it waits for that."""
        paths = [str(Path(path).expanduser().absolute()) for path in paths]
        if not self.is_ready:
            self._waiting.append(paths)
            if len(paths) == 1 and Path(paths[0]).exists():
                self._window.show_welcome(False, Path(paths[0]).name)
            return
        try:
            self._open(paths)
        except SegbenchError as error:
            self._window.show_welcome(self._session.dataset is None)
            self._alarm.tell_report(explain(error))

    def _open(self, paths: list[str]) -> None:
        missing = [path for path in paths if not Path(path).exists()]
        if missing:
            self._forget_recent(missing)
            raise SegbenchError(
                f"There is nothing at {missing[0]}.", "It may have been moved or deleted; choose it again."
            )
        if all(Path(path).suffix.lower() in PICTURES for path in paths):
            self._window.show_welcome(self._session.dataset is None)
            self._open_pictures(paths)
            self._window.show_page("prediction")
            return
        folders = {Path(path).parent for path in paths}
        if len(paths) > 1 and len(folders) == 1 and all(Path(path).is_file() for path in paths):
            paths = [str(folders.pop())]  # the train and the test file of one data set
        if len(paths) > 1:
            raise SegbenchError(
                "These are several different things.",
                "Open one dataset, run or checkpoint at a time, or pictures alone.",
            )
        self._open_one(Path(paths[0]))

    def _open_one(self, path: Path) -> None:
        if path.name == "run.json":
            path = path.parent
        if (path / "run.json").is_file():
            self._window.show_welcome(self._session.dataset is None)
            self._session.open_run(path)
        elif looks_like_checkpoint(path):
            self._window.show_welcome(self._session.dataset is None)
            self._session.open_checkpoint(path)
            self._window.show_page("prediction")
        else:
            self._window.show_welcome(False, path.name)
            self._window.show_page("dataset")
            self._session.open_dataset(path)

    def _forget_recent(self, paths: Sequence[str]) -> None:
        recent = tuple(path for path in self._session.settings.recent if path not in paths)
        self._session.change_settings(recent=recent)
        self._window.show_recent(recent)

    def ask_for_folder(self) -> None:
        dialog = QFileDialog(self._window, "Open a folder: a dataset or a run")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        self._ask(dialog)

    def ask_for_file(self) -> None:
        dialog = QFileDialog(self._window, "Open a dataset file, a checkpoint or pictures")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        pictures = " ".join(f"*{ending}" for ending in PICTURES)
        checkpoints = " ".join(f"*{ending}" for ending in CHECKPOINT_ENDINGS)
        dialog.setNameFilters(
            [
                f"All that segbench opens (*.gz {checkpoints} {pictures})",
                "PurdueShapes5 datasets (*.gz)",
                f"Checkpoints ({checkpoints})",
                f"Pictures ({pictures})",
                "All files (*)",
            ]
        )
        self._ask(dialog)

    def _ask(self, dialog: QFileDialog) -> None:
        last = next((Path(path).parent for path in self._session.settings.recent if Path(path).parent.is_dir()), None)
        if last is not None:
            dialog.setDirectory(str(last))
        dialog.filesSelected.connect(lambda paths: self.open_paths(list(paths)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
