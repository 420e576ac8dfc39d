"""What we write, the reference reads: DLStudio's own Dataset class opens our .gz and finds the same pixels, masks and boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segbench.data.shapes import find_name, generate, write_shapes
from tests.e2e.dlstudio import build_reference

pytestmark = pytest.mark.dlstudio
COUNT = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reference") / "shapes"
    list(write_shapes(out, COUNT, 3, seed=5))
    return out


@pytest.mark.parametrize(("split", "count"), [("train", COUNT), ("test", 3)])
def test_that_the_reference_reads_what_we_write(folder: Path, split: str, count: int) -> None:
    studio, segmenter = build_reference(f"{folder}/")
    dataset = segmenter.PurdueShapes5MultiObjectDataset(studio, segmenter, split, find_name(count, split))

    assert len(dataset) == count
    assert dataset.label_map == {"rectangle": 50, "triangle": 100, "disk": 150, "oval": 200, "star": 250}
    for index, sample in enumerate(generate(count, seed=5, split=split)):
        read = dataset[index]
        np.testing.assert_array_equal(read["image"].numpy(), sample.image.transpose(2, 0, 1))
        values = np.array([50, 100, 150, 200, 250], np.uint8)[:, None, None]
        np.testing.assert_array_equal(read["mask_tensor"].numpy(), sample.masks * values)
        for plane in range(5):
            boxes = [box for class_index, box in sample.boxes if class_index == plane]
            found = read["bbox_tensor"][:, plane].numpy()
            np.testing.assert_array_equal(found[: len(boxes)], np.array(boxes).reshape(-1, 4))
            assert not found[len(boxes) :].any()


def test_that_the_reference_batches_what_we_write(folder: Path) -> None:
    import torch

    studio, segmenter = build_reference(f"{folder}/")
    dataset = segmenter.PurdueShapes5MultiObjectDataset(studio, segmenter, "train", find_name(COUNT, "train"))
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=4)))
    assert batch["image"].shape == (4, 3, 64, 64)
    assert batch["mask_tensor"].shape == (4, 5, 64, 64)
    assert batch["mask_tensor"].dtype == torch.uint8
