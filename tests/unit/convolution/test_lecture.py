"""The lecture's examples are torch's random stream, and give what slides 48, 54, 58 and 62 print."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from segbench.convolution.geometry import build_geometry
from segbench.convolution.lecture import PRESETS, Preset, count_up, draw_random, draw_stream
from segbench.convolution.matrix import multiply
from segbench.errors import SegbenchError
from segbench.resources import find_resource
from tests.unit.convolution import printed

SLIDES = (48, 58, 62)


@pytest.fixture(scope="module")
def stream() -> dict[int, tuple[torch.Tensor, nn.ConvTranspose2d]]:
    """The three programs of the lecture one after the other on one stream, as its numbers show that they ran."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = {}
        drawn[48] = torch.randn((1, 4)).view(-1, 4, 1, 1), nn.ConvTranspose2d(4, 2, 4, 1, 0)
        drawn[58] = torch.randn((1, 32)).view(-1, 2, 4, 4), nn.ConvTranspose2d(2, 4, 3, 2, 0)
        drawn[62] = torch.randn((1, 32)).view(-1, 2, 4, 4), nn.ConvTranspose2d(2, 4, 3, 2, 1)
    return drawn


@pytest.mark.parametrize("slide", SLIDES)
def test_that_the_resource_is_torchs_stream(
    slide: int, stream: dict[int, tuple[torch.Tensor, nn.ConvTranspose2d]]
) -> None:
    stored = json.loads(find_resource("convolution", "stream.json").read_text(encoding="utf-8"))
    assert set(stored) == {f"slide {number}" for number in SLIDES}
    x, layer = stream[slide]
    entry = stored[f"slide {slide}"]
    assert tuple(entry["x_shape"]) == x.shape[1:]
    assert tuple(entry["weight_shape"]) == layer.weight.shape
    for name, right in (("x", x), ("weight", layer.weight), ("bias", layer.bias)):
        # Torch's own normal numbers differ in the last bit between kinds of processors
        np.testing.assert_allclose(entry[name], right.detach().numpy().ravel(), rtol=5e-7)


@pytest.mark.parametrize("slide", SLIDES)
def test_that_the_examples_give_torchs_output(
    slide: int, stream: dict[int, tuple[torch.Tensor, nn.ConvTranspose2d]]
) -> None:
    x, layer = stream[slide]
    operation = draw_stream(slide)
    right = layer(x).detach().numpy()[0]
    ours = np.stack([operation.compute_channel(o) for o in range(operation.channels[1])])
    assert ours.shape == right.shape
    np.testing.assert_allclose(ours, right, rtol=0, atol=1e-6)


def _compute(slide: int) -> np.ndarray:
    operation = draw_stream(slide)
    return np.stack([operation.compute_channel(o) for o in range(operation.channels[1])])


def test_that_slide_48s_numbers_are_ours() -> None:
    operation = draw_stream(48)
    assert printed.compare(printed.X_48, operation.x_IHW, {}) == []
    assert operation.weight_IOHW.shape == (4, 2, 4, 4)
    assert operation.weight_IOHW.size == 128
    assert printed.compare(printed.WEIGHT_48, operation.weight_IOHW, printed.MISREAD_WEIGHT_48) == []
    assert _compute(48).shape == (2, 4, 4)
    assert printed.compare(printed.Y_48, _compute(48), printed.MISREAD_Y_48) == []


def test_that_slide_58s_numbers_are_ours() -> None:
    assert printed.compare(printed.X_58, draw_stream(58).x_IHW, {}) == []
    assert _compute(58).shape == (4, 9, 9)
    assert printed.compare(printed.Y_58, _compute(58), printed.MISREAD_Y_58) == []


def test_that_slide_62s_numbers_are_ours() -> None:
    assert printed.compare(printed.X_62, draw_stream(62).x_IHW, {}) == []
    assert _compute(62).shape == (4, 7, 7)
    assert printed.compare(printed.Y_62, _compute(62), printed.MISREAD_Y_62) == []


def test_that_a_wrong_digit_would_be_found() -> None:
    """Of us, of the print, and of what is called misread."""
    y = _compute(62)
    y[3, 6, 6] += 2e-5
    assert printed.compare(printed.Y_62, y, printed.MISREAD_Y_62)[0].startswith("(3, 6, 6)")
    y = _compute(62)
    assert len(printed.compare(printed.Y_62, y, {})) == len(printed.MISREAD_Y_62)
    assert len(printed.compare(printed.Y_62.replace("2.7392e-01", "2.7393e-01"), y, printed.MISREAD_Y_62)) == 1
    for table in (printed.MISREAD_WEIGHT_48, printed.MISREAD_Y_48, printed.MISREAD_Y_58, printed.MISREAD_Y_62):
        assert all(word != right for word, right in table.values())


def test_that_each_of_slide_50s_kernels_goes_from_its_input_channel_to_its_output_channel() -> None:
    """ "The first two 4 x 4 matrices are for taking the first channel of the input to each of the two channels of the output." """
    operation = draw_stream(48)
    for i, value in enumerate(operation.x_IHW[:, 0, 0]):
        for o in range(2):  # one input pixel: its stamp is the whole output
            np.testing.assert_allclose(operation.compute_pair(i, o), value * operation.weight_IOHW[i, o], atol=1e-15)


def test_that_slide_54_has_the_inner_2_by_2_of_slide_48() -> None:
    """Padding takes a row and a column away on each side."""
    np.testing.assert_allclose(draw_stream(48, 1).compute_channel(0), _compute(48)[0, 1:3, 1:3], atol=1e-15)
    assert draw_stream(48, 1).geometry.output == (2, 2)


def test_that_padding_of_slide_62_takes_the_border_away() -> None:
    assert draw_stream(62).geometry.output == (7, 7)
    np.testing.assert_allclose(draw_stream(62, 0).compute_channel(2)[1:8, 1:8], _compute(62)[2], atol=1e-15)


def test_that_numbers_count_up_row_by_row() -> None:
    operation = count_up(build_geometry((2, 3), 2))
    assert np.array_equal(operation.x_IHW[0], [[1, 2, 3], [4, 5, 6]])
    assert np.array_equal(operation.weight_IOHW[0, 0], [[1, 2], [3, 4]])
    assert not operation.bias_O.any()


def test_that_random_numbers_are_whole_and_follow_from_the_seed() -> None:
    drawn = draw_random((40, 40), 3)
    assert np.array_equal(drawn, draw_random((40, 40), 3))
    assert not np.array_equal(drawn, draw_random((40, 40), 4))
    assert np.array_equal(np.unique(drawn), np.arange(-9.0, 10))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_that_every_preset_computes(preset: Preset) -> None:
    operation = preset.build()
    if preset.name.startswith("Slide 52"):
        with pytest.raises(SegbenchError):
            operation.geometry.check()
        return
    operation.geometry.check()
    assert operation.bias_O.shape == operation.channels[1:]
    assert operation.x_IHW.shape[1:] == operation.geometry.size
    assert operation.weight_IOHW.shape[2:] == operation.geometry.kernel
    y = operation.compute_channel(0)
    assert y.shape == operation.geometry.output
    if operation.channels == (1, 1) and operation.geometry.size[0] < 32:
        np.testing.assert_allclose(multiply(operation.geometry, operation.x_IHW[0], operation.weight_IOHW[0, 0]), y)


def test_that_presets_have_names_of_their_own_and_notes() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    assert all(preset.note.endswith(".") and preset.group for preset in PRESETS)


# Dumoulin and Visin 2018: input and output of each figure of theirs, all square
GUIDE = {
    "No padding, no strides": (4, 2), "No padding, no strides, transposed": (2, 4), "Arbitrary padding": (5, 6),
    "Arbitrary padding, transposed": (6, 5), "Half padding (same)": (5, 5), "Half padding, transposed": (5, 5),
    "Full padding": (5, 7), "Full padding, transposed": (7, 5), "Strides, no padding": (5, 2),
    "Strides, no padding, transposed": (2, 5), "Strides and padding": (5, 3), "Strides and padding, transposed": (3, 5),
    "Strides and padding, odd": (6, 3), "Strides and padding, odd, transposed": (3, 6), "Dilation": (7, 3),
}  # fmt: skip


def test_that_the_guides_cases_have_the_guides_sizes() -> None:
    cases = {preset.name: preset.build().geometry for preset in PRESETS if preset.group.startswith("Dumoulin")}
    assert {name: (case.size[0], case.output[0]) for name, case in cases.items()} == GUIDE
    assert all(case.size[0] == case.size[1] for case in cases.values())
