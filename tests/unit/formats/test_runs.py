"""A run is its folder: what was appended comes back, a torn line does not spoil the rest, two writers are told apart."""

import errno
import sys
from pathlib import Path
from typing import IO

import pytest

from segbench.config import TrainConfig, override
from segbench.errors import SegbenchError
from segbench.events import CheckpointSaved, EpochDone, StepDone, TrainingEnded, TrainingStarted
from segbench.formats import runs
from segbench.formats.runs import create_run, delete_run, find_runs, open_run
from segbench.records import Baselines, ClassScore, DatasetInfo, Scores

INFO = DatasetInfo("shapes", "purdue", "shapes.gz", None, {"train": 8}, (64, 64))
STARTED = TrainingStarted("run", 0, 4, 2, 2, "cpu, 1 thread", 10, 8, 0, "", Baselines(490.0, 480.0), 1.0)
SCORES = Scores((ClassScore("a", 3, 1, 0),), images=1)


def test_that_the_log_comes_back_as_it_was_written(tmp_path: Path) -> None:
    run = create_run(tmp_path, TrainConfig(), INFO)
    events = [
        STARTED,
        StepDone(1, 2.5, 0.1, 0.5, 4),
        EpochDone(1, 1, 2.5, None, SCORES, None, 0.6, True),
        CheckpointSaved("best", "x", 1),
        TrainingEnded("stopped", 1, 0.6, 10),
    ]
    for event in events:
        run.append(event)
    run.close()
    assert list(open_run(run.path).events()) == events
    assert open_run(run.path).config == TrainConfig()


def test_that_a_torn_last_line_is_dropped_and_does_not_swallow_the_next(tmp_path: Path) -> None:
    run = create_run(tmp_path, TrainConfig(), INFO)
    run.append(STARTED)
    run.close()
    log = run.path / "events.jsonl"
    log.write_bytes(log.read_bytes() + b'{"event":"StepDone","step":1,"lo')
    again = open_run(run.path)
    again.append(StepDone(1, 2.0, 0.1, 0.5, 4))
    again.close()
    assert list(again.events()) == [STARTED, StepDone(1, 2.0, 0.1, 0.5, 4)]


def test_that_a_line_of_bytes_that_are_no_text_is_dropped_and_such_a_run_file_refused(tmp_path: Path) -> None:
    run = create_run(tmp_path, TrainConfig(), INFO)
    run.append(STARTED)
    run.close()
    log = run.path / "events.jsonl"
    log.write_bytes(b'{"event":"CheckpointSaved","kind":"last","path":"\xff","step":1}\n' + log.read_bytes())
    assert list(open_run(run.path).events()) == [STARTED]
    file = run.path / "run.json"
    file.write_bytes(file.read_bytes().replace(b"shapes", b"shap\xff\xff", 1))
    with pytest.raises(SegbenchError, match="could not be read"):
        open_run(run.path)
    assert find_runs(tmp_path) == []


def test_that_the_list_tells_how_each_run_ended(tmp_path: Path) -> None:
    fresh, killed, done = (create_run(tmp_path, TrainConfig(), INFO) for _ in range(3))
    for run in (killed, done):
        run.append(STARTED)
        run.append(StepDone(1, 2.0, 0.1, 0.5, 4))
        run.append(EpochDone(1, 2, 2.0, None, SCORES, None, 0.6, True))
    done.append(TrainingEnded("completed", 4, 1.0, 10))
    for run in (killed, done):
        run.close()
    (tmp_path / "no run").mkdir()
    states = {Path(info.path).name: info.state for info in find_runs(tmp_path)}
    assert states == {fresh.path.name: "new", killed.path.name: "interrupted", done.path.name: "completed"}
    assert done.describe().best_iou == pytest.approx(0.75)
    assert find_runs(tmp_path / "nowhere") == []


def test_that_two_writers_are_told_apart_and_a_run_in_training_is_not_deleted(tmp_path: Path) -> None:
    run = create_run(tmp_path, TrainConfig(), INFO)
    other = open_run(run.path)
    with run.lock():
        assert other.is_training()
        assert other.describe().state == "running"
        with pytest.raises(SegbenchError, match="another segbench"), other.lock():
            pass
        with pytest.raises(SegbenchError, match="is being trained"):
            delete_run(run.path)
    assert not other.is_training()
    delete_run(run.path)
    assert not run.path.exists()


def test_that_a_folder_in_use_is_not_taken_for_a_new_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SegbenchError, match="not empty"):
        create_run(tmp_path, TrainConfig(), INFO, exact=True)
    assert create_run(tmp_path / "new", TrainConfig(), INFO, exact=True).path == tmp_path / "new"


def test_that_a_changed_config_is_kept(tmp_path: Path) -> None:
    run = create_run(tmp_path, TrainConfig(), INFO)
    run.change(config=override(run.config, ["epochs=99"]), name="mine")
    assert open_run(run.path).config.epochs == 99
    assert open_run(run.path).name == "mine"
    with pytest.raises(SegbenchError, match="is not a run"):
        open_run(tmp_path)


def test_that_a_glance_at_a_run_does_not_keep_it_from_being_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = create_run(tmp_path, TrainConfig(), INFO)
    take, refusals = runs._try_lock, iter([False, False])
    monkeypatch.setattr(runs, "_try_lock", lambda file: next(refusals, True) and take(file))
    with run.lock():
        assert next(refusals, None) is None


@pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX's")
def test_that_a_file_system_without_locks_can_be_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    run = create_run(tmp_path, TrainConfig(), INFO)
    monkeypatch.setattr(fcntl, "flock", refuse)
    with run.lock():
        assert not run.is_training()


def test_that_looking_whether_a_run_is_trained_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(tmp_path, TrainConfig(), INFO)
    with run.lock():
        pass
    modes: list[str] = []

    def watch(path: Path, mode: str) -> IO[bytes]:
        modes.append(mode)
        return open(path, mode)

    monkeypatch.setattr(runs, "open", watch, raising=False)
    assert not run.is_training()
    assert modes == ["rb"]


def test_that_a_line_the_disk_took_in_part_is_told_and_spoils_no_other(tmp_path: Path) -> None:
    run = create_run(tmp_path, TrainConfig(), INFO)
    run.append(STARTED)
    whole = run._log
    assert whole is not None

    class Full:
        def fileno(self) -> int:
            return whole.fileno()

        def write(self, line: bytes) -> int:
            return whole.write(line[:5])

        def close(self) -> None:
            whole.close()

    run._log = Full()  # type: ignore[assignment]
    with pytest.raises(OSError, match="space"):
        run.append(StepDone(1, 2.0, 0.1, 0.5, 4))
    run.append(StepDone(2, 2.0, 0.1, 0.5, 4))
    run.close()
    assert list(run.events()) == [STARTED, StepDone(2, 2.0, 0.1, 0.5, 4)]


def test_that_the_list_names_the_checkpoints_there_are(tmp_path: Path) -> None:
    run = create_run(tmp_path, TrainConfig(), INFO)
    assert run.describe().checkpoints == ()
    run.checkpoint("last").parent.mkdir()
    run.checkpoint("last").write_bytes(b"")
    assert run.describe().checkpoints == ("last",)  # stopped before its first epoch was done
