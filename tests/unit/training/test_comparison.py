"""Comparing runs: what is loaded when, what each is said to cost, and which choices are refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from segbench.architectures import MUnetConfig
from segbench.config import LossConfig, TrainConfig
from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError
from segbench.events import ImageScored, Progressed, StepDone, TrainingEnded, TrainingStarted
from segbench.formats.checkpoints import NETWORK, Header, save_checkpoint
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.formats.runs import create_run
from segbench.inference.predictor import Predictor, load_predictor
from segbench.networks import build_network, count_parameters
from segbench.networks.layers import list_layers
from segbench.records import Baselines, ClassInfo, ClassTable
from segbench.training.comparison import compare_runs, find_reading


def _make_run(
    folder: Path, name: str, dataset: Dataset, seed: int, target: str = "planes", steps: tuple = (1, 2)
) -> Path:
    config = TrainConfig(
        network=MUnetConfig(depth=4),
        loss=LossConfig(target=target, name="mse"),  # type: ignore[arg-type]
    )
    run = create_run(folder / name, config, dataset.info, exact=True)
    run.append(TrainingStarted(name, 0, 2, 2, 1, "cpu", 1, 12, 0, "", Baselines(), 0.0))
    for step in steps:
        run.append(StepDone(step, 1.0, 0.1, 10.0 * step, 4))
    run.append(TrainingEnded("completed", 2, 99.0, 1))
    run.close()
    torch.manual_seed(seed)
    network = build_network(config.network, 5)
    header = Header(config, PURDUE_CLASSES, step=2, epoch=1, parameters=count_parameters(network))
    weights = {NETWORK + key: value for key, value in network.state_dict().items()}
    for kind in ("best", "last"):
        save_checkpoint(run.checkpoint(kind), header, weights)
    return run.path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, shapes: Dataset) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [_make_run(folder, f"run{seed}", shapes, seed) for seed in (1, 2)]


def _load(path: Path) -> Predictor:
    return load_predictor(path, "cpu")


def _drain(generator):
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as end:
            return events, end.value


def test_that_runs_are_scored_one_after_the_other_on_the_same_images(runs, shapes):
    loaded = []

    def load(path: Path) -> Predictor:
        loaded.append(path)
        return _load(path)

    events, comparison = _drain(compare_runs(runs, load, shapes, range(12, 16)))
    assert [(e.what, e.done, e.total) for e in events if isinstance(e, Progressed)] == [("run1", 0, 2), ("run2", 1, 2)]
    assert [e.index for e in events if isinstance(e, ImageScored)] == [12, 13, 14, 15] * 2
    assert loaded == runs
    one, other = comparison.runs
    assert (one.name, other.name) == ("run1", "run2")
    assert one.against_first is None
    expected = other.evaluation.pooled.mean_iou - one.evaluation.pooled.mean_iou
    assert other.against_first.mean.value == pytest.approx(expected)
    assert other.against_first.mean.verdict == "too few images"
    assert comparison.compare(1, 0).mean.value == pytest.approx(-expected)


def test_that_each_is_said_to_cost_what_it_costs(runs, shapes):
    _, comparison = _drain(compare_runs(runs, _load, shapes, [12]))
    network = build_network(MUnetConfig(depth=4), 5)
    assert comparison.size == (32, 32)
    assert comparison.runs[0].macs == list_layers(network, (32, 32)).macs
    assert comparison.runs[0].evaluation.checkpoint.parameters == count_parameters(network)
    assert comparison.runs[0].training_seconds == 20.0  # until the checkpoint's step, not the whole 99
    assert comparison.runs[0].evaluation.images_per_second > 0


def test_that_a_run_whose_log_lacks_the_step_is_given_its_whole_time_and_a_lone_file_none(tmp_path, shapes, runs):
    torn = _make_run(tmp_path, "torn", shapes, 3, steps=(1,))
    lone = tmp_path / "lone.safetensors"
    lone.write_bytes((runs[0] / "checkpoints" / "best.safetensors").read_bytes())
    _, comparison = _drain(compare_runs([torn, lone], _load, shapes, [12]))
    assert [run.training_seconds for run in comparison.runs] == [99.0, None]
    assert [run.name for run in comparison.runs] == ["torn", "lone"]


def test_that_two_checkpoints_of_a_run_are_told_apart(runs, shapes):
    files = [runs[0] / "checkpoints" / f"{kind}.safetensors" for kind in ("best", "last")]
    _, comparison = _drain(compare_runs([*files, files[1]], _load, shapes, [12]))
    assert [run.name for run in comparison.runs] == ["run1 (best)", "run1 (last)", "run1 (last) 2"]


def test_that_best_thresholds_are_looked_for_on_the_images_one_asks_for(runs, shapes):
    events, comparison = _drain(compare_runs(runs, _load, shapes, [12, 13], "best", tuned_on=[0, 1, 2]))
    assert [e.index for e in events if isinstance(e, ImageScored)] == [0, 1, 2, 12, 13] * 2
    one, other = (run.evaluation.reading for run in comparison.runs)
    assert one != other
    assert comparison.rule == "best"


def test_that_the_same_rule_means_for_each_network_what_fits_its_scores(runs, tmp_path, shapes):
    values = _make_run(tmp_path, "values", shapes, 4, target="values")
    _, comparison = _drain(compare_runs([runs[0], values], _load, shapes, [12], "half"))
    lows = [[low for low, _ in run.evaluation.reading.windows] for run in comparison.runs]
    assert lows == [[0.5] * 5, [25, 50, 75, 100, 125]]
    info = comparison.runs[1].evaluation.checkpoint
    assert find_reading(info, "lecture").windows[0] == (25, 85)
    assert find_reading(info, "own") is None


def test_that_what_cannot_be_compared_is_refused_before_anything_is_loaded(runs, shapes):
    def load(path: Path) -> Predictor:
        raise AssertionError("nothing may be loaded")

    other = ClassTable((ClassInfo("cat", (1, 1, 1)),), exclusive=False)
    strange = Dataset.from_samples([shapes.read(0)], other, "strange")
    for paths, dataset, rule, told in (
        (runs[:1], shapes, "own", "1 networks cannot"),
        (runs * 4, shapes, "own", "8 networks cannot"),
        (runs, strange, "own", "knows 5 classes"),
        (runs, shapes, "lecture", "gives probabilities"),
    ):
        with pytest.raises(SegbenchError, match=told):
            next(compare_runs(paths, load, dataset, [0], rule))
    with pytest.raises(SegbenchError, match="no samples"):
        next(compare_runs(runs, load, shapes, []))
