"""The lecture's size formulas with the numbers put in: text both for the window and for the command line."""

from __future__ import annotations

from typing import NamedTuple

from segbench.convolution.geometry import Axis


class Formula(NamedTuple):
    """name: what is computed and where it stands; general: letters; numbers: the same with numbers, and the result."""

    name: str
    general: str
    numbers: str


def write_formulas(axis: Axis, letter: str = "H") -> tuple[Formula, ...]:
    """Those that hold for this axis: the simplest of the lecture that does, and the general one. letter: H or W."""
    n, k, s, p, d, o = axis.size, axis.kernel, axis.stride, axis.padding, axis.dilation, axis.output_padding
    out, result = f"{letter}_out", axis.output
    if not axis.transposed:
        general = Formula(
            "Size of the output (nn.Conv2d)",
            f"{out} = ⌊({letter}_in + 2p − d(k − 1) − 1) / s⌋ + 1",
            f"⌊({n} + 2·{p} − {d}·({k} − 1) − 1) / {s}⌋ + 1 = {write_whole(result)}",
        )
        return (general,)
    border = Formula(
        "Zeros on both sides (slide 51)", "N = d(k − 1) − p", f"{d}·({k} − 1) − {p} = {write_whole(axis.border)}"
    )
    if d == 1 and o == 0:
        if p == 0:
            simple = Formula(
                "Size, no padding (slide 56)",
                f"{out} = ({letter}_in − 1)s + k",
                f"({n} − 1)·{s} + {k} = {write_whole(result)}",
            )
        else:
            simple = Formula(
                "Size, stride and padding (slide 60)",
                f"{out} = ({letter}_in − 1)s + k − 2p",
                f"({n} − 1)·{s} + {k} − 2·{p} = {write_whole(result)}",
            )
        return border, simple
    general = Formula(
        "Size of the output (nn.ConvTranspose2d)",
        f"{out} = ({letter}_in − 1)s − 2p + d(k − 1) + o + 1",
        f"({n} − 1)·{s} − 2·{p} + {d}·({k} − 1) + {o} + 1 = {write_whole(result)}",
    )
    return border, general


def write_whole(number: int) -> str:
    """A whole number with a true minus."""
    return str(number).replace("-", "−")
