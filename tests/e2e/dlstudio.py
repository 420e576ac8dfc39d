"""Imports the reference implementation (PyPI: dlstudio, installed without its dependencies) for comparisons: what it imports
for pictures, dialogs and other chapters stands in as mocks, and only while it is being imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

# What DLStudio.py imports at its head and semantic segmentation never needs, torchvision for showing pictures included
STAND_INS = (
    "torchvision",
    "torchvision.transforms",
    "matplotlib",
    "matplotlib.pyplot",
    "pymsgbox",
    "torchmetrics",
    "torchmetrics.image",
    "torchmetrics.image.lpip",
)


def import_dlstudio() -> ModuleType:
    """The module DLStudio.DLStudio; its class DLStudio holds SemanticSegmentation. Skips the test if it is not installed."""
    if "DLStudio.DLStudio" in sys.modules:
        return sys.modules["DLStudio.DLStudio"]
    if importlib.util.find_spec("DLStudio") is None:
        pytest.skip("the reference is not installed (pip install --no-deps dlstudio)")
    before = {name: sys.modules.get(name) for name in STAND_INS}
    sys.modules.update({name: MagicMock(name=name) for name in STAND_INS})
    try:
        return importlib.import_module("DLStudio.DLStudio")
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def build_reference(dataroot: str = "./", **settings: Any) -> tuple[Any, Any]:
    """A DLStudio with the lecture's settings and its SemanticSegmentation; `settings` go to the former's constructor."""
    reference = import_dlstudio().DLStudio
    lecture: dict[str, Any] = {
        "dataroot": dataroot,
        "image_size": [64, 64],
        "momentum": 0.9,
        "learning_rate": 1e-4,
        "epochs": 6,
        "batch_size": 4,
        "use_gpu": False,
    }
    studio = reference(**{**lecture, **settings})
    return studio, reference.SemanticSegmentation(studio, max_num_objects=5)
