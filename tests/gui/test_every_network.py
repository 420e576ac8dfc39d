"""Every network of the list goes the whole way from the training page: chosen, trained, loss falling, predictions not constant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtWidgets import QComboBox

from segbench.architectures import ARCHITECTURES
from segbench.config import match_preset, override
from segbench.data.shapes import write_shapes
from segbench.events import CheckpointSaved, Event, JobEvent, JobFailed, StepDone, TrainingEnded
from segbench.inference.predictor import load_predictor
from segbench.knobs import to_dict

if TYPE_CHECKING:
    from segbench.gui.desk import Desk

Wait = Callable[..., None]
QUICK = (
    "data.limit=16",
    "data.batch_size=4",
    "validation_images=2",
    "threads=1",
    "optimizer.schedule=constant",
    "optimizer.learning_rate=0.002",
    "data.flip=false",
)
FEW = {"gaussian": 1}  # epochs; one look is all it takes


def train_from_form(desk: Desk, wait_for: Wait, network: str, epochs: int, changes: tuple[str, ...]) -> list[Event]:
    """Chooses the network in the form as a user does, makes the run short, starts it, and gives what it told."""
    heard: list[Event] = []
    desk.session.subscribe(lambda batch: heard.extend(batch))
    view = desk.views["training"]
    networks = view.form.findChild(QComboBox, "network")
    networks.setCurrentIndex(networks.findData(network))
    networks.activated.emit(networks.currentIndex())
    exclusive = desk.session.dataset.info.classes.exclusive
    assert view.form.preset == match_preset(network, exclusive).name
    quick = override(match_preset(network, exclusive).config, (*QUICK, *changes, f"epochs={epochs}"))
    view.show_settings(to_dict(quick))
    assert view.form.network == network
    view.start_button.click()
    wait_for(lambda: any(isinstance(event, JobFailed) or is_ended(event) for event in heard), timeout=240_000)
    assert not [event.report.message for event in heard if isinstance(event, JobFailed)]
    wait_for(lambda: not desk.jobs.jobs(), timeout=60_000)
    return heard


def is_ended(event: Event) -> bool:
    return isinstance(event, JobEvent) and isinstance(event.event, TrainingEnded)


def look_at(desk: Desk, heard: list[Event]) -> tuple[float, float, float]:
    """(mean loss of the first steps, of the last steps, how much the scores of an image vary)."""
    facts = [event.event for event in heard if isinstance(event, JobEvent)]
    losses = [fact.loss for fact in facts if isinstance(fact, StepDone)]
    path = next(fact.path for fact in reversed(facts) if isinstance(fact, CheckpointSaved) and fact.kind == "last")
    scores = load_predictor(Path(path), "cpu").predict([desk.session.dataset.read(0).image])[0].astype(np.float32)
    few = max(1, len(losses) // 4)
    return float(np.mean(losses[:few])), float(np.mean(losses[-few:])), float(scores.std(axis=(1, 2)).max())


@pytest.mark.heavy
@pytest.mark.parametrize("network", list(ARCHITECTURES))
def test_that_each_network_learns_shapes_from_the_training_page(
    desk: Desk, wait_for: Wait, tmp_path: Path, network: str
) -> None:
    for _ in write_shapes(tmp_path / "shapes", 16, 2, seed=3):
        pass
    desk.open_paths([str(tmp_path / "shapes")])
    wait_for(lambda: desk.session.dataset is not None and not desk.jobs.jobs(), timeout=60_000)
    small = ("network.depth=4",) if network == "munet" else ()
    before, after, spread = look_at(desk, train_from_form(desk, wait_for, network, FEW.get(network, 6), small))
    # Colours say nothing about a shape's class, and the likelihood ratio of slide 3 is sure of itself all the same
    assert after < before or network == "gaussian"
    assert spread > 1e-4


@pytest.mark.heavy
@pytest.mark.parametrize("network", list(ARCHITECTURES))
def test_that_each_network_learns_photographs_from_the_training_page(
    desk: Desk, wait_for: Wait, camvid: Path, network: str
) -> None:
    desk.open_paths([str(camvid)])
    wait_for(lambda: desk.session.dataset is not None and not desk.jobs.jobs(), timeout=120_000)
    crop = () if network == "gaussian" else ("data.crop=96",)
    before, after, spread = look_at(desk, train_from_form(desk, wait_for, network, FEW.get(network, 4), crop))
    assert after < before
    assert spread > 1e-4
