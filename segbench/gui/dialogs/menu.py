"""The dialogs that the menus open: each is built when it is asked for, opened without stopping the loop, and gone when it is closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog

from segbench import settings as preferences
from segbench.gui.actions import list_entries

if TYPE_CHECKING:
    from segbench.gui.main_window import MainWindow
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner


class MenuDialogs:
    """set_theme: puts a mode in force and keeps it. log_path: "" if there is no log file."""

    def __init__(
        self,
        session: Session,
        jobs: JobRunner,
        window: MainWindow,
        log_path: str,
        set_theme: Callable[[str], None],
    ) -> None:
        self._session, self._jobs, self._window = session, jobs, window
        self._log_path, self._set_theme = log_path, set_theme

    def _show(self, dialog: QDialog) -> None:
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def show_generator(self) -> None:
        from segbench.gui.dialogs.generate import GenerateDialog

        self._show(GenerateDialog(self._session, self._jobs, self._window))

    def show_preferences(self) -> None:
        from segbench.gui.dialogs.preferences import PreferencesDialog

        dialog = PreferencesDialog(
            self._session.settings, str(preferences.find_runs_folder(self._session.settings)), self._window
        )
        dialog.theme_chosen.connect(self._set_theme)
        dialog.runs_folder_chosen.connect(self._set_runs_folder)
        self._show(dialog)

    def _set_runs_folder(self, folder: str) -> None:
        self._session.change_settings(runs_folder=folder)
        self._session.list_runs()

    def show_guide(self) -> None:
        from segbench.gui.dialogs.guide import Guide

        guide = Guide(self._window, self._window.page)
        guide.finished.connect(guide.deleteLater)
        guide.show()

    def show_shortcuts(self) -> None:
        from segbench.gui.dialogs.shortcuts import ShortcutSheet

        self._show(ShortcutSheet(list_entries(self._window.menuBar()), self._window))

    def show_palette(self) -> None:
        from segbench.gui.dialogs.palette import CommandPalette

        self._show(CommandPalette(list_entries(self._window.menuBar()), self._window))

    def show_doctor(self) -> None:
        from segbench.gui.dialogs.doctor import DoctorDialog

        self._show(DoctorDialog(self._window))

    def show_about(self) -> None:
        from segbench.gui.dialogs.about import AboutDialog

        places = {
            "Preferences": str(preferences.find_settings_file()),
            "Runs": str(preferences.find_runs_folder(self._session.settings)),
            "Log": self._log_path or "could not be written",
        }
        self._show(AboutDialog(places, self._window))

    def open_log_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(preferences.find_home("log"))))
