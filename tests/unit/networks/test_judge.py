"""Torch as the judge: all ways to the same numbers agree, and a broken one is found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segbench.convolution.geometry import Geometry, build_geometry
from segbench.convolution.lecture import count_up, draw_stream
from segbench.networks import judge
from segbench.networks.judge import prove
from segbench.records import Agreement, RouteDifference
from tests.unit.convolution.drawn import draw_geometry, fill_randomly

UP = ("scatter", "inserted", "matrix_transposed", "conv_transpose2d", "conv2d_gradient")
DOWN = ("sweep", "matrix", "unrolled", "conv2d", "conv_transpose2d_gradient")


@settings(max_examples=150, deadline=None)
@given(draw_geometry(), st.integers(0, 2**31))
def test_that_all_ways_agree_forward_and_backward(geometry: Geometry, seed: int) -> None:
    """Among them pixels that a stride leaves unread, and output paddings of a stride and more."""
    proof = prove(fill_randomly(geometry, seed, (2, 2)), 1, 0)
    assert proof.agrees, proof
    up, down = (proof.forward, proof.backward) if geometry.transposed else (proof.backward, proof.forward)
    assert up.routes == UP
    assert down.routes == DOWN


def test_that_output_padding_of_a_stride_and_more_agrees() -> None:
    for knobs in ((1, 0, 4, 3), (2, 1, 4, 3), (2, 5, 4, 2)):
        stride, padding, dilation, extra = knobs
        geometry = build_geometry((4, 3), 3, stride, padding, dilation, extra, transposed=True)
        geometry.check()
        assert prove(fill_randomly(geometry, 0), 0, 0).agrees


@pytest.mark.parametrize("slide", [48, 58, 62])
def test_that_every_pair_of_channels_of_the_lectures_examples_agrees(slide: int) -> None:
    operation = draw_stream(slide)
    for i in range(operation.channels[0]):
        for o in range(operation.channels[1]):
            proof = prove(operation, i, o)
            assert proof.agrees
            assert proof.forward.largest_value == pytest.approx(np.abs(operation.compute_pair(i, o)).max(), rel=1e-6)


def test_that_each_way_is_compared_with_each() -> None:
    proof = prove(count_up(build_geometry(3, 2)), 0, 0)
    assert len(proof.forward.differences) == len(proof.backward.differences) == 10
    assert {(d.one, d.other) for d in proof.forward.differences} == {
        (DOWN[k], DOWN[other]) for k in range(5) for other in range(k + 1, 5)
    }
    # Slide 31 with the kernel 1 2 3 4: 5 * 1 + 6 * 2 + 8 * 3 + 9 * 4; and these small whole numbers are exact everywhere
    assert proof.forward.largest_value == 77
    assert proof.forward.largest == 0


def _spoil(way: Callable[..., object]) -> Callable[..., object]:
    """Wrong by a ten-thousandth of the largest value, at one pixel."""

    def spoiled(*arguments: object, **options: object) -> object:
        values = way(*arguments, **options)
        change = values.detach().clone() if isinstance(values, torch.Tensor) else values.copy()
        change[...] = 0
        change.reshape(-1)[-1] = 1e-4 * max(1, abs(values).max())
        return values + change

    return spoiled


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("name", "of"),
    [("scatter", "up"), ("unroll", "down"), ("fill", "both"), ("_convolve", "down"), ("_transpose_convolve", "up"), ("sweep", "both")],
)  # fmt: skip
def test_that_a_broken_way_is_found(name: str, of: str, transposed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = fill_randomly(build_geometry(5, 3, 2, 1, transposed=transposed), 4)
    monkeypatch.setattr(judge, name, _spoil(getattr(judge, name)))
    proof = prove(operation, 0, 0)
    up, down = (proof.forward, proof.backward) if transposed else (proof.backward, proof.forward)
    assert not proof.agrees
    assert up.agrees == (of == "down")
    assert down.agrees == (of == "up")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_that_ways_without_numbers_do_not_agree(value: float) -> None:
    operation = fill_randomly(build_geometry(4, 3), 0)
    operation.x_IHW[0, 1, 1] = value
    assert not prove(operation, 0, 0).agrees


def test_that_ways_of_different_sizes_do_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "scatter", lambda *_: np.zeros((1, 1)))
    proof = prove(fill_randomly(build_geometry(4, 3, 2, transposed=True), 0), 0, 0)
    assert proof.forward.largest == float("inf")
    assert not proof.forward.agrees
    assert proof.backward.agrees


def test_that_differences_are_judged_in_relation_to_the_values() -> None:
    routes = ("sweep", "matrix")

    def agree(largest: float, value: float) -> bool:
        return Agreement(routes, (RouteDifference("sweep", "matrix", largest),), value).agrees

    assert agree(0.9e-5, 0.01)
    assert not agree(1.1e-5, 0.01)
    assert agree(0.9, 1e5)
    assert not agree(1.1, 1e5)
    assert not agree(float("inf"), float("inf"))


def test_that_a_matrix_too_large_to_hold_is_left_out_and_not_named() -> None:
    proof = prove(fill_randomly(build_geometry(65, 3, padding=1), 0), 0, 0)
    assert proof.agrees
    assert proof.forward.routes == ("sweep", "unrolled", "conv2d", "conv_transpose2d_gradient")
    assert "matrix_transposed" not in proof.backward.routes


def test_that_the_judge_works_where_gradients_are_off() -> None:
    operation = fill_randomly(build_geometry(4, 3), 0)
    with torch.no_grad():
        assert prove(operation, 0, 0).agrees
