"""Takes pictures of the window and of what stands above it, in both themes. Knows no scene."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.window import until

if TYPE_CHECKING:
    from PySide6.QtGui import QPixmap

    from segbench.gui.desk import Desk

MODES = ("light", "dark")
VISIBLE = 16  # of 255: a palette that is further off than that anywhere is not used


class Photographer:
    """Takes the picture of a scene in both themes."""

    def __init__(self, desk: Desk, out: Path, wanted: tuple[str, ...]) -> None:
        self.desk, self.out, self.wanted = desk, out, wanted
        self.taken: list[Path] = []

    def wants(self, *names: str) -> bool:
        """Is one of these scenes to be taken?"""
        return not self.wanted or any(name in self.wanted for name in names)

    async def take(self, name: str, settle: float = 0.4) -> None:
        """Saves NAME-light.png and NAME-dark.png of all that is on the screen now."""
        if not self.wants(name):
            return
        for mode in MODES:
            self.desk.set_theme(mode)
            await asyncio.sleep(settle)
            self._save(name, mode)
        print(f"[screenshots] {name}", flush=True)

    async def take_dialog(
        self,
        name: str,
        open_it: Callable[[], object],
        settle: float = 0.6,
        ready: Callable[[Any], bool] | None = None,
    ) -> None:
        """Opens a dialog, takes it over the window, and closes it; once in each theme, as a user would see it.

        ready: told of the dialog, says whether it shows already what its picture is to show.
        """
        if not self.wants(name):
            return
        for mode in MODES:
            self.desk.set_theme(mode)
            await asyncio.sleep(0.2)
            open_it()
            await until(self._dialogs, 20, f"the dialog of {name}")
            await asyncio.sleep(settle)
            if ready is not None:
                dialog = self._dialogs()[-1]
                await until(partial(ready, dialog), 60, f"the contents of {name}")
                await asyncio.sleep(0.1)
            self._save(name, mode)
            await self.close_dialogs()
        print(f"[screenshots] {name}", flush=True)

    async def close_dialogs(self) -> None:
        for dialog in self._dialogs():
            dialog.close()
        await until(lambda: not self._dialogs(), 20, "the dialogs to close")

    def _dialogs(self) -> list[Any]:
        from PySide6.QtWidgets import QDialog

        return [w for w in self.desk.qt.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()]

    def _look(self) -> QPixmap:
        """The window, and above it its dialogs, in the middle as a window manager puts them."""
        from PySide6.QtGui import QColor, QPainter, QPen

        from segbench.gui.theme import current_theme

        picture = self.desk.window.grab()
        painter = QPainter(picture)
        for dialog in self._dialogs():
            place = dialog.rect()
            place.moveCenter(picture.rect().center())
            painter.fillRect(picture.rect(), QColor(0, 0, 0, 90))
            painter.drawPixmap(place.topLeft(), dialog.grab())
            painter.setPen(QPen(current_theme().border, 1))
            painter.drawRect(place.adjusted(-1, -1, 0, 0))
        painter.end()
        return picture

    def _save(self, name: str, mode: str) -> None:
        """As a PNG with a palette where that cannot be seen: a third of the size."""
        import numpy as np
        from PIL import Image
        from PySide6.QtGui import QImage

        image = self._look().toImage().convertToFormat(QImage.Format.Format_RGB888)
        size, stride = (image.width(), image.height()), image.bytesPerLine()
        whole = Image.frombytes("RGB", size, bytes(image.constBits()), "raw", "RGB", stride)
        # By coverage, so that the few pixels of a thumbnail keep their colours beside large flat surfaces
        small = whole.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=3)
        apart = np.abs(np.asarray(whole, np.int16) - np.asarray(small.convert("RGB"), np.int16)).max(2)
        path = self.out / f"{name}-{mode}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        (small if np.percentile(apart, 99.9) <= VISIBLE else whole).save(path, optimize=True)
        self.taken.append(path)
