"""The list of classes: what it shows, what it tells, and what keys do in it."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog

from segbench.gui.theme import Theme, contrast
from segbench.gui.widgets.class_table import ClassTableWidget
from segbench.gui.widgets.window_slider import WindowSlider
from segbench.records import ClassInfo, ClassTable

INF = math.inf
CLASSES = ClassTable(
    (
        ClassInfo("disk", (0, 158, 115), 50),
        ClassInfo("star", (240, 228, 66), 100),
        ClassInfo("oval", (204, 121, 167), 150),
    ),
    exclusive=False,
)


@pytest.fixture
def table(qtbot) -> ClassTableWidget:
    widget = ClassTableWidget()
    qtbot.addWidget(widget)
    widget.set_classes(CLASSES)
    widget.set_windows([(0.5, INF)] * 3)
    widget.resize(400, 260)
    widget.show()
    return widget


def eyes(table: ClassTableWidget) -> list[bool]:
    return [table.class_visible(k) for k in range(3)]


def test_that_an_eye_hides_its_class_and_says_so(table, qtbot) -> None:
    with qtbot.waitSignal(table.visibility_changed) as told:
        qtbot.mouseClick(table.findChild(object, "eye_1"), Qt.MouseButton.LeftButton)
    assert told.args == [1, False]
    assert eyes(table) == [True, False, True]


def test_that_what_an_owner_sets_is_not_said_again(table, qtbot) -> None:
    with qtbot.assertNotEmitted(table.visibility_changed), qtbot.assertNotEmitted(table.threshold_changed):
        table.set_class_visible(0, False)
        table.set_windows([(0.1, INF), (0.2, 0.8), (0.3, INF)])
        table.set_opacity(0.2)
    assert table.windows()[1] == (0.2, 0.8)


def test_that_a_double_click_on_a_name_shows_it_alone_and_again_puts_all_back(table, qtbot) -> None:
    table.toggle(2)
    name = table.findChild(object, "name_0")
    with qtbot.waitSignal(table.soloed):
        qtbot.mouseDClick(name, Qt.MouseButton.LeftButton)
    assert eyes(table) == [True, False, False]
    qtbot.mouseDClick(name, Qt.MouseButton.LeftButton)
    assert eyes(table) == [True, True, False]


def test_that_s_shows_the_focused_class_alone(table, qtbot) -> None:
    eye = table.findChild(object, "eye_2")
    eye.setFocus()
    qtbot.keyClick(eye, Qt.Key.Key_S)
    assert eyes(table) == [False, False, True]
    assert table.current_class == 2


def test_that_all_and_none_show_and_hide_every_class(table, qtbot) -> None:
    qtbot.mouseClick(table.findChild(object, "show_none"), Qt.MouseButton.LeftButton)
    assert eyes(table) == [False] * 3
    qtbot.mouseClick(table.findChild(object, "show_all"), Qt.MouseButton.LeftButton)
    assert eyes(table) == [True] * 3


def test_that_slider_and_field_move_together_in_the_scores_units(table, qtbot) -> None:
    low = table.findChild(object, "low_0")
    with qtbot.waitSignal(table.threshold_changed) as told:
        low.setValue(0.7)
    assert told.args == [0, 0.7, INF]
    assert table.windows()[0] == (0.7, INF)
    table.set_classes(CLASSES, "value")
    table.set_windows([(25, 85), (65, 135), (210, INF)])
    high = table.findChild(object, "high_0")
    assert high.isVisible()
    with qtbot.waitSignal(table.threshold_changed) as told:
        high.setValue(90)
    assert told.args == [0, 25, 90]
    assert table.findChild(object, "high_2").value() == 300


def test_that_the_arrows_of_a_slider_are_its_own(table, qtbot) -> None:
    slider = table.findChildren(WindowSlider)[1]
    slider.setFocus()
    with qtbot.waitSignal(table.threshold_changed) as told:
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert told.args == pytest.approx([1, 0.51, INF])
    with qtbot.waitSignal(table.threshold_changed) as told:
        qtbot.keyClick(slider, Qt.Key.Key_Home)
    assert told.args[:2] == [1, 0.0]


def test_that_the_two_ends_of_a_window_never_cross(qtbot) -> None:
    slider = WindowSlider()
    qtbot.addWidget(slider)
    slider.set_limits(0, 300, 1)
    slider.set_window(80, 85)
    for _ in range(20):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.span == (84, 85)
    for _ in range(3):
        qtbot.keyClick(slider, Qt.Key.Key_PageDown, Qt.KeyboardModifier.ShiftModifier)
    assert slider.span == (84, 85)
    qtbot.keyClick(slider, Qt.Key.Key_End, Qt.KeyboardModifier.ShiftModifier)
    assert slider.span == (84, INF)


def test_that_a_drag_moves_the_nearer_end_and_is_one_gesture(table, qtbot) -> None:
    table.set_windows([(0.2, 0.8)] * 3)
    slider = table.findChildren(WindowSlider)[0]
    before = table.gesture
    right = QPoint(slider.width() - 12, slider.height() // 2)
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=right)
    began = table.gesture
    qtbot.mouseMove(slider, right - QPoint(6, 0))
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton)
    assert began > before
    assert table.gesture == began
    low, high = table.windows()[0]
    assert low == 0.2
    assert high < 1


def test_that_a_click_on_the_swatch_offers_a_colour(table, qtbot) -> None:
    qtbot.mouseClick(table.findChild(object, "swatch_1"), Qt.MouseButton.LeftButton)
    dialog = table.findChild(QColorDialog, "color_dialog")
    with qtbot.waitSignal(table.color_changed) as told:
        dialog.setCurrentColor(QColor(1, 2, 3))
        dialog.accept()
    assert told.args == [1, (1, 2, 3)]
    assert table.findChild(object, "swatch_1").color == QColor(1, 2, 3)


def test_that_values_without_meaning_are_dashes(table) -> None:
    table.set_values([(0.834, 12345), (None, 0), (0.0, None)])
    texts = [(row.iou.text(), row.pixels.text()) for row in table._rows]
    assert texts == [("0.83", "12,345"), ("–", "0"), ("0.00", "–")]


def test_that_opacity_and_style_are_told(table, qtbot) -> None:
    with qtbot.waitSignal(table.opacity_changed) as told:
        table.change_opacity(-0.1)
    assert told.args == [pytest.approx(0.45)]
    with qtbot.waitSignal(table.style_changed) as told:
        table.toggle_style()
    assert told.args == ["contour"]
    with qtbot.waitSignal(table.overlay_toggled) as told:
        table.toggle_overlay()
    assert told.args == [False]


def test_that_other_classes_take_the_rows_over(table) -> None:
    table.set_classes(ClassTable((ClassInfo("road", (1, 1, 1)),), exclusive=True))
    assert len(table) == 1
    table.set_classes(None)
    assert len(table) == 0
    table.toggle(0)
    table.solo(0)


def test_that_every_control_can_be_reached_and_has_a_name(table) -> None:
    for row in table._rows:
        for widget in (row.eye, row.swatch, row.slider, row.low):
            assert widget.accessibleName()
            assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_that_no_column_is_cut(table, qtbot) -> None:
    table.set_classes(CLASSES, "value")
    table.set_windows([(25, 85), (65, 135), (210, INF)])
    table.set_values([(0.5, 999_999)] * 3)
    qtbot.wait(50)  # layouts settle
    table.resize(table.minimumSizeHint().width(), 200)
    qtbot.wait(50)
    last = table._rows[0].pixels
    assert last.mapTo(table, QPoint(last.width(), 0)).x() <= table.width()


def test_that_names_are_readable_in_both_themes(table, any_theme: Theme) -> None:
    assert contrast(any_theme.text, any_theme.raised) >= 4.5  # the present row
    assert not table.grab().isNull()
