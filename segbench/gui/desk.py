"""What joins the window to the session: builds the panels one by one, opens what is asked for, tells the status bar what runs,
shows errors, and puts everything away when the window closes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QFrame, QMessageBox

from segbench import settings as preferences
from segbench.errors import SegbenchError, explain
from segbench.events import (
    DatasetClosed,
    DatasetOpened,
    Event,
    ExportRequested,
    JobDone,
    JobFailed,
    JobStarted,
    LibrariesLoaded,
    MemoryRead,
    PageRequested,
    RunContinueRequested,
    RunOpened,
)
from segbench.gui import theme
from segbench.gui.actions import list_entries
from segbench.gui.activity import QUIET, Activity, describe_bytes, describe_time_left
from segbench.gui.dialogs.buttons import strip_icons
from segbench.gui.dialogs.error import ErrorDialog
from segbench.gui.first_look import LAYOUT_VERSION, FirstLook, encode, save_first_look
from segbench.gui.libraries import load_for_networks, load_for_views
from segbench.gui.panel_table import PANELS, Panel, import_panels
from segbench.gui.session import Session
from segbench.gui.widgets.log_view import LogRelay, LogView
from segbench.jobs import JobRunner

if TYPE_CHECKING:
    import asyncio

    from PySide6.QtWidgets import QApplication

    from segbench.gui.alarm import Alarm
    from segbench.gui.main_window import MainWindow
    from segbench.records import DatasetInfo

CHECKPOINTS = (".safetensors", ".pt", ".pth")
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
SHUTDOWN_SECONDS = 4.5
MEMORY_SECONDS = 2
UNSTOPPABLE = ("train", "load libraries")  # the training panel has its own Stop and Cancel
log = logging.getLogger(__name__)


class Desk:
    """One per window. `begin` starts it on a running event loop; `closed` is called once when the window may go."""

    def __init__(
        self,
        qt: QApplication,
        window: MainWindow,
        loop: asyncio.AbstractEventLoop,
        alarm: Alarm,
        relay: LogRelay,
        log_path: str,
    ) -> None:
        self.qt, self.window, self.alarm = qt, window, alarm
        self.shutdown_seconds = SHUTDOWN_SECONDS
        self.session = Session(preferences.load_settings())
        self.jobs = JobRunner(loop, self._publish)
        self.session.attach(self.jobs)
        self.presenters: dict[str, Any] = {}
        self.views: dict[str, Any] = {}
        self.tour: Any = None
        self.activity = Activity()
        self.is_ready = False
        self._relay, self._log_path = relay, log_path
        self._to_build: list[Panel] = []
        self._to_open: list[list[str]] = []
        self._first_layouts: dict[str, dict[str, str]] = {}
        self._closed: Callable[[], None] | None = None
        self._closing = False
        self._question: QMessageBox | None = None
        self._idle_device: Any = None
        self._device_text = "Device: looking…"
        self._memory_timer = QTimer(window)
        self._memory_timer.timeout.connect(self._read_memory)
        self.errors = ErrorDialog(log_path, window)
        self.errors.smaller_batch_requested.connect(self._use_batch)
        alarm.raised.connect(self.errors.show_error)
        alarm.interrupted.connect(self.close_unasked)
        self.session.subscribe(self.handle)

    # The beginning ----------------------------------------------------------------------------------------------------

    def begin(self, arguments: Sequence[str], closed: Callable[[], None]) -> None:
        """Wires the window, then loads libraries in the background; panels follow one by one as these arrive."""
        self._closed = closed
        window, settings = self.window, self.session.settings
        theme.apply(self.qt, settings.theme)
        window.show_theme(settings.theme)
        window.show_recent(settings.recent)
        if not window.was_restored and settings.layout_version == LAYOUT_VERSION:
            state = [QByteArray.fromBase64(text.encode()) for text in (settings.geometry, settings.layout)]
            window.restore_layout(*state)
        self._wire()
        self.log_view = LogView(self._relay)
        self.log_view.say_where(self._log_path)
        window.log_dock.setWidget(self.log_view)
        log.info("segbench is open; preferences from %s.", preferences.find_settings_file())
        if arguments:
            self.open_paths(list(arguments))
        self._to_build = sorted(PANELS, key=lambda panel: panel.name != window.page)
        self.jobs.start("load libraries", load_for_views(import_panels), title="Loading", lane="io")

    def _wire(self) -> None:
        window = self.window
        for signal, answer in (
            (window.close_requested, self.ask_to_close),
            (window.open_folder_requested, self._ask_for_folder),
            (window.open_file_requested, self._ask_for_file),
            (window.generate_requested, self.show_generator),
            (window.close_dataset_requested, self.session.close_dataset),
            (window.preferences_requested, self._show_preferences),
            (window.tour_requested, self.show_tour),
            (window.guide_requested, self._show_guide),
            (window.shortcuts_requested, self._show_shortcuts),
            (window.palette_requested, self._show_palette),
            (window.doctor_requested, self._show_doctor),
            (window.about_requested, self._show_about),
            (window.log_folder_requested, self._open_log_folder),
            (window.reset_requested, self._reset_layouts),
            (window.theme_requested, self.set_theme),
            (window.path_requested, lambda path: self.open_paths([path])),
            (window.paths_dropped, self.open_paths),
            (window.status.cancel_requested, self._cancel_shown),
        ):
            signal.connect(answer)

    def _build_next(self) -> None:
        """One panel, then a turn of the event loop, so that the window goes on answering."""
        if self._closing:
            return
        if not self._to_build:
            self._be_ready()
            return
        panel = self._to_build.pop(0)
        try:
            presenter, view = panel.build(self.session, self.jobs)
        except Exception as error:
            self.alarm.tell(error)
            QTimer.singleShot(0, self._build_next)
        else:
            QTimer.singleShot(0, lambda: self._install(panel, presenter, view))

    def _install(self, panel: Panel, presenter: Any, view: Any) -> None:
        """The second turn of building a panel: its view takes its place in the window."""
        try:
            self._put_in(panel, presenter, view)
        except Exception as error:
            self.alarm.tell(error)
        QTimer.singleShot(0, self._build_next)

    def _put_in(self, panel: Panel, presenter: Any, view: Any) -> None:
        presenter.attach(view)
        self.session.subscribe(presenter.handle)
        self.presenters[panel.name], self.views[panel.name] = presenter, view
        if hasattr(view, "set_undo_stack"):
            view.set_undo_stack(self.window.undo_stack)
        if panel.place == "page":
            self.window.add_page_view(panel.name, view)
        elif panel.place == "dock":
            self.window.runs_dock.setWidget(view)
        else:  # the view opens its own dialog, over this window
            view.setParent(self.window)
            view.hide()
        for frame in view.findChildren(QFrame, "card"):
            theme.mark(frame, "card")
        if hasattr(view, "actions_list"):
            self.window.add_menu_actions(panel.menu, view.actions_list())
        if hasattr(view, "save_layout"):
            self._first_layouts[panel.name] = view.save_layout()
            prefix = f"{panel.name}/"
            kept = {
                name.removeprefix(prefix): state
                for name, state in self.session.settings.splitters.items()
                if name.startswith(prefix)
            }
            if kept and self.session.settings.layout_version == LAYOUT_VERSION:
                view.restore_layout(kept)

    def _be_ready(self) -> None:
        self.is_ready = True
        waiting, self._to_open = self._to_open, []
        for paths in waiting:
            self.open_paths(paths)
        self.jobs.start("load libraries", load_for_networks(), title="Loading torch", lane="compute")
        log.info("All panels are ready.")

    # Events ---------------------------------------------------------------------------------------------------------------

    def _publish(self, events: Sequence[Event]) -> None:
        """What jobs tell. On the way out nobody hears it: a panel would answer with new jobs, which are refused by then."""
        if not self._closing:
            self.session.publish(events)

    def handle(self, events: Sequence[Event]) -> None:
        """One batch from the session."""
        self.activity.adopt(events)
        for event in events:
            match event:
                case JobFailed(_, kind, report):
                    self.alarm.tell_report(report)
                    if kind == "open dataset":
                        self.window.show_welcome(self.session.dataset is None)
                case JobStarted(_, kind, title):
                    log.log(logging.DEBUG if kind in QUIET else logging.INFO, "Began: %s (%s).", title, kind)
                case JobDone(_, "generate", result) if result is not None:
                    self.open_paths([str(result)])
                case JobDone(_, "load libraries", result) if result:
                    self._device_text = str(result)
                    self._memory_timer.start(MEMORY_SECONDS * 1000)
                case DatasetOpened(info):
                    self._show_dataset(info)
                case DatasetClosed():
                    self.window.show_dataset("", "")
                    self.window.show_welcome(True)
                case PageRequested(page):
                    self.window.show_page(page)
                case RunOpened() | RunContinueRequested():
                    self.window.show_page("training")
                case ExportRequested():
                    log.debug("The export dialog was asked for.")
                case _:
                    # JobEvent wraps what work yields
                    if isinstance(loaded := getattr(event, "event", None), LibrariesLoaded):
                        self._take_library(loaded.name)
        if self.tour is not None:
            self.tour.handle(events)
        self.window.show_recent(self.session.settings.recent)
        self._show_activity()

    def _take_library(self, name: str) -> None:
        if name == "pyqtgraph":
            theme.style_plots()
            QTimer.singleShot(0, self._build_next)

    def _show_dataset(self, info: DatasetInfo) -> None:
        facts = f"{info.count:,} images"
        if info.classes is not None:
            facts += f", {len(info.classes)} classes"
        self.window.show_dataset(info.name, facts)
        self.window.show_welcome(False)

    def _show_activity(self) -> None:
        status, work = self.window.status, self.activity.shown
        if work is None:
            status.show_no_job()
        else:
            title = work.title if not self.activity.others else f"{work.title} (+ {self.activity.others} more)"
            left = work.seconds_left
            told = "paused" if work.paused else "" if left is None else describe_time_left(left)
            status.show_job(title, work.done, work.total, told, work.kind not in UNSTOPPABLE)
        status.device.setText(self.activity.device or self._device_text)
        if self.activity.memory is not None:
            self._show_memory(self.activity.memory)

    def _show_memory(self, memory: MemoryRead) -> None:
        text = describe_bytes(memory.used)
        self.window.status.memory.setText(f"{text} of {describe_bytes(memory.total)}" if memory.total else text)

    def _read_memory(self) -> None:
        """While nothing runs that would tell; the jobs tell it themselves."""
        if self.activity.shown is not None or not self.window.isVisible():
            return
        from segbench.devices import choose_device, read_memory

        self._idle_device = self._idle_device or choose_device("auto")
        self.activity.memory = read_memory(self._idle_device)
        self._show_memory(self.activity.memory)

    def _cancel_shown(self) -> None:
        work = self.activity.shown
        for job in self.jobs.jobs():
            if work is not None and job.number == work.job:
                job.cancel()

    def _use_batch(self, batch: int) -> None:
        training = self.presenters.get("training")
        if hasattr(training, "use_batch"):
            training.use_batch(batch)
        self.window.show_page("training")

    # Opening ------------------------------------------------------------------------------------------------------------

    def open_paths(self, paths: list[str]) -> None:
        """Opens a dataset, a run or a checkpoint, or pictures to predict; waits until the panels are there to show it."""
        paths = [str(Path(path).expanduser().absolute()) for path in paths]
        if not self.is_ready:
            self._to_open.append(paths)
            if len(paths) == 1 and Path(paths[0]).exists():
                self.window.show_welcome(False, Path(paths[0]).name)
            return
        try:
            self._open(paths)
        except SegbenchError as error:
            self.window.show_welcome(self.session.dataset is None)
            self.alarm.tell_report(explain(error))

    def _open(self, paths: list[str]) -> None:
        missing = [path for path in paths if not Path(path).exists()]
        if missing:
            self._forget_recent(missing)
            raise SegbenchError(
                f"There is nothing at {missing[0]}.", "It may have been moved or deleted; choose it again."
            )
        if all(Path(path).suffix.lower() in PICTURES for path in paths):
            self.window.show_welcome(self.session.dataset is None)
            self.presenters["prediction"].open_files(paths)
            self.window.show_page("prediction")
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
            self.window.show_welcome(self.session.dataset is None)
            self.session.open_run(path)
        elif path.is_file() and path.suffix.lower() in CHECKPOINTS:
            self.window.show_welcome(self.session.dataset is None)
            self.session.open_checkpoint(path)
            self.window.show_page("prediction")
        else:
            self.window.show_welcome(False, path.name)
            self.window.show_page("dataset")
            self.session.open_dataset(path)

    def _forget_recent(self, paths: Sequence[str]) -> None:
        recent = tuple(path for path in self.session.settings.recent if path not in paths)
        self.session.change_settings(recent=recent)
        self.window.show_recent(recent)

    def _ask_for_folder(self) -> None:
        dialog = QFileDialog(self.window, "Open a folder: a dataset or a run")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        self._ask(dialog)

    def _ask_for_file(self) -> None:
        dialog = QFileDialog(self.window, "Open a dataset file, a checkpoint or pictures")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        pictures = " ".join(f"*{ending}" for ending in PICTURES)
        checkpoints = " ".join(f"*{ending}" for ending in CHECKPOINTS)
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
        last = next((Path(path).parent for path in self.session.settings.recent if Path(path).parent.is_dir()), None)
        if last is not None:
            dialog.setDirectory(str(last))
        dialog.filesSelected.connect(lambda paths: self.open_paths(list(paths)))
        self._show(dialog)

    # Dialogs ----------------------------------------------------------------------------------------------------------------

    def _show(self, dialog: QDialog) -> None:
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def show_generator(self) -> None:
        from segbench.gui.dialogs.generate import GenerateDialog

        self._show(GenerateDialog(self.session, self.jobs, self.window))

    def _show_preferences(self) -> None:
        from segbench.gui.dialogs.preferences import PreferencesDialog

        dialog = PreferencesDialog(
            self.session.settings, str(preferences.find_runs_folder(self.session.settings)), self.window
        )
        dialog.theme_chosen.connect(self.set_theme)
        dialog.runs_folder_chosen.connect(self._set_runs_folder)
        self._show(dialog)

    def _set_runs_folder(self, folder: str) -> None:
        self.session.change_settings(runs_folder=folder)
        self.session.list_runs()

    def set_theme(self, mode: str) -> None:
        self.session.change_settings(theme=mode)
        theme.apply(self.qt, self.session.settings.theme)
        self.window.show_theme(mode)

    def show_tour(self) -> None:
        from segbench.gui.tour import Tour

        if self.tour is None:
            self.tour = Tour(self)
        self.tour.begin()

    def _show_guide(self) -> None:
        from segbench.gui.dialogs.guide import Guide

        guide = Guide(self.window)
        guide.finished.connect(guide.deleteLater)
        guide.show()

    def _show_shortcuts(self) -> None:
        from segbench.gui.dialogs.shortcuts import ShortcutSheet

        self._show(ShortcutSheet(list_entries(self.window.menuBar()), self.window))

    def _show_palette(self) -> None:
        from segbench.gui.dialogs.palette import CommandPalette

        self._show(CommandPalette(list_entries(self.window.menuBar()), self.window))

    def _show_doctor(self) -> None:
        from segbench.gui.dialogs.doctor import DoctorDialog

        self._show(DoctorDialog(self.window))

    def _show_about(self) -> None:
        from segbench.gui.dialogs.about import AboutDialog

        places = {
            "Preferences": str(preferences.find_settings_file()),
            "Runs": str(preferences.find_runs_folder(self.session.settings)),
            "Log": self._log_path or "could not be written",
        }
        self._show(AboutDialog(places, self.window))

    def _open_log_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(preferences.find_home("log"))))

    # The end --------------------------------------------------------------------------------------------------------------------

    def ask_to_close(self) -> None:
        """Asks once if a training would be broken off; else closes."""
        if self._closing:
            return
        if self._question is not None:
            self._question.raise_()
            return
        if not any(job.kind == "train" for job in self.jobs.jobs()):
            self.close_unasked()
            return
        question = QMessageBox(self.window)
        question.setObjectName("close_question")
        question.setIcon(QMessageBox.Icon.Question)
        question.setWindowTitle("Training is running")
        question.setText("Stop training and close segbench?")
        question.setInformativeText("What was learnt so far is kept; the run can be continued from there at any time.")
        stop = question.addButton("&Stop training and close", QMessageBox.ButtonRole.AcceptRole)
        keep = question.addButton("&Keep working", QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(keep)
        question.setEscapeButton(keep)
        strip_icons(question)
        question.finished.connect(lambda _code: self._answer(question.clickedButton() is stop))
        question.finished.connect(question.deleteLater)
        self._question = question
        question.open()

    def _answer(self, close: bool) -> None:
        self._question = None
        if close:
            self.close_unasked()

    def close_unasked(self) -> None:
        """Begins the shutdown: jobs are cancelled by the root coroutine, which then calls `finish`."""
        if self._closing:
            return
        self._closing = True
        self._memory_timer.stop()
        self.save_look()
        self.window.setEnabled(False)
        self.window.status.show_job("Closing…", 0, 0, "", False)
        if self._closed is not None:
            self._closed()

    def finish(self) -> None:
        """The jobs are done: the window goes."""
        log.info("segbench is closed.")
        self.errors.done(0)
        self.window.may_close = True
        self.window.close()

    def save_look(self) -> None:
        """Keeps layout and page for the next start."""
        look = self.window.read_look()._replace(dark=theme.current_theme().is_dark)
        save_first_look(FirstLook(*look))
        splitters = {
            f"{name}/{part}": state
            for name, view in self.views.items()
            if hasattr(view, "save_layout")
            for part, state in view.save_layout().items()
        }
        self.session.change_settings(
            page=look.page, geometry=encode(look.geometry), layout=encode(look.layout), layout_version=LAYOUT_VERSION,
            splitters=splitters or self.session.settings.splitters,
        )  # fmt: skip

    def _reset_layouts(self) -> None:
        for name, layout in self._first_layouts.items():
            self.views[name].restore_layout(layout)
