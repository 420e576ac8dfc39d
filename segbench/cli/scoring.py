"""`segbench evaluate`: scores of a network on a dataset's samples."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from segbench.cli.choosing import choose_reading, choose_samples, list_split, open_data
from segbench.cli.console import (
    check_positive,
    note,
    open_bar,
    scores_document,
    tell,
    tell_json,
    write_count,
    write_ratio,
)
from segbench.cli.interrupt import pull
from segbench.cli.score_tables import (
    describe_confusion,
    describe_definitions,
    describe_evaluation,
    describe_thresholds,
    evaluation_document,
    image_document,
    list_keys,
)
from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError
from segbench.export.scores import save_images
from segbench.inference.predictor import load_predictor
from segbench.metrics.definitions import write_reading
from segbench.metrics.evaluation import Evaluation
from segbench.training.evaluator import check_classes, evaluate, tune


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Scores a network."""
    check_positive(arguments.batch, "--batch")
    predictor = load_predictor(Path(arguments.run), arguments.device, arguments.batch_statistics)
    dataset = open_data([arguments.data])
    classes = check_classes(predictor.info, dataset.info)
    if arguments.confusion and not classes.exclusive:
        raise SegbenchError(
            "There is no confusion matrix where classes may overlap: a pixel has no one class.",
            "Leave out --confusion.",
        )
    indices = choose_samples(dataset, arguments)
    tuned_on = choose_tuning(dataset, arguments)
    without = sum(not dataset.has_masks(index) for index in indices)
    if 0 < without < len(indices):
        note(f"{write_count(without, 'sample')} without masks left out.")
    reading = choose_reading(predictor.reading, classes, predictor.scale, arguments)
    began = time.monotonic()
    if arguments.reading == "best":
        with open_bar("Looking for thresholds") as bar:
            tuning = tune(predictor, dataset, tuned_on or indices, reading, arguments.grid, arguments.batch)
            reading = pull(tuning, lambda event: bar.show(event.done, event.total))
    with open_bar("Scoring") as bar:
        scoring = evaluate(predictor, dataset, indices, reading, arguments.grid, arguments.batch)
        evaluation = pull(scoring, lambda event: bar.show(event.done, event.total))
    seconds = time.monotonic() - began
    if arguments.csv:
        note(f"Table in {save_images(evaluation, Path(arguments.csv))}.")
    if arguments.json:
        document = _build_document(evaluation, arguments)
        tell_json(document | {"device": predictor.device_text, "seconds": round(seconds, 3)})
        return 0
    where = "even rows and columns of " if arguments.grid else ""
    images = write_count(evaluation.images, "image")
    tell(f"{predictor.info.path} on {where}{images} of {dataset.info.name}, {seconds:.1f} s on {predictor.device_text}")
    tell(f"thresholds: {write_reading(evaluation.reading, classes.names, evaluation.scale)}{tell_tuning(arguments)}")
    for line in _describe(evaluation, arguments):
        tell(line)
    return 0


def choose_tuning(dataset: Dataset, arguments: argparse.Namespace) -> list[int] | None:
    """The samples that --tune-on means. Raises SegbenchError if they are not there, or nothing is to be tuned."""
    if arguments.tune_on is None:
        return None
    if arguments.reading != "best":
        raise SegbenchError("--tune-on chooses thresholds.", "Add --reading best, or leave it out.")
    return list_split(dataset, arguments.tune_on)


def tell_tuning(arguments: argparse.Namespace) -> str:
    """Where the best thresholds are from, for the line that names them."""
    if arguments.reading != "best":
        return ""
    if arguments.tune_on:
        return f" (the best on {arguments.tune_on})"
    return " (the best on these very images, for which the scores are a little too good; --tune-on takes others)"


def _describe(evaluation: Evaluation, arguments: argparse.Namespace) -> list[str]:
    lines = ["", *describe_evaluation(evaluation)]
    if arguments.thresholds:
        lines += ["", *describe_thresholds(evaluation)]
    if arguments.confusion:
        lines += ["", *describe_confusion(evaluation)]
    if arguments.each or arguments.worst > 0:
        lines.append("")
    lines += [_describe_image(evaluation, row) for row in range(evaluation.images if arguments.each else 0)]
    lines += [f"worst: {_describe_image(evaluation, row)}" for row in _find_worst(evaluation, arguments)]
    if arguments.definitions:
        lines += ["", *describe_definitions(list_keys(evaluation), evaluation)]
    return lines


def _describe_image(evaluation: Evaluation, row: int) -> str:
    scores = evaluation.score(row)
    each = ", ".join(f"{c.name} {write_ratio(c.iou)}" for c in scores.classes if c.iou is not None)
    return (
        f"{evaluation.names[row]} (index {evaluation.indices[row]}), mean IoU {write_ratio(scores.mean_iou)}, "
        f"loss {evaluation.losses[row]:.4g}{': ' if each else ''}{each}"
    )


def _build_document(evaluation: Evaluation, arguments: argparse.Namespace) -> dict[str, object]:
    document = evaluation_document(evaluation)
    if worst := _find_worst(evaluation, arguments):
        document["worst"] = [image_document(evaluation, row) for row in worst]
    if arguments.each:
        document["each"] = [
            image_document(evaluation, row) | {"scores": scores_document(evaluation.score(row))}
            for row in range(evaluation.images)
        ]
    return document


def _find_worst(evaluation: Evaluation, arguments: argparse.Namespace) -> list[int]:
    rows: list[int] = evaluation.rank()[: max(arguments.worst, 0)].tolist()
    return rows
