"""The training loop: a generator of events. Pull it to train, stop pulling to pause, close() it to stop and keep the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import numpy as np
import torch

from segbench.config import TrainConfig, check
from segbench.data.loaders import Batch, Division, count_batches, divide, load_batches, load_training_batches
from segbench.data.transforms import measure_scaling
from segbench.devices import describe_device, read_memory, read_peak_memory
from segbench.errors import OutOfMemory, SegbenchError, explain, is_out_of_memory
from segbench.events import (
    CheckpointSaved,
    EpochDone,
    LoggedEvent,
    LossShared,
    MemoryRead,
    PreviewsUpdated,
    Progressed,
    StepDone,
    StorageFailed,
    TrainingEnded,
    TrainingStarted,
)
from segbench.formats.checkpoints import Scaling, save_checkpoint
from segbench.formats.runs import Run, RunGone
from segbench.losses import build_loss, weigh_classes
from segbench.metrics import add_scores, count_pixels
from segbench.networks import count_parameters
from segbench.optim import compute_learning_rate
from segbench.records import Baselines, Prediction, Scores
from segbench.targets import read_masks
from segbench.training.baselines import measure_baselines, measure_shares
from segbench.training.trainee import Trainee, build_trainee, resume, snapshot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from segbench.data.dataset import Dataset

PREVIEW_SHARE = 0.03  # previews never take more than this share of the time
MEMORY_SECONDS = 1.0
_DIVERGED = "Lower the learning rate or clip the gradients; the last good checkpoint is kept."

Logged = TypeVar("Logged", TrainingStarted, StepDone, LossShared, EpochDone, CheckpointSaved, TrainingEnded)
TrainEvent = LoggedEvent | PreviewsUpdated | StorageFailed | MemoryRead | Progressed


class Pins(Protocol):
    """Whoever wants previews: the samples in `indices` are predicted now and then. It may change at any time."""

    indices: tuple[int, ...]


def train(
    config: TrainConfig, dataset: Dataset, run: Run, pins: Pins | None = None
) -> Generator[TrainEvent, None, None]:
    """Trains on `dataset` into `run`, or goes on exactly where the run's last checkpoint stands.

    Yields at least once a step, and while it measures the data before the first; what belongs into the run's log is written
    there before it is yielded. Where it cannot be written, StorageFailed comes, and the next pull tries again: nothing is lost
    or done twice meanwhile. close() saves "last" and ends the log in order. Raises SegbenchError (bad settings, no masks, other
    data than the run was begun with, a loss or weights that are no numbers), OutOfMemory with what to try, and, when it is closed
    or fails, OSError if the run's folder cannot be written.
    """
    check(config)
    division = divide(dataset, config)
    with run.lock():
        yield from _train(config, dataset, division, run, pins)


def _train(
    config: TrainConfig, dataset: Dataset, division: Division, run: Run, pins: Pins | None
) -> Generator[TrainEvent, None, None]:
    assert dataset.info.classes is not None, "divide has checked it"
    trainee = build_trainee(config, dataset.info.classes, len(division.train))
    progress = trainee.progress
    fresh = not run.checkpoint("last").exists()
    changes = () if fresh else resume(trainee, run.checkpoint("last"))
    steps_per_epoch = count_batches(len(division.train), config.data.batch_size)
    total = steps_per_epoch * config.epochs
    saved_step, saved_at = progress.step, time.monotonic()
    reason: Literal["completed", "stopped", "failed"] = "failed"
    previews = _Previews(config, pins)
    memory_at = 0.0

    def write(action: Callable[[], object]) -> Generator[StorageFailed, None, None]:
        """Does what writes to the run's folder, as often as it takes."""
        while True:
            try:
                action()
                return
            except (OSError, RunGone) as error:
                yield StorageFailed(progress.step, explain(error))
                with suppress(OSError):  # then the action fails again, and says it
                    run.restore()

    def log(event: Logged) -> Generator[Logged | StorageFailed, None, None]:
        yield from write(lambda: run.append(event))
        yield event

    def store(kind: Literal["last", "best"], scores: Scores | None = None) -> CheckpointSaved:
        if not trainee.is_finite():
            raise _refuse_weights(progress.step)
        run.check_folder()
        header, tensors = snapshot(trainee, config, scores, whole=kind == "last")
        save_checkpoint(run.checkpoint(kind), header, tensors)
        return CheckpointSaved(kind, str(run.checkpoint(kind)), progress.step)

    def save(
        kind: Literal["last", "best"], scores: Scores | None = None
    ) -> Generator[CheckpointSaved | StorageFailed, None, None]:
        yield from write(lambda: store(kind, scores))
        yield from log(CheckpointSaved(kind, str(run.checkpoint(kind)), progress.step))

    try:
        if fresh:
            mean, deviation = yield from measure_scaling(config.data, dataset, division.train)
            trainee.scaling = Scaling(mean, deviation, dataset.find_white())
        baselines = yield from _weigh_and_measure(config, trainee, dataset, division.train)
        yield from log(describe_start(config, trainee, division, run, steps_per_epoch, baselines, changes))
        while progress.epochs < config.epochs:
            epoch, done = progress.epochs, progress.step - progress.epochs * steps_per_epoch
            trainee.network.train()
            batches = load_training_batches(dataset, division.train, config.data, config.seed, epoch, first_batch=done)
            while True:
                began = time.perf_counter()
                batch = next(batches, None)
                if batch is None:
                    break
                rate = compute_learning_rate(config.optimizer, progress.step, total)
                loss = trainee.step(batch, rate, config.optimizer.clip)
                progress.step += 1
                progress.seconds += time.perf_counter() - began
                if not np.isfinite(loss):
                    raise _refuse_loss(loss, progress.step, batch, dataset)
                progress.epoch_loss += loss
                yield from log(StepDone(progress.step, loss, rate, progress.seconds, len(batch.indices)))
                if (shares := trainee.shares.take()) is not None:
                    yield from log(LossShared(progress.step, shares))
                if previews.due(progress.seconds):
                    yield previews.make(trainee, dataset)
                if time.monotonic() - memory_at > MEMORY_SECONDS:
                    memory_at = time.monotonic()
                    yield read_memory(trainee.device)
                if time.monotonic() - saved_at > config.checkpoint_seconds and progress.step % steps_per_epoch:
                    yield from save("last")
                    saved_step, saved_at = progress.step, time.monotonic()
            scored = yield from _end_epoch(config, trainee, dataset, division, epoch + 1, steps_per_epoch)
            progress.epoch_loss, progress.epochs = 0.0, epoch + 1
            yield from log(scored)
            if scored.best:
                yield from save("best", scored.scores)
            yield from save("last", scored.scores)
            saved_step, saved_at = progress.step, time.monotonic()
            if previews.due(progress.seconds) or (previews.wanted and progress.epochs == config.epochs):
                yield previews.make(trainee, dataset)  # the run's last ones show the network that it leaves
        reason = "completed"
    except GeneratorExit:
        if progress.step > saved_step:
            run.restore()
            run.append(store("last"))
        reason = "stopped"
        raise
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise _explain_memory(config, trainee.device) from error
    finally:
        ended = TrainingEnded(reason, progress.step, progress.seconds, read_peak_memory(trainee.device))
        if reason != "completed":
            run.append(ended)
    yield from log(ended)


def _weigh_and_measure(
    config: TrainConfig, trainee: Trainee, dataset: Dataset, indices: NDArray[np.int64]
) -> Generator[Progressed, None, Baselines]:
    """Gives the loss its class weights unless a checkpoint has given them, and measures what it is worth."""
    target, batch_size = trainee.target, config.data.batch_size
    shares_K = yield from measure_shares(target, dataset, indices, batch_size)
    weights = trainee.loss.weights
    if weights is None and config.loss.class_weights != "none":
        weights = weigh_classes(config.loss, target.classes, shares_K)
        trainee.loss = build_loss(config.loss, target.classes, weights)
    return (yield from measure_baselines(target, trainee.loss, dataset, indices, batch_size, shares_K, weights))


def describe_start(
    config: TrainConfig,
    trainee: Trainee,
    division: Division,
    run: Run,
    steps_per_epoch: int,
    baselines: Baselines,
    changes: tuple[tuple[str, str, str], ...] = (),
) -> TrainingStarted:
    """The first event of a run or of its continuation."""
    return TrainingStarted(
        run=str(run.path),
        step=trainee.progress.step,
        total_steps=steps_per_epoch * config.epochs,
        steps_per_epoch=steps_per_epoch,
        epochs=config.epochs,
        device=describe_device(trainee.device),
        parameters=count_parameters(trainee.network),
        train_images=len(division.train),
        validation_images=len(division.validation),
        validation_split=division.validation_split,
        baselines=baselines,
        time=time.time(),
        changes=changes,
    )


def _end_epoch(
    config: TrainConfig, trainee: Trainee, dataset: Dataset, division: Division, epoch: int, steps: int
) -> Generator[Progressed, None, EpochDone]:
    """Scores the validation images; stoppable between two batches."""
    began = time.perf_counter()
    progress = trainee.progress
    loss, scores, grid = None, None, None
    if len(division.validation):
        loss, scores, grid = yield from _validate(config, trainee, dataset, division.validation)
    progress.seconds += time.perf_counter() - began
    train_loss = progress.epoch_loss / steps
    judged = scores.mean_iou if scores and scores.mean_iou is not None else -(loss if loss is not None else train_loss)
    best = judged > progress.best
    progress.best = max(progress.best, judged)
    return EpochDone(epoch, progress.step, train_loss, loss, scores, grid, progress.seconds, best)


def _validate(
    config: TrainConfig, trainee: Trainee, dataset: Dataset, indices: NDArray[np.int64]
) -> Generator[Progressed, None, tuple[float, Scores, Scores | None]]:
    names = trainee.target.classes.names
    on_grid = getattr(config.network, "head", "") == "lecture"
    reading = trainee.target.reading
    total_loss, done, scores, grid = 0.0, 0, None, None
    trainee.network.eval()
    for batch in load_batches(dataset, indices, (config.data.at_once or config.data.batch_size) * 2):
        with torch.inference_mode():
            loss, outputs = trainee.measure(batch)
            read = trainee.target.scores(outputs).cpu().numpy()
        total_loss += loss.item() * len(batch.indices)
        done += len(batch.indices)
        for row, index in enumerate(batch.indices):
            sample = dataset.read(int(index))
            height, width = sample.size
            truth, known = sample.planes(len(names)), sample.known()
            assert truth is not None
            assert known is not None
            predicted = read_masks(read[row, :, :height, :width], reading)
            exclusive = trainee.target.classes.exclusive
            one = count_pixels(predicted, truth, known, names, exclusive=exclusive)
            scores = one if scores is None else add_scores(scores, one)
            if on_grid:
                one = count_pixels(
                    predicted[:, ::2, ::2], truth[:, ::2, ::2], known[::2, ::2], names, exclusive=exclusive
                )
                grid = one if grid is None else add_scores(grid, one)
        yield Progressed("validating", done, len(indices))
    assert scores is not None
    return total_loss / done, scores, grid


class _Previews:
    """When the pinned samples are predicted, and doing it."""

    def __init__(self, config: TrainConfig, pins: Pins | None) -> None:
        self._pins = pins
        self._pause = config.preview_seconds
        self._next = 0.0
        self._shown: tuple[int, ...] = ()

    @property
    def wanted(self) -> bool:
        return bool(self._pins and self._pins.indices)

    def due(self, seconds: float) -> bool:
        indices = self._pins.indices if self._pins else ()
        return bool(indices) and (seconds >= self._next or indices != self._shown)

    def make(self, trainee: Trainee, dataset: Dataset) -> PreviewsUpdated:
        assert self._pins is not None
        began = time.perf_counter()
        self._shown = self._pins.indices
        trainee.network.eval()
        predictions = []
        for index in self._shown:
            if index >= len(dataset):
                continue
            sample = dataset.read(index)
            with torch.inference_mode(), trainee.autocast():
                outputs = trainee.network(trainee.prepare(sample.image[None].copy()))
                scores = trainee.target.scores(outputs)[0].half().cpu().numpy()
            predictions.append(Prediction(index, sample.name, scores, trainee.target.scale, trainee.target.reading))
        trainee.network.train()
        cost = time.perf_counter() - began
        trainee.progress.seconds += cost
        self._next = trainee.progress.seconds + max(self._pause, cost / PREVIEW_SHARE)
        return PreviewsUpdated(trainee.progress.step, tuple(predictions))


def _refuse_loss(loss: float, step: int, batch: Batch, dataset: Dataset) -> SegbenchError:
    names = ", ".join(dataset.name(int(i)) for i in batch.indices[:4])
    return SegbenchError(f"The loss became {loss} at step {step} (images {names}).", _DIVERGED)


def _refuse_weights(step: int) -> SegbenchError:
    return SegbenchError(f"The weights are no numbers any more after step {step}, so they were not saved.", _DIVERGED)


def _explain_memory(config: TrainConfig, device: torch.device) -> OutOfMemory:
    if device.type == "cuda":
        torch.cuda.empty_cache()
    batch = config.data.batch_size
    together = min(config.data.at_once or batch, batch)
    smaller = together // 2
    hint = (
        f"Put {smaller} at a time through the network; the batch stays {batch}."
        if smaller
        else "Try smaller crops or a shallower network."
    )
    whose = "The computer's" if device.type == "cpu" else "The GPU's"
    return OutOfMemory(f"{whose} memory does not hold {together} images of a batch together.", hint, smaller)
