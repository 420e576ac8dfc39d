"""Writing 10,000 shapes, and opening them a second time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

from benchmarks.report import Row, median

COUNT = 10_000
_OPEN = """
import json, sys, time
from pathlib import Path
from segbench.data.dataset import open_dataset
def resident():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
before = resident() if sys.platform.startswith("linux") else None
began = time.perf_counter()
opening = open_dataset(Path(sys.argv[1]))
while True:
    try:
        next(opening)
    except StopIteration as end:
        dataset = end.value
        break
first = dataset.read(0)
seconds = time.perf_counter() - began
for index in range(0, len(dataset), 100):
    dataset.read(index)
added = resident() - before if before is not None else None
print(json.dumps({"seconds": seconds, "added": added, "count": len(dataset)}))
"""


def measure_second_open(options: Namespace, folder: Path) -> list[Row]:
    """Opens a .gz of 10,000 once, then again in fresh processes: seconds to the first sample, resident memory with 100 read."""
    from segbench.data.shapes import write_shapes

    path = folder / "shapes.gz"
    for _ in write_shapes(path, COUNT, 0, seed=0):
        pass
    tries = [_open(path) for _ in range(4 if options.short else 8)]
    first, again = tries[0], tries[1:]
    seconds = median([one["seconds"] for one in again])
    added = [one["added"] for one in again if one["added"] is not None]
    memory = f", {median(added):.0f} MB resident added" if added else ""
    return [
        Row(
            "second opening of a 10,000-image .gz",
            "< 0.5 s, < 300 MB resident added",
            f"{seconds:.3f} s{memory} (first opening: {first['seconds']:.1f} s)",
            seconds < 0.5 and (not added or median(added) < 300),
            {"first": first, "again": again},
        )
    ]


def measure_generate(options: Namespace, folder: Path) -> list[Row]:
    """10,000 images generated and written, as `segbench generate` does; then the all-zero prediction's error on them."""
    import numpy as np

    from segbench.data.dataset import open_dataset
    from segbench.data.shapes import write_shapes
    from segbench.formats.purdue import PURDUE_CLASSES

    path = folder / "shapes.gz"
    began = time.perf_counter()
    for _ in write_shapes(path, COUNT, 0, seed=0):
        pass
    seconds = time.perf_counter() - began
    opening = open_dataset(path)
    while True:
        try:
            next(opening)
        except StopIteration as end:
            dataset = end.value
            break
    assert PURDUE_CLASSES.values is not None
    squares = np.square(np.array(PURDUE_CLASSES.values, np.float64))
    pixels = np.zeros(len(squares))
    for index in range(len(dataset)):
        pixels += dataset.read(index).masks.sum((1, 2))
    error = float((pixels * squares).sum() / (len(dataset) * len(squares) * 64 * 64))
    return [
        Row("10,000 images generated and written", "< 15 s", f"{seconds:.1f} s", seconds < 15, {"seconds": seconds}),
        Row(
            "MSE of the all-zero prediction on them", "490 ± 20", f"{error:.1f}", abs(error - 490) <= 20, {"mse": error}
        ),
    ]


def _open(path: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", _OPEN, str(path)], capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"The dataset could not be opened: {done.stderr}")
    told: dict[str, float] = json.loads(done.stdout)
    return told
