"""The matrix page in words: the formula, what to see in the matrix, what the pointed row or column is, and its sum. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segbench.convolution.geometry import Pair
from segbench.gui.panels.convolution.matrix_scene import Scene, Side, count_places
from segbench.gui.panels.convolution.operation_picture import write_number, write_size

MOST_LISTED = 6  # pixels named one by one in a sentence
MOST_TERMS, LONGEST_SUM = 9, 70  # products written out, and their characters


def write_formula(scene: Scene) -> str:
    if scene.lab.layout == "kernel":
        return f"{scene.product.name} = k · patches of {scene.source.name}"
    return f"{scene.product.name} = {'C' if scene.down else 'Cᵀ'} {scene.source.name}"


def describe_matrix(scene: Scene, used: int, cells: int, kept: NDArray[np.bool_] | None) -> str:
    lines, coarse = ("rows", scene.product) if scene.down else ("columns", scene.source)
    if kept is not None:
        left_out, places = int(np.count_nonzero(~kept)), len(kept)
        zeros = f"{scene.product.name} is dropped there" if scene.down else f"{scene.source.name} has zeros there"
        text = f"Slide 41: the stride leaves out {left_out:,} of the {places:,} places of the kernel: their {lines} are zero, and {zeros}."
    elif scene.strided:
        places = int(np.prod([count_places(axis) for axis in (scene.lab.geometry.rows, scene.lab.geometry.columns)]))
        text = (
            f"Slide 42: the {lines} that the stride would leave zero are dropped: {coarse.count:,} of {places:,} stay."
        )
    else:
        text = f"{used:,} of {cells:,} cells hold a number of the kernel, the others are zero."
        if scene.lab.back:
            kind = "a convolution" if scene.down else "a transpose convolution"
            text = f"The loss goes back through {scene.matrix_name}: {kind}. {text}"
        elif not scene.down:
            text = f"A transpose convolution is Cᵀ x. {text}"
    return text + _describe_channels(scene)


def describe_patches(scene: Scene, held: NDArray[np.int32]) -> str:
    text = f"A column is what the kernel meets at one place: {held.size:,} cells for {scene.source.count:,} pixels (im2col)."
    if not scene.down:
        text += " The kernel is turned by 180°."
    return text + _describe_channels(scene)


def _describe_channels(scene: Scene) -> str:
    operation = scene.lab.operation
    if operation.channels == (1, 1) and not operation.bias_O.any():
        return ""
    i, o = scene.lab.pair
    return f" Channel {i} to channel {o}, without bias."


def write_sentence(scene: Scene) -> str:
    if scene.pointed is None:
        return "Point at the matrix or at a pixel: what it is made of, or where it goes, lights up."
    return (
        f"{_write_place(scene)}: {_write_window(scene) if scene.of_product == scene.down else _write_partners(scene)}"
    )


def _write_place(scene: Scene) -> str:
    """Which row or column of the matrix is pointed at, counted from 0 as everywhere."""
    if scene.lab.layout == "kernel" and not scene.of_product:
        count = len(scene.partners)
        return f"{count} of {scene.matrix_shape[0] * scene.matrix_shape[1]:,} cells"
    word = "Row" if scene.of_product and scene.lab.layout == "input" else "Column"
    return f"{word} {_number(scene):,}"


def _number(scene: Scene) -> int:
    assert scene.pointed is not None
    return (scene.product if scene.of_product else scene.source).find_number(scene.pointed)


def _write_window(scene: Scene) -> str:
    """The pointed pixel is of the coarse side: a window of the fine one."""
    geometry, fine = scene.lab.geometry, scene.source if scene.down else scene.product
    assert scene.pointed is not None
    rows, columns = geometry.rows, geometry.columns
    top, left = scene.pointed[0] * rows.stride - rows.padding, scene.pointed[1] * columns.stride - columns.padding
    apart = dict.fromkeys((rows.dilation, columns.dilation))
    what = f"{write_size(geometry.kernel)} patch"
    if max(apart) > 1:
        what = f"{write_size(geometry.kernel)} pixels, {' and '.join(map(str, apart))} apart,"
    where = f"the {what} of {_name_grid(scene, fine)} at row {write_number(top)}, column {write_number(left)}"
    pixel = _name(scene, (scene.pointed,), scene.of_product)
    text = f"{pixel} is the kernel times {where}." if scene.down else f"{pixel} times the kernel is added to {where}."
    taps = geometry.kernel[0] * geometry.kernel[1]
    if lost := taps - len(scene.partners):
        text += f" {lost} of the {taps} taps {'falls' if lost == 1 else 'fall'} {'on padding' if scene.down else 'outside'}."
    return text


def _write_partners(scene: Scene) -> str:
    """The pointed pixel is of the fine side: some of the coarse one, each through another tap."""
    assert scene.pointed is not None
    pixel = _name(scene, (scene.pointed,), scene.of_product)
    if not scene.partners:
        return (
            f"{pixel} gathers nothing: it is 0."
            if scene.of_product
            else f"{pixel} goes nowhere: no place of the kernel covers it."
        )
    others = _name(scene, [place for place, _tap in scene.partners], not scene.of_product)
    text = f"{pixel} {'gathers' if scene.of_product else 'goes into'} {others}"
    if len(scene.partners) <= MOST_LISTED:
        weights = [_write_weight(scene, tap) for _place, tap in scene.partners]
        text += f", with the weight{'s' if len(weights) > 1 else ''} {_join(weights)}"
    return f"{text}."


def _name(scene: Scene, pixels: Sequence[Pair], of_product: bool) -> str:
    side = scene.product if of_product else scene.source
    if len(pixels) > MOST_LISTED:
        first, last = min(pixels), max(pixels)
        span = f"from {_write_pixel(first)} to {_write_pixel(last)}"
        side_name = _name_side(scene, side, True)
        return f"{side_name} {len(pixels)} places {span}" if scene.lab.back else f"{len(pixels)} {side_name} {span}"
    return f"{_name_side(scene, side, len(pixels) > 1)} {_join([_write_pixel(pixel) for pixel in pixels])}"


def _name_side(scene: Scene, side: Side, many: bool) -> str:
    word = "input pixel" if side.of_input else "output pixel"
    return f"∂L/∂{'x' if side.of_input else 'y'} at" if scene.lab.back else f"{word}s" if many else word


def _name_grid(scene: Scene, side: Side) -> str:
    return side.name if scene.lab.back else "the input" if side.of_input else "the output"


def _write_weight(scene: Scene, tap: Pair) -> str:
    if scene.names is not None:
        return str(scene.names[tap[0] * scene.lab.geometry.kernel[1] + tap[1]])
    return write_number(float(scene.lab.kernel[tap]))


def write_sum(scene: Scene) -> str:
    """Slide 31: 1·a + 2·b + 4·c + 5·d = 37."""
    if scene.pointed is None or not scene.of_product or not 0 < len(scene.partners) <= MOST_TERMS:
        return ""
    terms = [
        f"{write_number(float(scene.source_values[place]))}·{_wrap(_write_weight(scene, tap))}"
        for place, tap in scene.partners
    ]
    if sum(map(len, terms)) > LONGEST_SUM:
        terms[2:-1] = ["…"]
    return f"{' + '.join(terms)} = {write_number(float(scene.product_values[scene.pointed]))}"


def explain_limit(scene: Scene) -> tuple[str, str]:
    """What is wrong, what to change: the matrix is too large to be drawn."""
    rows, columns = scene.matrix_shape
    hint = "Leave the zero rows out, or make" if scene.drawn else "Make"
    return (
        f"{scene.matrix_name} would have {rows:,} × {columns:,} cells, far more than a picture can show.",
        f"{hint} the input smaller: 16 × 16 pixels are about the most that can be drawn.",
    )


def _write_pixel(pixel: Pair) -> str:
    return f"({pixel[0]}, {pixel[1]})"


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _wrap(text: str) -> str:
    """A number behind a sign, in brackets if it brings its own."""
    return f"({text})" if text.startswith("−") else text
