"""What a network's truth looks like, seen from the truth itself and kept with the weights. For networks that look at their own
outputs as probabilities; a builder knows the classes, not the target."""

from __future__ import annotations

# Shape suffixes: B batch, K classes, H height, W width
import torch
from torch import Tensor, nn


class Taught(nn.Module):
    """A network that sees from the truth it is given how its outputs are to be read, as `targets.Target` reads them.

    labelled: the truth is labels, so outputs are read through a softmax. value_K: the largest number seen in each class's
    plane; above 1 the planes are the lecture's grey values and outputs are such values, else outputs are read through a
    sigmoid. So they are before the first truth was seen.
    """

    labelled: Tensor
    value_K: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("labelled", torch.tensor(False))
        self.register_buffer("value_K", torch.zeros(classes))

    @property
    def is_graded(self) -> Tensor:
        """Whether the truth is grey values: a tensor, so that a network on the meta device can ask as well."""
        return self.value_K.amax() > 1

    def note(self, truth: Tensor) -> None:
        """truth: float (B, K, H, W) planes or values, or int64 (B, H, W) labels."""
        self.labelled.fill_(truth.ndim == 3)
        if truth.ndim == 4:
            self.value_K.copy_(torch.maximum(self.value_K, truth.detach().amax(dim=(0, 2, 3)).to(self.value_K)))

    def find_inside(self, truth: Tensor) -> Tensor:
        """The masks behind a truth, bool (B, K, H, W); a pixel labelled IGNORE is in none."""
        if truth.ndim == 4:
            return truth > 0
        return truth[:, None] == torch.arange(len(self.value_K), device=truth.device)[:, None, None]

    def read(self, outputs_BKHW: Tensor) -> Tensor:
        """Outputs as the probability that a pixel is in each class; of grey values, their share of the class's value."""
        share = (outputs_BKHW / self.value_K.clamp(min=1)[:, None, None]).clamp(0, 1)
        alone = torch.where(self.is_graded, share, outputs_BKHW.sigmoid())
        return torch.where(self.labelled, outputs_BKHW.softmax(dim=1), alone)
