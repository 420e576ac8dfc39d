"""The curves of runs as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from segbench.config import TrainConfig
from segbench.errors import SegbenchError
from segbench.events import EpochDone, StepDone, TrainingStarted
from segbench.export.curves import export_curves
from segbench.formats.runs import create_run
from segbench.records import Baselines, ClassScore, ClassTable, DatasetInfo, Scores

INFO = DatasetInfo("d", "purdue", "/d", ClassTable((), False), {}, None)


def start_fact(step: int = 0) -> TrainingStarted:
    return TrainingStarted("r", step, 4, 2, 2, "cpu", 1, 4, 2, "test", Baselines(), 0.0)


def epoch_fact(epoch: int, name: str = "disk") -> EpochDone:
    scores = Scores((ClassScore(name, 3, 1, 0), ClassScore("nowhere", 0, 0, 0)), 2)
    return EpochDone(epoch, 2 * epoch, 1.0, 0.5, scores, None, 1.0, True)


def write_run(folder: Path, *facts: TrainingStarted | StepDone | EpochDone) -> Path:
    run = create_run(folder, TrainConfig(), INFO)
    for fact in facts:
        run.append(fact)
    run.close()
    return run.path


def step_fact(step: int, loss: float = 1.0) -> StepDone:
    return StepDone(step, loss, 0.1, step * 0.5, 4)


def read(out: Path) -> list[dict[str, str]]:
    with open(out, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_that_every_step_has_a_row_and_an_epochs_values_stand_at_its_last_step(tmp_path: Path) -> None:
    run = write_run(tmp_path, start_fact(), step_fact(1), step_fact(2), epoch_fact(1), step_fact(3))
    list(export_curves([run], tmp_path / "out.csv"))
    rows = read(tmp_path / "out.csv")
    assert [(row["step"], row["epoch"], row["validation_loss"]) for row in rows] == [
        ("1", "1", ""),
        ("2", "1", "0.5"),
        ("3", "2", ""),
    ]
    assert rows[1]["iou disk"] == "0.75"
    assert rows[1]["iou nowhere"] == ""  # absent: neither 0 nor 1


def test_that_a_continuation_replaces_the_steps_it_did_again(tmp_path: Path) -> None:
    run = write_run(
        tmp_path, start_fact(), step_fact(1), step_fact(2), step_fact(3, 9.0), start_fact(2), step_fact(3, 2.0)
    )
    list(export_curves([run], tmp_path / "out.csv"))
    assert [(row["step"], row["loss"]) for row in read(tmp_path / "out.csv")] == [
        ("1", "1.0"),
        ("2", "1.0"),
        ("3", "2.0"),
    ]


def test_that_runs_with_different_classes_share_one_table(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, start_fact(), step_fact(2), epoch_fact(1, name)) for name in ("disk", "road")]
    list(export_curves(runs, tmp_path / "out.csv"))
    rows = read(tmp_path / "out.csv")
    assert [row["iou disk"] for row in rows] == ["0.75", ""]
    assert [row["iou road"] for row in rows] == ["", "0.75"]
    assert len({row["run"] for row in rows}) == 2


def test_that_nothing_half_written_is_left(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", start_fact(), step_fact(1))
    out = tmp_path / "out.csv"
    events = export_curves([run, run], out)
    for _ in range(3):
        next(events)
    events.close()
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_that_no_run_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(SegbenchError, match="no curves"):
        list(export_curves([], tmp_path / "out.csv"))
