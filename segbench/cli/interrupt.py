"""Pulls a generator of events until it ends or somebody presses Ctrl+C; the first press stops it in order, the second at once."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from types import FrameType
from typing import Any, TypeVar

Found = TypeVar("Found")


class Interrupted(Exception):
    """The user (or the system) asked to stop; the work was closed in order. `code` is the exit code the shell expects."""

    def __init__(self, code: int) -> None:
        super().__init__("Interrupted.")
        self.code = code


class _Stop:
    code = 0


def pull(events: Generator[Any, None, Found], show: Callable[[Any], None]) -> Found:
    """Shows each event and returns what the generator returns. Raises Interrupted after having closed it."""
    with _listening() as stop:
        try:
            while not stop.code:
                try:
                    event = next(events)
                except StopIteration as end:
                    found: Found = end.value
                    return found
                show(event)
        finally:
            events.close()
    raise Interrupted(stop.code)


@contextlib.contextmanager
def _listening() -> Iterator[_Stop]:
    """While inside, Ctrl+C, a request to terminate and the end of the terminal are noted; a second one raises KeyboardInterrupt
    where the program is."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number: int, frame: FrameType | None) -> None:
        if stop.code:
            raise KeyboardInterrupt
        stop.code = 128 + number

    heard = [signal.SIGINT, signal.SIGTERM]
    # What nohup starts ignores the end of its terminal, and goes on doing so
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
