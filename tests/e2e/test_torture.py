"""The short forms of scripts/torture.py: what it does to segbench in an hour, for some seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "torture.py"


def torture(name: str, amount: int, seed: int) -> str:
    """What the script prints; it fails if a promise was broken."""
    command = [sys.executable, str(SCRIPT), name, "--amount", str(amount), "--seed", str(seed)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert told.returncode == 0, told.stderr + told.stdout
    return told.stdout


@pytest.mark.heavy
def test_that_a_training_killed_ten_times_ends_as_if_nothing_had_happened() -> None:
    assert "| 10 of 10; " in torture("kills", 10, seed=5)


@pytest.mark.heavy
def test_that_hostile_files_end_in_one_sentence() -> None:
    assert "| nothing was |" in torture("hostile", 15, seed=0)


@pytest.mark.heavy
def test_that_damaged_files_end_in_words() -> None:
    assert "0 other errors" in torture("fuzzing", 7, seed=11)


@pytest.mark.heavy
def test_that_a_window_closed_in_the_middle_of_its_work_loses_nothing() -> None:
    assert torture("closing", 1, seed=4).count("| 1 of 1, ") == 5


@pytest.mark.heavy
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_that_a_monkey_finds_nothing_in_five_hundred_actions(seed: int) -> None:
    assert "| none is | yes |" in torture("monkey", 500, seed)
