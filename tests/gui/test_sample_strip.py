"""The strip of pinned samples, painted offscreen."""

from __future__ import annotations

import numpy as np

from segbench.gui.widgets.sample_strip import SampleStrip, StripCard


def test_that_cards_keep_their_size_when_the_scroll_bar_comes_and_goes(qtbot):
    strip = SampleStrip()
    qtbot.addWidget(strip)
    wide = np.zeros((20, 40, 3), np.uint8)
    strip.set_cards([StripCard(k, f"sample {k}", (wide, wide, None), "IoU 0.5", "step 9", "") for k in range(4)])
    strip.resize(600, 160)
    strip.show()
    bar, size, seen = strip.horizontalScrollBar(), strip.cards[0].size(), set()
    needed = 4 * size.width() + 3 * 8
    for width in range(needed - 40, needed + 40):
        strip.resize(width, 160)
        qtbot.wait(1)
        assert all(card.size() == size for card in strip.cards)
        seen.add(bar.maximum() > 0)
    assert seen == {True, False}
    strip.resize(needed, 260)
    assert strip.cards[0].height() > size.height()
