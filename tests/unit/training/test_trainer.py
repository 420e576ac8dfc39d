"""The trainer learns, can be stopped at any step, and goes on bit for bit where it was."""

import contextlib
import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from segbench.config import TrainConfig, override, parse
from segbench.data.dataset import Dataset, open_dataset
from segbench.errors import OutOfMemory, SegbenchError
from segbench.events import (
    CheckpointSaved,
    EpochDone,
    LossShared,
    PreviewsUpdated,
    Progressed,
    StepDone,
    TrainingEnded,
    TrainingStarted,
)
from segbench.formats.checkpoints import read_checkpoint
from segbench.formats.runs import Run, create_run, open_run
from segbench.inference.predictor import load_predictor
from segbench.knobs import to_dict
from segbench.records import IGNORE, ClassInfo, ClassTable, Sample
from segbench.training import trainer
from segbench.training.trainee import build_trainee, resume
from segbench.training.trainer import train

SMALL = override(TrainConfig(), ["network.depth=4", "epochs=2", "data.batch_size=4", "threads=1", "data.hold_out=0"])


def start(folder: Path, dataset: Dataset, config: TrainConfig = SMALL) -> Run:
    return create_run(folder, config, dataset.info)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return read_checkpoint(run.checkpoint("last"))[1]


def test_that_the_loss_falls_and_every_fact_is_told_and_logged(tmp_path: Path, shapes: Dataset) -> None:
    config = override(SMALL, ["epochs=6", "optimizer.learning_rate=0.003"])
    run = start(tmp_path, shapes, config)
    events = list(train(config, shapes, run))
    losses = [e.loss for e in events if isinstance(e, StepDone)]
    epochs = [e for e in events if isinstance(e, EpochDone)]
    assert len(losses) == 18
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    begun = next(e for e in events if not isinstance(e, Progressed))
    assert isinstance(begun, TrainingStarted)
    assert begun.validation_split == "val"
    assert [e.epoch for e in epochs] == [1, 2, 3, 4, 5, 6]
    assert epochs[0].best
    assert epochs[0].scores is not None
    assert epochs[0].scores.images == 4
    assert epochs[1].train_loss == pytest.approx(np.mean(losses[3:6]))
    assert isinstance(events[-1], TrainingEnded)
    assert events[-1].reason == "completed"
    kept = (TrainingStarted, StepDone, LossShared, EpochDone, CheckpointSaved, TrainingEnded)
    assert list(open_run(run.path).events()) == [e for e in events if isinstance(e, kept)]
    assert run.checkpoint("best").exists()


@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_that_a_run_stopped_anywhere_goes_on_bit_for_bit(tmp_path: Path, shapes: Dataset, stop_after: int) -> None:
    config = override(SMALL, ["data.flip=true", "data.turn=true"])
    whole = start(tmp_path / "whole", shapes, config)
    untouched = [e for e in train(config, shapes, whole) if isinstance(e, StepDone | EpochDone)]
    stopped = start(tmp_path / "stopped", shapes, config)
    job = train(config, shapes, stopped)
    seen = list(itertools.islice((e for e in job if isinstance(e, StepDone)), stop_after))
    job.close()
    assert stopped.describe().state == "stopped"
    assert read_checkpoint(stopped.checkpoint("last"))[0].step == stop_after
    rest = [e for e in train(config, shapes, open_run(stopped.path)) if isinstance(e, StepDone | EpochDone)]
    steps = [e.loss for e in [*seen, *rest] if isinstance(e, StepDone)]
    assert steps == [e.loss for e in untouched if isinstance(e, StepDone)]
    assert [e.train_loss for e in rest if isinstance(e, EpochDone)][-1] == next(
        e.train_loss for e in reversed(untouched) if isinstance(e, EpochDone)
    )
    expected, got = weights(whole), weights(stopped)
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_that_a_finished_run_goes_on_when_it_gets_more_epochs(tmp_path: Path, shapes: Dataset) -> None:
    config = override(SMALL, ["epochs=1", "optimizer.schedule=constant"])
    run = start(tmp_path, shapes, config)
    first = [e.step for e in train(config, shapes, run) if isinstance(e, StepDone)]
    more = override(config, ["epochs=2"])
    second = [e.step for e in train(more, shapes, run) if isinstance(e, StepDone)]
    assert (first, second) == ([1, 2, 3], [4, 5, 6])
    assert [e.step for e in run.events() if isinstance(e, StepDone)] == [1, 2, 3, 4, 5, 6]


def test_that_pinned_samples_are_predicted_at_once_when_the_pins_change(tmp_path: Path, shapes: Dataset) -> None:
    pins = SimpleNamespace(indices=(0, 13))
    config = override(SMALL, ["preview_seconds=3600"])
    shown = []
    for event in train(config, shapes, start(tmp_path, shapes, config), pins):
        if isinstance(event, PreviewsUpdated):
            shown.append((event.step, tuple(p.index for p in event.predictions)))
            assert event.predictions[0].scores.shape == (5, 32, 32)
        if isinstance(event, StepDone) and event.step == 3:
            pins.indices = (5,)
    assert shown[:2] == [(1, (0, 13)), (3, (5,))]


def test_that_the_last_previews_of_a_run_are_of_the_network_it_leaves(tmp_path: Path, shapes: Dataset) -> None:
    config = override(SMALL, ["preview_seconds=3600"])
    run = start(tmp_path, shapes, config)
    events = list(train(config, shapes, run, SimpleNamespace(indices=(0,))))
    shown = [e for e in events if isinstance(e, PreviewsUpdated)]
    assert [e.step for e in shown] == [1, 6]
    predictor = load_predictor(run.checkpoint("last"), "cpu")
    (scores,) = predictor.predict([shapes.read(0).image])
    np.testing.assert_allclose(shown[-1].predictions[0].scores, scores, atol=2e-3)


def test_that_previews_change_nothing_about_the_run(tmp_path: Path, shapes: Dataset) -> None:
    config = override(SMALL, ["preview_seconds=0.2"])
    with_pins, without = start(tmp_path / "a", shapes, config), start(tmp_path / "b", shapes, config)
    list(train(config, shapes, with_pins, SimpleNamespace(indices=(1, 2))))
    list(train(config, shapes, without))
    a, b = weights(with_pins), weights(without)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_that_a_loss_that_is_no_number_ends_the_run_and_keeps_the_good_checkpoint(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(tmp_path, shapes)
    step = trainer.Trainee.step
    monkeypatch.setattr(
        trainer.Trainee,
        "step",
        lambda self, *rest: math.nan if self.progress.step == 4 else step(self, *rest),
    )
    with pytest.raises(SegbenchError, match="step 5"):
        list(train(SMALL, shapes, run))
    assert run.describe().state == "failed"
    assert read_checkpoint(run.checkpoint("last"))[0].step == 3


def test_that_weights_that_are_no_numbers_are_not_saved_over_good_ones(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(tmp_path, shapes)
    step = trainer.Trainee.step

    def diverge(self: trainer.Trainee, *rest: Any) -> float:
        loss = step(self, *rest)
        if self.progress.step == 5:  # the epoch's last step: its loss was still a number
            next(self.network.parameters()).data[0] = math.nan
        return loss

    monkeypatch.setattr(trainer.Trainee, "step", diverge)
    with pytest.raises(SegbenchError, match="step 6"):
        list(train(SMALL, shapes, run))
    assert run.describe().state == "failed"
    header, tensors = read_checkpoint(run.checkpoint("last"))
    assert header.step == 3
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_that_a_run_goes_on_with_moments_laid_out_like_their_weights(tmp_path: Path, shapes: Dataset) -> None:
    run = start(tmp_path, shapes, override(SMALL, ["epochs=1"]))
    list(train(run.config, shapes, run))
    classes = shapes.info.classes
    assert classes is not None
    trainee = build_trainee(run.config, classes, 12)
    resume(trainee, run.checkpoint("last"))
    for parameter, moments in trainee.optimizer.state.items():
        assert moments["exp_avg"].stride() == parameter.stride()
        assert moments["step"] == 3


def test_that_a_run_goes_on_only_with_the_data_it_was_begun_on(tmp_path: Path, shapes: Dataset) -> None:
    run = start(tmp_path, shapes)
    job = train(SMALL, shapes, run)
    next(e for e in job if isinstance(e, StepDone))
    job.close()
    with pytest.raises(SegbenchError, match="12 training images, and the dataset now gives 9"):
        list(train(override(SMALL, ["data.limit=9"]), shapes, run))
    table = shapes.info.classes
    assert table is not None
    turned = ClassTable(table.classes[::-1], exclusive=False)
    other = Dataset.from_samples([shapes.read(i) for i in range(len(shapes))], turned, "turned")
    with pytest.raises(SegbenchError, match=r"rectangle.*star.*now has star"):
        list(train(SMALL, other, run))
    assert len([e for e in train(SMALL, shapes, run) if isinstance(e, StepDone)]) == 5


def test_that_a_stop_that_could_not_save_the_model_does_not_pass_for_one_that_did(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run = start(tmp_path, shapes)
    job = train(SMALL, shapes, run)
    next(e for e in job if isinstance(e, StepDone))
    monkeypatch.setattr(trainer, "save_checkpoint", refuse)
    with pytest.raises(OSError, match="space"):
        job.close()
    assert run.describe().state == "failed"
    assert not run.is_training()


@pytest.mark.parametrize("seen", [Progressed, TrainingStarted])
def test_that_a_run_stopped_before_its_first_step_is_no_crashed_one(
    tmp_path: Path, shapes: Dataset, seen: type[object]
) -> None:
    run = start(tmp_path, shapes)
    job = train(SMALL, shapes, run)
    next(e for e in job if isinstance(e, seen))
    job.close()
    assert run.describe().state == "stopped"
    assert not run.is_training()


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("no memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes")]
)
def test_that_out_of_memory_names_a_smaller_batch(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(trainer.Trainee, "step", fail)
    with pytest.raises(OutOfMemory) as caught:
        list(train(SMALL, shapes, start(tmp_path, shapes)))
    assert caught.value.smaller_batch == 2
    assert str(caught.value).startswith(
        "The computer's memory does not hold 4 images of a batch together. Put 2 at a time"
    )


def test_that_images_put_through_a_few_at_a_time_train_as_the_whole_batch(tmp_path: Path, shapes: Dataset) -> None:
    plain = [
        "network.name=unet",
        "network.width=8",
        "network.levels=2",
        "network.batch_norm=false",
        "loss.name=bce",
        "optimizer.name=sgd",
    ]
    config = override(TrainConfig(), [*plain, "epochs=1", "data.batch_size=5", "threads=1", "data.hold_out=0"])
    whole, parts = start(tmp_path / "a", shapes, config), start(tmp_path / "b", shapes, config)
    losses = [e.loss for e in train(config, shapes, whole) if isinstance(e, StepDone)]
    few = override(config, ["data.at_once=2"])
    assert [e.loss for e in train(few, shapes, parts) if isinstance(e, StepDone)] == pytest.approx(losses, abs=1e-5)
    a, b = weights(whole), weights(parts)
    assert all(torch.allclose(a[name], b[name], atol=1e-4) for name in a)


@pytest.mark.parametrize("network", ["munet", "gen5", "gaussian"])
def test_that_a_batch_in_parts_runs_with_every_kind_of_network(tmp_path: Path, shapes: Dataset, network: str) -> None:
    small = {"munet": ["network.depth=4"], "gen5": ["network.width=4", "network.adversarial=0.1"], "gaussian": []}
    settings = [
        f"network.name={network}",
        *small[network],
        "data.at_once=3",
        "epochs=1",
        "data.batch_size=4",
        "threads=1",
    ]
    config = override(TrainConfig(), settings)
    losses = [e.loss for e in train(config, shapes, start(tmp_path, shapes, config)) if isinstance(e, StepDone)]
    assert np.isfinite(losses).all()


def test_that_what_changes_the_last_bits_of_a_continuation_is_told(tmp_path: Path, shapes: Dataset) -> None:
    run = start(tmp_path, shapes)
    job = train(SMALL, shapes, run)
    next(e for e in job if isinstance(e, StepDone))
    job.close()
    more = override(SMALL, ["threads=2", "data.at_once=2"])
    before = torch.get_num_threads()
    job = train(more, shapes, run)
    begun = next(e for e in job if isinstance(e, TrainingStarted))
    job.close()
    torch.set_num_threads(before)
    assert begun.changes == (("threads", "1", "2"), ("images at once", "all", "2"))
    assert [e.changes for e in run.events() if isinstance(e, TrainingStarted)] == [(), begun.changes]


def test_that_a_run_in_training_is_not_trained_twice(tmp_path: Path, shapes: Dataset) -> None:
    run = start(tmp_path, shapes)
    first = train(SMALL, shapes, run)
    next(first)
    with contextlib.closing(first), pytest.raises(SegbenchError, match="another segbench"):
        next(train(SMALL, shapes, open_run(run.path)))


def test_that_the_lecture_recipe_regresses_values_and_scores_its_grid_too(tmp_path: Path, shapes: Dataset) -> None:
    config = override(
        SMALL,
        [
            "network.head=lecture",
            "loss.target=values",
            "loss.name=mse",
            "data.scaling=raw",
            "optimizer.name=sgd",
            "optimizer.learning_rate=1e-4",
            "epochs=1",
        ],
    )
    events = list(train(config, shapes, start(tmp_path, shapes, config)))
    begun = next(e for e in events if isinstance(e, TrainingStarted))
    nothing, constant = begun.baselines.nothing, begun.baselines.best_constant
    planes = np.stack([shapes.read(i).planes(5) for i in range(12)])
    values = np.array([50, 100, 150, 200, 250])[:, None, None] * planes
    assert nothing == pytest.approx((values**2).mean(), rel=1e-4)
    assert constant == pytest.approx((values**2).mean() - (values.mean(axis=(0, 2, 3)) ** 2).mean(), rel=1e-4)
    ended = next(e for e in events if isinstance(e, EpochDone))
    assert ended.grid_scores is not None
    assert sum(c.true_positives + c.false_negatives for c in ended.grid_scores.classes) < 0.3 * sum(
        c.true_positives + c.false_negatives
        for c in ended.scores.classes  # type: ignore[union-attr]
    )


def one_class_a_pixel(settings: list[str]) -> TrainConfig:
    raw = to_dict(SMALL) | {"epochs": 6, "loss": {"target": "labels", "name": "cross_entropy"}}
    return override(parse(raw), ["data.hold_out=0.25", "optimizer.learning_rate=0.003", *settings])


def make_labels(count: int) -> Dataset:
    rng = np.random.default_rng(0)
    samples = []
    for index in range(count):
        side = (24, 32) if index % 2 else (40, 16)
        labels = np.zeros(side, np.uint8)
        labels[: side[0] // 2] = 1
        labels[:3, :3] = IGNORE
        image = rng.integers(0, 80, (*side, 3), dtype=np.uint8)
        image[labels == 1] += 150
        samples.append(Sample(index, f"{index}", "train", image, labels))
    table = ClassTable((ClassInfo("ground", (0, 0, 0)), ClassInfo("sky", (0, 0, 255))), exclusive=True)
    return Dataset.from_samples(samples, table, "fields")


@pytest.mark.parametrize(
    "settings", [["data.crop=16", "data.flip=true"], ["data.crop=0", "data.turn=true"], ["data.crop=64"]]
)
def test_that_label_data_of_mixed_sizes_with_void_trains(tmp_path: Path, settings: list[str]) -> None:
    dataset = make_labels(8)
    config = one_class_a_pixel(settings)
    events = list(train(config, dataset, start(tmp_path, dataset, config)))
    epochs = [e for e in events if isinstance(e, EpochDone)]
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert epochs[-1].scores is not None
    assert epochs[-1].scores.pixel_accuracy is not None


@pytest.mark.parametrize("loss", ["focal", "border"])
def test_that_each_loss_of_labels_trains(tmp_path: Path, loss: str) -> None:
    dataset = make_labels(8)
    config = one_class_a_pixel([f"loss.name={loss}", "loss.class_weights=frequency"])
    events = list(train(config, dataset, start(tmp_path, dataset, config)))
    epochs = [e for e in events if isinstance(e, EpochDone)]
    assert epochs[-1].train_loss < epochs[0].train_loss
    shares = [e.shares for e in events if isinstance(e, LossShared)]
    assert len(shares[-1]) == 2
    assert sum(shares[-1]) == pytest.approx(1)


def open_files(folder: Path, images: list[NDArray[Any]]) -> Dataset:
    """A dataset on disk of these images, with masks of two classes."""
    for k, image in enumerate(images):
        for kind, pixels in (("images", image), ("masks", np.full(image.shape[:2], k % 2, np.uint8))):
            (folder / kind).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / kind / f"{k}.png")
    opening = open_dataset(folder)
    while True:
        try:
            next(opening)
        except StopIteration as stop:
            opened: Dataset = stop.value
            return opened


def test_that_a_run_whose_data_cannot_be_read_has_failed(tmp_path: Path) -> None:
    dataset = open_files(tmp_path, [np.zeros((16, 16), np.uint8)] * 4)
    (tmp_path / "images" / "2.png").write_bytes(b"cut short")
    config = one_class_a_pixel(["data.hold_out=0"])
    run = start(tmp_path / "runs", dataset, config)
    with pytest.raises(SegbenchError, match=r"2\.png"):
        list(train(config, dataset, run))
    assert run.describe().state == "failed"


def test_that_a_checkpoint_keeps_the_white_level_of_its_pictures(tmp_path: Path) -> None:
    dataset = open_files(tmp_path, [np.full((16, 16), 1000 * k, np.uint16) for k in range(4)])
    config = one_class_a_pixel(["epochs=1"])
    run = start(tmp_path / "runs", dataset, config)
    list(train(config, dataset, run))
    assert read_checkpoint(run.checkpoint("last"))[0].scaling.white == 4095


def test_that_what_cannot_be_trained_is_said_before_a_step_is_made(tmp_path: Path, shapes: Dataset) -> None:
    images = Dataset.from_samples([Sample(0, "a", "all", np.zeros((8, 8, 3), np.uint8), None)], None, "pictures")
    with pytest.raises(SegbenchError, match="no masks"):
        next(train(SMALL, images, start(tmp_path, images)))
    config = one_class_a_pixel([])
    with pytest.raises(SegbenchError, match="may overlap"):
        next(train(config, shapes, start(tmp_path, shapes, config)))
