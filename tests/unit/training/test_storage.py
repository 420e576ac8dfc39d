"""A run's folder that cannot be written stops nothing: the trainer says so, and goes on where it was once it can."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from segbench.config import TrainConfig, override
from segbench.data.dataset import Dataset
from segbench.events import LoggedEvent, StepDone, StorageFailed, TrainingEnded, TrainingStarted
from segbench.formats.checkpoints import read_checkpoint
from segbench.formats.runs import Run, create_run, open_run
from segbench.training import trainer
from segbench.training.trainer import train

SMALL = override(TrainConfig(), ["network.depth=4", "epochs=2", "data.batch_size=4", "threads=1", "data.hold_out=0"])


def start(folder: Path, dataset: Dataset) -> Run:
    return create_run(folder, SMALL, dataset.info)


def steps(run: Run) -> list[int]:
    return [event.step for event in run.events() if isinstance(event, StepDone)]


def assert_equal(run: Run, other: Run) -> None:
    a, b = (read_checkpoint(one.checkpoint("last"))[1] for one in (run, other))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, shapes: Dataset) -> Run:
    """What a run that nothing happens to ends with."""
    run = start(tmp_path_factory.mktemp("whole"), shapes)
    list(train(SMALL, shapes, run))
    return run


def fail(times: int, action: Callable[..., Any]) -> Callable[..., Any]:
    """The action, after so many calls that find the disk full."""
    left = iter(range(times))

    def act(*given: Any) -> Any:
        if next(left, None) is not None:
            raise OSError(28, "No space left on device", "last.safetensors")
        return action(*given)

    return act


def test_that_a_full_disk_is_told_and_costs_neither_a_step_nor_a_line(
    tmp_path: Path, shapes: Dataset, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(tmp_path, shapes)
    monkeypatch.setattr(trainer, "save_checkpoint", fail(3, trainer.save_checkpoint))
    events = list(train(SMALL, shapes, run))
    told = [event for event in events if isinstance(event, StorageFailed)]
    assert [event.step for event in told] == [3, 3, 3]
    assert told[0].report.message == "The disk is full (last.safetensors)."
    assert steps(run) == [1, 2, 3, 4, 5, 6]
    assert run.describe().state == "completed"
    assert_equal(run, whole)


def test_that_a_line_of_the_log_is_written_once_when_there_is_room(
    tmp_path: Path, shapes: Dataset, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(tmp_path, shapes)
    append = Run.append

    def refuse(self: Run, event: LoggedEvent) -> None:
        (again if isinstance(event, StepDone) and event.step == 4 else append)(self, event)

    again = fail(2, append)
    monkeypatch.setattr(Run, "append", refuse)
    events = list(train(SMALL, shapes, run))
    assert [event.step for event in events if isinstance(event, StorageFailed)] == [4, 4]
    assert [event.step for event in events if isinstance(event, StepDone)] == steps(run) == [1, 2, 3, 4, 5, 6]
    assert_equal(run, whole)


def test_that_a_stop_while_the_disk_is_full_keeps_the_last_checkpoint(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(tmp_path, shapes)
    job = train(SMALL, shapes, run)
    next(event for event in job if isinstance(event, StepDone) and event.step == 4)
    monkeypatch.setattr(trainer, "save_checkpoint", fail(99, trainer.save_checkpoint))
    with pytest.raises(OSError, match="space"):
        job.close()
    assert read_checkpoint(run.checkpoint("last"))[0].step == 3


def test_that_a_folder_that_is_gone_is_told_and_made_anew(tmp_path: Path, shapes: Dataset, whole: Run) -> None:
    run = start(tmp_path, shapes)
    told = []
    for event in train(SMALL, shapes, run):
        if isinstance(event, StepDone) and event.step == 2:
            shutil.rmtree(run.path)
        if isinstance(event, StorageFailed):
            told.append(event)
    assert [event.step for event in told] == [3]
    assert "is gone" in told[0].report.message
    again = open_run(run.path)
    assert isinstance(next(again.events()), TrainingStarted)
    assert steps(again) == [3, 4, 5, 6]
    assert again.describe().state == "completed"
    assert_equal(again, whole)


def test_that_a_folder_that_is_put_back_goes_on_as_it_was(tmp_path: Path, shapes: Dataset, whole: Run) -> None:
    run = start(tmp_path, shapes)
    away = tmp_path / "away"
    for event in train(SMALL, shapes, run):
        if isinstance(event, StepDone) and event.step == 2:
            run.path.rename(away)
        if isinstance(event, StorageFailed):
            away.rename(run.path)
    assert steps(run) == [1, 2, 3, 4, 5, 6]
    assert_equal(run, whole)


FULL = """
import signal, sys, resource
from pathlib import Path
from segbench.data.dataset import Dataset
from segbench.data.shapes import generate
from segbench.events import StorageFailed, TrainingEnded
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.formats.runs import create_run
from segbench.config import TrainConfig, override
from segbench.training.trainer import train

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
config = override(TrainConfig(), ["network.depth=4", "epochs=2", "data.batch_size=4", "threads=1", "data.hold_out=0"])
data = Dataset.from_samples([*generate(12, seed=3, size=32), *generate(4, seed=3, size=32, split="val", first=12)], PURDUE_CLASSES, "shapes")
run = create_run(Path(sys.argv[1]), config, data.info)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
for event in train(config, data, run):
    if isinstance(event, StorageFailed):
        print(event.report.message, sorted(path.name for path in (run.path / "checkpoints").iterdir()))
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print(type(event).__name__, run.path)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_that_a_disk_that_is_really_full_leaves_nothing_half_written(tmp_path: Path, whole: Run) -> None:
    told = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    failed, ended = told.stdout.splitlines()
    assert failed.endswith("[]")
    assert ended.startswith(TrainingEnded.__name__)
    assert_equal(open_run(Path(ended.split(maxsplit=1)[1])), whole)
    assert not [name for name in os.listdir(Path(ended.split(maxsplit=1)[1]) / "checkpoints") if name.endswith(".part")]
