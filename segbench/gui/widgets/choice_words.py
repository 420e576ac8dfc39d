"""The words in which the window says what a setting's choices mean. --set and files keep the raw ones. No Qt."""

from __future__ import annotations

from typing import Any

from segbench.knobs import Knob

PRESETS = {"recommended": "Recommended", "lecture": "Lecture", "camvid": "CamVid", "small": "Small images"}
CHOICES = {
    "network.name": {
        "munet": "mUnet",
        "gaussian": "Gaussian pixel classifier",
        "fcn": "FCN (generation 1)",
        "unet": "U-Net (generation 2)",
        "deeplab_v2": "DeepLab v2 (generation 3)",
        "deeplab_v3": "DeepLab v3 (generation 4)",
        "deeplab_v3plus": "DeepLab v3+ (generation 4)",
        "gen5": "Generation 5",
    },
    "network.head": {"lecture": "The lecture's", "repaired": "Repaired"},
    "network.body": {"lecture": "The lecture's", "repaired": "Repaired"},
    "loss.target": {
        "values": "Lecture's grey values",
        "planes": "Planes (may overlap)",
        "labels": "Labels (one a pixel)",
    },
    "loss.name": {
        "mse": "Mean squared error",
        "bce": "BCE",
        "dice": "Dice",
        "bce_dice": "BCE + Dice",
        "mse_dice": "MSE + Dice",
        "focal": "Focal",
        "cross_entropy": "Cross-entropy",
        "border": "Border cross-entropy",
    },
    "loss.class_weights": {"none": "None", "equal": "Equal", "frequency": "By frequency"},
    "optimizer.name": {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"},
    "optimizer.schedule": {"constant": "Constant", "one_cycle": "One cycle", "poly": "Polynomial", "cosine": "Cosine"},
    "data.scaling": {"raw": "Raw, 0 to 255", "unit": "Unit, 0 to 1", "normalised": "Normalised"},
    "device": {"auto": "Automatic", "cpu": "CPU", "cuda": "CUDA", "mps": "MPS"},
    "precision": {"auto": "Automatic", "float32": "float32", "bfloat16": "bfloat16"},
}
# What 0 means where it is no quantity
ZEROS = {"data.crop": "off", "data.limit": "all", "threads": "automatic", "validation_images": "all"}


def describe_choice(path: str, value: Any) -> str:
    """The readable name of a choice; an unknown one is itself, with spaces for underscores."""
    return CHOICES.get(path, {}).get(str(value), str(value).replace("_", " "))


def describe_preset(name: str) -> str:
    """The readable name of a preset, its network's name left out; an unknown one is itself, capitalised."""
    name = name.rpartition("-")[2]
    return PRESETS.get(name, name.replace("_", " ").capitalize())


def describe_setting(knob: Knob, value: Any) -> str:
    """A knob's value as the form shows it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if knob.kind == "choice":
        return describe_choice(knob.path, value)
    if value == 0 and knob.path in ZEROS:
        return ZEROS[knob.path]
    return describe_raw(value)


def describe_raw(value: Any) -> str:
    """A value as --set takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
