"""The convolution lab with real widgets, a real job runner and torch: mouse, keys, numbers, files, networks, and what fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication, QImage, QUndoStack
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from segbench.config import find_preset
from segbench.convolution.geometry import build_geometry
from segbench.convolution.lecture import PRESETS, count_up
from segbench.convolution.operation import Operation
from segbench.events import JobDone, JobFailed
from segbench.formats.checkpoints import Scaling, read_checkpoint, read_checkpoint_info, save_checkpoint
from segbench.gui import theme
from segbench.gui.panels.convolution.lab import Lab
from segbench.gui.panels.convolution.presenter import ConvolutionPresenter
from segbench.gui.panels.convolution.view import HAND_MADE, TOPICS, ConvolutionView
from segbench.gui.widgets.class_marks import ElidedLabel, SegmentButton
from segbench.gui.widgets.tensor_grid import TensorGrid
from segbench.networks.loading import load_checkpoint

from .networks import build_dataset, save_network

KEYS, CTRL, ALT = Qt.Key, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
LEFT, NO_MODIFIER = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
ROOM = 1286, 690  # what a window of 1366 x 768 leaves


class Panel:
    """The page in a window of its own, with an undo stack as the window's."""

    def __init__(self, running: Any) -> None:
        self.running, self.session = running, running.session
        self.presenter = ConvolutionPresenter(running.session, running.jobs)
        self.view = ConvolutionView(self.presenter)
        self.presenter.attach(self.view)
        self.session.subscribe(self.presenter.handle)
        self.undo = QUndoStack()
        self.view.set_undo_stack(self.undo)
        self.view.resize(*ROOM)

    @property
    def lab(self) -> Lab:
        return self.presenter.lab

    def open(self, start: str) -> None:
        self.presenter.open_preset(next(n for n, preset in enumerate(PRESETS) if preset.name.startswith(start)))

    def find(self, name: str) -> Any:
        (found,) = [w for w in self.view.findChildren(QWidget, name) if w.isVisible()]
        return found

    def text(self, name: str) -> str:
        return str(self.find(name).text())

    def see(self, name: str = "grid_output") -> np.ndarray:
        """The numbers that a grid shows."""
        return np.array(self.find(name).cells.values)

    def lit(self, name: str) -> list[list[int]]:
        hits = self.find(name).marks.hits
        return [] if hits is None else np.argwhere(hits).tolist()


@pytest.fixture
def panel(running, wait_for):
    # Not qtbot.addWidget: that deletes the view before the jobs' last events have come
    made = Panel(running)
    made.view.show()
    made.view.activateWindow()
    wait_for(made.view.isActiveWindow)
    made.view.setFocus()
    yield made
    for job in running.jobs.jobs():
        job.cancel()
    wait_for(lambda: not running.jobs.jobs(), 60_000)
    running.session._handlers.clear()
    made.view.hide()
    made.view.deleteLater()
    assert not [e.report for e in running.events if isinstance(e, JobFailed)]


def hover(qtbot, grid: TensorGrid, row: int, column: int) -> None:
    place = grid.find_frame().block(row, column).center().toPoint()
    qtbot.mouseMove(grid, place + QPoint(1, 0))  # the pointer may be at `place` from the test before
    qtbot.mouseMove(grid, place)


def press(qtbot, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_MODIFIER) -> None:
    """A key to what has the focus."""
    qtbot.keyClick(QApplication.focusWidget(), key, modifier)


def press_keys(qtbot, action: QAction) -> None:
    """The keys of an action, to what has the focus."""
    keys = action.shortcut()[0]
    press(qtbot, keys.key(), keys.keyboardModifiers())


def find_handle(slider: QSlider) -> QPoint:
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    kind, part = QStyle.ComplexControl.CC_Slider, QStyle.SubControl.SC_SliderHandle
    return slider.style().subControlRect(kind, option, part, slider).center()


def type_number(qtbot, box: QAbstractSpinBox, text: str, key: Qt.Key = KEYS.Key_Return) -> None:
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, key)


# Knobs --------------------------------------------------------------------------------------------------------------------


def test_that_a_drag_of_a_slider_is_one_step_to_undo(panel: Panel, qtbot) -> None:
    before, slider = panel.lab, panel.find("slider_height")
    seen = set()
    start = find_handle(slider)
    qtbot.mousePress(slider, LEFT, pos=start)
    for right in range(4, 40, 4):
        qtbot.mouseMove(slider, start + QPoint(right, 0))
        seen.add(panel.lab.geometry.rows.size)
    qtbot.mouseRelease(slider, LEFT, pos=start + QPoint(36, 0))
    assert len(seen) > 2
    assert panel.lab.geometry.rows.size == max(seen) == panel.find("box_height").value()
    assert panel.see("grid_input").shape == (max(seen), 4)
    assert panel.undo.count() == 1
    panel.undo.undo()
    assert panel.lab is before
    assert (slider.value(), panel.find("box_height").value()) == (4, 4)
    panel.undo.redo()
    assert panel.lab.geometry.rows.size == max(seen)


def test_that_two_drags_are_two_steps_and_a_drag_back_is_none(panel: Panel, qtbot) -> None:
    slider = panel.find("slider_height")
    for way in ((12, 24), (-12, -24)):
        start = find_handle(slider)
        qtbot.mousePress(slider, LEFT, pos=start)
        for right in way:
            qtbot.mouseMove(slider, start + QPoint(right, 0))
        qtbot.mouseRelease(slider, LEFT, pos=start + QPoint(way[-1], 0))
    assert panel.undo.count() == 2
    panel.undo.undo()
    assert panel.lab.geometry.rows.size > 4


def test_that_each_press_of_an_arrow_is_a_step_of_its_own(panel: Panel, qtbot) -> None:
    slider = panel.find("slider_stride")
    slider.setFocus()
    for value in (3, 4, 4):
        qtbot.keyClick(slider, KEYS.Key_Right)
        assert panel.lab.geometry.rows.stride == value
    assert panel.undo.count() == 2
    panel.undo.undo()
    assert panel.lab.geometry.rows.stride == 3


def test_that_a_typed_number_counts_when_it_is_whole(panel: Panel, qtbot) -> None:
    panel.presenter.edit("input", 3, 3, 99.0)
    box = panel.find("box_height")
    steps = panel.undo.count()
    type_number(qtbot, box, "12")
    assert panel.lab.geometry.size == (12, 4)
    assert panel.undo.count() == steps + 1
    assert panel.see("grid_input")[[3, 7, 11], 3].tolist() == [99, 99, 99]  # no input of one row in between
    type_number(qtbot, box, "99", KEYS.Key_Tab)
    assert panel.lab.geometry.size == (16, 4)
    qtbot.keyClick(box, KEYS.Key_Down)
    assert panel.lab.geometry.size == (15, 4)


@pytest.mark.parametrize(
    ("knob", "value", "size"),
    [
        ("height", 5, (9, 7)), ("width", 5, (7, 9)), ("kernel", 4, (8, 8)), ("stride", 3, (10, 10)),
        ("padding", 2, (5, 5)), ("dilation", 2, (9, 9)), ("output_padding", 1, (8, 8)),
    ],
)  # fmt: skip
def test_that_every_knob_changes_the_output(panel: Panel, qtbot, knob: str, value: int, size: tuple[int, int]) -> None:
    type_number(qtbot, panel.find(f"box_{knob}"), str(value))
    assert panel.find(f"slider_{knob}").value() == value
    assert panel.see().shape == size
    assert f"= {size[0]}" in panel.text("formulas")


def test_that_output_padding_is_for_the_transpose_alone(panel: Panel, qtbot) -> None:
    type_number(qtbot, panel.find("box_output_padding"), "1")
    qtbot.mouseClick(panel.find("kind_conv"), LEFT)
    for name in ("label", "slider", "box"):
        assert not panel.find(f"{name}_output_padding").isEnabled()
    assert panel.lab.geometry == build_geometry(4, 3, 2, 1)
    qtbot.mouseClick(panel.find("kind_transpose"), LEFT)
    assert panel.find("box_output_padding").isEnabled()


def test_that_t_turns_the_convolution_round(panel: Panel, qtbot) -> None:
    for transposed in (False, True):
        press(qtbot, KEYS.Key_T)
        assert panel.lab.geometry.transposed is transposed
        assert panel.find("kind_transpose").isChecked() is transposed
        assert panel.find("kind_conv").isChecked() is not transposed
    assert panel.undo.count() == 2


def choose(qtbot, box: QComboBox, text: str) -> None:
    """Opens the list and takes the entry that begins with `text` by the mouse."""
    (row,) = [n for n in range(box.count()) if box.itemText(n).strip().startswith(text)]
    box.showPopup()
    view = box.view()
    index = box.model().index(row, 0)
    view.scrollTo(index)
    place = view.visualRect(index).center()
    qtbot.mouseMove(view.viewport(), place)
    qtbot.wait(QApplication.doubleClickInterval() // 20)
    qtbot.keyClick(view, KEYS.Key_Return) if view.currentIndex() == index else view.setCurrentIndex(index)
    if view.isVisible():
        qtbot.keyClick(view, KEYS.Key_Return)


def test_that_values_are_chosen_and_drawn_from_their_seed(panel: Panel, qtbot) -> None:
    assert not panel.view.knobs.seed.isVisible()
    choose(qtbot, panel.find("values_source"), "Ones")
    assert (panel.see("grid_input") == 1).all()
    assert panel.see().max() == 4
    choose(qtbot, panel.find("values_source"), "Random")
    first = panel.see("grid_input")
    type_number(qtbot, panel.find("values_seed"), "12")
    assert panel.lab.seed == 12
    assert (panel.see("grid_input") != first).any()
    assert [panel.undo.text(n) for n in range(panel.undo.count())] == ["Values"] * 3
    panel.undo.undo()
    assert (panel.see("grid_input") == first).all()


def test_that_channels_are_chosen_one_by_one_or_summed(panel: Panel, qtbot) -> None:
    assert not panel.view.knobs.channels.isVisible()
    panel.open("Slide 48")
    operation = panel.lab.operation
    np.testing.assert_allclose(panel.see(), operation.compute_channel(0))
    type_number(qtbot, panel.find("channel_out"), "1")
    np.testing.assert_allclose(panel.see(), operation.compute_channel(1))
    type_number(qtbot, panel.find("channel_in"), "3")
    assert panel.find("grid_input").accessibleName() == "Input channel 3 of 4"
    qtbot.mouseClick(panel.find("summed"), LEFT, pos=QPoint(8, panel.find("summed").height() // 2))
    np.testing.assert_allclose(panel.see(), operation.compute_pair(3, 1))
    assert "bias" not in panel.text("sum")
    type_number(qtbot, panel.find("channel_in"), "9")
    assert panel.lab.pair == (3, 1)


# Pointing -----------------------------------------------------------------------------------------------------------------


def test_that_the_mouse_on_the_output_shows_the_sum(panel: Panel, qtbot) -> None:
    hover(qtbot, panel.find("grid_output"), 1, 2)
    assert panel.lit("grid_input") == [[0, 1], [1, 1]]
    assert panel.lit("grid_kernel") == [[0, 1], [2, 1]]
    assert panel.find("grid_stuffed").marks.window == (1, 2, 3, 3)
    assert panel.text("sum") == (
        "Output pixel (row 1, column 2) = 6·2 + 2·8 = 28\n7 of 9 taps meet zeros."
    )  # fmt: skip
    assert panel.see()[1, 2] == 28


def test_that_the_mouse_on_the_input_shows_the_footprint(panel: Panel, qtbot) -> None:
    hover(qtbot, panel.find("grid_input"), 1, 1)
    assert panel.lit("grid_output") == [[r, c] for r in (1, 2, 3) for c in (1, 2, 3)]
    assert panel.find("grid_stuffed").marks.cursor == (3, 3)
    assert panel.text("sum").startswith("Input pixel (row 1, column 1) adds 6 × the kernel to the output: 9 output")


def test_that_what_was_pointed_at_stays_when_the_mouse_leaves(panel: Panel, qtbot) -> None:
    hover(qtbot, panel.find("grid_output"), 2, 2)
    before = panel.text("sum")
    qtbot.mouseMove(panel.view, QPoint(3, 3))
    assert panel.text("sum") == before


def test_that_arrows_walk_over_output_and_input(panel: Panel, qtbot) -> None:
    assert QApplication.focusWidget() is panel.find("grid_output")
    for key, place in (
        (KEYS.Key_Right, (0, 1)), (KEYS.Key_Down, (1, 1)), (KEYS.Key_End, (1, 6)), (KEYS.Key_PageDown, (6, 6)),
        (KEYS.Key_Home, (6, 0)), (KEYS.Key_Up, (5, 0)),
    ):  # fmt: skip
        press(qtbot, key)
        assert (panel.lab.pointed, panel.lab.of_input) == (place, False)
        assert panel.find("grid_output").marks.cursor == place
    panel.find("grid_input").setFocus()
    press(qtbot, KEYS.Key_Down)
    press(qtbot, KEYS.Key_Down)
    assert panel.lab.of_input
    assert panel.find("grid_input").marks.cursor == panel.lab.pointed


def test_that_nothing_is_computed_for_pixels_of_grids_that_only_show(panel: Panel, qtbot) -> None:
    lab = panel.lab
    hover(qtbot, panel.find("grid_stuffed"), 3, 3)
    hover(qtbot, panel.find("grid_sweeping"), 1, 1)
    hover(qtbot, panel.find("grid_kernel"), 1, 1)
    assert panel.lab is lab


# Editing ------------------------------------------------------------------------------------------------------------------


def test_that_cells_are_edited_by_the_keyboard(panel: Panel, qtbot) -> None:
    grid = panel.find("grid_input")
    grid.setFocus()
    press(qtbot, KEYS.Key_Home, CTRL)
    qtbot.keyClicks(grid, "7")
    editor = panel.find("cell_editor")
    assert QApplication.focusWidget() is editor
    qtbot.keyClicks(editor, "0.5")
    qtbot.keyClick(editor, KEYS.Key_Tab)
    assert panel.lab.x_HW[0, 0] == 70.5
    press(qtbot, KEYS.Key_F2)  # the cell beside it
    qtbot.keyClicks(panel.find("cell_editor"), "-3")
    qtbot.keyClick(panel.find("cell_editor"), KEYS.Key_Return)
    assert panel.lab.x_HW[0, :2].tolist() == [70.5, -3]
    assert QApplication.focusWidget() is grid
    assert panel.find("values_source").currentData() == "own"
    assert panel.see()[0, 0] == 70.5 * 5
    assert [panel.undo.text(n) for n in range(panel.undo.count())] == ["Edit the input"] * 2
    panel.undo.undo()
    panel.undo.undo()
    assert panel.lab.x_HW[0, :2].tolist() == [1, 2]
    assert panel.find("values_source").currentData() == "count"


def test_that_the_kernel_is_edited_by_a_double_click(panel: Panel, qtbot) -> None:
    grid = panel.find("grid_kernel")
    qtbot.mouseDClick(grid, LEFT, pos=grid.find_frame().block(1, 1).center().toPoint())
    qtbot.keyClicks(panel.find("cell_editor"), "50")
    qtbot.keyClick(panel.find("cell_editor"), KEYS.Key_Return)
    assert panel.lab.kernel[1, 1] == 50
    assert panel.see("grid_sweeping")[1, 1] == 50
    assert panel.see()[0, 0] == 50


def test_that_letters_typed_into_a_cell_are_no_keys_of_the_page(panel: Panel, qtbot) -> None:
    grid, lab = panel.find("grid_input"), panel.lab
    grid.setFocus()
    press(qtbot, KEYS.Key_Home)
    press(qtbot, KEYS.Key_F2)
    for letters in ("t", "p", ".", ",", " "):
        qtbot.keyClicks(panel.find("cell_editor"), letters)
    assert panel.lab.geometry == lab.geometry
    assert not panel.find("play").isChecked()
    qtbot.keyClick(panel.find("cell_editor"), KEYS.Key_Escape)
    assert panel.lab.operation is lab.operation


@pytest.mark.parametrize("name", ["grid_output", "grid_stuffed", "grid_sweeping"])
def test_that_what_is_computed_cannot_be_edited(panel: Panel, qtbot, name: str) -> None:
    grid = panel.find(name)
    grid.setFocus()
    qtbot.mouseDClick(grid, LEFT, pos=grid.find_frame().block(0, 0).center().toPoint())
    qtbot.keyClicks(grid, "7")
    assert panel.view.findChildren(QLineEdit, "cell_editor") == []


# Examples -----------------------------------------------------------------------------------------------------------------


def list_examples(box: QComboBox) -> list[int]:
    return [row for row in range(box.count()) if box.itemData(row) is not None]


def test_that_every_example_stands_under_its_heading(panel: Panel) -> None:
    box = panel.find("examples")
    assert [box.itemData(row) for row in list_examples(box)] == list(range(len(PRESETS)))
    headings = [row for row in range(1, box.count()) if box.itemData(row) is None]
    assert [box.itemText(row) for row in headings] == list(dict.fromkeys(preset.group for preset in PRESETS))
    for row in headings:
        assert not box.model().index(row, 0).flags() & Qt.ItemFlag.ItemIsEnabled


@pytest.mark.parametrize("start", ["Slides 30", "Slide 41", "mUnet", "Slide 13", "Dilation"])
def test_that_an_example_opens_from_the_list(panel: Panel, qtbot, start: str) -> None:
    preset = next(preset for preset in PRESETS if preset.name.startswith(start))
    choose(qtbot, panel.find("examples"), start)
    assert panel.lab.name == preset.name
    assert panel.find("examples").currentText().strip() == preset.name
    assert panel.find(f"topic_{preset.topic}").isChecked()
    assert panel.undo.undoText() == preset.name
    if preset.topic in ("operation", "matrix", "coverage"):
        assert panel.text("lab_note") == preset.note
    panel.undo.undo()
    assert panel.find("examples").currentText() == HAND_MADE


def test_that_headings_cannot_be_chosen(panel: Panel, qtbot) -> None:
    box = panel.find("examples")
    box.setFocus()
    walked = []
    for _ in range(len(PRESETS) + 3):
        qtbot.keyClick(box, KEYS.Key_Down)
        walked.append(panel.presenter.find_preset())
    assert walked == [*range(len(PRESETS)), *[len(PRESETS) - 1] * 3]
    box.showPopup()
    heading = next(row for row in range(1, box.count()) if box.itemData(row) is None)
    index = box.model().index(heading, 0)
    box.view().scrollTo(index)
    qtbot.mouseClick(box.view().viewport(), LEFT, pos=box.view().visualRect(index).center())
    assert panel.lab.name == PRESETS[-1].name
    box.hidePopup()


def test_that_keys_and_buttons_lead_through_the_examples(panel: Panel, qtbot) -> None:
    press(qtbot, KEYS.Key_PageDown, CTRL)
    assert panel.lab.name == PRESETS[0].name
    press(qtbot, KEYS.Key_PageDown, CTRL)
    assert panel.lab.name == PRESETS[1].name
    press(qtbot, KEYS.Key_PageUp, CTRL)
    press(qtbot, KEYS.Key_PageUp, CTRL)
    assert panel.lab.name == PRESETS[-1].name
    qtbot.mouseClick(panel.find("example_after"), LEFT)
    assert panel.lab.name == PRESETS[0].name
    qtbot.mouseClick(panel.find("example_before"), LEFT)
    assert panel.lab.name == PRESETS[-1].name


def test_that_every_example_can_be_shown_in_every_way(panel: Panel) -> None:
    for number, preset in enumerate(PRESETS):
        panel.presenter.open_preset(number)
        for topic, _text, _tip in TOPICS[:4]:
            panel.presenter.set_topic(topic)
            QApplication.processEvents()
        assert panel.lab.name == preset.name


def test_that_an_examples_numbers_become_ones_own_by_the_first_entry(panel: Panel, qtbot) -> None:
    panel.open("Slides 56")
    operation = panel.lab.operation
    choose(qtbot, panel.find("examples"), HAND_MADE)
    assert panel.lab.operation is operation
    assert panel.find("examples").currentText() == HAND_MADE
    panel.undo.undo()
    assert panel.find("examples").currentText().strip().startswith("Slides 56")


def test_that_a_changed_example_is_called_own_numbers(panel: Panel, qtbot) -> None:
    panel.open("Slides 56")
    type_number(qtbot, panel.find("box_stride"), "3")
    assert panel.find("examples").currentText() == HAND_MADE
    assert panel.view.note.text() == ""


# Slide 52 -----------------------------------------------------------------------------------------------------------------


def test_that_slide_52s_three_cases_are_a_knob_apart(panel: Panel, qtbot) -> None:
    panel.open("Slide 48")
    box = panel.find("box_padding")
    sizes = [panel.find("grid_output").cells.values.shape]
    type_number(qtbot, box, "1")
    sizes.append(panel.find("grid_output").cells.values.shape)
    assert sizes == [(4, 4), (2, 2)]
    type_number(qtbot, box, "2")
    output = panel.find("grid_output")
    assert output.cells is None
    assert "Set padding to 1 or less" in output.accessibleDescription()
    assert "= 0" in panel.text("formulas")
    for name in ("play", "step_back", "step_forth"):
        assert not panel.find(name).isEnabled()
    hover(qtbot, panel.find("grid_input"), 0, 0)
    assert panel.text("sum") == ""
    qtbot.keyClick(box, KEYS.Key_Down)
    assert panel.see().shape == (2, 2)
    assert panel.find("play").isEnabled()


# The film -----------------------------------------------------------------------------------------------------------------


def test_that_space_plays_and_pauses(panel: Panel, qtbot, wait_for) -> None:
    play = panel.find("play")
    panel.find("speed").setValue(30)
    assert panel.text("speed_text") == "30 a second"
    for name in ("grid_output", "grid_input", "grid_kernel"):
        panel.find(name).setFocus()
        press(qtbot, KEYS.Key_Space)
        assert play.isChecked()
        assert play.text() == "Pause"
        start = panel.lab.pointed
        wait_for(lambda start=start: panel.lab.pointed != start)
        assert not panel.lab.of_input
        press(qtbot, KEYS.Key_Space)
        assert not play.isChecked()
        assert play.text() == "Play"
        assert not panel.view.operation._film.isActive()
    assert panel.undo.count() == 0


def test_that_p_plays_and_the_film_ends_where_it_makes_no_sense(panel: Panel, qtbot) -> None:
    film = panel.view.operation._film
    press(qtbot, KEYS.Key_P)
    assert film.isActive()
    press(qtbot, KEYS.Key_P)
    assert not film.isActive()
    press(qtbot, KEYS.Key_P)
    press(qtbot, KEYS.Key_2, ALT)
    assert not film.isActive()  # another page
    press(qtbot, KEYS.Key_1, ALT)
    assert panel.text("play") == "Play"
    press(qtbot, KEYS.Key_P)
    panel.open("Slide 52")
    assert not film.isActive()  # no output
    press(qtbot, KEYS.Key_P)
    assert not film.isActive()


def test_that_the_film_runs_over_every_pixel_and_begins_again(panel: Panel, wait_for) -> None:
    panel.open("Slides 30")
    panel.find("speed").setValue(30)
    seen = []
    show = panel.view.operation.show_picture
    panel.view.operation.show_picture = lambda picture: (seen.append(panel.lab.pointed), show(picture))
    panel.find("play").click()
    wait_for(lambda: len(seen) >= 6)
    panel.find("play").click()
    assert seen[:6] == [(0, 1), (1, 0), (1, 1), (0, 0), (0, 1), (1, 0)]


def test_that_comma_and_point_step(panel: Panel, qtbot) -> None:
    press(qtbot, KEYS.Key_Period)
    press(qtbot, KEYS.Key_Period)
    assert panel.lab.pointed == (0, 2)
    press(qtbot, KEYS.Key_Comma)
    assert panel.lab.pointed == (0, 1)
    qtbot.mouseClick(panel.find("step_back"), LEFT)
    qtbot.mouseClick(panel.find("step_back"), LEFT)
    assert panel.lab.pointed == (6, 6)
    qtbot.mouseClick(panel.find("step_forth"), LEFT)
    assert panel.lab.pointed == (0, 0)


def test_that_space_on_a_button_presses_the_button(panel: Panel, qtbot) -> None:
    play = panel.find("play")
    for name, check in (
        ("step_forth", lambda: panel.lab.pointed == (0, 1)),
        ("kind_conv", lambda: not panel.lab.geometry.transposed),
        ("topic_matrix", lambda: panel.lab.topic == "matrix"),
    ):
        panel.find(name).setFocus()
        press(qtbot, KEYS.Key_Space)
        assert check(), name
        assert not play.isChecked()
    panel.presenter.set_topic("operation")
    play.setFocus()
    press(qtbot, KEYS.Key_Space)
    assert play.isChecked()
    press(qtbot, KEYS.Key_Space)
    assert not play.isChecked()


# Pages --------------------------------------------------------------------------------------------------------------------


def test_that_alt_and_a_digit_lead_to_each_page(panel: Panel, qtbot) -> None:
    for number, (topic, _text, _tip) in reversed([*enumerate(TOPICS, start=1)]):
        press(qtbot, KEYS(KEYS.Key_0 + number), ALT)
        assert panel.lab.topic == topic
        assert panel.view.tabs[number - 1].isVisible()
        assert panel.find(f"topic_{topic}").isChecked()
        assert panel.view.knobs.isVisible() == (topic in ("operation", "matrix", "coverage"))
        assert panel.view.copy_code.isVisible() == (topic in ("operation", "matrix", "coverage"))


def test_that_keys_of_the_operation_do_nothing_where_it_is_not_seen(panel: Panel, qtbot) -> None:
    for topic in ("atrous", "network"):
        panel.presenter.set_topic(topic)
        panel.find(f"topic_{topic}").setFocus()
        lab = panel.lab
        QGuiApplication.clipboard().setText("before")
        for key, modifier in (
            (KEYS.Key_T, NO_MODIFIER), (KEYS.Key_P, NO_MODIFIER), (KEYS.Key_Period, NO_MODIFIER),
            (KEYS.Key_C, CTRL | Qt.KeyboardModifier.ShiftModifier),
        ):  # fmt: skip
            press(qtbot, key, modifier)
        assert panel.lab is lab
        assert panel.undo.count() == 0
        assert QGuiApplication.clipboard().text() == "before"


def test_that_each_page_gives_the_keys_to_what_one_works_with(panel: Panel, qtbot) -> None:
    for number, name in ((2, "topic_matrix"), (3, "topic_coverage"), (4, "topic_atrous"), (1, "grid_output")):
        press(qtbot, KEYS(KEYS.Key_0 + number), ALT)
        focus = QApplication.focusWidget()
        assert focus.isVisible()  # never on a page that is out of sight
        assert panel.view.isAncestorOf(focus)
        panel.view.setFocus()  # as the window does when it shows the page
        assert QApplication.focusWidget() is panel.find(name)


def test_that_the_coverage_page_follows_mouse_and_keys_and_takes_a_repair(panel: Panel, qtbot) -> None:
    panel.open("mUnet")
    assert panel.text("coverage_verdict").startswith("Holes: 3,072 of 4,096")
    grid = panel.find("grid_counts")
    hover(qtbot, grid, 4, 6)
    assert (panel.lab.pointed, panel.lab.of_input) == ((4, 6), False)
    grid.setFocus()
    press(qtbot, KEYS.Key_Right)
    assert panel.lab.pointed == (4, 7)
    assert grid.marks.cursor == (4, 7)
    assert [panel.text(f"repair_title_{n}") for n in range(3)] == [
        "No dilation", "Kernel twice the stride", "Resize, then convolve",
    ]  # fmt: skip
    promised = panel.text("repair_verdict_1")
    qtbot.mouseClick(panel.find("repair_use_1"), LEFT)
    assert panel.text("coverage_verdict") == promised
    assert promised.startswith("Full")
    assert panel.lab.geometry == build_geometry(32, 4, 2, 1, transposed=True)
    assert not panel.view.coverage.offer.isVisible()
    assert not any(card.isVisible() for card in panel.view.coverage.cards)
    panel.undo.undo()
    assert panel.text("coverage_verdict").startswith("Holes")
    assert panel.find("examples").currentText().strip().startswith("mUnet")


def test_that_of_a_convolution_the_coverage_page_counts_what_is_read(panel: Panel, qtbot) -> None:
    panel.presenter.use(Lab(count_up(build_geometry(8, 1, 2)), topic="coverage"))
    assert panel.text("coverage_verdict").startswith("Unread: 48 of 64 input pixels (75%)")
    hover(qtbot, panel.find("grid_counts"), 3, 5)
    assert (panel.lab.pointed, panel.lab.of_input) == ((3, 5), True)
    assert panel.find("grid_counts").marks.cursor == (3, 5)
    press(qtbot, KEYS.Key_T)
    assert panel.find("grid_counts").cells.values.shape == (15, 15)
    hover(qtbot, panel.find("grid_counts"), 3, 5)
    assert (panel.lab.pointed, panel.lab.of_input) == ((3, 5), False)


# The proof ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["Slide 38", "Slides 60", "Strides and padding, odd, transposed", "mUnet"])
def test_that_torch_and_all_other_ways_agree(panel: Panel, qtbot, wait_for, start: str) -> None:
    panel.open(start)
    press(qtbot, KEYS.Key_Return, CTRL)
    proof = panel.view.matrix.proof
    assert panel.lab.topic == "matrix"
    wait_for(lambda: proof.verdict.property("mark") == "good", 30_000)
    assert proof.verdict.text().startswith("All ways agree")
    (result,) = [e.result for e in panel.running.events if isinstance(e, JobDone) and e.kind == "prove"]
    assert result.agrees
    assert {"conv2d", "conv_transpose2d"} <= {*result.forward.routes, *result.backward.routes}
    type_number(qtbot, panel.find("box_kernel"), "1")
    assert proof.verdict.property("mark") != "good"


def test_that_a_proof_that_comes_too_late_is_not_shown(panel: Panel, qtbot, wait_for) -> None:
    panel.open("Slide 38")
    qtbot.mouseClick(panel.find("prove"), LEFT)
    panel.open("Slide 33")
    wait_for(lambda: any(isinstance(e, JobDone) and e.kind == "prove" for e in panel.running.events), 30_000)
    assert panel.view.matrix.proof.verdict.property("mark") != "good"
    assert panel.find("prove").isEnabled()


# Code and files -----------------------------------------------------------------------------------------------------------


def run_program(code: str) -> np.ndarray:
    room: dict[str, Any] = {"print": lambda *_: None}
    exec(code, room)
    return room["y"].numpy()[0]


@pytest.mark.parametrize("start", ["Slides 30", "Slide 48", "Slides 60", "Slides 44", "Strides and padding, odd, tr"])
def test_that_the_copied_program_gives_the_output_that_is_shown(panel: Panel, qtbot, start: str) -> None:
    panel.open(start)
    QGuiApplication.clipboard().clear()
    qtbot.mouseClick(panel.find("copy_code"), LEFT)
    np.testing.assert_allclose(run_program(QGuiApplication.clipboard().text())[0], panel.see(), rtol=1e-5, atol=1e-6)


def test_that_copying_is_told_and_the_note_comes_back(panel: Panel, qtbot) -> None:
    panel.open("Slides 30")
    note = panel.text("lab_note")
    qtbot.mouseClick(panel.find("copy_code"), LEFT)
    assert panel.text("lab_note").startswith("Copied a program of")
    panel.view._news.timeout.emit()
    assert panel.text("lab_note") == note


def test_that_keys_copy_what_stands_there_now(panel: Panel, qtbot) -> None:
    type_number(qtbot, panel.find("box_stride"), "3")
    panel.presenter.edit("kernel", 0, 0, 0.25)
    press(qtbot, KEYS.Key_C, CTRL | Qt.KeyboardModifier.ShiftModifier)
    np.testing.assert_allclose(run_program(QGuiApplication.clipboard().text())[0], panel.see())


def give_path(panel: Panel, qtbot, name: str, path: Path, kind: str = "") -> None:
    """Types a path into the file dialog of that name and confirms it."""
    dialog = panel.view.findChild(QFileDialog, name)
    assert dialog.isVisible()
    if kind:
        box = dialog.findChild(QComboBox, "fileTypeCombo")
        row = next(n for n in range(box.count()) if kind in box.itemText(n))
        box.setCurrentIndex(row)
        box.activated.emit(row)
        box.textActivated.emit(box.itemText(row))
    field = dialog.findChild(QLineEdit, "fileNameEdit")
    field.setCompleter(None)
    field.setText(str(path))
    qtbot.keyClick(field, KEYS.Key_Return)
    qtbot.waitUntil(lambda: not dialog.isVisible())


def test_that_a_picture_is_saved_as_png(panel: Panel, qtbot, wait_for, tmp_path: Path) -> None:
    qtbot.mouseClick(panel.find("save_lab_picture"), LEFT)
    give_path(panel, qtbot, "png_dialog", tmp_path / "größer")
    path = tmp_path / "größer.png"
    wait_for(path.exists)
    picture = Image.open(path)
    assert picture.size == (2400, 1520)
    assert len(picture.convert("RGB").getcolors(2**24)) > 20


def test_that_a_picture_is_saved_as_svg_with_text(panel: Panel, qtbot, wait_for, tmp_path: Path) -> None:
    panel.open("Slides 30")
    press(qtbot, KEYS.Key_S, CTRL | Qt.KeyboardModifier.ShiftModifier)
    give_path(panel, qtbot, "png_dialog", tmp_path / "lab", "svg")
    path = tmp_path / "lab.svg"
    wait_for(path.exists)
    drawn = path.read_text(encoding="utf-8")
    assert drawn.count("<text") > 20
    assert ">37<" in drawn
    assert "nn.Conv2d(1, 1, 2)" in drawn
    assert "Slides 30" in drawn


def test_that_a_file_dialog_proposes_the_examples_name(panel: Panel, qtbot) -> None:
    panel.open("Slides 30")
    qtbot.mouseClick(panel.find("save_lab_picture"), LEFT)
    dialog = panel.view.findChild(QFileDialog, "png_dialog")
    assert [Path(name).name for name in dialog.selectedFiles()] == ["slides_30_31.png"]
    dialog.reject()


def test_that_a_film_has_a_frame_for_every_output_pixel(panel: Panel, qtbot, wait_for, tmp_path: Path) -> None:
    panel.open("Slides 30")
    panel.presenter.set_knob("height", 4)
    panel.find("speed").setValue(10)
    qtbot.mouseClick(panel.find("save_film"), LEFT)
    give_path(panel, qtbot, "gif_dialog", tmp_path / "sweep")
    path = tmp_path / "sweep.gif"
    wait_for(path.exists, 30_000)
    film = Image.open(path)
    assert film.n_frames == 6 == panel.see().size
    assert film.size == (900, 570)
    assert film.info["duration"] == 100
    assert film.info["loop"] == 0
    seen = set()
    for place in range(film.n_frames):
        film.seek(place)
        seen.add(film.convert("RGB").tobytes())
    assert len(seen) == 6


# Networks -----------------------------------------------------------------------------------------------------------------


def go_to_network(panel: Panel, qtbot, wait_for, network: str = "lecture") -> Any:
    press(qtbot, KEYS.Key_5, ALT)
    choices = panel.presenter._inspection.state.choices
    wanted = next(choice for choice in choices if choice.settings == find_preset(network).config.network)
    choose(qtbot, panel.find("network_choice"), wanted.title)
    wait_for(lambda: panel.view.network.table.isVisible() and panel.view.network.totals.text(), 60_000)
    return panel.view.network


def list_rows(tab: Any) -> list[tuple[str, str]]:
    rows = range(tab.filter.rowCount())
    return [(tab.filter.index(row, 0).data(), tab.filter.index(row, 8).data()) for row in rows]


def test_that_the_lectures_network_is_flagged_and_its_last_layer_opens(panel: Panel, qtbot, wait_for) -> None:
    tab = go_to_network(panel, qtbot, wait_for)
    assert "1,922,112 parameters in" in panel.text("network_flags")
    assert "Holes in 3 layers" in panel.text("network_flags")
    assert panel.view.network.flags.property("mark") == "warning"
    everything = list_rows(tab)
    flagged = [name for name, coverage in everything if coverage.startswith("holes")]
    assert len(flagged) == 3
    assert flagged[-1] == "conv_out"
    assert all(name in panel.text("network_flags") for name in flagged)

    panel.find("layer_filter").setFocus()
    qtbot.keyClicks(panel.find("layer_filter"), "holes")
    assert [name for name, _ in list_rows(tab)] == flagged
    tab.table.setFocus()
    press(qtbot, KEYS.Key_Up)
    press(qtbot, KEYS.Key_Down)
    press(qtbot, KEYS.Key_Return)
    wait_for(lambda: panel.lab.topic == "operation", 60_000)
    assert panel.lab.name == "conv_out"
    assert panel.find("examples").currentText() == "conv_out"
    assert panel.lab.geometry == build_geometry(32, 3, 2, 2, 2, 1, transposed=True)
    assert panel.lab.operation.channels == (64, 5)
    assert panel.find("box_height").value() == 32
    assert panel.find("box_dilation").value() == 2
    assert panel.text("lab_note").startswith("Its kernel as it is drawn at the start, untrained")
    press(qtbot, KEYS.Key_3, ALT)
    assert panel.text("coverage_verdict").startswith("Holes: 3,072 of 4,096 output pixels")
    assert panel.find("grid_counts").cells.values.shape == (64, 64)
    panel.undo.undo()
    assert panel.lab.topic == "network"


def test_that_the_filter_takes_words_and_the_box_shows_the_rest(panel: Panel, qtbot, wait_for) -> None:
    tab = go_to_network(panel, qtbot, wait_for)
    convolutions = len(list_rows(tab))
    box = panel.find("convolutions_only")
    qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
    assert len(list_rows(tab)) > convolutions
    qtbot.keyClicks(panel.find("layer_filter"), "normalisation")
    assert list_rows(tab)
    assert not panel.find("open_in_lab").isEnabled()
    qtbot.keyClicks(panel.find("layer_filter"), " nowhere")
    assert list_rows(tab) == []
    panel.find("layer_filter").clear()
    for name, coverage in list_rows(tab):
        if not coverage:
            row = [n for n, _ in list_rows(tab)].index(name)
            tab.table.selectRow(row)
            assert not panel.find("open_in_lab").isEnabled()
            break


def test_that_columns_sort_by_what_they_mean(panel: Panel, qtbot, wait_for) -> None:
    tab = go_to_network(panel, qtbot, wait_for)
    for column, read in (
        (4, lambda text: int(text.replace(",", "") or 0)),
        (3, lambda text: np.prod([int(side) for side in text.split(" × ")]) if text else -1),
    ):
        tab.table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
        values = [read(tab.filter.index(row, column).data()) for row in range(tab.filter.rowCount())]
        assert values == sorted(values)
        assert len(set(values)) > 3


def test_that_sizes_follow_the_image(panel: Panel, qtbot, wait_for) -> None:
    tab = go_to_network(panel, qtbot, wait_for)
    before = tab.totals.text()
    type_number(qtbot, panel.find("network_height"), "128")
    wait_for(lambda: tab.table.isVisible() and tab.totals.text() not in ("", before), 60_000)
    tab.search.setText("conv_out")
    assert tab.filter.index(0, 3).data() == "128 × 64"


def scale_inputs(path: Path) -> Path:
    """The same checkpoint, for a network that wants its input scaled channel by channel."""
    header, tensors = read_checkpoint(path, "")
    scaling = Scaling(mean=(90.0, 100.0, 110.0), deviation=(40.0, 50.0, 60.0))
    save_checkpoint(path, msgspec.structs.replace(header, scaling=scaling), tensors)
    return path


@pytest.mark.parametrize("network", ["recommended", "lecture"])
def test_that_an_opened_layer_has_the_selected_samples_activation(
    panel: Panel, qtbot, wait_for, tmp_path: Path, network: str
) -> None:
    path = scale_inputs(save_network(tmp_path / "run", network))
    dataset = build_dataset()
    panel.session.publish([JobDone(9001, "open dataset", dataset)])
    panel.session.publish([JobDone(9002, "open checkpoint", read_checkpoint_info(path))])
    press(qtbot, KEYS.Key_5, ALT)
    tab = panel.view.network
    assert panel.find("network_choice").currentText() == "Checkpoint run (best)"
    wait_for(lambda: tab.table.isVisible() and tab.totals.text(), 60_000)
    assert panel.find("network_height").value() == 32

    loaded = load_checkpoint(path)
    for index in (1, 4):
        panel.session.select_sample(index)
        seen: list[Any] = []
        layer = dict(loaded.network.named_modules())["conv_out"]
        hook = layer.register_forward_hook(lambda _m, inputs, output, seen=seen: seen.extend((inputs[0], output)))
        image = torch.from_numpy(dataset.read(index).image.astype(np.float32)).permute(2, 0, 1)[None]
        mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (loaded.scaling.mean, loaded.scaling.deviation))
        with torch.inference_mode():
            loaded.network.eval()((image - mean) / deviation)
        hook.remove()
        panel.presenter.set_topic("network")
        tab.search.setText("conv_out")
        tab.table.selectRow(0)
        done = sum(isinstance(e, JobDone) and e.kind == "open layer" for e in panel.running.events)
        qtbot.mouseClick(panel.find("open_in_lab"), LEFT)
        wait_for(
            lambda done=done: (
                sum(isinstance(e, JobDone) and e.kind == "open layer" for e in panel.running.events) > done
            ),
            60_000,
        )
        operation = panel.lab.operation
        np.testing.assert_allclose(operation.x_IHW, seen[0][0].numpy(), rtol=1e-4, atol=1e-4)
        output = seen[1][0].numpy()
        scale = float(np.abs(output).max())
        for o in range(operation.channels[1]):
            np.testing.assert_allclose(operation.compute_channel(o), output[o], atol=1e-4 * max(1.0, scale))
        np.testing.assert_allclose(panel.see(), output[0], atol=1e-4 * max(1.0, scale))


# In the window ------------------------------------------------------------------------------------------------------------


class Room:
    """The page in the whole window."""

    def __init__(self, desk: Any) -> None:
        self.desk, self.window = desk, desk.window
        self.view, self.presenter = desk.views["convolution"], desk.presenters["convolution"]

    @property
    def lab(self) -> Lab:
        return self.presenter.lab

    def open(self, start: str) -> None:
        self.presenter.open_preset(next(n for n, preset in enumerate(PRESETS) if preset.name.startswith(start)))


@pytest.fixture
def room(desk, wait_for) -> Room:
    desk.window.resize(1366, 768)
    desk.window.activateWindow()
    wait_for(desk.window.isActiveWindow)
    desk.window.show_page("convolution")
    return Room(desk)


def go_to(room: Room, wait_for, topic: Any) -> None:
    """A page of the lab with all that it has to show."""
    room.presenter.set_topic(topic)
    tab = room.view.network
    if topic == "network":
        wait_for(lambda: tab.table.isVisible() and tab.totals.text(), 60_000)
    for _ in range(3):
        QApplication.processEvents()


def fill_large() -> Lab:
    """Long numbers, as a trained layer brings them."""
    drawn = np.random.default_rng(0)
    geometry = build_geometry(32, 3, 2, 2, 2, 1, transposed=True)
    operation = Operation(
        geometry, drawn.normal(size=(64, 32, 32)), drawn.normal(size=(64, 11, 3, 3)), drawn.normal(size=11)
    )
    note = "Its trained kernel, and what really enters it for the sample on screen."
    return Lab(operation, "skip128to256UP_arr.0.convo1", note, source="own", summed=True, pointed=(2, 2), pair=(63, 10))


def find_cut_off(root: QWidget) -> list[tuple[str, str]]:
    """Texts of labels and buttons that do not fit, or stand outside of the page."""
    wrong = []
    for widget in root.findChildren(QWidget):
        if not isinstance(widget, QLabel | QAbstractButton) or not widget.isVisible() or not widget.text():
            continue
        if isinstance(widget, QAbstractButton):
            fits = widget.minimumSizeHint().width() <= widget.width() and widget.sizeHint().height() <= widget.height()
        elif isinstance(widget, ElidedLabel):
            fits = widget.fontMetrics().horizontalAdvance(widget.text()) <= widget.width()
        elif widget.wordWrap():
            fits = widget.heightForWidth(widget.width()) <= widget.height()
        else:
            fits = widget.minimumSizeHint().width() <= widget.width()
            fits = fits and widget.minimumSizeHint().height() <= widget.height()
        scrolls = any(area.isAncestorOf(widget) for area in root.findChildren(QScrollArea))
        place = widget.geometry().translated(widget.parentWidget().mapTo(root, QPoint(0, 0)))
        if not fits or not (scrolls or root.rect().contains(place)):
            wrong.append((widget.objectName(), widget.text()))
    return wrong


LABS = {
    "the first": None,
    "slide 48": "Slide 48",
    "slide 52": "Slide 52",
    "slide 41": "Slide 41",
    "slide 13": "Slide 13",
    "mUnet": "mUnet",
    "a layer": fill_large(),
    "sides that differ": Lab(count_up(build_geometry((16, 9), (7, 5), (4, 3), (3, 2), 1, (3, 2), transposed=True))),
}


@pytest.mark.parametrize("name", ["light", "dark"])
def test_that_nothing_is_cut_off_at_1366_by_768(room: Room, wait_for, name: str) -> None:
    room.desk.set_theme(name)
    wrong = {}
    for title, lab in LABS.items():
        if isinstance(lab, Lab):
            room.presenter.use(lab)
        elif lab:
            room.open(lab)
        for topic, _text, _tip in TOPICS:
            go_to(room, wait_for, topic)
            assert (room.window.width(), room.window.height()) == (1366, 768)
            if found := find_cut_off(room.view):
                wrong[title, topic] = found
    assert not wrong


def test_that_every_examples_note_can_be_read_whole(room: Room) -> None:
    for number, preset in enumerate(PRESETS):
        room.presenter.open_preset(number)
        for topic in ("operation", "matrix", "coverage"):
            room.presenter.set_topic(topic)
            QApplication.processEvents()
            assert find_cut_off(room.view) == [], (preset.name, topic)


def test_that_the_page_is_never_wider_than_a_small_screen(room: Room) -> None:
    for lab in LABS.values():
        if isinstance(lab, Lab):
            room.presenter.use(lab)
        for topic, _text, _tip in TOPICS:
            room.presenter.set_topic(topic)
            assert room.window.minimumSizeHint().width() <= 1366
            assert room.window.minimumSizeHint().height() <= 768


def list_controls(root: QWidget) -> list[QWidget]:
    kinds = (QAbstractButton, QComboBox, QAbstractSlider, QAbstractSpinBox, QLineEdit, QAbstractItemView, TensorGrid)
    found = [w for w in root.findChildren(QWidget) if isinstance(w, kinds) and w.isVisible()]
    inner = (QAbstractSpinBox, QComboBox)  # their own field, buttons and list
    return [
        w
        for w in found
        if w.focusPolicy() != Qt.FocusPolicy.NoFocus and not isinstance(w.parentWidget(), inner)
    ]  # fmt: skip


def test_that_every_control_has_a_name_a_tooltip_and_the_keyboard(room: Room, wait_for) -> None:
    nameless, tipless, keyless = set(), set(), set()
    room.open("Slide 48")
    for topic, _text, _tip in TOPICS:
        go_to(room, wait_for, topic)
        controls = list_controls(room.view)
        assert len(controls) > 10
        for widget in controls:
            told = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
            if not any(letter.isalpha() for letter in told):
                nameless.add(widget.objectName() or repr(widget))
            if not isinstance(widget, (TensorGrid, QAbstractItemView, QLineEdit)) and not widget.toolTip():
                tipless.add(widget.objectName() or repr(widget))
            is_in_switch = isinstance(widget, SegmentButton)  # one of them by Tab, the others by arrows
            if not is_in_switch and not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                keyless.add(widget.objectName())
    assert not nameless
    assert not tipless
    assert not keyless


def test_that_a_change_is_undone_by_the_windows_undo(room: Room, qtbot) -> None:
    stack, before = room.window.undo_stack, room.lab
    press(qtbot, KEYS.Key_T)
    type_number(qtbot, room.view.knobs.boxes["stride"], "3")
    assert stack.count() == 2
    room.view.setFocus()
    press(qtbot, KEYS.Key_Z, CTRL)
    press(qtbot, KEYS.Key_Z, CTRL)
    assert room.lab is before
    press(qtbot, KEYS.Key_Z, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert not room.lab.geometry.transposed
    qtbot.keyClick(room.window, KEYS.Key_3, CTRL)
    assert room.window.page == "prediction"
    stack.undo()
    assert room.lab is before


def test_that_the_pages_actions_stand_in_its_menu(room: Room) -> None:
    actions = {action.objectName(): action for action in room.window.menus["convolution"].actions()}
    for name, keys in (
        ("play", "P"), ("kind", "T"), ("prove", "Ctrl+Return"), ("code", "Ctrl+Shift+C"), ("picture", "Ctrl+Shift+S"),
        ("film", "Ctrl+Shift+G"), ("example_after", "Ctrl+PgDown"), ("topic_network", "Alt+5"),
    ):  # fmt: skip
        assert actions[f"convolution_{name}"].shortcut().toString() == keys


def test_that_too_long_a_film_is_a_sentence_in_the_error_dialog(room: Room, qtbot) -> None:
    desk = room.desk
    room.presenter.use(Lab(count_up(build_geometry(11, 3, 2, transposed=True))))
    desk.alarm.install()
    try:
        with qtbot.captureExceptions() as caught:
            qtbot.mouseClick(room.view.save_film, LEFT)
        for _kind, error, _trace in caught:
            desk.alarm.tell(error)
    finally:
        desk.alarm.remove()
    qtbot.waitUntil(desk.errors.isVisible)
    assert desk.errors.message.text().startswith("The sweep has 529 places")
    assert desk.errors.hint.text().startswith("Make the output 20 × 20 or smaller")
    assert not desk.errors.details.isVisible()
    assert room.view.findChildren(QFileDialog) == []
    desk.errors.close()


def test_that_a_picture_in_a_folder_that_is_not_there_is_an_error_not_a_crash(
    room: Room, qtbot, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    room.presenter.save_file(str(tmp_path / "file" / "lab.png"), b"x")
    qtbot.waitUntil(room.desk.errors.isVisible, timeout=10_000)
    assert room.desk.errors.message.text()
    assert not (tmp_path / "file" / "lab.png").exists()
    room.desk.errors.close()


def test_that_the_training_pages_network_is_listed(room: Room, qtbot, wait_for) -> None:
    qtbot.keyClick(room.window, KEYS.Key_2, CTRL)
    actions = room.desk.views["training"].actions_list()
    press_keys(qtbot, next(action for action in actions if action.objectName() == "training_layers"))
    assert room.window.page == "convolution"
    assert room.lab.topic == "network"
    tab = room.view.network
    assert tab.network.currentText() == "The training page's network"
    wait_for(lambda: tab.table.isVisible() and tab.totals.text(), 60_000)
    assert tab.filter.rowCount() > 10
    assert "4,102,213 parameters" in tab.totals.text()


def test_that_the_prediction_pages_checkpoint_is_listed(room: Room, qtbot, wait_for, tmp_path: Path) -> None:
    path = save_network(tmp_path / "small run", "lecture")
    desk = room.desk
    desk.session.publish([JobDone(9001, "open dataset", build_dataset())])
    desk.session.publish([JobDone(9002, "open checkpoint", read_checkpoint_info(path))])
    qtbot.keyClick(room.window, KEYS.Key_3, CTRL)
    wait_for(lambda: not desk.jobs.jobs(), 60_000)
    actions = desk.views["prediction"].actions_list()
    press_keys(qtbot, next(action for action in actions if action.objectName() == "prediction_layers"))
    assert room.window.page == "convolution"
    tab = room.view.network
    assert tab.network.currentText() == "Checkpoint small run (best)"
    wait_for(lambda: tab.table.isVisible() and tab.totals.text(), 60_000)
    assert "Holes in" in tab.flags.text()
    assert (tab.image_height.value(), tab.image_width.value()) == (32, 32)


def test_that_light_and_dark_repaint_every_page(room: Room, wait_for) -> None:
    def paint() -> dict[str, QImage]:
        pictures = {}
        for topic, _text, _tip in TOPICS:
            go_to(room, wait_for, topic)
            pictures[topic] = room.view.grab().toImage()
        return pictures

    def measure(picture: QImage) -> float:
        small = picture.scaled(32, 32, mode=Qt.TransformationMode.SmoothTransformation)
        return float(np.mean([small.pixelColor(x, y).lightnessF() for x in range(32) for y in range(32)]))

    light = paint()
    room.desk.set_theme("dark")
    dark = paint()
    room.desk.set_theme("light")
    again = paint()
    for topic, _text, _tip in TOPICS:
        assert measure(light[topic]) > 0.7, topic
        assert measure(dark[topic]) < 0.35, topic
        assert measure(again[topic]) == pytest.approx(measure(light[topic]), abs=0.02), topic
    grid = room.view.operation.output
    room.presenter.set_topic("operation")
    room.desk.set_theme("dark")
    at = grid.find_frame().block(6, 6).center().toPoint() + QPoint(-14, -14)
    assert grid.grab().toImage().pixelColor(at) != light["operation"].pixelColor(grid.mapTo(room.view, at))
    assert theme.current_theme().is_dark


def test_that_undo_brings_back_a_lab_whole(panel: Panel) -> None:
    for number in (4, 8, 15):
        panel.presenter.open_preset(number)
        panel.presenter.use(replace(panel.lab, pointed=(1, 1)))
    panel.undo.undo()
    assert panel.lab.name == PRESETS[8].name
    assert panel.find("examples").currentData() == 8
