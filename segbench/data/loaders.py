"""Batches of a dataset in a reproducible order: the order and every random view follow from (seed, epoch, index) alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segbench.config import DataConfig, TrainConfig
from segbench.data.transforms import augment, pad_to
from segbench.errors import SegbenchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from segbench.data.dataset import Dataset
    from segbench.records import Sample

TRAINING_SPLITS = ("train", "training", "trainval", "all")
VALIDATION_SPLITS = ("val", "validation", "valid", "dev")


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """images uint8 (B, H, W, 3); masks bool (B, K, H, W) planes or uint8 (B, H, W) labels; known bool (B, H, W), or None
    where every pixel is; indices int64 (B,) into the dataset."""

    indices: NDArray[np.int64]
    images: NDArray[np.uint8]
    masks: NDArray[np.generic]
    known: NDArray[np.bool_] | None

    def split(self, size: int) -> list[Batch]:
        """Batches of nearly equal size, none larger than `size` (0: as it is), in order."""
        if not 0 < size < len(self.indices):
            return [self]
        return [
            Batch(
                self.indices[rows],
                self.images[rows],
                self.masks[rows],
                None if self.known is None else self.known[rows],
            )
            for rows in np.array_split(np.arange(len(self.indices)), -(-len(self.indices) // size))
        ]


@dataclass(frozen=True, eq=False, slots=True)
class Division:
    """Which samples are trained on and which are scored. validation_split names where the latter come from ("": none)."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    validation_split: str


def divide(dataset: Dataset, config: TrainConfig) -> Division:
    """Chooses training and validation samples.

    Validation is the dataset's own split for it; else a share held out of the training images (chosen by the seed); else,
    with nothing to hold out, the test split, which is then only watched. Raises SegbenchError if there is nothing to train on.
    """
    if dataset.info.classes is None:
        raise SegbenchError(
            f"The dataset {dataset.info.name} has images, but no masks to learn from.",
            "Open a dataset with masks; this one can be predicted.",
        )
    name = next((n for n in TRAINING_SPLITS if n in dataset.splits), None)
    if name is None or not len(dataset.splits[name]):
        there = ", ".join(dataset.splits) or "none"
        raise SegbenchError(
            f"The dataset {dataset.info.name} has no training split (it has: {there}).",
            "Open the folder or file that holds the training images.",
        )
    train = _find_labelled(dataset, name)
    if not len(train):
        raise SegbenchError(
            f"No image of the split {name} has a mask.", "Check that masks are named like their images."
        )
    validation, own = _find_validation(dataset, VALIDATION_SPLITS)
    held = int(len(train) * config.data.hold_out)
    if not own and held:
        shuffled = np.random.default_rng(config.seed).permutation(train)
        train, validation, own = np.sort(shuffled[held:]), np.sort(shuffled[:held]), f"{name}, held out"
    elif not own:
        validation, own = _find_validation(dataset, ("test",))
    if config.data.limit:
        train = _spread(train, config.data.limit)
    if config.validation_images:
        validation = _spread(validation, config.validation_images)
    return Division(train, validation, own)


def _find_validation(dataset: Dataset, splits: Sequence[str]) -> tuple[NDArray[np.int64], str]:
    """The samples of the first of these splits that has some with masks, and its name ("": none has)."""
    for split in splits:
        if split in dataset.splits and len(found := _find_labelled(dataset, split)):
            return found, split
    return np.zeros(0, np.int64), ""


def _find_labelled(dataset: Dataset, split: str) -> NDArray[np.int64]:
    """A split's samples that have masks."""
    return np.array([index for index in dataset.splits[split] if dataset.has_masks(index)], dtype=np.int64)


def _spread(indices: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of them, evenly spread."""
    if count >= len(indices):
        return indices
    spread: NDArray[np.int64] = indices[np.linspace(0, len(indices) - 1, count).astype(int)]
    return spread


def count_batches(images: int, batch_size: int) -> int:
    return -(-images // batch_size)


def load_training_batches(
    dataset: Dataset, indices: NDArray[np.int64], config: DataConfig, seed: int, epoch: int, first_batch: int = 0
) -> Iterator[Batch]:
    """One epoch's batches in random order from `first_batch` on, so that a continued run sees just what it had left."""
    order = np.random.default_rng((seed, epoch)).permutation(indices)
    for start in range(first_batch * config.batch_size, len(order), config.batch_size):
        chosen = order[start : start + config.batch_size]
        views = []
        for index in chosen:
            sample = dataset.read(int(index))
            rng = np.random.default_rng((seed, epoch, int(index)))
            views.append(augment(sample.image, _masks(sample), config, rng))
        yield _stack(chosen, views)


def load_batches(dataset: Dataset, indices: NDArray[np.int64], batch_size: int) -> Iterator[Batch]:
    """Batches in the given order, untouched; samples of other sizes than the batch's largest are filled up."""
    for start in range(0, len(indices), batch_size):
        chosen = indices[start : start + batch_size]
        samples = [dataset.read(int(index)) for index in chosen]
        yield _stack(chosen, [(s.image, _masks(s), None) for s in samples])


def _masks(sample: Sample) -> NDArray[np.generic]:
    if sample.masks is None:
        raise SegbenchError(
            f"The image {sample.name} ({sample.split}) has no mask.",
            "Add its mask, or take the image out of the dataset.",
        )
    return sample.masks


View = tuple["NDArray[np.uint8]", "NDArray[np.generic]", "NDArray[np.bool_] | None"]


def _stack(indices: NDArray[np.int64], views: list[View]) -> Batch:
    size = max(v[0].shape[0] for v in views), max(v[0].shape[1] for v in views)
    filled = []
    for image, masks, known in views:
        image, masks, inside = pad_to(image, masks, size)
        if known is not None and inside is not None:
            whole = np.zeros(size, bool)
            whole[: known.shape[0], : known.shape[1]] = known
            inside = whole
        filled.append((image, masks, inside if inside is not None else known))
    some_unknown = any(known is not None for _, _, known in filled)
    return Batch(
        indices,
        np.stack([image for image, _, _ in filled]),
        np.stack([masks for _, masks, _ in filled]),
        np.stack([np.ones(size, bool) if k is None else k for _, _, k in filled]) if some_unknown else None,
    )
