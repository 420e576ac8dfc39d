"""The window's colours: two palettes, System / Light / Dark live. Knows Qt; imports no numpy, and styles pyqtgraph only once that is loaded.

A view asks `current_theme()` for a role when it paints, and repaints on `theme_signals().changed`. Widgets that are not
painted by hand say what they are:
    mark(label, "muted" | "title" | "heading" | "bad" | "good" | "warning"),  mark(button, "primary" | "flat" | "danger"),
    mark(frame, "card").
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
Mark = Literal["muted", "title", "heading", "bad", "good", "warning", "primary", "flat", "danger", "card", "coach", ""]
TEXT_ROLES = ("muted", "good", "warning", "bad", "danger")
FONT_SIZES = {"title": 2.2, "heading": 1.2}  # times the system's
SHEETS = {
    "primary": """
QPushButton { color: %(on_accent)s; background: %(accent)s; border: 1px solid %(accent)s; border-radius: 4px;
    padding: 6px 14px; font-weight: 600; }
QPushButton:hover { background: %(hover)s; }
QPushButton:focus { border: 2px solid %(text)s; padding: 5px 13px; }
QPushButton:disabled { color: %(muted)s; background: %(raised)s; border-color: %(border)s; }""",
    "flat": """
QPushButton { border: 1px solid transparent; border-radius: 4px; padding: 6px 10px; text-align: left;
    background: transparent; }
QPushButton:hover { background: %(raised)s; }
QPushButton:focus { border-color: %(accent)s; }""",
    "card": "QFrame#card { background: %(surface)s; border: 1px solid %(border)s; border-radius: 8px; }",
    "coach": "QFrame#coach { background: %(surface)s; border: none; border-top: 2px solid %(accent)s; }",
}
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
    theme = {"light": LIGHT, "dark": DARK}.get(mode) or _read_system(app)
    _use(app, theme)
    _outline_fields(app, theme)  # what the first paint had no time for


def mark(widget: QWidget, role: Mark) -> None:
    """Says what a widget is, and dresses it so, now and after each change of theme; "" takes the mark off."""
    before = widget.property("mark")
    if before == role or (before is None and not role):
        return
    widget.setProperty("mark", role)
    _dress(widget, before, role)


def _dress(widget: QWidget, before: str | None, role: str) -> None:
    """Colours by palette and sizes by font; only what neither can say gets a style sheet, and of its own.

    A style sheet of the whole application (or window) would have every widget styled anew whenever it gets a parent: it doubled
    the time that a panel takes to be built.
    """
    theme = current_theme()
    if role in TEXT_ROLES or before in TEXT_ROLES:
        palette = QPalette()
        if role in TEXT_ROLES:
            color = getattr(theme, "bad" if role == "danger" else role)
            for part in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
                palette.setColor(part, color)
        widget.setPalette(palette)
    if role in FONT_SIZES or before in FONT_SIZES:
        from PySide6.QtGui import QFont

        font = QFont()
        if role in FONT_SIZES:
            font = QApplication.font()
            font.setPointSizeF(font.pointSizeF() * FONT_SIZES[role])
            font.setWeight(QFont.Weight.DemiBold)
        widget.setFont(font)
    if role in SHEETS or before in SHEETS:
        widget.setStyleSheet(fill_sheet(SHEETS[role]) if role in SHEETS else "")


def _dress_all_again(app: QApplication) -> None:
    marked = [(widget, role) for widget in app.allWidgets() if (role := widget.property("mark"))]
    # Style sheets first: setting one gives the widgets inside it their former palette back
    for widget, role in sorted(marked, key=lambda pair: pair[1] not in SHEETS):
        _dress(widget, role, role)


def fill_sheet(sheet: str) -> str:
    """A style sheet with %(accent)s and the like replaced by the theme's colours."""
    theme = current_theme()
    colors = {name: value.name() for name, value in zip(theme._fields, theme, strict=True) if isinstance(value, QColor)}
    return sheet % {**colors, "hover": theme.accent.lighter(112).name()}


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
    if _State.follows_system:  # after the first paint, that is
        from PySide6.QtWidgets import QToolTip

        QToolTip.setPalette(build_palette(theme))
        _outline_fields(app, theme)
    _dress_all_again(app)
    style_plots()
    theme_signals().changed.emit()


def _outline_fields(app: QApplication, theme: Theme) -> None:
    """Fusion draws the frames of boxes and fields in the window's colour, made darker: on a dark window nobody sees them. What
    it takes for the window there is the outline that it is to come to, made lighter by as much."""
    palette = build_palette(theme)
    if theme.is_dark:
        palette.setColor(QPalette.ColorRole.Window, theme.muted.darker(125).lighter(140))
    for kind in ("QCheckBox", "QRadioButton", "QAbstractSpinBox", "QLineEdit", "QComboBox"):
        app.setPalette(palette, kind)  # type: ignore[arg-type]  # the stubs want bytes


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
