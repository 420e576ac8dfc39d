"""What every window test needs: offscreen Qt, a home of its own, a live asyncio loop inside Qt's, and a look for leaks afterwards."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import qasync
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication, QMenu
from shiboken6 import isValid

from segbench.events import Event, LibrariesLoaded
from segbench.gui import theme
from segbench.gui.session import Session
from segbench.jobs import JobRunner
from segbench.settings import Settings

if TYPE_CHECKING:
    from segbench.gui.desk import Desk
    from segbench.gui.main_window import MainWindow


class Running(NamedTuple):
    """A session and a job runner whose jobs really run; wait with qtbot.waitUntil(lambda: ...). `events` keeps what was published."""

    session: Session
    jobs: JobRunner
    events: list[Event]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Preferences, caches, logs and runs of this test alone."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SEGBENCH_HOME", str(folder))
    return folder


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
    """asyncio inside Qt's event loop: callbacks run whenever qtbot waits. An exception in one of them fails the test."""
    qt_loop = qasync.QEventLoop(qapp)
    failures: list[dict[str, object]] = []
    qt_loop.set_exception_handler(lambda _loop, context: failures.append(context))
    asyncio.set_event_loop(qt_loop)
    # Not `already_running`: that loop can only be stopped by leaving Qt's, which pytest-qt then cannot enter again
    asyncio.events._set_running_loop(qt_loop)
    yield qt_loop
    asyncio.events._set_running_loop(None)
    asyncio.set_event_loop(None)
    qt_loop.close()
    for failure in failures:
        if isinstance(failure.get("exception"), BaseException):
            raise failure["exception"]  # type: ignore[misc]
    assert not failures


@pytest.fixture
def running(loop: asyncio.AbstractEventLoop, qtbot: object) -> Iterator[Running]:
    """(session, jobs, events): a real Session and a real JobRunner. Its jobs are cancelled and joined at the end."""
    session = Session(Settings())
    jobs = JobRunner(loop, session.publish)
    session.attach(jobs)
    events: list[Event] = []
    session.subscribe(lambda batch: events.extend(batch))
    yield Running(session, jobs, events)
    finish_jobs(loop, jobs, qtbot)


def finish_jobs(loop: asyncio.AbstractEventLoop, jobs: JobRunner, qtbot: object) -> None:
    """Shuts the runner down and turns Qt's loop until that is done."""
    task = loop.create_task(jobs.shutdown())
    qtbot.waitUntil(task.done, timeout=30_000)  # type: ignore[attr-defined]
    task.result()


@pytest.fixture
def desk(
    qapp: QApplication, loop: asyncio.AbstractEventLoop, qtbot: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """The whole window with every panel, ready to be used; torch is not loaded ahead. Closed in order at the end."""
    from segbench.gui import desk as module
    from segbench.gui.alarm import Alarm
    from segbench.gui.main_window import MainWindow
    from segbench.gui.widgets.log_view import LogRelay

    def load_nothing() -> Iterator[LibrariesLoaded]:
        yield LibrariesLoaded("torch")
        return "cpu, one thread"

    monkeypatch.setattr(module, "load_for_networks", load_nothing)
    theme.apply(qapp, "light")
    window = MainWindow()
    window.resize(1280, 720)
    window.show()
    window.build_rest()
    alarm = Alarm()
    loop.set_exception_handler(alarm.hear_loop)
    full = module.Desk(qapp, window, loop, alarm, LogRelay(), "segbench.log")
    closed: list[bool] = []
    full.begin([], lambda: closed.append(True))
    qtbot.waitUntil(lambda: full.is_ready, timeout=60_000)  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: not full.jobs.jobs(), timeout=60_000)  # type: ignore[attr-defined]
    yield full
    full.close_unasked()
    finish_jobs(loop, full.jobs, qtbot)
    full.finish()
    assert closed == [True]
    for dialog in qapp.topLevelWidgets():
        if dialog.isVisible():
            dialog.close()
    window.deleteLater()
    theme.apply(qapp, "light")


@pytest.fixture
def window(desk: Desk) -> MainWindow:
    """The main window of `desk`."""
    return desk.window


@pytest.fixture
def session(running: Running) -> Session:
    return running.session


@pytest.fixture
def jobs(running: Running) -> JobRunner:
    return running.jobs


@pytest.fixture(params=["light", "dark"])
def any_theme(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[theme.Theme]:
    """The test runs once a theme."""
    theme.apply(qapp, request.param)
    yield theme.current_theme()
    theme.apply(qapp, "light")


@pytest.fixture
def wait_for(qtbot: object) -> Callable[..., None]:
    """wait_for(condition, timeout=10_000): turns Qt's loop until the condition holds."""

    def wait(condition: Callable[[], object], timeout: int = 10_000) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)  # type: ignore[attr-defined]

    return wait


@pytest.fixture(autouse=True)
def no_leaks(qapp: QApplication, home: Path) -> Iterator[None]:
    """After each test: no thread of segbench, no repeating timer and no window, visible or not, more than before."""
    gc.freeze()  # what is there now is neither searched nor found below
    threads, windows = set(threading.enumerate()), set(map(id, qapp.topLevelWidgets()))
    yield
    left = [t.name for t in threading.enumerate() if t not in threads and t.name.startswith("segbench")]
    assert not left, f"threads still run after the test: {left}"
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    qapp.processEvents()
    gc.collect()
    # The menus of pyqtgraph's charts have no parents: they go when Python lets go of the chart, a little after the test
    more = [w for w in qapp.topLevelWidgets() if id(w) not in windows and not (isinstance(w, QMenu) and w.isHidden())]
    names = [w.objectName() or type(w).__name__ for w in more]
    found = [timer for timer in gc.get_objects() if issubclass(type(timer), QTimer)]
    timers = [
        f"{type(t.parent()).__name__}'s timer" for t in found if isValid(t) and t.isActive() and not t.isSingleShot()
    ]
    for widget in more:
        widget.close()
        widget.deleteLater()
    assert not more, f"windows are left after the test: {names}"
    assert not timers, f"timers still run after the test: {timers}"
