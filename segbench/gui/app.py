"""The composition root: the first paint, then libraries, loop, session, jobs and panels; and the way out.

Imports nothing heavy at its head, and before the window is painted only the few modules that paint it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from PySide6.QtWidgets import QApplication

    from segbench.errors import ErrorReport
    from segbench.gui.desk import Desk
    from segbench.gui.first_look import FirstLook
    from segbench.gui.main_window import MainWindow

PAINT_SECONDS = 5.0  # a window that is not shown by then (minimised at once) is no reason to wait
NO_QT = (
    "segbench's window needs PySide6, pyqtgraph and qasync, which are not all installed. "
    "Install them with `pip install segbench[gui]`; all commands but the window work without them."
)
NO_PLATFORM = (
    "The window could not be opened: Qt found no way to the display. Run `segbench doctor`: it names what is missing and how "
    "to install it. The commands work without a display: segbench generate, train, predict, export, evaluate."
)
log = logging.getLogger(__name__)


def run_window(arguments: list[str]) -> int:
    """Opens the window, with the datasets, runs, checkpoints or images in `arguments`, and returns when it is closed.

    Returns 0, or 1 with one sentence on stderr when no window can be opened here.
    """
    if not _answers():
        from segbench.display import NO_DISPLAY

        return _complain(f"{NO_DISPLAY} `segbench doctor` tells more.")
    try:
        from PySide6.QtCore import qInstallMessageHandler
        from PySide6.QtWidgets import QApplication

        from segbench.gui import icons, theme
        from segbench.gui.first_look import load_first_look
        from segbench.gui.main_window import MainWindow
    except ImportError as error:
        return _complain(f"{NO_QT} ({error})")
    qInstallMessageHandler(_hear_early)
    # The style by argument: naming it in code loads enums that the first paint does not need
    qt = QApplication(["segbench", "-style", "fusion"])
    qt.setApplicationName("segbench")
    qt.setDesktopFileName("segbench")
    qt.setQuitOnLastWindowClosed(False)
    look = load_first_look()
    theme.apply_first(qt, look.dark)
    icons.hold()
    window = MainWindow(look)
    window.show()
    deadline = time.monotonic() + PAINT_SECONDS
    while not window.paint_first() and time.monotonic() < deadline:
        qt.processEvents()
    return _live(qt, window, look, arguments)


def _live(qt: QApplication, window: MainWindow, look: FirstLook, arguments: list[str]) -> int:
    """Everything after the first paint, in portions between which the window answers."""
    window.build_rest()
    qt.processEvents()
    import asyncio
    import signal

    qt.processEvents()
    try:
        import qasync
    except ImportError as error:
        return _complain(f"{NO_QT} ({error})")
    from segbench import jobs, settings
    from segbench.gui.alarm import Alarm, StallWatch, close_log, set_up_log, take_crash, watch_for_crashes
    from segbench.gui.widgets.log_view import LogRelay

    qt.processEvents()
    from segbench.gui.desk import Desk

    relay, alarm, folder = LogRelay(), Alarm(), settings.find_home("log")
    log_file = set_up_log(folder, relay)
    crash = take_crash(folder)
    end_crash_watch = watch_for_crashes(folder)
    stalls = StallWatch(folder)
    alarm.install()
    jobs.prepare_threads()
    loop = qasync.QEventLoop(qt)
    loop.set_exception_handler(alarm.hear_loop)
    desk = Desk(qt, window, loop, alarm, relay, str(log_file or ""))
    try:
        with loop:
            for name in ("SIGINT", "SIGTERM"):
                try:
                    loop.add_signal_handler(getattr(signal, name), desk.close_unasked)
                except (AttributeError, ValueError, RuntimeError):
                    log.debug("No handler for %s on this system.", name)
            loop.run_until_complete(_stay_open(desk, asyncio.Event(), arguments, crash))
    finally:
        alarm.remove()
        stalls.end()
        window.deleteLater()
        qt.processEvents()
        end_crash_watch()
        close_log()
    if any(thread.name.startswith("segbench-") for thread in threading.enumerate()):
        os._exit(0)  # a library's import or one long call holds a thread; everything is saved by now
    return 0


async def _stay_open(desk: Desk, closed: asyncio.Event, arguments: list[str], crash: ErrorReport | None) -> None:
    """The root coroutine: what ends it is the window's wish to close. crash: what there is to tell of the last start."""
    desk.begin(arguments, closed.set)
    if crash is not None:
        desk.alarm.tell_report(crash)
    await closed.wait()
    await desk.jobs.shutdown(timeout=desk.shutdown_seconds)
    desk.finish()


def _answers() -> bool:
    """Is there a display, and does somebody listen at it if it is a local X server? Qt would abort the process otherwise.

    As `segbench.display` asks, without its imports, which the first paint would wait for.
    """
    if not sys.platform.startswith("linux"):
        return True
    name = os.environ.get("DISPLAY", "")
    if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM", "xcb") != "xcb":
        return True
    host, _, number = name.partition(":")
    path = f"/tmp/.X11-unix/X{number.partition('.')[0]}"
    if not name or host not in ("", "unix") or os.path.exists(path):
        return bool(name)
    import socket

    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(2)
        try:
            line.connect(f"\0{path}")
            return True
        except OSError:
            return False


def _hear_early(kind: Any, _context: object, message: str) -> None:
    """Qt's messages until the log stands. A fatal one would abort the process: it ends with a sentence instead."""
    if kind.name == "QtFatalMsg":
        _complain(f"{NO_PLATFORM} ({message.splitlines()[0]})")
        os._exit(1)


def _complain(sentence: str) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"{sentence}\n")
    return 1
