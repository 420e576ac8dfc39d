"""What options of a command mean that name classes."""

from __future__ import annotations

import pytest

from segbench.cli.arguments import build_parser
from segbench.cli.choosing import choose_colors, choose_reading
from segbench.cli.main import run_command
from segbench.errors import SegbenchError
from segbench.records import ClassInfo, ClassTable
from segbench.targets import half_reading, lecture_reading

CLASSES = ClassTable((ClassInfo("a=b", (1, 2, 3)), ClassInfo("star", (4, 5, 6))), exclusive=False)


def parse(*colors):
    options = [word for color in colors for word in ("--color", color)]
    return build_parser("export").parse_args(["export", "data", "--out", "masks", *options])


def test_that_a_class_keeps_its_colour_unless_it_is_given_one():
    assert choose_colors(CLASSES, parse()) == CLASSES.colors
    assert choose_colors(CLASSES, parse("a=b=#0A0b0C")) == ((10, 11, 12), (4, 5, 6))
    assert choose_colors(CLASSES, parse("star=#ffffff", "star=#000000")) == ((1, 2, 3), (0, 0, 0))


@pytest.mark.parametrize("text", ["star=red", "star=#fff", "star=#12345g", "disk=#123456", "#123456", "star", ""])
def test_that_a_colour_that_cannot_be_read_is_told_with_the_classes_there_are(text):
    with pytest.raises(SegbenchError, match=f"--color {text} is no colour of a class") as told:
        choose_colors(CLASSES, parse(text))
    assert "a=b, star" in told.value.hint


def test_that_a_wrong_colour_ends_a_command_with_one_sentence(tmp_path, capsys):
    assert run_command(["generate", str(tmp_path / "few.gz"), "--count", "2", "--size", "16"]) == 0
    out = tmp_path / "masks"
    assert run_command(["export", str(tmp_path / "few.gz"), "--out", str(out), "--color", "star=blue"]) == 1
    assert "--color star=blue is no colour of a class." in capsys.readouterr().err
    assert not out.exists()


SHAPES = ClassTable(tuple(ClassInfo(name, (k, k, k), 50 * k) for k, name in enumerate("abcde", 1)), exclusive=False)


def read(scale, *options):
    parsed = build_parser("predict").parse_args(["predict", "run", "data", "--out", "masks", *options])
    return choose_reading(half_reading(SHAPES), SHAPES, scale, parsed)


def test_that_a_reading_of_grey_values_can_be_asked_for():
    assert read("value") is read("value", "--reading", "half") is None
    assert read("value", "--reading", "lecture") == lecture_reading(SHAPES)
    assert read("value", "--threshold", "60").windows[1] == (60.0, float("inf"))
    assert read("value", "--window", "a=:40").windows[0] == (float("-inf"), 40.0)


@pytest.mark.parametrize(
    ("scale", "options"),
    [
        ("probability", ["--reading", "half"]),
        ("probability", ["--reading", "lecture"]),
        ("probability", ["--threshold", "5"]),
        ("probability", ["--threshold=-0.1"]),
        ("probability", ["--threshold", "0.5", "--window", "b=0.2:85"]),
        ("probability", ["--threshold", "nan"]),
        ("value", ["--threshold", "inf"]),
        ("value", ["--reading", "lecture", "--threshold", "90"]),  # a's window would be 90 to 85
        ("value", ["--window", "a=nan:"]),
    ],
)
def test_that_a_window_in_which_no_score_can_lie_is_refused(scale, options):
    with pytest.raises(SegbenchError):
        read(scale, *options)
