"""Who owns the loss: which share of it each class has, looked at so seldom that it costs next to nothing."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from segbench.losses import LossFunction

SECONDS = 0.5  # between two looks, at least
COST = 0.02  # looks never take more than this share of the time
MEMORY = 0.9  # what a look counts for at the next one: a batch may well lack a class that the next one has


class LossShares:
    """A running mean over the batches that were looked at. A continued run begins a new one."""

    def __init__(self) -> None:
        self._next = 0.0  # on the clock
        self._parts_K: Tensor | None = None  # what each class added to the losses, recent ones more
        self._fresh = False

    def due(self) -> bool:
        return time.perf_counter() >= self._next

    def look(self, loss: LossFunction, outputs: Tensor, truth: Tensor, known: Tensor | None) -> None:
        """Takes in a batch that has gone through the network; a loss that is no number is passed over."""
        began = time.perf_counter()
        parts = loss.split(outputs.detach(), truth, known)
        if bool(torch.isfinite(parts).all()):
            self._parts_K = parts if self._parts_K is None else MEMORY * self._parts_K + parts
            self._fresh = True
        ended = time.perf_counter()
        self._next = ended + max(SECONDS, (ended - began) / COST)

    def take(self) -> tuple[float, ...] | None:
        """The shares, which sum to 1, if there was a look since they were taken last; None for a loss of 0."""
        if not self._fresh or self._parts_K is None:
            return None
        self._fresh = False
        total = self._parts_K.sum()
        return tuple((self._parts_K / total).tolist()) if total > 0 else None
