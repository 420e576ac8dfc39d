"""What options of a command mean that name classes."""

from __future__ import annotations

import pytest

from segbench.cli.arguments import build_parser
from segbench.cli.choosing import choose_colors
from segbench.cli.main import run_command
from segbench.errors import SegbenchError
from segbench.records import ClassInfo, ClassTable

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
