"""Who owns the loss is told live, seldom enough; class weights are measured once and kept with the run."""

from pathlib import Path

import pytest
import torch

from segbench.config import LossConfig, TrainConfig, override
from segbench.data.dataset import Dataset
from segbench.events import EpochDone, LossShared, StepDone
from segbench.formats.checkpoints import STATE, read_checkpoint
from segbench.formats.runs import create_run, open_run
from segbench.losses import LossFunction, build_loss
from segbench.training import sharing, trainer
from segbench.training.sharing import LossShares
from segbench.training.trainer import train

SMALL = override(TrainConfig(), ["network.depth=4", "epochs=2", "data.batch_size=4", "threads=1", "data.hold_out=0"])


class Clock:
    """Stands for time.perf_counter; a split of the loss takes `cost` seconds."""

    def __init__(self, cost: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        split = LossFunction.split

        def slow_split(loss: LossFunction, *rest: torch.Tensor | None) -> torch.Tensor:
            self.now += cost
            return split(loss, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(sharing.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(LossFunction, "split", slow_split)


def make_loss(dataset: Dataset) -> LossFunction:
    assert dataset.info.classes is not None
    return build_loss(LossConfig(target="values", name="mse"), dataset.info.classes)


def look(shares: LossShares, loss: LossFunction, *sizes: float) -> None:
    """A batch whose classes have squared errors of these sizes."""
    outputs = torch.tensor(sizes).sqrt()[None, :, None, None].expand(1, len(sizes), 2, 2)
    shares.look(loss, outputs, torch.zeros(1, len(sizes), 2, 2), None)


@pytest.mark.parametrize(("cost", "pause"), [(0.0001, 0.5), (0.05, 2.5)])
def test_that_looks_are_seldom_and_cost_two_percent_at_most(
    shapes: Dataset, monkeypatch: pytest.MonkeyPatch, cost: float, pause: float
) -> None:
    clock, shares, loss = Clock(cost, monkeypatch), LossShares(), make_loss(shapes)
    assert shares.due()
    look(shares, loss, 1, 0, 0, 0, 0)
    clock.now += 0.98 * pause
    assert not shares.due()
    clock.now += 0.03 * pause
    assert shares.due()


def test_that_shares_are_a_running_mean_and_are_told_once(shapes: Dataset) -> None:
    shares, loss = LossShares(), make_loss(shapes)
    assert shares.take() is None
    look(shares, loss, 3, 1, 0, 0, 0)
    assert shares.take() == pytest.approx((0.75, 0.25, 0, 0, 0))
    assert shares.take() is None
    look(shares, loss, 0, 0, 4, 0, 0)  # a batch that lacks two classes
    taken = shares.take()
    assert taken == pytest.approx((2.7 / 7.6, 0.9 / 7.6, 4 / 7.6, 0, 0))
    look(shares, loss, torch.nan, 1, 1, 1, 1)
    assert shares.take() is None
    nothing = LossShares()
    look(nothing, loss, 0, 0, 0, 0, 0)
    assert nothing.take() is None


def test_that_a_run_tells_and_logs_who_owns_its_loss(tmp_path: Path, shapes: Dataset) -> None:
    run = create_run(tmp_path, SMALL, shapes.info)
    events = list(train(SMALL, shapes, run))
    told = [e for e in events if isinstance(e, LossShared)]
    assert told[0].step == 1
    assert len(told[0].shares) == 5
    assert sum(told[0].shares) == pytest.approx(1)
    assert [e for e in open_run(run.path).events() if isinstance(e, LossShared)] == told


def test_that_looking_changes_nothing_about_the_run(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = create_run(tmp_path / "blind", SMALL, shapes.info)
    monkeypatch.setattr(LossShares, "due", lambda _: False)
    list(train(SMALL, shapes, blind))
    seeing = create_run(tmp_path / "seeing", SMALL, shapes.info)
    monkeypatch.setattr(LossShares, "due", lambda _: True)
    told = [e for e in train(SMALL, shapes, seeing) if isinstance(e, LossShared)]
    assert [e.step for e in told] == [1, 2, 3, 4, 5, 6]
    a, b = (read_checkpoint(run.checkpoint("last"))[1] for run in (blind, seeing))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("mode", ["equal", "frequency"])
def test_that_class_weights_are_measured_once_and_go_on_exactly(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    config = override(SMALL, [f"loss.class_weights={mode}"])
    whole, stopped = (create_run(tmp_path / name, config, shapes.info) for name in ("whole", "stopped"))
    untouched = [e.loss for e in train(config, shapes, whole) if isinstance(e, StepDone)]
    plain = [e.loss for e in train(SMALL, shapes, create_run(tmp_path, SMALL, shapes.info)) if isinstance(e, StepDone)]
    assert untouched[0] != plain[0]
    job = train(config, shapes, stopped)
    first = next(e.loss for e in job if isinstance(e, StepDone))
    job.close()
    monkeypatch.setattr(trainer, "weigh_classes", None)  # not measured again
    rest = [e.loss for e in train(config, shapes, open_run(stopped.path)) if isinstance(e, StepDone)]
    assert [first, *rest] == untouched
    header, tensors = read_checkpoint(stopped.checkpoint("last"), prefix="")
    weights = tensors[f"{STATE}class_weights"]
    assert weights.shape == (2, 5)
    assert header.config.loss.class_weights == mode
    assert (weights[0] > weights[1]).all()  # shapes are rare
    assert f"{STATE}class_weights" not in read_checkpoint(whole.checkpoint("best"), prefix="")[1]


def test_that_a_run_without_class_weights_keeps_none(tmp_path: Path, shapes: Dataset) -> None:
    run = create_run(tmp_path, SMALL, shapes.info)
    events = list(train(SMALL, shapes, run))
    assert sum(isinstance(e, EpochDone) for e in events) == 2
    assert f"{STATE}class_weights" not in read_checkpoint(run.checkpoint("last"), prefix="")[1]


@pytest.mark.parametrize("name", ["mse", "mse_dice", "focal"])
def test_that_each_loss_of_planes_trains(tmp_path: Path, shapes: Dataset, name: str) -> None:
    config = override(
        SMALL, [f"loss.name={name}", "loss.class_weights=equal", "epochs=6", "optimizer.learning_rate=0.003"]
    )
    losses = [e.train_loss for e in train(config, shapes, create_run(tmp_path, config, shapes.info)) if isinstance(e, EpochDone)]  # fmt: skip
    assert losses[-1] < 0.9 * losses[0]
