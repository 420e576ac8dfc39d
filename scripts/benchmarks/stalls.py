"""How late a window's timer is, and what the window was doing when it was late."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import QObject

PERIOD_MS = 16


class LateTimer:
    """A 16 ms timer in the window's thread: `late` holds how many milliseconds beyond 16 each of its beats came.

    explain: a watching thread prints the window's stack whenever a beat is 50 ms late. It costs a little itself, so the
    numbers of such a run are for finding causes only.
    """

    def __init__(self, parent: QObject, explain: bool = False) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.late: list[float] = []
        self._beat = time.perf_counter()
        self._running = True
        self._timer = QTimer(parent)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(PERIOD_MS)
        self._timer.timeout.connect(self._take)
        self._timer.start()
        if explain:
            window = threading.get_ident()
            threading.Thread(target=self._watch, args=(window,), daemon=True, name="stall-watch").start()

    def restart(self) -> None:
        """Forgets what was measured so far."""
        self.late = []

    def stop(self) -> list[float]:
        """Ends it and gives the latenesses in milliseconds."""
        self._running = False
        self._timer.stop()
        return self.late

    def _take(self) -> None:
        now = time.perf_counter()
        self.late.append(max(0.0, (now - self._beat) * 1000 - PERIOD_MS))
        self._beat = now

    def _watch(self, window: int) -> None:
        told = 0.0
        while self._running:
            time.sleep(0.004)
            beat = self._beat
            late = (time.perf_counter() - beat) * 1000 - PERIOD_MS
            if late > 50 and told != beat:
                told = beat
                frames = sys._current_frames()
                print(f"--- the window is {late:.0f} ms late; it does:", file=sys.stderr)
                print(_describe(frames.get(window)), file=sys.stderr, flush=True)
                for thread in threading.enumerate():
                    if thread.ident not in (window, threading.get_ident()):
                        print(f"    {thread.name}: {_describe(frames.get(thread.ident or 0), 3)}", file=sys.stderr)


def _describe(frame: FrameType | None, depth: int = 8) -> str:
    if frame is None:
        return "(gone)"
    return " <- ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in reversed(traceback.extract_stack(frame)[-depth:]))  # fmt: skip
