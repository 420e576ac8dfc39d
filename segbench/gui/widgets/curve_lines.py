"""Which lines, legend rows and reference lines the curves of some runs make, in which colours. Decides looks, draws nothing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from segbench.gui.theme import current_theme
from segbench.gui.widgets.chart import Level, Line
from segbench.gui.widgets.curve_legend import LegendRow
from segbench.gui.widgets.curve_model import LECTURE_LOSSES, RunCurves, list_lecture_spans
from segbench.gui.widgets.run_colors import keep_apart, mix, readable, run_color

SOLID, DASH, DOT = Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine
DASH_DOT = Qt.PenStyle.DashDotLine
VALIDATION_COLOR = QColor("#d55e00")
LECTURE_COLOR = QColor("#cc79a7")
REFERENCE_COLOR = QColor("#e69f00")

Span = tuple[Sequence[tuple[float, float, float]], QColor, Qt.PenStyle]


@dataclass
class Composition:
    """Everything there is to draw, by the key of its legend row; what is hidden is left to the caller."""

    rows: list[LegendRow] = field(default_factory=list)
    lines: dict[Hashable, tuple[str, Line, Line | None]] = field(default_factory=dict)  # chart, line, faint line behind
    hidden: list[Hashable] = field(default_factory=list)  # rows that start hidden
    levels: dict[Hashable, Level] = field(default_factory=dict)
    spans: dict[Hashable, Span] = field(default_factory=dict)

    def add(self, chart: str, key: Hashable, text: str, tip: str, line: Line, faint: Line | None = None) -> None:
        self.rows.append(LegendRow(key, text, line.color, line.style, tip))
        self.lines[key] = (chart, line, faint)


def compose(
    runs: Mapping[str, RunCurves], class_colors: Mapping[str, QColor], lecture: bool, reference: Sequence[float]
) -> Composition:
    """Runs in the order in which they are drawn, the first in front; more than one are compared, each in its colour."""
    made = Composition()
    compared = len(runs) > 1
    for number, (key, run) in enumerate(runs.items()):
        color = run_color(number, current_theme()) if compared else None
        if color is not None:
            made.rows.append(LegendRow((key, "run"), run.name, color, section=True))
        _add_loss(made, key, run, color, number)
        _add_iou(made, key, run, color, number, class_colors)
        shade = color or current_theme().muted
        made.add("rate", (key, "rate"), "Learning rate", "The optimizer's step size.", Line(run.rate, shade, slow=True))
    if runs:
        _add_levels(made, next(iter(runs.values())))
        _add_lecture(made, lecture, reference)
    return made


def _add_loss(made: Composition, key: str, run: RunCurves, color: QColor | None, number: int) -> None:
    theme = current_theme()
    main = color or theme.accent
    made.add(
        "loss", (key, "loss"), "Loss", "Training loss, smoothed; every step faint behind it.",
        Line(run.loss.smooth, main, 2, order=10 - number),
        Line(run.loss.raw, mix(main, theme.surface, 0.32), order=-number, single_steps=True),
    )  # fmt: skip
    if len(run.validation):
        shade = color or readable(VALIDATION_COLOR, theme)
        style = DASH if color else SOLID
        tip = "Loss on the validation images, once an epoch."
        line = Line(run.validation, shade, 2, style, marks=True, order=20)
        made.add("loss", (key, "validation"), "Validation loss", tip, line)


def _add_iou(
    made: Composition, key: str, run: RunCurves, color: QColor | None, number: int, class_colors: Mapping[str, QColor]
) -> None:
    theme = current_theme()
    if len(run.mean_iou):
        tip = "Mean over the classes that occur, pixels pooled over the validation images."
        line = Line(run.mean_iou, color or theme.text, 2, marks=True, order=20)
        made.add("iou", (key, "mean"), "Mean IoU", tip, line)
    if len(run.grid_iou):
        tip = "Mean IoU on even rows and columns: the lecture's output layer reaches no others."
        line = Line(run.grid_iou, color or theme.muted, 2, DOT, marks=True, order=19)
        made.add("iou", (key, "grid"), "…even pixels", tip, line)
    # Alone, neighbouring classes differ in their dashes, too: colours are not for every eye
    shades = keep_apart([class_colors.get(name, theme.muted) for name in run.classes], theme)
    for place, ((name, series), shade) in enumerate(zip(run.classes.items(), shades, strict=True)):
        style = (SOLID, DASH, DOT)[number % 3] if color else (SOLID, DASH, DASH_DOT)[place % 3]
        line = Line(series, shade, 1, style, marks=True, order=10)
        # Compared, they are too many, and a class may have a run's colour: they wait to be asked for. A row of its own, as the
        # legend shows again what was shown before, and alone they were
        row = (key, name) if color is None else (key, name, "compared")
        made.add("iou", row, name, f"IoU of {name} on the validation images.", line)
        if color is not None:
            made.hidden.append(row)


def _add_levels(made: Composition, run: RunCurves) -> None:
    theme = current_theme()
    nothing, constant = run.baselines.nothing, run.baselines.best_constant
    if nothing is not None:
        tip = "The loss of a network that says nothing is anywhere. Below it, something has been learnt."
        made.rows.append(LegendRow("nothing", "Predicts nothing", theme.muted, DASH, tip))
        made.levels["nothing"] = Level(nothing, f"predicts nothing  {nothing:.4g}", theme.muted, DASH, above=True)
    if constant is not None:
        tip = "The loss of the best answer that is the same at every pixel of every image."
        made.rows.append(LegendRow("best_constant", "Best constant", theme.good, DASH, tip))
        level = Level(constant, f"best constant  {constant:.4g}", theme.good, DASH, above=False)
        made.levels["best_constant"] = level


def _add_lecture(made: Composition, lecture: bool, reference: Sequence[float]) -> None:
    if not lecture:
        return
    theme = current_theme()
    color = readable(LECTURE_COLOR, theme)
    tip = "What the lecture prints (slide 82): means over steps 1 to 1000 and 1001 to 2000 of each epoch."
    made.rows.append(LegendRow("lecture", "Lecture, slide 82", color, tip=tip))
    made.spans["lecture"] = (list_lecture_spans(LECTURE_LOSSES), color, SOLID)
    if reference:
        color = readable(REFERENCE_COLOR, theme)
        tip = "The same means of segbench's reference run of this preset on 10,000 generated images."
        made.rows.append(LegendRow("reference", "segbench's own run", color, tip=tip))
        made.spans["reference"] = (list_lecture_spans(reference), color, SOLID)
