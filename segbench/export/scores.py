"""Scores as CSV files: a row an image of an evaluation, or a row a network of a comparison. A number that isn't defined is an empty cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segbench.export.cells import guard_cells
from segbench.files import write_atomically
from segbench.metrics.comparison import Comparison
from segbench.metrics.evaluation import MAIN, OVERLAP, Evaluation


def save_images(evaluation: Evaluation, out: Path) -> Path:
    """A row an image, in the evaluation's order: its loss, its means over the classes, each class's IoU. Raises OSError."""
    metrics = [metric for metric in (*MAIN, *OVERLAP) if evaluation.list_values(metric) is not None]
    columns: dict[str, Sequence[Any]] = {
        "index": evaluation.indices.tolist(),
        "name": evaluation.names,
        "loss": evaluation.losses.tolist(),
    }
    for metric in metrics:
        columns[f"mean_{metric}"] = _list(evaluation.list_values(metric))
    if evaluation.classes.exclusive:
        columns["pixel_accuracy"] = [evaluation.score(row).pixel_accuracy for row in range(evaluation.images)]
    for k, name in enumerate(evaluation.classes.names):
        columns[f"iou {name}"] = _list(evaluation.list_values("iou", k))
    columns["seconds"] = evaluation.seconds.tolist()
    return _save(out, list(columns), list(zip(*columns.values(), strict=True)))


def save_comparison(comparison: Comparison, out: Path) -> Path:
    """A row a network: what it costs, its means by both conventions, each class's IoU, its difference from the first. Raises OSError."""
    rows = [_describe(comparison, number) for number in range(len(comparison.runs))]
    header = list(dict.fromkeys(name for row in rows for name in row))
    return _save(out, header, [[row.get(name) for name in header] for row in rows])


def _describe(comparison: Comparison, number: int) -> dict[str, Any]:
    run = comparison.runs[number]
    evaluation = run.evaluation
    row: dict[str, Any] = {
        "run": run.name,
        "path": run.path,
        "checkpoint": evaluation.checkpoint.path,
        "network": evaluation.checkpoint.network,
        "parameters": evaluation.checkpoint.parameters,
        "macs": run.macs,
        "training_seconds": run.training_seconds,
        "images_per_second": evaluation.images_per_second,
        "images": evaluation.images,
        "thresholds": comparison.rule,
    }
    for metric in (*MAIN, *OVERLAP):
        if (mean := evaluation.measure(metric)) is not None:
            row |= {f"mean_{metric}": mean.pooled, f"mean_{metric}_per_image": mean.per_image}
    if (accuracy := evaluation.measure_accuracy()) is not None:
        row |= {"pixel_accuracy": accuracy.pooled, "pixel_accuracy_per_image": accuracy.per_image}
    row["loss"] = evaluation.measure_loss()
    row |= {f"iou {score.name}": score.iou for score in evaluation.pooled.classes}
    if run.against_first is not None and (mean_difference := run.against_first.mean) is not None:
        row |= {
            "difference": mean_difference.value,
            "difference_low": mean_difference.low,
            "difference_high": mean_difference.high,
            "verdict": mean_difference.verdict,
        }
    return row


def _list(values: Any) -> list[float]:
    listed: list[float] = values.tolist()
    return listed


def _save(out: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(guard_cells(header))
    writer.writerows(guard_cells(["" if _is_missing(cell) else cell for cell in row]) for row in rows)
    write_atomically(out, text.getvalue().encode())
    return out


def _is_missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and bool(np.isnan(cell)))
