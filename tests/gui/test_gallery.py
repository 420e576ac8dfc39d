"""The gallery: its arithmetic grid, keys, what it asks for, what it keeps."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPixmap

from segbench.gui.widgets.gallery import Gallery
from segbench.gui.widgets.gallery_cells import ThumbnailCache, fit_side

COLORS = ((255, 0, 0), (0, 255, 0))


@pytest.fixture
def gallery(qtbot: object) -> Gallery:
    widget = Gallery()
    qtbot.addWidget(widget)  # type: ignore[attr-defined]
    widget.resize(380, 500)
    widget.set_source(lambda i: f"s{i}", lambda i: (i % 2,), COLORS)
    widget.set_indices(range(10_000))
    with qtbot.waitExposed(widget):  # type: ignore[attr-defined]
        widget.show()
    widget.activateWindow()
    return widget


def thumbnail(value: int = 100) -> np.ndarray:
    return np.full((64, 64, 3), value, np.uint8)


def test_that_every_cell_is_found_where_it_is_painted(gallery: Gallery) -> None:
    gallery.verticalScrollBar().setValue(3210)
    rows = gallery.visible_rows()
    assert len(rows) >= gallery.columns() * 3
    for row in rows:
        rect = gallery.visualRect(gallery.model().index(row))
        assert gallery.indexAt(rect.center()).row() == row
    assert not gallery.indexAt(QPoint(-5, 10)).isValid()


def test_that_only_what_is_in_view_and_a_little_around_it_is_asked_for(gallery: Gallery, qtbot: object) -> None:
    with qtbot.waitSignal(gallery.visible_changed, timeout=2000) as asked:  # type: ignore[attr-defined]
        gallery.ask_again()
    wanted = asked.args[0]
    seen = list(gallery.visible_rows())
    assert wanted[: len(seen)] == seen, "what is in view comes first"
    assert len(wanted) < 100
    gallery.verticalScrollBar().setValue(gallery.verticalScrollBar().maximum())
    with qtbot.waitSignal(gallery.visible_changed, timeout=2000) as asked:  # type: ignore[attr-defined]
        pass
    assert 9_999 in asked.args[0]
    assert 0 not in asked.args[0]


def test_that_what_is_there_is_not_asked_for_again(gallery: Gallery, qtbot: object) -> None:
    with qtbot.waitSignal(gallery.visible_changed, timeout=2000) as asked:  # type: ignore[attr-defined]
        gallery.ask_again()
    for index in asked.args[0]:
        gallery.set_thumbnail(index, thumbnail())
    with qtbot.assertNotEmitted(gallery.visible_changed, wait=150):  # type: ignore[attr-defined]
        gallery.ask_again()
    with qtbot.waitSignal(gallery.visible_changed, timeout=2000):  # type: ignore[attr-defined]
        gallery.set_side(160)


def test_that_keys_move_the_current_sample(gallery: Gallery, qtbot: object) -> None:
    press = qtbot.keyClick  # type: ignore[attr-defined]
    told: list[int] = []
    gallery.current_changed.connect(told.append)
    columns = gallery.columns()
    gallery.set_current(0)
    press(gallery, Qt.Key.Key_Right)
    press(gallery, Qt.Key.Key_Down)
    press(gallery, Qt.Key.Key_Up)
    press(gallery, Qt.Key.Key_End)
    press(gallery, Qt.Key.Key_Home)
    press(gallery, Qt.Key.Key_PageDown)
    assert told[:5] == [1, 1 + columns, 1, 9_999, 0]
    assert told[5] >= 2 * columns
    assert gallery.current() == told[-1]


def test_that_the_current_sample_is_scrolled_into_view_without_telling(gallery: Gallery, qtbot: object) -> None:
    with qtbot.assertNotEmitted(gallery.current_changed):  # type: ignore[attr-defined]
        gallery.set_current(7_000)
    assert 7_000 in gallery.visible_rows()
    gallery.set_current(123_456)
    assert gallery.current() is None


def test_that_enter_opens_the_current_sample(gallery: Gallery, qtbot: object) -> None:
    gallery.set_current(5)
    with qtbot.waitSignal(gallery.opened) as opened:  # type: ignore[attr-defined]
        qtbot.keyClick(gallery, Qt.Key.Key_Return)  # type: ignore[attr-defined]
    assert opened.args == [5]


def test_that_a_click_selects(gallery: Gallery, qtbot: object) -> None:
    center = gallery.visualRect(gallery.model().index(4)).center()
    with qtbot.waitSignal(gallery.current_changed) as told:  # type: ignore[attr-defined]
        qtbot.mouseClick(gallery.viewport(), Qt.MouseButton.LeftButton, pos=center)  # type: ignore[attr-defined]
    assert told.args == [4]


def test_that_another_list_keeps_the_current_sample_and_on_demand_the_place(gallery: Gallery) -> None:
    gallery.set_current(500)
    gallery.set_indices([3, 500, 7])
    assert gallery.current() == 500
    assert gallery.model().row_of(500) == 1
    gallery.set_indices(range(5_000))
    gallery.verticalScrollBar().setValue(900)
    gallery.set_indices(list(range(4_000)), keep_place=True)
    assert gallery.verticalScrollBar().value() == 900
    gallery.set_indices([1, 2])
    assert gallery.current() is None


def test_that_the_cache_drops_what_was_painted_longest_ago() -> None:
    cache = ThumbnailCache(limit=3 * 64 * 64 * 4)
    for index in range(3):
        cache.put(index, QPixmap(64, 64), 64)
    cache.get(0)
    cache.put(3, QPixmap(64, 64), 64)
    assert [cache.holds(i, 64) for i in range(4)] == [True, False, True, True]
    assert cache.bytes == 3 * 64 * 64 * 4
    cache.put(3, QPixmap(32, 32), 32)
    assert cache.bytes == (2 * 64 * 64 + 32 * 32) * 4
    assert not cache.holds(3, 64)


def test_that_small_pictures_are_enlarged_by_whole_factors_where_they_fill_the_cell() -> None:
    assert fit_side(64, 64, 128) == (128, 128)
    assert fit_side(64, 32, 140) == (128, 64)
    assert fit_side(64, 64, 96) == (96, 96)
    assert fit_side(960, 720, 96) == (96, 72)
    assert fit_side(3000, 2, 48) == (48, 1)


def test_that_thumbnails_strips_and_pins_are_painted(gallery: Gallery, any_theme: object) -> None:
    before = gallery.viewport().grab().toImage()
    gallery.set_thumbnail(0, thumbnail(200))
    gallery.set_pinned([1])
    after = gallery.viewport().grab().toImage()
    center = gallery.visualRect(gallery.model().index(0)).center()
    assert after.pixelColor(center).red() == 200
    assert before != after


def test_that_an_empty_gallery_says_why(gallery: Gallery) -> None:
    gallery.set_empty_text("No sample passes the filter")
    gallery.set_indices([])
    assert not gallery.viewport().grab().isNull()
    assert gallery.moveCursor(Gallery.CursorAction.MoveNext, Qt.KeyboardModifier.NoModifier).isValid() is False


def test_that_a_screen_reader_hears_the_sample(gallery: Gallery) -> None:
    gallery.model().describe = lambda i: f"sample {i}, rectangle"
    index = gallery.model().index(3)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "sample 3, rectangle"
    assert index.data() == "s3"
