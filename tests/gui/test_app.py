"""Start, errors, opening things and the way out, with every panel in the window."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu, QMessageBox, QWidget

from segbench.errors import ErrorReport, OutOfMemory, SegbenchError, explain
from segbench.events import JobFailed, Progressed, RunOpened, StorageFailed
from segbench.gui.actions import list_entries
from segbench.gui.alarm import Alarm, StallWatch, close_log, hear_qt, set_up_log, watch_for_crashes
from segbench.gui.dialogs.guide import find_pages
from segbench.gui.libraries import make_qt_types

# The start --------------------------------------------------------------------------------------------------------------


def _run(code_or_args, **variables):
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    return subprocess.run(
        [sys.executable, *code_or_args], capture_output=True, text=True, timeout=120, env={**environment, **variables}
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
@pytest.mark.parametrize("variables", [{}, {"DISPLAY": ":7391"}], ids=["none", "dead"])
def test_that_without_a_display_one_sentence_is_said(variables):
    told = _run(["-m", "segbench"], **variables)
    assert told.returncode == 1
    assert "doctor" in told.stderr
    assert "Traceback" not in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1


def test_that_a_fatal_word_of_qt_is_a_sentence_and_no_abort():
    told = _run(["-m", "segbench"], QT_QPA_PLATFORM="nosuchplatform")
    assert told.returncode == 1
    assert "segbench doctor" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("missing", ["PySide6", "qasync"])
def test_that_a_missing_gui_extra_says_how_to_install_it(missing):
    code = f"import sys; sys.modules[{missing!r}] = None\nfrom segbench.gui.app import run_window\nsys.exit(run_window([]))"
    told = _run(["-c", code], QT_QPA_PLATFORM="offscreen")
    assert told.returncode == 1
    assert "segbench[gui]" in told.stderr
    assert "Traceback" not in told.stderr


def test_that_the_first_paint_waits_for_no_library():
    code = (
        "import sys\nfrom segbench.gui import app\n"
        "app._live = lambda qt, window, look, given: print(*sorted(set(sys.modules) & "
        "{'numpy', 'torch', 'pyqtgraph', 'msgspec', 'asyncio', 'qasync', 'PIL'})) or 0\n"
        "sys.exit(app.run_window([]))"
    )
    told = _run(["-c", code], QT_QPA_PLATFORM="offscreen")
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == ""


WITH_A_SCRIPT = """
import sys
from PySide6.QtCore import Qt, QTimer
from segbench.gui import app, desk
begin = desk.Desk.begin
def begin_and_leave(self, *given):
    begin(self, *given)
    def look():
        if self.is_ready:
            print("ready", sorted(self.views), flush=True)
            {then}
        else:
            QTimer.singleShot(20, look)
    look()
desk.Desk.begin = begin_and_leave
sys.exit(app.run_window([]))
"""


def test_that_the_window_opens_with_all_panels_closes_and_keeps_its_settings(home):
    told = _run(["-c", WITH_A_SCRIPT.format(then="self.window.close()")], QT_QPA_PLATFORM="offscreen")
    assert told.returncode == 0, told.stderr
    assert "['convolution', 'dataset', 'evaluation', 'export', 'prediction', 'runs', 'training']" in told.stdout
    assert (home / "config" / "settings.json").exists()
    assert (home / "cache" / "first_look").exists()
    assert "segbench is closed" in (home / "log" / "segbench.log").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_that_a_signal_closes_the_window_in_order(home):
    told = _run(
        ["-c", WITH_A_SCRIPT.format(then=f"import os; os.kill(os.getpid(), {int(signal.SIGTERM)})")],
        QT_QPA_PLATFORM="offscreen",
    )
    assert told.returncode == 0, told.stderr
    assert "segbench is closed" in (home / "log" / "segbench.log").read_text()


# Errors -----------------------------------------------------------------------------------------------------------------


def test_that_an_error_in_a_slot_a_thread_or_the_loop_reaches_the_one_dialog(desk, loop, qtbot, home):
    log_file = set_up_log(home / "log")
    desk.alarm.install()
    try:
        error = ValueError("a slip")
        sys.excepthook(ValueError, error, None)
        worker = threading.Thread(
            target=lambda: threading.excepthook(threading.ExceptHookArgs((ValueError, error, None, None)))
        )
        worker.start()
        loop.call_soon(lambda: (_ for _ in ()).throw(SegbenchError("The loop stumbled.", "Look.")))
        qtbot.waitUntil(lambda: sum(t.times for t in desk.errors.troubles) == 3)
        worker.join()
    finally:
        desk.alarm.remove()
        close_log()
    assert desk.errors.isVisible()
    assert [(t.report.message.split(":")[0], t.times) for t in desk.errors.troubles] == [
        ("segbench made a mistake", 2),
        ("The loop stumbled.", 1),
    ]
    assert "a slip" in log_file.read_text()
    desk.errors.close()


STUMBLING = """
import asyncio, sys
sys.path.insert(0, "scripts")
from benchmarks.window import be_ready, drive

async def stumble(desk):
    from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPointF, Qt, QTimer
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QWidget
    await be_ready(desk)

    class Part(QWidget):
        def event(self, event):
            if event.type() == QEvent.Type.User:
                raise ValueError("event")
            return super().event(event)
        def mousePressEvent(self, event):
            raise ValueError("mouse")
        def paintEvent(self, event):
            raise ValueError("paint")

    class Filter(QObject):
        def eventFilter(self, watched, event):
            if event.type() == QEvent.Type.User:
                raise ValueError("filter")
            return False

    part, watched, sieve = Part(desk.window), QWidget(desk.window), Filter()
    part.setGeometry(0, 0, 50, 50)
    part.show()
    watched.installEventFilter(sieve)
    for _ in range(20):
        part.update()
        await asyncio.sleep(0.02)
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QCoreApplication.postEvent(part, QEvent(QEvent.Type.User))
    QCoreApplication.postEvent(
        part, QMouseEvent(QEvent.Type.MouseButtonPress, QPointF(5, 5), QPointF(5, 5), left, left, none))
    QCoreApplication.postEvent(watched, QEvent(QEvent.Type.User))
    QTimer.singleShot(0, lambda: [].pop())
    await asyncio.sleep(0.5)
    for trouble in desk.errors.troubles:
        print(trouble.report.details.strip().splitlines()[-1].split()[-1], trouble.times > 10)
    print(sum(w.objectName() == "error_dialog" and w.isVisible() for w in desk.qt.topLevelWidgets()), "dialog")

drive(stumble, strict=False)
"""


def test_that_errors_in_overrides_of_qt_reach_the_one_dialog_and_the_window_lives_on():
    told = _run(["-c", STUMBLING], QT_QPA_PLATFORM="offscreen")
    assert told.returncode == 0, told.stderr
    assert sorted(told.stdout.split("\n")) == ["", "1 dialog", "event False", "filter False", "list False", "mouse False", "paint True"]  # fmt: skip


def test_that_a_failed_job_is_shown_once_and_counted(desk, qtbot):
    def work():
        yield Progressed("trying", 0, 1)
        raise SegbenchError("The disk is full.", "Free some space.")

    for _ in range(3):
        desk.jobs.start("scan", work(), lane="io")
    qtbot.waitUntil(lambda: sum(trouble.times for trouble in desk.errors.troubles) == 3)
    assert desk.errors.message.text() == "The disk is full."
    assert "3 times" in desk.errors.times.text()
    assert len([w for w in QApplication.topLevelWidgets() if w.isVisible() and w.objectName() == "error_dialog"]) == 1
    desk.errors.close()


def test_that_out_of_memory_offers_a_smaller_batch(desk, qtbot, monkeypatch):
    taken = []
    monkeypatch.setattr(desk.presenters["training"], "use_batch", taken.append, raising=False)
    desk.session.publish([JobFailed(1, "train", explain(OutOfMemory("Too large.", "Try less.", 2)))])
    assert desk.errors.smaller.isVisible()
    assert "2" in desk.errors.smaller.text()
    desk.errors.smaller.click()
    assert taken == [2]
    assert desk.window.page == "training"
    assert not desk.errors.isVisible()


def test_that_a_window_that_stands_still_leaves_the_stacks(qapp, qtbot, tmp_path, caplog):
    watch = StallWatch(tmp_path, seconds=0.2)
    time.sleep(0.6)
    qtbot.waitUntil(lambda: "stood still" in caplog.text)
    watch.end()
    assert "test_that_a_window_that_stands_still" in (tmp_path / "stalls.log").read_text()
    StallWatch(tmp_path / "nowhere").end()


def test_that_the_hooks_are_given_back():
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    alarm = Alarm()
    alarm.install()
    assert sys.excepthook is not before[0]
    alarm.remove()
    alarm.remove()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_that_control_c_closes_and_is_no_error(qtbot):
    alarm, reports = Alarm(), []
    alarm.raised.connect(reports.append)
    with qtbot.waitSignal(alarm.interrupted):
        alarm._hear_exception(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert reports == []


def test_that_words_of_qt_go_to_the_log(caplog):
    from PySide6.QtCore import QtMsgType

    with caplog.at_level(logging.DEBUG, "qt"):
        hear_qt(QtMsgType.QtWarningMsg, None, "something odd")
        hear_qt(QtMsgType.QtInfoMsg, None, "This plugin does not support propagateSizeHints()")
    assert caplog.records[0].levelno == logging.WARNING
    assert caplog.records[1].levelno == logging.DEBUG


def test_that_the_terminal_gets_a_line_and_the_log_the_stacks(tmp_path, capsys):
    path = set_up_log(tmp_path)
    try:
        raise ValueError("a slip")
    except ValueError:
        logging.getLogger("segbench").error("It broke.\nIn detail.", exc_info=True)
    finally:
        close_log()
    assert capsys.readouterr().err == "ERROR segbench: It broke.\n"
    assert "a slip" in path.read_text()


def test_that_a_log_folder_that_cannot_be_made_is_no_reason_to_fail(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert set_up_log(tmp_path / "file" / "log") is None
    watch_for_crashes(tmp_path / "file" / "log")()
    close_log()


# Opening ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shapes(tmp_path) -> Path:
    from segbench.data.shapes import write_shapes

    out = tmp_path / "shapes"
    for _ in write_shapes(out, 12, 4, 0, 32):
        pass
    return out


def test_that_a_folder_opens_as_a_dataset_and_is_remembered(desk, shapes, qtbot):
    desk.open_paths([str(shapes)])
    qtbot.waitUntil(lambda: desk.session.dataset is not None, timeout=20_000)
    window = desk.window
    assert window.pages["dataset"].currentWidget() is desk.views["dataset"]
    assert "16 images" in window.status.dataset.text()
    assert desk.session.settings.recent[0] == str(shapes)
    qtbot.waitUntil(lambda: not desk.jobs.jobs(), timeout=20_000)
    desk.session.close_dataset()
    assert window.pages["dataset"].currentWidget() is window.welcome


def test_that_both_files_of_a_data_set_open_together(desk, shapes, qtbot):
    desk.open_paths([str(path) for path in sorted(shapes.glob("*.gz"))])
    qtbot.waitUntil(lambda: desk.session.dataset is not None, timeout=20_000)
    assert desk.session.dataset.info.count == 16
    qtbot.waitUntil(lambda: not desk.jobs.jobs(), timeout=20_000)


def test_that_what_is_missing_is_said_and_forgotten(desk, tmp_path):
    desk.session.remember(str(tmp_path / "gone"))
    desk.open_paths([str(tmp_path / "gone")])
    assert "nothing at" in desk.errors.message.text()
    assert desk.session.settings.recent == ()
    desk.errors.close()


def test_that_a_folder_that_is_no_dataset_leads_back_to_the_welcome(desk, tmp_path, qtbot):
    (tmp_path / "empty").mkdir()
    desk.open_paths([str(tmp_path / "empty")])
    qtbot.waitUntil(lambda: desk.errors.isVisible())
    assert desk.window.pages["dataset"].currentWidget() is desk.window.welcome
    desk.errors.close()


def test_that_the_keys_of_a_page_work_when_it_is_shown(desk, shapes, qtbot):
    desk.open_paths([str(shapes)])
    qtbot.waitUntil(lambda: desk.session.dataset is not None, timeout=20_000)
    desk.window.activateWindow()
    desk.window.show_page("training")
    desk.window.show_page("dataset")
    assert desk.views["dataset"].isAncestorOf(desk.window.focusWidget()) or desk.views["dataset"].hasFocus()
    qtbot.keyClick(desk.window.focusWidget(), Qt.Key.Key_D)
    assert desk.session.sample == 1
    qtbot.waitUntil(lambda: not desk.jobs.jobs(), timeout=20_000)


def test_that_each_page_gives_the_focus_to_the_part_one_works_with_first(desk, shapes, qtbot):
    desk.open_paths([str(shapes)])
    qtbot.waitUntil(lambda: desk.session.dataset is not None, timeout=20_000)
    window, views = desk.window, desk.views
    window.activateWindow()
    desk.session.set_pins((0, 1, 2))
    qtbot.waitUntil(lambda: bool(views["training"].strip.cards), timeout=20_000)
    for page, part in (
        ("training", views["training"].form),
        ("prediction", views["prediction"]),  # which has no picture yet
        ("dataset", views["dataset"].gallery),
        ("training", views["training"].form),
    ):
        window.show_page(page)
        assert window.focusWidget() is part
    qtbot.waitUntil(lambda: not desk.jobs.jobs(), timeout=20_000)


def test_that_an_opening_that_is_cancelled_leads_back_to_the_welcome(desk, qtbot):
    def work():
        while True:
            time.sleep(0.005)
            yield Progressed("reading", 1, 2)

    desk.window.show_welcome(False, "large.gz")
    job = desk.jobs.start("open dataset", work(), title="Opening large.gz", lane="io")
    qtbot.waitUntil(lambda: desk.window.status.cancel.isVisible())
    assert desk.window.pages["dataset"].currentWidget() is desk.window.pages["dataset"].waiting
    job.cancel()
    qtbot.waitUntil(lambda: desk.window.pages["dataset"].currentWidget() is desk.window.welcome)


def test_that_runs_checkpoints_and_pictures_go_where_they_belong(desk, tmp_path, monkeypatch):
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    (tmp_path / "best.safetensors").write_bytes(b"")
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"")
    heard = []
    monkeypatch.setattr(desk.session, "open_run", lambda path: heard.append(("run", Path(path).name)))
    monkeypatch.setattr(desk.session, "open_checkpoint", lambda path: heard.append(("checkpoint", Path(path).name)))
    monkeypatch.setattr(desk.presenters["prediction"], "open_files", lambda paths: heard.append(("files", len(paths))))
    desk.open_paths([str(run)])
    desk.open_paths([str(run / "run.json")])
    desk.open_paths([str(tmp_path / "best.safetensors")])
    assert desk.window.page == "prediction"
    desk.open_paths([str(tmp_path / "a.png"), str(tmp_path / "b.jpg")])
    assert heard == [("run", "run"), ("run", "run"), ("checkpoint", "best.safetensors"), ("files", 2)]
    desk.open_paths([str(run), str(tmp_path / "a.png")])
    assert "several different" in desk.errors.message.text()
    desk.errors.close()


def test_that_an_opened_run_is_shown_on_the_training_page(desk, monkeypatch):
    monkeypatch.setattr(desk.session, "_handlers", [desk.handle])
    desk.session.publish([RunOpened("/run")])
    assert desk.window.page == "training"


def test_that_every_action_of_the_menus_has_a_key(desk):
    assert [entry.title for entry in list_entries(desk.window.menuBar()) if not entry.shortcuts] == []


def test_that_the_guide_names_no_key_that_is_not_there(desk):
    keys = {key for entry in list_entries(desk.window.menuBar()) for key in entry.shortcuts.split(" / ")}
    text = "".join(page.read_text(encoding="utf-8") for page in find_pages())
    named = set(re.findall(r"(?:(?:Ctrl|Alt|Shift)\+)+(?:[A-Z]\w*|[0-9.,])", text))
    assert len(named) > 20
    assert named - keys == set()


def _find_live_keys(window):
    """Every key that works while the focus is where it is, with what it leads to."""
    for entry in list_entries(window.menuBar()):
        context, places = entry.action.shortcutContext(), entry.action.associatedObjects()
        holders = [place for place in places if isinstance(place, QWidget) and not isinstance(place, QMenu)]
        focus = window.focusWidget()
        near = any(place is focus or place.isAncestorOf(focus) for place in holders)
        if context == Qt.ShortcutContext.WindowShortcut or near:
            yield from ((keys.toString(), entry.title) for keys in entry.action.shortcuts())


@pytest.mark.parametrize("page", ["dataset", "training", "prediction", "evaluation"])
def test_that_no_two_actions_share_a_key_where_both_work(desk, page):
    window = desk.window
    window.runs_dock.show()
    window.show_page(page)
    for place in (desk.views[page], desk.views["runs"].table):
        place.setFocus()
        live = list(_find_live_keys(window))
        assert len(live) > 30
        times = Counter(key for key, _ in live)
        assert [(key, title) for key, title in live if times[key] > 1] == []


def test_that_the_keys_of_a_page_with_control_or_alt_work_wherever_the_focus_is(desk, shapes, qtbot):
    desk.open_paths([str(shapes)])
    qtbot.waitUntil(lambda: desk.session.dataset is not None, timeout=20_000)
    window, view, alt = desk.window, desk.views["dataset"], Qt.KeyboardModifier.AltModifier
    window.runs_dock.show()
    with qtbot.waitActive(window):
        window.activateWindow()
    search = desk.views["runs"].search
    search.setFocus()
    qtbot.keyClick(search, Qt.Key.Key_2, alt)
    assert view.overlay_action.isChecked()
    qtbot.keyClick(search, Qt.Key.Key_D)
    assert desk.session.sample == 0  # a letter is typed where letters are
    assert search.text() == "d"
    window.show_page("training")
    search.setFocus()
    qtbot.keyClick(search, Qt.Key.Key_1, alt)
    assert view.overlay_action.isChecked()  # that page is not shown
    window.show_page("dataset")
    copy = view.findChild(QAction, "dataset_copy")
    assert copy.shortcutContext() != Qt.ShortcutContext.WindowShortcut  # the log's text is copied by the same key
    qtbot.waitUntil(lambda: not desk.jobs.jobs(), timeout=20_000)


def test_that_the_theme_changes_live_and_is_kept(desk):
    desk.window.theme_actions["dark"].trigger()
    assert desk.session.settings.theme == "dark"
    from segbench.gui import theme

    assert theme.current_theme() is theme.DARK
    desk.set_theme("light")
    assert theme.current_theme() is theme.LIGHT


def test_that_panels_layouts_are_kept_and_can_be_reset(desk):
    desk.save_look()
    kept = desk.session.settings.splitters
    assert any(name.startswith("training/") for name in kept)
    desk.window.reset_layout()


# The way out ------------------------------------------------------------------------------------------------------------


def _train_forever(log):
    try:
        while True:
            time.sleep(0.005)
            yield Progressed("training", 1, 2)
    finally:
        log.append("model kept")


def _question(desk):
    return [w for w in desk.window.findChildren(QMessageBox) if w.objectName() == "close_question" and w.isVisible()]


def test_that_closing_while_training_asks_once_and_keeps_the_model(desk, loop, qtbot):
    log = []
    desk.jobs.start("train", _train_forever(log), title="Training")
    qtbot.waitUntil(lambda: desk.activity.shown is not None and desk.activity.shown.kind == "train")
    desk.window.close()
    desk.window.close()
    (question,) = _question(desk)
    question.escapeButton().click()
    qtbot.waitUntil(lambda: not _question(desk))
    assert desk.window.isEnabled()
    assert log == []
    desk.window.close()
    (question,) = _question(desk)
    next(b for b in question.buttons() if "Stop training" in b.text()).click()
    qtbot.waitUntil(lambda: not desk.window.isEnabled())
    task = loop.create_task(desk.jobs.shutdown(timeout=5))
    qtbot.waitUntil(task.done, timeout=10_000)
    assert log == ["model kept"]


def test_that_closing_asks_about_an_export_and_a_generation_too(desk, loop, qtbot):
    log = []
    desk.jobs.start("export", _train_forever(log), title="Exporting")
    desk.jobs.start("generate", _train_forever(log), title="Generating", lane="io")
    desk.window.close()
    (question,) = _question(desk)
    assert question.text() == "Stop exporting and generating and close segbench?"
    assert "others will be missing" in question.informativeText()
    assert "Nothing of the new dataset" in question.informativeText()
    next(b for b in question.buttons() if "Stop exporting" in b.text()).click()
    qtbot.waitUntil(lambda: not desk.window.isEnabled())
    task = loop.create_task(desk.jobs.shutdown(timeout=5))
    qtbot.waitUntil(task.done, timeout=10_000)
    assert log == ["model kept", "model kept"]


def test_that_closing_says_what_a_training_that_cannot_be_kept_would_lose(desk, qtbot):
    def work():
        while True:
            yield StorageFailed(3, ErrorReport("The disk is full.", "Free some space.", ""))

    job = desk.jobs.start("train", work(), title="Training")
    assert not job.blocked
    qtbot.waitUntil(lambda: job.blocked)
    desk.window.close()
    (question,) = _question(desk)
    assert "since the last checkpoint would be lost" in question.informativeText()
    assert "is kept" not in question.informativeText()
    question.reject()
    desk.errors.close()


def test_that_closing_without_such_work_asks_nothing(desk):
    desk.window.close()
    assert _question(desk) == []
    assert not desk.window.isEnabled()


def test_that_the_cross_in_the_status_bar_cancels_the_job_it_shows(desk, qtbot):
    log = []
    desk.jobs.start("generate", _train_forever(log), title="Generating", lane="io")
    qtbot.waitUntil(lambda: desk.window.status.work.isVisible() and desk.window.status.cancel.isVisible())
    desk.window.status.cancel.click()
    qtbot.waitUntil(lambda: log == ["model kept"])
    qtbot.waitUntil(lambda: not desk.window.status.work.isVisible())


def test_that_a_timer_keeps_time_while_a_job_runs(desk, qtbot):
    """A job in its lane does not stop the window: a timer of 10 ms fires many times meanwhile."""
    log, ticks = [], []
    job = desk.jobs.start("generate", _train_forever(log), title="Generating", lane="io")
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(10)
    qtbot.waitUntil(lambda: len(ticks) > 10)
    job.cancel()
    qtbot.waitUntil(lambda: bool(log))
    timer.stop()


def test_that_libraries_load_only_when_the_types_of_qt_are_made(desk, monkeypatch):
    begun: list[str] = []
    monkeypatch.setattr(desk.jobs, "start", lambda kind, *_, **__: begun.append(kind))
    desk._types = iter(["QObject"])
    desk._load()
    assert begun == []
    desk._load()
    assert begun == ["load libraries"]


def test_that_the_types_of_qt_are_made_in_slices_that_let_the_window_live_on():
    names = list(make_qt_types())
    assert len(names) > 8
    assert len(set(names)) == len(names)
