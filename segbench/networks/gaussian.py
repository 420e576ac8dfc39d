"""Slide 3's maximum-likelihood classifier of pixels: a normal distribution of colours for each class, and one for all that is not
that class. Fitted in closed form, in one pass; it has no parameter that a gradient could move."""

from __future__ import annotations

# Shape suffixes: B batch, K classes, S sides (0: in the class, 1: not in it), C colours, H height, W width, N pixels
import math
from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional

from segbench.architectures import GaussianConfig
from segbench.networks.truth import Taught

COLORS = 3


class GaussianClassifier(Taught):
    """float (B, 3, H, W), any H and W -> float (B, K, H, W); 0 everywhere before anything was observed.

    A class and its background each have a mean m and a covariance C of the colours on their pixels (divided by the number of
    pixels, as maximum likelihood has it; + `ridge` on every variance, as flat colours have none). For truth in planes the
    output is ln p(x | class) - ln p(x | not class): above 0, thus above 0.5 behind a sigmoid, exactly where the class is the
    likelier of the two. For labels it is ln p(x | class), so that the largest is the maximum-likelihood class. For the lecture's
    grey values it is the sigmoid of the former times the value. A class without pixels stays at 0; among labels it is never the
    largest. `priors` adds the logarithm of each one's share of the pixels, which makes it maximum a posteriori; the slide has none.

    The slide's discriminant is d = ln |C| + (x - m)' C^-1 (x - m) = -2 ln p + a constant, and it gives a pixel to the foreground
    "if d_f > d_b". That is a slip: the LOWER d is the more likely one, so here it is d_f < d_b.

    The statistics are float64 and stay on the CPU, wherever the network is moved: sums over millions of pixels and inverses of
    nearly singular covariances need the digits, and not every GPU has them. A pixel costs a few hundred operations.
    neighbourhood (ours): colours are averaged over so many pixels a side first.
    """

    count_SK: Tensor
    mean_SKC: Tensor
    scatter_SKCC: Tensor

    def __init__(self, classes: int, *, ridge: float = 1e-2, neighbourhood: int = 1, priors: bool = False) -> None:
        super().__init__(classes)
        self.ridge, self.neighbourhood, self.priors = ridge, neighbourhood, priors
        self.register_buffer("count_SK", torch.zeros(2, classes, dtype=torch.float64))
        self.register_buffer("mean_SKC", torch.zeros(2, classes, COLORS, dtype=torch.float64))
        self.register_buffer("scatter_SKCC", torch.zeros(2, classes, COLORS, COLORS, dtype=torch.float64))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> GaussianClassifier:
        """Stays where it is, as it is: see above."""
        return self

    @torch.no_grad()
    def observe(self, x_B3HW: Tensor, truth: Tensor, known: Tensor | None = None) -> None:
        """Takes one batch into the statistics; see `protocols.ClosedForm`.

        Chan, Golub and LeVeque's (1979) merging of two sets' means and scatters: no large squares are ever subtracted.
        """
        self.note(truth)
        colors_NC = self._find_features(x_B3HW).permute(0, 2, 3, 1).flatten(0, 2)
        inside_BKHW = self.find_inside(truth.to(colors_NC.device))
        counted_BHW = inside_BKHW.any(1) if truth.ndim == 3 else torch.ones_like(inside_BKHW[:, 0])
        if known is not None:
            counted_BHW &= known.to(counted_BHW.device)
        chosen_N = counted_BHW.flatten()
        colors_NC, inside_KN = colors_NC[chosen_N], inside_BKHW.transpose(0, 1).flatten(1)[:, chosen_N]
        for k, inside_N in enumerate(inside_KN):
            for s, side_N in enumerate((inside_N, ~inside_N)):
                self._merge(s, k, colors_NC[side_N])

    def _merge(self, s: int, k: int, colors_NC: Tensor) -> None:
        if not len(colors_NC):
            return
        before, more = self.count_SK[s, k].clone(), len(colors_NC)
        mean_C = colors_NC.mean(0)
        apart_NC, moved_C = colors_NC - mean_C, mean_C - self.mean_SKC[s, k]
        after = before + more
        self.scatter_SKCC[s, k] += apart_NC.T @ apart_NC + moved_C.outer(moved_C) * (before * more / after)
        self.mean_SKC[s, k] += moved_C * (more / after)
        self.count_SK[s, k] = after

    def measure_covariances(self) -> Tensor:
        """float64 (2, K, 3, 3), the ridge included."""
        scatter = self.scatter_SKCC / self.count_SK.clamp(min=1)[..., None, None]
        return scatter + self.ridge * torch.eye(COLORS, dtype=scatter.dtype, device=scatter.device)

    def discriminate(self, x_B3HW: Tensor) -> tuple[Tensor, Tensor]:
        """The slide's d_f and d_b of each class, float64 (B, K, H, W) on the CPU each; the lower one is the more likely."""
        covariances = self.measure_covariances()
        precisions, means = torch.linalg.inv(covariances), self.mean_SKC[..., None]
        # Plain cholesky would look at the numbers, which a network on the meta device has not; the ridge makes it safe
        roots: Tensor = torch.linalg.cholesky_ex(covariances)[0]
        logarithms_SK: Tensor = 2 * roots.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        # Multiplied out, d is a 1 x 1 convolution of the colours and their products: fast, and the table of layers can follow it
        x = self._find_features(x_B3HW)
        linear_SKC = -2 * (precisions @ means)[..., 0]
        squares_SK9 = precisions.flatten(2)
        constant_SK = logarithms_SK + (means.mT @ precisions @ means)[..., 0, 0]
        products = [x[:, i : i + 1] * x for i in range(COLORS)]
        weight = torch.cat((linear_SKC, squares_SK9), dim=2).flatten(0, 1)[..., None, None]
        both = functional.conv2d(torch.cat((x, *products), dim=1), weight, constant_SK.flatten())
        foreground, background = both.chunk(2, dim=1)
        return foreground, background

    def forward(self, x_B3HW: Tensor) -> Tensor:
        inside, outside = (-d / 2 for d in self.discriminate(x_B3HW))
        if self.priors:
            shares_SK = self.count_SK.clamp(min=1) / self.count_SK.sum(0).clamp(min=1)
            inside, outside = (
                side + share_K.log()[:, None, None] for side, share_K in zip((inside, outside), shares_SK, strict=True)
            )
        seen_SK = (self.count_SK > 0)[..., None, None]
        both_seen = seen_SK.all(0)
        ratio = torch.where(both_seen, (inside - outside).to(x_B3HW.dtype), 0.0)
        graded = torch.where(both_seen, ratio.sigmoid(), 0.0) * self.value_K[:, None, None]
        ranked = self._rank(inside.to(x_B3HW.dtype), seen_SK[0])
        outputs = torch.where(self.labelled, ranked, torch.where(self.is_graded, graded, ratio))
        return outputs.to(x_B3HW.device)

    def _rank(self, inside: Tensor, seen_K11: Tensor) -> Tensor:
        """ln p(x | class) from -d / 2, and for classes without pixels less than the lowest of the others'."""
        logs = inside - COLORS / 2 * math.log(2 * math.pi)
        lowest = reduce(torch.minimum, torch.where(seen_K11, logs, math.inf).chunk(len(seen_K11), dim=1))
        return torch.where(seen_K11, logs, torch.where(seen_K11.any(), 2 * lowest.clamp(max=-1), 0.0))

    def _find_features(self, x_B3HW: Tensor) -> Tensor:
        """float64 (B, 3, H, W) beside the statistics."""
        x = x_B3HW.to(self.mean_SKC.device).double()  # in this order: Apple's GPUs have no float64
        if self.neighbourhood == 1:
            return x
        return functional.avg_pool2d(x, self.neighbourhood, 1, self.neighbourhood // 2, count_include_pad=False)


def build_gaussian(config: GaussianConfig, classes: int) -> GaussianClassifier:
    """A classifier that has observed nothing."""
    return GaussianClassifier(classes, ridge=config.ridge, neighbourhood=config.neighbourhood, priors=config.priors)
