"""Importing the heavy libraries in a job's thread, after the first paint, and what has to go before it in the window's own."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from segbench.events import LibrariesLoaded

log = logging.getLogger(__name__)

TYPES_A_SLICE = 60  # about ten milliseconds


def make_qt_types() -> Iterator[str]:
    """For the window's own thread, a slice at a time: makes the types of Qt, and yields the name of the last one made.

    PySide makes a type when it is first asked for. pyqtgraph asks for all of them at its import; made there, in another thread,
    while the window needs some, too, they crashed one start in sixty.
    """
    from PySide6 import QtCore, QtGui, QtWidgets

    for module in (QtCore, QtGui, QtWidgets):
        for number, name in enumerate(dir(module), 1):
            getattr(module, name)
            if number % TYPES_A_SLICE == 0:
                yield name


def load_for_views(import_panels: Callable[[], None]) -> Generator[LibrariesLoaded, None, None]:
    """numpy, pyqtgraph and the panels' own modules: what the views are built from. Builds nothing itself."""
    import numpy

    yield LibrariesLoaded("numpy")
    import pyqtgraph

    import_panels()
    log.info("numpy %s and pyqtgraph %s are loaded.", numpy.__version__, pyqtgraph.__version__)
    yield LibrariesLoaded("pyqtgraph")


def load_for_networks() -> Generator[LibrariesLoaded, None, str]:
    """torch. Returns the device that networks will run on, for people: "cpu, 2 threads".

    The garbage collector rests meanwhile and never looks at what was imported: one look at torch's million objects holds the
    window up for a third of a second.
    """
    gc.disable()
    try:
        _link_torch()
        import torch

        from segbench.devices import choose_device, describe_device

        device = describe_device(choose_device("auto"))
    finally:
        gc.freeze()
        gc.enable()
    log.info("torch %s is loaded.", torch.__version__)
    yield LibrariesLoaded("torch")
    return device


def _link_torch() -> None:
    """Links torch's libraries while the window goes on. `import` and CDLL(path) hold Python's lock for half a second; a foreign
    call of dlopen lets it go."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None or not sys.platform.startswith(("linux", "darwin")):
        return
    ending = "dylib" if sys.platform == "darwin" else "so"
    link = ctypes.CDLL(None).dlopen
    link.restype, link.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name in ("c10", "torch_cpu", "torch_python"):
        # Where it fails, `import torch` links it, or says why not
        link(str(Path(found.origin).parent / "lib" / f"lib{name}.{ending}").encode(), os.RTLD_NOW | os.RTLD_LOCAL)
