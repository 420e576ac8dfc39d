"""Finished runs against what is asked of them: the lecture's twelve averages, and IoU on images that no run has seen."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.report import Row

if TYPE_CHECKING:
    from segbench.formats.runs import Run

UNSEEN, UNSEEN_FIRST = 1000, 1_000_000  # images, and the number of the first: no dataset of the presets reaches it
TOLERANCE = 8.0  # percent


def measure_lecture(options: Namespace, folder: Path) -> list[Row]:
    """The run of the lecture preset given by --lecture-run: its averages (written to resources/) and its IoU.

    Raises RuntimeError if it is not given, has other settings, or has not done its 15,000 steps.
    """
    from segbench import __version__
    from segbench.events import StepDone, TrainingStarted
    from segbench.formats.runs import open_run
    from segbench.gui.widgets.curve_model import LECTURE_EPOCH, LECTURE_LOSSES, list_lecture_spans

    if options.lecture_run is None:
        raise RuntimeError("Name a finished run of the lecture preset: --lecture-run RUN.")
    run = open_run(options.lecture_run)
    _check_preset(run, "lecture")
    losses: dict[int, float] = {}
    device = ""
    for event in run.events():
        if isinstance(event, StepDone):
            losses[event.step] = event.loss
        elif isinstance(event, TrainingStarted):
            device = event.device
    needed = 6 * LECTURE_EPOCH
    if len(losses) < needed:
        raise RuntimeError(f"{run.path} has {len(losses):,} of {needed:,} steps.")
    averages = []
    for first, last, _ in list_lecture_spans(LECTURE_LOSSES):
        span = [losses[step] for step in range(int(first), int(last) + 1)]
        averages.append(sum(span) / len(span))
    apart = [100 * (ours - theirs) / theirs for ours, theirs in zip(averages, LECTURE_LOSSES, strict=True)]
    command = "segbench train DATA --preset lecture --out RUN"
    told = {
        "averages": [round(value, 3) for value in averages],
        "lecture": list(LECTURE_LOSSES),
        "deviation_percent": [round(value, 2) for value in apart],
        "seed": run.config.seed,
        "device": device,
        "segbench": run.file.segbench or __version__,
        "data": f"{run.file.dataset.count:,} generated images, seed 0",
        "command": command,
    }
    out = Path(__file__).resolve().parents[2] / "resources" / "lecture_run" / "averages.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print("average  lecture  segbench  deviation")
    for number, (ours, theirs, off) in enumerate(zip(averages, LECTURE_LOSSES, apart, strict=True), 1):
        print(f"{number:7}  {theirs:7.3f}  {ours:8.3f}  {off:+8.2f} %")
    whole, even = _score(run, "last")
    worst = max(apart, key=abs)
    return [
        Row(
            "lecture preset: twelve averages of the loss against slide 82's",
            f"each within {TOLERANCE:g} %",
            f"within {abs(worst):.1f} % ({', '.join(f'{value:+.1f}' for value in apart)})",
            abs(worst) <= TOLERANCE,
            told,
        ),
        Row(
            f"lecture preset: mean IoU on {UNSEEN:,} unseen images, every pixel (its head reaches a quarter of them)",
            "< 0.25",
            f"{whole['mean']:.3f}",
            whole["mean"] < 0.25,
            whole,
        ),
        Row(
            "lecture preset: the same on even rows and columns alone",
            "",
            f"{even['mean']:.3f} ({_list_classes(even)})",
            None,
            even,
        ),
    ]


def measure_recommended(options: Namespace, folder: Path) -> list[Row]:
    """The runs given by --one-epoch-run and --full-run. Raises RuntimeError if neither is given or one has other settings."""
    from segbench.formats.runs import open_run

    rows = []
    for path, told, bar in ((options.one_epoch_run, "one epoch", 0.83), (options.full_run, "full length", 0.92)):
        if path is None:
            continue
        run = open_run(path)
        _check_preset(run, "recommended")
        info = run.describe()
        scores, _ = _score(run, "best")
        rows.append(
            Row(
                f"recommended preset, {told}: mean IoU on {UNSEEN:,} unseen images at full size",
                f">= {bar}",
                f"{scores['mean']:.3f} ({_list_classes(scores)}; {info.step:,} steps)",
                scores["mean"] >= bar,
                scores,
            )
        )
    if not rows:
        raise RuntimeError("Name finished runs of the recommended preset: --one-epoch-run RUN --full-run RUN.")
    return rows


def _check_preset(run: Run, name: str) -> None:
    """Raises RuntimeError if the run's settings are not that preset's; its length, device and threads are its own."""
    from segbench.config import find_preset

    preset = find_preset(name).config
    for field in ("network", "loss", "optimizer", "data"):
        if getattr(run.config, field) != getattr(preset, field):
            raise RuntimeError(f"{run.path} was not trained with the {name} preset: its {field} differs.")


def _score(run: Run, kind: Literal["last", "best"]) -> tuple[dict[str, Any], dict[str, Any]]:
    """IoU of a run's checkpoint on images generated for this alone: on every pixel, and on even rows and columns.

    Each holds "mean", "classes" by name, and "checkpoint".
    """
    from segbench.data.dataset import Dataset
    from segbench.data.shapes import generate
    from segbench.formats.purdue import PURDUE_CLASSES
    from segbench.inference.predictor import load_predictor
    from segbench.metrics import add_scores, zero_scores
    from segbench.training.evaluator import score_image

    samples = generate(UNSEEN, 0, 64, split="test", first=UNSEEN_FIRST)
    dataset = Dataset.from_samples(samples, PURDUE_CLASSES, "unseen shapes")
    path = run.checkpoint(kind)
    if not path.exists():
        path = run.checkpoint("last")
    pooled = [zero_scores(PURDUE_CLASSES.names)] * 2
    for event in load_predictor(path).predict_samples(dataset, range(UNSEEN), 16):
        sample = dataset.read(event.prediction.index)
        both = (score_image(event.prediction, sample, PURDUE_CLASSES, grid=grid) for grid in (False, True))
        pooled = [add_scores(so_far, one) for so_far, one in zip(pooled, both, strict=True)]
    whole, even = (
        {"mean": scores.mean_iou, "classes": {one.name: one.iou for one in scores.classes}, "checkpoint": path.name}
        for scores in pooled
    )
    return whole, even


def _list_classes(scores: dict[str, Any]) -> str:
    return ", ".join(f"{name} {iou:.2f}" for name, iou in scores["classes"].items() if iou is not None)
