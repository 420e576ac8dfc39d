"""The commands as a user types them, on a small generated dataset and a small network, in this process."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from segbench.__main__ import main, opens_window
from segbench.architectures import MUnetConfig
from segbench.cli import main as cli_main
from segbench.cli.interrupt import Interrupted
from segbench.cli.main import run_command
from segbench.errors import OutOfMemory
from segbench.events import StepDone
from segbench.formats.runs import open_run
from segbench.networks import build_network

TINY = ["--set", "network.depth=4", "--set", "data.batch_size=4", "--set", "threads=1"]


class Workplace(NamedTuple):
    """A folder with a dataset of 16 images (and 4 for testing) and a run of one epoch."""

    data: Path
    run: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    root = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGBENCH_HOME", str(root / "home"))
        assert run_command(["generate", str(root / "shapes"), "--count", "16", "--test-count", "4"]) == 0
        arguments = ["train", str(root / "shapes"), *TINY, "--set", "epochs=1", "--out", str(root / "run")]
        assert run_command(arguments) == 0
    return Workplace(root / "shapes", root / "run")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def _json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    """Runs a command with --json and reads its standard output, which must be nothing but that."""
    capsys.readouterr()
    assert run_command([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _sentence(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Runs a command that must fail with 1, one line on stderr and nothing on stdout."""
    capsys.readouterr()
    assert run_command([*map(str, arguments)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    lines = [line for line in told.err.splitlines() if line.startswith("segbench: ")]
    assert len(lines) == 1
    assert "Traceback" not in told.err
    return lines[0]


# Help and start ---------------------------------------------------------------------------------------------------------


def test_that_help_and_version_load_neither_torch_nor_numpy():
    for arguments in (["--version"], ["--help"], ["train", "--help"], ["info", "--help"]):
        code = (
            "import sys; from segbench.cli.main import run_command; "
            f"code = run_command({arguments!r}); "
            "heavy = {'torch', 'numpy', 'PySide6', 'PIL'} & set(sys.modules); assert not heavy, heavy; sys.exit(code)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command", ["generate", "info", "train", "predict", "export", "evaluate", "compare", "conv", "layers", "doctor"]
)
def test_that_every_command_has_help_with_examples(command, capsys):
    assert run_command([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert f"segbench {command}" in told.partition("examples:")[2]


def test_that_the_help_of_train_lists_every_setting_with_its_range(capsys):
    run_command(["train", "--help"])
    told = capsys.readouterr().out
    assert "optimizer.learning_rate=0.001  (number above 0 to 10)" in told
    assert "network.head=repaired  (lecture or repaired)" in told
    assert "lecture               The lecture's own experiment" in told
    assert "settings of the network unet (--network unet):" in told
    assert "network.levels=4" in told


def test_that_wrong_usage_is_one_line_and_exit_code_1(capsys):
    for words in (
        "evaluate somewhere",
        "doctor --nix",
        "info --json",
        "predict r d --split a --indices 1 --out o",
        "--nix",
    ):
        assert run_command(words.split()) == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_that_a_word_that_is_neither_command_nor_path_opens_no_window(tmp_path, capsys):
    assert opens_window([])
    assert opens_window([str(tmp_path), "and more"])
    for word in ("trian", "train", "--help", "", str(tmp_path / "nowhere")):
        assert not opens_window([word])
    assert _sentence(capsys, "trian", "shapes").endswith("no command and no path trian. Did you mean train?")
    assert "`segbench --help` lists the commands" in _sentence(capsys, str(tmp_path / "nowhere"))


def test_that_ctrl_c_before_the_work_starts_is_exit_code_130(monkeypatch):
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("segbench.cli.main.run_command", interrupt)
    assert main(["doctor"]) == 130


def test_that_without_a_log_folder_an_error_is_still_one_line(tmp_path):
    (tmp_path / "file").touch()
    told = subprocess.run(
        [sys.executable, "-m", "segbench", "info", str(tmp_path / "nowhere")],
        capture_output=True, text=True, env={**os.environ, "SEGBENCH_HOME": str(tmp_path / "file")},
    )  # fmt: skip
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(("command", "option"), [("train", "--set data.at_once=2"), ("evaluate", "--batch 2")])
def test_that_out_of_memory_names_the_option_of_a_smaller_batch_once(capsys, monkeypatch, command, option):
    def run_out(_: object) -> int:
        raise OutOfMemory("Too little memory.", "Try a batch of 2.", smaller_batch=2)

    monkeypatch.setattr(cli_main, "_find_command", lambda parsed: run_out)
    told = _sentence(capsys, command, *(["run", "data"] if command == "evaluate" else ["data"]))
    assert told == f"segbench: Too little memory. Start again with {option}."


# The whole way ----------------------------------------------------------------------------------------------------------


def test_that_info_tells_what_each_path_is(place, capsys):
    assert _json(capsys, "info", place.data)["kind"] == "dataset"
    run = _json(capsys, "info", place.run)
    assert (run["kind"], run["state"], run["step"]) == ("run", "completed", run["total_steps"])
    checkpoint = _json(capsys, "info", place.run / "checkpoints" / "last.safetensors")
    assert (checkpoint["kind"], checkpoint["network"], checkpoint["epoch"]) == ("checkpoint", "munet", 1)
    assert [r["name"] for r in _json(capsys, "info", place.run.parent)["runs"]] == ["run"]
    assert run_command(["info", str(place.data), "--scan"]) == 0
    assert "star" in capsys.readouterr().out


def test_that_what_a_reader_warns_of_is_told(tmp_path, capsys):
    mask = np.zeros((8, 8, 3), np.uint8)
    mask[:4], mask[4] = (128, 64, 128), (9, 9, 9)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        Image.fromarray(mask).save(tmp_path / kind / "a.png")
    (tmp_path / "classes.txt").write_text("nothing 0 0 0\nroad 128 64 128\n")
    assert run_command(["info", str(tmp_path)]) == 0
    assert capsys.readouterr().err.startswith("segbench: Colours in the masks that stand for no class in")


def test_that_info_knows_dlstudios_files_by_what_is_in_them(place, capsys, tmp_path):
    network = build_network(MUnetConfig(depth=4, head="lecture", body="lecture"), 5)
    torch.save(network.state_dict(), tmp_path / "saved_model")
    assert _json(capsys, "info", tmp_path / "saved_model")["kind"] == "checkpoint"
    data = tmp_path / "torch_saved_PurdueShapes5MultiObject-4_dataset.pt"
    torch.save(pickle.loads(gzip.decompress(next(place.data.glob("*-test.gz")).read_bytes())), data)
    assert _json(capsys, "info", data)["kind"] == "dataset"


def test_that_info_in_words_names_splits_and_classes(place, capsys):
    capsys.readouterr()
    assert run_command(["info", str(place.data)]) == 0
    told = capsys.readouterr().out
    assert "train 16, test 4" in told
    assert "5 classes: rectangle, triangle, disk, oval, star (may overlap)" in told


def test_that_evaluate_gives_scores_for_scripts_and_for_people(place, capsys):
    scores = _json(capsys, "evaluate", place.run, place.data, "--split", "test", "--each")
    assert scores["images"] == len(scores["each"]) == 4
    assert [c["name"] for c in scores["classes"]] == ["rectangle", "triangle", "disk", "oval", "star"]
    assert run_command(["evaluate", str(place.run), str(place.data), "--split", "test", "--worst", "1", "--grid"]) == 0
    told = capsys.readouterr().out
    assert "even rows and columns" in told
    assert told.count("worst: ") == 1
    assert run_command(["evaluate", str(place.run), str(place.data), "--split", "test", "--each"]) == 0
    assert capsys.readouterr().out.count("(index ") == 4


def test_that_evaluate_tells_thresholds_definitions_and_a_table_of_the_images(place, tmp_path, capsys):
    table = tmp_path / "images.csv"
    arguments = ["evaluate", str(place.run), str(place.data), "--thresholds", "--definitions", "--csv", str(table)]
    assert run_command(arguments) == 0
    told = capsys.readouterr().out
    assert "mean of the images' own numbers" in told
    assert "recall hidden" in told
    assert "here 2 px" in told
    assert len(table.read_text("utf-8").splitlines()) == 5
    tuned = _json(capsys, "evaluate", place.run, place.data, "--reading", "best", "--tune-on", "train")
    assert tuned["reading"] != _json(capsys, "evaluate", place.run, place.data)["reading"]
    assert "no confusion matrix" in _sentence(capsys, "evaluate", place.run, place.data, "--confusion")
    assert "Add --reading best" in _sentence(capsys, "evaluate", place.run, place.data, "--tune-on", "train")


def test_that_compare_takes_the_first_runs_data_and_tells_what_four_images_cannot(place, tmp_path, capsys):
    table = tmp_path / "runs.csv"
    last = place.run / "checkpoints" / "last.safetensors"
    assert run_command(["compare", str(place.run), str(last), "--csv", str(table), "--definitions"]) == 0
    told = capsys.readouterr().out
    assert "2 networks on 4 images" in told
    assert "4 images are too few to tell" in told
    assert len(table.read_text("utf-8").splitlines()) == 3
    document = _json(capsys, "compare", place.run, last, "--data", place.data, "--split", "train", "--reading", "best")
    assert [run["name"] for run in document["runs"]] == ["run (best)", "run (last)"]
    assert document["runs"][0]["scores"]["images"] == 16
    assert document["runs"][1]["against_first"]["mean"]["value"] == 0


def test_that_compare_says_what_it_cannot_do(place, tmp_path, capsys):
    assert "1 networks cannot be compared" in _sentence(capsys, "compare", place.run)
    assert "gives probabilities" in _sentence(capsys, "compare", place.run, place.run, "--reading", "lecture")
    lone = tmp_path / "lone.safetensors"
    shutil.copy(place.run / "checkpoints" / "last.safetensors", lone)
    assert "with --data" in _sentence(capsys, "compare", lone, place.run)
    assert "There is no checkpoint" in _sentence(capsys, "compare", tmp_path / "nowhere", place.run)


def test_that_predict_writes_files_at_the_images_size_with_a_manifest(place, tmp_path, capsys):
    out = tmp_path / "out"
    summary = _json(capsys, "predict", place.run, place.data, "--split", "test", "--format", "palette", "--out", out)
    assert (summary["samples"], summary["files"]) == (4, 4)
    pictures = sorted(out.glob("*.png"))
    assert [p.name for p in pictures] == ["00000.png", "00001.png", "00002.png", "00003.png"]
    assert {Image.open(p).size for p in pictures} == {(64, 64)}
    manifest = json.loads(Path(summary["manifest"]).read_text("utf-8"))
    assert manifest["checkpoint"]["path"].endswith("best.safetensors")
    assert len(manifest["checkpoint"]["sha256"]) == 64


def test_that_the_manifests_command_makes_the_same_files(place, tmp_path, capsys):
    first = tmp_path / "first"
    arguments = ["--indices", "17,3-4", "--window", "star=0.3:", "--threshold", "0.4", "--format", "planes"]
    assert run_command(["predict", str(place.run), str(place.data), *arguments, "--out", str(first)]) == 0
    command = shlex.split(json.loads((first / "manifest.json").read_text("utf-8"))["command"])[1:]
    before = {p.name: p.read_bytes() for p in first.glob("*.png")}
    assert len(before) == 15
    assert run_command([*command, "--overwrite", "replace"]) == 0
    assert {p.name: p.read_bytes() for p in first.glob("*.png")} == before


def test_that_planes_are_the_default_where_objects_overlap(place, tmp_path, capsys):
    summary = _json(capsys, "predict", place.run, place.data, "--indices", "0", "--out", tmp_path / "out")
    assert (summary["format"], summary["files"], summary["hidden_pixels"]) == ("planes", 5, 0)


def test_that_pictures_of_any_size_can_be_predicted(place, tmp_path, capsys):
    for name, size in (("one.png", (30, 41)), ("zwei ä.jpg", (100, 70))):
        Image.fromarray(np.full((*size, 3), 120, np.uint8)).save(tmp_path / name)
    out = tmp_path / "out"
    assert run_command(
        ["predict", str(place.run), str(tmp_path / "one.png"), str(tmp_path / "zwei ä.jpg"), "--format", "lecture", "--out", str(out)]
    ) == 0  # fmt: skip
    assert Image.open(out / "one.png").size == (41, 30)
    assert Image.open(out / "zwei ä.png").size == (70, 100)
    command = json.loads((out / "manifest.json").read_text("utf-8"))["command"]
    assert str(tmp_path / "one.png") in shlex.split(command)


def test_that_export_converts_a_datasets_own_masks(place, tmp_path, capsys):
    summary = _json(capsys, "export", place.data, "--split", "test", "--format", "coco", "--out", tmp_path / "coco")
    document = json.loads((tmp_path / "coco" / "annotations.json").read_text("utf-8"))
    assert len(document["images"]) == summary["samples"] == 4
    assert run_command(["export", str(place.data), "--format", "purdue", "--out", str(tmp_path / "again")]) == 0
    assert _json(capsys, "info", tmp_path / "again")["count"] == 20


def test_that_a_broken_off_export_of_one_file_says_that_no_masks_stand(place, tmp_path, capsys, monkeypatch):
    def stop(events, show):
        show(next(events))
        events.close()
        raise Interrupted(130)

    monkeypatch.setattr("segbench.cli.masks.pull", stop)
    for name, told in (("coco", "no new masks"), ("planes", "whole files")):
        out = tmp_path / name
        assert run_command(["export", str(place.data), "--format", name, "--out", str(out)]) == 130
        assert told in capsys.readouterr().err
        assert any(out.glob("*.png")) == (name == "planes")


def test_that_a_run_goes_on_and_gets_longer(tmp_path, place, capsys):
    run = tmp_path / "run"
    start = ["train", str(place.data), *TINY, "--set", "data.limit=8", "--out", str(run)]
    assert run_command([*start, "--set", "epochs=1"]) == 0
    summary = _json(capsys, "train", "--resume", run, "--set", "epochs=2")
    assert summary["reason"] == "completed"
    assert summary["step"] == summary["total_steps"]
    assert [epoch["epoch"] for epoch in summary["epochs"]] == [2]
    assert "cannot change" in _sentence(capsys, "train", "--resume", run, "--set", "data.batch_size=2")


def test_that_a_run_that_cannot_go_on_as_asked_is_not_changed(
    place: Workplace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    shutil.copytree(place.run, run)
    assert run_command(["train", "--resume", str(run)]) == 0
    assert "Nothing was left to do" in capsys.readouterr().out
    one_more = StepDone(step=5, loss=0.1, learning_rate=0.1, seconds=1.0, images=4)  # the first of the second epoch
    open_run(run).append(one_more)
    before = (run / "run.json").read_bytes()
    assert "at least 2 epochs" in _sentence(capsys, "train", "--resume", run, "--set", "epochs=1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "cuda" in _sentence(capsys, "train", "--resume", run, "--set", "epochs=2", "--device", "cuda")
    assert (run / "run.json").read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl+C to a whole console")
def test_that_ctrl_c_keeps_the_model_and_exits_with_130(place, tmp_path):
    run = tmp_path / "run"
    arguments = ["train", str(place.data), *TINY, "--set", "epochs=500", "--out", str(run)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "segbench", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 1 "):
                break
        process.send_signal(signal.SIGINT)
        told, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the model is kept" in told
    assert "Traceback" not in errors
    assert (run / "checkpoints" / "last.safetensors").exists()


# Errors -----------------------------------------------------------------------------------------------------------------


def test_that_each_wrong_path_is_one_sentence_with_a_hint(place, tmp_path, capsys):
    nowhere = tmp_path / "nowhere"
    assert "does not exist" in _sentence(capsys, "info", nowhere)
    assert "There is no checkpoint" in _sentence(capsys, "predict", nowhere, place.data, "--out", tmp_path / "o")
    assert "does not exist" in _sentence(capsys, "evaluate", place.run, nowhere)
    assert "is not a run" in _sentence(capsys, "train", "--resume", place.data)
    assert "not empty" in _sentence(capsys, "generate", place.data)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "epochs=0"], "epochs"),
        (["--set", "nix=1"], "names no setting"),
        (["--set", "network.depth=5"], "network.depth is none of its choices. Choose one of: 4, 8, 16."),
        (["--preset", "nix"], "no preset"),
        (["--set", "loss.target=labels", "--set", "loss.name=cross_entropy"], "overlap"),
        (["--config", "/nowhere.json"], "could not be read"),
    ],
)
def test_that_settings_that_are_not_right_are_refused_before_a_run_is_made(place, tmp_path, capsys, options, told):
    run = tmp_path / "run"
    assert told in _sentence(capsys, "train", place.data, *options, "--out", run)
    assert not run.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--split", "val"], "no split 'val'"),
        (["--indices", "3-99"], "no samples 3-99"),
        (["--indices", "a"], "no list of samples"),
        (["--indices", ""], "no list of samples"),
        (["--split", ""], "no split ''"),
        (["--window", "cat=0.5:"], "no window of a class"),
        (["--window", "star=9:1"], "no window of a class"),
        (["--window", "star=25:85"], "probabilities"),
        (["--threshold", "5"], "probabilities"),
        (["--threshold", "nan"], "no threshold"),
        (["--reading", "half"], "probabilities"),
        (["--reading", "lecture"], "probabilities"),
        (["--pattern", "{oops}"], "unknown field"),
        (["--pattern", "{class}"], "into one file"),
        (["--batch", "0"], "too small"),
    ],
)
def test_that_bad_options_of_predict_write_nothing(place, tmp_path, capsys, options, told):
    out = tmp_path / "out"
    assert told in _sentence(capsys, "predict", place.run, place.data, *options, "--out", out)
    assert not out.exists()


def test_that_a_bug_is_one_sentence_and_its_traceback_is_logged(place, home, capsys, monkeypatch):
    from segbench.cli import data

    def stumble(path: object) -> None:
        raise ZeroDivisionError("nothing is divided by nothing")

    monkeypatch.setattr(data, "_describe_run", stumble)
    told = _sentence(capsys, "info", place.run)
    log = home / "log" / "segbench.log"
    assert str(log) in told
    assert "ZeroDivisionError" in log.read_text("utf-8")


def test_that_a_run_in_training_elsewhere_is_not_changed(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    before = (place.run / "run.json").read_bytes()
    with open_run(place.run).lock():
        told = _sentence(capsys, "train", "--resume", place.run, "--set", "epochs=9")
    assert "another segbench" in told
    assert (place.run / "run.json").read_bytes() == before


def test_that_a_terminal_without_the_letters_of_a_name_still_gets_its_answer(tmp_path: Path) -> None:
    folder = tmp_path / "größe 大"
    folder.mkdir()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / "a.png")
    for option in ([], ["--json"]):
        told = subprocess.run(
            [sys.executable, "-m", "segbench", "info", str(folder), *option],
            capture_output=True, env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        )  # fmt: skip
        assert told.returncode == 0
        assert b"\\u5927" in told.stdout
    assert json.loads(told.stdout.decode("cp1252"))["name"] == "größe 大"


# The convolution lab ------------------------------------------------------------------------------------------------------


def _start(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "segbench", *arguments],
        capture_output=True, text=True, encoding="utf-8", env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


def test_that_slide_52s_three_cases_are_told_by_the_program_itself() -> None:
    four, two, error = (_start("conv", "--preset", f"slide {slide}", "--channels", "0,0") for slide in (48, 54, 52))
    for told, sizes in ((four, "4 x 4"), (two, "2 x 2")):
        assert (told.returncode, told.stderr) == (0, "")
        assert sizes in told.stdout.replace("×", "x")
    assert (error.returncode, error.stdout) == (1, "")
    assert "Set padding to 1 or less" in error.stderr
    assert len(error.stderr.splitlines()) == 1


def test_that_the_printed_program_runs_as_it_is_and_gives_what_conv_prints(tmp_path: Path) -> None:
    knobs = ("--transpose", "-i", "3", "-k", "3", "-s", "2", "-p", "1", "-o", "1")
    program = tmp_path / "program.py"
    program.write_text(_start("conv", *knobs, "--code").stdout, encoding="utf-8")
    ran = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    wanted = json.loads(_start("conv", *knobs, "--json").stdout)["values"]["output"]
    printed = [float(number.rstrip(".")) for number in re.findall(r"\d+\.", ran.stdout.partition("tensor(")[2])]
    assert ran.stdout.startswith("torch.Size([1, 1, 6, 6])")
    assert printed == np.ravel(wanted).tolist()


def test_that_conv_prints_on_a_terminal_without_its_letters() -> None:
    arguments = ["conv", "-i", "4", "-k", "2", "--matrix", "--letters", "--pixel", "1,2"]
    for encoding in ("cp1252", "ascii"):
        told = subprocess.run(
            [sys.executable, "-m", "segbench", *arguments],
            capture_output=True, env={**os.environ, "PYTHONIOENCODING": encoding},
        )  # fmt: skip
        assert (told.returncode, told.stderr) == (0, b"")
        assert "nn.Conv2d(1, 1, 2" in told.stdout.decode(encoding)


def test_that_layers_names_the_lectures_holes() -> None:
    told = _start("layers", "--preset", "lecture")
    assert (told.returncode, told.stderr) == (0, "")
    assert "3 layers with HOLES: skip128usUP.upsampler, skip64usUP.upsampler, conv_out" in told.stdout
    assert "1,922,112 never receive a gradient" in told.stdout


def test_that_commands_work_without_a_console(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run_command(["info", str(place.data)]) == 0
    assert run_command(["info", str(tmp_path / "nothing")]) == 1
