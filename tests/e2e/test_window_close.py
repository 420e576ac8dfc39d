"""Closing the window, with and without a training; what is remembered; colours and layout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton, QSplitter

from segbench.formats.checkpoints import read_checkpoint_info
from segbench.formats.runs import open_run
from segbench.gui.panel_table import PANELS
from segbench.settings import load_settings
from tests.e2e.driving import User


def start_training(user: User) -> None:
    """A training that goes on for as long as anybody can wait."""
    user.wait_for(lambda: user.sees("gallery"), "the gallery")
    user.press("Ctrl+2")
    user.choose("knob_network.depth", "4")
    user.type("knob_data.batch_size", "4")
    user.type("knob_epochs", "10000")
    user.click("start")
    user.wait_for(lambda: read_step(user) >= 2, "two steps", seconds=90)


def read_step(user: User) -> int:
    text = user.text("fact_step").partition(" / ")[0].replace(",", "")
    return int(text) if text.isdigit() else 0


def find_questions() -> list[QMessageBox]:
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, QMessageBox) and w.isVisible()]


def test_that_closing_while_training_asks_once_and_keep_working_keeps_working(run_app, shapes: Path) -> None:
    def body(user: User) -> None:
        start_training(user)
        user.window.close()
        user.window.close()
        assert len(find_questions()) == 1
        user.answer("Keep working")
        assert not find_questions()
        step = read_step(user)
        user.wait_for(lambda: read_step(user) > step, "more steps")
        assert user.find("stop").isEnabled()
        user.menu("File", "Quit")
        assert len(find_questions()) == 1
        user.press("Escape")
        user.wait_for(lambda: not find_questions(), "the question to go")
        assert user.window.isVisible()
        user.click("stop")
        user.wait_for(lambda: user.text("run_phase") == "Stopped", "the run to be stopped")
        user.window.close()  # nothing is lost, so nothing is asked
        assert not find_questions()

    assert run_app(body, shapes) == 0


def test_that_stop_and_close_keeps_the_model(run_app, shapes: Path, home: Path) -> None:
    steps = []

    def body(user: User) -> None:
        start_training(user)
        user.window.close()
        steps.append(read_step(user))
        user.answer("Stop training and close")

    assert run_app(body, shapes) == 0
    (folder,) = (home / "data" / "runs").iterdir()
    run = open_run(folder)
    kept = read_checkpoint_info(run.checkpoint("last"))
    assert kept.step >= steps[0]
    assert [event.step for event in run.events() if type(event).__name__ == "StepDone"][-1] == kept.step


SCRIPT = """
import sys
from pathlib import Path
from tests.e2e.driving import run_app
from tests.e2e.test_window_close import start_training


def body(user):
    start_training(user)
    print("training", flush=True)
    user.window.close()
    user.answer("Stop training and close")
    print("closing", flush=True)


sys.exit(run_app(body, sys.argv[1]))
"""


@pytest.mark.heavy
def test_that_the_process_ends_when_training_is_stopped_and_closed(shapes: Path, home: Path) -> None:
    """In a process of its own, with an application object of its own: nothing must hold it, no thread and no exit handler."""
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(shapes)], capture_output=True, text=True, timeout=240, cwd=root,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert told.stdout.split() == ["training", "closing"], told.stderr
    assert told.returncode == 0
    assert "Traceback" not in told.stderr
    (folder,) = (home / "data" / "runs").iterdir()
    assert read_checkpoint_info(folder / "checkpoints" / "last.safetensors").step >= 2


def test_that_the_window_comes_back_as_it_was_left(run_app, shapes: Path) -> None:
    def before(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        user.menu("View", "Runs")
        user.press("Ctrl+2")
        user.window.resize(1180, 700)
        user.rest(0.1)

    def after(user: User) -> None:
        assert user.window.page == "training"
        assert user.sees("dock_runs")
        assert not user.sees("dock_log")

    run_app(before, shapes)
    kept = load_settings()
    assert kept.page == "training"
    assert kept.recent == (str(shapes),)
    run_app(after)


def test_that_the_layout_can_be_put_back(run_app, shapes: Path) -> None:
    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        body = user.find("dataset_body", QSplitter)
        first = body.sizes()
        user.drag(body.handle(1), 160)
        assert abs(body.sizes()[0] - first[0] - 160) <= 2
        user.press("Ctrl+Shift+R")
        user.press("Ctrl+Shift+L")
        user.wait_for(lambda: user.sees("dock_runs") and user.sees("dock_log"), "both docks")
        user.menu("View", "Reset layout")
        user.wait_for(lambda: not user.sees("dock_runs") and not user.sees("dock_log"), "no dock")
        user.wait_for(lambda: abs(body.sizes()[0] - first[0]) <= 2, "the divider where it was")

    run_app(body, shapes)


def test_that_colours_change_live_and_are_remembered(run_app, shapes: Path, qapp) -> None:
    def darkness(user: User) -> float:
        return float(np.mean([user.look(name).mean() for name in ("rail", "filter_bar", "status")]))

    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        user.menu("View", "Theme", "Light")
        light = darkness(user)
        assert light > 180
        user.menu("View", "Theme", "Dark")
        user.wait_for(lambda: darkness(user) < 80, "a dark window")
        for page in range(len([panel for panel in PANELS if panel.place == "page"])):
            user.press(f"Ctrl+{page + 1}")
            user.rest(0.1)
        user.press("Ctrl+1")
        user.menu("View", "Theme", "Light")
        user.wait_for(lambda: darkness(user) > 180, "a light window")
        user.menu("View", "Theme", "Dark")

    def after(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        assert darkness(user) < 80
        assert user.find_menu("View", "Theme", "Dark").isChecked()

    run_app(body, shapes)
    assert load_settings().theme == "dark"
    run_app(after, shapes)


def test_that_what_was_open_lately_is_listed_newest_first_and_what_is_gone_is_told_and_forgotten(
    run_app, shapes: Path, place, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"

    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        user.menu("File", "Open dataset folder")
        user.give_path(place.run)
        user.wait_for(lambda: user.sees("run_phase") and user.text("run_phase") == "Completed", "the run")
        user.press("Ctrl+1")
        user.menu("File", "Open dataset folder")
        user.give_path(gone)
        user.wait_for(lambda: user.text("status_dataset").startswith("gone"), "the third thing")
        listed = [action.statusTip() for action in user.find_menu("File", "Open recent").menu().actions()]
        assert listed == [f"Open {path}" for path in (gone, place.run, shapes)]
        user.menu("File", "Close dataset")
        buttons = [b.toolTip() for b in user.find("welcome").findChildren(QPushButton) if b.toolTip()]
        assert buttons == [str(path) for path in (gone, place.run, shapes)]

        (gone / "only.png").unlink()
        gone.rmdir()
        user.find_menu("File", "Open recent").menu().actions()[0].trigger()
        message, hint, _ = user.read_error()
        assert str(gone) in message
        assert hint
        listed = [action.statusTip() for action in user.find_menu("File", "Open recent").menu().actions()]
        assert listed == [f"Open {path}" for path in (place.run, shapes)]

    gone.mkdir()
    from PIL import Image

    Image.new("RGB", (16, 16)).save(gone / "only.png")
    run_app(body, shapes)
