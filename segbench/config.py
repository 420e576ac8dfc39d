"""Every knob of an experiment as frozen Structs with range, default and help. Forms, --set and --help are built from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from segbench.architectures import ARCHITECTURES, MUnetConfig, NetworkConfig, name_network
from segbench.errors import SegbenchError
from segbench.files import read_json
from segbench.knobs import Config, knob, list_knobs, to_dict
from segbench.resources import find_resource

# Which losses go with which target; losses.build_loss makes each of them
FITTING = {
    "values": ("mse",),
    "planes": ("bce", "dice", "bce_dice", "mse", "mse_dice", "focal"),
    "labels": ("cross_entropy", "focal", "border"),
}


class LossConfig(Config, frozen=True):
    """What the network is punished for."""

    target: Annotated[
        Literal["values", "planes", "labels"],
        knob(
            "Target",
            "values: the lecture's grey values 50, 100 .. 250, a plane a class. planes: one yes/no mask a class (sigmoid), "
            "objects may overlap. labels: exactly one class a pixel (softmax).",
        ),
    ] = "planes"
    name: Annotated[
        Literal["mse", "bce", "dice", "bce_dice", "mse_dice", "focal", "cross_entropy", "border"],
        knob(
            "Loss",
            "mse goes with values or planes; bce, dice, bce_dice, mse_dice and focal with planes; cross_entropy, focal and border "
            "(cross-entropy that weighs pixels between near objects more, as U-Net does) with labels.",
        ),
    ] = "bce_dice"
    class_weights: Annotated[
        Literal["none", "equal", "frequency"],
        knob(
            "Class weights",
            "none: each pixel counts alike. equal: each class weighs the same in all, and so does what is not of it in its plane. "
            "frequency: half way there, by the inverse square root of how often a class occurs. Dice is left alone.",
        ),
    ] = "none"
    focus: Annotated[
        float,
        knob(
            "Focus",
            "Gamma of the focal loss: how much less an easy pixel counts; 0 is cross-entropy.",
            ge=0,
            le=10,
            when=("loss.name", ("focal",)),
        ),
    ] = 2.0
    border_weight: Annotated[
        float,
        knob(
            "Border weight",
            "w0 of U-Net's weight map: what a pixel right between two objects weighs more.",
            ge=0,
            le=1000,
            when=("loss.name", ("border",)),
        ),
    ] = 10.0
    border_width: Annotated[
        float,
        knob(
            "Border width",
            "Sigma of U-Net's weight map, in pixels: 5 in the paper, 2 for 64 x 64.",
            gt=0,
            le=100,
            when=("loss.name", ("border",)),
        ),
    ] = 2.0


class OptimizerConfig(Config, frozen=True):
    """How the weights move."""

    name: Annotated[
        Literal["sgd", "adam", "adamw"], knob("Optimizer", "adamw suits most runs; the lecture uses sgd.")
    ] = "adamw"
    learning_rate: Annotated[
        float, knob("Learning rate", "The largest step size; one_cycle rises to it and falls again.", gt=0, le=10)
    ] = 1e-3
    momentum: Annotated[
        float, knob("Momentum", "How much of the last step is kept.", ge=0, lt=1, when=("optimizer.name", ("sgd",)))
    ] = 0.9
    weight_decay: Annotated[float, knob("Weight decay", "Pull of the weights towards zero.", ge=0, le=1)] = 0.01
    schedule: Annotated[
        Literal["constant", "one_cycle", "poly", "cosine"],
        knob(
            "Schedule",
            "How the learning rate changes over the whole run; one that gets more epochs later follows the longer curve from "
            "there on. poly is DeepLab's (1 - t)^0.9.",
        ),
    ] = "one_cycle"
    clip: Annotated[float, knob("Clip gradients at", "Largest norm of the gradient; 0 never clips.", ge=0, le=1e6)] = (
        0.0
    )


class DataConfig(Config, frozen=True):
    """What the network sees."""

    batch_size: Annotated[int, knob("Batch size", "Images a step.", ge=1, le=4096)] = 4
    at_once: Annotated[
        int,
        knob(
            "Images at once",
            "How many of a batch go through the network together; their gradients are added up to the batch's, which takes less "
            "memory. What is pooled over a batch (batch norm, Dice) is pooled over these. 0: the whole batch.",
            ge=0,
            le=4096,
        ),
    ] = 0
    scaling: Annotated[
        Literal["raw", "unit", "normalised"],
        knob(
            "Input",
            "raw: 0..255 as the lecture does. unit: 0..1. normalised: the training set's mean 0 and deviation 1, channel by channel.",
        ),
    ] = "normalised"
    flip: Annotated[bool, knob("Random flips", "Mirror images left-right at random.")] = False
    turn: Annotated[
        bool,
        knob("Random quarter turns", "Turn images by 0, 90, 180 or 270 degrees at random; oblong ones by 0 or 180."),
    ] = False
    crop: Annotated[
        int,
        knob(
            "Random crop",
            "Side in pixels of a random square cut from each training image; 0 takes whole images.",
            ge=0,
            le=4096,
        ),
    ] = 0
    limit: Annotated[int, knob("Images used", "Use only this many training images; 0 uses all.", ge=0)] = 0
    hold_out: Annotated[
        float,
        knob(
            "Hold out",
            "Share of the training images kept for validation when the dataset has no validation split; with 0 its test split is watched instead, if there is one.",
            ge=0,
            le=0.9,
        ),
    ] = 0.1


class TrainConfig(Config, frozen=True):
    """A whole experiment. `load`, `parse` and `override` are the only ways in: constructors do not check ranges."""

    network: Annotated[NetworkConfig, knob("Network", "What is trained.")] = MUnetConfig()
    loss: Annotated[LossConfig, knob("Loss", "What it is punished for.")] = LossConfig()
    optimizer: Annotated[OptimizerConfig, knob("Optimizer", "How its weights move.")] = OptimizerConfig()
    data: Annotated[DataConfig, knob("Data", "What it sees.")] = DataConfig()
    epochs: Annotated[int, knob("Epochs", "Passes over the training images.", ge=1, le=100_000)] = 10
    seed: Annotated[
        int,
        knob("Seed", "Same seed, same device, same threads: same run (on a GPU up to rounding).", ge=0, le=2**31 - 1),
    ] = 0
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], knob("Device", "auto takes the GPU if there is one.")] = (
        "auto"
    )
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        knob(
            "Precision", "auto: bfloat16 autocast on a GPU that has it, float32 elsewhere and for the lecture's values."
        ),
    ] = "auto"
    threads: Annotated[
        int, knob("CPU threads", "0: all cores headless, all but one beside a window.", ge=0, le=1024)
    ] = 0
    validation_images: Annotated[
        int, knob("Validation images", "Scored after each epoch; 0 scores all of the validation split.", ge=0)
    ] = 500
    checkpoint_seconds: Annotated[
        float,
        knob(
            "Save every (s)", "Longest time between two saved checkpoints; every epoch saves one, too.", ge=1, le=86_400
        ),
    ] = 60.0
    preview_seconds: Annotated[
        float,
        knob(
            "Preview every (s)",
            "Shortest time between two refreshes of the pinned samples; they never take more than 3 % of the time.",
            ge=0.2,
            le=3600,
        ),
    ] = 4.0


_PLACE = re.compile(r"at `\$\.([\w.]+)`")  # where msgspec says that something is wrong


def parse(raw: dict[str, Any]) -> TrainConfig:
    """Checks plain nested dicts (a form, a JSON file) and freezes them. Raises SegbenchError naming the field."""
    try:
        config = msgspec.convert(raw, TrainConfig, strict=False)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        path = place[1] if place is not None else ""
        if choices := _find_choices(raw, path):
            raise SegbenchError(
                f"The settings of the run are not right: {path} is none of its choices.",
                f"Choose one of: {', '.join(map(str, choices))}.",
            ) from error
        raise SegbenchError(
            f"The settings of the run are not right: {error}.",
            "Correct that setting; `segbench train --help` lists the ranges.",
        ) from error
    check(config)
    return config


def _find_choices(raw: dict[str, Any], path: str) -> tuple[Any, ...]:
    """What the knob at this path may be, of the network that the raw settings name; () for numbers."""
    if path == "network.name":
        return tuple(ARCHITECTURES)
    network = raw.get("network")
    kind = ARCHITECTURES.get(str(network.get("name"))) if isinstance(network, dict) else None
    knobs = list_knobs(msgspec.structs.replace(TrainConfig(), network=kind())) if kind else list_knobs(TrainConfig())
    return next((one.choices for one in knobs if one.path == path), ())


def check(config: TrainConfig) -> None:
    """Refuses what cannot go together: a target and a loss, class weights and Dice alone. Raises SegbenchError saying what can."""
    target, loss = config.loss.target, config.loss.name
    if loss not in FITTING[target]:
        raise SegbenchError(
            f"The loss {loss} cannot be used with the target {target}.",
            f"With {target} use {' or '.join(FITTING[target])}.",
        )
    if loss == "dice" and config.loss.class_weights != "none":
        raise SegbenchError(
            "The loss dice takes no class weights: it counts every class alike as it is.",
            "Set class_weights to none, or use bce_dice, whose BCE takes them.",
        )


def override(config: TrainConfig, settings: list[str] | tuple[str, ...]) -> TrainConfig:
    """Applies `a.b=c` settings as text, as --set gives them. Raises SegbenchError for an unknown name or a bad value."""
    raw = to_dict(config)
    for setting in settings:
        path, equals, value = setting.partition("=")
        if path == "network.name" and value in ARCHITECTURES and value != raw["network"]["name"]:
            # Another network: its own knobs, as they are by default, from here on
            config = msgspec.structs.replace(config, network=ARCHITECTURES[value]())
            raw["network"] = to_dict(config.network)
            continue
        known = ["network.name", *(one.path for one in list_knobs(config))]
        if not equals or path not in known:
            raise SegbenchError(
                f"--set {setting!r} names no setting.", f"Write NAME=VALUE with one of: {', '.join(known)}."
            )
        group, _, name = path.rpartition(".")
        (raw[group] if group else raw)[name] = _read_literal(value)
    return parse(raw)


def _read_literal(text: str) -> Any:
    """A JSON number, true or false as that; anything else stays text."""
    try:
        value = msgspec.json.decode(text.strip().lower())
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, float)) else text


def load(path: Path) -> TrainConfig:
    """Reads a config from a JSON file, that of a run too (run.json). Raises SegbenchError if it is missing or not right."""
    try:
        raw = read_json(path)
    except (OSError, ValueError) as error:  # bytes that are not UTF-8, too
        raise SegbenchError(
            f"The settings file {path} could not be read: {error}.", "Give the path of a JSON file that segbench wrote."
        ) from error
    if not isinstance(raw, dict):
        raise SegbenchError(
            f"The settings file {path} does not hold an object.", "Give the path of a JSON file that segbench wrote."
        )
    if isinstance(raw.get("config"), dict):
        raw = raw["config"]
    raw.pop("about", None)
    return parse(raw)


class Preset(msgspec.Struct, frozen=True):
    """A named experiment under resources/presets; `about` is one sentence for the form."""

    name: str
    about: str
    config: TrainConfig

    @property
    def network(self) -> str:
        """Which network it trains: "munet"."""
        return name_network(self.config.network)


def find_presets() -> list[Preset]:
    """Every preset, in the order of its file names' numbers (10-recommended.json ...)."""
    found = []
    for path in sorted(find_resource("presets").glob("*.json")):
        about = msgspec.json.decode(path.read_bytes()).get("about", "")
        found.append(Preset(path.stem.partition("-")[2], about, load(path)))
    return found


def find_preset(name: str, network: str = "") -> Preset:
    """The preset of that name; with a network, its own may be named without it: ("small", "unet") is "unet-small".

    Raises SegbenchError listing those there are.
    """
    presets = {preset.name: preset for preset in find_presets() if network in ("", preset.network)}
    if not presets:
        raise SegbenchError(f"There is no network {network!r}.", f"Choose one of: {', '.join(ARCHITECTURES)}.")
    found = presets.get(name) or presets.get(f"{network}-{name}")
    if found is None:
        told = f" of the network {network}" if network else ""
        raise SegbenchError(f"There is no preset {name!r}{told}.", f"Choose one of: {', '.join(presets)}.")
    return found


def match_preset(network: str, exclusive: bool) -> Preset:
    """Where a network best starts on a dataset: with one class a pixel (exclusive) its camvid preset, else its recommended or
    small one."""
    wanted = ("camvid",) if exclusive else ("recommended", "small")
    presets = [preset for preset in find_presets() if preset.network == network]
    ranked = [preset for word in wanted for preset in presets if preset.name.endswith(word)]
    return ranked[0] if ranked else find_preset("", network)


msgspec.json.Decoder(TrainConfig)  # see the end of records.py
