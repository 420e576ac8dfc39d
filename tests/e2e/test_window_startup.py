"""Starting the program: with nothing, with a dataset, a run or a checkpoint, with what is not there, and without a display."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QWidget

from tests.e2e.driving import User


class Watch(QObject):
    """Writes down every window that comes up but the program's own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.seen.append(watched.objectName() or type(watched).__name__)
        return False


def test_that_the_first_start_shows_the_welcome_and_no_other_window(run_app, qapp) -> None:
    watch = Watch()
    qapp.installEventFilter(watch)

    def body(user: User) -> None:
        assert user.text("status_dataset") == "No dataset open"
        for name in ("generate", "open_folder", "open_file", "tour"):
            assert user.find(name).isEnabled()
        assert "Recent" not in [label.text() for label in user.find_labels("welcome")]
        assert set(watch.seen) == {"main_window"}

    try:
        assert run_app(body) == 0
    finally:
        qapp.removeEventFilter(watch)


def test_that_a_start_after_a_crash_shows_its_report_once(run_app, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path / "home"))
    log = tmp_path / "home" / "log"
    log.mkdir(parents=True)
    crash = "import faulthandler, sys; faulthandler.enable(open(sys.argv[1], 'a')); faulthandler._sigsegv()"
    subprocess.run([sys.executable, "-c", crash, str(log / "crash.log")], timeout=60)

    def look(user: User) -> None:
        user.expects_error = True
        user.wait_for(lambda: user.sees("error_dialog"), "the report")
        assert user.text("error_message") == "segbench ended abruptly when it was last open."
        assert "Segmentation fault" in user.find("error_details", QPlainTextEdit).toPlainText()
        user.press("Escape")

    assert run_app(look) == 0
    assert "Segmentation fault" in (log / "crash-told.log").read_text()

    def look_again(user: User) -> None:
        assert not user.sees("error_dialog")

    assert run_app(look_again) == 0


def test_that_a_dataset_named_at_the_start_is_opened_and_remembered(run_app, shapes: Path) -> None:
    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        assert user.text("status_dataset") == "small  ·  30 images, 5 classes"
        assert user.window.windowTitle() == "small — segbench"
        user.menu("File", "Close dataset")
        assert user.text("status_dataset") == "No dataset open"
        recent = [b for b in user.find("welcome").findChildren(QPushButton) if b.toolTip() == str(shapes)]
        assert len(recent) == 1
        user.click_at(recent[0])
        user.wait_for(lambda: user.sees("gallery"), "the gallery again")

    assert run_app(body, shapes) == 0

    def after(user: User) -> None:
        (entry,) = user.find_menu("File", "Open recent").menu().actions()
        assert entry.text().startswith("&1 small")
        entry.trigger()
        user.wait_for(lambda: user.sees("gallery"), "the gallery from the menu")

    assert run_app(after) == 0


def test_that_a_run_named_at_the_start_shows_its_curves(run_app, place) -> None:
    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("run_phase") and user.text("run_phase") == "Completed", "the finished run")
        assert user.text("run_name") == "small run"
        assert user.text("fact_epoch") == "8 / 8"
        user.wait_for(lambda: user.count_points("loss") > 0, "the loss curve")
        user.wait_for(lambda: user.count_points("iou") > 0, "the curve of the IoU")

    assert run_app(body, place.run) == 0


def test_that_a_checkpoint_named_at_the_start_waits_for_images(run_app, place) -> None:
    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("checkpoint") and user.text("checkpoint"), "a chosen checkpoint")
        assert user.text("checkpoint") == "best.safetensors"
        assert "step" in user.text("checkpoint_facts")
        assert not user.find("export_masks").isEnabled()
        user.click("empty_state_button")
        assert user.sees("welcome")

    assert run_app(body, place.run / "checkpoints" / "best.safetensors") == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "There is nothing at"),
        (lambda path: path.write_bytes(b"no checkpoint"), "bad.safetensors"),
        (lambda path: path.mkdir(), "bad.safetensors"),
    ],
    ids=["nothing there", "a broken file", "an empty folder"],
)
def test_that_a_bad_path_is_told_in_a_sentence_and_the_welcome_stays(
    run_app, tmp_path: Path, make, words, capsys
) -> None:
    path = tmp_path / "bad.safetensors"
    make(path)

    def body(user: User) -> None:
        message, hint, _details = user.read_error()
        assert words in message
        assert message.rstrip().endswith(".")
        assert hint
        assert "Traceback" not in message + hint
        user.click_rail("Dataset")
        assert user.sees("welcome")

    assert run_app(body, path) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_that_without_a_display_one_sentence_is_said_and_the_code_is_1(home: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    told = subprocess.run([sys.executable, "-m", "segbench"], capture_output=True, text=True, env=kept, timeout=120)
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux can lack a display")
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.count("\n") == 1
    assert told.stderr.startswith("There is no display here")


def test_that_a_display_that_nobody_serves_is_told_too(home: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux has X displays")
    kept = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    told = subprocess.run(
        [sys.executable, "-m", "segbench"],
        capture_output=True,
        text=True,
        env={**kept, "DISPLAY": ":3971"},
        timeout=120,
    )
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert told.stderr.count("\n") == 1
