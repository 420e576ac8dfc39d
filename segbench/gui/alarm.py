"""Where every exception ends that nobody caught: the log file and, as an ErrorReport, one signal that app.py shows as a dialog."""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from PySide6.QtCore import QObject, QTimer, QtMsgType, Signal, qInstallMessageHandler

from segbench.errors import ErrorReport, explain

LOG_BYTES, LOG_FILES = 1_000_000, 3
STALL_SECONDS = 2.0
CRASH_BYTES = 64_000  # of a report; the first stacks tell
QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}
# Qt says these on platforms that lack a feature; nothing is wrong
QT_CHATTER = ("propagateSizeHints", "This plugin does not support", "Populating font family aliases")
log = logging.getLogger(__name__)


class Alarm(QObject):
    """Takes over Python's, asyncio's and Qt's last-resort handlers between `install` and `remove`."""

    raised = Signal(object)  # ErrorReport; from any thread, heard in the window's
    interrupted = Signal()  # Ctrl+C in the terminal

    def __init__(self) -> None:
        super().__init__()
        self._before: tuple[Any, Any, Any] | None = None

    def install(self) -> None:
        self._before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        sys.excepthook = self._hear_exception
        threading.excepthook = self._hear_thread
        sys.unraisablehook = self._hear_unraisable
        qInstallMessageHandler(hear_qt)

    def remove(self) -> None:
        if self._before is not None:
            sys.excepthook, threading.excepthook, sys.unraisablehook = self._before
            self._before = None
            qInstallMessageHandler(None)

    def tell(self, error: BaseException) -> None:
        """Logs an exception and raises the alarm. From any thread."""
        report = explain(error)
        log.error("%s\n%s", report.message, report.details)
        self.tell_report(report)

    def tell_report(self, report: ErrorReport) -> None:
        """Raises the alarm for something that stands in the log already."""
        self.raised.emit(report)

    def hear_loop(self, _loop: object, context: dict[str, Any]) -> None:
        """For asyncio's set_exception_handler."""
        error = context.get("exception")
        self.tell(error if isinstance(error, BaseException) else RuntimeError(context.get("message", "event loop")))

    def _hear_exception(self, kind: type[BaseException], error: BaseException, _trace: object) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self.interrupted.emit()
        else:
            self.tell(error)

    def _hear_thread(self, told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None and not issubclass(told.exc_type, SystemExit):
            self.tell(told.exc_value)

    def _hear_unraisable(self, told: Any) -> None:
        """An exception in a __del__ or in a callback of Qt: noted; it is no use to the user."""
        log.error("Unraisable in %r", told.object, exc_info=told.exc_value)


def hear_qt(kind: QtMsgType, _context: object, message: str) -> None:
    """Qt's own messages go to the log."""
    level = logging.DEBUG if any(part in message for part in QT_CHATTER) else QT_LEVELS.get(kind, logging.WARNING)
    logging.getLogger("qt").log(level, "%s", message)


class Headlines(logging.Formatter):
    """One line a record: the stacks are in the log file."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).partition("\n")[0]


def set_up_log(folder: Path, relay: logging.Handler | None = None) -> Path | None:
    """Logs to folder/segbench.log (three files of a megabyte), to the terminal from warnings up, and to `relay`.

    Returns the log file's path, or None if the folder cannot be written to.
    """
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    logging.getLogger("segbench").setLevel(logging.DEBUG)
    lines = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    path: Path | None = folder / "segbench.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = logging.handlers.RotatingFileHandler(
            folder / "segbench.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8", delay=False
        )
        file.setFormatter(lines)
        root.addHandler(file)
    except OSError:
        path = None
    if sys.stderr is not None:  # None under pythonw
        terminal = logging.StreamHandler()
        terminal.setLevel(logging.WARNING)
        terminal.setFormatter(Headlines("%(levelname)s %(name)s: %(message)s"))
        root.addHandler(terminal)
    if relay is not None:
        root.addHandler(relay)
    return path


def close_log() -> None:
    """Takes the handlers of `set_up_log` off again."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler).__module__.startswith(("segbench", "logging")):
            root.removeHandler(handler)
            handler.close()


class StallWatch(QObject):
    """Writes the stacks of all threads to folder/stalls.log when the event loop stands still for `seconds`.

    Each turn of a timer puts the dump off once more; faulthandler waits in a thread of C, so a stall inside C is seen, too.
    """

    def __init__(self, folder: Path, seconds: float = STALL_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._beaten = time.monotonic()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._beat)
        try:
            self._file: IO[str] | None = (folder / "stalls.log").open("a", encoding="utf-8")
        except OSError:
            self._file = None
            return
        self._beat()
        self._timer.start(round(seconds * 250))

    def _beat(self) -> None:
        assert self._file is not None
        late = time.monotonic() - self._beaten
        self._beaten = time.monotonic()
        faulthandler.dump_traceback_later(self._seconds, file=self._file)
        if late > self._seconds * 1.25:
            log.warning("The window stood still for %.1f s; what it did stands in %s.", late, self._file.name)

    def end(self) -> None:
        self._timer.stop()
        if self._file is not None:
            faulthandler.cancel_dump_traceback_later()
            self._file.close()
            self._file = None


def take_crash(folder: Path) -> ErrorReport | None:
    """What crash.log holds of a start that ended abruptly, put aside as crash-told.log, so that it is told once; None if nothing.

    Never raises.
    """
    path = folder / "crash.log"
    try:
        if not path.stat().st_size:
            return None
        with path.open("rb") as file:
            stacks = file.read(CRASH_BYTES).decode(errors="replace")
        path.replace(path.with_name("crash-told.log"))
    except OSError:
        return None
    return ErrorReport(
        "segbench ended abruptly when it was last open.",
        f"What was trained is kept up to its last checkpoint: open the run, and continue it. The report is in {folder}.",
        stacks,
        expected=False,
    )


def watch_for_crashes(folder: Path) -> Callable[[], None]:
    """Crashes of native code leave the Python stacks of all threads in folder/crash.log. Returns what ends the watch."""
    try:
        file: IO[str] = (folder / "crash.log").open("a", encoding="utf-8")
    except OSError:
        return lambda: None
    faulthandler.enable(file)

    def end() -> None:
        faulthandler.disable()
        file.close()

    return end
