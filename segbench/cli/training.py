"""`segbench train`: a run from its first step, or from where it stopped."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from segbench import config as knobs
from segbench import settings
from segbench.cli.choosing import open_data
from segbench.cli.console import (
    TrainingLines,
    note,
    open_bar,
    scores_document,
    tell,
    tell_json,
    write_count,
    write_ratio,
)
from segbench.cli.interrupt import Interrupted, pull
from segbench.config import TrainConfig
from segbench.data.dataset import Dataset
from segbench.errors import OutOfMemory, SegbenchError
from segbench.events import EpochDone, Progressed, StorageFailed, TrainingEnded
from segbench.formats.runs import Run, create_run, open_run
from segbench.knobs import list_knobs
from segbench.training.trainer import train

# What may change when a run goes on; anything else would make it another run
CONTINUABLE = (
    "epochs",
    "device",
    "precision",
    "threads",
    "validation_images",
    "checkpoint_seconds",
    "preview_seconds",
    "data.at_once",
)
RETRY_SECONDS, PATIENCE = 2.0, 600.0  # a run's folder that cannot be written is tried again so often, and for so long


def run_train(arguments: argparse.Namespace) -> int:
    """Trains, and tells where the model is, also when it is stopped."""
    chosen = list(arguments.settings) + ([f"device={arguments.device}"] if arguments.device else [])
    run, dataset = _resume(arguments, chosen) if arguments.resume is not None else _begin(arguments, chosen)
    note(f"Run: {run.path}")
    epochs: list[EpochDone] = []
    ended: TrainingEnded | None = None
    stopped: Interrupted | None = None
    with open_bar("Training") as bar:
        lines = TrainingLines(bar, dataset.info.classes.names if dataset.info.classes is not None else ())

        failing: float | None = None  # since when the run's folder cannot be written

        def show(event: object) -> None:
            nonlocal ended, failing
            match event:
                case StorageFailed():
                    if failing is None:
                        failing = time.monotonic()
                        bar.tell(
                            f"{event.report.message} {event.report.hint} The training waits, and tries again for ten minutes."
                        )
                    if time.monotonic() - failing > PATIENCE:
                        raise SegbenchError(event.report.message, event.report.hint)
                    time.sleep(RETRY_SECONDS)
                    return
                case EpochDone():
                    epochs.append(event)
                case TrainingEnded():
                    ended = event
                case Progressed():
                    bar.show(event.done, event.total, title=event.what.capitalize())
                    return
            failing = None
            lines.show(event)

        try:
            pull(train(run.config, dataset, run), show)
        except Interrupted as stop:
            stopped = stop
        except OutOfMemory as error:
            if not run.checkpoint("last").exists():
                raise
            again = _write_resume(run, f"data.at_once={error.smaller_batch}" if error.smaller_batch else "")
            raise SegbenchError(error.message, f"Go on with: {again}") from error
    _summarise(run, epochs, ended, stopped, arguments.json)
    return stopped.code if stopped is not None else 0


def _write_resume(run: Run, setting: str = "") -> str:
    """The command that goes on with a run."""
    from segbench.export.manifest import write_line

    return write_line(["segbench", "train", "--resume", str(run.path), *(["--set", setting] if setting else [])])


def _begin(arguments: argparse.Namespace, chosen: list[str]) -> tuple[Run, Dataset]:
    """A new run. Everything that can be refused is refused before its folder is made."""
    if arguments.data is None:
        raise SegbenchError("There is nothing to train on.", "Give a dataset, or --resume a run.")
    if arguments.config is not None and (arguments.preset is not None or arguments.network is not None):
        raise SegbenchError(
            f"--{'network' if arguments.preset is None else 'preset'} and --config cannot both be the start.",
            "Leave one of them out; --set changes single settings.",
        )
    dataset = open_data([arguments.data])
    if arguments.config is not None:
        start = knobs.load(Path(arguments.config))
    else:
        exclusive = dataset.info.classes is not None and dataset.info.classes.exclusive
        network = arguments.network or ""
        if arguments.preset is not None:
            start = knobs.find_preset(arguments.preset, network).config
        else:
            start = knobs.match_preset(network or "munet", exclusive).config
    config = knobs.override(start, chosen)
    _check(dataset, config)
    if arguments.out is not None:
        return create_run(Path(arguments.out), config, dataset.info, exact=True), dataset
    return create_run(settings.find_runs_folder(settings.load_settings()), config, dataset.info), dataset


def _check(dataset: Dataset, config: TrainConfig) -> None:
    """Raises SegbenchError if this dataset cannot be trained on with these settings."""
    from segbench.data.loaders import divide
    from segbench.devices import choose_device
    from segbench.targets import build_target

    divide(dataset, config)
    choose_device(config.device)
    if dataset.info.classes is not None:
        build_target(config.loss.target, dataset.info.classes)


def _resume(arguments: argparse.Namespace, chosen: list[str]) -> tuple[Run, Dataset]:
    """A run that is there, with more epochs if asked for. Everything that can be refused is refused before the run is changed."""
    if any(given is not None for given in (arguments.preset, arguments.config, arguments.network)):
        raise SegbenchError(
            "A run goes on with its own settings.",
            "Leave --network, --preset and --config out; --set epochs=N makes it longer.",
        )
    run = open_run(Path(arguments.resume))
    for setting in chosen:
        name = setting.partition("=")[0]
        if "=" in setting and name not in CONTINUABLE and name in [k.path for k in list_knobs(run.config)]:
            raise SegbenchError(
                f"{name} cannot change while a run goes on.",
                f"These can: {', '.join(CONTINUABLE)}. For others start a new run.",
            )
    config = knobs.override(run.config, chosen)
    dataset = open_data([arguments.data or run.file.dataset.path])
    if run.file.dataset.classes is not None and dataset.info.classes != run.file.dataset.classes:
        raise SegbenchError(
            f"The run {run.name} was trained on other classes than {dataset.info.name} has.",
            "Give the dataset it was begun with.",
        )
    _check(dataset, config)
    _check_epochs(run, dataset, config)
    if config != run.config:
        with run.lock():  # not while another segbench trains it
            run.change(config=config)
    return run, dataset


def _check_epochs(run: Run, dataset: Dataset, config: TrainConfig) -> None:
    """Raises SegbenchError if the run has gone further than these settings let it go."""
    from segbench.data.loaders import count_batches, divide

    steps_per_epoch = count_batches(len(divide(dataset, config).train), config.data.batch_size)
    step = run.describe().step
    if step > steps_per_epoch * config.epochs:
        raise SegbenchError(
            f"The run {run.name} has done {step:,} steps, which is more than {write_count(config.epochs, 'epoch')} of {steps_per_epoch:,}.",
            f"Give it at least {-(-step // steps_per_epoch)} epochs.",
        )


def _summarise(
    run: Run, epochs: list[EpochDone], ended: TrainingEnded | None, stopped: Interrupted | None, json: bool
) -> None:
    last = epochs[-1] if epochs else None
    info = run.describe()
    kept = run.checkpoint("best") if run.checkpoint("best").exists() else run.checkpoint("last")
    if json:
        tell_json(
            {
                "run": str(run.path),
                "reason": "stopped" if stopped else "completed",
                "step": info.step,
                "total_steps": info.total_steps,
                "seconds": ended.seconds if ended else None,
                "peak_memory": ended.peak_memory if ended else None,
                "last_loss": info.last_loss,
                "best_iou": info.best_iou,
                "checkpoint": str(kept) if kept.exists() else None,
                "epochs": [
                    {
                        "epoch": e.epoch, "step": e.step, "train_loss": e.train_loss, "validation_loss": e.validation_loss,
                        "mean_iou": e.scores.mean_iou if e.scores else None, "best": e.best,
                    }
                    for e in epochs
                ],
                "scores": scores_document(last.scores) if last and last.scores else None,
            }
        )  # fmt: skip
        return
    if stopped:
        there = "the model is kept" if kept.exists() else "before its first step, so there is no model yet"
        tell(f"Stopped at step {info.step:,} of {info.total_steps:,}; {there}.")
        tell(f"Go on with: {_write_resume(run)}")
        return
    if not epochs:
        tell(f"Nothing was left to do: all {info.total_steps:,} steps were done before.")
        tell(f"Model: {kept}. To train it longer: --set epochs=N")
        return
    best = f", best mean IoU {write_ratio(info.best_iou)}" if info.best_iou is not None else ""
    tell(f"Done: {info.step:,} steps{f' in {ended.seconds:,.0f} s' if ended else ''}{best}.")
    tell(f"Model: {kept}")
