"""Which samples are trained on, in which order, and what a random view may and may not change."""

import numpy as np
import pytest

from segbench.config import DataConfig, TrainConfig, override
from segbench.data.dataset import Dataset
from segbench.data.loaders import divide, load_batches, load_training_batches
from segbench.data.transforms import augment, measure_scaling
from segbench.errors import SegbenchError
from segbench.records import IGNORE, ClassInfo, ClassTable, Sample

TABLE = ClassTable((ClassInfo("a", (0, 0, 0)), ClassInfo("b", (9, 9, 9))), exclusive=True)


def make(splits: dict[str, int], size: tuple[int, int] = (6, 4)) -> Dataset:
    """Each image is filled with its own number, its labels with that number's parity."""
    samples = []
    for split, count in splits.items():
        for _ in range(count):
            number = len(samples)
            image = np.full((*size, 3), number, np.uint8)
            samples.append(Sample(number, f"{number}", split, image, np.full(size, number % 2, np.uint8)))
    return Dataset.from_samples(samples, TABLE, "numbers")


def test_that_a_validation_split_of_its_own_is_taken() -> None:
    division = divide(make({"train": 10, "val": 3, "test": 4}), TrainConfig())
    assert division.train.tolist() == list(range(10))
    assert division.validation.tolist() == [10, 11, 12]
    assert division.validation_split == "val"


def test_that_without_one_a_share_is_held_out_and_never_trained_on() -> None:
    division = divide(make({"train": 20, "test": 4}), TrainConfig())
    assert len(division.validation) == 2
    assert sorted([*division.train, *division.validation]) == list(range(20))
    again = divide(make({"train": 20, "test": 4}), TrainConfig())
    assert again.validation.tolist() == division.validation.tolist()


def test_that_with_nothing_to_hold_out_the_test_split_is_watched() -> None:
    config = override(TrainConfig(), ["data.hold_out=0"])
    assert divide(make({"train": 5, "test": 4}), config).validation.tolist() == [5, 6, 7, 8]
    assert divide(make({"train": 5}), config).validation_split == ""


def test_that_a_dataset_without_training_images_is_refused() -> None:
    with pytest.raises(SegbenchError, match="no training split"):
        divide(make({"test": 4}), TrainConfig())


def test_that_limits_spread_over_the_whole_split() -> None:
    config = override(TrainConfig(), ["data.limit=3", "validation_images=2"])
    division = divide(make({"train": 9, "val": 5}), config)
    assert division.train.tolist() == [0, 4, 8]
    assert division.validation.tolist() == [9, 13]


def test_that_an_epoch_sees_every_image_once_in_an_order_of_its_own() -> None:
    dataset = make({"train": 11})
    indices = np.arange(11)
    config = DataConfig(batch_size=4)
    first, second = (
        [int(i) for b in load_training_batches(dataset, indices, config, 7, epoch) for i in b.indices]
        for epoch in (0, 1)
    )
    assert sorted(first) == sorted(second) == list(range(11))
    assert first != second
    rest = [int(i) for b in load_training_batches(dataset, indices, config, 7, 0, first_batch=2) for i in b.indices]
    assert rest == first[8:]


def test_that_image_and_labels_are_turned_together() -> None:
    config = DataConfig(flip=True, turn=True)
    rng = np.random.default_rng(0)
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    labels = image[..., 0].copy()
    planes = np.stack([labels > 20, labels > 30])
    seen = set()
    for _ in range(60):
        turned, masks, known = augment(image, labels, config, rng)
        assert (turned[..., 0] == masks).all()
        assert known is None
        seen.add(masks.tobytes())
        turned, masks, _ = augment(image, planes, config, rng)
        assert ((turned[..., 0] > 20) == masks[0]).all()
        assert ((turned[..., 0] > 30) == masks[1]).all()
    assert len(seen) == 8


def test_that_a_crop_larger_than_the_image_is_filled_with_unknown_pixels() -> None:
    rng = np.random.default_rng(0)
    image, labels = np.full((3, 5, 3), 7, np.uint8), np.zeros((3, 5), np.uint8)
    cut, masks, known = augment(image, labels, DataConfig(crop=4), rng)
    assert cut.shape == (4, 4, 3)
    assert (cut == 7).all()
    assert known is not None
    assert known.sum() == 12
    assert (masks[~known] == IGNORE).all()


def test_that_a_batch_of_mixed_sizes_knows_what_was_filled_up() -> None:
    samples = [
        Sample(0, "a", "train", np.zeros((2, 5, 3), np.uint8), np.zeros((2, 5), np.uint8)),
        Sample(1, "b", "train", np.zeros((4, 3, 3), np.uint8), np.ones((4, 3), np.uint8)),
    ]
    (batch,) = load_batches(Dataset.from_samples(samples, TABLE, "mixed"), np.arange(2), 2)
    assert batch.images.shape == (2, 4, 5, 3)
    assert batch.known is not None
    assert batch.known.sum(axis=(1, 2)).tolist() == [10, 12]
    assert (batch.masks[~batch.known] == IGNORE).all()


def measure(config: DataConfig, dataset: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    measuring = measure_scaling(config, dataset, np.arange(len(dataset)))
    while True:
        try:
            next(measuring)
        except StopIteration as end:
            return end.value


def test_that_normalised_input_has_mean_nought_and_deviation_one() -> None:
    dataset = make({"train": 40})
    mean, deviation = measure(DataConfig(scaling="normalised"), dataset)
    pixels = np.stack([dataset.read(i).image for i in range(40)]).reshape(-1, 3)
    assert mean == pytest.approx(pixels.mean(axis=0))
    assert deviation == pytest.approx(pixels.std(axis=0))
    assert measure(DataConfig(scaling="raw"), dataset) == ((0, 0, 0), (1, 1, 1))


def test_that_images_without_masks_are_not_trained_on() -> None:
    blank = np.zeros((4, 4, 3), np.uint8)
    samples = [Sample(n, f"{n}", "train", blank, None if n % 2 else blank[..., 0]) for n in range(6)]
    assert divide(Dataset.from_samples(samples, TABLE, "x"), TrainConfig()).train.tolist() == [0, 2, 4]
    with pytest.raises(SegbenchError, match="has a mask"):
        divide(Dataset.from_samples(samples[1::2], TABLE, "x"), TrainConfig())


def test_that_a_validation_split_without_masks_does_not_pass_for_validation() -> None:
    blank = np.zeros((4, 4, 3), np.uint8)
    samples = [
        Sample(n, f"{n}", "train" if n < 20 else "val", blank, blank[..., 0] if n < 20 else None) for n in range(24)
    ]
    division = divide(Dataset.from_samples(samples, TABLE, "x"), TrainConfig())
    assert (len(division.train), len(division.validation), division.validation_split) == (18, 2, "train, held out")
    none_held = divide(Dataset.from_samples(samples, TABLE, "x"), override(TrainConfig(), ["data.hold_out=0"]))
    assert (len(none_held.validation), none_held.validation_split) == (0, "")


def test_that_turns_keep_what_is_above_above_or_below_in_oblong_images() -> None:
    image = np.zeros((2, 5, 3), np.uint8)
    image[0] = 1
    for seed in range(20):
        turned, _, _ = augment(image, image[..., 0], DataConfig(turn=True), np.random.default_rng(seed))
        assert turned.shape == (2, 5, 3)
        assert len(set(turned[0].ravel().tolist())) == 1
