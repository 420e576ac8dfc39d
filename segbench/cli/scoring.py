"""`segbench evaluate`: scores of a network on a dataset's samples."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import msgspec

from segbench.cli.choosing import choose_reading, choose_samples, open_data
from segbench.cli.console import (
    check_positive,
    describe_scores,
    note,
    open_bar,
    scores_document,
    tell,
    tell_json,
    write_count,
    write_ratio,
)
from segbench.cli.interrupt import pull
from segbench.events import ImageScored
from segbench.inference.predictor import load_predictor
from segbench.training.evaluator import check_classes, evaluate


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Scores a network."""
    check_positive(arguments.batch, "--batch")
    predictor = load_predictor(Path(arguments.run), arguments.device, arguments.batch_statistics)
    dataset = open_data([arguments.data])
    classes = check_classes(predictor.info, dataset.info)
    indices = choose_samples(dataset, arguments)
    without = sum(not dataset.has_masks(index) for index in indices)
    if 0 < without < len(indices):
        note(f"{write_count(without, 'sample')} without masks left out.")
    reading = choose_reading(predictor.reading, classes, predictor.scale, arguments)
    images: list[ImageScored] = []
    began = time.monotonic()
    with open_bar("Scoring") as bar:

        def show(event: ImageScored) -> None:
            images.append(event)
            bar.show(event.done, event.total)

        scores = pull(evaluate(predictor, dataset, indices, reading, arguments.grid, arguments.batch), show)
    seconds = time.monotonic() - began
    ranked = sorted(
        (i for i in images if i.scores.mean_iou is not None), key=lambda i: (i.scores.mean_iou or 0.0, i.index)
    )
    worst = ranked[: max(arguments.worst, 0)]
    if arguments.json:
        used = reading or predictor.reading
        tell_json(
            scores_document(scores)
            | {
                "checkpoint": predictor.info.path, "dataset": dataset.info.path, "grid": arguments.grid,
                "reading": msgspec.to_builtins(used), "device": predictor.device_text, "seconds": round(seconds, 3),
                "definition": "IoU = TP / (TP + FP + FN), pixels pooled over the images; the mean is over classes that occur",
            }
            | ({"worst": [_describe(image) for image in worst]} if worst else {})
            | ({"each": [_describe(image) | {"scores": scores_document(image.scores)} for image in images]} if arguments.each else {})
        )  # fmt: skip
        return 0
    where = "even rows and columns of " if arguments.grid else ""
    tell(
        f"{predictor.info.path} on {where}{write_count(scores.images, 'image')} of {dataset.info.name}, {seconds:.1f} s on {predictor.device_text}"
    )
    for line in describe_scores(scores):
        tell(line)
    for image in images if arguments.each else ():
        tell(f"{image.name} (index {image.index}), mean IoU {write_ratio(image.scores.mean_iou)}")
    for image in worst:
        tell(f"worst: {image.name} (index {image.index}), mean IoU {write_ratio(image.scores.mean_iou)}")
    return 0


def _describe(image: ImageScored) -> dict[str, object]:
    return {"index": image.index, "name": image.name, "mean_iou": image.scores.mean_iou}
