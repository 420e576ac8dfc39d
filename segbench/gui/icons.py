"""Icons from resources/icons in the theme's colours. Reads SVG through Qt's image plugin, so no QtSvg module is imported.

Between `hold` and `release` nobody is dressed: the first paint does not wait for the plugin and QIcon's enums (a tenth of it).
"""

from __future__ import annotations

import weakref
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Protocol

from segbench.gui.theme import current_theme, theme_signals
from segbench.resources import find_resource

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon, QPixmap


class Wearer(Protocol):
    """An action, a button or a window: whatever takes an icon."""

    def setIcon(self, icon: QIcon) -> None: ...


class _Wardrobe:
    """Who wears which icon, so that a new theme can dress them again."""

    worn: ClassVar[weakref.WeakKeyDictionary[Wearer, tuple[str, str, int]]] = weakref.WeakKeyDictionary()
    listening = False
    held = False


def load_icon(name: str, role: str = "text", side: int = 20) -> QIcon:
    """The icon resources/icons/NAME.svg, `side` px, drawn in a role of the theme (its own colours if it has any)."""
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication

    screen = QApplication.primaryScreen()
    scale = screen.devicePixelRatio() if screen else 1.0
    pixmap = draw(name, getattr(current_theme(), role).name(), round(side * scale))
    pixmap.setDevicePixelRatio(scale)
    return QIcon(pixmap)


def draw(name: str, color: str, side: int) -> QPixmap:
    """One icon as a picture of side x side pixels, its `currentColor` replaced."""
    from PySide6.QtGui import QPixmap

    text = _read(name).replace("currentColor", color).replace("<svg ", f'<svg width="{side}" height="{side}" ', 1)
    picture = QPixmap()
    picture.loadFromData(text.encode(), "svg")
    return picture


def dress(wearer: Wearer, name: str, role: str = "text", side: int = 20) -> None:
    """Gives something an icon that follows the theme."""
    if not _Wardrobe.listening:
        _Wardrobe.listening = True
        theme_signals().changed.connect(_dress_all_again)
    _Wardrobe.worn[wearer] = (name, role, side)
    if not _Wardrobe.held:
        wearer.setIcon(load_icon(name, role, side))


def hold() -> None:
    """Nobody is dressed until `release`."""
    _Wardrobe.held = True


def release() -> None:
    """Dresses all who wait."""
    if _Wardrobe.held:
        _Wardrobe.held = False
        _dress_all_again()


def _dress_all_again() -> None:
    for wearer, (name, role, side) in list(_Wardrobe.worn.items()):
        try:
            wearer.setIcon(load_icon(name, role, side))
        except RuntimeError:  # its Qt half is gone already
            _Wardrobe.worn.pop(wearer, None)


@cache
def _read(name: str) -> str:
    return find_resource("icons", f"{name}.svg").read_text(encoding="utf-8")
