"""A small dataset of shapes, in memory."""

import pytest

from segbench.data.dataset import Dataset
from segbench.data.shapes import generate
from segbench.formats.purdue import PURDUE_CLASSES


@pytest.fixture(scope="session")
def shapes() -> Dataset:
    """12 images of 32 x 32 to train on and 4 to score."""
    samples = [*generate(12, seed=3, size=32), *generate(4, seed=3, size=32, split="val", first=12)]
    return Dataset.from_samples(samples, PURDUE_CLASSES, "shapes")
