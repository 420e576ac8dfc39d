"""What the window's end-to-end tests share: a run of the program in this process, a small dataset and a small trained run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

TRAINING, TESTS, SIDE = 24, 6, 24


class Place(NamedTuple):
    """A dataset of shapes (24 images of 24 x 24 to train on, 6 to test on) and a run of 8 epochs on it."""

    data: Path
    run: Path


@pytest.fixture
def run_app(qapp: Any, tmp_path: Path) -> Callable[..., int]:
    """run_app(body, *arguments): the program with these arguments, and `body(user)` at its window. See driving.run_app."""
    from tests.e2e import driving

    def run(body: driving.Body, *arguments: object) -> int:
        return driving.run_app(body, *map(str, arguments), qt=qapp, album=tmp_path / "screen")

    return run


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of shapes, written once."""
    from segbench.data.shapes import write_shapes

    out = tmp_path_factory.mktemp("shapes") / "small"
    for _ in write_shapes(out, TRAINING, TESTS, seed=3, size=SIDE):
        pass
    return out


@pytest.fixture(scope="session")
def place(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run that has learnt enough for its masks to change with the thresholds; trained once, headless."""
    from segbench.cli.main import run_command

    root = tmp_path_factory.mktemp("trained")
    run = root / "small run"
    settings = ["network.depth=4", "data.batch_size=8", "epochs=8", "data.hold_out=0", "threads=1"]
    sets = [part for setting in settings for part in ("--set", setting)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGBENCH_HOME", str(root / "home"))
        assert run_command(["train", str(shapes), *sets, "--out", str(run)]) == 0
    return Place(shapes, run)
