"""Every knob of an experiment as frozen Structs with range, default and help. Forms, --set and --help are built from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from segbench.errors import SegbenchError
from segbench.resources import find_resource


def _knob(title: str, help: str, **limits: Any) -> Meta:
    """A field's label and help; `when=("loss.name", ("mse",))` shows it only while another knob has one of these values."""
    when = limits.pop("when", None)
    return Meta(title=title, description=help, extra={"when": when} if when else None, **limits)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parent of every config: frozen, and an unknown field is an error, not a silent default."""


class MUnetConfig(Config, frozen=True, tag="munet", tag_field="name"):
    """The lecture's mUnet (slides 68-71) as DLStudio 2.5.8 runs it."""

    depth: Annotated[
        Literal[4, 8, 16],
        _knob("Depth", "Blocks a level: half of this number stand in each arm at each width. 16 is the lecture's."),
    ] = 16
    head: Annotated[
        Literal["lecture", "repaired"],
        _knob(
            "Output layer",
            "lecture: its dilated, strided layer reaches only even rows and columns. repaired: every pixel.",
        ),
    ] = "repaired"
    body: Annotated[
        Literal["lecture", "repaired"],
        _knob(
            "Body",
            "lecture: three pixels in four of an upsampled map are a constant, and some blocks run twice while others never do. "
            "repaired: every pixel is reached, every block runs once.",
        ),
    ] = "repaired"
    skip_connections: Annotated[
        bool,
        _knob(
            "Skip connections", "Carry encoder channels over to the decoder and add inputs to outputs inside blocks."
        ),
    ] = True


NetworkConfig = MUnetConfig  # a union once there are more networks


class LossConfig(Config, frozen=True):
    """What the network is punished for."""

    target: Annotated[
        Literal["values", "planes", "labels"],
        _knob(
            "Target",
            "values: the lecture's grey values 50, 100 .. 250, a plane a class. planes: one yes/no mask a class (sigmoid), "
            "objects may overlap. labels: exactly one class a pixel (softmax).",
        ),
    ] = "planes"
    name: Annotated[
        Literal["mse", "bce", "dice", "bce_dice", "cross_entropy"],
        _knob("Loss", "mse goes with values; bce, dice and bce_dice with planes; cross_entropy with labels."),
    ] = "bce_dice"


class OptimizerConfig(Config, frozen=True):
    """How the weights move."""

    name: Annotated[
        Literal["sgd", "adam", "adamw"], _knob("Optimizer", "adamw suits most runs; the lecture uses sgd.")
    ] = "adamw"
    learning_rate: Annotated[
        float, _knob("Learning rate", "The largest step size; one_cycle rises to it and falls again.", gt=0, le=10)
    ] = 1e-3
    momentum: Annotated[
        float, _knob("Momentum", "How much of the last step is kept.", ge=0, lt=1, when=("optimizer.name", ("sgd",)))
    ] = 0.9
    weight_decay: Annotated[float, _knob("Weight decay", "Pull of the weights towards zero.", ge=0, le=1)] = 0.01
    schedule: Annotated[
        Literal["constant", "one_cycle", "poly", "cosine"],
        _knob(
            "Schedule",
            "How the learning rate changes over the whole run; one that gets more epochs later follows the longer curve from "
            "there on. poly is DeepLab's (1 - t)^0.9.",
        ),
    ] = "one_cycle"
    clip: Annotated[float, _knob("Clip gradients at", "Largest norm of the gradient; 0 never clips.", ge=0, le=1e6)] = (
        0.0
    )


class DataConfig(Config, frozen=True):
    """What the network sees."""

    batch_size: Annotated[int, _knob("Batch size", "Images a step.", ge=1, le=4096)] = 4
    scaling: Annotated[
        Literal["raw", "unit", "normalised"],
        _knob(
            "Input",
            "raw: 0..255 as the lecture does. unit: 0..1. normalised: the training set's mean 0 and deviation 1, channel by channel.",
        ),
    ] = "normalised"
    flip: Annotated[bool, _knob("Random flips", "Mirror images left-right at random.")] = False
    turn: Annotated[
        bool,
        _knob("Random quarter turns", "Turn images by 0, 90, 180 or 270 degrees at random; oblong ones by 0 or 180."),
    ] = False
    crop: Annotated[
        int,
        _knob(
            "Random crop",
            "Side in pixels of a random square cut from each training image; 0 takes whole images.",
            ge=0,
            le=4096,
        ),
    ] = 0
    limit: Annotated[int, _knob("Images used", "Use only this many training images; 0 uses all.", ge=0)] = 0
    hold_out: Annotated[
        float,
        _knob(
            "Hold out",
            "Share of the training images kept for validation when the dataset has no validation split; with 0 its test split is watched instead, if there is one.",
            ge=0,
            le=0.9,
        ),
    ] = 0.1


class TrainConfig(Config, frozen=True):
    """A whole experiment. `load`, `parse` and `override` are the only ways in: constructors do not check ranges."""

    network: Annotated[NetworkConfig, _knob("Network", "What is trained.")] = MUnetConfig()
    loss: Annotated[LossConfig, _knob("Loss", "What it is punished for.")] = LossConfig()
    optimizer: Annotated[OptimizerConfig, _knob("Optimizer", "How its weights move.")] = OptimizerConfig()
    data: Annotated[DataConfig, _knob("Data", "What it sees.")] = DataConfig()
    epochs: Annotated[int, _knob("Epochs", "Passes over the training images.", ge=1, le=100_000)] = 10
    seed: Annotated[
        int,
        _knob("Seed", "Same seed, same device, same threads: same run (on a GPU up to rounding).", ge=0, le=2**31 - 1),
    ] = 0
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], _knob("Device", "auto takes the GPU if there is one.")] = (
        "auto"
    )
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        _knob(
            "Precision", "auto: bfloat16 autocast on a GPU that has it, float32 elsewhere and for the lecture's values."
        ),
    ] = "auto"
    threads: Annotated[
        int, _knob("CPU threads", "0: all cores headless, all but one beside a window.", ge=0, le=1024)
    ] = 0
    validation_images: Annotated[
        int, _knob("Validation images", "Scored after each epoch; 0 scores all of the validation split.", ge=0)
    ] = 500
    checkpoint_seconds: Annotated[
        float,
        _knob(
            "Save every (s)", "Longest time between two saved checkpoints; every epoch saves one, too.", ge=1, le=86_400
        ),
    ] = 60.0
    preview_seconds: Annotated[
        float,
        _knob(
            "Preview every (s)",
            "Shortest time between two refreshes of the pinned samples; they never take more than 3 % of the time.",
            ge=0.2,
            le=3600,
        ),
    ] = 4.0


_PLACE = re.compile(r"at `\$\.([\w.]+)`")  # where msgspec says that something is wrong

KnobKind = Literal["bool", "int", "float", "choice"]
_KINDS: dict[type, KnobKind] = {bool: "bool", int: "int", float: "float"}


class Knob(msgspec.Struct, frozen=True):
    """One knob, described for a form or a help text. `path` is what --set takes, e.g. "optimizer.learning_rate"."""

    path: str
    title: str
    help: str
    kind: KnobKind
    default: Any
    choices: tuple[Any, ...] = ()
    low: float | None = None  # smallest value allowed (for gt: not itself allowed)
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    when: tuple[str, tuple[Any, ...]] | None = None  # shown only while that knob has one of these values

    @property
    def group(self) -> str:
        """The Struct it stands in: "network", "loss" ... or "" for the run's own knobs."""
        return self.path.rpartition(".")[0]


def list_knobs(config: Config, prefix: str = "") -> list[Knob]:
    """The knobs of a config (nested ones too) in the order they are declared; `default` is the config's present value."""
    hints = get_type_hints(type(config), include_extras=True)
    knobs: list[Knob] = []
    for field in msgspec.structs.fields(config):
        value, path = getattr(config, field.name), f"{prefix}{field.name}"
        if isinstance(value, Config):
            knobs += list_knobs(value, f"{path}.")
            continue
        plain, meta = get_args(hints[field.name])[:2]
        choices = get_args(plain) if get_origin(plain) is Literal else ()
        kind = _KINDS[plain] if not choices else "choice"
        knobs.append(
            Knob(
                path=path, title=meta.title, help=meta.description, kind=kind, default=value, choices=choices,
                low=meta.ge if meta.gt is None else meta.gt, high=meta.le if meta.lt is None else meta.lt,
                low_open=meta.gt is not None, high_open=meta.lt is not None,
                when=(meta.extra or {}).get("when"),
            )
        )  # fmt: skip
    return knobs


def to_dict(config: Config) -> dict[str, Any]:
    """A config as plain nested dicts, the form `parse` reads."""
    plain = msgspec.to_builtins(config)
    assert isinstance(plain, dict)
    return plain


def parse(raw: dict[str, Any]) -> TrainConfig:
    """Checks plain nested dicts (a form, a JSON file) and freezes them. Raises SegbenchError naming the field."""
    try:
        config = msgspec.convert(raw, TrainConfig, strict=False)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        knob = next((knob for knob in list_knobs(TrainConfig()) if place is not None and knob.path == place[1]), None)
        if knob is not None and knob.choices:
            raise SegbenchError(
                f"The settings of the run are not right: {knob.path} is none of its choices.",
                f"Choose one of: {', '.join(map(str, knob.choices))}.",
            ) from error
        raise SegbenchError(
            f"The settings of the run are not right: {error}.",
            "Correct that setting; `segbench train --help` lists the ranges.",
        ) from error
    check(config)
    return config


def check(config: TrainConfig) -> None:
    """Refuses a target and a loss that cannot go together. Raises SegbenchError with the pairs that can."""
    fitting = {"values": ("mse",), "planes": ("bce", "dice", "bce_dice", "mse"), "labels": ("cross_entropy",)}
    target, loss = config.loss.target, config.loss.name
    if loss not in fitting[target]:
        raise SegbenchError(
            f"The loss {loss} cannot be used with the target {target}.",
            f"With {target} use {' or '.join(fitting[target])}.",
        )


def override(config: TrainConfig, settings: list[str] | tuple[str, ...]) -> TrainConfig:
    """Applies `a.b=c` settings as text, as --set gives them. Raises SegbenchError for an unknown name or a bad value."""
    raw = to_dict(config)
    for setting in settings:
        path, equals, value = setting.partition("=")
        known = [knob.path for knob in list_knobs(config)] + ["network.name"]
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
        raw = msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:  # msgspec's own and bytes that are not UTF-8
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


def find_presets() -> list[Preset]:
    """Every preset, in the order of its file names' numbers (10-recommended.json ...)."""
    found = []
    for path in sorted(find_resource("presets").glob("*.json")):
        about = msgspec.json.decode(path.read_bytes()).get("about", "")
        found.append(Preset(path.stem.partition("-")[2], about, load(path)))
    return found


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises SegbenchError listing those there are."""
    presets = {preset.name: preset for preset in find_presets()}
    if name not in presets:
        raise SegbenchError(f"There is no preset {name!r}.", f"Choose one of: {', '.join(presets)}.")
    return presets[name]


msgspec.json.Decoder(TrainConfig)  # see the end of records.py
