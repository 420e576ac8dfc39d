"""The evaluation page: what is evaluated above, six ways to look at it below. Shows what the presenter says, and asks it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QAction, QHideEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from segbench.gui.actions import build_action
from segbench.gui.panels.evaluation.choose_dialog import ChooseDialog
from segbench.gui.panels.evaluation.compare_tab import CompareTab
from segbench.gui.panels.evaluation.header import TOPICS, Header
from segbench.gui.panels.evaluation.images_tab import ImagesTab
from segbench.gui.panels.evaluation.overlap_tab import OverlapTab
from segbench.gui.panels.evaluation.scale_tab import ScaleTab
from segbench.gui.panels.evaluation.scores_tab import ScoresTab
from segbench.gui.panels.evaluation.state import MEAN, Page, Stage, Topic
from segbench.gui.panels.evaluation.thresholds_tab import ThresholdsTab
from segbench.gui.panels.evaluation.words import write_split
from segbench.gui.theme import GRID
from segbench.gui.widgets.class_keys import ClassKeys
from segbench.gui.widgets.empty_state import EmptyState

if TYPE_CHECKING:
    from segbench.gui.panels.evaluation.presenter import EvaluationPresenter
    from segbench.gui.panels.evaluation.state import Preview

EMPTY: dict[Stage, tuple[str, str, str]] = {  # sentence, button, page it leads to
    "no dataset": ("Open a dataset with masks to see how well a network does on it.", "Go to dataset", "dataset"),
    "no masks": ("This dataset has images only, so nothing can be scored: open one with masks.", "Go to dataset", "dataset"),
    "no checkpoint": ("Choose a network above, or train one first, to see which images it does worst on, and why.", "Go to training", "training"),
    "not evaluated": ("", "Evaluate", ""),
    "evaluating": ("", "Cancel", ""),
}  # fmt: skip
OF_IMAGES = ("next", "previous", "open", "contour", "predictions", "link", "all_classes", "leave_scope")


class EvaluationView(QWidget):
    """Shows what its presenter says, and tells it what the user does."""

    def __init__(self, presenter: EvaluationPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("evaluation_view")
        self.setAccessibleName("Evaluation")
        self._presenter = presenter
        self._page: Page | None = None
        self._turned: tuple[bool, Topic] = (False, "scores")
        self._actions: dict[str, QAction] = {}
        self.header = Header()
        self.scores, self.images, self.compare = ScoresTab(), ImagesTab(), CompareTab()
        self.thresholds, self.scale, self.overlap = ThresholdsTab(), ScaleTab(), OverlapTab()
        self.tabs: dict[Topic, ScoresTab | ImagesTab | CompareTab | ThresholdsTab | ScaleTab | OverlapTab] = {
            "scores": self.scores, "images": self.images, "compare": self.compare,
            "thresholds": self.thresholds, "scale": self.scale, "overlap": self.overlap,
        }  # fmt: skip
        self._build()
        self._connect()
        self._build_actions()

    # Building ---------------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.stack = QStackedWidget()
        for tab in self.tabs.values():
            self.stack.addWidget(tab)
        self.stack.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.empty = EmptyState("", "Evaluate")
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.stack)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        column.setSpacing(GRID)
        column.addWidget(self.header)
        column.addWidget(self.pages, 1)

    def _connect(self) -> None:
        ask, head = self._presenter, self.header
        head.network_chosen.connect(
            lambda place: ask.choose_network(self._page.candidates[place]) if self._page else None
        )
        head.split_chosen.connect(ask.set_split)
        head.rule_chosen.connect(ask.set_rule)
        head.statistics_toggled.connect(ask.set_batch_statistics)
        head.grid_toggled.connect(ask.set_grid)
        head.topic_chosen.connect(ask.set_topic)
        head.present_chosen.connect(ask.set_present)
        head.compare_requested.connect(self.ask_for_networks)
        head.evaluate_requested.connect(ask.evaluate)
        head.cancel_requested.connect(ask.cancel)
        self.empty.requested.connect(self._follow_empty)
        self.scores.number_chosen.connect(ask.set_number)
        for worst in (self.scores.worst_wanted, self.overlap.worst_wanted):
            worst.connect(ask.show_worst)
        for scope in (self.scores.scope_wanted, self.compare.scope_wanted, self.scale.scope_wanted):
            scope.connect(ask.show_scope)
        for metric in (self.images.metric_chosen, self.compare.metric_chosen):
            metric.connect(ask.set_metric)
        for csv in (self.images.csv_requested, self.compare.csv_requested):
            csv.connect(self.ask_for_file)
        for chosen in (self.images.class_chosen, self.thresholds.class_chosen, self.scale.class_chosen):
            chosen.connect(ask.set_class)
        self.images.image_chosen.connect(ask.show_image)
        self.images.image_opened.connect(ask.open_image)
        self.images.scope_left.connect(ask.leave_scope)
        self.compare.pair_chosen.connect(ask.set_pair)
        self.compare.present_chosen.connect(ask.set_present)
        self.compare.compare_requested.connect(self.ask_for_networks)
        self.compare.evaluate_requested.connect(ask.evaluate)
        self.thresholds.reading_wanted.connect(ask.use_reading)

    def _build_actions(self) -> None:
        ask, images = self._presenter, self.images
        self._add("evaluate", "Evaluate", ask.evaluate, "Ctrl+Return", "Score every image of the split that has masks")
        self._add(
            "compare", "Compare with…", self.ask_for_networks, "Ctrl+M", "Up to five more networks on the same images"
        )
        self._add(
            "next_network",
            "Next network",
            partial(ask.step_present, 1),
            "Ctrl+PgDown",
            "Look at the next of the networks",
        )
        self._add("previous_network", "Previous network", partial(ask.step_present, -1), "Ctrl+PgUp")
        for number, (topic, text, tip) in enumerate(TOPICS):
            self._add(f"topic_{topic}", text, partial(ask.set_topic, topic), f"Alt+{number + 1}", tip)
        self._add(
            "next", "Next worst image", partial(images.step, 1), "N", "The next row of the table, as it is sorted"
        )
        self._add("previous", "Previous image", partial(images.step, -1), "Shift+N")
        self._add(
            "open",
            "Open on the Prediction page",
            images.open_image,
            "Return Enter",
            "The image, with every tool there is",
        )
        self._add("leave_scope", "All images again", ask.leave_scope, "Esc", "After a point or a cell was clicked")
        self._add("contour", "Fill or contour", images.contour.toggle, "C")
        self._add("predictions", "Predictions or differences", images.predicted.toggle, "V", "Of several networks")
        self._add("link", "Link pictures", images.linked.toggle, "L", "Zoom and move all pictures together")
        self.class_keys = ClassKeys(self, "evaluation_class")
        self.class_keys.setTitle("Paint one c&lass")
        self.class_keys.menuAction().setStatusTip("One class's masks and difference alone")
        self.class_keys.toggled.connect(self._paint_class)
        self._add("all_classes", "Paint all classes", partial(ask.set_class, MEAN), "0")
        self._add("use", "Use thresholds on the Prediction page", self._use_thresholds, "U")
        self._add("csv", "Save table…", self.ask_for_file, "Ctrl+Shift+S", "Images or networks as a CSV file")

    def _add(self, name: str, text: str, run: Callable[[], object], keys: str, tip: str = "") -> None:
        action = build_action(self, f"evaluation_{name}", text, run, keys.split(), tip or text)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.addAction(action)
        self._actions[name] = action

    # What the window asks -----------------------------------------------------------------------------------------------

    def actions_list(self) -> list[QAction]:
        found = list(self._actions.values())
        found.insert(found.index(self._actions["all_classes"]), self.class_keys.menuAction())
        return found

    def save_layout(self) -> dict[str, str]:
        """Divider states, base64."""
        bodies = (self.scores.body, self.images.body, self.thresholds.body, self.scale.body)
        return {body.objectName(): bytes(body.saveState().toBase64().data()).decode() for body in bodies}

    def restore_layout(self, kept: dict[str, str]) -> None:
        """Puts dividers back; what does not fit is left alone."""
        for body in (self.scores.body, self.images.body, self.thresholds.body, self.scale.body):
            if state := kept.get(body.objectName()):
                body.restoreState(QByteArray.fromBase64(state.encode()))

    # What the presenter shows -----------------------------------------------------------------------------------------------

    def show_page(self, page: Page) -> None:
        self._page = page
        self.header.show_page(page)
        self.class_keys.set_classes(page.classes.names if page.classes is not None else ())
        ready = page.stage == "ready"
        turned = (ready, page.look.topic) != self._turned
        self._turned = ready, page.look.topic
        now = self.focusWidget()
        steering = now is not None and self.header.isAncestorOf(now)  # by its tabs, or choosing: there the focus stays
        self.pages.setCurrentWidget(self.stack if ready else self.empty)
        topic = page.look.topic
        if ready:
            tab = self.tabs[topic]
            self.stack.setCurrentWidget(tab)
            tab.show_page(page)
        else:
            self._show_empty(page)
        self._offer(page, ready)
        self._aim_focus(ready, topic, turned and not steering)

    def _show_empty(self, page: Page) -> None:
        sentence, button, _ = EMPTY[page.stage]
        split = write_split(page.look.terms.split)
        count = dict(page.splits).get(page.look.terms.split, 0)
        if page.stage == "not evaluated":
            name = page.names[page.look.present]
            sentence = (
                f"Evaluate {name} on the {count:,} images of {split}: every score, and which images are worst, and why."
            )
        elif page.stage == "evaluating":
            sentence = f"Evaluating on the {count:,} images of {split}…"
        self.empty.say(sentence)
        self.empty.button.setText(button)

    def _follow_empty(self) -> None:
        stage = self._page.stage if self._page is not None else "no dataset"
        if stage == "not evaluated":
            self._presenter.evaluate()
        elif stage == "evaluating":
            self._presenter.cancel()
        elif stage != "ready":
            self._presenter.show_page(EMPTY[stage][2])

    def _offer(self, page: Page, ready: bool) -> None:
        topic, several = page.look.topic, len(page.chosen) > 1
        on_images = ready and topic == "images"
        for name in OF_IMAGES:
            self._actions[name].setEnabled(on_images)
        self._actions["predictions"].setEnabled(on_images and len(page.there) > 1)
        self._actions["leave_scope"].setEnabled(on_images and page.look.scope is not None)
        for action in self.class_keys.actions():
            action.setEnabled(action.isEnabled() and on_images)
        self._actions["use"].setEnabled(ready and topic == "thresholds")
        self._actions["csv"].setEnabled(ready and topic in ("images", "compare"))
        self._actions["evaluate"].setEnabled(page.stage in ("not evaluated", "ready") and page.missing > 0)
        self._actions["compare"].setEnabled(self.header.compare.isEnabled())
        for name in ("next_network", "previous_network"):
            self._actions[name].setEnabled(several)

    def _aim_focus(self, ready: bool, topic: Topic, turned: bool) -> None:
        """The focus goes to what one works with first where another part was turned to, or where the focus is lost."""
        parts: dict[Topic, QWidget] = {
            "scores": self.scores.table, "images": self.images.table, "compare": self.compare.table,
            "thresholds": self.thresholds.slider, "scale": self.scale.table, "overlap": self.overlap.bars,
        }  # fmt: skip
        part = parts[topic] if ready else self.empty.button
        self.setFocusProxy(part)
        now = self.focusWidget()
        lost = now is None or not now.isVisibleTo(self)
        mine = now is not None and (now is self or self.isAncestorOf(now))
        if self.isVisible() and (lost or now is self or (turned and mine)):
            part.setFocus()

    def show_progress(self, done: int, total: int, name: str) -> None:
        self.header.show_progress(done, total, name)

    def show_preview(self, preview: Preview | None, problem: str) -> None:
        self.images.show_preview(preview, problem)

    # What the user does -----------------------------------------------------------------------------------------------------

    def _paint_class(self, k: int) -> None:
        """The same key again: all classes."""
        if self._page is not None:
            self._presenter.set_class(MEAN if self._page.look.k == k else k)

    def _use_thresholds(self) -> None:
        self.thresholds.use_there()

    def ask_for_networks(self) -> None:
        page = self._page
        if page is None or not page.chosen:
            return
        dialog = ChooseDialog(page.chosen[0], page.candidates, page.chosen[1:], page.ticked, self)
        dialog.chosen.connect(self._presenter.compare_with)
        dialog.open()

    def ask_for_file(self) -> None:
        page = self._page
        if page is None or page.present is None:
            return
        compare = page.look.topic == "compare"
        dialog = QFileDialog(self, "Save table", "networks.csv" if compare else "images.csv")
        dialog.setObjectName("csv_dialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["CSV table (*.csv)"])
        dialog.setDefaultSuffix("csv")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._presenter.save_comparison if compare else self._presenter.save_images)
        dialog.open()

    # Qt ---------------------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._presenter.set_active(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._presenter.set_active(False)
