"""`segbench compare`: two to six networks on the same images, what they cost, and which differences are more than chance."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segbench.cli.choosing import choose_samples, open_data
from segbench.cli.console import align, check_positive, note, open_bar, tell, tell_json, write_count, write_ratio
from segbench.cli.interrupt import pull
from segbench.cli.score_tables import describe_definitions, evaluation_document
from segbench.cli.scoring import choose_tuning, tell_tuning
from segbench.errors import SegbenchError
from segbench.events import ImageScored, Progressed
from segbench.export.scores import save_comparison
from segbench.formats.checkpoints import find_checkpoint
from segbench.inference.predictor import Predictor, load_predictor
from segbench.metrics.comparison import ComparedRun, Comparison, Difference, Differences
from segbench.metrics.definitions import DEFINITIONS, Key, explain, write_reading
from segbench.metrics.evaluation import MAIN, OVERLAP
from segbench.training.comparison import compare_runs, find_run

NOTHING = "-"


def run_compare(arguments: argparse.Namespace) -> int:
    """Compares networks."""
    check_positive(arguments.batch, "--batch")
    paths = [Path(path) for path in arguments.runs]
    dataset = open_data([arguments.data or _find_data(paths[0])])
    indices, tuned_on = choose_samples(dataset, arguments), choose_tuning(dataset, arguments)
    device = ""

    def load(path: Path) -> Predictor:
        nonlocal device
        predictor = load_predictor(path, arguments.device, arguments.batch_statistics)
        device = predictor.device_text
        return predictor

    comparing = compare_runs(
        paths, load, dataset, indices, arguments.reading, arguments.grid, arguments.batch, tuned_on
    )
    with open_bar("Scoring") as bar:
        title = ""

        def show(event: ImageScored | Progressed) -> None:
            nonlocal title
            if isinstance(event, Progressed):
                title = f"{event.what} ({event.done + 1} of {event.total})"
            else:
                bar.show(event.done, event.total, title=title)

        comparison = pull(comparing, show)
    if arguments.csv:
        note(f"Table in {save_comparison(comparison, Path(arguments.csv))}.")
    if arguments.json:
        tell_json(comparison_document(comparison) | {"device": device})
        return 0
    first = comparison.runs[0].evaluation
    where = "even rows and columns of " if arguments.grid else ""
    tell(f"{len(paths)} networks on {where}{write_count(first.images, 'image')} of {dataset.info.name}, {device}")
    for line in describe_comparison(comparison, tell_tuning(arguments)):
        tell(line)
    if arguments.definitions:
        for line in ("", *describe_definitions(_list_keys(comparison), first)):
            tell(line)
    return 0


def describe_comparison(comparison: Comparison, tuning: str = "") -> list[str]:
    """What each network costs, its scores, and its difference from the first."""
    names = comparison.runs[0].evaluation.classes.names
    rows: list[Sequence[str]] = [("run", "network", "parameters", "MACs", "training", "images/s", "loss")]
    rows += [_describe_cost(run) for run in comparison.runs]
    lines = align(rows)
    metrics = [metric for metric in (*MAIN, *OVERLAP) if comparison.runs[0].evaluation.measure(metric) is not None]
    accuracy = comparison.runs[0].evaluation.classes.exclusive
    scores = [("mean over classes, pixels pooled", *(DEFINITIONS[m].title for m in metrics), *["accuracy"] * accuracy)]
    images = [("mean of the images' own", *scores[0][1:])]
    for run in comparison.runs:
        measured = [run.evaluation.measure(metric) for metric in metrics]
        measured += [run.evaluation.measure_accuracy()] * accuracy
        scores.append((run.name, *(write_ratio(one.pooled if one else None) for one in measured)))
        images.append((run.name, *(write_ratio(one.per_image if one else None) for one in measured)))
    lines += ["", *align(scores), "", *align(images), ""]
    ious = [("IoU of a class, pixels pooled", *names)]
    for run in comparison.runs:
        ious.append((run.name, *(write_ratio(score.iou) for score in run.evaluation.pooled.classes)))
    lines += [*align(ious), ""]
    for whose, words in _write_readings(comparison):
        lines.append(f"thresholds{whose}: {words}{tuning}")
    lines.append("")
    for run in comparison.runs[1:]:
        lines += _describe_differences(comparison.runs[0].name, run)
    lines.append(
        "The intervals tell what the choice of images leaves open. Another seed of the same training may change more."
    )
    return lines


def _write_readings(comparison: Comparison) -> list[tuple[str, str]]:
    """(" of NAME", thresholds) of each run; one without a name where all are alike."""
    found = []
    for run in comparison.runs:
        evaluation = run.evaluation
        words = write_reading(evaluation.reading, evaluation.classes.names, evaluation.scale)
        found.append((f" of {run.name}", words))
    return [("", found[0][1])] if len({words for _, words in found}) == 1 else found


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Everything as plain values."""
    return {
        "rule": comparison.rule,
        "size": comparison.size,
        "runs": [
            {
                "name": run.name,
                "path": run.path,
                "network": run.evaluation.checkpoint.network,
                "parameters": run.evaluation.checkpoint.parameters,
                "macs": run.macs,
                "training_seconds": run.training_seconds,
                "images_per_second": run.evaluation.images_per_second,
                "scores": evaluation_document(run.evaluation),
                "against_first": _differences_document(run.against_first),
            }
            for run in comparison.runs
        ],
        "definitions": {key: {"title": DEFINITIONS[key].title} | dict(explain(key)) for key in _list_keys(comparison)},
    }


def _find_data(path: Path) -> str:
    """The dataset that a run was trained on. Raises SegbenchError where nothing tells, or it is gone."""
    run = find_run(str(find_checkpoint(path)))
    if run is None:
        raise SegbenchError(f"Nothing tells which data {path} was trained on.", "Name a dataset with --data.")
    where = run.file.dataset.path
    if not where or not Path(where).exists():
        raise SegbenchError(f"The data that {run.name} was trained on is no longer at {where}.", "Name it with --data.")
    return where


def _describe_cost(run: ComparedRun) -> tuple[str, ...]:
    evaluation, speed = run.evaluation, run.evaluation.images_per_second
    loss = evaluation.measure_loss()
    return (
        run.name,
        evaluation.checkpoint.network,
        f"{evaluation.checkpoint.parameters:,}",
        NOTHING if run.macs is None else f"{run.macs / 1e6:,.1f} M",
        NOTHING if run.training_seconds is None else _write_seconds(run.training_seconds),
        NOTHING if speed is None else f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}",
        NOTHING if loss is None else f"{loss:.4g}",
    )


def _write_seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _describe_differences(first: str, run: ComparedRun) -> list[str]:
    assert run.against_first is not None, "all but the first have one"
    mean = run.against_first.mean
    if mean is None:
        return [f"{run.name} and {first} have no mean IoU to compare"]
    lines = [f"{run.name} against {first}: mean IoU {_write_difference(mean)}: {write_verdict(mean)}"]
    names = run.evaluation.classes.names
    each = [f"{n} {_write_difference(d)}" for n, d in zip(names, run.against_first.classes, strict=True) if d]
    return [*lines, *(f"  {line}" for line in each)]


def write_verdict(difference: Difference) -> str:
    """What an interval says, in plain words."""
    images = write_count(difference.images, "image")
    return {
        "better": f"better by more than the choice of {images} explains",
        "worse": f"worse by more than the choice of {images} explains",
        "no difference": f"no difference that {images} could show",
        "too few images": f"{images} are too few to tell",
    }[difference.verdict]


def _write_difference(difference: Difference) -> str:
    value, low, high = (f"{round(one, 3) + 0.0:+.3f}" for one in (difference.value, difference.low, difference.high))
    return f"{value} [{low}, {high}]"


def _differences_document(differences: Differences | None) -> dict[str, Any] | None:
    if differences is None:
        return None
    return {
        "metric": differences.metric,
        "mean": _difference_document(differences.mean),
        "classes": [_difference_document(one) for one in differences.classes],
    }


def _difference_document(one: Difference | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"value": one.value, "low": one.low, "high": one.high, "images": one.images, "verdict": one.verdict}


def _list_keys(comparison: Comparison) -> list[Key]:
    exclusive = comparison.runs[0].evaluation.classes.exclusive
    keys: list[Key] = ["pixel_accuracy"] if exclusive else [*OVERLAP]
    return [*MAIN, *keys, "loss", "difference", "training_time", "macs", "images_per_second"]
