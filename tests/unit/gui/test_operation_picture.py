"""The convolution lab's first page: what a pointed pixel lights up on every grid, the sum behind it, and the words where there is none."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from segbench.convolution.geometry import Geometry, build_geometry
from segbench.convolution.lecture import PRESETS, count_up, draw_random, draw_stream
from segbench.convolution.operation import Operation, list_terms
from segbench.gui.panels.convolution.lab import Lab, begin, open_preset, refill
from segbench.gui.panels.convolution.operation_picture import (
    OperationPicture,
    find_problem,
    resolve_operation,
    write_number,
)
from segbench.gui.widgets.cells import INSERTED, PADDING, VALUE

GEOMETRIES = [
    build_geometry(4, 2),
    build_geometry((5, 4), (3, 2), 2, (1, 0)),
    build_geometry(6, 3, 2, 1),  # a padded row that is never read
    build_geometry(7, 3, dilation=2, padding=2),
    build_geometry(3, 3, 2, 1, 1, 1, transposed=True),
    build_geometry((3, 4), (4, 2), (2, 3), (1, 0), transposed=True),
    build_geometry(3, 2, 3, transposed=True),  # the stamps do not touch
    build_geometry(4, 3, 2, 1, 3, 2, transposed=True),
    build_geometry(4, 2, padding=3),  # pixels that see padding alone
    build_geometry(6, 3, 1, 3, transposed=True),  # padding cuts the input
    build_geometry((2, 5), (1, 3), (1, 2), (0, 1), (1, 2), transposed=True),
]


def build_lab(geometry: Geometry, **changes) -> Lab:
    """Numbers from 1 to 9, so that no zero hides."""
    values = np.random.default_rng(3).integers(1, 9, (2, 16, 16)).astype(float)
    (height, width), (rows, columns) = geometry.size, geometry.kernel
    operation = Operation(geometry, values[:1, :height, :width], values[1][None, None, :rows, :columns], np.zeros(1))
    return replace(Lab(operation), **changes)


def show(geometry: Geometry, row: int, column: int, of_input: bool = False) -> OperationPicture:
    return resolve_operation(build_lab(geometry, pointed=(row, column), of_input=of_input))


def find_lit(plate) -> list[tuple[int, int]]:
    return [] if plate.marks.hits is None else [tuple(place) for place in np.argwhere(plate.marks.hits).tolist()]


def open_slide(start: str, **changes) -> Lab:
    return replace(open_preset(next(p for p in PRESETS if p.name.startswith(start))), **changes)


def tell(lab: Lab) -> str:
    """The sum in words, with every space the same."""
    return resolve_operation(lab).sum.replace("\u00a0", " ")


def read_number(text: str) -> float:
    return float(text.strip("()").replace("−", "-"))


# The grids ----------------------------------------------------------------------------------------------------------------


def test_that_every_grid_says_what_it_is_and_how_large() -> None:
    picture = resolve_operation(begin())
    plates = (picture.input, picture.kernel, picture.stuffed, picture.sweeping, picture.output)
    assert [(plate.title, plate.note) for plate in plates] == [
        ("Input", "4 × 4"), ("Kernel", "3 × 3"), ("Swept input: zeros between and around", "9 × 9"),
        ("Sweeping kernel: turned by 180°", "3 × 3"), ("Output", "7 × 7"),
    ]  # fmt: skip
    assert all(plate.cells.values.shape == tuple(map(int, plate.note.split(" × "))) for plate in plates)
    assert picture.problem is None


@pytest.mark.parametrize(
    ("geometry", "stuffed", "sweeping"),
    [
        (build_geometry(4, 2), "Swept input: no zeros", "Sweeping kernel"),
        (build_geometry(4, 2, padding=1), "Swept input: zeros around", "Sweeping kernel"),
        (build_geometry(7, 3, dilation=2), "Swept input: no zeros", "Sweeping kernel: dilated"),
        (build_geometry(4, 3, transposed=True), "Swept input: zeros around", "Sweeping kernel: turned by 180°"),
        (
            build_geometry(4, 2, 2, 1, transposed=True),
            "Swept input: zeros between",
            "Sweeping kernel: turned by 180°",
        ),
        (
            build_geometry(4, 3, 2, dilation=3, transposed=True),
            "Swept input: zeros between and around",
            "Sweeping kernel: dilated, turned by 180°",
        ),
    ],
)
def test_that_titles_say_what_pytorch_does_to_input_and_kernel(geometry, stuffed, sweeping) -> None:
    picture = show(geometry, 0, 0)
    assert (picture.stuffed.title, picture.sweeping.title) == (stuffed, sweeping)


def test_that_the_sweeping_kernel_is_turned_and_its_gaps_are_no_values() -> None:
    picture = show(build_geometry(4, 2, 1, 0, 2, transposed=True), 0, 0)
    kernel, sweeping = picture.kernel.cells.values, picture.sweeping.cells
    assert sweeping.values[::2, ::2].tolist() == kernel[::-1, ::-1].tolist()
    assert (sweeping.kinds == VALUE).sum() == 4
    assert (sweeping.kinds == INSERTED).sum() == 5
    assert not sweeping.values[sweeping.kinds == INSERTED].any()


def test_that_the_zeros_of_the_swept_input_are_told_apart() -> None:
    cells = resolve_operation(begin()).stuffed.cells
    assert [int((cells.kinds == kind).sum()) for kind in (VALUE, PADDING, INSERTED)] == [16, 32, 33]
    assert cells.values[cells.kinds == VALUE].tolist() == list(range(1, 17))
    assert cells.span == 16  # colours of the input, not of the zeros


# An output pixel ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_that_an_output_pixel_lights_up_what_it_is_made_of(geometry: Geometry) -> None:
    lab = build_lab(geometry)
    for row, column in np.ndindex(geometry.output):
        picture = show(geometry, row, column)
        terms = list_terms(geometry, lab.x_HW, lab.kernel, (row, column))
        assert find_lit(picture.input) == sorted({term.place for term in terms})
        assert find_lit(picture.kernel) == sorted({term.tap for term in terms})
        assert picture.output.marks.cursor == (row, column)
        assert picture.output.marks.hits is None
        assert picture.input.marks.cursor is None


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_that_the_window_times_the_sweeping_kernel_is_the_output_pixel(geometry: Geometry) -> None:
    for row, column in np.ndindex(geometry.output):
        picture = show(geometry, row, column)
        top, left, rows, columns = picture.stuffed.marks.window
        assert (rows, columns) == picture.sweeping.cells.values.shape
        seen = picture.stuffed.cells.values[top : top + rows, left : left + columns]
        assert (seen * picture.sweeping.cells.values).sum() == picture.output.cells.values[row, column]
        # Lit is what the taps stand on, not what lies between them
        taps = [
            (top + y, left + x)
            for y, x in np.argwhere(picture.sweeping.cells.kinds == VALUE).tolist()
        ]  # fmt: skip
        assert find_lit(picture.stuffed) == taps


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_that_the_sweeping_kernel_lights_up_the_taps_that_meet_an_input_pixel(geometry: Geometry) -> None:
    for row, column in np.ndindex(geometry.output):
        picture = show(geometry, row, column)
        top, left, rows, columns = picture.stuffed.marks.window
        kinds = picture.stuffed.cells.kinds[top : top + rows, left : left + columns]
        met = (kinds == VALUE) & (picture.sweeping.cells.kinds == VALUE)
        assert find_lit(picture.sweeping) == [tuple(place) for place in np.argwhere(met).tolist()]


# An input pixel -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_that_an_input_pixel_lights_up_its_footprint(geometry: Geometry) -> None:
    for row, column in np.ndindex(geometry.size):
        picture = show(geometry, row, column, of_input=True)
        one = build_lab(geometry)
        one.x_HW[:] = 0
        one.x_HW[row, column] = 1
        heard = resolve_operation(one).output.cells.values != 0  # the kernel has no zeros
        assert find_lit(picture.output) == [tuple(place) for place in np.argwhere(heard).tolist()]
        assert picture.input.marks.cursor == (row, column)
        assert picture.input.marks.hits is None
        assert picture.output.marks.cursor is None
        taps = {
            tap
            for output in np.ndindex(geometry.output)
            for _y, tap in [
                (term.place, term.tap)
                for term in list_terms(geometry, one.x_HW, one.kernel, output)
                if term.place == (row, column)
            ]
        }
        assert find_lit(picture.kernel) == sorted(taps)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_that_an_input_pixel_is_found_in_the_swept_input(geometry: Geometry) -> None:
    lab = build_lab(geometry)
    lab.x_HW[:] = np.arange(1, lab.x_HW.size + 1).reshape(lab.x_HW.shape)
    for row, column in np.ndindex(geometry.size):
        stuffed = resolve_operation(replace(lab, pointed=(row, column), of_input=True)).stuffed
        places = np.argwhere(stuffed.cells.values == lab.x_HW[row, column]).tolist()
        assert [stuffed.marks.cursor] == ([tuple(place) for place in places] or [None])


def test_that_a_pixel_beyond_the_grid_means_the_last_one() -> None:
    for of_input, grid in ((False, "output"), (True, "input")):
        picture = show(build_geometry((5, 4), 2), 40, 40, of_input)
        size = getattr(picture, grid).cells.values.shape
        assert getattr(picture, grid).marks.cursor == (size[0] - 1, size[1] - 1)


def test_that_nothing_is_lit_while_nothing_is_pointed_at() -> None:
    picture = resolve_operation(build_lab(build_geometry(4, 2)))
    for plate in (picture.input, picture.kernel, picture.stuffed, picture.sweeping, picture.output):
        assert plate.marks.cursor is None
        assert plate.marks.hits is None
        assert plate.marks.window is None
    assert picture.sum.startswith("Point at a pixel of the output")


# The sum ------------------------------------------------------------------------------------------------------------------


def test_that_slide_31s_first_output_is_written_out() -> None:
    assert tell(open_slide("Slides 30")) == ("Output pixel (row 0, column 0) = 1·1 + 2·2 + 4·3 + 5·4 = 37")


def test_that_taps_on_zeros_are_counted_not_written() -> None:
    assert tell(begin()) == (
        "Output pixel (row 0, column 0) = 1·5 = 5\n8 of 9 taps meet zeros."
    )  # fmt: skip


def test_that_negative_weights_stand_in_brackets() -> None:
    lab = replace(refill(begin(), "random", 4), pointed=(1, 1))
    text = resolve_operation(lab).sum
    assert "-" not in text
    assert re.search(r"·\(−\d+\)", text)
    assert not re.search(r"·−", text)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_that_the_written_sum_is_right_for_whole_numbers(geometry: Geometry, seed: int) -> None:
    x_HW, kernel = draw_random(geometry.size, seed), draw_random(geometry.kernel, seed + 50)
    lab = Lab(Operation(geometry, x_HW[None], kernel[None, None], np.zeros(1)))
    for row, column in np.ndindex(geometry.output):
        picture = resolve_operation(replace(lab, pointed=(row, column)))
        first, *rest = picture.sum.split("\n")
        head, *sums = first.split(" = ")
        assert head == f"Output pixel (row {row}, column {column})"
        products = [
            [read_number(part) for part in product.split("·")] for product in sums[0].split(" + ") if "·" in product
        ]
        assert sum(value * weight for value, weight in products) == picture.output.cells.values[row, column]
        assert read_number(sums[-1]) == picture.output.cells.values[row, column]
        silent = kernel.size - len(products)
        hole = "No tap meets an input pixel: a hole."
        assert rest == ([hole] if not products else [f"{silent} of {kernel.size} taps meet zeros."] if silent else [])


def test_that_a_hole_is_called_one() -> None:
    assert tell(open_slide("mUnet", pointed=(3, 4))) == (
        "Output pixel (row 3, column 4) = 0\nNo tap meets an input pixel: a hole."
    )


def test_that_a_hole_of_a_layer_is_its_bias() -> None:
    geometry = build_geometry(2, 1, 2, transposed=True)
    lab = Lab(Operation(geometry, np.ones((2, 2, 2)), np.ones((2, 1, 1, 1)), np.array([-1.5])), summed=True)
    assert tell(replace(lab, pointed=(1, 1))) == (
        "Output pixel (row 1, column 1) = −1.5\n= 0   (input channel 0)\n+ 0   (the other input channel)\n+ (−1.5)   (bias)\n"
        "No tap meets an input pixel: a hole."
    )
    assert tell(replace(lab, pointed=(0, 0))) == (
        "Output pixel (row 0, column 0) = 0.5\n= 1·1 = 1   (input channel 0)\n+ 1   (the other input channel)\n+ (−1.5)   (bias)"
    )


@pytest.mark.parametrize(("slide", "others"), [("Slide 48", "the other 3 input channels"), ("Slides 60", "the other input channel")])  # fmt: skip
def test_that_channels_and_bias_add_up_to_the_output_pixel(slide: str, others: str) -> None:
    lab = open_slide(slide)
    for pair in np.ndindex(lab.operation.channels):
        for pointed in np.ndindex(lab.geometry.output):
            picture = resolve_operation(replace(lab, pair=pair, pointed=pointed))
            assert picture.output.title == f"Output channel {pair[1]} of {lab.operation.channels[1]}"
            assert picture.input.title == f"Input channel {pair[0]} of {lab.operation.channels[0]}"
            np.testing.assert_allclose(
                picture.output.cells.values, lab.operation.compute_channel(pair[1]), atol=1e-12
            )  # fmt: skip
            assert picture.kernel.title == f"Kernel from {pair[0]} to {pair[1]}"
            head, *lines = picture.sum.replace("\u00a0", " ").split("\n")
            parts = [line.partition("   ")[0] for line in lines if line.endswith(")")]
            numbers = [read_number(part.split(" = ")[-1].removeprefix("= ").removeprefix("+ ")) for part in parts]
            assert len(numbers) == 3
            assert f"(input channel {pair[0]})" in lines[0]
            assert f"({others})" in lines[1]
            assert "(bias)" in lines[2]
            wanted = lab.operation.compute_channel(pair[1])[pointed]
            assert sum(numbers) == pytest.approx(wanted, abs=2e-3)  # four significant digits each
            assert read_number(head.split(" = ")[1]) == pytest.approx(wanted, abs=1e-3)


def test_that_channels_that_are_silent_add_nothing_at_all() -> None:
    geometry = build_geometry(4, 2)
    drawn = np.random.default_rng(0)
    x_IHW, weight_IOHW = drawn.normal(size=(3, 4, 4)), drawn.normal(size=(3, 1, 2, 2))
    x_IHW[1:] = 0  # as behind a ReLU
    lab = Lab(Operation(geometry, x_IHW, weight_IOHW, np.array([0.1])), summed=True)
    for pointed in np.ndindex(geometry.output):
        assert "\n+ 0   (the other 2 input channels)\n" in tell(replace(lab, pointed=pointed))


def test_that_one_input_channel_alone_is_shown_without_others_and_bias() -> None:
    lab = open_slide("Slides 60", summed=False, pair=(1, 0), pointed=(3, 3))
    picture = resolve_operation(lab)
    np.testing.assert_allclose(picture.output.cells.values, lab.operation.compute_pair(1, 0))
    assert picture.output.title == "Part of input channel 1"
    assert "bias" not in picture.sum
    assert "other" not in picture.sum
    assert picture.input.cells.values.tolist() == draw_stream(62).x_IHW[1].tolist()


def test_that_the_way_of_an_input_pixel_is_told() -> None:
    lab = begin()
    assert tell(replace(lab, pointed=(1, 1), of_input=True)) == (
        "Input pixel (row 1, column 1) adds 6 × the kernel to the output: 9 output pixels hear of it."
    )
    assert tell(replace(lab, pointed=(3, 3), of_input=True)) == (
        "Input pixel (row 3, column 3) adds 16 × the kernel to the output: 4 output pixels hear of it; "
        "5 of 9 taps fall outside."
    )
    down = Lab(count_up(build_geometry(3, 2)), of_input=True)
    assert tell(replace(down, pointed=(1, 1))) == (
        "Input pixel (row 1, column 1) is read by 4 places of the kernel: 4 output pixels hear of it."
    )
    unread = Lab(count_up(build_geometry(3, 1, 2)), of_input=True)
    assert tell(replace(unread, pointed=(1, 1))) == (
        "Input pixel (row 1, column 1) goes nowhere: no place of the kernel reads it."
    )


def test_that_one_place_and_one_pixel_are_not_several() -> None:
    lab = Lab(count_up(build_geometry(3, 2)), pointed=(0, 0), of_input=True)
    assert tell(lab) == ("Input pixel (row 0, column 0) is read by 1 place of the kernel: 1 output pixel hears of it.")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (12.0, "12"),
        (-9.0, "−9"),
        (0.123456, "0.1235"),
        (-0.001234567, "−0.001235"),
        (1e7, "1e+07"),
    ],
)
def test_that_numbers_in_sentences_are_short_with_a_true_minus(value: float, text: str) -> None:
    assert write_number(value) == text


# Formulas -----------------------------------------------------------------------------------------------------------------


def test_that_the_width_has_its_own_formula_only_where_it_differs() -> None:
    assert [f.general.partition(" = ")[0] for f in show(build_geometry(4, 2), 0, 0).formulas] == ["H_out"]
    formulas = show(build_geometry((5, 4), (3, 2), 2, (1, 0)), 0, 0).formulas
    assert [(f.general.partition(" = ")[0], f.numbers.rpartition(" = ")[2]) for f in formulas] == [
        ("H_out", "3"), ("W_out", "2"),
    ]  # fmt: skip
    up = show(build_geometry((3, 4), (4, 2), (2, 3), (1, 0), transposed=True), 0, 0).formulas
    assert [f.general.partition(" = ")[0] for f in up] == ["N", "H_out", "W_out"]


def test_that_a_geometry_that_is_not_square_shows_each_side_as_it_is() -> None:
    picture = show(build_geometry((3, 4), (4, 2), (2, 3), (1, 0), transposed=True), 5, 10)
    assert [p.note for p in (picture.input, picture.kernel, picture.stuffed, picture.sweeping, picture.output)] == [
        "3 × 4", "4 × 2", "9 × 12", "4 × 2", "6 × 11",
    ]  # fmt: skip
    assert picture.stuffed.marks.window == (5, 10, 4, 2)


# No output ----------------------------------------------------------------------------------------------------------------


def test_that_slide_52s_three_cases_are_as_printed() -> None:
    sizes = {}
    for start in ("Slide 48", "Slide 54", "Slide 52"):
        picture = resolve_operation(open_slide(start))
        sizes[start] = (picture.stuffed.note, picture.output.note, picture.problem is None)
    assert sizes == {
        "Slide 48": ("7 × 7", "4 × 4", True),
        "Slide 54": ("5 × 5", "2 × 2", True),
        "Slide 52": ("3 × 3", "none", False),
    }


def test_that_slide_52s_error_names_the_number_to_change() -> None:
    picture = resolve_operation(open_slide("Slide 52"))
    what, hint = picture.problem
    assert what == "A kernel of 4 does not fit into the padded input of 3: the output would have 0 pixels."
    assert hint.startswith("Set padding to 1 or less")
    assert picture.output.cells is None
    assert picture.output.empty == f"{what}\n\n{hint}"
    assert picture.sum == ""
    # What there is stays in view: input, kernel, and the zeros that are too few
    assert picture.input.cells.values.shape == (1, 1)
    assert picture.kernel.cells.values.shape == picture.sweeping.cells.values.shape == (4, 4)
    assert picture.stuffed.cells.values.shape == (3, 3)
    assert picture.formulas[-1].numbers.endswith("= 0")
    # And the number that is named mends it
    assert find_problem(build_geometry(1, 4, 1, 1, transposed=True)) is None


@pytest.mark.parametrize(
    ("geometry", "hint", "mended"),
    [
        (build_geometry(2, 5), "Set padding to 2 or more", build_geometry(2, 5, padding=2)),
        (build_geometry(3, 3, dilation=3), "Set padding to 2 or more", build_geometry(3, 3, padding=2, dilation=3)),
        (build_geometry(1, 2, 1, 3, transposed=True), "Set padding to 0 or less", build_geometry(1, 2, transposed=True)),
        (
            build_geometry(3, 3, 2, 1, 1, 2, transposed=True),
            "Set output padding to 1 or less",
            build_geometry(3, 3, 2, 1, 1, 1, transposed=True),
        ),
        (
            build_geometry(3, 3, 1, 1, 1, 1, transposed=True),
            "Set output padding to 0 or less",
            build_geometry(3, 3, 1, 1, transposed=True),
        ),
        (
            build_geometry(3, 3, 1, 0, 3, 3, transposed=True),
            "Set output padding to 2 or less",
            build_geometry(3, 3, 1, 0, 3, 2, transposed=True),
        ),
        (build_geometry(4, 3, output_padding=1), "Set output padding to 0", build_geometry(4, 3)),
        (build_geometry(0, 3), "Choose 1 or more", build_geometry(3, 3)),
        (build_geometry(4, 0), "Choose 1 or more", build_geometry(4, 1)),
    ],
)  # fmt: skip
def test_that_every_misfit_is_a_sentence_and_a_number_that_mends_it(geometry, hint, mended) -> None:
    picture = resolve_operation(build_lab(geometry, pointed=(0, 0)))
    assert picture.problem is not None
    assert picture.problem[1].startswith(hint)
    assert picture.output.cells is None
    assert picture.output.empty == "\n\n".join(picture.problem)
    assert resolve_operation(build_lab(mended)).problem is None


def test_that_a_misfit_along_one_side_says_which() -> None:
    what, _hint = find_problem(build_geometry((4, 2), 3))
    assert "along the width" in what
    what, _hint = find_problem(build_geometry((0, 4), 3))
    assert what == "The input size along the height is 0."


def test_that_padding_that_cuts_everything_away_is_told_in_the_swept_inputs_place() -> None:
    picture = show(build_geometry(1, 1, 1, 2, transposed=True), 0, 0)
    assert picture.stuffed.cells is None
    assert picture.stuffed.empty == "Padding has cut away the whole input."
    assert picture.problem[1].startswith("Set padding to 0 or less")
