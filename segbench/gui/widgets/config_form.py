"""A form for a TrainConfig, built from its knobs: groups, ranges, tooltips, live errors, and what differs from the preset."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from segbench.architectures import ARCHITECTURES, name_network
from segbench.config import Preset, TrainConfig, parse
from segbench.errors import SegbenchError
from segbench.gui.theme import mark
from segbench.gui.widgets.choice_words import describe_choice, describe_preset
from segbench.gui.widgets.config_row import KnobRow, WheelGuard
from segbench.gui.widgets.parts import build_label, build_tool
from segbench.knobs import Knob, list_knobs, to_dict

GROUPS = {"network": "Network", "loss": "Loss", "optimizer": "Optimizer", "data": "Data", "": "Run"}
ADVANCED = (
    "optimizer.clip",
    "precision",
    "threads",
    "validation_images",
    "checkpoint_seconds",
    "preview_seconds",
)


def read_at(raw: dict[str, Any], path: str) -> Any:
    """The value of "a.b" in nested dicts."""
    for name in path.split("."):
        raw = raw[name]
    return raw


def write_at(raw: dict[str, Any], path: str, value: Any) -> None:
    """Puts a value at "a.b" in nested dicts."""
    *groups, name = path.split(".")
    for group in groups:
        raw = raw[group]
    raw[name] = value


class FormSnapshot(NamedTuple):
    """A form's preset and the value of each row."""

    preset: str
    values: dict[str, Any]


class ConfigForm(QWidget):
    """Every knob of an experiment. `changed` after each edit; `problem` is "" when the values can be trained with."""

    changed = Signal()
    edited = Signal(str, str, object, object)  # what, in words; which row ("" all); the form before and after, for undo

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("config_form")
        self.setAccessibleName("Settings of the run")
        self._raw = to_dict(TrainConfig())
        self._presets: dict[str, Preset] = {}
        self._offered = ""  # a preset that suits better, which the user may take
        self._rows: dict[str, KnobRow] = {}
        self._loading = False
        self._problem = ""
        self._foreign: dict[str, str] = {}  # problems that only the caller knows of
        self._guard = WheelGuard(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(4)
        self._build_head()
        self._body: QWidget | None = None
        self._build_rows(TrainConfig())
        self._snapshot = self.snapshot()

    # What others use ---------------------------------------------------------------------------------------------------

    def values(self) -> dict[str, Any]:
        """Plain nested dicts as `config.parse` takes them; text stands where a number was mistyped. A mistyped row that is
        hidden has no say: it counts as the preset's."""
        raw = copy.deepcopy(self._raw)
        for path, row in self._rows.items():
            unheard = bool(row.problem()) and not self._applies(row.knob)
            write_at(raw, path, row.preset if unheard else row.value)
        return raw

    def set_values(self, raw: dict[str, Any]) -> None:
        """Fills the form from nested dicts; what they leave out keeps its default. Raises SegbenchError if they are not right."""
        before, config = self._snapshot, parse(raw)
        if self._presets and name_network(config.network) != self.network:
            self._fill(self._find_like(self.preset, name_network(config.network)))
        self._load(config)
        self._finish()
        self._tell_edit("Replace settings", "", before)

    def set_presets(self, presets: Sequence[Preset], chosen: str = "") -> None:
        """Offers presets; `chosen` fills the form."""
        self._presets = {preset.name: preset for preset in presets}
        self._networks.clear()
        for network in dict.fromkeys(preset.network for preset in presets):
            self._networks.addItem(describe_choice("network.name", network), network)
            tip = inspect.getdoc(ARCHITECTURES[network]) or ""
            self._networks.setItemData(self._networks.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self._offer_presets(chosen or next(iter(self._presets), ""))
        if chosen:
            self._fill(chosen)
            self._finish()

    def choose_preset(self, name: str) -> None:
        """Fills the form from a preset and measures changes against it."""
        before = self._snapshot
        self._fill(name)
        self._offered = ""
        self._finish()
        self._tell_edit(f"Choose preset {describe_preset(name)}", "", before)

    def suggest_preset(self, name: str) -> None:
        """A preset suits better from now on, or the like of it for the chosen network: it is chosen, unless the user has changed
        something, which a preset would take away; then one line offers it."""
        name = self._find_like(name, self.network) or name
        if name == self.preset or self._count_changes():
            self._offered = name
            self._arrange()
        else:
            self.choose_preset(name)

    def _offer_presets(self, name: str) -> None:
        """The presets of this one's network, which the two lists then show."""
        if name not in self._presets:
            return
        network = self._presets[name].network
        self._networks.setCurrentIndex(self._networks.findData(network))
        self._combo.clear()
        for preset in self._presets.values():
            if preset.network == network:
                self._combo.addItem(describe_preset(preset.name), preset.name)
                self._combo.setItemData(self._combo.count() - 1, preset.about, Qt.ItemDataRole.ToolTipRole)
        self._combo.setCurrentIndex(self._combo.findData(name))

    def _find_like(self, name: str, network: str) -> str:
        """The preset of a network that is for the same kind of data as this one; "" if the network has none."""
        kind = name.rpartition("-")[2]
        own = [preset.name for preset in self._presets.values() if preset.network == network]
        alike = [other for other in own if other.rpartition("-")[2] == kind]
        return (alike or own or [""])[0]

    def _fill(self, name: str) -> None:
        preset = self._presets[name]
        self._offer_presets(name)
        self._about.setText(preset.about)
        raw = to_dict(preset.config)
        self._load(preset.config)
        for path, row in self._rows.items():
            row.preset = read_at(raw, path)

    def snapshot(self) -> FormSnapshot:
        """What `restore` puts back."""
        return FormSnapshot(self.preset, {path: row.value for path, row in self._rows.items()})

    def restore(self, snapshot: FormSnapshot) -> None:
        """Puts preset and values back, mistyped ones too; tells `changed`, not `edited`."""
        if snapshot.preset and snapshot.preset != self.preset:
            self._fill(snapshot.preset)
        self._loading = True
        for path, value in snapshot.values.items():
            if path in self._rows:
                self._rows[path].put(value)
        self._loading = False
        self._finish()

    @property
    def network(self) -> str:
        """The name of the network that is described here."""
        return str(self._raw["network"]["name"])

    @property
    def preset(self) -> str:
        """The name of the preset that changes are measured against, "" without presets."""
        return self._combo.currentData() or ""

    @property
    def problem(self) -> str:
        """What keeps these values from being trained with, in one sentence; "" if nothing."""
        return self._problem

    def show_problem(self, path: str, text: str) -> None:
        """Shows under a row what only the caller can know (a target that does not fit the dataset); "" takes it back."""
        self._foreign = {path: text} if text and path in self._rows else {}
        self._check()

    def editor(self, path: str) -> QWidget:
        """The input widget of a knob."""
        return self._rows[path].editor

    def row(self, path: str) -> KnobRow:
        return self._rows[path]

    # Inside ------------------------------------------------------------------------------------------------------------

    def _build_head(self) -> None:
        self._networks, self._combo = self._build_choice("network", "Network"), self._build_choice("preset", "Preset")
        self._networks.activated.connect(self._take_network)
        self._combo.activated.connect(self._take_preset)
        self._reset_all = build_tool("Reset", "reset_all", "Take back every change to the preset")
        self._reset_all.clicked.connect(self._take_preset)
        choices = QGridLayout()
        choices.setHorizontalSpacing(8)
        choices.setVerticalSpacing(4)
        choices.setColumnStretch(1, 1)
        for line, (combo, text) in enumerate(((self._networks, "Network"), (self._combo, "Preset"))):
            label = QLabel(text)
            label.setBuddy(combo)
            choices.addWidget(label, line, 0)
            choices.addWidget(combo, line, 1)
        choices.addWidget(self._reset_all, 1, 2)
        self._about = build_label("", "preset_about", "muted", wrap=True)
        self._offer = QWidget()
        row = QHBoxLayout(self._offer)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._offer_text = build_label("", "preset_offer", wrap=True)
        take = build_tool("Choose it", "take_offer", "Fill the form from that preset; your changes come back with Undo")
        take.clicked.connect(lambda: self.choose_preset(self._offered))
        row.addWidget(self._offer_text, 1)
        row.addWidget(take)
        self._column.addLayout(choices)
        self._column.addWidget(self._about)
        self._column.addWidget(self._offer)

    def _build_choice(self, name: str, text: str) -> QComboBox:
        combo = QComboBox()
        combo.setObjectName(name)
        combo.setAccessibleName(text)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(8)
        combo.installEventFilter(self._guard)
        combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return combo

    def _take_network(self) -> None:
        """Another network starts from its own preset for the same kind of data."""
        if (network := self._networks.currentData()) != self.network:
            self.choose_preset(self._find_like(self.preset, network))

    def _take_preset(self) -> None:
        if self.preset:
            self.choose_preset(self.preset)

    def _build_rows(self, config: TrainConfig) -> None:
        if self._body is not None:
            self._column.removeWidget(self._body)
            self._body.deleteLater()
        self._body = QWidget()
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        # Room for the reset buttons, so that the fields do not jump when one appears
        grid.setColumnMinimumWidth(2, build_tool("↺", "", "").sizeHint().width())
        self._rows = {}
        self._heads: dict[str, QLabel] = {}
        knobs = list_knobs(config)
        for group, title in GROUPS.items():
            members = [knob for knob in knobs if knob.group == group and knob.path not in ADVANCED]
            if members:
                self._add_head(grid, title)
            for knob in members:
                self._add_row(grid, knob)
        self._fold = build_tool("Advanced", "advanced", "Settings that are rarely changed", checkable=True)
        self._fold.setAutoRaise(True)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._fold.toggled.connect(self._arrange)
        grid.addWidget(self._fold, grid.rowCount(), 0, 1, 3)
        for knob in knobs:
            if knob.path in ADVANCED:
                self._add_row(grid, knob)
        grid.setRowStretch(grid.rowCount(), 1)
        self._column.addWidget(self._body, 1)
        self._load_values(to_dict(config))
        self._check()

    def _add_head(self, grid: QGridLayout, title: str) -> None:
        head = QLabel(title)
        mark(head, "heading")
        head.setContentsMargins(0, 8, 0, 0)
        grid.addWidget(head, grid.rowCount(), 0, 1, 3)

    def _add_row(self, grid: QGridLayout, knob: Knob) -> None:
        row = KnobRow(knob, self._guard, self._body or self)
        line = grid.rowCount()
        grid.addWidget(row.label, line, 0)
        grid.addWidget(row.editor, line, 1)
        grid.addWidget(row.reset, line, 2)
        grid.addWidget(row.error, line + 1, 0, 1, 3)
        row.edited.connect(lambda path=knob.path: self._edit(path))
        self._rows[knob.path] = row

    def _load(self, config: TrainConfig) -> None:
        if [knob.path for knob in list_knobs(config)] != list(self._sorted_paths()):
            self._build_rows(config)
        self._load_values(to_dict(config))

    def _sorted_paths(self) -> list[str]:
        """Paths in the order of `list_knobs`, whatever the order of the rows."""
        present = [knob.path for knob in list_knobs(parse(self._raw))]
        return present if set(present) == set(self._rows) else list(self._rows)

    def _load_values(self, raw: dict[str, Any]) -> None:
        self._loading = True
        self._raw = raw
        for path, row in self._rows.items():
            row.put(read_at(raw, path))
        self._loading = False

    def _edit(self, path: str) -> None:
        if not self._loading:
            before = self._snapshot
            self._finish()
            self._tell_edit(f"Change {self._rows[path].knob.title.lower()}", path, before)

    def _finish(self) -> None:
        """The form stands as it is from now on."""
        self._check()
        self._snapshot = self.snapshot()
        self.changed.emit()

    def _tell_edit(self, what: str, path: str, before: FormSnapshot) -> None:
        """Every way to another state but `restore` ends here, so that undo always meets the state that it knows."""
        if self._snapshot != before:
            self.edited.emit(what, path, before, self._snapshot)

    def _check(self) -> None:
        """Errors, markers and which rows are shown."""
        problems = {path: row.problem() for path, row in self._rows.items() if self._applies(row.knob)}
        wrong = next((path for path, text in problems.items() if text), "")
        self._problem = problems.get(wrong, "")
        if not self._problem:
            try:
                parse(self.values())
            except SegbenchError as error:
                wrong = next((p for p in self._rows if f"$.{p}`" in error.message), "loss.name")
                problems[wrong] = self._problem = str(error)
        for path, text in self._foreign.items():
            problems[path] = problems.get(path) or text
            self._problem = self._problem or text
        for path, row in self._rows.items():
            row.explain()
            row.show_error(problems.get(path, ""))
        self._arrange()

    def _applies(self, knob: Knob) -> bool:
        if knob.when is None:
            return True
        other, values = knob.when
        return other not in self._rows or self._rows[other].value in values

    def _arrange(self) -> None:
        changed = sum(self._rows[path].changed for path in ADVANCED if path in self._rows)
        wrong = any(self._rows[path].error.text() for path in ADVANCED if path in self._rows)
        opened = self._fold.isChecked() or wrong
        self._fold.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self._fold.setText(f"Advanced ({changed} changed)" if changed else "Advanced")
        for path, row in self._rows.items():
            row.set_shown(self._applies(row.knob) and (path not in ADVANCED or opened))
        count = self._count_changes()
        self._reset_all.setEnabled(bool(count))
        self._reset_all.setText(f"Reset {count}" if count else "Reset")
        self._offer.setVisible(self._offered not in ("", self.preset))
        self._offer_text.setText(f"The preset {describe_preset(self._offered)} suits this dataset better.")

    def _count_changes(self) -> int:
        """How many settings that matter differ from the preset's."""
        return sum(row.changed for row in self._rows.values() if self._applies(row.knob))
