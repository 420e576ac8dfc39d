"""Losses agree with their definitions, and pixels that are not known do not count."""

import pytest
import torch
from torch.nn import functional

from segbench.losses import LOSSES, bce, bce_dice, cross_entropy, mse, soft_dice
from segbench.records import IGNORE


def test_that_mse_and_bce_are_torchs_where_every_pixel_is_known() -> None:
    outputs, truth = torch.randn(2, 3, 4, 4), (torch.rand(2, 3, 4, 4) > 0.5).float()
    assert torch.equal(mse(outputs, truth), functional.mse_loss(outputs, truth))
    assert torch.allclose(bce(outputs, truth), functional.binary_cross_entropy_with_logits(outputs, truth))


@pytest.mark.parametrize("name", [k for k in LOSSES if k[0] != "labels"])
def test_that_unknown_pixels_change_nothing(name: tuple[str, str]) -> None:
    outputs, truth = torch.randn(2, 3, 4, 4), (torch.rand(2, 3, 4, 4) > 0.5).float()
    known = torch.ones(2, 4, 4, dtype=torch.bool)
    known[:, 2:] = False
    other = outputs.clone()
    other[:, :, 2:] = 77.0
    assert torch.allclose(LOSSES[name](outputs, truth, known), LOSSES[name](other, truth, known))
    assert torch.allclose(
        LOSSES[name](outputs, truth, known), LOSSES[name](outputs[:, :, :2], truth[:, :, :2], None), atol=1e-6
    )


def test_that_dice_leaves_out_classes_that_are_absent_from_the_batch() -> None:
    truth = torch.zeros(2, 2, 4, 4)
    truth[:, 0, :2] = 1
    perfect = (truth - 0.5) * 40
    assert soft_dice(perfect, truth) < 1e-4
    shouting = perfect.clone()
    shouting[:, 1] = 20  # the absent class everywhere: bce punishes it, dice does not reward silence
    assert soft_dice(shouting, truth) < 1e-4
    assert bce_dice(shouting, truth) > 5
    assert soft_dice(torch.randn(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)) == 0


def test_that_cross_entropy_skips_void_and_survives_a_batch_of_nothing_else() -> None:
    outputs, labels = torch.randn(1, 3, 2, 2), torch.tensor([[[0, 1], [2, IGNORE]]])
    expected = functional.cross_entropy(outputs, labels, ignore_index=IGNORE)
    assert torch.allclose(cross_entropy(outputs, labels), expected)
    assert cross_entropy(outputs, torch.full((1, 2, 2), IGNORE)) == 0
