"""How far each pixel of a network's tensors sees: the first and last input row and column that can reach it, traced operation by
operation in a pass on the meta device, where tensors have sizes and no numbers."""

from __future__ import annotations

# Shape suffixes: C channels (or 1, where all are alike), N positions along an axis, T taps
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from segbench.convolution.geometry import Axis

Indices = NDArray[np.int64]  # positions in an input; NOTHING where there is none
NOTHING = -1
FAR = 2**30  # the first input row of a position that nothing reaches; its last is NOTHING


@dataclass(frozen=True, eq=False, slots=True)
class Extent:
    """One axis: the first and the last input row (or column) that can reach a channel at a position, int64 (C, N) each.

    Of nothing, the first is FAR and the last NOTHING. Rows that cannot reach it may lie between.
    """

    first_CN: Indices
    last_CN: Indices

    @property
    def longest(self) -> int:
        """From first to last, in input pixels, where it is longest."""
        return max(0, int((self.last_CN - self.first_CN + 1).max(initial=0)))

    def change(self, first: Callable[[Indices], Indices], last: Callable[[Indices], Indices] | None = None) -> Extent:
        return Extent(first(self.first_CN), (last or first)(self.last_CN))

    def unite(self, other: Extent) -> Extent:
        return Extent(np.minimum(self.first_CN, other.first_CN), np.maximum(self.last_CN, other.last_CN))

    def take(self, sources_TN: Indices) -> Extent:
        """What positions hear of that look at these positions of this one; NOTHING among them is no position."""
        first_CN, last_CN = (
            np.pad(end_CN, ((0, 0), (0, 1)), constant_values=nothing)
            for end_CN, nothing in ((self.first_CN, FAR), (self.last_CN, NOTHING))
        )
        return Extent(first_CN[:, sources_TN].min(1), last_CN[:, sources_TN].max(1))


@dataclass(frozen=True, eq=False, slots=True)
class Reach:
    """What the pixels of a (1, C, H, W) tensor hear of, an axis each: a row has what any pixel of it has."""

    rows: Extent
    columns: Extent

    @property
    def field(self) -> tuple[int, int]:
        """The largest receptive field of its pixels: rows, columns."""
        return self.rows.longest, self.columns.longest

    def unite(self, other: Reach) -> Reach:
        return Reach(self.rows.unite(other.rows), self.columns.unite(other.columns))

    def take(self, rows_TN: Indices, columns_TN: Indices) -> Reach:
        return Reach(self.rows.take(rows_TN), self.columns.take(columns_TN))

    def cut(self, dim: int, chosen: slice) -> Reach:
        """A part of the channels (dim 1), rows (2) or columns (3)."""
        rows, columns = self.rows, self.columns
        if dim == 1:
            rows, columns = (e if len(e.first_CN) == 1 else e.change(lambda end: end[chosen]) for e in (rows, columns))
        if dim == 2:
            rows = rows.change(lambda end: end[:, chosen])
        if dim == 3:
            columns = columns.change(lambda end: end[:, chosen])
        return Reach(rows, columns)

    def spread(self, tensor: Tensor) -> Reach:
        """With every channel of the tensor written out."""
        channels, height, width = tensor.shape[1:]
        return Reach(
            self.rows.change(lambda end: np.broadcast_to(end, (channels, height))),
            self.columns.change(lambda end: np.broadcast_to(end, (channels, width))),
        )

    def merge(self, channels: int, groups: int, outputs: int) -> Reach:
        """`outputs` channels that hear of all of their group's channels."""

        def merge(extent: Extent) -> Extent:
            if len(extent.first_CN) == 1:
                return extent
            shape, repeats = (groups, channels // groups, -1), outputs // groups if groups > 1 else 1
            return extent.change(
                lambda end: end.reshape(shape).min(1).repeat(repeats, 0),
                lambda end: end.reshape(shape).max(1).repeat(repeats, 0),
            )

        return Reach(merge(self.rows), merge(self.columns))

    def fits(self, tensor: Tensor) -> bool:
        if tensor.dim() != 4:
            return False
        _, channels, height, width = tensor.shape
        return all(
            extent.first_CN.shape in ((1, length), (channels, length))
            for extent, length in ((self.rows, height), (self.columns, width))
        )


def find_sources(axis: Axis, outputs: int) -> Indices:
    """`Axis.find_sources` for the first `outputs` output pixels at once: input pixels or NOTHING, int64 (taps, outputs)."""
    o_N, tap_T1 = np.arange(outputs), np.arange(axis.kernel)[:, None]
    if axis.transposed:
        places, rest = np.divmod(o_N + axis.padding - axis.dilation * tap_T1, axis.stride)
    else:
        places = o_N * axis.stride - axis.padding + axis.dilation * tap_T1
        rest = np.zeros_like(places)
    return np.where((rest == 0) & (places >= 0) & (places < axis.size), places, NOTHING)


class ReachTracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While inside, follows a marked meta tensor through every ATen operation; `find` tells what a tensor's pixels hear of.

    Norms count as usual: they mix no pixels, whatever they compute their statistics from. Where the whole image is
    pooled, or an operation is not known to keep pixels in their places, the answer is None from there on, never a wrong number.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._found: dict[int, Reach | None] = {}  # by id
        self._seen: dict[int, dict[int, Tensor]] = {}  # by storage, by id: kept alive, so that no id is used again
        self._spoiled: set[int] = set()  # storages that were written to through one of several tensors

    def mark(self, x_1CHW: Tensor) -> None:
        """The tensor whose rows and columns are counted."""
        self._remember(x_1CHW)
        rows, columns = (np.arange(length)[None] for length in x_1CHW.shape[2:])
        self._found[id(x_1CHW)] = Reach(Extent(rows, rows), Extent(columns, columns))

    def find(self, x: Tensor) -> Reach | None:
        """None: the whole image, or not known."""
        if _find_storage(x) in self._spoiled:
            return None
        return self._found[id(x)] if id(x) in self._found else _hear_nothing(x)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        declared = func._schema.arguments
        given = {a.name: a.default_value for a in declared if a.has_default_value()}
        given |= dict(zip((a.name for a in declared), args, strict=False)) | (kwargs or {})
        result = func(*args, **(kwargs or {}))
        inputs, outputs = list(_list_tensors(given.values())), list(_list_tensors([result]))
        for tensor in (*inputs, *outputs):
            self._remember(tensor)
        if any(self._is_traced(tensor) for tensor in inputs):
            written = list(_list_tensors(given[a.name] for a in declared if a.alias_info and a.alias_info.is_write))
            outputs = outputs or written
            reaches = self._follow(func, given, outputs) if outputs else []
            for number, tensor in enumerate(outputs):
                reach = reaches[number] if number < len(reaches) else None
                self._note(tensor, reach if reach and reach.fits(tensor) else None, any(tensor is w for w in written))
        return result

    def _follow(self, func: Any, given: dict[str, Any], outputs: list[Tensor]) -> list[Reach | None]:
        """What the outputs of an operation hear of, in their order; those left out at the end: not known."""
        name = func._schema.name.removeprefix("aten::")
        if name in _FACTORIES:
            return [_hear_nothing(tensor) for tensor in outputs]
        if torch.Tag.pointwise in func.tags:
            return [self._unite(_list_tensors(given.values()))]
        if name == "cat":
            return [self._join(given["tensors"], given["dim"] % 4)]
        main = given["src" if name == "copy_" else func._schema.arguments[0].name]
        others = [t for t in _list_tensors(given.values()) if t is not main and name != "copy_"]
        if not isinstance(main, Tensor) or any(self._is_traced(tensor) for tensor in others):
            return []
        reach, rule = self.find(main), _RULES.get(name)
        return rule(reach, given, outputs) if reach and rule else []

    def _unite(self, tensors: Iterable[Tensor]) -> Reach | None:
        """Pixel by pixel: each hears of whatever its operands hear of; sizes of one are broadcast."""
        united: Reach | None = None
        for tensor in tensors:
            if self._is_traced(tensor):
                reach = self.find(tensor)
                if reach is None:
                    return None
                united = united.unite(reach) if united else reach
        return united

    def _join(self, tensors: Sequence[Tensor], dim: int) -> Reach | None:
        reaches = []
        for tensor in tensors:
            reach = self.find(tensor)
            if reach is None:
                return None
            reaches.append(reach.spread(tensor))
        if dim == 0:
            return reduce(Reach.unite, reaches)
        rows, columns = [reach.rows for reach in reaches], [reach.columns for reach in reaches]
        return Reach(
            _concatenate(rows, dim) if dim in (1, 2) else reduce(Extent.unite, rows),
            _concatenate(columns, dim) if dim in (1, 3) else reduce(Extent.unite, columns),
        )

    def _note(self, tensor: Tensor, reach: Reach | None, written: bool) -> None:
        """Other tensors may share the storage of one that was written to; which of their pixels were hit is not worked out."""
        shared = len(self._seen[_find_storage(tensor)]) > 1
        unchanged = reach is not None and self._is_traced(tensor) and self.find(tensor) is reach
        if written and shared and not unchanged:
            self._spoiled.add(_find_storage(tensor))
        self._found[id(tensor)] = reach

    def _is_traced(self, tensor: Tensor) -> bool:
        return id(tensor) in self._found or _find_storage(tensor) in self._spoiled

    def _remember(self, tensor: Tensor) -> None:
        self._seen.setdefault(_find_storage(tensor), {})[id(tensor)] = tensor


def _find_storage(tensor: Tensor) -> int:
    address: int = tensor.untyped_storage()._cdata
    return address


def _list_tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _list_tensors(value)


def _hear_nothing(tensor: Tensor) -> Reach | None:
    if tensor.dim() != 4:
        return None
    rows, columns = (Extent(np.full((1, n), FAR), np.full((1, n), NOTHING)) for n in tensor.shape[2:])
    return Reach(rows, columns)


def _concatenate(extents: Sequence[Extent], dim: int) -> Extent:
    along = 0 if dim == 1 else 1
    return Extent(*(np.concatenate([getattr(e, end) for e in extents], along) for end in ("first_CN", "last_CN")))


# The operations --------------------------------------------------------------------------------------------------------
# Each rule: what its input hears of, its arguments by ATen's names, its output tensors -> what these hear of


def _keep(reach: Reach, given: dict[str, Any], outputs: list[Tensor]) -> list[Reach | None]:
    return [reach]


def _convolve(reach: Reach, given: dict[str, Any], outputs: list[Tensor]) -> list[Reach | None]:
    size, kernel = given["input"].shape, given["weight"].shape[2:]
    if len(kernel) != 2:
        return []
    merged = reach.merge(size[1], given["groups"], outputs[0].shape[1])
    knobs = (kernel, given["stride"], given["padding"], given["dilation"])
    return [_slide(merged, size, knobs, outputs[0], given["transposed"])]


def _pool(reach: Reach, given: dict[str, Any], outputs: list[Tensor]) -> list[Reach | None]:
    """Windows that reach beyond the padded map (ceil_mode) are cut there."""
    stride = given["stride"] or given["kernel_size"]
    knobs = (given["kernel_size"], stride, given["padding"], given.get("dilation", 1))
    return [_slide(reach, given["self"].shape, knobs, outputs[0])]


def _slide(
    reach: Reach, size: torch.Size, knobs: Sequence[int | Sequence[int]], output: Tensor, transposed: bool = False
) -> Reach:
    """A window moves over both axes. knobs: as Axis has them behind its size, a number or a list each; lists of one hold for both."""
    sources = []
    for k in (0, 1):
        numbers = [[knob] if isinstance(knob, int) else knob for knob in knobs]
        kernel, stride, padding, dilation = (n[k if len(n) > 1 else 0] for n in numbers)
        axis = Axis(size[2 + k], kernel, stride, padding, dilation, transposed=transposed)
        sources.append(find_sources(axis, output.shape[2 + k]))
    return reach.take(*sources)


def _pad(reach: Reach, given: dict[str, Any], outputs: list[Tensor], mode: str = "") -> list[Reach | None]:
    """Pads count from the last axis; negative ones crop."""
    pad = [*given["pad" if "pad" in given else "padding"], 0, 0][:4]
    sources = []
    for k, (before, _) in enumerate((pad[2:], pad[:2])):
        size, places = given["self"].shape[2 + k], np.arange(outputs[0].shape[2 + k]) - before
        if mode == "edge":
            places = places.clip(0, size - 1)
        elif mode == "reflect":
            places = size - 1 - abs(size - 1 - abs(places))
        sources.append(np.where((places >= 0) & (places < size), places, NOTHING)[None])
    return [reach.take(*sources)]


def _resize_nearest(reach: Reach, given: dict[str, Any], outputs: list[Tensor], shift: float = 0) -> list[Reach | None]:
    """As ATen's UpSample.h: floor((o + shift) scale), in float32."""
    sources = []
    for k, scales in enumerate(("scales_h", "scales_w")):
        size, count = given["self"].shape[2 + k], outputs[0].shape[2 + k]
        scale = np.float32(1 / given[scales] if given[scales] else size / count)
        places = ((np.arange(count, dtype=np.float32) + np.float32(shift)) * scale).astype(np.int64)
        sources.append(places.clip(0, size - 1)[None])
    return [reach.take(*sources)]


def _resize_bilinear(reach: Reach, given: dict[str, Any], outputs: list[Tensor]) -> list[Reach | None]:
    """The two neighbours of the place that an output pixel comes from, the second only where it has weight."""
    sources = []
    for k, scales in enumerate(("scales_h", "scales_w")):
        size, count = given["self"].shape[2 + k], outputs[0].shape[2 + k]
        o_N = np.arange(count)
        if given["align_corners"]:
            places = o_N * ((size - 1) / (count - 1) if count > 1 else 0.0)
        else:
            places = ((o_N + 0.5) * (1 / given[scales] if given[scales] else size / count) - 0.5).clip(0)
        low = (places + 1e-6).astype(np.int64).clip(0, size - 1)
        sources.append(np.stack((low, np.where(places - low > 1e-6, (low + 1).clip(0, size - 1), low))))
    return [reach.take(*sources)]


def _slice(reach: Reach, given: dict[str, Any], outputs: list[Tensor]) -> list[Reach | None]:
    chosen, dim = slice(given["start"], given["end"], given["step"]), given["dim"] % 4
    return [reach.cut(dim, chosen)]


def _split(reach: Reach, given: dict[str, Any], outputs: list[Tensor]) -> list[Reach | None]:
    dim, start = given["dim"] % 4, 0
    parts: list[Reach | None] = []
    for output in outputs:
        parts.append(reach.cut(dim, slice(start, start + output.shape[dim])))
        start += output.shape[dim]
    return parts


_FACTORIES = frozenset(
    f"{how}{what}" for how in ("new_", "") for what in ("empty", "zeros", "ones", "full", "rand", "randn")
) | {f"{what}_like" for what in ("empty", "zeros", "ones", "full", "rand", "randn")} | {"new_empty_strided"}  # fmt: skip
_KEEPING = (  # one pixel to itself, without the tag that says so; views: where the shape stays
    "alias", "clone", "contiguous", "copy_", "detach", "expand", "hardswish", "hardswish_", "lift_fresh", "native_dropout",
    "_prelu_kernel", "_reshape_alias", "_to_copy", "_unsafe_view", "view",
    "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "native_group_norm",
)  # fmt: skip
_RULES: dict[str, Callable[[Reach, dict[str, Any], list[Tensor]], list[Reach | None]]] = {
    **dict.fromkeys(_KEEPING, _keep),
    "convolution": _convolve,
    "max_pool2d_with_indices": _pool,
    "avg_pool2d": _pool,
    "constant_pad_nd": _pad,
    "replication_pad2d": partial(_pad, mode="edge"),
    "reflection_pad2d": partial(_pad, mode="reflect"),
    "upsample_nearest2d": _resize_nearest,
    "_upsample_nearest_exact2d": partial(_resize_nearest, shift=0.5),
    "upsample_bilinear2d": _resize_bilinear,
    "slice": _slice,
    "split": _split,
    "split_with_sizes": _split,
}
