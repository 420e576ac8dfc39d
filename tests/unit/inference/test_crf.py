"""The dense CRF is the mean field of its equation, follows the image's edges, and acts where a network asks for it alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from segbench.formats.checkpoints import Scaling
from segbench.inference import crf
from segbench.inference.crf import sharpen
from segbench.inference.predictor import Predictor
from segbench.records import CheckpointInfo, ClassInfo, ClassTable

CPU = torch.device("cpu")


def work_out(scores: np.ndarray, image: np.ndarray, exclusive: bool) -> np.ndarray:
    """Section 3.5 of DeepLab v2 pixel by pixel, each kernel normalised by the roots of its row sums."""
    count, height, width = scores.shape
    pixels = [(y, x) for y in range(height) for x in range(width)]
    near, alike = np.zeros((2, len(pixels), len(pixels)))
    reach = 67 * max(height, width) / 513
    for i, p in enumerate(pixels):
        for j, q in enumerate(pixels):
            far = (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2
            other = ((image[p].astype(float) - image[q].astype(float)) ** 2).sum()
            near[i, j] = np.exp(-far / 2)
            alike[i, j] = np.exp(-far / (2 * reach**2) - other / (2 * 3**2))
    kernel = sum(weight * k / np.sqrt(np.outer(k.sum(1), k.sum(1))) for weight, k in ((3, near), (4, alike)))
    p = scores.astype(float).clip(1e-5, 1 - 1e-5).reshape(count, -1)
    if exclusive:
        q = p / p.sum(0)
        for _ in range(10):
            energy = np.log(p) + q @ kernel
            q = np.exp(energy - energy.max(0))
            q /= q.sum(0)
    else:
        q = p
        for _ in range(10):
            there, not_there = np.log(p) + q @ kernel, np.log(1 - p) + (1 - q) @ kernel
            q = 1 / (1 + np.exp(not_there - there))
    return q.reshape(scores.shape)


def draw(height: int, width: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.random((classes, height, width))
    image = (random.integers(0, 4, (height, width, 3)) * 3 + 100).astype(np.uint8)
    return (scores / scores.sum(0)).astype(np.float16), image


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("size", [(7, 5), (1, 9), (1, 1)])
def test_that_it_is_the_mean_field_of_its_equation(exclusive: bool, size: tuple[int, int]) -> None:
    scores, image = draw(*size, 3)
    found = sharpen(scores, image, exclusive, CPU)
    assert found.dtype == np.float16
    assert np.abs(found - work_out(scores, image, exclusive)).max() < 2e-3


def test_that_the_pieces_in_which_it_is_computed_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, image = draw(12, 11, 2)
    whole = sharpen(scores, image, False, CPU)
    monkeypatch.setattr(crf, "CHUNK", 300)
    assert np.abs(sharpen(scores, image, False, CPU).astype(float) - whole).max() < 2e-3


def draw_disk(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(a disk bool (H, W), its image with a little noise, scores (1, H, W) of it that are blurred by a quarter of its radius)."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:side, :side] - side / 2 + 0.5
    radius = np.hypot(y, x)
    disk = radius < side / 4
    image = np.where(disk[..., None], (200, 60, 30), (20, 30, 40)) + random.integers(-2, 3, (side, side, 3))
    scores = 1 / (1 + np.exp((radius - side / 4 - side / 32) / (side / 16)))
    return disk, image.astype(np.uint8), scores[None].astype(np.float16)


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("side", [32, 96])  # all pixels speak; every second one
def test_that_blurred_scores_come_to_follow_the_images_edge(side: int, exclusive: bool) -> None:
    disk, image, scores = draw_disk(side)
    given = np.concatenate((scores, 1 - scores)) if exclusive else scores
    sharp = sharpen(given, image, exclusive, CPU)[0] > 0.5
    before, after = (scores[0] > 0.5) != disk, sharp != disk
    assert before.sum() > 20
    assert after.sum() < before.sum() / 10


def test_that_fewer_speakers_say_much_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    _, image, scores = draw_disk(48)
    exact = sharpen(scores, image, False, CPU)
    monkeypatch.setattr(crf, "SPEAKERS", 48 * 48 // 4)
    assert np.abs(sharpen(scores, image, False, CPU).astype(float) - exact).mean() < 0.02


# In the predictor --------------------------------------------------------------------------------------------------------


class Unsure(nn.Module):
    """Calls what is red likely, a little."""

    def __init__(self, wants_crf: bool) -> None:
        super().__init__()
        self.crf = wants_crf

    def forward(self, x_B3HW: torch.Tensor) -> torch.Tensor:
        return torch.cat((x_B3HW[:, :1] / 100 - 1, 1 - x_B3HW[:, :1] / 100), dim=1)


def predict(target: str, wants_crf: bool, images: list[np.ndarray]) -> list[np.ndarray]:
    classes = ClassTable((ClassInfo("a", (255, 0, 0), 50), ClassInfo("b", (0, 255, 0), 100)), target == "labels")
    info = CheckpointInfo("some/checkpoint", "unsure", classes, target, 1, 1, 1)
    return Predictor(info, Unsure(wants_crf), Scaling(), CPU).predict(images)


@pytest.mark.parametrize("target", ["planes", "labels"])
def test_that_the_predictor_sharpens_each_image_of_a_network_that_wants_it(target: str) -> None:
    images = [draw_disk(32)[1], draw_disk(24)[1], draw_disk(24)[1][:20]]
    plain = predict(target, False, images)
    sharp = predict(target, True, images)
    for image, before, after in zip(images, plain, sharp, strict=True):
        assert np.array_equal(after, sharpen(before, image, target == "labels", CPU))
        assert np.abs(after.astype(float) - 0.5).mean() > np.abs(before.astype(float) - 0.5).mean()


def test_that_grey_values_are_left_alone() -> None:
    images = [draw_disk(16)[1]]
    assert np.array_equal(*(predict("values", wants, images)[0] for wants in (False, True)))
