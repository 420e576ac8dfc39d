"""The prediction panel with real widgets, a real job runner and a real (untrained) network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QUndoStack
from PySide6.QtWidgets import QApplication, QFileDialog

from segbench.data.dataset import Dataset
from segbench.events import JobDone, JobFailed, RunsListed
from segbench.formats.checkpoints import read_checkpoint_info
from segbench.gui.panels.prediction.presenter import PredictionPresenter
from segbench.gui.panels.prediction.view import PredictionView
from segbench.gui.widgets.png import encode_png
from segbench.records import RunInfo

from .networks import build_dataset, save_network


class Panel:
    def __init__(self, running, folder: Path, networks: dict[str, Path]) -> None:
        self.networks = networks
        self.running, self.session, self.folder = running, running.session, folder
        self.presenter = PredictionPresenter(running.session, running.jobs)
        self.view = PredictionView(self.presenter)
        self.presenter.attach(self.view)
        self.session.subscribe(self.presenter.handle)
        self.undo = QUndoStack()
        self.view.set_undo_stack(self.undo)
        self.view.resize(1240, 640)

    def open(self, preset: str = "recommended") -> None:
        self.session.publish([JobDone(9001, "open dataset", build_dataset())])
        self.session.publish([JobDone(9002, "open checkpoint", read_checkpoint_info(self.networks[preset]))])

    @property
    def shown(self) -> int | None:
        live = self.view.stage._live
        return live.index if live is not None else None


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> dict[str, Path]:
    """A checkpoint a preset, written once."""
    folder = tmp_path_factory.mktemp("networks")
    return {preset: save_network(folder / preset, preset) for preset in ("recommended", "lecture")}


@pytest.fixture
def panel(running, wait_for, tmp_path, networks):
    # Not qtbot.addWidget: that deletes the view before the jobs' last events have come
    panel = Panel(running, tmp_path, networks)
    panel.view.show()
    panel.view.activateWindow()
    wait_for(panel.view.isActiveWindow)
    yield panel
    for job in running.jobs.jobs():
        job.cancel()
    wait_for(lambda: not running.jobs.jobs())
    running.session._handlers.clear()
    panel.view.hide()
    panel.view.deleteLater()
    assert not [e.report for e in running.events if isinstance(e, JobFailed)]


@pytest.fixture
def ready(panel, wait_for):
    panel.open()
    wait_for(lambda: panel.shown == 2)
    panel.view.activateWindow()
    wait_for(lambda: panel.view.isActiveWindow() and panel.view.stage.isAncestorOf(QApplication.focusWidget()))
    return panel


def test_that_each_missing_thing_is_one_sentence_and_one_button(panel, qtbot) -> None:
    pages = []
    panel.session.show_page = pages.append
    qtbot.mouseClick(panel.view.empty_dataset.button, Qt.MouseButton.LeftButton)
    panel.session.publish([JobDone(9001, "open dataset", build_dataset())])
    assert panel.view.empty_checkpoint.isVisible()
    qtbot.mouseClick(panel.view.empty_checkpoint.button, Qt.MouseButton.LeftButton)
    assert pages == ["dataset", "training"]


def test_that_image_truth_and_prediction_stand_side_by_side(ready) -> None:
    view = ready.view
    shown = [name for name, canvas in view.stage.canvases.items() if canvas.isVisible()]
    assert shown == ["image", "truth", "prediction"]
    assert {canvas.image_size for name, canvas in view.stage.canvases.items() if name in shown} == {(32, 32)}
    assert view.mean.text().startswith("IoU")


def test_that_keys_walk_through_the_split(ready, qtbot, wait_for) -> None:
    view = ready.view
    canvas = view.stage.canvases["image"]
    canvas.setFocus()
    for key, index in (
        (Qt.Key.Key_D, 3), (Qt.Key.Key_Right, 4), (Qt.Key.Key_A, 3), (Qt.Key.Key_End, 6), (Qt.Key.Key_D, 6),
        (Qt.Key.Key_Home, 2), (Qt.Key.Key_Left, 2),
    ):  # fmt: skip
        qtbot.keyClick(canvas, key)
        assert ready.session.sample == index
    wait_for(lambda: ready.shown == 2)
    qtbot.keyClick(canvas, Qt.Key.Key_G)
    assert view.number.hasFocus()
    qtbot.keyClicks(view.number, "4")
    qtbot.keyClick(view.number, Qt.Key.Key_Return)
    wait_for(lambda: ready.shown == 5)
    assert not view.number.hasFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_G)
    qtbot.keyClicks(view.number, "999")
    qtbot.keyClick(view.number, Qt.Key.Key_Return)
    wait_for(lambda: ready.shown == 6)


def test_that_the_page_gives_its_focus_to_the_first_picture(ready) -> None:
    for mode, name in (("side", "image"), ("overlay", "prediction")):
        ready.view.choose_mode(mode)
        ready.view.table.setFocus()
        ready.view.setFocus()
        assert ready.view.stage.canvases[name].hasFocus()


def test_that_digits_toggle_classes_in_pictures_and_survive_the_next_sample(ready, qtbot, wait_for) -> None:
    view = ready.view
    canvas = view.stage.canvases["prediction"]
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_2)
    assert not view.table.class_visible(1)
    qtbot.keyClick(canvas, Qt.Key.Key_D)
    wait_for(lambda: ready.shown == 3)
    assert canvas.picture.hidden == frozenset({1})
    assert view.stage.canvases["truth"].picture.hidden == frozenset({1})


def test_that_v_and_brackets_change_the_overlay(ready, qtbot) -> None:
    ready.view.choose_mode("overlay")
    canvas = ready.view.stage.canvases["prediction"]
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_BracketRight)
    assert canvas.picture.opacity == pytest.approx(0.65)
    qtbot.keyClick(canvas, Qt.Key.Key_V)
    assert canvas.picture.opacity == 0
    qtbot.keyClick(canvas, Qt.Key.Key_V)
    assert canvas.picture.opacity == pytest.approx(0.65)


def test_that_masks_beside_the_image_have_pure_class_colours(ready, qtbot) -> None:
    stage, table = ready.view.stage, ready.view.table
    pure = {(0, 0, 0), *stage._colors}
    for name in ("truth", "prediction"):
        assert stage.canvases[name].picture.image is None
        picture = stage.canvases[name].render_picture()
        found = {picture.pixelColor(x, y).getRgb()[:3] for x in range(32) for y in range(32)}
        assert found <= pure
        assert len(found) >= 2
    slider = table.findChild(object, "opacity")
    assert not slider.isEnabled()
    assert "Overlay" in slider.toolTip()
    canvas = stage.canvases["truth"]
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_BracketRight)
    assert canvas.picture.opacity == 1
    canvas.set_raw(True)
    assert canvas.picture.image is not None, "Shift shows the image"
    canvas.set_raw(False)
    assert canvas.picture.image is None
    qtbot.keyClick(canvas, Qt.Key.Key_V)
    assert canvas.picture.image is not None, "without masks there is the image"
    qtbot.keyClick(canvas, Qt.Key.Key_V)
    ready.view.choose_mode("overlay")
    assert slider.isEnabled()
    assert stage.canvases["prediction"].picture.image is not None
    assert stage.canvases["prediction"].picture.opacity == pytest.approx(0.55)


def test_that_the_lectures_display_goes_with_its_dataset(ready, wait_for) -> None:
    view, lecture = ready.view, ready.view.stage.canvases["lecture"]
    view.choose_mode("lecture")
    wait_for(lambda: lecture.image_size is not None)
    ready.presenter._composing = None
    ready.session.publish([JobDone(9003, "open dataset", build_dataset())])
    assert lecture.image_size is None
    wait_for(lambda: lecture.image_size is not None)


@pytest.mark.parametrize("mode", ["side", "overlay", "difference", "scores", "lecture"])
def test_that_every_mode_shows_pictures_and_can_be_saved(ready, mode, qtbot, wait_for) -> None:
    view = ready.view
    qtbot.mouseClick(view.findChild(object, f"mode_{mode}"), Qt.MouseButton.LeftButton)
    shown = [c for c in view.stage.canvases.values() if c.isVisible()]
    wait_for(lambda: all(c.image_size is not None for c in shown))
    assert encode_png(view.stage.render_pictures())[:4] == b"\x89PNG"
    view.actions_list()[0].trigger()
    wait_for(lambda: ready.shown == 3)
    assert [c for c in view.stage.canvases.values() if c.isVisible()] == shown


def test_that_a_picture_is_saved_where_the_user_says(ready, qtbot, wait_for) -> None:
    view, path = ready.view, ready.folder / "display.png"
    view.choose_mode("lecture")
    wait_for(lambda: view.stage.canvases["lecture"].image_size is not None)
    qtbot.mouseClick(view.bar.save_picture, Qt.MouseButton.LeftButton)
    dialog = view.findChild(QFileDialog, "picture_dialog")
    dialog.fileSelected.emit(str(path))
    dialog.reject()
    wait_for(path.exists)
    assert min(Image.open(path).size) > 100


def test_that_a_threshold_drag_is_one_step_to_undo(ready) -> None:
    view, before = ready.view, ready.presenter.reading
    view.table.gesture += 1
    for low in (0.6, 0.7, 0.8):
        view.table.threshold_changed.emit(0, low, float("inf"))
    assert ready.presenter.reading.windows[0] == (0.8, float("inf"))
    assert ready.undo.count() == 1
    assert view.presets.currentData() == "custom"
    ready.undo.undo()
    assert ready.presenter.reading == before
    assert view.table.windows()[0] == before.windows[0]
    assert view.presets.currentData() == "default"
    ready.undo.redo()
    assert view.table.windows()[0] == (0.8, float("inf"))


def test_that_undo_leaves_the_thresholds_of_another_checkpoint_alone(ready, wait_for) -> None:
    ready.view.table.threshold_changed.emit(0, 0.2, float("inf"))
    ready.open("lecture")
    wait_for(lambda: ready.shown == 2)
    own = ready.presenter.thresholds
    assert ready.view.table.windows()[0] == (25, float("inf"))
    ready.undo.undo()
    assert ready.presenter.thresholds == own
    assert ready.view.table.windows()[0] == (25, float("inf"))


def test_that_colours_can_be_undone(ready) -> None:
    view = ready.view
    own = view.stage._colors[0]
    view.table.color_changed.emit(0, (1, 2, 3))
    assert view.stage._colors[0] == (1, 2, 3)
    ready.undo.undo()
    assert view.stage._colors[0] == own


def test_that_the_lectures_windows_are_offered_for_its_values(panel, wait_for) -> None:
    panel.open("lecture")
    wait_for(lambda: panel.shown == 2)
    view = panel.view
    assert view.presets.findData("lecture") >= 0
    view._choose_preset(view.presets.findData("lecture"))
    assert view.table.windows()[0] == (25, 85)
    assert view.table.findChild(object, "high_0").isVisible()


def test_that_the_pixel_under_the_cursor_is_described(ready) -> None:
    view = ready.view
    view.stage.canvases["prediction"].hovered.emit(3, 4)
    text = view.stage.readout.text()
    for word in ("x 3, y 4", "RGB", "truth", "predicted", "score"):
        assert word in text
    view.stage.canvases["prediction"].hovered.emit(-1, -1)
    assert view.stage.readout.text() == ""


def test_that_a_whole_split_is_scored_and_its_worst_opens_with_a_click(ready, qtbot, wait_for) -> None:
    view = ready.view
    qtbot.mouseClick(view.images.button, Qt.MouseButton.LeftButton)
    wait_for(lambda: ready.presenter.scored and ready.presenter.scored.pooled)
    model = view.images.model
    assert model.rowCount() == 5
    shown = [model.image(row).iou for row in range(5)]
    assert shown == sorted(shown)
    assert "5 images" in view.images.summary.text()
    last = model.image(4).index
    view.images.table.scrollTo(model.index(4, 0))
    place = view.images.table.visualRect(model.index(4, 0)).center()
    qtbot.mouseClick(view.images.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    wait_for(lambda: ready.shown == last)
    view._actions.worst.trigger()
    assert ready.session.sample == model.image(0).index


def test_that_the_classes_have_the_room_of_a_list_that_is_gone(ready, wait_for) -> None:
    ready.view.score_split()
    wait_for(lambda: ready.presenter.scored and ready.presenter.scored.pooled)
    wait_for(lambda: ready.view.side.sizes()[1] > 100)
    table, images = ready.view.side.sizes()
    ready.view.show_scored(None, False)
    wait_for(lambda: ready.view.side.sizes()[0] > table)
    assert sum(ready.view.side.sizes()) == table + images


def test_that_images_without_masks_are_counted_apart_when_a_split_is_scored(ready, wait_for) -> None:
    samples = [ready.session.dataset.read(k) for k in range(7)]
    some = [replace(s, masks=None) if s.index == 4 else s for s in samples]
    dataset = Dataset.from_samples(some, ready.session.dataset.info.classes, "some")
    ready.session.publish([JobDone(9001, "open dataset", dataset)])
    wait_for(lambda: ready.shown == 2)
    ready.presenter.score_split()
    wait_for(lambda: ready.presenter.scored and ready.presenter.scored.pooled)
    assert "over 4 of 5 images, 1 without masks" in ready.view.images.summary.text()


def test_that_dropped_images_are_predicted(ready, wait_for, tmp_path) -> None:
    paths = []
    for k in range(2):
        paths.append(tmp_path / f"fotografía {k}.png")
        Image.fromarray(np.full((20, 30, 3), 60 * k, np.uint8)).save(paths[-1])
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    drop = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    ready.view.dropEvent(drop)
    wait_for(lambda: ready.view.stage.canvases["image"].image_size == (20, 30) and ready.shown == 0)
    assert ready.view.split.currentText() == "Dropped images"
    assert not ready.view.stage.canvases["truth"].isVisible()
    assert not ready.view.images.button.isEnabled()
    ready.presenter.choose_split("test")
    wait_for(lambda: ready.shown == 2)


def test_that_batch_statistics_change_the_prediction(ready, wait_for) -> None:
    before = ready.view.stage._live.prediction.scores.copy()
    ready.view.statistics.click()
    wait_for(lambda: ready.view.stage._live is not None and ready.presenter.live is not None)
    assert not np.array_equal(before, ready.presenter.live.prediction.scores)


def test_that_truth_and_prediction_flip_in_place(ready, qtbot) -> None:
    canvas = ready.view.stage.canvases["prediction"]
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_T)
    assert canvas.title.startswith("Truth")
    qtbot.keyClick(canvas, Qt.Key.Key_T)
    assert canvas.title == "Prediction"


def test_that_a_hidden_panel_does_no_work(ready, running, wait_for) -> None:
    wait_for(lambda: not running.jobs.jobs())
    ready.view.hide()
    ready.session.select_sample(6)
    assert not running.jobs.jobs()
    ready.view.show()
    wait_for(lambda: ready.shown == 6)


def test_that_every_action_has_a_tip_and_every_control_a_name(ready) -> None:
    view = ready.view
    names = [action.objectName() for action in view.actions_list()]
    assert len(names) == len(set(names))
    keys = [s.toString() for action in view.actions_list() for s in action.shortcuts()]
    assert len(keys) == len(set(keys))
    assert all(action.statusTip() for action in view.actions_list())
    for control in (view.checkpoint, view.split, view.number, view.presets):
        assert control.accessibleName()


def test_that_actions_can_be_used_where_they_have_something_to_work_on(panel) -> None:
    actions = panel.view._actions
    names = lambda enabled: {a.objectName() for a in actions.list if a.isEnabled() is enabled}  # noqa: E731
    assert names(True) == {"prediction_browse"}, "without a dataset"
    actions.enable(True, False, False)
    assert names(False) == {"prediction_worst", "prediction_more", "prediction_less"}
    actions.enable(True, True, True)
    assert names(False) == set()


def test_that_the_panel_fits_a_small_laptop(ready) -> None:
    hint = ready.view.minimumSizeHint()
    assert hint.width() <= 940
    assert hint.height() <= 640


def test_that_the_list_of_runs_keeps_its_width_beside_the_page_on_a_small_laptop(desk, wait_for) -> None:
    desk.window.resize(1366, 768)
    desk.window.show_page("prediction")
    wait_for(lambda: desk.views["prediction"].isVisible())
    assert desk.window.width() == 1366
    assert desk.window.runs_dock.width() >= 300


def test_that_words_under_the_class_table_have_room_where_they_wrap(ready, wait_for) -> None:
    images, line = ready.view.images, ready.view.images.summary
    images.set_enabled(False, "Test", "These images have no masks to compare with.")
    ready.view.body.setSizes([2000, 1])
    wait_for(lambda: line.heightForWidth(line.width()) > line.fontMetrics().height())
    wait_for(lambda: line.height() >= line.heightForWidth(line.width()))


def test_that_the_ways_of_looking_have_short_names_where_room_is_short(ready, wait_for) -> None:
    bar = ready.view.samples
    names = lambda: [button.text() for button in bar.modes.buttons()]  # noqa: E731
    bar.resize(900, bar.height())
    wait_for(lambda: names()[0] == "Side by side")
    bar.resize(560, bar.height())
    wait_for(lambda: names() == ["Side", "Over", "Diff", "Scores", "Lecture"])
    assert bar.modes.buttons()[0].accessibleName() == "Side by side"


def test_that_dividers_are_remembered(ready) -> None:
    view = ready.view
    view.body.setSizes([700, 500])
    kept = view.save_layout()
    sizes = view.body.sizes()
    view.body.setSizes([900, 300])
    view.restore_layout(kept)
    assert view.body.sizes() == sizes
    view.restore_layout({"prediction_body": "nonsense"})


def test_that_both_themes_paint(ready, any_theme) -> None:
    ready.view.choose_mode("difference")
    assert not ready.view.grab().isNull()
    assert ready.view.mapToGlobal(QPoint(0, 0)) is not None


def test_that_a_hidden_class_stays_hidden_and_looks_so_with_scores_in_other_units(ready, wait_for) -> None:
    view = ready.view
    view.table.toggle(1)
    view.table.select_class(2)
    view.table.class_selected.emit(2)
    ready.session.publish([JobDone(9002, "open checkpoint", read_checkpoint_info(ready.networks["lecture"]))])
    wait_for(lambda: ready.shown == 2)
    assert view.table.scale == "value"
    assert [view.table.class_visible(k) for k in range(5)] == [True, False, True, True, True]
    assert view.stage.canvases["prediction"].picture.hidden == frozenset({1})
    assert view.table.current_class == view.stage.score_class == 2


def test_that_what_is_wrong_with_an_image_stands_where_its_picture_would(ready, wait_for) -> None:
    view = ready.view
    ready.presenter.view.show_problem("The image bad.png cannot be read. Open it in a viewer.")
    shown = [canvas for canvas in view.stage.canvases.values() if canvas.isVisible()]
    assert {canvas._empty for canvas in shown} == {"The image bad.png cannot be read. Open it in a viewer."}
    assert {canvas.image_size for canvas in shown} == {None}
    assert {row.pixels.text() for row in view.table._rows} == {"–"}
    assert {row.iou.text() for row in view.table._rows} == {"–"}
    ready.presenter.step(1)
    wait_for(lambda: ready.shown == 3)
    assert view.stage.canvases["image"].image_size is not None


def test_that_dropped_images_have_no_truth_before_they_are_read(ready, wait_for, tmp_path) -> None:
    Image.new("RGB", (20, 16), (200, 10, 10)).save(tmp_path / "a.png")
    ready.presenter.open_files([str(tmp_path / "a.png")])
    wait_for(lambda: ready.presenter.split == "files")
    truth = ready.view.stage.canvases["truth"]
    assert not truth.isVisible()
    wait_for(lambda: ready.shown == 0)
    assert not truth.isVisible()


def test_that_without_masks_the_difference_says_so_and_has_no_legend(ready, wait_for, tmp_path) -> None:
    stage = ready.view.stage
    ready.view.choose_mode("difference")
    assert stage.difference_legend.isVisible()
    assert stage.canvases["difference"].image_size is not None
    Image.new("RGB", (20, 16), (200, 10, 10)).save(tmp_path / "a.png")
    ready.presenter.open_files([str(tmp_path / "a.png")])
    wait_for(lambda: ready.presenter.split == "files" and ready.shown == 0)
    assert not stage.difference_legend.isVisible()
    assert stage.canvases["difference"].isVisible()
    assert stage.canvases["difference"].image_size is None
    assert stage.canvases["difference"]._empty == "There are no masks to compare with"
    ready.presenter.choose_split("test")
    wait_for(lambda: ready.shown == 2)
    assert stage.difference_legend.isVisible()


def test_that_the_empty_page_asks_for_what_can_be_done(panel) -> None:
    view = panel.view
    panel.session.publish([JobDone(9001, "open dataset", build_dataset())])
    assert not view.checkpoint.isEnabled()
    assert "Train a network first" in view.empty_checkpoint.sentence.text()
    run = RunInfo("/r/one", "one", "completed", "munet", "shapes", 0.0, 10, 10, 0.5)
    panel.session.publish([RunsListed((run,))])
    assert view.checkpoint.isEnabled()
    assert "Choose a checkpoint above" in view.empty_checkpoint.sentence.text()
