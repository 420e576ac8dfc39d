"""CurvePlot: what is drawn, what the user's hand does, and that drawing costs no more for long runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSizeF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QWheelEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QPushButton, QSlider, QToolButton, QWidget

from segbench.events import EpochDone, LoggedEvent, StepDone, TrainingStarted
from segbench.formats.purdue_records import PURDUE_CLASSES
from segbench.gui import theme
from segbench.gui.theme import Theme, contrast
from segbench.gui.widgets.chart import Level
from segbench.gui.widgets.curve_model import LECTURE_LOSSES, RunCurves, list_lecture_spans
from segbench.gui.widgets.curves import CurvePlot
from segbench.gui.widgets.run_colors import LINE_CONTRAST, RUN_COLORS, keep_apart, readable, run_color
from segbench.records import Baselines, ClassScore, Scores


def make_facts(steps: int = 300, per_epoch: int = 100, total: int = 600, validation: str = "test") -> list[LoggedEvent]:
    facts: list[LoggedEvent] = [
        TrainingStarted(
            run="/r", step=0, total_steps=total, steps_per_epoch=per_epoch, epochs=total // per_epoch, device="cpu",
            parameters=1, train_images=1, validation_images=1, validation_split=validation,
            baselines=Baselines(1.2, 1.1), time=0.0,
        )
    ]  # fmt: skip
    for step in range(1, steps + 1):
        facts.append(StepDone(step, 2.0 * math.exp(-step / 200) + 0.1 * (step % 3), 1e-3, step * 0.1, 4))
        if step % per_epoch == 0:
            epoch = step // per_epoch
            scores = Scores((ClassScore("disk", 10 * epoch, 10, 10), ClassScore("star", 0, 0, 0)), 5)
            facts.append(EpochDone(epoch, step, 1.0, 1.0 / epoch, scores if validation else None, None, 1.0, True))
    return facts


@pytest.fixture
def plot(qtbot: object) -> Iterator[CurvePlot]:
    widget = CurvePlot()
    qtbot.addWidget(widget)  # type: ignore[attr-defined]
    widget.resize(1000, 420)
    widget.show()
    qtbot.waitExposed(widget)  # type: ignore[attr-defined]
    yield widget
    widget.hide()


def _show(plot: CurvePlot, *keys: str, **changes: int) -> None:
    for key in keys:
        plot.add(key, make_facts(**changes), f"run {key}")
    plot.show_runs(keys)
    plot.redraw()


def test_that_a_run_shows_its_loss_validation_iou_and_rate(plot: CurvePlot) -> None:
    _show(plot, "a")
    assert {("a", "loss"), (("a", "loss"), "raw"), ("a", "validation")} <= set(plot.loss_chart.lines)
    assert {("a", "mean"), ("a", "disk"), ("a", "star")} == set(plot.iou_chart.lines)
    assert {("a", "rate")} == set(plot.rate_chart.lines)


def test_that_an_absent_class_has_a_gap_and_not_a_zero(plot: CurvePlot) -> None:
    _show(plot, "a")
    run = plot.run("a")
    assert run is not None
    assert np.isnan(run.classes["star"].y).all()


def test_that_no_validation_is_said_in_words(plot: CurvePlot) -> None:
    plot.add("a", make_facts(validation=""), "a")
    plot.show_runs(["a"])
    plot.redraw()
    note = plot.findChild(object, "iou_note")
    assert note is not None
    assert note.text().startswith("No validation")
    assert note.isVisible()


def test_that_events_are_drawn_together_and_not_one_by_one(plot: CurvePlot, qtbot: object) -> None:
    _show(plot, "a", steps=10)
    draws: list[int] = []
    draw = plot.loss_chart.draw
    plot.loss_chart.draw = lambda *a, **k: (draws.append(1), draw(*a, **k))  # type: ignore[method-assign]
    for step in range(11, 200):
        plot.add("a", [StepDone(step, 1.0, 1e-3, step * 0.1, 4)])
    assert not draws
    qtbot.waitUntil(lambda: bool(draws), timeout=2000)  # type: ignore[attr-defined]
    assert len(draws) == 1


def test_that_the_picture_of_a_million_steps_is_made_of_no_more_points_than_the_screen_needs(plot: CurvePlot) -> None:
    steps = 1_000_000
    plot.add("a", make_facts(1, total=steps), "a")
    run = plot.run("a")
    assert run is not None
    run.loss.extend(np.arange(2, steps), np.sin(np.arange(2, steps)))
    plot.show_runs(["a"])
    plot.redraw()
    assert plot.loss_chart.count_points((("a", "loss"), "raw")) < 4 * plot.loss_chart.width()


def test_that_the_x_axis_follows_the_tail_until_the_user_zooms(plot: CurvePlot, qtbot: object) -> None:
    _show(plot, "a", steps=100)
    before = plot.loss_chart.view.viewRange()[0][1]
    plot.add("a", make_facts(500)[101:])
    plot.redraw()
    assert plot.loss_chart.view.viewRange()[0][1] >= 500 > before
    _turn_wheel(plot)
    assert not plot.following
    zoomed = plot.loss_chart.view.viewRange()[0]
    plot.add("a", [StepDone(step, 1.0, 1e-3, 1.0, 4) for step in range(501, 900)])
    plot.redraw()
    assert plot.loss_chart.view.viewRange()[0] == pytest.approx(zoomed)
    button = plot.findChild(QToolButton, "follow")
    assert button is not None
    button.click()
    plot.redraw()
    assert plot.following
    assert plot.loss_chart.view.viewRange()[0][1] >= 899


def _turn_wheel(plot: CurvePlot) -> None:
    viewport = plot.loss_chart.viewport()
    place = QPointF(viewport.rect().center())
    wheel = QWheelEvent(
        place, viewport.mapToGlobal(place), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(viewport, wheel)


def test_that_all_plots_share_the_x_axis(plot: CurvePlot) -> None:
    _show(plot, "a")
    _turn_wheel(plot)
    plot.redraw()
    ranges = [chart.view.viewRange()[0] for chart in plot.charts]
    assert ranges[1] == pytest.approx(ranges[0])
    assert ranges[2] == pytest.approx(ranges[0])


def test_that_the_crosshair_gives_the_values_of_all_series_there(plot: CurvePlot) -> None:
    _show(plot, "a")
    plot.loss_chart.pointed.emit(100.0)
    run = plot.run("a")
    assert run is not None
    assert plot.legend.value(("a", "loss")) == f"{run.loss.smooth.value_near(100):.4g}"
    assert plot.legend.value(("a", "validation")) == "1"
    assert plot.legend.value("nothing") == "1.2"
    assert plot.legend.value(("a", "mean")) == "0.333"
    plot.loss_chart.pointed.emit(math.nan)
    assert plot.legend.value(("a", "validation")) == f"{1 / 3:.4g}"


def test_that_a_click_hides_and_a_double_click_solos(plot: CurvePlot) -> None:
    _show(plot, "a")
    plot.legend.toggle(("a", "validation"))
    plot.redraw()
    assert ("a", "validation") not in plot.loss_chart.lines
    plot.legend.solo(("a", "disk"))
    plot.redraw()
    assert set(plot.iou_chart.lines) == {("a", "disk")}
    assert not plot.loss_chart.lines
    plot.legend.solo(("a", "disk"))
    plot.redraw()
    assert ("a", "validation") in plot.loss_chart.lines


def test_that_compared_runs_have_their_own_colours_and_names(plot: CurvePlot) -> None:
    _show(plot, "a", "b")
    one, other = (plot.loss_chart.lines[(key, "loss")].color for key in "ab")
    assert one != other
    assert plot.legend.keys() >= {("a", "run"), ("b", "run")}
    assert ("a", "disk") not in plot.iou_chart.lines  # classes wait to be asked for
    plot.legend.toggle(("b", "run"))
    plot.redraw()
    assert ("b", "loss") not in plot.loss_chart.lines
    assert ("a", "loss") in plot.loss_chart.lines


def test_that_classes_wait_to_be_asked_for_once_runs_are_compared(plot: CurvePlot) -> None:
    _show(plot, "a")
    assert ("a", "disk") in plot.iou_chart.lines
    _show(plot, "a", "b")
    assert set(plot.iou_chart.lines) == {("a", "mean"), ("b", "mean")}
    plot.show_runs(["a"])
    plot.redraw()
    assert ("a", "disk") in plot.iou_chart.lines


@pytest.mark.filterwarnings("error")
def test_that_switching_to_logarithms_never_reads_the_range_as_powers(plot: CurvePlot) -> None:
    plot.add("a", [make_facts()[0], *(StepDone(i, 400.0 + i, 1e-3, 0.1 * i, 4) for i in range(1, 99))], "a")
    plot.show_runs(["a"])
    plot.redraw()
    for log in (True, False):
        plot.findChild(QCheckBox, "log_scale").setChecked(log)
        low, high = plot.loss_chart.view.viewRange()[1]  # before it is drawn again
        assert (2.0 < low < high < 4.0) if log else (100.0 < low < high < 10_000.0)
        plot.loss_chart.grab()


def test_that_the_log_scale_leaves_out_what_has_no_logarithm(plot: CurvePlot) -> None:
    plot.add("a", make_facts(10), "a")
    plot.add("a", [StepDone(11, 0.0, 0.0, 1.0, 4), StepDone(12, float("nan"), 1e-3, 1.0, 4)])
    plot.show_runs(["a"])
    box = plot.findChild(QCheckBox, "log_scale")
    assert box is not None
    box.click()
    plot.redraw()
    low, high = plot.loss_chart.view.viewRange()[1]
    assert math.isfinite(low)
    assert high < 1.0  # decades


def test_that_ignoring_outliers_fits_the_smoothed_curve(plot: CurvePlot) -> None:
    _show(plot, "a")
    plot.add("a", [StepDone(301, 500.0, 1e-3, 1.0, 4), StepDone(302, 0.5, 1e-3, 1.0, 4)])
    plot.redraw()
    assert plot.loss_chart.view.viewRange()[1][1] > 400
    box = plot.findChild(QCheckBox, "ignore_outliers")
    assert box is not None
    box.click()
    plot.redraw()
    assert plot.loss_chart.view.viewRange()[1][1] < 100


def test_that_a_diverged_run_is_drawn_without_complaint(plot: CurvePlot) -> None:
    plot.add("a", [StepDone(step, float("nan"), 1e-3, 1.0, 4) for step in range(1, 50)], "a")
    plot.show_runs(["a"])
    plot.redraw()


def test_that_the_smoothing_slider_changes_the_strong_line_only(plot: CurvePlot, qtbot: object) -> None:
    _show(plot, "a")
    run = plot.run("a")
    assert run is not None
    raw = run.loss.raw.y.copy()
    with qtbot.waitSignal(plot.smoothing_changed):  # type: ignore[attr-defined]
        plot.set_smoothing(0.0)
    np.testing.assert_array_equal(run.loss.raw.y, raw)
    np.testing.assert_allclose(run.loss.smooth.y, raw)


def test_that_each_part_can_be_shown_alone(plot: CurvePlot) -> None:
    _show(plot, "a")
    plot.show_part("iou")
    assert plot.iou_chart.isVisible()
    assert not plot.loss_chart.isVisible()
    assert not plot.rate_chart.isVisible()
    plot.show_part("all")
    assert all(chart.isVisible() for chart in plot.charts)


def test_that_reference_levels_are_labelled_with_their_values(plot: CurvePlot) -> None:
    _show(plot, "a")
    assert [level.label for level in plot.loss_chart.levels] == ["predicts nothing  1.2", "best constant  1.1"]


def test_that_a_label_without_a_place_is_left_to_the_legend(plot: CurvePlot) -> None:
    _show(plot, "a")
    chart = plot.loss_chart
    labels = [text for _, _, text in chart._levels]
    assert all(text.isVisible() for text in labels)
    plot.resize(260, 420)
    QApplication.processEvents()
    chart.view.resize(80, chart.view.height())  # no wider than one label
    levels = [Level(1.2, "predicts nothing  1.2", QColor("black")), Level(1.19, "best constant  1.19", QColor("green"))]
    chart.set_levels([*levels, Level(1.21, "a third one  1.21", QColor("red"))])
    chart.draw(0, 300, ignore_outliers=False)
    boxes = [text.mapRectToScene(text.boundingRect()) for _, _, text in chart._levels if text.isVisible()]
    assert len(boxes) == 2
    assert not boxes[0].intersects(boxes[1])


def test_that_the_lectures_averages_stand_over_the_steps_they_were_taken_from() -> None:
    spans = list_lecture_spans(LECTURE_LOSSES)
    assert len(spans) == 12
    assert spans[0] == (1.0, 1000.0, 453.626)
    assert spans[1][:2] == (1001.0, 2000.0)
    assert spans[2][:2] == (2501.0, 3500.0)
    assert spans[-1] == (13501.0, 14500.0, 381.055)


def test_that_the_lecture_stands_in_the_legend_only_when_asked_for(plot: CurvePlot) -> None:
    _show(plot, "a")
    assert not plot.legend.keys() & {"lecture"}
    plot.set_lecture(True, [400.0] * 12)
    plot.redraw()
    assert {"lecture", "reference"} <= plot.legend.keys()


def test_that_a_continuation_replaces_what_it_does_again() -> None:
    run = RunCurves("a")
    run.add(make_facts(300))
    start = make_facts(0)[0]
    assert isinstance(start, TrainingStarted)
    import msgspec

    run.add([msgspec.structs.replace(start, step=150), StepDone(151, 9.0, 1e-3, 1.0, 4)])
    assert run.loss.raw.x[-1] == 151
    assert len(run.loss.raw) == 151
    assert len(run.validation) == 1
    assert run.best is not None
    assert run.best.epoch == 1


def test_that_a_narrow_window_hides_switches_rather_than_growing(plot: CurvePlot) -> None:
    assert plot.minimumSizeHint().width() <= 480
    plot.resize(480, 400)
    QApplication.processEvents()
    slider, part = plot.findChild(QSlider, "smoothing"), plot.findChild(QToolButton, "part_iou")
    assert slider is not None
    assert part is not None
    assert slider.isVisible()
    assert not part.isVisible()
    plot.resize(1000, 400)
    QApplication.processEvents()
    assert part.isVisible()


def test_that_every_line_stands_out_from_both_themes(any_theme: Theme) -> None:
    for number in range(len(RUN_COLORS)):
        assert contrast(run_color(number, any_theme), any_theme.surface) >= LINE_CONTRAST
    for color in (any_theme.surface, any_theme.background):
        assert contrast(readable(color, any_theme), any_theme.surface) >= LINE_CONTRAST


def test_that_curves_take_over_another_theme(plot: CurvePlot, any_theme: Theme) -> None:
    _show(plot, "a")
    picture = plot.loss_chart.grab().toImage()
    assert picture.pixelColor(picture.width() - 3, 3) == any_theme.surface


def test_that_the_switches_follow_a_change_of_theme(plot: CurvePlot, qapp: QApplication) -> None:
    theme.apply(qapp, "light")
    theme.apply(qapp, "dark")
    QApplication.processEvents()
    try:
        box = plot.findChild(QCheckBox, "log_scale")
        part = plot.findChild(QToolButton, "part_loss")
        assert box is not None
        assert part is not None
        assert box.palette().windowText().color() == theme.DARK.text
        assert part.palette().buttonText().color() == theme.DARK.text
    finally:
        theme.apply(qapp, "light")


def test_that_yellow_and_orange_stay_two_colours_on_a_light_surface(any_theme: Theme) -> None:
    colors = [QColor(*color) for color in PURDUE_CLASSES.colors]
    kept = keep_apart(colors, any_theme)
    assert all(contrast(color, any_theme.surface) >= LINE_CONTRAST for color in kept)
    for place, one in enumerate(kept):
        for other in kept[:place]:
            assert math.dist(one.getRgbF()[:3], other.getRgbF()[:3]) > 0.2


def test_that_the_lecture_line_has_a_value_under_the_pointer_and_at_the_newest_step(plot: CurvePlot) -> None:
    _show(plot, "a", steps=300)
    plot.set_lecture(True, [400.0] * 12)
    plot.redraw()
    assert plot.legend.value("lecture") == f"{LECTURE_LOSSES[0]:.4g}"
    plot._take_pointer(1500.0)
    assert plot.legend.value("lecture") == f"{LECTURE_LOSSES[1]:.4g}"
    plot._take_pointer(2300.0)  # between two means the last one stands
    assert plot.legend.value("lecture") == f"{LECTURE_LOSSES[1]:.4g}"


def test_that_a_comparison_is_said_above_the_charts_and_can_be_stopped(plot: CurvePlot, qtbot: Any) -> None:
    row, stop = plot.findChild(QWidget, "comparison"), plot.findChild(QPushButton, "stop_comparing")
    assert row.isHidden()
    plot.show_comparison("2 runs are compared.")
    assert row.isVisible()
    with qtbot.waitSignal(plot.stop_comparing_requested):
        stop.click()
    plot.show_comparison("")
    assert row.isHidden()


def test_that_numbers_of_a_low_chart_do_not_run_into_each_other(plot: CurvePlot) -> None:
    axis = plot.rate_chart.getAxis("left")
    room = QFontMetricsF(axis.font()).height()
    for size in (20, 30, 45, 60, 90, 200, 600):
        spacing = axis.tickSpacing(0.0, 1.1e-3, size)[0][0]
        assert spacing / 1.1e-3 * size >= room or spacing >= 1.1e-3


def test_that_steps_of_a_narrow_chart_do_not_run_into_each_other(plot: CurvePlot) -> None:
    axis = plot.rate_chart.getAxis("bottom")
    for last in (8, 1080, 15_000, 1_000_000):
        room = QFontMetricsF(axis.font()).horizontalAdvance(str(last))
        for size in (40, 90, 130, 300, 900):
            ((spacing, _),) = axis.tickSpacing(0.0, last, size)
            assert spacing / last * size > room or spacing >= last
            assert f"{spacing:e}"[:2] in ("1.", "2.", "5.")


def test_that_a_levels_label_does_not_lie_on_a_reference_line(plot: CurvePlot) -> None:
    chart = plot.loss_chart
    chart.set_lines({})
    chart.set_levels([Level(50.0, "best constant  50", QColor("black"), above=False)])
    chart.view.setRange(xRange=(0, 1000), yRange=(0, 100), padding=0)
    size = QSizeF(90, 16)
    chart.set_spans([])
    assert chart._choose_corner(chart.levels[0], size, 50.0, []) == (True, True)
    chart.set_spans([([(1.0, 1000.0, 49.0)], QColor("pink"), Qt.PenStyle.SolidLine)])
    assert chart._choose_corner(chart.levels[0], size, 50.0, []) == (True, False)
