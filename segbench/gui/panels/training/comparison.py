"""What can be compared between runs that are drawn together, in words. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segbench.gui.widgets.choice_words import describe_choice

if TYPE_CHECKING:
    from segbench.config import LossConfig
    from segbench.gui.panels.training.state import RunRecord


def describe_comparison(records: Sequence[RunRecord]) -> str:
    """ "" unless several runs are drawn; else how many, and what about them is of different kinds."""
    if len(records) < 2:
        return ""
    parts = [f"{len(records)} runs are compared."]
    losses = [record.config.loss for record in records if record.config is not None]
    names = list(dict.fromkeys(describe_choice("loss.name", loss.name) for loss in losses))
    if len(names) > 1:
        parts.append(f"Their losses are of different kinds ({', '.join(names)}), so their heights cannot be compared.")
    elif len({loss.target for loss in losses}) > 1:
        parts.append("Their losses are taken on different targets, so their heights cannot be compared.")
    elif len({_list_weights(loss) for loss in losses}) > 1:
        parts.append("Their losses weigh pixels differently, so their heights cannot be compared.")
    if len({record.dataset.path for record in records if record.dataset is not None}) > 1:
        parts.append("They were trained on different datasets.")
    return " ".join(parts)


def _list_weights(loss: LossConfig) -> tuple[object, ...]:
    """The settings by which this loss weighs pixels."""
    focus = loss.focus if loss.name == "focal" else None
    border = (loss.border_weight, loss.border_width) if loss.name == "border" else None
    return loss.class_weights, focus, border
