"""Networks that learn by counting, and networks with a loss of their own, go through the same trainer."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segbench.config import OptimizerConfig, TrainConfig, override
from segbench.data.dataset import Dataset
from segbench.events import EpochDone, StepDone, TrainingEnded, TrainingStarted
from segbench.formats.checkpoints import read_checkpoint
from segbench.formats.runs import create_run, open_run
from segbench.networks.protocols import ClosedForm, OwnLoss
from segbench.optim import build_optimizer
from segbench.training import trainee
from segbench.training.trainer import train

SMALL = override(
    TrainConfig(),
    ["epochs=2", "data.batch_size=4", "threads=1", "data.hold_out=0", "loss.name=bce", "data.flip=true"],
)


class Counting(nn.Module):
    """Says at each pixel what share of the pixels seen so far was of the class."""

    hits: Tensor
    seen: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("hits", torch.ones(classes))
        self.register_buffer("seen", torch.tensor(2.0))

    def forward(self, x_B3HW: Tensor) -> Tensor:
        share = (self.hits / self.seen).logit()[None, :, None, None]
        return share.expand(x_B3HW.shape[0], -1, *x_B3HW.shape[-2:])

    def observe(self, x_B3HW: Tensor, truth: Tensor, known: Tensor | None) -> None:
        assert not torch.is_grad_enabled()
        assert self.training
        assert x_B3HW.shape == (4, 3, 32, 32)
        self.hits += truth.sum(dim=(0, 2, 3))
        self.seen += truth[:, 0].numel()


class TwoHeads(nn.Module):
    """Has a second output while it trains, and a loss for both."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, classes, 3, padding=1), nn.Conv2d(3, classes, 1)
        self.measured = 0

    def forward(self, x_B3HW: Tensor) -> Tensor:
        scores: Tensor = self.first(x_B3HW)
        return scores

    def measure(self, x_B3HW: Tensor, truth: Tensor, known: Tensor | None, loss: Any) -> tuple[Tensor, Tensor]:
        assert self.training
        self.measured += 1
        scores = self(x_B3HW)
        return loss(scores, truth, known) + loss(self.second(x_B3HW), truth, known), scores


def use(monkeypatch: pytest.MonkeyPatch, kind: type[nn.Module]) -> list[nn.Module]:
    """The trainer builds networks of this kind from now on; they are kept."""
    made: list[nn.Module] = []

    def build(_config: object, classes: int) -> nn.Module:
        made.append(kind(classes))
        return made[-1]

    monkeypatch.setattr(trainee, "build_network", build)
    return made


def test_that_the_fakes_are_what_they_pretend_to_be() -> None:
    assert isinstance(Counting(2), ClosedForm)
    assert isinstance(TwoHeads(2), OwnLoss)
    assert not isinstance(TwoHeads(2), ClosedForm)
    assert not isinstance(nn.Conv2d(3, 2, 1), (ClosedForm, OwnLoss))


def test_that_a_network_that_counts_is_shown_each_batch_after_its_loss(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (network,) = [use(monkeypatch, Counting)]
    run = create_run(tmp_path, SMALL, shapes.info)
    events = list(train(SMALL, shapes, run))
    losses = [e.loss for e in events if isinstance(e, StepDone)]
    assert losses[0] == pytest.approx(
        torch.tensor(2.0).log().item()
    )  # a half of everything, before the first batch was seen
    assert losses[-1] < 0.5 * losses[0]
    begun = next(e for e in events if isinstance(e, TrainingStarted))
    assert begun.parameters == 0
    ended = [e for e in events if isinstance(e, EpochDone)][-1]
    assert begun.baselines.best_constant is not None
    assert ended.train_loss == pytest.approx(begun.baselines.best_constant, rel=0.2)
    assert network[0].seen == 2 + 2 * 12 * 32 * 32
    assert isinstance(events[-1], TrainingEnded)
    assert events[-1].reason == "completed"


@pytest.mark.parametrize("stop_after", [1, 3, 4])
@pytest.mark.parametrize("kind", [Counting, TwoHeads])
def test_that_such_a_run_goes_on_bit_for_bit(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch, kind: type[nn.Module], stop_after: int
) -> None:
    use(monkeypatch, kind)
    whole = create_run(tmp_path / "whole", SMALL, shapes.info)
    untouched = [e.loss for e in train(SMALL, shapes, whole) if isinstance(e, StepDone)]
    stopped = create_run(tmp_path / "stopped", SMALL, shapes.info)
    job = train(SMALL, shapes, stopped)
    seen = [e.loss for e in itertools.islice((e for e in job if isinstance(e, StepDone)), stop_after)]
    job.close()
    rest = [e.loss for e in train(SMALL, shapes, open_run(stopped.path)) if isinstance(e, StepDone)]
    assert [*seen, *rest] == untouched
    expected, got = (read_checkpoint(run.checkpoint("last"))[1] for run in (whole, stopped))
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_that_a_loss_of_its_own_trains_and_the_plain_one_validates(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = use(monkeypatch, TwoHeads)
    config = override(SMALL, ["epochs=1", "optimizer.learning_rate=1e-6", "data.flip=false"])
    events = list(train(config, shapes, create_run(tmp_path, config, shapes.info)))
    (network,) = made
    assert network.measured == 3
    ended = next(e for e in events if isinstance(e, EpochDone))
    assert ended.validation_loss is not None
    assert ended.train_loss > 1.5 * ended.validation_loss  # two outputs against one
    assert network.second.weight.grad.abs().max() > 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_that_the_loss_is_exact_inside_a_networks_own_measuring(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    use(monkeypatch, TwoHeads)
    seen = []
    judge = trainee.Trainee._judge_exactly

    def watch(self: trainee.Trainee, outputs: Tensor, *rest: Any) -> Tensor:
        seen.append((outputs.dtype, (loss := judge(self, outputs, *rest)).dtype))
        return loss

    monkeypatch.setattr(trainee.Trainee, "_judge_exactly", watch)
    config = override(SMALL, ["epochs=1", f"precision={precision}"])
    list(train(config, shapes, create_run(tmp_path, config, shapes.info)))
    assert set(seen) == {(getattr(torch, precision), torch.float32)}


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_that_an_optimizer_of_nothing_can_be_built_saved_and_loaded(name: str) -> None:
    optimizer = build_optimizer(OptimizerConfig(name=name), Counting(2))  # type: ignore[arg-type]
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}
    biases = nn.BatchNorm2d(3)
    build_optimizer(OptimizerConfig(name=name), biases)  # type: ignore[arg-type]
