"""Datasets in memory and a predictor without a network, for what exports need."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pytest

from segbench.data.dataset import Dataset
from segbench.events import SamplePredicted
from segbench.records import IGNORE, CheckpointInfo, ClassInfo, ClassTable, Prediction, Reading, Sample

SHAPES = ClassTable(
    (
        ClassInfo("rectangle", (0, 114, 178), 50),
        ClassInfo("disk", (0, 158, 115), 150),
        ClassInfo("star", (240, 228, 66), 250),
    ),
    exclusive=False,
)
STREET = ClassTable(
    (ClassInfo("void", (9, 9, 9)), ClassInfo("road", (128, 64, 128)), ClassInfo("sky", (1, 2, 3))), exclusive=True
)


class FakePredictor:
    """Says what it was told: scores by sample index. Counts what it was asked."""

    batch_statistics = False

    def __init__(self, classes: ClassTable, scores: dict[int, np.ndarray], rule: str = "windows") -> None:
        low = 0.5 if rule == "windows" else 0.0
        self.reading = Reading(rule, ((low, float("inf")),) * len(classes))  # type: ignore[arg-type]
        self.info = CheckpointInfo("no/such/checkpoint", "munet", classes, "planes", 10, 1, 1, sha256="ab")
        self.scores = scores
        self.asked: list[int] = []

    def predict_samples(
        self, samples: Any, indices: Sequence[int], batch_size: int = 8
    ) -> Generator[SamplePredicted, None, None]:
        for done, index in enumerate(indices, start=1):
            self.asked.append(index)
            sample = samples.read(index)
            prediction = Prediction(
                index, sample.name, self.scores[index].astype(np.float16), "probability", self.reading
            )
            yield SamplePredicted(self.info.path, prediction, done, len(indices), 0.01)


def make_planes(seed: int, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    """Three overlapping rectangles, bool (3, H, W)."""
    rng = np.random.default_rng(seed)
    planes = np.zeros((3, *size), bool)
    for plane in planes:
        top, left = rng.integers(0, size[0] - 4), rng.integers(0, size[1] - 4)
        plane[top : top + 4 + rng.integers(0, 4), left : left + 4 + rng.integers(0, 6)] = True
    planes[:, 4:7, 5:8] = True  # all of them meet here
    return planes


@pytest.fixture
def shapes() -> Dataset:
    """Six overlapping samples in two splits that name them alike."""
    rng = np.random.default_rng(0)
    samples = [
        Sample(
            k,
            f"{k % 3:05d}",
            "train" if k < 3 else "test",
            rng.integers(0, 256, (12, 16, 3), dtype=np.uint8),
            make_planes(k),
        )
        for k in range(6)
    ]
    return Dataset.from_samples(samples, SHAPES, "little shapes")


@pytest.fixture
def street() -> Dataset:
    """Three exclusive samples of different sizes, with unknown pixels."""
    rng = np.random.default_rng(1)
    samples = []
    for k in range(3):
        labels = rng.integers(0, 3, (10 + k, 7), dtype=np.uint8)
        labels[0, :3] = IGNORE
        samples.append(Sample(k, f"straße {k}", "val", rng.integers(0, 256, (10 + k, 7, 3), dtype=np.uint8), labels))
    return Dataset.from_samples(samples, STREET, "street")


@pytest.fixture
def predictor(shapes: Dataset) -> FakePredictor:
    """Scores of 0.9 on the truth, 0.1 elsewhere; the disk is surer than the others."""
    scores = {}
    for k in range(6):
        planes = shapes.read(k).masks
        assert planes is not None
        scores[k] = np.where(planes, 0.8, 0.1) + np.array([0.0, 0.1, 0.05])[:, None, None]
    return FakePredictor(SHAPES, scores)


@pytest.fixture
def make_predictor() -> type[FakePredictor]:
    return FakePredictor
