"""A name from a stranger's file is text in a spreadsheet, never a formula."""

import pytest

from segbench.export.cells import guard_cells


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_that_a_text_that_begins_like_a_formula_is_guarded(name: str) -> None:
    assert guard_cells([name]) == [f"'{name}"]


def test_that_other_cells_stay_as_they_are() -> None:
    row = ["star", "a=b", -1.5, None, ""]
    assert guard_cells(row) == row
