"""The window's frame: rail, pages, docks, menus, status bar, layout. Shows and asks; what happens then is app.py's business.

It is painted before any heavy library is loaded: nothing here may import numpy, pyqtgraph, torch or msgspec.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QSize, Signal
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from segbench.gui.first_look import LAYOUT_VERSION, FirstLook
from segbench.gui.icons import dress, load_icon, release
from segbench.gui.theme import mark
from segbench.gui.widgets.rail import Rail, RailPage
from segbench.gui.widgets.status import PLAIN_TEXT, Status

if TYPE_CHECKING:
    from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent

PAGES = (
    RailPage("dataset", "Dataset", "Browse images, masks and statistics"),
    RailPage("training", "Training", "Set up a run, start it and watch it learn"),
    RailPage("prediction", "Prediction", "See what a network finds, score it and export masks"),
    RailPage("evaluation", "Evaluation", "See which images are worst, why, and which network is better"),
    RailPage("convolution", "Conv lab", "Take convolutions and transpose convolutions apart, pixel by pixel"),
)
DEFAULT_SIZE = QSize(1280, 720)
SMALLEST = QSize(960, 600)
RUNS_WIDTH, LOG_HEIGHT = 300, 180
UNDO_STEPS = 200  # each keeps what was changed: a form, a lab, thresholds
CENTERED = (
    0x84  # Qt.AlignmentFlag.AlignCenter; Qt's enums cost a fifth of the start, and are not needed before the paint
)


class Page(QStackedWidget):
    """A page of the rail: a line of text until its view is built; the Dataset page has the welcome, too."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(f"page_{name}")
        self.waiting = QLabel("Loading…")
        self.waiting.setProperty("alignment", CENTERED)
        self.waiting.setProperty("textFormat", PLAIN_TEXT)
        mark(self.waiting, "muted")
        self.addWidget(self.waiting)
        self.view: QWidget | None = None

    def set_view(self, view: QWidget) -> None:
        self.view = view
        self.addWidget(view)


class MainWindow(QMainWindow):
    """Signals say what the user asks for; methods show what is."""

    close_requested = Signal()
    open_folder_requested = Signal()
    open_file_requested = Signal()
    generate_requested = Signal()
    close_dataset_requested = Signal()
    preferences_requested = Signal()
    tour_requested = Signal()
    guide_requested = Signal()
    shortcuts_requested = Signal()
    palette_requested = Signal()
    doctor_requested = Signal()
    log_folder_requested = Signal()
    about_requested = Signal()
    reset_requested = Signal()
    path_requested = Signal(str)
    paths_dropped = Signal(list)
    theme_requested = Signal(str)
    page_changed = Signal(str)

    def __init__(self, look: FirstLook | None = None) -> None:
        super().__init__()
        look = look or FirstLook()
        self.setObjectName("main_window")
        self.setWindowTitle("segbench")
        self.setAcceptDrops(True)
        self.setMinimumSize(SMALLEST)
        self.setDockNestingEnabled(False)
        self.may_close = False
        self._recent: tuple[str, ...] = ()
        self._recent_actions: dict[str, QAction] = {}  # by path, those that have left the menu included
        self._look = look
        self.is_built = False
        self.status = Status()
        self.setStatusBar(self.status)
        self._build_center()
        self._build_menu_bar()
        self._put_in_place(look)
        self.show_page(look.page if look.page in self.pages else "dataset")

    # Building -----------------------------------------------------------------------------------------------------

    def _build_center(self) -> None:
        center = QWidget()
        row = QHBoxLayout(center)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.rail = Rail(PAGES)
        self.rail.page_requested.connect(self.show_page)
        row.addWidget(self.rail)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.stack = QStackedWidget()
        self.stack.setObjectName("pages")
        self.pages = {page.name: Page(page.name) for page in PAGES}
        for page in self.pages.values():
            self.stack.addWidget(page)
        self.pages["dataset"].waiting.setText("")  # the welcome comes at once
        column.addWidget(self.stack, 1)
        self.foot = column  # the tour's card stands below the pages
        row.addLayout(column, 1)
        self.setCentralWidget(center)

    def _build_welcome(self) -> None:
        from segbench.gui.widgets.welcome import Welcome

        self.setWindowIcon(load_icon("segbench", side=64))
        self.welcome = Welcome()
        self.welcome.open_folder_requested.connect(self.open_folder_requested)
        self.welcome.open_file_requested.connect(self.open_file_requested)
        self.welcome.generate_requested.connect(self.generate_requested)
        self.welcome.tour_requested.connect(self.tour_requested)
        self.welcome.recent_requested.connect(self.path_requested)
        dataset = self.pages["dataset"]
        dataset.waiting.setText("Loading…")
        dataset.addWidget(self.welcome)
        dataset.setCurrentWidget(self.welcome)

    def _build_docks(self) -> None:
        from PySide6.QtCore import Qt

        self.runs_dock = self._build_dock("runs", "Runs", Qt.DockWidgetArea.RightDockWidgetArea)
        self.log_dock = self._build_dock("log", "Log", Qt.DockWidgetArea.BottomDockWidgetArea)
        self.runs_action = self._build_dock_action(
            self.runs_dock, "&Runs", "Ctrl+Shift+R", "Show or hide the list of runs"
        )
        self.log_action = self._build_dock_action(self.log_dock, "&Log", "Ctrl+Shift+L", "Show or hide the log")

    def _build_dock(self, name: str, title: str, area: Any) -> QDockWidget:
        dock = QDockWidget(title)
        dock.setObjectName(f"dock_{name}")
        dock.setAccessibleName(title)
        waiting = QLabel("Loading…")
        waiting.setProperty("alignment", CENTERED)
        mark(waiting, "muted")
        dock.setWidget(waiting)
        dock.setMinimumWidth(240 if name == "runs" else 0)
        self.addDockWidget(area, dock)
        dock.hide()
        return dock

    def _build_dock_action(self, dock: QDockWidget, text: str, shortcut: str, tip: str) -> QAction:
        from PySide6.QtGui import QKeySequence

        action = dock.toggleViewAction()
        action.setText(text)
        action.setObjectName(f"show_{dock.objectName()}")
        action.setShortcut(QKeySequence(shortcut))
        action.setStatusTip(tip)
        return action

    def _build_menu_bar(self) -> None:
        """The titles only: the first paint shows no more, and `build_menus` follows it."""
        bar = self.menuBar()
        bar.setAccessibleName("Menu bar")
        titles = (
            "&File",
            "&Edit",
            "&View",
            "&Dataset",
            "&Training",
            "&Prediction",
            "Eva&luation",
            "&Convolution",
            "&Help",
        )
        self.menus: dict[str, QMenu] = {title.replace("&", "").lower(): bar.addMenu(title) for title in titles}

    def build_rest(self) -> None:
        """Icons, the welcome, docks and the menus' contents; once, right after the first paint, which waits for none of them."""
        release()
        self._build_welcome()
        from PySide6.QtCore import Qt

        self._build_docks()
        self.rail.add_toggle(self.runs_action, "Runs", "runs", "Show or hide the list of runs (Ctrl+Shift+R)")
        self.rail.add_toggle(self.log_action, "Log", "log", "Show or hide the log (Ctrl+Shift+L)")
        self._build_menus()
        self.resizeDocks([self.runs_dock], [RUNS_WIDTH], Qt.Orientation.Horizontal)
        self.resizeDocks([self.log_dock], [LOG_HEIGHT], Qt.Orientation.Vertical)
        self._default_state = self.saveState(LAYOUT_VERSION)
        self.restore_layout(QByteArray(), self._look.layout)
        self.is_built = True

    def _build_menus(self) -> None:
        from PySide6.QtGui import QAction, QKeySequence, QUndoStack

        from segbench.gui.actions import build_action

        def add(
            menu: QMenu, name: str, text: str, signal: Any, keys: Any = "", tip: str = "", icon: str = ""
        ) -> QAction:
            action = build_action(self, name, text, signal.emit, keys, tip)
            if icon:
                dress(action, icon, side=16)
            menu.addAction(action)
            return action

        file = self.menus["file"]
        add(file, "open_folder", "&Open dataset folder…", self.open_folder_requested, QKeySequence.StandardKey.Open,
            "Open a folder of images and masks, or a run", "folder")  # fmt: skip
        add(file, "open_file", "Open &file…", self.open_file_requested, "Ctrl+Shift+O",
            "Open a dataset in one file (.gz), a checkpoint, or images", "file")  # fmt: skip
        self.recent_menu = file.addMenu("Open &recent")
        self.recent_menu.setEnabled(False)
        file.addSeparator()
        add(file, "generate", "&Generate shapes…", self.generate_requested, QKeySequence.StandardKey.New,
            "Make a dataset of coloured shapes with masks", "shapes")  # fmt: skip
        file.addSeparator()
        self.close_dataset_action = add(file, "close_dataset", "&Close dataset", self.close_dataset_requested, "Ctrl+W")
        self.close_dataset_action.setEnabled(False)
        add(file, "preferences", "&Preferences…", self.preferences_requested, "Ctrl+,", "Theme and folders")
        file.addSeparator()
        quit_action = build_action(
            self, "quit", "&Quit", self.close, "Ctrl+Q", "Close segbench; a running training is kept"
        )
        quit_action.setMenuRole(QAction.MenuRole.QuitRole)
        file.addAction(quit_action)

        edit = self.menus["edit"]
        self.undo_stack = QUndoStack(self)
        self.undo_stack.setUndoLimit(UNDO_STEPS)
        self.undo_action = self.undo_stack.createUndoAction(self, "&Undo")
        self.redo_action = self.undo_stack.createRedoAction(self, "&Redo")
        for action, name, keys, tip in (
            (self.undo_action, "undo", ["Ctrl+Z"], "Take back the last change"),
            (self.redo_action, "redo", ["Ctrl+Shift+Z", "Ctrl+Y"], "Do again what was taken back"),
        ):
            action.setObjectName(name)
            action.setShortcuts([QKeySequence(k) for k in keys])
            action.setStatusTip(tip)
            dress(action, name, side=16)
            edit.addAction(action)

        self._build_view_menu(self.menus["view"])
        for page in self.pages:
            self.menus[page].addAction("Loading…").setEnabled(False)

        help_menu = self.menus["help"]
        add(help_menu, "guide", "User &guide", self.guide_requested, "F1", "Read how segbench works", "help")
        add(help_menu, "tour", "Two-minute &tour", self.tour_requested, "Shift+F1",
            "From nothing to exported masks", "tour")  # fmt: skip
        add(help_menu, "shortcuts", "&Keyboard shortcuts…", self.shortcuts_requested, "?", "Every key, sorted by menu")
        add(help_menu, "palette", "&Command palette…", self.palette_requested, "Ctrl+Shift+P",
            "Find and run any action by name", "search")  # fmt: skip
        help_menu.addSeparator()
        add(help_menu, "doctor", "&Doctor report…", self.doctor_requested, "Ctrl+Shift+H",
            "Check versions, devices and folders")  # fmt: skip
        add(help_menu, "log_folder", "Open &log folder", self.log_folder_requested, "Ctrl+Shift+J",
            "Show the log files")  # fmt: skip
        help_menu.addSeparator()
        about = add(help_menu, "about", "&About segbench…", self.about_requested, "Ctrl+Shift+A")
        about.setMenuRole(QAction.MenuRole.AboutRole)

    def _build_view_menu(self, menu: QMenu) -> None:
        from PySide6.QtGui import QActionGroup

        from segbench.gui.actions import build_action

        for number, page in enumerate(PAGES, 1):
            action = build_action(
                self, f"show_{page.name}", f"Go to &{page.label.lower()}", None, f"Ctrl+{number}", page.tip
            )  # fmt: skip
            action.triggered.connect(lambda _checked=False, name=page.name: self.show_page(name))
            menu.addAction(action)
        menu.addSeparator()
        menu.addAction(self.runs_action)
        menu.addAction(self.log_action)
        menu.addSeparator()
        themes = menu.addMenu("T&heme")
        group = QActionGroup(self)
        self.theme_actions: dict[str, QAction] = {}
        for name, text, keys in (
            ("system", "&System", "Ctrl+Shift+Y"),
            ("light", "&Light", "Ctrl+Shift+B"),
            ("dark", "&Dark", "Ctrl+Shift+D"),
        ):
            action = build_action(self, f"theme_{name}", text, None, keys, f"Use the {name} colours", checkable=True)
            action.triggered.connect(lambda _checked=False, name=name: self.theme_requested.emit(name))
            group.addAction(action)
            themes.addAction(action)
            self.theme_actions[name] = action
        menu.addSeparator()
        menu.addAction(build_action(self, "reset_layout", "Reset la&yout", self.reset_layout, "Shift+F11",
                                    "Put docks and dividers back where they were at first"))  # fmt: skip
        full = build_action(self, "full_screen", "&Full screen", None, "F11", checkable=True)
        full.toggled.connect(lambda on: self.showFullScreen() if on else self.showNormal())
        menu.addAction(full)

    # What app.py puts in ------------------------------------------------------------------------------------------

    def add_page_view(self, page: str, view: QWidget) -> None:
        """A page's view is ready. The Dataset page goes on showing the welcome until a dataset is open."""
        room = self.pages[page]
        room.set_view(view)
        self._give_keys()
        if room.currentWidget() is room.waiting:
            room.setCurrentWidget(view)

    def add_menu_actions(self, page: str, actions: Sequence[QAction]) -> None:
        """A panel's actions, in its menu and (for their shortcuts) in the window."""
        menu = self.menus[page]
        old = menu.actions()
        if old and old[0].text() == "Loading…":
            menu.removeAction(old[0])
        elif old:
            menu.addSeparator()
        menu.addActions(actions)

    def show_welcome(self, on: bool, opening: str = "") -> None:
        """What the Dataset page shows: the welcome, or its view (or a line of text until there is one)."""
        room = self.pages["dataset"]
        room.waiting.setText(f"Opening {opening}…" if opening else "Loading…")
        before = room.currentWidget()
        room.setCurrentWidget(self.welcome if on else room.waiting if opening or room.view is None else room.view)
        if self.page == "dataset" and room.currentWidget() is not before:
            self._give_focus("dataset")

    def show_page(self, name: str) -> None:
        if name not in self.pages:
            return
        changed = self.stack.currentWidget() is not self.pages[name]
        self.stack.setCurrentWidget(self.pages[name])
        self.rail.show_page(name)
        if changed:
            self._give_keys()
            self._give_focus(name)
            self.page_changed.emit(name)

    def _give_keys(self) -> None:
        """The page that is shown has its keys in the whole window; the others give theirs back."""
        views = {name: page.view for name, page in self.pages.items() if page.view is not None}
        if views:  # none before the first paint, which waits for no enum of Qt's
            from segbench.gui.actions import reach_window

            for name, view in views.items():
                reach_window(view.actions(), name == self.page)

    def _give_focus(self, page: str) -> None:
        """The keys of a page work where the focus is: the page that is shown gets it, and passes it on to the part one works
        with first, its focus proxy. It may have the focus already, but where Qt has moved it as the page before was hidden."""
        shown = self.pages[page].currentWidget()
        if shown is not None and self.is_built:
            shown.setFocus()

    @property
    def page(self) -> str:
        return next(name for name, page in self.pages.items() if page is self.stack.currentWidget())

    def show_theme(self, mode: str) -> None:
        self.theme_actions[mode].setChecked(True)

    def show_recent(self, paths: Sequence[str]) -> None:
        """Recent paths in the menu and on the welcome, newest first."""
        if tuple(paths) == self._recent:
            return
        self._recent = tuple(paths)
        self.welcome.set_recent(paths)
        self.recent_menu.setEnabled(bool(paths))
        for action in self.recent_menu.actions():  # not deleted: an open palette may list it, and still opens its path
            self.recent_menu.removeAction(action)
            action.setShortcuts([])
        for number, path in enumerate(paths, 1):
            where = Path(path)
            text = f"{where.name}  —  {where.parent}".replace("&", "&&")
            action = self._recent_actions.get(path) or self._build_recent(path)
            action.setText(f"&{number % 10} {text}" if number <= 10 else text)
            if number <= 9:
                action.setShortcut(f"Ctrl+K, {number}")
            self.recent_menu.addAction(action)

    def _build_recent(self, path: str) -> QAction:
        from PySide6.QtGui import QAction

        action = self._recent_actions[path] = QAction(self.recent_menu)
        action.setStatusTip(f"Open {path}")
        action.triggered.connect(lambda _checked=False: self.path_requested.emit(path))
        return action

    def show_dataset(self, name: str, facts: str) -> None:
        """Title and status bar tell what is open; an empty name: nothing."""
        self.setWindowTitle(f"{name} — segbench" if name else "segbench")
        self.status.dataset.setText(f"{name}  ·  {facts}" if name else "No dataset open")
        self.close_dataset_action.setEnabled(bool(name))

    def paint_first(self) -> bool:
        """Paints now if the screen shows the window already; False if not. (A paintEvent of our own would load QEvent's enums.)"""
        place = self.windowHandle()
        if place is None or not place.isExposed():
            return False
        self.repaint()
        return True

    # Layout ---------------------------------------------------------------------------------------------------------

    def read_look(self) -> FirstLook:
        """What the window looks like now, but for the theme."""
        return FirstLook(page=self.page, geometry=self.saveGeometry(), layout=self.saveState(LAYOUT_VERSION))

    @property
    def was_restored(self) -> bool:
        """Did the first look bring a place and a size?"""
        return not self._look.geometry.isEmpty()

    def restore_layout(self, geometry: QByteArray, layout: QByteArray) -> None:
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)
        if not layout.isEmpty():
            self.restoreState(layout, LAYOUT_VERSION)

    def reset_layout(self) -> None:
        """Docks as at the first start; app.py resets the panels' dividers on `reset_requested`."""
        self.restoreState(self._default_state, LAYOUT_VERSION)
        self.reset_requested.emit()

    def _put_in_place(self, look: FirstLook) -> None:
        screen = self.screen()
        room = screen.availableGeometry().size() if screen else DEFAULT_SIZE
        self.resize(DEFAULT_SIZE.boundedTo(QSize(room.width() - 40, room.height() - 60)))
        self.restore_layout(look.geometry, QByteArray())

    # Events -----------------------------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        """Asks app.py first; it sets `may_close` when everything is put away and closes again."""
        if self.may_close:
            event.accept()
            return
        event.ignore()
        self.close_requested.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.paths_dropped.emit(paths)
