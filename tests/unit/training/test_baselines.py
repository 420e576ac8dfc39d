"""What any network must beat, against brute force: pixels whose truth is not known count nowhere."""

from collections.abc import Generator
from typing import TypeVar

import numpy as np
import pytest
import torch

from segbench.config import FITTING, LossConfig
from segbench.data.dataset import Dataset
from segbench.events import Progressed
from segbench.losses import Loss, bce, build_loss, weigh_classes
from segbench.records import IGNORE, Baselines, ClassInfo, ClassTable, Sample
from segbench.targets import TargetKind, build_target
from segbench.training import baselines
from segbench.training.baselines import measure_baselines, measure_shares

Found = TypeVar("Found")
CLASSES = tuple(ClassInfo(name, (0, 0, 0)) for name in ("ground", "sky", "tree"))


def exhaust(job: Generator[Progressed, None, Found]) -> tuple[Found, list[Progressed]]:
    told = []
    while True:
        try:
            told.append(next(job))
        except StopIteration as end:
            return end.value, told


def make_fields(sizes: list[tuple[int, int]], background: int = 0) -> tuple[Dataset, np.ndarray]:
    """A dataset of random labels, half of them unknown, and all its known labels in a row."""
    rng = np.random.default_rng(1)
    samples, known = [], []
    for index, size in enumerate(sizes):
        labels = rng.choice(3, size, p=(0.7, 0.2, 0.1)).astype(np.uint8)
        labels[: size[0] // 2] = IGNORE
        known.append(labels[labels != IGNORE])
        samples.append(Sample(index, f"{index}", "train", np.zeros((*size, 3), np.uint8), labels))
    table = ClassTable(CLASSES, exclusive=True, background=background)
    return Dataset.from_samples(samples, table, "fields"), np.concatenate(known)


def measure_with(
    kind: TargetKind, loss: Loss, dataset: Dataset, indices: np.ndarray, batch: int
) -> tuple[Baselines, list[Progressed]]:
    assert dataset.info.classes is not None
    target = build_target(kind, dataset.info.classes)
    shares, told = exhaust(measure_shares(target, dataset, indices, batch))
    found, rest = exhaust(measure_baselines(target, loss, dataset, indices, batch, shares))
    return found, [*told, *rest]


def measure(kind: TargetKind, loss: str, dataset: Dataset, batch: int, indices: np.ndarray | None = None) -> Baselines:
    assert dataset.info.classes is not None
    function = build_loss(LossConfig(target=kind, name=loss), dataset.info.classes)  # type: ignore[arg-type]
    return measure_with(kind, function, dataset, np.arange(len(dataset)) if indices is None else indices, batch)[0]


def test_that_the_best_constant_of_planes_is_their_share_of_the_known_pixels() -> None:
    dataset, labels = make_fields([(8, 6)] * 5)
    share = np.array([(labels == k).mean() for k in range(3)])
    found = measure("planes", "bce", dataset, batch=5)
    assert found.best_constant == pytest.approx(-(share * np.log(share) + (1 - share) * np.log(1 - share)).mean())
    assert found.nothing == pytest.approx(-(share * np.log(0.01) + (1 - share) * np.log(0.99)).mean(), rel=1e-4)


def test_that_the_best_constant_of_grey_values_is_their_mean_over_the_known_pixels() -> None:
    dataset, labels = make_fields([(8, 6)] * 5)
    assert dataset.info.classes is not None
    values = np.array(dataset.info.classes.values)[:, None] * (labels == np.arange(3)[:, None])
    found = measure("values", "mse", dataset, batch=5)
    assert found.nothing == pytest.approx((values**2).mean())
    assert found.best_constant == pytest.approx(values.var(axis=1).mean())


def test_that_the_best_constant_of_labels_is_the_entropy_of_the_known_pixels() -> None:
    dataset, labels = make_fields([(8, 6)] * 5)
    share = np.array([(labels == k).mean() for k in range(3)])
    found = measure("labels", "cross_entropy", dataset, batch=5)
    assert found.best_constant == pytest.approx(-(share * np.log(share)).sum())
    assert found.nothing == pytest.approx(-(share * np.log([0.99, 0.005, 0.005])).sum())
    assert measure("labels", "cross_entropy", make_fields([(8, 6)], background=-1)[0], batch=5).nothing is None


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_that_neither_batches_nor_filled_up_images_change_the_shares(batch: int) -> None:
    dataset, labels = make_fields([(8, 6), (4, 10), (12, 2), (8, 6), (6, 6)])
    seen = []

    def remember(outputs: torch.Tensor, truth: torch.Tensor, known: torch.Tensor | None) -> torch.Tensor:
        seen.append(outputs[0, :, 0, 0].sigmoid())
        return torch.zeros(())

    measure_with("planes", remember, dataset, np.arange(5), batch)
    share = torch.tensor([(labels == k).mean() for k in range(3)], dtype=torch.float32)
    assert torch.allclose(seen[1], share)


def test_that_no_other_constant_is_better_on_overlapping_shapes(shapes: Dataset) -> None:
    planes = torch.from_numpy(np.stack([shapes.read(i).planes(5) for i in range(12)])).float()
    found = measure("planes", "bce", shapes, 12, np.arange(12))
    share = planes.mean(dim=(0, 2, 3))
    for factor in (0.8, 1.25):
        other = (share * factor).logit()[None, :, None, None].expand_as(planes)
        assert found.best_constant is not None
        assert found.best_constant < bce(other, planes, None).item()


@pytest.mark.parametrize(("kind", "name"), [("values", "mse"), ("planes", "bce"), ("labels", "cross_entropy")])
def test_that_no_other_constant_is_better_where_classes_are_weighed(kind: TargetKind, name: str) -> None:
    dataset, labels = make_fields([(8, 6)] * 4)
    classes = dataset.info.classes
    assert classes is not None
    config = LossConfig(target=kind, name=name, class_weights="equal")  # type: ignore[arg-type]
    target, indices = build_target(kind, classes), np.arange(4)
    shares, _ = exhaust(measure_shares(target, dataset, indices, 4))
    assert shares.tolist() == pytest.approx([(labels == k).mean() for k in range(3)])
    weights = weigh_classes(config, classes, shares)
    loss = build_loss(config, classes, weights)
    found, _ = exhaust(measure_baselines(target, loss, dataset, indices, 4, shares, weights))
    assert weights is not None
    if kind == "labels":
        assert found.best_constant == pytest.approx(np.log(3))  # all classes alike
    elif kind == "planes":
        assert found.best_constant == pytest.approx(np.log(2))  # yes and no alike
    masks = torch.from_numpy(np.stack([dataset.read(i).masks for i in range(4)]))
    truth, known = target.encode(masks)
    constant = torch.zeros(3, requires_grad=True)
    search = torch.optim.LBFGS([constant], max_iter=100, line_search_fn="strong_wolfe")

    def descend() -> torch.Tensor:
        search.zero_grad()
        reached = loss(constant[None, :, None, None].expand(4, 3, 8, 6), truth, known)
        reached.backward()  # type: ignore[no-untyped-call]
        return reached

    search.step(descend)
    reached = descend().item()
    assert reached == pytest.approx(found.best_constant, rel=1e-3)


def test_that_large_data_are_measured_on_a_part_and_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "MEASURED_PIXELS", 4 * 48)
    dataset, _ = make_fields([(8, 6)] * 20)
    _, told = measure_with("planes", bce, dataset, np.arange(20), 2)
    assert [(p.done, p.total) for p in told] == [(2, 8), (4, 8), (6, 8), (8, 8)]


def test_that_data_without_a_known_pixel_have_finite_baselines() -> None:
    blank = np.full((4, 4), IGNORE, np.uint8)
    sample = Sample(0, "0", "train", np.zeros((4, 4, 3), np.uint8), blank)
    dataset = Dataset.from_samples([sample], ClassTable(CLASSES, exclusive=True, background=0), "void")
    for kind, loss in [(kind, loss) for kind, losses in FITTING.items() for loss in losses]:
        found = measure(kind, loss, dataset, batch=1)  # type: ignore[arg-type]
        assert found.nothing == found.best_constant == 0
