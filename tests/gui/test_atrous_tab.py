"""The Atrous tab with real widgets: every control changes the picture, pixels follow mouse and keys, and nothing is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QSlider, QSpinBox, QWidget

from segbench.gui.panels.convolution.atrous_picture import FAMILIES, Atrous, resolve_atrous
from segbench.gui.panels.convolution.atrous_tab import AtrousTab
from segbench.gui.panels.convolution.atrous_taps import TapMap
from segbench.gui.widgets.class_marks import ElidedLabel, SegmentButton
from segbench.gui.widgets.tensor_grid import TensorGrid

ROOM = 1270, 560  # what the window of 1366 x 768 leaves


class Desk:
    """A tab whose owner shows what was chosen, as the presenter does."""

    def __init__(self) -> None:
        self.tab = AtrousTab()
        self.told: list[Atrous] = []
        self.tab.changed.connect(self.show)

    def show(self, choices: Atrous) -> None:
        self.told.append(choices)
        self.tab.show_picture(resolve_atrous(choices))

    def open(self, **choices: object) -> None:
        self.tab.show_picture(resolve_atrous(Atrous(**choices)))  # type: ignore[arg-type]
        QApplication.processEvents()

    @property
    def last(self) -> Atrous:
        return self.told[-1]

    def find(self, name: str) -> QWidget:
        return self.tab.findChild(QWidget, name)

    def text(self, name: str) -> str:
        return self.tab.findChild(QLabel, name).text()


@pytest.fixture
def desk(qtbot, any_theme) -> Iterator[Desk]:
    made = Desk()
    qtbot.addWidget(made.tab)
    made.tab.resize(*ROOM)
    made.open()
    made.tab.show()
    qtbot.waitExposed(made.tab)
    yield made
    made.tab.hide()


def place_of(grid: TensorGrid, row: int, column: int) -> QPoint:
    return grid.find_frame().block(row, column).center().toPoint()


def place_on(tap_map: TapMap, row: int, column: int) -> QPoint:
    origin, cell = tap_map.find_cell()
    return (origin + QPointF(column + 0.5, row + 0.5) * cell).toPoint()


def hover(qtbot, widget: QWidget, place: QPoint) -> None:
    qtbot.mouseMove(widget, place + QPoint(1, 0))  # the pointer may be at `place` from the test before
    qtbot.mouseMove(widget, place)


def test_that_the_switch_shows_one_part_at_a_time(desk: Desk, qtbot) -> None:
    for part, page in (("aspp", desk.tab.aspp), ("gridding", desk.tab.gridding), ("edge", desk.tab.edge)):
        qtbot.mouseClick(desk.find(f"atrous_{part}"), Qt.MouseButton.LeftButton)
        assert desk.last.part == part
        assert page.isVisible()
        assert sum(other.isVisible() for other in (desk.tab.edge, desk.tab.aspp, desk.tab.gridding)) == 1
        assert desk.find(f"atrous_{part}").isChecked()


def test_that_arrows_move_the_switch(desk: Desk, qtbot) -> None:
    desk.tab.activateWindow()
    desk.find("atrous_edge").setFocus()
    for key, part in ((Qt.Key.Key_Right, "aspp"), (Qt.Key.Key_Right, "gridding"), (Qt.Key.Key_Left, "aspp")):
        qtbot.keyClick(QApplication.focusWidget(), key)
        assert desk.last.part == part


def test_that_showing_a_picture_tells_of_no_change(desk: Desk) -> None:
    for part in ("edge", "aspp", "gridding"):
        for changed in ({"rate": 4}, {"map_size": 33, "rates": (1,)}, {"rates": (6, 12, 18, 24)}, {"stack": (5, 1)}):
            desk.open(part=part, **changed)
    assert desk.told == []


# Rates --------------------------------------------------------------------------------------------------------------------


def test_that_the_rate_slider_goes_from_1_to_6_by_keys(desk: Desk, qtbot) -> None:
    slider = desk.find("atrous_rate")
    seen = []
    for _ in range(6):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
        seen.append((desk.last.rate, desk.text("torch_output_size"), desk.text("printed_output_size")))
    assert [rate for rate, _, _ in seen] == [2, 3, 4, 5, 6, 6]
    assert seen[0] == (2, "16 − 5 + 1 = 12", "16 − 6 + 1 = 11")
    assert desk.find("printed_output").cells is None
    assert desk.text("atrous_rate_value") == "r = 6"


def test_that_both_readings_stand_side_by_side_with_their_edges(desk: Desk) -> None:
    desk.open(rate=2)
    assert [desk.find(name).cells.values.shape for name in ("printed_kernel", "torch_kernel")] == [(6, 6), (5, 5)]
    assert [desk.find(name).cells.values.shape for name in ("printed_output", "torch_output")] == [(11, 11), (12, 12)]
    assert [desk.text(name) for name in ("printed_edge", "torch_edge")] == ["4 columns of +9", "4 columns of −9"]
    assert desk.text("atrous_parameters") == "9"
    assert "zeros behind every tap" in desk.text("atrous_why_size")
    assert "turns the kernel" in desk.text("atrous_why_sign")
    tops = {
        grid.mapTo(desk.tab, grid.find_frame().rect.topLeft()).y()
        for grid in (desk.find(f"{card}_{what}") for card in ("printed", "torch") for what in ("kernel", "output"))
    }
    assert len(tops) == 1  # all four begin at the same height


def test_that_pointing_at_an_output_pixel_marks_what_it_reads(desk: Desk, qtbot) -> None:
    desk.open(rate=2)
    before = desk.text("atrous_sum")
    grid = desk.find("printed_output")
    hover(qtbot, grid, place_of(grid, 1, 1))
    assert (desk.last.traced, desk.last.printed) == ((1, 1), True)
    assert desk.find("atrous_input").marks.window == (1, 1, 6, 6)
    assert desk.text("atrous_sum") != before
    grid = desk.find("torch_output")
    qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=place_of(grid, 0, 0))
    qtbot.keyClick(grid, Qt.Key.Key_Down)
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    assert (desk.last.traced, desk.last.printed) == ((1, 1), False)
    assert desk.find("atrous_input").marks.window == (1, 1, 5, 5)


# ASPP ---------------------------------------------------------------------------------------------------------------------


def test_that_a_published_family_brings_its_rates(desk: Desk, qtbot) -> None:
    desk.open(part="aspp")
    combo = desk.find("aspp_family")
    for number in (1, 2, 3, 0):
        combo.setCurrentIndex(number)
        combo.activated.emit(number)
        rates = FAMILIES[number].rates
        assert desk.last.rates == rates
        shown = [desk.find(f"branch_{n}_map").isVisible() for n in range(4)]
        assert shown == [n < len(rates) for n in range(4)]
        assert FAMILIES[number].note in desk.text("aspp_note")


def test_that_a_branchs_rate_is_changed_on_its_card(desk: Desk) -> None:
    desk.open(part="aspp")
    desk.find("branch_1_rate").setValue(5)
    assert desk.last.rates == (2, 5, 6)
    assert desk.find("aspp_family").currentText() == "Rates of your own"


def test_that_branches_come_and_go(desk: Desk) -> None:
    desk.open(part="aspp")
    count = desk.find("aspp_count")
    for value, rates in ((4, (2, 4, 6, 8)), (1, (2,)), (2, (2, 4)), (3, (2, 4, 6))):
        count.setValue(value)
        assert desk.last.rates == rates
        assert f"M + 1 = {value + 1} channels" in desk.text("aspp_concat")


def test_that_a_smaller_map_leaves_fewer_live_taps(desk: Desk, qtbot) -> None:
    desk.open(part="aspp")
    assert desk.text("branch_2_live") == "2.25 of 9 live"
    assert desk.find("branch_2_share").value() == 250
    slider = desk.find("aspp_map")
    for _ in range(4):
        qtbot.keyClick(slider, Qt.Key.Key_Left)
    assert desk.last.map_size == 4
    assert desk.text("aspp_map_value") == "4 × 4"
    assert desk.text("branch_2_live") == "1 of 9 live"
    assert "A disguised 1 × 1" in desk.text("branch_2_verdict")
    assert desk.text("branch_0_verdict") == ""


def test_that_mouse_and_arrows_move_the_taps_on_every_map(desk: Desk, qtbot) -> None:
    desk.open(part="aspp")
    tap_map = desk.find("branch_0_map")
    hover(qtbot, tap_map, place_on(tap_map, 0, 0))
    assert desk.last.pointed == (0, 0)
    assert [desk.text(f"branch_{n}_here") for n in range(3)] == ["4 of 9 here"] * 3
    assert desk.find("branch_2_map").accessibleDescription() == "row 1, column 1: 4 of 9 here"
    told = len(desk.told)
    hover(qtbot, tap_map, QPoint(2, 2))  # the zeros around the map
    qtbot.keyClick(tap_map, Qt.Key.Key_Up)
    qtbot.keyClick(tap_map, Qt.Key.Key_Left)
    assert len(desk.told) == told
    other = desk.find("branch_pooling_map")
    for key, pixel in (
        (Qt.Key.Key_Down, (1, 0)), (Qt.Key.Key_Right, (1, 1)), (Qt.Key.Key_Up, (0, 1)), (Qt.Key.Key_Left, (0, 0)),
    ):  # fmt: skip
        qtbot.keyClick(other, key)
        assert desk.last.pointed == pixel


def test_that_taps_are_painted_where_they_fall(desk: Desk, any_theme) -> None:
    desk.open(part="aspp", pointed=(0, 0))
    tap_map = desk.find("branch_0_map")
    picture = tap_map.grab().toImage()
    live = picture.pixelColor(place_on(tap_map, 2, 2))
    assert live == any_theme.text
    outside = place_on(tap_map, -2, 2)  # a ring: empty in its middle
    assert picture.pixelColor(outside) != any_theme.text
    assert picture.pixelColor(outside) != picture.pixelColor(outside + QPoint(4, 0))
    before = picture
    desk.open(part="aspp", pointed=(3, 3))
    assert tap_map.grab().toImage() != before


# Gridding -----------------------------------------------------------------------------------------------------------------


def test_that_two_stacks_are_compared(desk: Desk) -> None:
    desk.open(part="gridding")
    assert [desk.text(f"{name}_share") for name in ("chosen", "gapless")] == ["29 %", "100 %"]
    assert "49 of the 169 pixels of its 13 × 13 window" in desk.text("chosen_size")
    assert "divided by 2" in desk.text("chosen_reason")
    assert desk.text("gapless_title") == "A stack without gaps: 1, 2, 3"


def test_that_an_example_a_count_and_each_rate_change_the_stack(desk: Desk) -> None:
    desk.open(part="gridding")
    combo = desk.find("gridding_example")
    combo.setCurrentIndex(3)
    combo.activated.emit(3)
    assert desk.last.stack == (1, 2, 5)
    assert desk.text("chosen_share") == "100 %"
    desk.find("gridding_layers").setValue(4)
    assert desk.last.stack == (1, 2, 5, 5)
    assert desk.find("chosen_layer_3").isVisible()
    for number, rate in enumerate((2, 3, 4, 6)):
        desk.find(f"gridding_rate_{number}").setValue(rate)
    assert desk.last.stack == (2, 3, 4, 6)
    assert combo.currentText() == "Rates of your own"
    desk.find("gridding_layers").setValue(1)
    assert desk.last.stack == (2,)
    assert not desk.find("gridding_rate_1").isVisible()


# Manners ------------------------------------------------------------------------------------------------------------------

LARGEST = (
    Atrous(rate=2),
    Atrous(rate=6),
    Atrous(rate=5, traced=(0, 0), printed=True),
    Atrous(part="aspp", rates=(6, 12, 18, 24)),
    Atrous(part="aspp", map_size=65, rates=(6, 12, 18)),
    Atrous(part="gridding"),
    Atrous(part="gridding", stack=(6, 6, 6, 6)),
)


@pytest.mark.parametrize("choices", LARGEST)
def test_that_nothing_is_cut_off(desk: Desk, choices: Atrous) -> None:
    desk.tab.show_picture(resolve_atrous(choices))
    for _ in range(3):
        QApplication.processEvents()
    wrong = []
    for label in desk.tab.findChildren(QLabel):
        if not label.isVisible() or not label.text():
            continue
        if isinstance(label, ElidedLabel):
            fits = label.fontMetrics().horizontalAdvance(label.text()) <= label.width()
        elif label.wordWrap():
            fits = label.heightForWidth(label.width()) <= label.height()
        else:
            fits = label.minimumSizeHint().width() <= label.width() and label.fontMetrics().height() <= label.height()
        inside = desk.tab.rect().contains(
            label.geometry().translated(label.parentWidget().mapTo(desk.tab, QPoint(0, 0)))
        )
        if not (fits and inside):
            wrong.append((label.objectName(), label.text()))
    assert not wrong
    assert desk.tab.minimumSizeHint().width() <= 1000


def test_that_every_control_has_a_name_a_tooltip_and_the_keyboard(desk: Desk) -> None:
    for part in ("edge", "aspp", "gridding"):
        desk.open(part=part, rates=(2, 4, 6, 8), stack=(1, 2, 3, 4))
        found = 0
        for widget in desk.tab.findChildren(QWidget):
            if not widget.isVisible() or not isinstance(
                widget, (QAbstractButton, QComboBox, QSlider, QSpinBox, TapMap, TensorGrid)
            ):
                continue
            found += 1
            assert widget.accessibleName(), widget.objectName()
            is_in_switch = isinstance(widget, SegmentButton)  # one of them by Tab, the others by arrows
            assert is_in_switch or widget.focusPolicy() & Qt.FocusPolicy.TabFocus, widget.objectName()
            if not isinstance(widget, (TapMap, TensorGrid)):
                assert widget.toolTip(), widget.objectName()
        assert found >= 8
    assert any(button.focusPolicy() & Qt.FocusPolicy.TabFocus for button in desk.tab.parts.buttons())


def test_that_two_choices_before_the_owner_answers_are_both_kept(desk: Desk) -> None:
    tab = AtrousTab()
    told: list[Atrous] = []
    tab.changed.connect(told.append)
    tab.show_picture(resolve_atrous(Atrous()))
    tab.edge.chosen.emit({"rate": 3})
    tab.aspp.chosen.emit({"map_size": 5})
    assert told[-1] == replace(Atrous(), rate=3, map_size=5)
    tab.deleteLater()
