"""The program that is copied out of the lab runs and gives the lab's output."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench.convolution.code import write_code, write_layer
from segbench.convolution.geometry import Geometry, build_geometry
from segbench.convolution.lecture import count_up, draw_stream
from segbench.convolution.operation import Operation
from tests.unit.convolution.drawn import draw_geometry, fill_randomly


def _run(program: str) -> tuple[dict[str, Any], str]:
    told = io.StringIO()
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(told):
        exec(program, names)
    return names, told.getvalue()


def _check(operation: Operation) -> str:
    program = write_code(operation)
    names, told = _run(program)
    right = np.stack([operation.compute_channel(o) for o in range(operation.channels[1])])
    y = names["y"].numpy()
    assert y.shape == (1, *right.shape)
    np.testing.assert_allclose(y[0], right, rtol=0, atol=1e-5 * max(1.0, np.abs(right).max()))
    assert told.startswith(f"torch.Size([1, {operation.channels[1]}, ")
    assert np.array_equal(names["x"].numpy()[0], operation.x_IHW.astype(np.float32))
    return program


@settings(max_examples=60, deadline=None)
@given(draw_geometry(most=4), st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_that_the_program_gives_the_same_output(geometry: Geometry, seed: int, i: int, o: int, biased: bool) -> None:
    operation = fill_randomly(geometry, seed, (i, o))
    if not biased:
        operation = Operation(geometry, operation.x_IHW, operation.weight_IOHW, np.zeros(o))
    assert ("bias.copy_" in _check(operation)) == biased


def test_that_the_lectures_examples_come_out_as_programs() -> None:
    for slide in (48, 58, 62):
        _check(draw_stream(slide))
    assert "nn.ConvTranspose2d(4, 2, 4)\n" in write_code(draw_stream(48))


def test_that_only_what_is_not_torchs_default_is_written() -> None:
    assert write_layer(build_geometry(4, 3), 1, 1, bias=False) == "nn.Conv2d(1, 1, 3, bias=False)"
    assert write_layer(build_geometry(4, 3, 2, (0, 1)), 2, 5) == "nn.Conv2d(2, 5, 3, stride=2, padding=(0, 1))"
    layer = write_layer(build_geometry(32, 3, 2, 2, 2, 1, transposed=True), 64, 5)
    assert layer == "nn.ConvTranspose2d(64, 5, 3, stride=2, padding=2, output_padding=1, dilation=2)"


def test_that_whole_numbers_stay_readable() -> None:
    assert "[1.0, 2.0, 3.0]" in write_code(count_up(build_geometry(3, 2)))
