"""The head of the training page: which run, how far, how fast, on what, how good. Shows a TrainingState in words."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from segbench.events import MemoryRead
from segbench.gui.panels.training.state import TrainingState
from segbench.gui.theme import Mark, mark
from segbench.gui.widgets.parts import build_label, build_push, build_tool
from segbench.gui.widgets.share_bar import ShareBar
from segbench.gui.widgets.yielding_row import YieldingRow
from segbench.records import Color

PHASES: dict[str, tuple[str, Mark]] = {
    "idle": ("No run", "muted"),
    "opening": ("Opening…", "muted"),
    "preparing": ("Preparing…", "warning"),
    "training": ("Training", "good"),
    "validating": ("Validating", "good"),
    "paused": ("Paused", "warning"),
    "stopping": ("Stopping…", "warning"),
    "cancelling": ("Discarding…", "warning"),
    "completed": ("Completed", "good"),
    "stopped": ("Stopped", "muted"),
    "failed": ("Failed", "bad"),
    "interrupted": ("Interrupted", "warning"),
    "elsewhere": ("Trained elsewhere", "warning"),
}
ENDED = ("completed", "stopped", "interrupted", "failed", "elsewhere")
FACTS = (
    ("epoch", "Epoch", "Passes over the training images, the present one of all"),
    ("step", "Step", "Optimizer steps done, of all"),
    ("rate", "Images/s", "Training images a second, over the last ten seconds of work"),
    ("left", "Left", "Time left at the mean pace of this run, validation included"),
    ("elapsed", "Elapsed", "Time this run has worked, pauses left out"),
    ("loss", "Loss", "Mean loss of the last 50 steps"),
    ("best", "Best IoU", "Mean IoU over the classes that occur, on the validation images, in the best epoch so far"),
    ("device", "Device", "What the network is trained on"),
    ("memory", "Memory", "Memory in use: the GPU's, or this process's on the CPU"),
)
OWNERS = "Who owns the loss"
OWNERS_TIP = (
    "Which share of the loss each class has, over the last batches. The network mends first what costs most.\n"
    "With the lecture's grey values a star pixel (250) costs 25 times what a rectangle pixel (50) does."
)
RANKS = {
    "memory": 3,
    "elapsed": 2,
    "device": 1,
}  # these give way first in a narrow window (the status bar has two of them)


class TrainingHeader(QFrame):
    """A card with the run's name, state and facts, its progress, and a line for what needs the user's eye."""

    continue_requested = Signal()
    predict_requested = Signal()
    settings_requested = Signal()
    show_active_requested = Signal()
    smaller_batch_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        mark(self, "card")
        self.setAccessibleName("The run")
        self._smaller = 0
        self._problem = ""
        self.banner = QWidget()
        self.sentence = build_label("", "run_sentence", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(4)
        column.addLayout(self._build_title())
        self._facts: dict[str, QLabel] = {}
        column.addWidget(self._build_facts())
        self.bar = QProgressBar()
        self.bar.setObjectName("run_progress")
        self.bar.setAccessibleName("Progress of the run")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setRange(0, 1000)
        column.addWidget(self.bar)
        column.addWidget(self._build_owners())
        self._build_banner()
        column.addWidget(self.banner)

    def show_state(self, state: TrainingState) -> None:
        """Everything from one state."""
        text, role = PHASES[state.phase]
        if state.phase == "validating" and state.validating:
            text = f"Validating {state.validated:,} of {state.validating:,}"
        self.name.setText(state.name or ("New run" if state.phase != "idle" else "No run yet"))
        self.phase.setText(text if state.phase != "idle" else "")
        mark(self.phase, role)
        values = describe(state)
        for key, label in self._facts.items():
            value = values[key]
            if label.text() != value:
                label.setText(value)
                # Never narrower again: the facts beside it stay where they are
                label.setMinimumWidth(max(label.minimumWidth(), label.sizeHint().width()))
        self.bar.setValue(round(1000 * state.step / state.total_steps) if state.total_steps else 0)
        self.bar.setVisible(state.phase != "idle")
        self.owners.set_shares(state.shares)
        self._owners_row.setVisible(bool(state.shares))
        self.continue_button.setVisible(state.can_continue)
        self.predict_button.setVisible(state.can_predict)
        self.settings_button.setVisible(state.can_use_settings)
        self._show_banner(state)

    def set_class_colors(self, colors: dict[str, Color]) -> None:
        self.owners.set_colors(colors)

    def fact(self, key: str) -> str:
        """The text a fact shows now."""
        return self._facts[key].text()

    def show_problem(self, sentence: str) -> None:
        """A sentence that stays until the next state with one of its own."""
        self.sentence.setText(sentence)
        mark(self.sentence, "bad")
        self.banner.setVisible(bool(sentence))
        self._problem = sentence

    def _show_banner(self, state: TrainingState) -> None:
        sentence, role = "", "muted"
        if state.sentence and (state.phase == "failed" or state.is_blocked):
            sentence, role = state.sentence, "bad"
        elif state.other:
            sentence = f"{state.other} is being trained meanwhile."
        elif self._problem and state.phase in ("idle", *ENDED):
            sentence, role = self._problem, "bad"
        elif state.phase in ENDED:
            sentence = state.sentence or state.refusal
        elif state.phase in ("training", "validating", "paused"):
            sentence = state.sentence
        if state.phase in ("preparing", "training"):
            self._problem = ""
        self._smaller = state.smaller_batch
        self.sentence.setText(sentence)
        mark(self.sentence, "bad" if role == "bad" else "muted")
        self.active_button.setVisible(bool(state.other))
        self.smaller_button.setVisible(bool(state.smaller_batch))
        self.smaller_button.setText(f"Go on with {state.smaller_batch} at a time")
        self.banner.setVisible(bool(sentence) or bool(state.smaller_batch))

    def _build_title(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(12)
        self.name = build_label("", "run_name", "heading")
        self.name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.phase = build_label("", "run_phase")
        self.continue_button = build_tool("Continue…", "continue_run", "Train this run for more epochs")
        self.continue_button.clicked.connect(self.continue_requested)
        self.predict_button = build_tool("Predict", "predict_run", "Open its best checkpoint on the prediction page")
        self.predict_button.clicked.connect(self.predict_requested)
        self.settings_button = build_tool(
            "Use settings", "use_settings", "Fill the form with the settings that this run was trained with"
        )
        self.settings_button.clicked.connect(self.settings_requested)
        row.addWidget(self.name)
        row.addWidget(self.phase)
        row.addStretch(1)
        row.addWidget(self.settings_button)
        row.addWidget(self.continue_button)
        row.addWidget(self.predict_button)
        return row

    def _build_facts(self) -> QWidget:
        row = YieldingRow(16)
        for key, title, tip in FACTS:
            part = QWidget()
            box = QVBoxLayout(part)
            box.setContentsMargins(0, 0, 0, 0)
            box.setSpacing(0)
            value = build_label("–", f"fact_{key}", tip=tip)
            value.setAccessibleName(title)
            font = value.font()
            font.setWeight(QFont.Weight.DemiBold)
            value.setFont(font)
            box.addWidget(build_label(title, role="muted", tip=tip))
            box.addWidget(value)
            row.add(part, RANKS.get(key, 0))
            self._facts[key] = value
        row.add_stretch()
        return row

    def _build_owners(self) -> QWidget:
        self._owners_row = QWidget()
        row = QHBoxLayout(self._owners_row)
        row.setContentsMargins(0, 4, 0, 0)
        row.setSpacing(8)
        self.owners = ShareBar(OWNERS, OWNERS_TIP)
        self.owners.setObjectName("loss_owners")
        row.addWidget(build_label(OWNERS, role="muted", tip=OWNERS_TIP))
        row.addWidget(self.owners, 1)
        self._owners_row.hide()
        return self._owners_row

    def _build_banner(self) -> None:
        row = QHBoxLayout(self.banner)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.active_button = build_push("Show it", "show_active", "Show the run that is being trained")
        self.active_button.clicked.connect(self.show_active_requested)
        self.smaller_button = build_push(
            "", "smaller_batch", "Same batch; fewer of its images go through the network together", "primary"
        )
        self.smaller_button.clicked.connect(lambda: self.smaller_batch_requested.emit(self._smaller))
        row.addWidget(self.sentence, 1)
        row.addWidget(self.active_button)
        row.addWidget(self.smaller_button)
        self.banner.hide()


def describe(state: TrainingState) -> dict[str, str]:
    """The facts in words; what is not known is a dash, what there is not is said."""
    rate = state.images_per_second
    if state.validation == "":
        best = "no validation"
    elif state.best_iou is None:
        best = "–"
    else:
        best = f"{state.best_iou:.3f} (epoch {state.best_epoch})"
    return {
        "epoch": f"{state.epoch:,} / {state.epochs:,}" if state.epochs else "–",
        "step": f"{state.step:,} / {state.total_steps:,}" if state.total_steps else "–",
        "rate": "–" if rate is None else f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}",
        "left": describe_time(state.remaining),
        "elapsed": describe_time(state.elapsed),
        "loss": "–" if state.loss is None else f"{state.loss:.4g}",
        "best": best,
        "device": state.device or "–",
        "memory": describe_memory(state.memory),
    }


def describe_time(seconds: float | None) -> str:
    """In words: "45 s", "12 min 05 s", "3 h 20 min"; "–" if not known."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def describe_memory(memory: MemoryRead | None) -> str:
    """In words: "1.2 of 8.0 GB", or only what is used where the total is not known."""
    if memory is None:
        return "–"
    used = memory.used / 2**30
    return f"{used:.1f} of {memory.total / 2**30:.0f} GB" if memory.total else f"{used:.1f} GB"
