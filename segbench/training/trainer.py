"""The training loop: a generator of events. Pull it to train, stop pulling to pause, close() it to stop and keep the model."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from segbench import __version__
from segbench.config import TrainConfig, check
from segbench.data.loaders import Batch, Division, count_batches, divide, load_batches, load_training_batches
from segbench.data.transforms import measure_scaling
from segbench.devices import choose_device, describe_device, read_memory, read_peak_memory
from segbench.errors import OutOfMemory, SegbenchError
from segbench.events import (
    CheckpointSaved,
    EpochDone,
    LoggedEvent,
    MemoryRead,
    PreviewsUpdated,
    Progressed,
    StepDone,
    TrainingEnded,
    TrainingStarted,
)
from segbench.formats.checkpoints import NETWORK, STATE, Header, Scaling, read_checkpoint, save_checkpoint
from segbench.formats.runs import Run
from segbench.losses import LOSSES, Loss
from segbench.metrics import add_scores, count_pixels
from segbench.networks import build_network, count_parameters
from segbench.optim import build_optimizer, compute_learning_rate
from segbench.records import Prediction, Scores
from segbench.targets import Target, build_target, read_masks
from segbench.training.baselines import measure_baselines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from segbench.data.dataset import Dataset

PREVIEW_SHARE = 0.03  # previews never take more than this share of the time
MEMORY_SECONDS = 1.0

Logged = TypeVar("Logged", TrainingStarted, StepDone, EpochDone, CheckpointSaved, TrainingEnded)
TrainEvent = LoggedEvent | PreviewsUpdated | MemoryRead | Progressed


class Pins(Protocol):
    """Whoever wants previews: the samples in `indices` are predicted now and then. It may change at any time."""

    indices: tuple[int, ...]


@dataclass
class Progress:
    """Where a run is: everything besides weights and optimizer that a continuation needs to be exact."""

    step: int = 0
    epochs: int = 0  # finished and scored
    seconds: float = 0.0
    epoch_loss: float = 0.0  # sum of the losses of the present epoch's steps
    best: float = float("-inf")


@dataclass
class Trainee:
    """A network with all that trains it."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    target: Target
    loss: Loss
    scaling: Scaling
    device: torch.device
    precision: torch.dtype
    progress: Progress = field(default_factory=Progress)

    def autocast(self) -> AbstractContextManager[object]:
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.precision)

    def prepare(self, images: NDArray[np.uint8]) -> Tensor:
        """uint8 (B, H, W, 3) -> float32 (B, 3, H, W) on the device, scaled as the network wants it."""
        pixels = torch.from_numpy(images).to(self.device, non_blocking=True).permute(0, 3, 1, 2).float()
        if self.scaling == Scaling():
            return pixels.contiguous(memory_format=torch.channels_last)
        mean, deviation = (
            torch.tensor(v, device=self.device)[:, None, None] for v in (self.scaling.mean, self.scaling.deviation)
        )
        return ((pixels - mean) / deviation).contiguous(memory_format=torch.channels_last)

    def measure(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(loss, raw outputs) of one batch."""
        masks = torch.from_numpy(batch.masks).to(self.device, non_blocking=True)
        known = None if batch.known is None else torch.from_numpy(batch.known).to(self.device)
        truth, known = self.target.encode(masks, known)
        with self.autocast():
            outputs = self.network(self.prepare(batch.images))
        outputs = outputs.float()
        return self.loss(outputs, truth, known), outputs

    def step(self, batch: Batch, learning_rate: float, clip: float) -> float:
        """One optimizer step; gives the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad(set_to_none=True)
        loss, _ = self.measure(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        self.optimizer.step()
        return loss.item()


def train(
    config: TrainConfig, dataset: Dataset, run: Run, pins: Pins | None = None
) -> Generator[TrainEvent, None, None]:
    """Trains on `dataset` into `run`, or goes on exactly where the run's last checkpoint stands.

    Yields at least once a step; what belongs into the run's log is written there before it is yielded. close() saves "last"
    and ends the log in order. Raises SegbenchError (bad settings, no masks, a loss that is not a number), OutOfMemory with a
    smaller batch to try, OSError if the run's folder cannot be written.
    """
    check(config)
    division = divide(dataset, config)
    with run.lock():
        yield from _train(config, dataset, division, run, pins)


def _train(
    config: TrainConfig, dataset: Dataset, division: Division, run: Run, pins: Pins | None
) -> Generator[TrainEvent, None, None]:
    trainee = build_trainee(config, dataset, division)
    progress = trainee.progress
    if run.checkpoint("last").exists():
        resume(trainee, run.checkpoint("last"))
    steps_per_epoch = count_batches(len(division.train), config.data.batch_size)
    total = steps_per_epoch * config.epochs
    saved_step, saved_at = progress.step, time.monotonic()
    reason: Literal["completed", "stopped", "failed"] = "failed"
    previews = _Previews(config, pins)
    memory_at = 0.0

    def log(event: Logged) -> Logged:
        run.append(event)
        return event

    def save(kind: Literal["last", "best"], scores: Scores | None = None) -> CheckpointSaved:
        header, tensors = snapshot(trainee, config, dataset, scores, whole=kind == "last")
        save_checkpoint(run.checkpoint(kind), header, tensors)
        return log(CheckpointSaved(kind, str(run.checkpoint(kind)), progress.step))

    yield log(describe_start(config, trainee, division, dataset, run, steps_per_epoch))
    try:
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
                yield log(StepDone(progress.step, loss, rate, progress.seconds, len(batch.indices)))
                if previews.due(progress.seconds):
                    yield previews.make(trainee, dataset)
                if time.monotonic() - memory_at > MEMORY_SECONDS:
                    memory_at = time.monotonic()
                    yield read_memory(trainee.device)
                if time.monotonic() - saved_at > config.checkpoint_seconds and progress.step % steps_per_epoch:
                    yield save("last")
                    saved_step, saved_at = progress.step, time.monotonic()
            ended = yield from _end_epoch(config, trainee, dataset, division, epoch + 1, steps_per_epoch)
            progress.epoch_loss, progress.epochs = 0.0, epoch + 1
            yield log(ended)
            if ended.best:
                yield save("best", ended.scores)
            yield save("last", ended.scores)
            saved_step, saved_at = progress.step, time.monotonic()
        reason = "completed"
    except GeneratorExit:
        reason = "stopped"
        if progress.step > saved_step:
            save("last")
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _explain_memory(config, trainee.device) from error
    finally:
        log(TrainingEnded(reason, progress.step, progress.seconds, read_peak_memory(trainee.device)))
    yield TrainingEnded(reason, progress.step, progress.seconds, read_peak_memory(trainee.device))


def build_trainee(config: TrainConfig, dataset: Dataset, division: Division) -> Trainee:
    """A fresh network on its device, seeded, with target, loss, optimizer and scaling."""
    classes = dataset.info.classes
    assert classes is not None, "divide has checked it"
    target = build_target(config.loss.target, classes)
    device = choose_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.cuda.reset_peak_memory_stats(device)
    torch.manual_seed(config.seed)
    # channels last: a tenth faster here on a CPU, and what tensor cores want
    network = build_network(config.network, len(classes)).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Trainee(
        network=network,
        optimizer=build_optimizer(config.optimizer, network),
        target=target,
        loss=LOSSES[config.loss.target, config.loss.name],
        scaling=Scaling(*measure_scaling(config.data, dataset, division.train)),
        device=device,
        precision=choose_precision(config, device),
    )


def choose_precision(config: TrainConfig, device: torch.device) -> torch.dtype:
    """bfloat16 where asked for, or by itself on a GPU that has it unless grey values are regressed; else float32."""
    if config.precision == "auto":
        fit = device.type == "cuda" and torch.cuda.is_bf16_supported() and config.loss.target != "values"
        return torch.bfloat16 if fit else torch.float32
    return torch.bfloat16 if config.precision == "bfloat16" else torch.float32


def describe_start(
    config: TrainConfig, trainee: Trainee, division: Division, dataset: Dataset, run: Run, steps_per_epoch: int
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
        baselines=measure_baselines(trainee.target, trainee.loss, dataset, division.train, config.data.batch_size),
        time=time.time(),
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
    for batch in load_batches(dataset, indices, config.data.batch_size * 2):
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


# Checkpoints -------------------------------------------------------------------------------------------------------------


def snapshot(
    trainee: Trainee, config: TrainConfig, dataset: Dataset, scores: Scores | None, *, whole: bool
) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors of a checkpoint; `whole` adds what a continuation needs (optimizer, random state)."""
    assert dataset.info.classes is not None
    tensors = {NETWORK + name: tensor for name, tensor in trainee.network.state_dict().items()}
    scalars: dict[str, float | int] = {}
    if whole:
        for number, values in trainee.optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"{STATE}{number}.{name}"] = value
                elif value is not None:
                    scalars[f"{number}.{name}"] = value
        tensors[f"{STATE}random"] = torch.get_rng_state()
    progress = trainee.progress
    header = Header(
        config=config,
        classes=dataset.info.classes,
        scaling=trainee.scaling,
        step=progress.step,
        epoch=progress.epochs,
        parameters=count_parameters(trainee.network),
        scores=scores,
        progress={
            "seconds": progress.seconds,
            "epoch_loss": progress.epoch_loss,
            **({"best": progress.best} if np.isfinite(progress.best) else {}),
        },
        scalars=scalars,
        segbench=__version__,
        torch=str(torch.__version__),
    )
    return header, tensors


def resume(trainee: Trainee, path: Path) -> None:
    """Puts weights, optimizer, random state and progress of a "last" checkpoint into the trainee.

    Raises SegbenchError if the checkpoint is damaged or belongs to another network.
    """
    header, tensors = read_checkpoint(path, prefix="")
    network = {n.removeprefix(NETWORK): t for n, t in tensors.items() if n.startswith(NETWORK)}
    try:
        trainee.network.load_state_dict(network)
    except RuntimeError as error:
        raise SegbenchError(
            f"The checkpoint {path} does not fit this run's network.", "Continue it with the settings it was made with."
        ) from error
    state: dict[int, dict[str, object]] = {}
    for name, tensor in tensors.items():
        if name.startswith(STATE) and name != f"{STATE}random":
            number, _, key = name.removeprefix(STATE).partition(".")
            state.setdefault(int(number), {})[key] = tensor
    for name, value in header.scalars.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    trainee.optimizer.load_state_dict({**trainee.optimizer.state_dict(), "state": state})
    torch.set_rng_state(tensors[f"{STATE}random"])
    trainee.scaling = header.scaling
    progress = trainee.progress
    progress.step, progress.epochs = header.step, header.epoch
    progress.seconds = header.progress.get("seconds", 0.0)
    progress.epoch_loss = header.progress.get("epoch_loss", 0.0)
    progress.best = header.progress.get("best", float("-inf"))


def _refuse_loss(loss: float, step: int, batch: Batch, dataset: Dataset) -> SegbenchError:
    names = ", ".join(dataset.name(int(i)) for i in batch.indices[:4])
    return SegbenchError(
        f"The loss became {loss} at step {step} (images {names}).",
        "Lower the learning rate or clip the gradients; the last good checkpoint is kept.",
    )


def _explain_memory(config: TrainConfig, device: torch.device) -> OutOfMemory:
    if device.type == "cuda":
        torch.cuda.empty_cache()
    smaller = config.data.batch_size // 2
    hint = f"Try a batch of {smaller}." if smaller else "Try smaller crops or a shallower network."
    return OutOfMemory(
        f"The memory of {describe_device(device)} does not hold a batch of {config.data.batch_size}.", hint, smaller
    )
