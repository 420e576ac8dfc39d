"""Size formulas: letters as in the lecture, and numbers that come out as said."""

from __future__ import annotations

import re

from hypothesis import given, settings

from segbench.convolution.formulas import write_formulas
from segbench.convolution.geometry import Axis, Geometry
from tests.unit.convolution.drawn import draw_geometry


def _calculate(text: str) -> int:
    text = text.replace("·", "*").replace("−", "-").replace("⌊", "((").replace("⌋", ")//1)").replace("/", "//")
    text = text.replace("////1", "//1")
    assert re.fullmatch(r"[0-9+\-*/() ]+", text), text
    return eval(text)


@settings(max_examples=200, deadline=None)
@given(draw_geometry())
def test_that_what_stands_left_of_the_equals_sign_is_what_stands_right_of_it(geometry: Geometry) -> None:
    for axis in (geometry.rows, geometry.columns):
        formulas = write_formulas(axis)
        for formula in formulas:
            left, right = formula.numbers.split(" = ")
            assert _calculate(left) == int(right.replace("−", "-")), formula
        assert formulas[-1].numbers.endswith(f" = {axis.output}".replace("-", "−"))
        if axis.transposed:
            assert formulas[0].numbers.endswith(f" = {axis.border}".replace("-", "−"))


def test_that_slide_51s_formula_stands_with_its_table() -> None:
    for padding, n in ((0, 3), (1, 2), (2, 1)):
        formula = write_formulas(Axis(1, 4, 1, padding, transposed=True))[0]
        assert formula.general == "N = d(k − 1) − p"
        assert formula.numbers == f"1·(4 − 1) − {padding} = {n}"


def test_that_slide_56s_and_60s_formulas_stand_with_the_numbers_of_58_and_62() -> None:
    formula = write_formulas(Axis(4, 3, 2, transposed=True))[-1]
    assert "slide 56" in formula.name
    assert (formula.general, formula.numbers) == ("H_out = (H_in − 1)s + k", "(4 − 1)·2 + 3 = 9")
    formula = write_formulas(Axis(4, 3, 2, 1, transposed=True), "W")[-1]
    assert "slide 60" in formula.name
    assert (formula.general, formula.numbers) == ("W_out = (W_in − 1)s + k − 2p", "(4 − 1)·2 + 3 − 2·1 = 7")


def test_that_dilation_or_output_padding_bring_torchs_own_formula() -> None:
    formula = write_formulas(Axis(32, 3, 2, 2, 2, 1, True))[-1]
    assert formula.general == "H_out = (H_in − 1)s − 2p + d(k − 1) + o + 1"
    assert formula.numbers == "(32 − 1)·2 − 2·2 + 2·(3 − 1) + 1 + 1 = 64"
    (formula,) = write_formulas(Axis(7, 3, dilation=2))
    assert formula.general == "H_out = ⌊(H_in + 2p − d(k − 1) − 1) / s⌋ + 1"
    assert formula.numbers == "⌊(7 + 2·0 − 2·(3 − 1) − 1) / 1⌋ + 1 = 3"
