"""Evaluations as tables for a terminal and as documents for scripts. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from segbench.cli.console import align, scores_document, write_count, write_ratio
from segbench.errors import SegbenchError
from segbench.metrics.definitions import DEFINITIONS, Key, explain, write_reading
from segbench.metrics.evaluation import MAIN, OVERLAP, Evaluation, Measured
from segbench.metrics.objects import sort_by_size
from segbench.records import Reading
from segbench.targets import lecture_reading

MANY = 12  # classes, from which on a confusion matrix lists its largest mistakes alone
NOTHING = "-"


def describe_evaluation(evaluation: Evaluation) -> list[str]:
    """The tables that every evaluation prints: classes by both conventions, hidden pixels, sizes."""
    lines = ["pixels pooled over the images", *_describe_classes(evaluation, pooled=True)]
    lines += ["", "mean of the images' own numbers", *_describe_classes(evaluation, pooled=False)]
    lines += ["", *_describe_whole(evaluation)]
    if evaluation.hidden is not None:
        lines += ["", *_describe_overlap(evaluation)]
    if len(evaluation.objects):
        lines += ["", *_describe_sizes(evaluation)]
    return lines


def describe_confusion(evaluation: Evaluation) -> list[str]:
    """Shares of each true class; of many classes the largest mistakes. Raises SegbenchError where classes may overlap."""
    if evaluation.confusion is None:
        raise SegbenchError(
            "There is no confusion matrix where classes may overlap: a pixel has no one class.",
            "Leave out --confusion.",
        )
    pixels = evaluation.confusion
    totals = pixels.sum(axis=1)
    names = [*evaluation.classes.names, "none"]
    if len(totals) <= MANY:
        rows: list[Sequence[str]] = [("true \\ predicted", *names, "pixels")]
        for name, row, total in zip(evaluation.classes.names, pixels, totals.tolist(), strict=True):
            shares = [f"{count / total:.1%}" if total else NOTHING for count in row.tolist()]
            rows.append((name, *shares, f"{total:,}"))
        return align(rows)
    wrong = pixels.copy()
    np.fill_diagonal(wrong, 0)
    rows = [("true class", "taken for", "pixels", "of the true class")]
    for place in np.argsort(wrong, axis=None, kind="stable")[::-1][: 2 * MANY].tolist():
        there, said = divmod(place, pixels.shape[1])
        if wrong[there, said]:
            share = f"{wrong[there, said] / totals[there]:.1%}"
            rows.append((evaluation.classes.names[there], names[said], f"{wrong[there, said]:,}", share))
    return align(rows)


def describe_thresholds(evaluation: Evaluation) -> list[str]:
    """Each class by the thresholds that were used, by the best and, where they fit, by the lecture's windows."""
    curves = evaluation.curves
    rows: list[Sequence[str]] = [("class", "thresholds", "window", "IoU", "precision", "recall")]
    for name, reading in list_readings(evaluation):
        for k, (low, high) in enumerate(reading.windows):
            score = curves.count(k, low, high)
            window = f"{low:.4g} .. {'' if high == float('inf') else f'{high:.4g}'}".strip()
            ratios = (write_ratio(ratio) for ratio in (score.iou, score.precision, score.recall))
            rows.append((score.name, name, window, *ratios))
        rows.append(("mean", name, "", write_ratio(curves.score(reading).mean_iou), "", ""))
    return align(rows)


def list_readings(evaluation: Evaluation) -> list[tuple[str, Reading]]:
    """What thresholds are compared: those used, the best ones, and the lecture's for its own values."""
    readings = [("used", evaluation.reading), ("best", evaluation.curves.find_best_reading(evaluation.reading))]
    if evaluation.checkpoint.target == "values" and evaluation.reading.rule == "windows":
        try:
            readings.append(("lecture", lecture_reading(evaluation.classes)))
        except SegbenchError:
            return readings  # its windows are for its own five values
    return readings


def describe_definitions(keys: Iterable[Key], evaluation: Evaluation | None) -> list[str]:
    """What numbers mean, a paragraph each."""
    lines: list[str] = []
    for key in keys:
        lines.append(DEFINITIONS[key].title)
        lines += [f"  {about}: {text}" for about, text in explain(key, evaluation)]
    return lines


def list_keys(evaluation: Evaluation) -> list[Key]:
    """The definitions that an evaluation of this data needs."""
    keys: list[Key] = [*MAIN]
    keys += ["pixel_accuracy", "confusion"] if evaluation.classes.exclusive else [*OVERLAP]
    return [*keys, "loss", "object_iou", "slope", "curve", "best_threshold"]


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Everything as plain values; None where a number isn't defined."""
    names = evaluation.classes.names
    metrics = [metric for metric in (*MAIN, *OVERLAP) if evaluation.measure(metric) is not None]
    document = scores_document(evaluation.pooled)
    for k, entry in enumerate(document["classes"]):
        entry["measures"] = {metric: _plain(evaluation.measure(metric, k)) for metric in metrics}
    foreground = evaluation.measure_foreground("iou")
    document |= {
        "means": {metric: _plain(evaluation.measure(metric)) for metric in metrics},
        "mean_iou_without_background": _plain(foreground) if foreground else None,
        "accuracy": _plain(evaluation.measure_accuracy()),
        "loss": evaluation.measure_loss(),
        "images_per_second": evaluation.images_per_second,
        "checkpoint": evaluation.checkpoint.path,
        "dataset": evaluation.dataset.path,
        "grid": evaluation.grid,
        "batch_statistics": evaluation.batch_statistics,
        "reading": msgspec.to_builtins(evaluation.reading),
        "threshold": write_reading(evaluation.reading, names, evaluation.scale),
        "thresholds": {name: msgspec.to_builtins(reading) for name, reading in list_readings(evaluation)},
        "confusion": None if evaluation.confusion is None else evaluation.confusion.tolist(),
        "sizes": _size_document(evaluation),
        "definitions": {
            key: {"title": DEFINITIONS[key].title} | dict(explain(key, evaluation)) for key in list_keys(evaluation)
        },
    }
    if evaluation.told is not None:
        document["images_whose_picture_tells_what_is_hidden"] = int(evaluation.told.sum())
    return document


def image_document(evaluation: Evaluation, row: int) -> dict[str, Any]:
    """One image in short."""
    loss = float(evaluation.losses[row])
    return {
        "index": int(evaluation.indices[row]),
        "name": evaluation.names[row],
        "mean_iou": evaluation.score(row).mean_iou,
        "loss": None if np.isnan(loss) else loss,
    }


# Tables -----------------------------------------------------------------------------------------------------------------


def _describe_classes(evaluation: Evaluation, pooled: bool) -> list[str]:
    titles = [DEFINITIONS[metric].title for metric in MAIN]
    rows: list[Sequence[str]] = [("class", *titles, "true pixels" if pooled else "images")]
    true_pixels = evaluation.count_pixels("all")
    assert true_pixels is not None, "every evaluation has them"
    for k, name in enumerate(evaluation.classes.names):
        found = [evaluation.measure(metric, k) for metric in MAIN]
        last = true_pixels[k] if pooled else (found[0].images if found[0] else 0)
        rows.append((name, *(_write(one, pooled) for one in found), f"{last:,}"))
    rows.append(("mean", *(_write(evaluation.measure(metric), pooled) for metric in MAIN), ""))
    if evaluation.classes.background >= 0:
        name = f"mean without {evaluation.classes.names[evaluation.classes.background]}"
        rows.append((name, *(_write(evaluation.measure_foreground(metric), pooled) for metric in MAIN), ""))
    return align(rows)


def _describe_whole(evaluation: Evaluation) -> list[str]:
    lines = []
    if (accuracy := evaluation.measure_accuracy()) is not None:
        pooled, each = write_ratio(accuracy.pooled), write_ratio(accuracy.per_image)
        lines.append(f"pixel accuracy {pooled} (mean of the images' own {each})")
    if (loss := evaluation.measure_loss()) is not None:
        lines.append(f"loss {loss:.4g}, mean of the images'")
    return lines


def _describe_overlap(evaluation: Evaluation) -> list[str]:
    counts, shared = evaluation.count_pixels("hidden"), evaluation.count_pixels("shared")
    assert counts is not None, "asked only where objects may overlap"
    assert shared is not None, "asked only where objects may overlap"
    titles = [DEFINITIONS[metric].title for metric in OVERLAP]
    rows: list[Sequence[str]] = [("class", *titles, "hidden pixels", "shared pixels")]
    for k, name in enumerate(evaluation.classes.names):
        ratios = (_write(evaluation.measure(metric, k)) for metric in OVERLAP)
        rows.append((name, *ratios, f"{counts[k]:,}", f"{shared[k]:,}"))
    rows.append(("mean", *(_write(evaluation.measure(metric)) for metric in OVERLAP), "", ""))
    told = 0 if evaluation.told is None else int(evaluation.told.sum())
    head = "under other objects (pixels pooled)"
    if told < evaluation.images:
        head += f"; what is hidden shows in the pictures of {told:,} of {write_count(evaluation.images, 'image')}"
    return [head, *align(rows)]


def _describe_sizes(evaluation: Evaluation) -> list[str]:
    scale = sort_by_size(evaluation.objects)
    filled = np.flatnonzero(scale.counts[-1]).tolist()
    edges = scale.edges.tolist()
    rows: list[Sequence[str]] = [("area from", *(f"{edges[b]:,}" for b in filled), "per doubling", "objects", "extra")]
    extras = evaluation.objects.extras
    for k, name in enumerate([*evaluation.classes.names, "all"]):
        if not scale.counts[k].any():
            continue
        slope = NOTHING if np.isnan(scale.slopes[k]) else f"{scale.slopes[k]:+.3f} ± {scale.errors[k]:.3f}"
        ious = (write_ratio(None if np.isnan(iou) else iou) for iou in scale.ious[k][filled].tolist())
        extra = extras.sum() if k == len(extras) else extras[k]
        rows.append((name, *ious, slope, f"{scale.counts[k].sum():,}", f"{extra:,}"))
    rows.append(("objects", *(f"{scale.counts[-1][b]:,}" for b in filled), "", "", ""))
    return ["mean IoU of objects by their area in pixels (extra: predicted regions that touch no object)", *align(rows)]


# Documents --------------------------------------------------------------------------------------------------------------


def _size_document(evaluation: Evaluation) -> dict[str, Any]:
    scale = sort_by_size(evaluation.objects)
    return {
        "edges": scale.edges.tolist(),
        "classes": [
            {
                "name": name,
                "objects": scale.counts[k].tolist(),
                "iou": _numbers(scale.ious[k]),
                "recall": _numbers(scale.recalls[k]),
                "found": _numbers(scale.found[k]),
                "slope": _numbers(scale.slopes[k : k + 1])[0],
                "slope_error": _numbers(scale.errors[k : k + 1])[0],
            }
            for k, name in enumerate([*evaluation.classes.names, "all"])
        ],
        "extra_regions": evaluation.objects.extras.tolist(),
    }


def _numbers(values: Any) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


def _plain(found: Measured | None) -> dict[str, Any] | None:
    return None if found is None else found._asdict()


def _write(found: Measured | None, pooled: bool = True) -> str:
    return write_ratio(None if found is None else found.pooled if pooled else found.per_image)
