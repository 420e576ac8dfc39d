"""Which panels there are, where they stand and how each is built. The one place that knows all panels; imports each only when it is built."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner

Built = tuple[Any, Any]  # presenter, view


class Panel(NamedTuple):
    """place: a page of the rail, the dock of the runs, or a window of its own. menu: whose menu its actions join."""

    name: str
    place: Literal["page", "dock", "window"]
    menu: Literal["dataset", "training", "prediction", "evaluation", "convolution"]
    build: Callable[[Session, JobRunner], Built]


def _build_dataset(session: Session, jobs: JobRunner) -> Built:
    from segbench.gui.panels.dataset.presenter import DatasetPresenter
    from segbench.gui.panels.dataset.view import DatasetView

    presenter = DatasetPresenter(session, jobs)
    return presenter, DatasetView(presenter)


def _build_training(session: Session, jobs: JobRunner) -> Built:
    from segbench.gui.panels.training.presenter import TrainingPresenter
    from segbench.gui.panels.training.view import TrainingView

    presenter = TrainingPresenter(session, jobs)
    return presenter, TrainingView(presenter)


def _build_prediction(session: Session, jobs: JobRunner) -> Built:
    from segbench.gui.panels.prediction.presenter import PredictionPresenter
    from segbench.gui.panels.prediction.view import PredictionView

    presenter = PredictionPresenter(session, jobs)
    return presenter, PredictionView(presenter)


def _build_evaluation(session: Session, jobs: JobRunner) -> Built:
    from segbench.gui.panels.evaluation.presenter import EvaluationPresenter
    from segbench.gui.panels.evaluation.view import EvaluationView

    presenter = EvaluationPresenter(session, jobs)
    return presenter, EvaluationView(presenter)


def _build_convolution(session: Session, jobs: JobRunner) -> Built:
    from segbench.gui.panels.convolution.presenter import ConvolutionPresenter
    from segbench.gui.panels.convolution.view import ConvolutionView

    presenter = ConvolutionPresenter(session, jobs)
    return presenter, ConvolutionView(presenter)


def _build_runs(session: Session, jobs: JobRunner) -> Built:
    from segbench.gui.panels.runs.presenter import RunsPresenter
    from segbench.gui.panels.runs.view import RunsView

    presenter = RunsPresenter(session, jobs)
    return presenter, RunsView(presenter)


def _build_export(session: Session, jobs: JobRunner) -> Built:
    from segbench.gui.panels.export.presenter import ExportPresenter
    from segbench.gui.panels.export.view import ExportView

    presenter = ExportPresenter(session, jobs)
    return presenter, ExportView(presenter)


def import_panels() -> None:
    """Imports every panel's modules, so that building one in the window's thread takes no time for that."""
    for panel in PANELS:
        for part in ("presenter", "view"):
            importlib.import_module(f"segbench.gui.panels.{panel.name}.{part}")


PANELS = (
    Panel("dataset", "page", "dataset", _build_dataset),
    Panel("training", "page", "training", _build_training),
    Panel("prediction", "page", "prediction", _build_prediction),
    Panel("evaluation", "page", "evaluation", _build_evaluation),
    Panel("convolution", "page", "convolution", _build_convolution),
    Panel("runs", "dock", "training", _build_runs),
    Panel("export", "window", "prediction", _build_export),
)
