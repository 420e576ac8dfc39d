"""The palettes: readable, live, and telling widgets of a change."""

from __future__ import annotations

import itertools

import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from segbench.events import Progressed
from segbench.gui import theme

ROLES = ("text", "muted", "accent", "good", "warning", "bad")
GROUNDS = ("background", "surface", "raised")


@pytest.mark.parametrize("colors", [theme.LIGHT, theme.DARK], ids=lambda t: t.name)
def test_that_every_text_role_reaches_a_contrast_of_4_5_on_every_ground(colors):
    poor = {
        (role, ground): round(theme.contrast(getattr(colors, role), getattr(colors, ground)), 2)
        for role, ground in itertools.product(ROLES, GROUNDS)
        if theme.contrast(getattr(colors, role), getattr(colors, ground)) < 4.5
    }
    assert not poor
    assert theme.contrast(colors.on_accent, colors.accent) >= 4.5
    assert theme.contrast(colors.on_accent, colors.accent.lighter(112)) >= 4.5


def test_that_contrast_of_black_on_white_is_21():
    from PySide6.QtGui import QColor

    assert theme.contrast(QColor("black"), QColor("white")) == pytest.approx(21)


def test_that_a_change_of_theme_is_live_and_told(qapp: QApplication):
    heard = []
    theme.theme_signals().changed.connect(lambda: heard.append(theme.current_theme()))
    theme.apply(qapp, "dark")
    assert heard[-1] is theme.DARK
    assert qapp.palette().color(QPalette.ColorRole.Window) == theme.DARK.background
    theme.apply(qapp, "light")
    assert heard[-1] is theme.LIGHT
    assert theme.current_mode() == "light"


def test_that_a_mark_can_be_put_on_and_taken_off(qtbot, any_theme):
    label = QLabel("text")
    qtbot.addWidget(label)
    label.show()
    theme.mark(label, "muted")
    assert label.palette().color(label.foregroundRole()) == any_theme.muted
    theme.mark(label, "")
    assert label.palette().color(label.foregroundRole()) == any_theme.text


def test_that_jobs_run_inside_the_fixtures_loop(running, wait_for):
    def work():
        yield Progressed("counting", 1, 1)
        return 7

    running.jobs.start("count", work())
    wait_for(lambda: any(getattr(e, "result", None) == 7 for e in running.events))


@pytest.mark.parametrize("kind", [QCheckBox, QSpinBox, QLineEdit, QComboBox, QRadioButton])
def test_that_boxes_and_fields_have_an_outline_one_can_see(qtbot, any_theme, kind) -> None:
    field = kind()
    page = QWidget()
    qtbot.addWidget(page)
    column = QVBoxLayout(page)
    column.addWidget(field)
    page.show()
    image = page.grab().toImage()
    place, middle = field.geometry(), field.geometry().center().y()
    line = [image.pixelColor(x, middle) for x in range(place.left(), place.left() + 16)]
    assert max(theme.contrast(color, any_theme.background) for color in line) >= (2.0 if any_theme.is_dark else 1.4)
