"""A bar divided among classes: names where there is room, told to who cannot see it, readable in both themes."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtGui import QColor

from segbench.gui.theme import Theme, contrast
from segbench.gui.widgets.share_bar import INKS, ShareBar, describe_shares

COLORS = {"rectangle": (230, 159, 0), "star": (0, 0, 0), "void": (255, 255, 255)}
SHARES = (("rectangle", 0.03), ("star", 0.77), ("void", 0.2))


@pytest.fixture
def bar(qtbot: Any) -> ShareBar:
    made = ShareBar("Who owns the loss", "What it is.")
    qtbot.addWidget(made)
    made.resize(400, 18)
    made.set_colors(COLORS)
    made.set_shares(SHARES)
    return made


def test_that_pieces_fill_the_bar_by_their_shares_and_are_named_where_there_is_room(bar: ShareBar) -> None:
    pieces = bar.pieces()
    assert [round(rect.width()) for rect, _, _ in pieces] == [12, 308, 80]
    assert pieces[-1][0].right() == pytest.approx(400)
    assert [text for _, _, text in pieces] == ["", "star 77 %", "void 20 %"]
    bar.resize(220, 18)
    assert bar.pieces()[2][2] == "void"
    bar.show()
    bar.grab()


def test_that_what_has_no_room_is_told_in_words(bar: ShareBar) -> None:
    assert bar.accessibleName() == "Who owns the loss"
    assert bar.accessibleDescription() == "rectangle 3 %, star 77 %, void 20 %"
    assert bar.toolTip().splitlines() == ["What it is.", "star 77 %", "void 20 %", "rectangle 3 %"]
    bar.set_shares([(f"c{k}", 1 / 40) for k in range(40)])
    assert bar.toolTip().splitlines()[-1] == "and 24 more"
    bar.set_shares([("<b>", 1.0)])
    assert bar.toolTip().endswith("\n<b> 100 %")  # plain text, as its first line is
    assert describe_shares([("a", 0.0), ("b", 0.001), ("c", 0.999)]) == ["a 0 %", "b <1 %", "c 100 %"]


def test_that_black_and_white_classes_are_seen_and_read(bar: ShareBar, any_theme: Theme) -> None:
    for _, color, _ in bar.pieces():
        assert contrast(color, any_theme.surface) >= 2.9
        assert max(contrast(ink, color) for ink in INKS) >= 4.5
    bar.set_colors({})
    assert bar.pieces()[0][1].lightness() == QColor(any_theme.muted).lightness()
