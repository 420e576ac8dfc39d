"""Opens the window once and prints, as JSON, how late its timer came until every library was there: `loading.py [--explain]`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from benchmarks.stalls import LateTimer  # noqa: E402
from benchmarks.window import drive, until  # noqa: E402

if TYPE_CHECKING:
    from segbench.gui.desk import Desk


async def listen(desk: Desk) -> dict[str, Any]:
    """Lateness of a 16 ms timer from the first turn of the event loop until torch is there."""
    began = time.perf_counter()
    timer = LateTimer(desk.window, "--explain" in sys.argv)
    await until(lambda: desk.is_ready, 120, "the panels")
    ready = time.perf_counter() - began
    await until(lambda: "torch" in sys.modules and not desk.jobs.jobs(), 180, "torch")
    torch = time.perf_counter() - began
    await asyncio.sleep(0.3)
    return {"late": timer.stop(), "ready": ready, "torch": torch}


if __name__ == "__main__":
    print(json.dumps(drive(listen)), flush=True)
