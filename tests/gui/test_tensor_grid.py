"""The grid of numbers: cells where they belong in colours one can read, keys, editing, words, and what an export gets."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QBuffer, QByteArray, QEvent, QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontInfo, QHelpEvent, QImage, QKeyEvent, QPainter, QPicture, QWheelEvent
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QToolTip, QWidget

from segbench.gui import theme
from segbench.gui.theme import DARK, LIGHT, contrast
from segbench.gui.widgets import grid_paint, tensor_grid
from segbench.gui.widgets.cells import INSERTED, PADDING, VALUE, VOID, Cells, Marks
from segbench.gui.widgets.grid_paint import (
    GAP,
    MOST_SIDE,
    build_colors,
    find_colors,
    find_decimals,
    format_value,
    paint_cells,
    plan_cells,
)
from segbench.gui.widgets.tensor_grid import TensorGrid, read_number, spell_value

ROOM = 300  # px of a picture


def count_up(rows: int, columns: int) -> np.ndarray:
    return np.arange(rows * columns, dtype=np.float64).reshape(rows, columns)


def draw(
    cells: Cells, marks: Marks | None = None, *, room: int = ROOM, look: theme.Theme = LIGHT, **more: object
) -> QImage:
    image = QImage(room, room, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(look.surface)
    with QPainter(image) as painter:
        paint_cells(painter, QRectF(image.rect()), cells, marks, theme=look, **more)  # type: ignore[arg-type]
    return image


def read_pixels(image: QImage) -> np.ndarray:
    """(H, W, 3), a copy."""
    picture = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.bytesPerLine())
    return rows[:, : 3 * picture.width()].reshape(picture.height(), picture.width(), 3).copy()


def cut(image: QImage, cells: Cells, row: int, column: int) -> np.ndarray:
    """The pixels of one cell."""
    frame = plan_cells(QRectF(image.rect()), cells.values.shape)
    rect = frame.block(row, column).toAlignedRect()
    return read_pixels(image)[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1]


def count_colors(part: np.ndarray) -> int:
    return len(np.unique(part.reshape(-1, 3), axis=0))


def draw_svg(cells: Cells, marks: Marks | None = None, room: int = ROOM) -> str:
    kept, buffer = QByteArray(), QBuffer()
    buffer.setBuffer(kept)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(room, room))
    with QPainter(generator) as painter:
        paint_cells(painter, QRectF(0, 0, room, room), cells, marks, theme=LIGHT)
    return bytes(kept.data()).decode()


@pytest.fixture
def grid(qtbot) -> Iterator[TensorGrid]:
    """An editable 4 x 4 grid whose owner takes every edit."""
    made = TensorGrid("input", "Input", editable=True)
    qtbot.addWidget(made)
    made.cell_edited.connect(lambda row, column, value: put(made, row, column, value))
    made.set_cells(Cells(count_up(4, 4)))
    made.resize(240, 260)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    made.setFocus()
    qtbot.waitUntil(made.hasFocus)
    yield made
    QToolTip.hideText()
    made.hide()


def put(grid: TensorGrid, row: int, column: int, value: float) -> None:
    values = grid.cells.values.copy()
    values[row, column] = value
    grid.set_cells(replace(grid.cells, values=values))


def middle(grid: TensorGrid, row: int, column: int) -> QPoint:
    return grid.find_frame().block(row, column).center().toPoint()


def editor(grid: TensorGrid) -> QLineEdit | None:
    return next((e for e in grid.findChildren(QLineEdit, "cell_editor") if e.isVisible()), None)


@pytest.fixture
def heard(grid: TensorGrid) -> Callable[[], list[tuple]]:
    """What the grid said since last asked."""
    said: list[tuple] = []
    for name in ("cell_hovered", "cell_selected", "cell_edited"):
        getattr(grid, name).connect(lambda *what, name=name: said.append((name.removeprefix("cell_"), *what)))

    def take() -> list[tuple]:
        taken = list(said)
        said.clear()
        return taken

    return take


@pytest.fixture
def paints(grid: TensorGrid, monkeypatch) -> list[Cells]:
    """What was painted since the first paint."""
    painted: list[Cells] = []

    def paint(painter, rect, cells, marks, **more):
        painted.append(cells)
        return paint_cells(painter, rect, cells, marks, **more)

    QApplication.processEvents()
    monkeypatch.setattr(tensor_grid, "paint_cells", paint)
    return painted


# Numbers ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (5, 3, "5"), (-3, 2, "−3"), (0, 1, "0"), (-0.0, 4, "0"), (-0.27, 5, "−0.27"), (1.541, 5, "1.541"), (0.1 + 1e-9, 6, "0.1"),
        (-0.2691, 6, "−0.269"), (10000, 3, "1e4"), (-12345678, 6, "−1.2e7"), (1e-5, 6, "1e−5"), (-0.00001, 5, "−1e−5"),
        (123456, 6, "123456"), (float("nan"), 4, "?"), (float("-inf"), 4, "−∞"),
    ],
)  # fmt: skip
def test_that_a_number_shows_as_many_digits_as_fit_and_a_true_minus(value, width, text):
    assert format_value(value, width) == text


def test_that_all_numbers_of_a_grid_have_equally_many_decimals():
    values = [0.5, -0.25, 3, 0.1234567]
    for width, decimals in ((6, 3), (5, 2), (4, 1)):
        assert find_decimals(values, width) == decimals
        texts = [format_value(value, width, decimals) for value in values]
        assert {len(text.partition(".")[2]) for text in texts} == {decimals}
        assert max(map(len, texts)) <= width
    assert find_decimals([1, -2, 300], 9) == 0
    assert find_decimals([1, 2.5], 9) == 1
    assert find_decimals([], 4) == 0


def test_that_numbers_are_not_rounded_until_they_say_nothing():
    assert find_decimals([0.27, -0.4], 2) == -1
    assert find_decimals([0.00001], 5) == -1
    assert find_decimals([123.4, 0.5], 4) == 0


def test_that_a_rounded_zero_has_no_minus():
    assert format_value(-0.001, 6, 2) == "0.00"


@pytest.mark.parametrize("value", [0, 3, -0.26913452, 1e-7, 1e12, -123456.5])
def test_that_the_exact_value_reads_back_as_float32_has_it(value):
    assert read_number(spell_value(value)) == pytest.approx(value, rel=1e-6)
    assert "-" not in spell_value(value)


# Paint --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("palette", ["diverging", "counts", "binary"])
def test_that_digits_stand_out_from_every_colour_they_can_stand_on(look, palette):
    colors = build_colors(palette, look.name)
    for value in (*np.linspace(-1, 1, 81), 0.0):
        number = int(find_colors(Cells(np.array([[value, 1.0]]), palette=palette))[0, 0])
        assert contrast(colors.fills[number], colors.inks[number]) >= 4.5, value
    for ground in (look.background, look.surface):  # the zeros of an operation have no fill
        assert contrast(look.muted, ground) >= 4.5


def test_that_signs_get_opposite_colours_and_the_largest_value_the_full_one():
    numbers = find_colors(Cells(np.array([[-4.0, -2, 0, 2, 4]])))[0].tolist()
    assert numbers == sorted(set(numbers))
    assert numbers[::2] == [0, 127, 254]
    red, _green, blue = build_colors("diverging", "light").fills[0].getRgb()[:3]
    assert blue > red
    red, _green, blue = build_colors("diverging", "light").fills[254].getRgb()[:3]
    assert red > blue
    assert find_colors(Cells(np.array([[2.0]]), span=4.0))[0, 0] < 254
    assert find_colors(Cells(np.array([[9.0]]), span=4.0))[0, 0] == 254


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_that_a_value_that_is_no_number_is_painted_all_the_same(bad):
    draw(Cells(np.array([[bad, 1.0], [2.0, bad]])))
    draw(Cells(np.array([[bad]])))


def test_that_added_zeros_look_unlike_a_zero_of_the_data(any_theme):
    cells = Cells(np.zeros((1, 4)), np.array([[VALUE, PADDING, INSERTED, VOID]], np.uint8))
    image = draw(cells, look=any_theme)
    parts = [cut(image, cells, 0, column) for column in range(4)]
    fill = build_colors("diverging", any_theme.name).fills[127]
    at = parts[0].shape[0] // 2, 6
    assert tuple(parts[0][at]) == fill.getRgb()[:3]
    for part in parts[1:]:
        assert tuple(part[at]) == any_theme.surface.getRgb()[:3]
    assert (parts[1] != parts[2]).any()
    assert count_colors(parts[3]) == 1  # nothing there


def test_that_added_zeros_of_fine_cells_have_colours_of_their_own():
    kinds = np.zeros((60, 60), np.uint8)
    kinds[0], kinds[2] = PADDING, INSERTED
    cells = Cells(np.zeros((60, 60)), kinds)
    image = draw(cells)
    assert len({tuple(cut(image, cells, row, 30)[2, 2]) for row in range(3)}) == 3


@pytest.mark.parametrize("size", [5, 20, 50, 100])
def test_that_what_nothing_covers_is_hatched(size, any_theme):
    counts = np.ones((size, size))
    counts[1, 1] = 0
    cells = Cells(counts, palette="counts")
    image = draw(cells, look=any_theme, numbers=False)
    full, empty = cut(image, cells, 0, 0)[1:-2, 1:-2], cut(image, cells, 1, 1)[1:-2, 1:-2]
    colors = build_colors("counts", any_theme.name)
    warning = np.array(colors.fills[GAP].getRgb()[:3], int)
    assert contrast(colors.fills[GAP], colors.fills[grid_paint.HATCH]) > 1.5  # seen without colour, too
    if full.size and empty.size:
        assert (np.abs(full.astype(int) - warning).sum(-1) > 60).all()
        assert count_colors(empty) > 1 or size == 100
        assert (np.abs(empty.astype(int) - warning).sum(-1) < 60).any() or size == 100


def test_that_numbers_vanish_above_sixteen_and_colours_stay():
    for rows, columns, has_numbers in ((16, 16, True), (17, 16, False), (16, 17, False)):
        cells = Cells(count_up(rows, columns) % 10)
        with_numbers, without = draw(cells, room=400), draw(cells, room=400, numbers=False)
        assert (with_numbers != without) == has_numbers
        corners = [tuple(cut(without, cells, 0, column)[3, 3]) for column in (0, 9)]
        assert len(set(corners)) == 2


def test_that_numbers_vanish_where_they_would_be_too_small():
    cells = Cells(count_up(16, 16) % 10)
    for room, has_numbers in ((160, False), (400, True)):
        assert (draw(cells, room=room) != draw(cells, room=room, numbers=False)) == has_numbers


def test_that_letters_stand_instead_of_numbers():
    cells = Cells(np.ones((2, 2)), letters=np.array([["a", "b"], ["w₁₁", ""]]))
    texts = re.findall(r">([^<>]+)</text>", draw_svg(cells))
    assert [text.strip() for text in texts] == ["a", "b", "w₁₁"]


def test_that_a_vector_file_gets_text_and_shapes():
    kinds = np.array([[PADDING, VALUE, VALUE]], np.uint8)
    told = draw_svg(Cells(np.array([[0, -0.27, 1.5]]), kinds), Marks(cursor=(0, 1)))
    texts = [text.strip() for text in re.findall(r">([^<>]+)</text>", told)]
    assert texts == ["0", "−0.27", "1.50"]
    assert "<image" not in told


def test_that_a_vector_file_of_fine_cells_is_made_of_shapes():
    told = draw_svg(Cells(count_up(60, 60)))
    assert "<image" not in told
    assert told.count("<rect") + told.count("<path") > 60


def test_that_a_recorded_painting_keeps_its_numbers(qapp):
    picture = QPicture()
    with QPainter(picture) as painter:
        paint_cells(painter, QRectF(0, 0, ROOM, ROOM), Cells(count_up(3, 3)), theme=LIGHT)
    image = QImage(ROOM, ROOM, QImage.Format.Format_RGB32)
    image.fill(LIGHT.surface)
    with QPainter(image) as painter:
        painter.drawPicture(0, 0, picture)
    assert count_colors(read_pixels(image)) > 20


def test_that_the_painter_comes_back_as_it_was():
    image = QImage(ROOM, ROOM, QImage.Format.Format_RGB32)
    with QPainter(image) as painter:
        painter.setOpacity(0.5)
        before = painter.pen(), painter.brush(), painter.font(), painter.opacity(), painter.renderHints()
        faded = np.eye(3, dtype=bool)
        paint_cells(painter, QRectF(image.rect()), Cells(count_up(3, 3)), Marks((0, 0), faded, faded, (0, 0, 2, 2)))
        assert (painter.pen(), painter.brush(), painter.font(), painter.opacity(), painter.renderHints()) == before


@pytest.mark.parametrize("size", [4, 40])
@pytest.mark.parametrize("what", ["cursor", "hits", "faded", "window"])
def test_that_every_mark_is_seen_where_it_is_and_nowhere_else(what, size, any_theme):
    cells, plane = Cells(count_up(size, size) - 8), np.zeros((size, size), bool)
    plane[2, 1] = True
    mark = {"cursor": (2, 1), "hits": plane, "faded": plane, "window": (2, 1, 1, 1)}[what]
    plain, marked = draw(cells, look=any_theme), draw(cells, Marks(**{what: mark}), look=any_theme)
    changed = np.argwhere((read_pixels(plain) != read_pixels(marked)).any(-1))
    frame = plan_cells(QRectF(plain.rect()), (size, size))
    near = frame.block(2, 1).adjusted(-4, -4, 4, 4)
    assert len(changed) > 4
    assert all(near.contains(QPointF(x, y)) for y, x in changed)


def test_that_marks_of_another_size_are_left_out():
    cells, plane = Cells(count_up(3, 3)), np.ones((5, 5), bool)
    assert draw(cells, Marks(cursor=(4, 4), hits=plane, faded=plane)) == draw(cells)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (16, 16), (1, 40), (110, 110), (260, 400)])
@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0])
def test_that_cells_are_square_centred_and_on_whole_pixels(shape, ratio):
    room = QRectF(10, 20, 333, 277)
    frame = plan_cells(room, shape, ratio=ratio)
    assert room.contains(frame.rect)
    assert frame.side <= MOST_SIDE
    assert frame.rect.width() == pytest.approx(frame.side * shape[1])
    assert abs(frame.rect.center().x() - room.center().x()) <= 1
    assert abs(frame.rect.center().y() - room.center().y()) <= 1
    for value in (frame.x, frame.y, *([frame.side] if frame.side >= 8 else [])):
        assert value * ratio == pytest.approx(round(value * ratio), abs=1e-6)
    for row, column in ((0, 0), (shape[0] - 1, shape[1] - 1)):
        center = frame.block(row, column).center()
        assert frame.find(center.x(), center.y()) == (row, column)
    assert frame.find(frame.x - 1, frame.y + 1) is None
    assert frame.find(frame.rect.right() + 1, frame.y + 1) is None


@pytest.mark.parametrize("columns", [31, 57])
def test_that_fine_cells_of_odd_widths_are_not_sheared(columns):
    values = np.random.default_rng(0).normal(size=(57, columns))
    cells = Cells(values)
    image, numbers, fills = draw(cells), find_colors(cells), build_colors("diverging", "light").fills
    for row, column in ((0, 0), (56, columns - 1), (20, 3), (33, columns // 2)):
        part = cut(image, cells, row, column)
        assert tuple(part[2, 2]) == fills[numbers[row, column]].getRgb()[:3]


def test_that_integers_and_strided_arrays_are_shown_like_floats():
    values = count_up(6, 6)
    assert draw(Cells(values.astype(np.int64))) == draw(Cells(values))
    assert draw(Cells(np.ascontiguousarray(values.T).T)) == draw(Cells(values))


def test_that_four_grids_are_painted_fast_enough_for_a_film(qapp, qtbot):
    page = QWidget()
    qtbot.addWidget(page)
    row = QHBoxLayout(page)
    for size in (16, 24, 5, 20):
        grid = TensorGrid(f"grid_{size}", "Grid")
        grid.set_cells(Cells(np.random.default_rng(size).integers(-9, 10, (size, size)).astype(np.float64)))
        row.addWidget(grid)
    page.resize(1400, 380)
    page.grab()
    took = []
    for _ in range(5):
        start = time.perf_counter()
        page.grab()
        took.append(time.perf_counter() - start)
    assert min(took) < 0.05  # measured 4 to 5 ms; room for a busy machine


# The widget ---------------------------------------------------------------------------------------------------------------


def test_that_the_grid_repaints_only_what_changed(grid, paints, qapp):
    grid.set_cells(Cells(count_up(4, 4)))
    grid.set_marks(Marks())
    grid.set_title("Input")
    qapp.processEvents()
    assert paints == []
    for change in (
        lambda: grid.set_cells(Cells(count_up(4, 4) + 1)),
        lambda: grid.set_cells(Cells(count_up(4, 4) + 1, span=99.0)),
        lambda: grid.set_marks(Marks(hits=np.eye(4, dtype=bool))),
        lambda: grid.set_marks(Marks(hits=np.zeros((4, 4), bool))),
        lambda: grid.set_title("Input", "4 × 4"),
    ):
        change()
        qapp.processEvents()
        assert len(paints) == 1
        paints.clear()
        change()
        qapp.processEvents()
        assert paints == []


def test_that_an_array_changed_in_place_is_seen_as_a_change(grid, paints, qapp):
    values = count_up(4, 4)
    values[0, 0] = 7
    grid.set_cells(Cells(values))
    values[0, 0] = -7
    assert grid.cells.values[0, 0] == 7
    grid.set_cells(Cells(values))
    qapp.processEvents()
    assert len(paints) == 1
    assert grid.cells.values[0, 0] == -7


def test_that_the_grid_follows_the_theme(grid, qapp):
    light = grid.grab().toImage()
    theme.apply(qapp, "dark")
    dark = grid.grab().toImage()
    theme.apply(qapp, "light")
    assert dark != light
    assert grid.grab().toImage() == light


def test_that_an_empty_grid_says_why(grid):
    grid.set_cells(None, "The kernel does not fit: it spans 5 pixels, and there are 4.")
    assert grid.accessibleDescription().startswith("The kernel does not fit")
    before = grid.grab().toImage()
    grid.set_cells(None, "")
    assert grid.grab().toImage() != before
    assert grid.find_frame() is None


def test_that_an_empty_grid_takes_no_key_and_no_click(grid, heard, qtbot):
    grid.set_cells(None, "nothing")
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_Return, Qt.Key.Key_Delete, Qt.Key.Key_5):
        qtbot.keyClick(grid, key)
    qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=grid.rect().center())
    qtbot.mouseDClick(grid, Qt.MouseButton.LeftButton, pos=grid.rect().center())
    assert heard() == []


def test_that_name_and_title_are_told_to_screen_readers(grid):
    assert grid.objectName() == "input"
    assert grid.accessibleName() == "Input"
    grid.set_title("Padded input", "6 × 6")
    assert grid.accessibleName() == "Padded input"
    assert grid.accessibleDescription() == "6 × 6"


def test_that_the_description_goes_with_the_cursor(grid, qtbot):
    kinds = np.zeros((4, 4), np.uint8)
    kinds[1, 2] = PADDING
    grid.set_cells(Cells(count_up(4, 4) - 5.5, kinds))
    qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=middle(grid, 1, 1))
    assert grid.accessibleDescription() == "row 1, column 1, value −0.5"
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    assert grid.accessibleDescription() == "row 1, column 2, value 0.5, padding zero"
    grid.set_marks(Marks(cursor=(3, 3)))
    assert grid.accessibleDescription() == "row 3, column 3, value 9.5"


def test_that_a_tooltip_tells_place_and_exact_value(grid, monkeypatch):
    told = []
    monkeypatch.setattr(QToolTip, "showText", lambda at, text, *more: told.append(text))
    values, kinds = count_up(4, 4), np.zeros((4, 4), np.uint8)
    values[1, 2], values[0, :2], kinds[0] = -0.2691, 0, (PADDING, INSERTED, VOID, VALUE)
    grid.set_cells(Cells(values, kinds))
    for row, column in ((1, 2), (0, 0), (0, 1), (0, 2)):
        at = middle(grid, row, column)
        QApplication.sendEvent(grid, QHelpEvent(QEvent.Type.ToolTip, at, grid.mapToGlobal(at)))
    assert told == ["row 1, column 2: −0.2691", "row 0, column 0: 0, padding zero", "row 0, column 1: 0, inserted zero"]
    grid.set_cells(Cells(values, letters=np.full((4, 4), "<b>")))
    at = middle(grid, 1, 1)
    QApplication.sendEvent(grid, QHelpEvent(QEvent.Type.ToolTip, at, grid.mapToGlobal(at)))
    assert "&lt;b&gt;" in told[-1]


def test_that_a_cut_title_is_told_by_its_tooltip(grid, monkeypatch, qapp):
    told = []
    monkeypatch.setattr(QToolTip, "showText", lambda at, text, *more: told.append(text))
    for title in ("Input", "Input with zeros between its pixels and a border of zeros around"):
        grid.set_title(title, "4 × 4")
        QApplication.sendEvent(grid, QHelpEvent(QEvent.Type.ToolTip, QPoint(60, 8), grid.mapToGlobal(QPoint(60, 8))))
    assert told == ["Input with zeros between its pixels and a border of zeros around   4 × 4"]


def test_that_hovering_is_told_once_a_cell(grid, heard, qtbot):
    for row, column in ((0, 0), (0, 0), (2, 3)):
        qtbot.mouseMove(grid, middle(grid, row, column))
        qtbot.mouseMove(grid, middle(grid, row, column) + QPoint(2, 2))
    QApplication.sendEvent(grid, QEvent(QEvent.Type.Leave))
    assert heard() == [("hovered", 0, 0), ("hovered", 2, 3), ("hovered", -1, -1)]


def test_that_clicks_and_keys_select_cells(grid, heard, qtbot):
    qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=middle(grid, 1, 2))
    assert heard()[-1] == ("selected", 1, 2)
    ctrl = Qt.KeyboardModifier.ControlModifier
    for key, modifier, place in (
        (Qt.Key.Key_Right, None, (1, 3)), (Qt.Key.Key_Right, None, None), (Qt.Key.Key_Down, None, (2, 3)),
        (Qt.Key.Key_Home, None, (2, 0)), (Qt.Key.Key_Left, None, None), (Qt.Key.Key_PageDown, None, (3, 0)),
        (Qt.Key.Key_End, None, (3, 3)), (Qt.Key.Key_PageUp, None, (0, 3)), (Qt.Key.Key_Up, None, None),
        (Qt.Key.Key_Home, ctrl, (0, 0)), (Qt.Key.Key_End, ctrl, (3, 3)),
    ):  # fmt: skip
        qtbot.keyClick(grid, key, modifier or Qt.KeyboardModifier.NoModifier)
        assert heard() == ([("selected", *place)] if place else []), key
        assert place is None or grid.current == place


def test_that_the_first_arrow_brings_the_cursor_out(grid, heard, qtbot):
    qtbot.keyClick(grid, Qt.Key.Key_Down)
    assert heard() == [("selected", 0, 0)]


def test_that_the_cursor_walks_over_what_is_void(grid, heard, qtbot):
    kinds = np.zeros((4, 4), np.uint8)
    kinds[0, 1:3], kinds[2:, 0] = VOID, VOID
    grid.set_cells(Cells(count_up(4, 4), kinds))
    grid.set_marks(Marks(cursor=(0, 0)))
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    assert heard() == [("selected", 0, 3)]
    qtbot.keyClick(grid, Qt.Key.Key_Left)
    qtbot.keyClick(grid, Qt.Key.Key_PageDown)
    assert heard() == [("selected", 0, 0), ("selected", 1, 0)]
    qtbot.keyClick(grid, Qt.Key.Key_Down)
    qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=middle(grid, 3, 0))
    assert [said for said in heard() if said[0] == "selected"] == []


def test_that_the_keys_go_on_from_the_owners_cursor_and_keep_theirs_without_one(grid, heard, qtbot):
    grid.set_marks(Marks(cursor=(2, 2)))
    qtbot.keyClick(grid, Qt.Key.Key_Left)
    assert heard() == [("selected", 2, 1)]
    grid.set_marks(Marks(hits=np.eye(4, dtype=bool)))
    qtbot.keyClick(grid, Qt.Key.Key_Left)
    assert heard() == [("selected", 2, 0)]


def test_that_a_smaller_grid_has_no_cursor_outside(grid, heard, qtbot):
    grid.set_marks(Marks(cursor=(3, 3)))
    grid.set_cells(Cells(count_up(2, 2)))
    assert grid.current is None
    grid.grab()
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    assert heard() == [("selected", 0, 0)]


def test_that_the_grid_keeps_its_keys_from_shortcuts_and_leaves_the_rest(grid):
    def is_kept(key, text="", modifier=Qt.KeyboardModifier.NoModifier):
        event = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifier, text)
        event.ignore()
        QApplication.sendEvent(grid, event)
        return event.isAccepted()

    assert is_kept(Qt.Key.Key_Left)
    assert is_kept(Qt.Key.Key_Home)
    assert is_kept(Qt.Key.Key_5, "5")
    assert is_kept(Qt.Key.Key_Return)
    for key, text in ((Qt.Key.Key_Space, " "), (Qt.Key.Key_G, "g"), (Qt.Key.Key_Period, "."), (Qt.Key.Key_Escape, "")):
        assert not is_kept(key, text)
    assert not is_kept(Qt.Key.Key_Return, modifier=Qt.KeyboardModifier.ControlModifier)
    assert not is_kept(Qt.Key.Key_1, "1", Qt.KeyboardModifier.AltModifier)
    grid.set_editable(False)
    assert is_kept(Qt.Key.Key_Left)
    assert not is_kept(Qt.Key.Key_5, "5")


# Editing ------------------------------------------------------------------------------------------------------------------


def open_with(grid, qtbot, how: str) -> QLineEdit:
    at = middle(grid, 1, 1)
    if how == "double click":
        qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=at)
        qtbot.mouseDClick(grid, Qt.MouseButton.LeftButton, pos=at)
    else:
        grid.set_marks(Marks(cursor=(1, 1)))
        qtbot.keyClick(grid, Qt.Key.Key_F2 if how == "F2" else Qt.Key.Key_Return)
    field = editor(grid)
    assert field is not None
    qtbot.waitUntil(field.hasFocus)
    return field


@pytest.mark.parametrize("how", ["double click", "F2", "Enter"])
def test_that_a_cell_is_edited_and_enter_stays(grid, heard, qtbot, how):
    field = open_with(grid, qtbot, how)
    assert field.geometry().contains(middle(grid, 1, 1))
    assert field.text() == field.selectedText() == "5"
    heard()
    qtbot.keyClicks(field, "-0,5")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert heard() == [("edited", 1, 1, -0.5)]
    assert editor(grid) is None
    assert grid.hasFocus()
    assert grid.current == (1, 1)
    assert grid.cells.values[1, 1] == -0.5


@pytest.mark.parametrize(("key", "text"), [(Qt.Key.Key_7, "7"), (Qt.Key.Key_Minus, "−")])
def test_that_typing_a_number_replaces_the_value(grid, heard, qtbot, key, text):
    grid.set_marks(Marks(cursor=(0, 2)))
    qtbot.keyClick(grid, key)
    field = editor(grid)
    assert field.text() == text
    qtbot.keyClicks(field, "3")
    qtbot.keyClick(field, Qt.Key.Key_Enter)
    assert heard() == [("edited", 0, 2, 73.0 if text == "7" else -3.0)]


def test_that_tab_hands_over_and_moves_right_over_the_ends_of_rows(grid, heard, qtbot):
    grid.set_marks(Marks(cursor=(0, 3)))
    qtbot.keyClicks(grid, "8")
    qtbot.keyClick(editor(grid), Qt.Key.Key_Tab)
    assert heard() == [("edited", 0, 3, 8.0), ("selected", 1, 0)]
    qtbot.keyClicks(grid, "9")
    qtbot.keyClick(editor(grid), Qt.Key.Key_Backtab)
    assert heard() == [("edited", 1, 0, 9.0), ("selected", 0, 3)]
    qtbot.keyClick(grid, Qt.Key.Key_F2)
    qtbot.keyClick(editor(grid), Qt.Key.Key_Tab)
    assert heard() == [("selected", 1, 0)]
    grid.set_marks(Marks(cursor=(3, 3)))
    qtbot.keyClicks(grid, "1")
    qtbot.keyClick(editor(grid), Qt.Key.Key_Tab)
    assert heard() == [("edited", 3, 3, 1.0)]
    assert grid.hasFocus()


def test_that_escape_changes_nothing(grid, heard, qtbot):
    field = open_with(grid, qtbot, "F2")
    qtbot.keyClicks(field, "99")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert heard() == []
    assert editor(grid) is None
    assert grid.hasFocus()


@pytest.mark.parametrize("text", ["abc", "", "-", "1e999", "1,2,3", "nan", "inf", "1_0", "٣"])
def test_that_what_is_no_number_is_refused_with_a_word(grid, heard, qtbot, monkeypatch, text):
    told = []
    monkeypatch.setattr(QToolTip, "showText", lambda at, text, *more: told.append(text))
    field = open_with(grid, qtbot, "F2")
    field.setText(text)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert heard() == []
    assert editor(grid) is field
    assert field.property("mark") == "bad"
    assert told == [field.toolTip()]
    assert "number" in field.toolTip()
    assert theme.current_theme().bad.name() in field.styleSheet()
    field.selectAll()
    qtbot.keyClicks(field, "4")
    assert not field.property("mark")
    assert field.toolTip() == ""
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert heard() == [("edited", 1, 1, 4.0)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2.0),
        (" −1,5 ", -1.5),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("1E−3", 0.001),
        ("1e5", 1e5),
        ("e5", None),
    ],
)
def test_that_numbers_are_read_as_people_write_them(text, value):
    assert read_number(text) == value


def test_that_leaving_the_field_keeps_a_number_and_drops_what_is_none(grid, heard, qtbot):
    field = open_with(grid, qtbot, "F2")
    qtbot.keyClicks(field, "12")
    qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=middle(grid, 3, 0))
    qtbot.waitUntil(lambda: editor(grid) is None)
    said = heard()
    assert ("edited", 1, 1, 12.0) in said
    assert ("selected", 3, 0) in said
    field = open_with(grid, qtbot, "F2")
    field.setText("x")
    grid.setFocus()
    qtbot.waitUntil(lambda: editor(grid) is None)
    assert [what for what in heard() if what[0] == "edited"] == []


def test_that_an_unchanged_value_is_not_an_edit(grid, heard, qtbot):
    put(grid, 1, 1, 0.123456789012345)
    field = open_with(grid, qtbot, "F2")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.keyClick(grid, Qt.Key.Key_Delete)
    qtbot.keyClick(grid, Qt.Key.Key_Backspace)
    assert heard() == [("edited", 1, 1, 0.0)]


def test_that_only_values_can_be_edited(grid, heard, qtbot):
    kinds = np.zeros((4, 4), np.uint8)
    kinds[1, 1] = PADDING
    cells = Cells(count_up(4, 4), kinds)
    for shown, editable in ((cells, True), (Cells(count_up(4, 4), letters=np.full((4, 4), "a")), True), (cells, False)):
        grid.set_cells(shown)
        grid.set_editable(editable)
        grid.set_marks(Marks(cursor=(1, 1)))
        qtbot.keyClick(grid, Qt.Key.Key_F2)
        qtbot.keyClick(grid, Qt.Key.Key_Delete)
        qtbot.keyClick(grid, Qt.Key.Key_5)
        qtbot.mouseDClick(grid, Qt.MouseButton.LeftButton, pos=middle(grid, 1, 1))
        assert editor(grid) is None
        assert [what for what in heard() if what[0] == "edited"] == []


def test_that_the_field_goes_when_its_grid_does_and_stays_on_its_cell(grid, heard, qtbot):
    field = open_with(grid, qtbot, "F2")
    grid.resize(400, 420)
    qtbot.waitUntil(lambda: field.geometry().contains(middle(grid, 1, 1)))
    put(grid, 0, 0, 77)
    assert editor(grid) is field
    grid.set_cells(Cells(count_up(3, 3)))
    assert editor(grid) is None
    assert heard() == []


def wheel(grid, row: int, column: int, delta: int, modifier: Qt.KeyboardModifier) -> bool:
    at = QPointF(middle(grid, row, column))
    event = QWheelEvent(
        at, grid.mapToGlobal(at), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton, modifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(grid, event)
    return event.isAccepted()


def test_that_the_wheel_changes_a_value_only_with_ctrl(grid, heard):
    none, ctrl = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
    assert not wheel(grid, 1, 1, 120, none)
    assert heard() == []
    assert wheel(grid, 1, 1, 120, ctrl)
    assert wheel(grid, 1, 1, -120, ctrl)
    for _ in range(4):  # a touchpad
        wheel(grid, 2, 0, 30, ctrl)
    assert heard() == [("edited", 1, 1, 6.0), ("edited", 1, 1, 5.0), ("edited", 2, 0, 9.0)]
    grid.set_editable(False)
    assert not wheel(grid, 1, 1, 120, ctrl)


def test_that_the_field_follows_the_theme(grid, qtbot, qapp):
    field = open_with(grid, qtbot, "F2")
    theme.apply(qapp, "dark")
    assert DARK.surface.name() in field.styleSheet()
    theme.apply(qapp, "light")
    assert LIGHT.surface.name() in field.styleSheet()


def test_that_a_tiny_and_a_huge_grid_find_room(grid, qapp):
    assert grid.minimumSizeHint() == QSize(96, 96)
    for shape in ((1, 1), (260, 400), (16, 16), (1, 60)):
        grid.set_cells(Cells(count_up(*shape)))
        hint = grid.sizeHint()
        assert 96 <= hint.width() <= 440
        assert 96 <= hint.height() <= 470
        for size in (QSize(96, 96), hint, QSize(500, 200)):
            grid.resize(size)
            grid.grab()
            assert QRectF(grid.rect()).contains(grid.find_frame().rect)


def test_that_digits_have_the_pixels_they_need(qapp):
    """No smaller than 8 px, and inside their cell."""
    for side in range(10, 47):
        cells = Cells(np.array([[-9.0, 88.0], [0.0, 7.0]]))
        text = grid_paint._plan_text(cells, side, qapp.font())
        if text is not None:
            assert QFontInfo(text.font).pixelSize() >= 8
        room = 2 * side + 8
        image, bare = draw(cells, room=room), draw(cells, room=room, numbers=False)
        changed = np.argwhere((read_pixels(image) != read_pixels(bare)).any(-1))
        frame = plan_cells(QRectF(0, 0, room, room), (2, 2))
        inside = [(y - frame.y) % frame.side for y, _ in changed] + [(x - frame.x) % frame.side for _, x in changed]
        assert all(0.9 <= place <= frame.side - 1 for place in inside), side
        assert bool(len(changed)) == (text is not None)
    assert QColor(LIGHT.text) == build_colors("diverging", "light").inks[0]
