"""Sizes and places of convolutions and transpose convolutions: which input pixel meets which kernel tap at which output pixel.

Integers only. The conventions are PyTorch's: nn.Conv2d and nn.ConvTranspose2d, cross-correlation, floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from segbench.errors import SegbenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pair = tuple[int, int]  # (rows, columns), or an (input, tap) pair


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an operation. size: input pixels. All counts in pixels; `transposed` tells which of the two it is.

    For a transpose convolution PyTorch's parameters are those of the convolution whose transpose it is.
    """

    size: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    output_padding: int = 0
    transposed: bool = False

    @property
    def span(self) -> int:
        """Pixels from the first tap to the last: d (k - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def border(self) -> int:
        """Zeros put around the input on both sides: p, or N = d (k - 1) - p for a transpose convolution (slide 51).

        N below 0 means that as many pixels are cut off instead.
        """
        return self.span - 1 - self.padding if self.transposed else self.padding

    @property
    def spread(self) -> int:
        """The input with stride - 1 zeros between pixels (transpose convolution), else the input."""
        return (self.size - 1) * self.stride + 1 if self.transposed else self.size

    @property
    def stuffed(self) -> int:
        """What the kernel really sweeps over: spread, bordered, and output_padding zeros more at the end."""
        return self.spread + 2 * self.border + (self.output_padding if self.transposed else 0)

    @property
    def step(self) -> int:
        """How far the kernel moves over the stuffed input: a transpose convolution always moves by one."""
        return 1 if self.transposed else self.stride

    @property
    def output(self) -> int:
        """Output pixels; 0 or less where the kernel does not fit (PyTorch's documentation of Conv2d and ConvTranspose2d)."""
        return (self.stuffed - self.span) // self.step + 1

    @property
    def unread(self) -> int:
        """Pixels at the end of the padded input that no place of the kernel covers."""
        return max(0, (self.stuffed - self.span) % self.step) if self.output > 0 else 0

    def find_sources(self, output: int) -> list[Pair]:
        """(input pixel, tap) pairs that reach this output pixel, by tap."""
        found = []
        for tap in range(self.kernel):
            if self.transposed:
                place, rest = divmod(output + self.padding - self.dilation * tap, self.stride)
            else:
                place, rest = output * self.stride - self.padding + self.dilation * tap, 0
            if rest == 0 and 0 <= place < self.size:
                found.append((place, tap))
        return found

    def find_targets(self, place: int) -> list[Pair]:
        """(output pixel, tap) pairs that this input pixel reaches, by tap: its footprint."""
        found = []
        for tap in range(self.kernel):
            if self.transposed:
                output, rest = place * self.stride - self.padding + self.dilation * tap, 0
            else:
                output, rest = divmod(place + self.padding - self.dilation * tap, self.stride)
            if rest == 0 and 0 <= output < self.output:
                found.append((output, tap))
        return found

    def check(self, name: str = "") -> None:
        """Raises SegbenchError, with the number to change, where PyTorch would refuse or return nothing."""
        axis = f" along the {name}" if name else ""
        for value, least, what in (
            (self.size, 1, "input size"),
            (self.kernel, 1, "kernel size"),
            (self.stride, 1, "stride"),
            (self.dilation, 1, "dilation"),
            (self.padding, 0, "padding"),
            (self.output_padding, 0, "output padding"),
        ):
            if value < least:
                raise SegbenchError(f"The {what}{axis} is {value}.", f"Choose {least} or more.")
        if self.output_padding and not self.transposed:
            raise SegbenchError(
                "A convolution has no output padding.", "Set output padding to 0, or choose a transpose convolution."
            )
        if self.output_padding >= max(self.stride, self.dilation):
            raise SegbenchError(
                f"Output padding {self.output_padding} is not smaller than stride {self.stride} or dilation {self.dilation}.",
                f"Set output padding to {max(self.stride, self.dilation) - 1} or less: it only chooses between the sizes "
                "that the stride leaves open.",
            )
        if self.output < 1:
            raise SegbenchError(*self._explain_misfit(axis))

    def _explain_misfit(self, axis: str) -> tuple[str, str]:
        dilated = f" dilated to {self.span}" if self.span != self.kernel else ""
        what = (
            f"A kernel of {self.kernel}{dilated} does not fit into the padded input of {max(self.stuffed, 0)}{axis}: "
            f"the output would have {self.output} pixels."
        )
        if not self.transposed:
            least = -(-(self.span - self.size) // 2)
            return what, f"Set padding to {least} or more, or make the input larger."
        most = (self.spread + self.span + self.output_padding - 2) // 2
        hint = f"Set padding to {most} or less (here it takes pixels away), or make the input larger."
        if self.output == 0:
            hint += " PyTorch 2.13 on the CPU gives an empty tensor instead of an error."
        return what, hint


@dataclass(frozen=True, slots=True)
class Geometry:
    """An operation over two axes."""

    rows: Axis
    columns: Axis

    @property
    def transposed(self) -> bool:
        return self.rows.transposed

    @property
    def size(self) -> Pair:
        """Height and width of the input."""
        return self.rows.size, self.columns.size

    @property
    def kernel(self) -> Pair:
        return self.rows.kernel, self.columns.kernel

    @property
    def stuffed(self) -> Pair:
        return self.rows.stuffed, self.columns.stuffed

    @property
    def output(self) -> Pair:
        """Height and width of the output; only meaningful where `check` finds nothing."""
        return self.rows.output, self.columns.output

    @property
    def is_square(self) -> bool:
        """Both axes have the same knobs (the sizes may differ)."""
        return replace(self.rows, size=1) == replace(self.columns, size=1)

    def resize(self, height: int, width: int) -> Geometry:
        return Geometry(replace(self.rows, size=height), replace(self.columns, size=width))

    def check(self) -> None:
        """Raises SegbenchError where there is no output, with the number to change."""
        if self.rows == self.columns:
            self.rows.check()
        else:
            self.rows.check("height")
            self.columns.check("width")

    def count_inputs(self) -> NDArray[np.int64]:
        """How many input values reach each output pixel, int64 (output height, output width): the coverage."""
        import numpy as np

        rows, columns = (
            np.array([len(axis.find_sources(o)) for o in range(max(axis.output, 0))], np.int64)
            for axis in (self.rows, self.columns)
        )
        return np.multiply.outer(rows, columns)

    def count_outputs(self) -> NDArray[np.int64]:
        """How many output pixels hear of each input pixel, int64 (height, width): 0 where a convolution never reads."""
        import numpy as np

        rows, columns = (
            np.array([len(axis.find_targets(i)) for i in range(axis.size)], np.int64)
            for axis in (self.rows, self.columns)
        )
        return np.multiply.outer(rows, columns)


def build_geometry(
    size: int | Pair,
    kernel: int | Pair,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    output_padding: int | Pair = 0,
    *,
    transposed: bool = False,
) -> Geometry:
    """A geometry from numbers that hold for both axes, or pairs (rows, columns). Checks nothing: call `check`."""

    def pick(knob: int | Pair, axis: int) -> int:
        return knob[axis] if isinstance(knob, tuple) else knob

    rows, columns = (
        Axis(
            pick(size, axis),
            pick(kernel, axis),
            pick(stride, axis),
            pick(padding, axis),
            pick(dilation, axis),
            pick(output_padding, axis),
            transposed,
        )
        for axis in (0, 1)
    )
    return Geometry(rows, columns)
