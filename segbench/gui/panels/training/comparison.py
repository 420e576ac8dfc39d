"""What can be compared between runs that are drawn together, in words. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from segbench.gui.widgets.choice_words import describe_choice

if TYPE_CHECKING:
    from segbench.config import TrainConfig
    from segbench.gui.panels.training.state import RunRecord


class Measure(NamedTuple):
    """What a run's loss and IoU are counted with: runs that differ in it cannot be compared by them."""

    loss: str
    target: str
    dataset: str


def describe_measure(config: TrainConfig, dataset: str) -> Measure:
    """dataset: its path."""
    return Measure(config.loss.name, config.loss.target, dataset)


def describe_comparison(records: Sequence[RunRecord]) -> str:
    """ "" unless several runs are drawn; else how many, and what about them is of different kinds."""
    if len(records) < 2:
        return ""
    parts = [f"{len(records)} runs are compared."]
    measures = [record.measure for record in records if record.measure is not None]
    names = list(dict.fromkeys(describe_choice("loss.name", measure.loss) for measure in measures))
    if len(names) > 1:
        parts.append(f"Their losses are of different kinds ({', '.join(names)}), so their heights cannot be compared.")
    elif len({measure.target for measure in measures}) > 1:
        parts.append("Their losses are taken on different targets, so their heights cannot be compared.")
    if len({measure.dataset for measure in measures}) > 1:
        parts.append("They were trained on different datasets.")
    return " ".join(parts)
