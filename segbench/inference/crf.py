"""The fully connected CRF of DeepLab v2 (section 3.5): scores made sharp along the image's edges, by mean field.

Every pixel tells every other what it is, the louder the nearer it is and the more alike in colour. Released implementations
approximate this sum over all pairs on a lattice; here it is computed as it stands, as two matrices between pixels. The one of
nearness is a row's matrix times a column's, exact and cheap at any size. That of nearness and colour takes pixels times SPEAKERS
numbers an iteration. So it is exact up to 64 x 64 pixels (a tenth of a second on one CPU core); of a larger image only every
second, third ... pixel of each row and column speaks, while all of them listen: 480 x 360 pixels take five seconds.
"""

from __future__ import annotations

# Shape suffixes: H height, W width, K classes, N pixels that listen, M pixels that speak, F features
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ITERATIONS = 10
SPEAKERS = 4096  # pixels at most that all others listen to
CHUNK = 2**18  # entries of a matrix made at once: 1 MB, which stays in a CPU's cache

# The values released with DeepLab v2 on ResNet-101, for images of 513 pixels
NEAR_WEIGHT, NEAR_REACH = 3.0, 1.0  # w2, sigma gamma in pixels
ALIKE_WEIGHT, ALIKE_COLOR = 4.0, 3.0  # w1, sigma beta in steps of 0..255
ALIKE_REACH = 67 / 513  # sigma alpha, in longer sides of the image: 67 pixels of 513, 8 of 64

QUIETEST = -40.0  # the least exponent, e^-40: with numbers near zero a CPU takes many times as long
FLOOR = 1e-5  # no score is surer than this: none could be moved any more


def sharpen(
    scores_KHW: NDArray[np.floating], image_HW3: NDArray[np.uint8], exclusive: bool, device: torch.device
) -> NDArray[np.float16]:
    """Probabilities float16 (K, H, W) after mean field, from probabilities and the image that they are of.

    exclusive: one field whose labels are the classes (softmax scores). Else a field a class, there or not there (sigmoid scores).
    """
    p_KHW = torch.from_numpy(scores_KHW.astype(np.float32)).to(device).clamp(FLOOR, 1 - FLOOR)
    field = _Field(torch.from_numpy(image_HW3.astype(np.float32)).to(device))
    own_KHW = p_KHW.log() if exclusive else p_KHW.logit()
    q_KHW = p_KHW / p_KHW.sum(dim=0) if exclusive else p_KHW
    for _ in range(ITERATIONS):
        if exclusive:
            q_KHW = (own_KHW + field.hear(q_KHW)).softmax(dim=0)
        else:  # of two labels, what speaks for the one less what speaks for the other
            q_KHW = (own_KHW + field.hear(2 * q_KHW - 1)).sigmoid()
    sharp: NDArray[np.float16] = q_KHW.half().cpu().numpy()
    return sharp


class _Field:
    """Who listens to whom in an image, and how much.

    Each matrix is normalised from both sides by the roots of its row sums and keeps its diagonal, as in Krähenbühl and Koltun's
    code; the weights above are for that, though the paper's equation shows neither.
    """

    def __init__(self, image_HW3: Tensor) -> None:
        height, width = image_HW3.shape[:2]
        self._near = [_normalise(_reach(side, image_HW3.device)) for side in (height, width)]
        rows, columns = (torch.arange(side, device=image_HW3.device) for side in (height, width))
        places_HW2 = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=2)
        colors_HW3 = (image_HW3 - image_HW3.mean(dim=(0, 1))) / ALIKE_COLOR
        features_HWF = torch.cat((places_HW2 / (ALIKE_REACH * max(height, width)), colors_HW3), dim=2)
        self._step = 1
        while -(-height // self._step) * -(-width // self._step) > SPEAKERS:
            self._step += 1
        features_NF = features_HWF.flatten(0, 1)
        half_N1 = features_NF.square().sum(dim=1, keepdim=True) / 2
        # The product of two of these is minus half the squared distance of a pair
        self._listeners_NF = torch.cat((features_NF, half_N1, torch.ones_like(half_N1)), dim=1)
        speakers_NF = torch.cat((features_NF, -torch.ones_like(half_N1), -half_N1), dim=1)
        self._speakers_MF = self._pick(speakers_NF.T.reshape(-1, height, width)).T
        sums_N = self._listen(torch.ones(1, len(self._speakers_MF), device=image_HW3.device))
        self._norm_HW = (sums_N + 1e-20).rsqrt().view(height, width)

    def hear(self, q_KHW: Tensor) -> Tensor:
        """What each pixel hears of each class, float (K, H, W)."""
        near_KHW = self._near[0] @ q_KHW @ self._near[1]
        alike_KN = self._listen(self._pick(self._norm_HW * q_KHW))
        return NEAR_WEIGHT * near_KHW + ALIKE_WEIGHT * self._norm_HW * alike_KN.view_as(q_KHW)

    def _pick(self, x_KHW: Tensor) -> Tensor:
        """Of the pixels that speak, (K, M)."""
        return x_KHW[:, :: self._step, :: self._step].flatten(1)

    def _listen(self, said_KM: Tensor) -> Tensor:
        """(K, M) -> (K, N) by the matrix of nearness and colour, which is made anew each time, some listeners after the others."""
        heard = []
        for part_nF in torch.split(self._listeners_NF, max(1, CHUNK // len(self._speakers_MF))):
            heard.append(said_KM @ (self._speakers_MF @ part_nF.T).clamp_(QUIETEST, 0).exp_())
        return torch.cat(heard, dim=1)


def _reach(side: int, device: torch.device) -> Tensor:
    """How well two places on an axis hear each other, (side, side)."""
    places = torch.arange(side, device=device)
    return (((places[:, None] - places) / NEAR_REACH).square() / -2).clamp_(min=QUIETEST).exp_()


def _normalise(kernel: Tensor) -> Tensor:
    roots = kernel.sum(dim=1).rsqrt()
    return roots[:, None] * kernel * roots
