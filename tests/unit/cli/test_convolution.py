"""`segbench conv`: the lab's numbers as text, as JSON and as a program, and one sentence where there are none."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from segbench.__main__ import opens_window
from segbench.cli.convolution import find_preset
from segbench.cli.main import run_command
from segbench.convolution.code import write_code
from segbench.convolution.coverage import judge
from segbench.convolution.geometry import build_geometry
from segbench.convolution.lecture import PRESETS, count_up, draw_random, draw_stream
from segbench.errors import SegbenchError
from segbench.networks import judge as torch_judge


@pytest.fixture
def conv(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert run_command(["conv", *arguments]) == 0
        told = capsys.readouterr()
        assert told.err == ""
        return told.out

    return run


@pytest.fixture
def fail(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert run_command(["conv", *arguments]) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert len(told.err.splitlines()) == 1
        return told.err

    return run


def _find_grid(text: str, title: str) -> list[str]:
    """The rows below the line that begins with this title, one space between cells."""
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith(title)) + 1
    grid = []
    for line in lines[start:]:
        if not line.startswith("  "):
            break
        grid.append(" ".join(line.split()))
    return grid


def _to_numbers(grid: list[str]) -> np.ndarray:
    return np.array([[0.0 if cell == "·" else float(cell) for cell in row.split()] for row in grid])


EXAMPLE = ("--transpose", "-i", "4", "-k", "3", "-s", "2", "-p", "1")


def test_that_the_example_prints_layer_sizes_and_every_grid(conv: Any) -> None:
    text = conv(*EXAMPLE)
    lines = text.splitlines()
    assert lines[0] == "nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, bias=False)"
    assert "N = d(k − 1) − p = 1·(3 − 1) − 1 = 1" in lines[1]
    assert "H_out = (H_in − 1)s + k − 2p = (4 − 1)·2 + 3 − 2·1 = 7" in lines[2]
    operation = count_up(build_geometry(4, 3, 2, 1, transposed=True))
    assert np.array_equal(_to_numbers(_find_grid(text, "Input, 4 × 4")), operation.x_IHW[0])
    assert np.array_equal(_to_numbers(_find_grid(text, "Kernel, 3 × 3")), operation.weight_IOHW[0, 0])
    assert np.array_equal(_to_numbers(_find_grid(text, "Output, 7 × 7")), operation.compute_channel(0))
    assert np.array_equal(_to_numbers(_find_grid(text, "Input pixels that reach")), operation.geometry.count_inputs())
    assert _find_grid(text, "Kernel as it sweeps (turned by 180°)")[0] == "9 8 7"


def test_that_zeros_that_were_put_in_are_dots_and_zeros_of_the_input_are_not(conv: Any) -> None:
    grid = _find_grid(conv(*EXAMPLE), "Input as it is swept (zeros between and around), 9 × 9")
    assert grid[0] == "· · · · · · · · ·"
    assert grid[1] == "· 1 · 2 · 3 · 4 ·"
    padded = _find_grid(conv("--preset", "slide 33"), "Input, 3 × 3")  # no padding: nothing else is swept
    assert padded[0] == "1 2 3"
    kernel = _find_grid(conv("--preset", "slide 13"), "Kernel as it sweeps (dilated), 5 × 5")
    assert kernel[0] == "-1 · 0 · 1"


def test_that_columns_stand_below_each_other(conv: Any) -> None:
    for text in (conv(*EXAMPLE), conv("--preset", "slide 62")):
        for block in text.split("\n\n")[1:]:
            widths = {len(line) for line in block.splitlines()[1:] if line.startswith("  ") and "nn." not in line}
            assert len(widths) == 1


def test_that_coverage_is_judged_and_repairs_are_named(conv: Any) -> None:
    text = conv(*EXAMPLE)
    assert "Uneven: away from the borders output pixels hear of 1 to 4 input pixels by turns" in text
    assert (
        "kernel twice the stride: nn.ConvTranspose2d(1, 1, 4, stride=2, padding=2, output_padding=1, bias=False). Full"
        in text
    )
    full = conv("--transpose", "-i", "4", "-k", "4", "-s", "2", "-p", "1")
    assert "Full: away from the borders every output pixel hears of 4 input pixels." in full
    assert "Upsample" not in full
    assert "Input pixels that reach" not in conv("-i", "4")  # a convolution
    border = conv("--transpose", "-i", "4", "-k", "2", "-s", "2", "-o", "1")
    assert "hears of 1 input pixel. At the border 17 hear of none." in border
    assert "so small that it is all border" in conv("--preset", "slide 54")


def test_that_above_16_columns_sizes_stand_alone_with_a_sentence(conv: Any) -> None:
    text = conv("--preset", "mUnet")
    assert "Output, 64 × 64 (not printed)" in text
    assert "Holes: 3,072 of 4,096 output pixels (75%)" in text
    assert text.splitlines()[-1].startswith("Grids of more than 16 columns")
    assert max(len(line) for line in text.splitlines() if "nn." not in line) < 130
    assert "Grids of more" not in conv(*EXAMPLE)


def test_that_knobs_may_differ_by_axis(conv: Any) -> None:
    text = conv("-i", "5x3", "-k", "3x2", "-p", "0x1", "-s", "2")
    assert text.startswith("nn.Conv2d(1, 1, (3, 2), stride=2, padding=(0, 1), bias=False)\n")
    assert "H_out" in text
    assert "W_out" in text
    assert "Never read, at the end of the padded input: rows 0, columns 1" in text


def test_that_values_are_the_labs(conv: Any) -> None:
    assert _to_numbers(_find_grid(conv("-i", "3", "-k", "2", "--values", "ones"), "Output")).tolist() == [
        [4, 4],
        [4, 4],
    ]
    text = conv("-i", "3", "-k", "2", "--values", "random", "--seed", "5")
    assert np.array_equal(_to_numbers(_find_grid(text, "Input")), draw_random((3, 3), 5))
    assert np.array_equal(_to_numbers(_find_grid(text, "Kernel")), draw_random((2, 2), 6))
    assert text == conv("-i", "3", "-k", "2", "--values", "random", "--seed", "5")


# Presets ----------------------------------------------------------------------------------------------------------------


def test_that_a_preset_is_found_by_a_part_of_its_name_or_its_slide() -> None:
    for text, start in (("slide 48", "Slide 48"), ("SLIDE 57", "Slides 56"), ("slides 31", "Slides 30"), ("munet", "mUnet's"),
                        ("dilation", "Dilation"), ("no padding, no strides", "No padding, no strides")):  # fmt: skip
        assert find_preset(text).name.startswith(start)
    for preset in PRESETS:
        assert find_preset(preset.name) is preset


def test_that_a_name_of_several_or_none_lists_the_candidates(fail: Any) -> None:
    told = fail("--preset", "slide 4")
    assert "3 examples are called 'slide 4'" in told
    assert "Slide 41: stride 2, rows zeroed; Slide 42: stride 2, rows dropped; Slide 48" in told
    assert "Slide 33" not in told
    assert "Slide 33" in fail("--preset", "nowhere")
    with pytest.raises(SegbenchError):
        find_preset(" ")


def test_that_a_preset_goes_with_no_knobs(fail: Any) -> None:
    assert "--preset brings its own numbers, so --stride, --values cannot go with it" in fail(
        "--preset", "slide 48", "-s", "2", "--values", "ones"
    )


def test_that_every_channel_of_a_preset_is_printed_or_the_pair_that_is_asked_for(conv: Any) -> None:
    text, operation = conv("--preset", "slide 48"), draw_stream(48)
    for o in range(2):
        printed = _to_numbers(_find_grid(text, f"Output channel {o} (bias"))
        np.testing.assert_allclose(printed, operation.compute_channel(o), atol=0.51e-4)
    assert text.count("Kernel from") == 8
    assert "-0.4970" in text  # the slide's first line
    pair = conv("--preset", "slide 48", "--channels", "2,1")
    assert pair.count("Kernel from 2 to 1") == pair.count("Kernel from") == 1
    printed = _to_numbers(_find_grid(pair, "What input channel 2 adds to output channel 1"))
    np.testing.assert_allclose(printed, operation.compute_pair(2, 1), atol=0.51e-4)


def test_that_atrous_presets_print_both_readings(conv: Any) -> None:
    text = conv("--preset", "slide 13")
    assert _find_grid(text, "Output, 12 × 12")[0] == "0 0 0 0 -9 -9 -9 -9 0 0 0 0"
    assert _find_grid(text, "Output, 11 × 11")[0] == "0 0 0 9 9 9 9 0 0 0 0"
    assert _find_grid(text, "Kernel, 6 × 6")[0] == "-1 · 0 · 1 ·"
    assert "Output, 14 × 14" in conv("--preset", "slide 11")


@pytest.mark.parametrize("preset", [preset.name for preset in PRESETS if "error" not in preset.name])
def test_that_every_preset_can_be_printed(preset: str, conv: Any) -> None:
    assert preset.split(":")[0] in conv("--preset", preset)


# More on request --------------------------------------------------------------------------------------------------------


def test_that_the_matrix_is_printed_with_numbers_or_letters(conv: Any) -> None:
    letters = _find_grid(conv("-i", "3", "-k", "2", "--letters"), "C, with y = C x")
    assert letters[1] == "· a b · c d · · ·"
    numbers = _find_grid(
        conv("-i", "3", "-k", "2", "--matrix"), "C, with y = C x: a row an output pixel, a column an input pixel, 4 × 9"
    )
    assert numbers[1] == "· 1 2 · 3 4 · · ·"
    back = conv("--transpose", "-i", "2", "-k", "2", "--matrix")
    assert len(_find_grid(back, "C, with y = Cᵀ x: a row an input pixel, a column an output pixel, 4 × 9")) == 4
    assert "C, with y = C x: a row an output pixel, a column an input pixel, 400 × 400 (not printed)" in conv(
        "-i", "20", "-k", "1", "--matrix"
    )


def test_that_slides_32_41_and_42_print_their_matrices(conv: Any) -> None:
    columns = _find_grid(conv("--preset", "slide 32"), "A column an output pixel; y = [a b c d]")
    assert columns[1] == "2 3 5 6"
    drawn = _find_grid(conv("--preset", "slide 41"), "C, with y = C x")
    assert len(drawn) == 9
    assert drawn[6] == "· · · · · · · · a b · · c d · ·"
    assert len(_find_grid(conv("--preset", "slide 42"), "C, with y = C x")) == 4


def test_that_a_pixels_sum_is_written_out(conv: Any) -> None:
    text = conv("-i", "3", "-k", "2", "--pixel", "0,1")
    assert "y[0,1] = x[0,1]·k[0,0] + x[0,2]·k[0,1] + x[1,1]·k[1,0] + x[1,2]·k[1,1]" in text
    assert "= 2·1 + 3·2 + 5·3 + 6·4" in text
    assert "= 47\n" in text
    text = conv("--preset", "slide 62", "--pixel", "1,2")
    assert "y[3,1,2] = x[0,1,1]·k[0,0,1] + x[0,0,1]·k[0,2,1] + x[1,1,1]·k[1,0,1] + x[1,0,1]·k[1,2,1] + bias" in text
    assert "= 0.2797\n" in text
    assert "7 of 9 taps meet zeros that were put in." in text
    hole = conv("--preset", "mUnet", "--pixel", "1,1")
    assert "y[1,1] = 0\n" in hole
    assert "No tap meets an input pixel: a hole." in hole


def test_that_torch_judges_on_request(conv: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = conv(*EXAMPLE, "--prove")
    assert text.count("All agree: at most") == 2
    for way in (
        "stamped kernels added up",
        "zeros inserted",
        "Cᵀ times",
        "F.conv_transpose2d",
        "input gradient of F.conv2d",
    ):
        assert way in text.split("\nForward")[1]
    monkeypatch.setattr(torch_judge, "scatter", lambda geometry, *_: np.zeros(geometry.output))
    text = conv(*EXAMPLE, "--prove")
    assert "They do NOT agree: up to 2.4e+02 apart, at values up to 244." in text


def test_that_code_prints_the_program_alone(conv: Any) -> None:
    assert conv(*EXAMPLE, "--code") == write_code(count_up(build_geometry(4, 3, 2, 1, transposed=True)))


def test_that_json_holds_everything(conv: Any) -> None:
    document = json.loads(conv(*EXAMPLE, "--json", "--matrix", "--pixel", "1,1", "--prove"))
    operation = count_up(build_geometry(4, 3, 2, 1, transposed=True))
    assert document["layer"].startswith("nn.ConvTranspose2d(1, 1, 3")
    assert (document["size"], document["stride"], document["output"]) == ([4, 4], [2, 2], [7, 7])
    assert (document["border"], document["swept"]) == ([1, 1], [9, 9])
    assert np.array_equal(document["values"]["output"][0], operation.compute_channel(0))
    assert np.shape(document["values"]["swept"]) == (1, 9, 9)
    assert document["coverage"]["verdict"] == judge(operation.geometry) == "uneven"
    assert [repair["verdict"] for repair in document["coverage"]["repairs"]] == ["full", "full"]
    assert np.shape(document["matrix"]["values"]) == (16, 49)
    assert document["pixel"]["sum"] == sum(term["product"] for term in document["pixel"]["terms"]) == 44
    assert document["proof"]["agrees"] is True
    assert len(document["proof"]["forward"]["differences"]) == 10
    assert document["code"] == write_code(operation)
    plain = json.loads(conv("--preset", "slide 58", "--json"))
    assert np.shape(plain["values"]["output"]) == (4, 9, 9)
    assert not {"matrix", "pixel", "proof"} & set(plain)
    assert json.loads(conv("--json"))["coverage"] is None


# What does not work -----------------------------------------------------------------------------------------------------


def test_that_slide_52s_error_is_one_sentence(fail: Any) -> None:
    told = fail("--transpose", "-i", "1", "-k", "4", "-p", "2")
    assert (
        "A kernel of 4 does not fit into the padded input of 3: the output would have 0 pixels. Set padding to 1 or less"
        in told
    )
    assert told == fail("--preset", "slide 52")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-k", "0"], "The kernel size is 0. Choose 1 or more."),
        (["-p", "-1"], "The padding is -1. Choose 0 or more."),
        (["-o", "1"], "A convolution has no output padding."),
        (["-i", "4x2", "-k", "3"], "along the width"),
        (["--pixel", "2,0"], "--pixel 2,0 is not there: 2 × 2 rows and columns of output. Count from 0: up to 1,1."),
        (["--channels", "0,1"], "--channels 0,1 is not there"),
        (["--seed", "-1", "--values", "random"], "--seed -1 is too small."),
        (["--transpose", "-i", "5000"], "The padded input would have 5004 × 5004 pixels."),
        (["-i", "999999999"], "Up to 1,048,576 can be computed here."),
        (["-i", "900", "-k", "400"], "is too much work here."),
        (["-i", "60", "-k", "1", "--json", "--matrix"], "The matrix would have 12,960,000 cells."),
        (["-i", "4x"], "4x is neither a number nor HxW"),
        (["--pixel", "3"], "3 is not two numbers"),
        (["--values", "zeros"], "invalid choice"),
    ],
)
def test_that_what_cannot_be_done_is_told_in_one_sentence(arguments: list[str], sentence: str, fail: Any) -> None:
    assert sentence in fail(*arguments)


def test_that_the_largest_that_is_allowed_works(conv: Any) -> None:
    text = conv("-i", "1024", "-k", "1")
    assert "Output, 1024 × 1024 (not printed)" in text


def test_that_conv_is_a_command_even_where_a_folder_is_called_so(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conv").mkdir()
    assert not opens_window(["conv"])


def test_that_torch_is_not_loaded_without_prove() -> None:
    program = (
        "import sys; from segbench.__main__ import main\n"
        "assert main(['conv', '--preset', 'slide 48', '--pixel', '0,0', '--matrix']) == 0\n"
        "assert 'torch' not in sys.modules and 'PySide6' not in sys.modules"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    assert torch.__name__ in sys.modules  # and here it is
