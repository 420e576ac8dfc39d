"""The convolution lab's coverage page: the counts, the verdict and its law in numbers, and repairs that are better than what they mend."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from segbench.convolution.coverage import ORDER
from segbench.convolution.geometry import Geometry, build_geometry
from segbench.convolution.lecture import PRESETS, count_up
from segbench.convolution.operation import Operation, apply
from segbench.gui.panels.convolution.coverage_picture import resolve_coverage
from segbench.gui.panels.convolution.lab import Lab, open_preset

UPS = [
    build_geometry(8, 3, 2, 1, 1, 1, transposed=True),  # uneven
    build_geometry(8, 3, 2, 2, 2, 1, transposed=True),  # holes by dilation
    build_geometry(8, 2, 3, transposed=True),  # holes: the stamps do not touch
    build_geometry((6, 8), (3, 4), 2, 1, transposed=True),  # one axis is even
    build_geometry((6, 8), 3, (2, 3), 0, (2, 1), transposed=True),
    build_geometry(8, 4, 4, 0, 2, transposed=True),
    build_geometry(5, 1, 2, 0, 1, 1, transposed=True),
]


def build_lab(geometry: Geometry, **changes) -> Lab:
    return replace(Lab(count_up(geometry)), **changes)


def open_munet(**changes) -> Lab:
    return replace(open_preset(next(p for p in PRESETS if p.name.startswith("mUnet"))), **changes)


def test_that_three_pixels_in_four_of_munets_last_layer_are_holes() -> None:
    picture = resolve_coverage(open_munet())
    assert picture.coverage == "holes"
    assert picture.verdict == (
        "Holes: 3,072 of 4,096 output pixels (75%) hear of no input pixel; they are the bias, whatever the image."
    )
    assert picture.law == "gcd(d, s) = gcd(2, 2) = 2: the taps only ever reach one pixel in 2. Holes."
    counts = picture.counts.cells.values
    assert counts.shape == (64, 64)
    assert (counts == 0).sum() == 3072
    heard = np.argwhere(counts > 0)
    assert not (heard % 2).any()
    assert picture.counts.cells.palette == "counts"
    assert picture.counts.note == "64 × 64"


def test_that_munets_last_layer_can_be_repaired_in_three_ways() -> None:
    repairs = resolve_coverage(open_munet()).repairs
    assert [(r.title, r.code, r.coverage, r.verdict.partition(":")[0]) for r in repairs] == [
        ("No dilation", "nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1)", "uneven", "Uneven"),
        ("Kernel twice the stride", "nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1)", "full", "Full"),
        ("Resize, then convolve", "nn.Upsample(size=(64, 64))  then  nn.Conv2d(1, 1, 3, padding=1)", "full", "Full"),
    ]
    for repair in repairs:
        assert repair.counts.note == "64 × 64"
        assert (repair.counts.cells.values > 0).all()


@pytest.mark.parametrize("geometry", UPS, ids=str)
def test_that_every_repair_is_better_keeps_the_size_and_shows_its_own_counts(geometry: Geometry) -> None:
    picture = resolve_coverage(build_lab(geometry))
    assert picture.coverage in ("holes", "uneven")
    assert picture.repairs
    for repair in picture.repairs:
        assert ORDER.index(repair.coverage) < ORDER.index(picture.coverage)
        assert repair.repair.geometry.output == geometry.output
        np.testing.assert_array_equal(repair.counts.cells.values, repair.repair.geometry.count_inputs())


@pytest.mark.parametrize("geometry", UPS, ids=str)
def test_that_what_a_repair_promises_is_what_the_page_says_once_it_is_taken(geometry: Geometry) -> None:
    for repair in resolve_coverage(build_lab(geometry)).repairs:
        after = resolve_coverage(build_lab(repair.repair.geometry))
        assert after.coverage == repair.coverage
        assert after.code == repair.code.rpartition("then  ")[2]
        if not repair.repair.resized:  # of a convolution the page tells how it reads its input
            assert after.verdict == repair.verdict
            np.testing.assert_array_equal(after.counts.cells.values, repair.counts.cells.values)


@pytest.mark.parametrize("geometry", UPS, ids=str)
def test_that_the_verdict_counts_what_the_map_shows(geometry: Geometry) -> None:
    picture = resolve_coverage(build_lab(geometry))
    counts = picture.counts.cells.values
    np.testing.assert_array_equal(counts, geometry.count_inputs())
    if picture.coverage == "holes":
        holes, size = re.search(r"Holes: ([\d,]+) of ([\d,]+)", picture.verdict).groups()
        assert (int(holes.replace(",", "")), int(size.replace(",", ""))) == ((counts == 0).sum(), counts.size)
    else:
        low, high = map(int, re.search(r"hear of (\d+) to (\d+)", picture.verdict).groups())
        inner = counts[3:-3, 3:-3]
        assert (inner.min(), inner.max()) == (low, high)


@pytest.mark.parametrize(
    ("geometry", "verdict"),
    [
        (build_geometry(5, 4, 2, 1, transposed=True), "Full"),
        (build_geometry(6, 3, 1, 1), "Read"),
        (build_geometry(7, 3, 2), "Read"),
    ],
    ids=str,
)
def test_that_what_is_even_needs_no_repair(geometry: Geometry, verdict: str) -> None:
    picture = resolve_coverage(build_lab(geometry))
    assert picture.coverage == "full"
    assert picture.verdict.startswith(verdict)
    assert picture.repairs == ()


# Convolutions: how they read their input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "geometry",
    [
        build_geometry(6, 3, 1, 1),
        build_geometry((7, 5), (3, 2), (2, 1), (1, 0), (1, 2)),
        build_geometry(8, 1, 2),
        build_geometry(9, 3, 2, 2, 2),
    ],
    ids=str,
)
def test_that_of_a_convolution_the_places_that_read_each_input_pixel_are_counted(geometry: Geometry) -> None:
    picture = resolve_coverage(build_lab(geometry))
    assert picture.of_input
    assert picture.counts.note == f"{geometry.size[0]} × {geometry.size[1]}"
    for row, column in np.ndindex(geometry.size):
        x_HW = np.zeros(geometry.size)
        x_HW[row, column] = 1
        heard = apply(geometry, x_HW, np.ones(geometry.kernel))
        assert picture.counts.cells.values[row, column] == heard.sum()


def test_that_a_convolution_of_one_tap_and_stride_2_leaves_three_pixels_in_four_unread() -> None:
    picture = resolve_coverage(build_lab(build_geometry(8, 1, 2)))
    assert picture.coverage == "holes"
    assert picture.verdict.startswith("Unread: 48 of 64 input pixels (75%)")
    assert picture.law == "k = 1 is less than s = 2: the stamps do not touch. Holes."
    assert picture.repairs == ()


def test_that_of_a_convolution_only_a_pixel_of_the_input_is_pointed_at() -> None:
    geometry = build_geometry(6, 3, 1, 1)
    assert resolve_coverage(build_lab(geometry, pointed=(2, 5), of_input=True)).counts.marks.cursor == (2, 5)
    assert resolve_coverage(build_lab(geometry, pointed=(2, 5))).counts.marks.cursor is None


# In words -------------------------------------------------------------------------------------------------------------


def test_that_axes_that_differ_each_have_their_law() -> None:
    law = resolve_coverage(build_lab(build_geometry((6, 8), (3, 4), 2, 1, transposed=True))).law
    assert law.splitlines() == [
        "Along the height: gcd(1, 2) = 1 and k = 3 ≥ s = 2: no holes. But 2 does not divide 3: uneven.",
        "Along the width: gcd(1, 2) = 1, k = 4 ≥ s = 2, and 2 divides 4: full and even.",
    ]


def test_that_the_code_has_the_layers_channels() -> None:
    geometry = build_geometry(4, 3, 2, 1, 1, 1, transposed=True)
    lab = Lab(Operation(geometry, np.ones((6, 4, 4)), np.ones((6, 5, 3, 3)), np.zeros(5)))
    picture = resolve_coverage(lab)
    assert picture.code.startswith("nn.ConvTranspose2d(6, 5, 3")
    assert all("(6, 5, " in repair.code for repair in picture.repairs)


def test_that_only_a_pixel_of_the_output_is_pointed_at() -> None:
    geometry = build_geometry(4, 3, 2, 1, transposed=True)
    assert resolve_coverage(build_lab(geometry, pointed=(2, 5))).counts.marks.cursor == (2, 5)
    assert resolve_coverage(build_lab(geometry, pointed=(90, 90))).counts.marks.cursor == (6, 6)
    assert resolve_coverage(build_lab(geometry, pointed=(2, 2), of_input=True)).counts.marks.cursor is None
    assert resolve_coverage(build_lab(geometry)).counts.marks.cursor is None


def test_that_no_output_is_a_sentence_and_no_map() -> None:
    lab = open_preset(next(p for p in PRESETS if p.name.startswith("Slide 52")))
    picture = resolve_coverage(lab)
    assert picture.counts.cells is None
    assert picture.verdict.startswith("A kernel of 4 does not fit")
    assert picture.law.startswith("Set padding to 1 or less")
    assert picture.counts.empty == f"{picture.verdict}\n\n{picture.law}"
    assert (picture.coverage, picture.code, picture.repairs) == (None, "", ())
