"""Drives the real application: the program's own entry point, with a coroutine that runs beside the user's hands would be."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from segbench.gui.desk import Desk

Result = TypeVar("Result")
Driver = Callable[["Desk"], Coroutine[Any, Any, Result]]


def drive(driver: Driver[Result], arguments: Sequence[str] = (), limit: float = 3600, strict: bool = True) -> Result:
    """Opens the window, runs `driver(desk)` in its event loop, closes the window, and gives what the driver returned.

    Raises whatever the driver raised, RuntimeError for an error that the window reported meanwhile (one that it reports
    while it closes, or any if not `strict`, is only printed), TimeoutError after `limit` seconds.
    """
    from segbench.gui import app, desk

    begin = desk.Desk.begin
    tasks: list[asyncio.Task[Result]] = []
    reports: list[Any] = []
    errors: list[Any] = []

    async def live(there: Desk) -> Result:
        there.alarm.raised.connect(reports.append)
        try:
            result = await asyncio.wait_for(driver(there), limit)
            errors.extend(reports)
            reports.clear()
            return result
        finally:
            there.close_unasked()

    def begin_driven(self: Desk, arguments: Sequence[str], closed: Callable[[], None]) -> None:
        begin(self, arguments, closed)
        tasks.append(asyncio.get_running_loop().create_task(live(self)))

    with mock.patch.object(desk.Desk, "begin", begin_driven):
        code = app.run_window(list(arguments))
    if code or not tasks:
        raise RuntimeError(f"The window could not be opened (exit code {code}).")
    result = tasks[0].result()
    for report in reports if strict else (*errors, *reports):
        print(f"The window reported: {report.message} {report.details}", file=sys.stderr)
    if errors and strict:
        raise RuntimeError(f"The window reported an error: {errors[0].message}\n{errors[0].details}")
    return result


async def until(condition: Callable[[], object], seconds: float = 120, what: str = "") -> None:
    """Waits for a condition while the window lives on. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s in vain for {what or condition}.")
        await asyncio.sleep(0.005)


async def be_ready(desk: Desk, width: int = 1366, height: int = 768) -> None:
    """Waits until all panels are built and torch is there; gives the window its size."""
    desk.window.resize(width, height)
    await until(lambda: desk.is_ready and "torch" in sys.modules and not desk.jobs.jobs(), 180, "the panels and torch")


async def open_path(desk: Desk, path: object) -> None:
    """Opens a dataset and waits until it is there and looked through."""
    before = desk.session.dataset
    desk.open_paths([str(path)])
    await until(lambda: desk.session.dataset is not before, 300, f"the dataset {path}")
    await until(lambda: not desk.jobs.jobs(), 300, "the dataset's thumbnails and counts")


class Paints:
    """Notes when a widget has been painted: the next turn of the event loop. Keep it as long as it shall listen."""

    def __init__(self, widget: QWidget) -> None:
        from PySide6.QtCore import QEvent, QObject, QTimer

        self.times: list[float] = []
        times = self.times

        class Filter(QObject):
            def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
                if event.type() == QEvent.Type.Paint:
                    QTimer.singleShot(0, lambda: times.append(time.perf_counter()))
                return False

        self._filter = Filter(widget)
        widget.installEventFilter(self._filter)

    def since(self, moment: float) -> float | None:
        """The end of the first paint that ended after that moment; None if there was none yet."""
        return next((at for at in self.times if at > moment), None)
