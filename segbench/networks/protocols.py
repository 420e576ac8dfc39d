"""What a network may be beyond nn.Module: fitted without gradients, or the owner of its own training loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@runtime_checkable
class ClosedForm(Protocol):
    """Learns by counting: no parameter has a gradient, no optimizer moves it."""

    def observe(self, x_B3HW: Tensor, truth: Tensor, known: Tensor | None) -> None:
        """Takes one batch into the statistics. truth: float (B, K, H, W) planes, or int64 (B, H, W) labels with IGNORE."""


@runtime_checkable
class OwnLoss(Protocol):
    """Has more outputs while it trains than the scores that it gives."""

    def measure(self, x_B3HW: Tensor, truth: Tensor, known: Tensor | None, loss: Loss) -> tuple[Tensor, Tensor]:
        """(loss, scores (B, K, H, W)) of one batch; `loss` is the one the user chose, for one map of scores at full size."""
