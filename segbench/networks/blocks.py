"""Building blocks that networks share: padding to the sizes a network can halve, and splicing channels."""

from __future__ import annotations

# Shape suffixes: B batch, C channels, H height, W width
import torch
from torch import Tensor
from torch.nn import functional


def pad_to_multiple(x_BCHW: Tensor, multiple: int) -> Tensor:
    """Repeats the last row and column until height and width are multiples of `multiple`, two at least; sizes that are pass through.

    Of one pixel a channel at the bottom, a batch norm could not learn from a single image.
    """
    height, width = x_BCHW.shape[-2:]
    below, right = (max(2 * multiple, -(-side // multiple) * multiple) - side for side in (height, width))
    return functional.pad(x_BCHW, (0, right, 0, below), mode="replicate") if below or right else x_BCHW


def splice(saved_BCHW: Tensor, x_BCHW: Tensor) -> Tensor:
    """`x` with its first channels replaced by `saved` (a copy: writing in place would break the backward pass)."""
    return torch.cat((saved_BCHW, x_BCHW[:, saved_BCHW.shape[1] :]), dim=1)
