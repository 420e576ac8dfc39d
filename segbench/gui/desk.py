"""What joins the window to the session: builds the panels one by one, opens what is asked for, tells the status bar what runs,
shows errors, and puts everything away when the window closes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QTimer
from PySide6.QtWidgets import QFrame, QMessageBox

from segbench import settings as preferences
from segbench.events import (
    DatasetClosed,
    DatasetOpened,
    Event,
    ExportRequested,
    JobCancelled,
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
from segbench.gui.activity import QUIET, Activity, describe_bytes
from segbench.gui.dialogs.buttons import strip_icons
from segbench.gui.dialogs.error import ErrorDialog
from segbench.gui.dialogs.menu import MenuDialogs
from segbench.gui.first_look import LAYOUT_VERSION, FirstLook, encode, save_first_look
from segbench.gui.libraries import load_for_networks, load_for_views, make_qt_types
from segbench.gui.opening import Opening
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

SHUTDOWN_SECONDS = 4.5
NOTHING_TO_KEEP = 0.2  # seconds for an import, which cannot be broken off
MEMORY_SECONDS = 2
UNSTOPPABLE = ("train", "load libraries")  # the training panel has its own Stop and Cancel
BROKEN_OFF = {  # what closing the window asks about first: what it is called, and what becomes of it
    "train": ("training", "What was learnt so far is kept; the run can be continued from there at any time."),
    "export": ("exporting", "The files that are written stay; the others will be missing."),
    "generate": ("generating", "Nothing of the new dataset is kept."),
}
CANNOT_KEEP = (
    "Its folder cannot be written to now: what was learnt since the last checkpoint would be lost. To keep it, keep working, "
    "make room, and press Resume first."
)
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
        self._first_layouts: dict[str, dict[str, str]] = {}
        self._closed: Callable[[], None] | None = None
        self._closing = False
        self._question: QMessageBox | None = None
        self._idle_device: Any = None
        self._device_text = "Device: looking…"
        self._memory_timer = QTimer(window)
        self._memory_timer.timeout.connect(self._read_memory)
        self.opening = Opening(self.session, window, alarm, self._predict_pictures)
        self.dialogs = MenuDialogs(self.session, self.jobs, window, log_path, self.set_theme)
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
        self._types = make_qt_types()
        QTimer.singleShot(0, self._load)

    def _load(self) -> None:
        """Between two slices the window lives on; behind the last one the libraries load in their own thread."""
        if self._closing:
            return
        if next(self._types, ""):
            QTimer.singleShot(0, self._load)
        else:
            self.jobs.start("load libraries", load_for_views(import_panels), title="Loading", lane="io")

    def _wire(self) -> None:
        window = self.window
        for signal, answer in (
            (window.close_requested, self.ask_to_close),
            (window.open_folder_requested, self.opening.ask_for_folder),
            (window.open_file_requested, self.opening.ask_for_file),
            (window.generate_requested, self.show_generator),
            (window.close_dataset_requested, self.session.close_dataset),
            (window.preferences_requested, self.dialogs.show_preferences),
            (window.tour_requested, self.show_tour),
            (window.guide_requested, self.dialogs.show_guide),
            (window.shortcuts_requested, self.dialogs.show_shortcuts),
            (window.palette_requested, self.dialogs.show_palette),
            (window.doctor_requested, self.dialogs.show_doctor),
            (window.about_requested, self.dialogs.show_about),
            (window.log_folder_requested, self.dialogs.open_log_folder),
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
        self.opening.be_ready()
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
                    self._take_end(kind)
                case JobCancelled(_, kind):
                    self._take_end(kind)
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

    def _take_end(self, kind: str) -> None:
        """A dataset that could not be opened, or was not to be: back to what was there, unless another is being opened."""
        if kind == "open dataset" and not any(job.kind == kind for job in self.jobs.jobs()):
            self.window.show_welcome(self.session.dataset is None)

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
            status.show_job(title, work.done, work.total, work.news, work.kind not in UNSTOPPABLE)
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

    # What the user asks for -----------------------------------------------------------------------------------------------

    def open_paths(self, paths: list[str]) -> None:
        """Opens a dataset, a run or a checkpoint, or pictures to predict; waits until the panels are there to show it."""
        self.opening.open_paths(paths)

    def _predict_pictures(self, paths: list[str]) -> None:
        self.presenters["prediction"].open_files(paths)

    def show_generator(self) -> None:
        self.dialogs.show_generator()

    def set_theme(self, mode: str) -> None:
        self.session.change_settings(theme=mode)
        theme.apply(self.qt, self.session.settings.theme)
        self.window.show_theme(mode)

    def show_tour(self) -> None:
        from segbench.gui.tour import Tour

        if self.tour is None:
            self.tour = Tour(self)
        self.tour.begin()

    # The end --------------------------------------------------------------------------------------------------------------------

    def ask_to_close(self) -> None:
        """Asks once if work would be broken off, and says which; else closes."""
        if self._closing:
            return
        if self._question is not None:
            self._question.raise_()
            return
        running = {job.kind: job for job in self.jobs.jobs()}
        work = [BROKEN_OFF[kind] for kind in BROKEN_OFF if kind in running]
        if "train" in running and running["train"].blocked:
            work[0] = ("training", CANNOT_KEEP)
        if not work:
            self.close_unasked()
            return
        doing = " and ".join(name for name, _ in work)
        question = QMessageBox(self.window)
        question.setObjectName("close_question")
        question.setIcon(QMessageBox.Icon.Question)
        question.setWindowTitle("Close segbench")
        question.setText(f"Stop {doing} and close segbench?")
        question.setInformativeText("\n".join(fate for _, fate in work))
        stop = question.addButton(f"&Stop {doing} and close", QMessageBox.ButtonRole.AcceptRole)
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

    @property
    def shutdown_seconds(self) -> float:
        """How long the shutdown may wait for the jobs."""
        return NOTHING_TO_KEEP if all(j.kind == "load libraries" for j in self.jobs.jobs()) else SHUTDOWN_SECONDS

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
