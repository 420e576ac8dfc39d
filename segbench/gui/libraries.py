"""Importing the heavy libraries in a job's thread, after the first paint. No Qt of its own."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import logging
import sys
from collections.abc import Generator
from pathlib import Path

from segbench.events import LibrariesLoaded

log = logging.getLogger(__name__)


def load_for_views() -> Generator[LibrariesLoaded, None, None]:
    """numpy and pyqtgraph: what the panels' views are built from."""
    import numpy

    yield LibrariesLoaded("numpy")
    import pyqtgraph

    log.info("numpy %s and pyqtgraph %s are loaded.", numpy.__version__, pyqtgraph.__version__)
    yield LibrariesLoaded("pyqtgraph")


def load_for_networks() -> Generator[LibrariesLoaded, None, str]:
    """torch. Returns the device that networks will run on, for people: "cpu, 2 threads"."""
    _link_torch()
    import torch

    log.info("torch %s is loaded.", torch.__version__)
    yield LibrariesLoaded("torch")
    from segbench.devices import choose_device, describe_device

    return describe_device(choose_device("auto"))


def _link_torch() -> None:
    """Links torch's libraries through ctypes, which lets the window go on meanwhile; `import torch` would hold it up."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None or not sys.platform.startswith(("linux", "darwin")):
        return
    ending = "dylib" if sys.platform == "darwin" else "so"
    for name in ("c10", "torch_cpu", "torch_python"):
        with contextlib.suppress(OSError):  # then `import torch` links it, or says why not
            ctypes.CDLL(str(Path(found.origin).parent / "lib" / f"lib{name}.{ending}"))
