"""A row that gives way: what can shrink shrinks first, then the less important goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from segbench.gui.widgets.yielding_row import YieldingRow


class Block(QWidget):
    """100 pixels wide that can become 60, where `policy` lets them."""

    def __init__(self, policy: QSizePolicy.Policy) -> None:
        super().__init__()
        self.setSizePolicy(policy, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(100, 20)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 20)


@pytest.fixture
def row(qtbot) -> Iterator[YieldingRow]:
    page = QWidget()  # a window is never narrower than its layout, a row in one may be
    qtbot.addWidget(page)
    made = YieldingRow(10, page)
    page.show()
    yield made
    page.hide()


def lay_out(row: YieldingRow, width: int) -> None:
    row.resize(width, 20)
    QApplication.processEvents()


def test_that_the_highest_rank_goes_first_and_comes_back(row: YieldingRow) -> None:
    parts = [Block(QSizePolicy.Policy.Fixed) for _ in range(3)]
    for rank, part in enumerate(parts):
        row.add(part, rank)
    assert row.minimumSizeHint().width() == 100
    assert row.sizeHint().width() == 320
    for width, shown in ((320, 3), (319, 2), (210, 2), (209, 1), (320, 3)):
        lay_out(row, width)
        assert [part.isVisible() for part in parts] == [True] * shown + [False] * (3 - shown)


def test_that_what_can_shrink_does_so_before_anything_goes(row: YieldingRow) -> None:
    soft, extra = Block(QSizePolicy.Policy.Preferred), Block(QSizePolicy.Policy.Fixed)
    row.add(soft)
    row.add(extra, 1)
    assert row.minimumSizeHint().width() == 60
    assert row.sizeHint().width() == 210
    lay_out(row, 170)
    assert extra.isVisible()
    assert soft.width() == 60
    lay_out(row, 169)
    assert not extra.isVisible()


def test_that_a_width_given_to_a_part_counts(row: YieldingRow) -> None:
    part = Block(QSizePolicy.Policy.Preferred)
    part.setFixedWidth(80)
    row.add(part)
    assert row.minimumSizeHint().width() == 80
