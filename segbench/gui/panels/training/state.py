"""What is known of one run, counted from its events, and the frozen state that the view shows. No Qt, no numpy."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from segbench.events import (
    CheckpointSaved,
    EpochDone,
    LoggedEvent,
    LossShared,
    MemoryRead,
    StepDone,
    TrainingEnded,
    TrainingStarted,
)
from segbench.gui.pace import Pace

if TYPE_CHECKING:
    from segbench.config import TrainConfig
    from segbench.data.dataset import Dataset
    from segbench.gui.panels.training.work import Order
    from segbench.jobs import Job
    from segbench.records import DatasetInfo

Phase = Literal[
    "idle", "opening", "preparing", "training", "validating", "paused", "stopping", "cancelling",
    "completed", "stopped", "failed", "interrupted", "elsewhere",
]  # fmt: skip
RATE_SECONDS = 10.0  # images a second are counted over this much busy time
LOSS_STEPS = 50  # the loss that is shown is the mean of this many steps
ELSEWHERE = "Another segbench is training this run. Here it can be looked at, not changed."
NO_RUN = "Open a dataset with masks, or generate shapes, and train a network on it here."


@dataclass(frozen=True)
class TrainingState:
    """All that the header and the buttons show, resolved: the view decides nothing."""

    phase: Phase = "idle"
    name: str = ""
    sentence: str = ""  # what went wrong, or what is missing, in words
    is_blocked: bool = False  # it has paused by itself, since its folder cannot be written to
    step: int = 0
    total_steps: int = 0
    epoch: int = 0  # the one in progress, from 1; 0 before the first step
    epochs: int = 0
    images_per_second: float | None = None
    elapsed: float | None = None  # seconds of work
    remaining: float | None = None
    device: str = ""
    memory: MemoryRead | None = None
    loss: float | None = None
    shares: tuple[tuple[str, float], ...] = ()  # of the loss, by class; () not known
    best_iou: float | None = None
    best_epoch: int = 0
    validation: str | None = None  # the split that is watched; "" there is none; None not known yet
    validated: int = 0  # images of this epoch's validation done
    validating: int = 0  # of so many
    other: str = ""  # the name of a run that is being trained while another one is shown
    smaller_batch: int = 0  # the batch size to offer after memory ran out
    refusal: str = NO_RUN  # why no new run can be started now, in words; "" if one can
    can_pause: bool = False
    can_stop: bool = False
    can_cancel: bool = False
    can_continue: bool = False
    can_predict: bool = False
    can_use_settings: bool = False

    @property
    def can_start(self) -> bool:
        return not self.refusal


class RunRecord:
    """Numbers of one run, from its events in order."""

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        self.config: TrainConfig | None = None  # None until its start, or the end of its log
        self.dataset: DatasetInfo | None = None  # that it is trained on; known when `config` is
        self.live = False  # trained in this window, so its events are all here
        self.phase: Phase = "opening"
        self.clear()

    def clear(self) -> None:
        """Forgets all facts: the log is read anew."""
        self.started: TrainingStarted | None = None
        self.step = 0
        self.seconds: float | None = None
        self.best: EpochDone | None = None
        self.epochs_done = 0
        self.checkpoints: dict[str, str] = {}
        self.sentence = ""
        self.memory: MemoryRead | None = None
        self.smaller_batch = 0
        self.validated = self.validating = 0
        self._shares: tuple[float, ...] = ()
        self._losses: deque[float] = deque(maxlen=LOSS_STEPS)
        self._recent: deque[tuple[float, int]] = deque()  # (seconds, images) of the last RATE_SECONDS
        self.images_per_second: float | None = None  # over the last RATE_SECONDS; None before the second step
        self._pace = Pace(0)  # of this stretch of training

    def add(self, facts: Sequence[LoggedEvent]) -> None:
        """Takes over a batch of the run's facts."""
        for fact in facts:
            match fact:
                case StepDone():
                    self._add_step(fact)
                case LossShared():
                    self._shares = fact.shares
                case EpochDone():
                    self.epochs_done, self.seconds = fact.epoch, fact.seconds
                    self._pace.add(fact.step, fact.seconds)
                    # Validation is work, but no images are trained on meanwhile: the pace is counted from its end
                    self._recent = deque([(fact.seconds, 0)])
                    if fact.best:
                        self.best = fact
                case TrainingStarted():
                    self._start(fact)
                case CheckpointSaved():
                    self.checkpoints[fact.kind] = fact.path
                case TrainingEnded():
                    self.phase, self.seconds = fact.reason, fact.seconds

    def _start(self, fact: TrainingStarted) -> None:
        self.started, self.step = fact, fact.step
        self.epochs_done = fact.step // fact.steps_per_epoch if fact.steps_per_epoch else 0
        self.phase = "interrupted"  # until something says how it ended
        self.sentence, self.smaller_batch = "", 0
        if self.best is not None and self.best.step > fact.step:
            self.best = None
        self._losses.clear()
        self._recent.clear()
        self.images_per_second = None
        self._pace = Pace(fact.total_steps)

    def _add_step(self, fact: StepDone) -> None:
        self.step, self.seconds = fact.step, fact.seconds
        self._losses.append(fact.loss)
        self._pace.add(fact.step, fact.seconds)
        self._recent.append((fact.seconds, fact.images))
        while len(self._recent) > 2 and self._recent[0][0] < fact.seconds - RATE_SECONDS:
            self._recent.popleft()
        span = self._recent[-1][0] - self._recent[0][0]
        if span > 0:
            self.images_per_second = (sum(images for _, images in self._recent) - self._recent[0][1]) / span

    @property
    def loss(self) -> float | None:
        """Mean of the last steps' losses."""
        return sum(self._losses) / len(self._losses) if self._losses else None

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """Which share of the loss each class had last; () if that is not known."""
        classes = self.dataset.classes if self.dataset is not None else None
        if classes is None or len(classes) != len(self._shares):
            return ()
        return tuple(zip(classes.names, self._shares, strict=True))

    @property
    def remaining(self) -> float | None:
        """Seconds of work left, at this stretch's mean pace (validation and previews included)."""
        return self._pace.seconds_left

    @property
    def epoch(self) -> int:
        """The epoch in progress, or the last one when all are done."""
        if self.started is None or not self.started.steps_per_epoch:
            return 0
        return min(max(self.step - 1, 0) // self.started.steps_per_epoch + 1, self.started.epochs) if self.step else 0

    @property
    def best_checkpoint(self) -> str:
        """The best checkpoint, else the last, "" if none stands."""
        return self.checkpoints.get("best") or self.checkpoints.get("last") or ""


def describe_torn(lines: int) -> str:
    """What a crash took from a run's log, in words; "" if it took nothing."""
    return f"{lines} torn line{'s' * (lines > 1)} of its log {'are' if lines > 1 else 'is'} left out." if lines else ""


def describe_changes(changes: Sequence[tuple[str, str, str]]) -> str:
    """What keeps a continuation from being equal bit for bit, in words; "" if nothing does."""
    if not changes:
        return ""
    told = ", ".join(f"{what} {before}, now {now}" for what, before, now in changes)
    return f"It goes on, but not bit for bit as if it had never been stopped: {told}."


class Active:
    """The training job there is, from its start to its end."""

    def __init__(self, job: Job, config: TrainConfig, dataset: Dataset, order: Order, path: str) -> None:
        self.job = job
        self.config = config
        self.dataset = dataset
        self.order = order
        self.path = path  # "" until the first event names the run
        self.phase: Phase = "preparing"
        self.notice = ""  # what there is to know about this training, in words


def resolve(
    record: RunRecord | None, active: Active | None, shown: str, active_name: str, refusal: str, sentence: str
) -> TrainingState:
    """What the view shows. record: of the run at `shown`; refusal: why no new run can be started now, "" if one can;
    sentence: what there is to say when no run is shown."""
    is_active = active is not None and active.path == shown
    other = active_name if active is not None and not is_active else ""
    if record is None:
        phase: Phase = active.phase if active is not None and is_active else "idle"
        return TrainingState(
            phase=phase,
            sentence="" if is_active else refusal or sentence,
            refusal=refusal,
            can_stop=phase == "preparing",
            can_cancel=phase == "preparing",
            other=other,
        )
    phase = active.phase if active is not None and is_active else record.phase
    started, running = record.started, phase in ("training", "validating", "paused")
    return TrainingState(
        phase=phase,
        name=record.name,
        sentence=record.sentence,
        is_blocked=active is not None and is_active and active.job.blocked,
        step=record.step,
        total_steps=started.total_steps if started else 0,
        epoch=record.epoch,
        epochs=started.epochs if started else 0,
        images_per_second=record.images_per_second,
        elapsed=record.seconds,
        remaining=record.remaining if running else None,
        device=started.device if started else "",
        memory=record.memory if is_active else None,
        loss=record.loss,
        shares=record.shares,
        best_iou=record.best.scores.mean_iou if record.best and record.best.scores else None,
        best_epoch=record.best.epoch if record.best else 0,
        validation=started.validation_split if started else None,
        validated=record.validated,
        validating=record.validating,
        other=other,
        smaller_batch=record.smaller_batch if active is None else 0,
        refusal=refusal,
        can_pause=running,
        can_stop=is_active and (running or phase == "preparing"),
        can_cancel=is_active and (running or phase == "preparing"),
        can_continue=active is None and record.config is not None and bool(record.step) and phase != "elsewhere",
        can_predict=bool(record.best_checkpoint),
        can_use_settings=record.config is not None,
    )
