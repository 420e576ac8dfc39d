"""`segbench layers` tells of a network what a user should know before training it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segbench.cli.layers import _group_unreached
from segbench.cli.main import run_command
from segbench.config import TrainConfig, override
from segbench.formats.checkpoints import NETWORK, Header, save_checkpoint
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.networks import build_network
from segbench.records import LayerInfo


def tell(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    assert run_command(["layers", *options]) == 0
    return capsys.readouterr().out.splitlines()


def refuse(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert run_command(["layers", *options]) == 1
    told = capsys.readouterr()
    assert not told.out
    assert told.err.count("\n") == 1
    return told.err


def row(lines: list[str], name: str) -> list[str]:
    return next(line for line in lines if line.startswith(f"{name} ")).split()


def test_that_the_lectures_network_is_listed_with_its_holes_and_its_dead_weight(capsys) -> None:
    lines = tell(capsys, "--preset", "lecture")
    told = " ".join(row(lines, "conv_out"))
    assert told == "conv_out transpose 3x3 s2 p2 d2 o1 64 > 5 1x 64x64 2,885 2.9 M 508x508 HOLES"
    assert sum(line.endswith("HOLES") for line in lines) == 3
    assert "3 layers with HOLES: skip128usUP.upsampler, skip64usUP.upsampler, conv_out" in lines
    assert "6,999,109 parameters, of which 1,922,112 never receive a gradient" in lines
    dead = [line.split() for line in lines[-3:]]
    assert dead[0] == ["skip64to128DN:", "conv2,", "bn2", "74,112"]
    assert dead[2] == ["skip128UP_arr.2", "...", "skip128UP_arr.7", "6", "x", "295,680"]
    assert 74_112 + 73_920 + 6 * 295_680 == 1_922_112
    assert row(lines, "skip128UP_arr.2.convT1")[-2:] == ["never", "147,584"]
    assert row(lines, "skip64dsDN.downsampler")[-3:] == ["full,", "reads", "25%"]


def test_that_the_repaired_network_is_told_to_have_no_holes(capsys) -> None:
    lines = tell(capsys, "--set", "network.depth=4", "--classes", "3", "--size", "30x45")
    assert lines[0].startswith("munet on an image of 30x45: ")
    assert "no layer with holes" in lines
    assert not any("HOLES" in line for line in lines)
    assert row(lines, "conv_out")[-1] == "uneven"
    assert row(lines, "conv_out")[6:11] == ["64", ">", "3", "1x", "32x48"]


def test_that_all_layers_are_listed_only_if_asked_for(capsys) -> None:
    options = ("--set", "network.depth=4", "--size", "16")
    few, all_of_them = tell(capsys, *options), tell(capsys, *options, "--all")
    assert not any("BatchNorm2d" in line for line in few)
    assert row(all_of_them, "bn1DN")[:4] == ["bn1DN", "BatchNorm2d", "1x", "4x4"]
    hidden = len(all_of_them) - len(few)
    assert f"({hidden} others: --all)" in few[0]


def test_that_a_checkpoint_is_listed_with_its_own_classes(capsys, tmp_path: Path) -> None:
    config = override(TrainConfig(), ["network.depth=4"])
    weights = {NETWORK + n: t for n, t in build_network(config.network, 5).state_dict().items()}
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, Header(config=config, classes=PURDUE_CLASSES), weights)
    document = json.loads("\n".join(tell(capsys, str(path), "--json")))
    assert (document["network"], document["checkpoint"], document["name"]) == ("munet", str(path), "MUnet")
    assert document["parameters"] == 2_623_045
    assert document["unreached_parameters"] == sum(layer["unreached_parameters"] for layer in document["layers"])
    assert next(layer for layer in document["layers"] if layer["name"] == "conv_out")["channels_out"] == 5
    assert any(layer["kind"] == "norm" for layer in document["layers"])  # scripts get every layer
    assert "--set and --classes cannot change" in refuse(
        capsys, str(path), "--set", "network.depth=8", "--classes", "2"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nowhere"], "There is no checkpoint nowhere."),
        (["--size", "64x"], "HxW"),
        (["--size", "0x9"], "--size 0 is too small"),
        (["--classes", "0"], "--classes 0 is too small"),
        (["--preset", "none"], "Choose one of: recommended"),
        (["--network", "none"], "Choose one of: munet"),
        (["--set", "network.depth=5"], "Choose one of: 4, 8, 16"),
    ],
)
def test_that_what_is_wrong_is_told_in_one_sentence(capsys, options: list[str], words: str) -> None:
    assert words in refuse(capsys, *options)


def layer(name: str, parameters: int, unreached: int) -> LayerInfo:
    return LayerInfo(name, "Conv2d", "conv", 0, parameters, unreached)


def test_that_dead_blocks_are_told_together_only_if_they_follow_each_other_and_are_alike() -> None:
    layers = [
        layer("top", 3, 3),
        layer("arm.0.a", 5, 5),
        layer("arm.0.b", 7, 0),
        layer("arm.1.a", 5, 5),
        layer("arm.1.b", 7, 7),
        layer("arm.2.a", 5, 5),
        layer("arm.2.b", 7, 7),
        layer("arm.2.relu", 0, 0),
        layer("arm.4.a", 5, 5),
        layer("arm.4.b", 7, 7),
        layer("leg.5.a", 5, 5),
        layer("leg.5.b", 7, 7),
        layer("leg.6.a", 5, 2),
        layer("leg.6.b", 10, 10),
        layer("fine.a", 5, 0),
    ]
    assert [(entry.text, entry.write_count()) for entry in _group_unreached(layers)] == [
        ("(top): top", "3"),
        ("arm.0: a", "5"),
        ("arm.1 ... arm.2", "2 x 12"),
        ("arm.4", "12"),
        ("leg.5", "12"),
        ("leg.6: a, b", "12"),
    ]
