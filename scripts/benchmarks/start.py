"""From the start of the process to the first painted window, against a bare window; then how the window keeps up while libraries load."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from benchmarks.report import Row, median

HEAVY = ("torch", "pyqtgraph", "numpy")
_BARE = """
import time, sys
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow
qt = QApplication(["bare", "-style", "fusion"])
class Window(QMainWindow):
    painted = False
    def paintEvent(self, event):
        super().paintEvent(event)
        self.painted = True
window = Window()
window.setCentralWidget(QLabel("segbench"))
window.resize(1280, 720)
window.show()
while not window.painted:
    qt.processEvents()
sys.stdout.write(f'{{"at": {time.monotonic()}, "heavy": []}}')
sys.stdout.flush()
import os
os._exit(0)
"""
# What follows the first paint in app.py is replaced by the clock; everything up to there is the program as it is
_OURS = """
import sys, time
from segbench.gui import app
def tell(*_):
    at = time.monotonic()
    heavy = ", ".join(f'"{name}"' for name in ("torch", "pyqtgraph", "numpy") if name in sys.modules)
    sys.stdout.write(f'{{"at": {at}, "heavy": [{heavy}]}}')
    sys.stdout.flush()
    import os
    os._exit(0)
app._live = tell
app.run_window([])
"""


def measure_start(options: Namespace, folder: Path) -> list[Row]:
    """Process start to first paint of both, in turn; which heavy libraries are there then; the longest stall while they load."""
    turns = 10
    spent: dict[str, list[float]] = {"bare": [], "ours": []}
    heavy: set[str] = set()
    for turn in range(turns + 1):
        for name, code in (("bare", _BARE), ("ours", _OURS)):
            began = time.monotonic()
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
            try:
                told = json.loads(done.stdout)
            except ValueError:
                raise RuntimeError(f"The {name} window was not painted: {done.stdout}{done.stderr}") from None
            heavy |= set(told["heavy"])
            if turn:  # the first one fills the file cache
                spent[name].append((told["at"] - began) * 1000)
    ours, bare = median(spent["ours"]), median(spent["bare"])
    ratio = median([a / b for a, b in zip(spent["ours"], spent["bare"], strict=True)])
    loads = [_load(options.explain) for _ in range(3 if options.short else 7)]
    stalls = [max(load["late"]) for load in loads]
    ready, torch = (median([load[name] for load in loads]) for name in ("ready", "torch"))
    return [
        Row(
            "process start to first painted window, against a bare QMainWindow with a label",
            "<= 1.25x; torch, pyqtgraph, numpy not imported then",
            f"{ratio:.2f}x ({ours:.0f} ms against {bare:.0f} ms); imported then: {', '.join(sorted(heavy)) or 'none of them'}",
            ratio <= 1.25 and not heavy,
            {"ours_ms": spent["ours"], "bare_ms": spent["bare"], "heavy": sorted(heavy)},
        ),
        Row(
            "longest stall of the window while libraries load and panels are built, median of the starts",
            "<= 200 ms",
            f"{median(stalls):.0f} ms (of {len(loads)} starts; worst {max(stalls):.0f}; panels ready after {ready:.1f} s, torch after {torch:.1f} s)",
            median(stalls) <= 200,
            {"stalls_ms": stalls, "ready_s": ready, "torch_s": torch},
        ),
    ]


def _load(explain: bool) -> dict[str, Any]:
    """One start of the window in a process of its own; see loading.py."""
    script = Path(__file__).with_name("loading.py")
    command = [sys.executable, str(script), *(["--explain"] if explain else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError("The window did not open.")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
