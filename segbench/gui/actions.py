"""Making actions and finding them again: menus, command palette and shortcut sheet all read the same QActions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

# Keys that every text and list has for itself: a page answers to them, too, but takes them from nobody
OWN_OF_THE_FOCUS = (QKeySequence("Ctrl+C"),)


class Entry(NamedTuple):
    """An action as it stands in the menus: `path` is ("View", "Theme")."""

    path: tuple[str, ...]
    action: QAction

    @property
    def title(self) -> str:
        return plain(self.action.text())

    @property
    def shortcuts(self) -> str:
        """For people: "Ctrl+O", "D / Right", or ""."""
        native = QKeySequence.SequenceFormat.NativeText
        return " / ".join(s.toString(native) for s in self.action.shortcuts() if not s.isEmpty())


def build_action(
    parent: QWidget,
    name: str,
    text: str,
    run: Callable[[], object] | None = None,
    shortcuts: str | QKeySequence.StandardKey | list[str] = "",
    tip: str = "",
    checkable: bool = False,
) -> QAction:
    """An action of the window. name: its objectName; tip: for the status bar and the palette."""
    action = QAction(text, parent)
    action.setObjectName(name)
    action.setStatusTip(tip or plain(text))
    action.setCheckable(checkable)
    if isinstance(shortcuts, list):
        action.setShortcuts([QKeySequence(s) for s in shortcuts])
    elif shortcuts:
        action.setShortcut(QKeySequence(shortcuts))
    if run is not None:
        action.triggered.connect(lambda _checked=False: run())
    return action


def reach_window(actions: Iterable[QAction], shown: bool) -> None:
    """Where the keys of a page's actions work. Letters, digits and arrows: where the focus is in the page, since elsewhere
    they are typed or lead through a list. Keys with Ctrl or Alt: in the whole window while the page is `shown`, but for
    OWN_OF_THE_FOCUS."""
    for action in actions:
        free = shown and all(_is_modified(keys) and keys not in OWN_OF_THE_FOCUS for keys in action.shortcuts())
        context = Qt.ShortcutContext.WindowShortcut if free else Qt.ShortcutContext.WidgetWithChildrenShortcut
        action.setShortcutContext(context)


def _is_modified(keys: QKeySequence) -> bool:
    held = keys[0].keyboardModifiers()  # type: ignore[index]  # the stubs do not know it
    return bool(held & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier))


def list_entries(bar: QMenuBar) -> list[Entry]:
    """Every action in the menus that does something, in the menus' order."""
    return [entry for action in bar.actions() if (menu := action.menu()) for entry in _walk(menu, ())]


def _walk(menu: object, above: tuple[str, ...]) -> Iterator[Entry]:
    assert isinstance(menu, QMenu)
    path = (*above, plain(menu.title()))
    for action in menu.actions():
        if action.isSeparator():
            continue
        if below := action.menu():
            yield from _walk(below, path)
        elif action.text():
            yield Entry(path, action)


def plain(text: str) -> str:
    """A label without its mnemonic mark and without the dots that promise a dialog."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&").removesuffix("…").strip()


def score(query: str, text: str) -> float | None:
    """How well `query` fits `text` as a fuzzy search (its letters in this order), higher is better; None: not at all.

    Whole words and letters at the start of words count most, gaps cost.
    """
    wanted, given = query.casefold().strip(), text.casefold()
    if not wanted:
        return 0.0
    if wanted in given:
        at = given.index(wanted)
        return 100.0 - at * 0.1 - len(given) * 0.01 + (20.0 if at == 0 or not given[at - 1].isalnum() else 0.0)
    total, place = 0.0, -1
    for letter in wanted.replace(" ", ""):
        found = given.find(letter, place + 1)
        if found < 0:
            return None
        starts_word = found == 0 or not given[found - 1].isalnum()
        total += 4.0 if starts_word else 2.0 if found == place + 1 else 0.0
        total -= 0.1 * (found - place - 1)
        place = found
    return total - len(given) * 0.01
