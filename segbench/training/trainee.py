"""A network with all that trains it: made from a config, put into a checkpoint, and taken out of one to go on exactly."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from segbench import __version__
from segbench.config import TrainConfig
from segbench.data.loaders import Batch
from segbench.devices import choose_device
from segbench.errors import SegbenchError
from segbench.formats.checkpoints import NETWORK, STATE, Header, Scaling, read_checkpoint
from segbench.losses import LossFunction, build_loss
from segbench.networks import build_network, count_parameters
from segbench.networks.protocols import ClosedForm, OwnLoss
from segbench.optim import build_optimizer
from segbench.records import ClassTable, Scores
from segbench.targets import Target, build_target
from segbench.training.sharing import LossShares

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    loss: LossFunction
    device: torch.device
    precision: torch.dtype
    train_images: int
    at_once: int = 0  # images that go through the network together; 0: the whole batch
    scaling: Scaling = Scaling()  # noqa: RUF009 (frozen)
    progress: Progress = field(default_factory=Progress)
    shares: LossShares = field(default_factory=LossShares)
    _newest: tuple[Tensor, Tensor, Tensor | None] = field(init=False)  # outputs, truth and known of the last part

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

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """(input, truth, known) of one batch, on the device."""
        masks = torch.from_numpy(batch.masks).to(self.device, non_blocking=True)
        known = None if batch.known is None else torch.from_numpy(batch.known).to(self.device)
        truth, known = self.target.encode(masks, known)
        return self.prepare(batch.images), truth, known

    def measure(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(loss, raw outputs) of one batch."""
        x, truth, known = self.encode(batch)
        outputs = self.predict(x)
        return self.loss(outputs, truth, known), outputs

    def predict(self, x_B3HW: Tensor) -> Tensor:
        """Raw outputs, float32."""
        with self.autocast():
            outputs: Tensor = self.network(x_B3HW)
        return outputs.float()

    def step(self, batch: Batch, learning_rate: float, clip: float) -> float:
        """One optimizer step, or a batch more in the statistics of a network that needs none; gives the loss before it."""
        parts = batch.split(self.at_once)
        if isinstance(self.network, ClosedForm):
            losses = [self._observe(self.network, part) for part in parts]
        else:
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate
            self.optimizer.zero_grad(set_to_none=True)
            losses = [self._learn(part, len(part.indices) / len(batch.indices)) for part in parts]
            if clip:
                nn.utils.clip_grad_norm_(self.network.parameters(), clip)
            self.optimizer.step()
        # Here a GPU has done all the above: what follows is timed alone
        value = sum(loss.item() * len(part.indices) for loss, part in zip(losses, parts, strict=True)) / len(
            batch.indices
        )
        if self.shares.due():
            self.shares.look(self.loss, *self._newest)
        return value

    def _observe(self, network: ClosedForm, part: Batch) -> Tensor:
        """The loss of a part before a network that counts has seen it."""
        x, truth, known = self.encode(part)
        with torch.no_grad():
            outputs = self.predict(x)
            loss = self.loss(outputs, truth, known)
            network.observe(x, truth, known)
        self._newest = outputs, truth, known
        return loss

    def _learn(self, part: Batch, share: float) -> Tensor:
        """The loss of a part of the batch, whose gradient is added with its share of the images."""
        x, truth, known = self.encode(part)
        loss, outputs = self._measure_training(x, truth, known)
        (loss if share == 1 else loss * share).backward()  # type: ignore[no-untyped-call]
        self._newest = outputs.detach(), truth, known
        return loss.detach()

    def _measure_training(self, x_B3HW: Tensor, truth: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """(what is learnt from, raw outputs)."""
        if not isinstance(self.network, OwnLoss):
            outputs = self.predict(x_B3HW)
            return self.loss(outputs, truth, known), outputs
        with self.autocast():
            loss, outputs = self.network.measure(x_B3HW, truth, known, self._judge_exactly)
        return loss, outputs.float()

    def _judge_exactly(self, outputs: Tensor, truth: Tensor, known: Tensor | None) -> Tensor:
        """The loss in float32, inside a network's own measuring too."""
        with torch.autocast(self.device.type, enabled=False):
            return self.loss(outputs.float(), truth, known)

    def is_finite(self) -> bool:
        """Whether every weight is a number: a step with a finite loss can still have thrown them out."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.network.state_dict().values())


def build_trainee(config: TrainConfig, classes: ClassTable, train_images: int) -> Trainee:
    """A fresh network on its device, seeded, with target, loss and optimizer. Its input is unscaled, its classes unweighted: the
    trainer measures that, or `resume` reads it. Sets torch's threads if the config does."""
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
        loss=build_loss(config.loss, classes),
        device=device,
        precision=choose_precision(config, device),
        train_images=train_images,
        at_once=config.data.at_once,
    )


def choose_precision(config: TrainConfig, device: torch.device) -> torch.dtype:
    """bfloat16 where asked for, or by itself on a GPU that has it unless grey values are regressed; else float32."""
    if config.precision == "auto":
        fit = device.type == "cuda" and torch.cuda.is_bf16_supported() and config.loss.target != "values"
        return torch.bfloat16 if fit else torch.float32
    return torch.bfloat16 if config.precision == "bfloat16" else torch.float32


# Checkpoints -------------------------------------------------------------------------------------------------------------


def snapshot(
    trainee: Trainee, config: TrainConfig, scores: Scores | None, *, whole: bool
) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors of a checkpoint; `whole` adds what a continuation needs (optimizer, random state)."""
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
        if trainee.device.type == "cuda":
            tensors[f"{STATE}random_cuda"] = torch.cuda.get_rng_state(trainee.device)
        if trainee.loss.weights is not None:
            tensors[f"{STATE}class_weights"] = trainee.loss.weights
    progress = trainee.progress
    header = Header(
        config=config,
        classes=trainee.target.classes,
        scaling=trainee.scaling,
        step=progress.step,
        epoch=progress.epochs,
        parameters=count_parameters(trainee.network),
        scores=scores,
        progress={
            "seconds": progress.seconds,
            "epoch_loss": progress.epoch_loss,
            "train_images": trainee.train_images,
            **({"best": progress.best} if np.isfinite(progress.best) else {}),
        },
        scalars=scalars,
        segbench=__version__,
        torch=str(torch.__version__),
        device=trainee.device.type,
        threads=torch.get_num_threads(),
    )
    return header, tensors


def resume(trainee: Trainee, path: Path) -> tuple[tuple[str, str, str], ...]:
    """Puts weights, optimizer, class weights, random state, scaling and progress of a "last" checkpoint into the trainee.

    Returns what now makes the last bits differ from those of a run that was never stopped: (what, before, now).
    Raises SegbenchError if the checkpoint is damaged, belongs to another network, or was trained on other data.
    """
    header, tensors = read_checkpoint(path, prefix="")
    _check_data(trainee, header)
    network = {n.removeprefix(NETWORK): t for n, t in tensors.items() if n.startswith(NETWORK)}
    try:
        trainee.network.load_state_dict(network)
    except RuntimeError as error:
        raise SegbenchError(
            f"The checkpoint {path} does not fit this run's network.", "Continue it with the settings it was made with."
        ) from error
    state: dict[int, dict[str, object]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.removeprefix(STATE).partition(".")
        if name.startswith(STATE) and key:  # else it is no parameter's
            state.setdefault(int(number), {})[key] = tensor
    for name, value in header.scalars.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    trainee.optimizer.load_state_dict({**trainee.optimizer.state_dict(), "state": state})
    _match_layouts(trainee.optimizer)
    torch.set_rng_state(tensors[f"{STATE}random"])
    if trainee.device.type == "cuda" and f"{STATE}random_cuda" in tensors:
        torch.cuda.set_rng_state(tensors[f"{STATE}random_cuda"], trainee.device)
    trainee.scaling = header.scaling
    trainee.loss = build_loss(trainee.loss.config, trainee.target.classes, tensors.get(f"{STATE}class_weights"))
    progress = trainee.progress
    progress.step, progress.epochs = header.step, header.epoch
    progress.seconds = header.progress.get("seconds", 0.0)
    progress.epoch_loss = header.progress.get("epoch_loss", 0.0)
    progress.best = header.progress.get("best", float("-inf"))
    return _find_changes(trainee, header)


def _find_changes(trainee: Trainee, header: Header) -> tuple[tuple[str, str, str], ...]:
    threads = (str(header.threads or ""), str(torch.get_num_threads())) if trainee.device.type == "cpu" else ("", "")
    facts = (
        ("device", header.device, trainee.device.type),
        ("threads", *threads),
        ("torch", header.torch, str(torch.__version__)),
        ("images at once", *(str(many or "all") for many in (header.config.data.at_once, trainee.at_once))),
    )
    return tuple((what, before, now) for what, before, now in facts if before and before != now)


def _check_data(trainee: Trainee, header: Header) -> None:
    """A continuation counts in the epochs of its dataset, and its output planes in the order of the classes."""
    before, now = header.classes, trainee.target.classes
    if (before.names, before.values, before.exclusive) != (now.names, now.values, now.exclusive):
        raise SegbenchError(
            f"The run was trained on the classes {', '.join(before.names)}, the dataset now has {', '.join(now.names)}.",
            "Continue it on the dataset it was begun with, or start a new run.",
        )
    images = int(header.progress.get("train_images", trainee.train_images))
    if images != trainee.train_images:
        raise SegbenchError(
            f"The run was begun on {images:,} training images, and the dataset now gives {trainee.train_images:,}.",
            "Continue it on the dataset as it was, or start a new run.",
        )


def _match_layouts(optimizer: torch.optim.Optimizer) -> None:
    """A checkpoint keeps tensors in plain order; fused optimizers want moments laid out in memory as their weights are."""
    for parameter, moments in optimizer.state.items():
        for name, moment in moments.items():
            if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter, dtype=moment.dtype).copy_(moment)
