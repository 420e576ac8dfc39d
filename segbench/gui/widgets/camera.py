"""Where a picture viewer looks: centre and scale, their steps and limits, and the link that keeps viewers at one place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from segbench.gui.widgets.image_canvas import ImageCanvas

LARGEST = 128.0  # device pixels an image pixel
SMALLEST = 1 / 64


@dataclass(frozen=True, slots=True)
class Camera:
    """(x, y) is the image point (pixels, 0 at the left or top edge) in the middle of the view; `scale` is logical screen
    pixels an image pixel."""

    x: float
    y: float
    scale: float


def snap_scale(scale: float, ratio: float) -> float:
    """The nearest scale that shows pixels exactly: above 1:1, scale x device pixel ratio is a whole number."""
    device = min(max(scale * ratio, SMALLEST), LARGEST)
    return (float(round(device)) if device > 1 else device) / ratio


def fit_scale(view: tuple[float, float], image: tuple[int, int], ratio: float) -> float:
    """The largest exact scale at which an image (width, height) fits into a view (width, height)."""
    width, height = max(view[0], 1.0), max(view[1], 1.0)
    device = min(width * ratio / image[0], height * ratio / image[1])
    return (float(math.floor(device)) if device >= 1 else max(device, SMALLEST)) / ratio


def step_scale(scale: float, factor: float, ratio: float) -> float:
    """One zoom step by `factor`: always moves by a whole device pixel above 1:1, and stops at 1:1 on its way past it."""
    old, new = scale * ratio, scale * ratio * factor
    if (old - 1) * (new - 1) < 0 and abs(old - 1) > 1e-6:
        new = 1.0
    elif new > 1 and factor > 1:
        new = max(round(new), math.floor(old) + 1)
    elif new > 1:
        new = min(round(new), math.ceil(old) - 1)
    return snap_scale(new / ratio, ratio)


class CameraLink(QObject):
    """Keeps viewers whose images have the same size at the same place, shares the pixel under the cursor and the raw view."""

    def __init__(self, canvases: Sequence[ImageCanvas]) -> None:
        super().__init__(canvases[0] if canvases else None)
        self._canvases = tuple(canvases)
        self._linked = True
        for canvas in self._canvases:
            canvas.camera_changed.connect(self._follow)
            canvas.hovered.connect(self._point)
            canvas.raw_changed.connect(self._show_raw)

    @property
    def linked(self) -> bool:
        return self._linked

    def set_linked(self, linked: bool) -> None:
        """Unlinked viewers stay where they are and move alone."""
        self._linked = linked
        if linked and self._canvases:
            leader = next((c for c in self._canvases if c.hasFocus()), self._canvases[0])
            self._align(leader)
        elif not linked:
            for canvas in self._canvases:
                canvas.set_marker(-1, -1)

    def _others(self, leader: ImageCanvas) -> list[ImageCanvas]:
        size = leader.image_size
        return [c for c in self._canvases if c is not leader and size is not None and c.image_size == size]

    def _follow(self, _camera: object) -> None:
        if self._linked and isinstance(leader := self.sender(), QObject):
            self._align(leader)  # type: ignore[arg-type]

    def _align(self, leader: ImageCanvas) -> None:
        others = self._others(leader)
        if leader.fitted:
            # All fit, so that viewers of slightly different width still show the same scale
            shown = [c for c in (leader, *others) if c.isVisible()] or [leader]
            scale = min(c.find_fit_scale() for c in shown)
            for canvas in (leader, *others):
                canvas.set_camera(Camera(leader.camera.x, leader.camera.y, scale), fitted=True)
            return
        for canvas in others:
            canvas.set_camera(leader.camera)

    def _point(self, x: int, y: int) -> None:
        leader = self.sender()
        if not self._linked or leader is None:
            return
        for canvas in self._others(leader):  # type: ignore[arg-type]
            canvas.set_marker(x, y)

    def _show_raw(self, raw: bool) -> None:
        if self._linked:
            for canvas in self._canvases:
                canvas.set_raw(raw)


def link_cameras(canvases: Sequence[ImageCanvas]) -> CameraLink:
    """Links these viewers from now on. Keep the result as long as they live; it is a child of the first viewer."""
    return CameraLink(canvases)
