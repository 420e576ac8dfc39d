"""The prediction panel's words about checkpoints and classes. No Qt."""

from __future__ import annotations

from segbench.gui.panels.prediction.choices import Choice
from segbench.records import CheckpointInfo, ClassTable


def describe_choice(choice: Choice) -> str:
    if choice.kind == "training":
        return f"The newest weights of {choice.name}"
    if choice.kind == "file":
        return choice.name
    iou = f" (IoU {choice.best_iou:.3f})" if choice.which == "best" and choice.best_iou is not None else ""
    return f"{choice.name} – {choice.which}{iou}"


def describe_checkpoint(info: CheckpointInfo, kept_best: bool = False) -> str:
    """kept_best: it has just taken the place of the newest weights of a training that ended."""
    parts = ["training ended: its best is kept"] if kept_best else []
    parts += [info.network, f"step {info.step:,}"] if info.step else [info.network]
    if info.epoch:
        parts.append(f"epoch {info.epoch}")
    if info.scores is not None and info.scores.mean_iou is not None:
        parts.append(f"validation IoU {info.scores.mean_iou:.3f}")
    return "  ·  ".join(parts)


def describe_mismatch(network: ClassTable, truth: ClassTable) -> str:
    return (
        f"This network knows {_list_names(network)}; the dataset has {_list_names(truth)}. "
        "It predicts all the same, but there is no IoU."
    )


def _list_names(classes: ClassTable) -> str:
    names = ", ".join(classes.names[:4]) + ("…" if len(classes) > 4 else "")
    return f"{len(classes)} classes ({names}{', one a pixel' if classes.exclusive else ''})"
