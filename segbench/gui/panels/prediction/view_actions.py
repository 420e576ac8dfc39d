"""The prediction panel's actions: their words, their keys, what they call, and when they can be used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction

from segbench.gui.actions import build_action
from segbench.gui.panels.prediction.bars import MODES
from segbench.gui.widgets.class_keys import ClassKeys

if TYPE_CHECKING:
    from segbench.gui.panels.prediction.presenter import PredictionPresenter
    from segbench.gui.panels.prediction.view import PredictionView


class ViewActions:
    """Belong to `panel`, as their keys work where the focus is in it. `list` has them in the order of the menu."""

    def __init__(self, panel: PredictionView, ask: PredictionPresenter) -> None:
        self._panel, self._ask = panel, ask
        self.list: list[QAction] = []
        self._add_ways(ask)
        self._add_looks()
        self._add_work()

    def enable(self, ready: bool, mixes: bool, can_score: bool) -> None:
        """ready: there are pictures to look at; mixes: an image lies beneath the masks; can_score: the split has a truth."""
        for action in self.list:
            action.setEnabled(ready)
        self._browse.setEnabled(True)
        self.worst.setEnabled(ready and can_score)
        for action in self._mixing:
            action.setEnabled(ready and mixes)

    def _add_ways(self, ask: PredictionPresenter) -> None:
        self._add("next", "Next image", lambda: ask.step(1), "D Right")
        self._add("previous", "Previous image", lambda: ask.step(-1), "A Left")
        self._add("first", "First image of the split", lambda: ask.go_to_end(False), "Home")
        self._add("last", "Last image of the split", lambda: ask.go_to_end(True), "End")
        self._add("go", "Go to image", self._panel.ask_number, "G")
        self.worst = self._add(
            "worst", "Next with lowest IoU", ask.go_to_next_worst, "W",
            "After the whole split was predicted: the worst image, then the next worse",
        )  # fmt: skip

    def _add_looks(self) -> None:
        panel, table = self._panel, self._panel.table
        for number, (mode, text, tip) in enumerate(MODES):
            self._add(f"mode_{mode}", text, partial(panel.choose_mode, mode), f"Alt+{number + 1}", tip)
        self._add("overlay", "Show overlay", table.toggle_overlay, "V")
        self._add("contour", "Fill or contour", table.toggle_style, "C")
        self._mixing = (
            self._add("more", "More opaque", partial(table.change_opacity, 0.1), "]"),
            self._add("less", "Less opaque", partial(table.change_opacity, -0.1), "["),
        )
        self.class_keys = ClassKeys(panel, "prediction_class")
        self.class_keys.toggled.connect(table.toggle)
        self.list.append(self.class_keys.menuAction())
        self._add("solo", "Show the present class alone", lambda: table.solo(table.current_class), "S")
        self._add(
            "flip", "Truth in the prediction's place", panel.stage.flip, "T",
            "Truth and prediction in turn: what jumps is wrong",
        )  # fmt: skip
        self._add("link", "Link pictures", panel.samples.linked.toggle, "L", "Zoom and move all pictures together")

    def _add_work(self) -> None:
        panel = self._panel
        self._add("score", "Predict whole split", panel.score_split, "Ctrl+Return")
        self._browse = self._add("browse", "Open checkpoint…", panel.browse, "Ctrl+B")
        self._add("save", "Save picture…", panel.save_picture, "Ctrl+Shift+S")
        self._add("export", "Export masks…", panel.export_masks, "Ctrl+E", "Write masks to files")
        self._add(
            "layers", "Layers of this network", self._ask.show_layers, "Ctrl+Shift+N",
            "Sizes, parameters, coverage of every layer of this checkpoint",
        )  # fmt: skip

    def _add(self, name: str, text: str, run: Callable[[], object], keys: str, tip: str = "") -> QAction:
        action = build_action(self._panel, f"prediction_{name}", text, run, keys.split(), tip or text)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._panel.addAction(action)
        self.list.append(action)
        return action
