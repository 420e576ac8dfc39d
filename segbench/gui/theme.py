"""The window's colours: two palettes, System / Light / Dark live. Knows Qt; imports no numpy, and styles pyqtgraph only once that is loaded.

A view asks `current_theme()` for a role when it paints, and repaints on `theme_signals().changed`. Widgets that are not
painted by hand say what they are with a dynamic property, which the stylesheet reads:
    mark(label, "muted" | "title" | "heading" | "bad" | "good" | "warning"),  mark(button, "primary" | "flat" | "danger").
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, NamedTuple

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QFont

Mode = Literal["system", "light", "dark"]
Mark = Literal["muted", "title", "heading", "bad", "good", "warning", "primary", "flat", "danger", ""]
GRID = 8  # px; margins and gaps are multiples of it


class Theme(NamedTuple):
    """Colour roles. Text roles (text, muted, accent, good, warning, bad) reach 4.5:1 on background and on surface."""

    name: Literal["light", "dark"]
    background: QColor  # behind everything
    surface: QColor  # lists, fields, plots, cards
    raised: QColor  # buttons, hovered rows
    border: QColor
    text: QColor
    muted: QColor
    accent: QColor
    on_accent: QColor  # text on the accent
    good: QColor
    warning: QColor
    bad: QColor

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"


LIGHT = Theme(
    name="light",
    background=QColor("#f3f4f6"),
    surface=QColor("#ffffff"),
    raised=QColor("#e9ebef"),
    border=QColor("#cdd2da"),
    text=QColor("#1a1e24"),
    muted=QColor("#566070"),
    accent=QColor("#0b63b5"),
    on_accent=QColor("#ffffff"),
    good=QColor("#17713a"),
    warning=QColor("#855200"),
    bad=QColor("#b4232c"),
)
DARK = Theme(
    name="dark",
    background=QColor("#1c1e22"),
    surface=QColor("#25282d"),
    raised=QColor("#32363d"),
    border=QColor("#41464f"),
    text=QColor("#e7e9ec"),
    muted=QColor("#a6aebb"),
    accent=QColor("#69b1f7"),
    on_accent=QColor("#0c1621"),
    good=QColor("#5fcb82"),
    warning=QColor("#e5b454"),
    bad=QColor("#ff8a80"),
)


class ThemeSignals(QObject):
    """`changed` comes after a new theme is in force, whether the user or the system asked for it."""

    changed = Signal()


class _State:
    """What is in force now; one per process, as there is one QApplication."""

    mode: Mode = "system"
    theme: Theme = LIGHT
    signals: ThemeSignals | None = None
    follows_system = False
    in_force = False


def current_theme() -> Theme:
    """The colours in force now."""
    return _State.theme


def current_mode() -> Mode:
    """What the user chose: the system's, light or dark."""
    return _State.mode


def theme_signals() -> ThemeSignals:
    """The object whose `changed` tells of a new theme."""
    if _State.signals is None:
        _State.signals = ThemeSignals()
    return _State.signals


def apply_first(app: QApplication, dark: bool | None) -> None:
    """Colours for the first paint, before `apply`: what was shown last, or (None) what the desktop's palette looks like.

    Asking Qt for the desktop's scheme loads the Qt namespace's enums, a fifth of the time to the first paint. The style comes
    with the application's arguments ("-style", "fusion"), because setStyle loads all of QStyle's.
    """
    if dark is None:
        dark = app.palette().window().color().lightness() < 128
    _use(app, DARK if dark else LIGHT)


def apply(app: QApplication, mode: Mode = "system") -> None:
    """Puts a theme in force for the whole application; with "system" it follows the desktop from then on."""
    from PySide6.QtCore import Qt

    _State.mode = mode
    hints = app.styleHints()
    if hasattr(hints, "setColorScheme"):  # Qt 6.8: title bars and native dialogs go along
        schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        hints.setColorScheme(schemes.get(mode, Qt.ColorScheme.Unknown))
    if not _State.follows_system:
        _State.follows_system = True
        hints.colorSchemeChanged.connect(lambda _scheme: _State.mode == "system" and _use(app, _read_system(app)))
        if app.style().objectName().lower() not in ("fusion", "stylesheetstyle"):
            app.setStyle("Fusion")
    _use(app, {"light": LIGHT, "dark": DARK}.get(mode) or _read_system(app))


def mark(widget: QWidget, role: Mark) -> None:
    """Says what a widget is, so that the stylesheet dresses it; "" takes the mark off. May be called again at any time."""
    before = widget.property("mark")
    if before == role:
        return
    widget.setProperty("mark", role)
    if before is None and widget.parentWidget() is None and not widget.isVisible():
        return  # Qt will polish it when it is shown; polish() itself would load every enum of Qt
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def style_plots() -> None:
    """Gives pyqtgraph the theme's colours if it has been imported: for plots made from now on (views restyle their own)."""
    pyqtgraph = sys.modules.get("pyqtgraph")
    if pyqtgraph is None or not hasattr(pyqtgraph, "setConfigOptions"):
        return
    theme = current_theme()
    pyqtgraph.setConfigOptions(background=theme.surface, foreground=theme.muted, antialias=False)


def contrast(one: QColor, other: QColor) -> float:
    """WCAG 2.1 contrast of two opaque colours, 1 to 21."""

    def luminance(color: QColor) -> float:
        channels = (color.redF(), color.greenF(), color.blueF())
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mono_font(points: float | None = None) -> QFont:
    """The system's fixed-width font, for numbers in columns and logs."""
    from PySide6.QtGui import QFont

    font = QFont("monospace")
    font.setStyleHint(QFont.StyleHint.Monospace)
    if points:
        font.setPointSizeF(points)
    return font


def _read_system(app: QApplication) -> Theme:
    from PySide6.QtCore import Qt

    return DARK if app.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT


def _use(app: QApplication, theme: Theme) -> None:
    if _State.theme is theme and _State.in_force:
        return
    _State.theme, _State.in_force = theme, True
    app.setPalette(build_palette(theme))
    app.setStyleSheet(build_stylesheet(theme))
    style_plots()
    theme_signals().changed.emit()


def build_palette(theme: Theme) -> QPalette:
    """The theme as Qt's palette, for Fusion."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette()
    for name, color in {
        role.Window: theme.background, role.WindowText: theme.text, role.Base: theme.surface,
        role.AlternateBase: theme.background, role.Text: theme.text, role.Button: theme.raised,
        role.ButtonText: theme.text, role.BrightText: theme.bad, role.Highlight: theme.accent,
        role.HighlightedText: theme.on_accent, role.Link: theme.accent, role.LinkVisited: theme.accent,
        role.ToolTipBase: theme.raised, role.ToolTipText: theme.text, role.PlaceholderText: theme.muted,
        role.Light: theme.raised.lighter(115), role.Midlight: theme.raised, role.Mid: theme.border,
        role.Dark: theme.border.darker(120), role.Accent: theme.accent,
        role.Shadow: QColor("#000000") if theme.is_dark else QColor("#9aa2ae"),
    }.items():  # fmt: skip
        palette.setColor(name, color)
    faint = theme.muted.lighter(100)  # a copy; QColor(QColor) would load every enum of Qt
    faint.setAlphaF(0.62)
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(group.Disabled, name, faint)
    palette.setColor(group.Disabled, role.Highlight, theme.border)
    palette.setColor(group.Disabled, role.HighlightedText, theme.muted)
    return palette


def build_stylesheet(theme: Theme) -> str:
    """What the palette cannot say: marks, the rail, docks, tooltips. Kept short: each rule costs at start-up."""
    c = {role: getattr(theme, role).name() for role in (
        "background", "surface", "raised", "border", "text", "muted", "accent", "on_accent", "good", "warning", "bad",
    )}  # fmt: skip
    hover = theme.accent.lighter(112).name()
    return f"""
QToolTip {{ color: {c["text"]}; background: {c["raised"]}; border: 1px solid {c["border"]}; padding: 4px; }}
*[mark="muted"] {{ color: {c["muted"]}; }}
*[mark="good"] {{ color: {c["good"]}; }}
*[mark="warning"] {{ color: {c["warning"]}; }}
*[mark="bad"] {{ color: {c["bad"]}; }}
*[mark="title"] {{ font-size: 20pt; font-weight: 600; }}
*[mark="heading"] {{ font-size: 11pt; font-weight: 600; }}
QPushButton[mark="primary"] {{ color: {c["on_accent"]}; background: {c["accent"]}; border: 1px solid {c["accent"]};
    border-radius: 4px; padding: 6px 14px; font-weight: 600; }}
QPushButton[mark="primary"]:hover {{ background: {hover}; }}
QPushButton[mark="primary"]:focus {{ border: 2px solid {c["text"]}; padding: 5px 13px; }}
QPushButton[mark="primary"]:disabled {{ color: {c["muted"]}; background: {c["raised"]}; border-color: {c["border"]}; }}
QPushButton[mark="danger"] {{ color: {c["bad"]}; }}
QPushButton[mark="flat"] {{ border: 1px solid transparent; border-radius: 4px; padding: 6px 10px; text-align: left;
    background: transparent; }}
QPushButton[mark="flat"]:hover {{ background: {c["raised"]}; }}
QPushButton[mark="flat"]:focus {{ border-color: {c["accent"]}; }}
QFrame#card {{ background: {c["surface"]}; border: 1px solid {c["border"]}; border-radius: 8px; }}
QFrame#coach {{ background: {c["surface"]}; border: none; border-top: 2px solid {c["accent"]}; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QFrame#rail {{ border: none; background: {c["surface"]}; border-right: 1px solid {c["border"]}; }}
QToolButton#rail_page {{ border: none; border-left: 3px solid transparent; padding: 8px 2px 6px 0px; color: {c["muted"]};
    background: transparent; }}
QToolButton#rail_page:hover {{ background: {c["raised"]}; color: {c["text"]}; }}
QToolButton#rail_page:checked {{ border-left-color: {c["accent"]}; color: {c["text"]}; background: {c["background"]}; }}
QToolButton#rail_page:focus, QToolButton#rail_toggle:focus {{ color: {c["accent"]}; }}
QToolButton#rail_toggle {{ border: none; border-radius: 6px; margin: 0px 6px; padding: 8px 0px 6px 0px; color: {c["muted"]};
    background: transparent; }}
QToolButton#rail_toggle:hover {{ background: {c["raised"]}; color: {c["text"]}; }}
QToolButton#rail_toggle:checked {{ background: {c["raised"]}; color: {c["text"]}; }}
QMainWindow::separator {{ background: {c["border"]}; width: 1px; height: 1px; }}
QMainWindow::separator:hover {{ background: {c["accent"]}; }}
QStatusBar {{ border-top: 1px solid {c["border"]}; }}
QStatusBar::item {{ border: none; }}
"""
