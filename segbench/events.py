"""Every fact that crosses a thread or a panel: one closed union, past tense. Numbers, records and read-only arrays; no tensor, no widget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from segbench.architectures import NetworkConfig
from segbench.errors import ErrorReport
from segbench.records import Baselines, CheckpointInfo, Color, DatasetInfo, Prediction, Reading, RunInfo, Scores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Fact(msgspec.Struct, frozen=True, tag=True, tag_field="event"):
    """An event that a run's log keeps (one JSON line each)."""


# Training: what a run's event log holds -----------------------------------------------------------------------------


class TrainingStarted(Fact, frozen=True):
    """First event of a run and of each continuation (`step` > 0 then)."""

    run: str
    step: int
    total_steps: int
    steps_per_epoch: int
    epochs: int
    device: str  # for people: "cpu, 1 thread", "cuda (NVIDIA H200)"
    parameters: int
    train_images: int
    validation_images: int
    validation_split: str  # "" when there is no validation
    baselines: Baselines
    time: float  # seconds since 1970, UTC
    # What makes a continuation differ in its last bits from a run that was never stopped: (what, before, now)
    changes: tuple[tuple[str, str, str], ...] = ()


class StepDone(Fact, frozen=True):
    """One optimizer step. `step` counts from 1 over the whole run, `seconds` is busy time since the run began (pauses left out)."""

    step: int
    loss: float
    learning_rate: float
    seconds: float
    images: int  # in this step's batch


class LossShared(Fact, frozen=True):
    """Who owns the loss: which share of it each class has, in their order, over the batches of the last few seconds. They sum to 1.

    A class owns its plane, its Dice, or, where a pixel has one class, the pixels that are truly of it.
    """

    step: int
    shares: tuple[float, ...]


class EpochDone(Fact, frozen=True):
    """End of an epoch (counted from 1). Validation fields are None when there is no validation.

    `grid_scores` are the same scores on even rows and columns only, given for the lecture's output layer, which reaches no others.
    """

    epoch: int
    step: int
    train_loss: float
    validation_loss: float | None
    scores: Scores | None
    grid_scores: Scores | None
    seconds: float
    best: bool  # the best mean IoU (or validation loss, or training loss) so far


class CheckpointSaved(Fact, frozen=True):
    """A checkpoint stands on disk, complete. kind "last" is for continuing, "best" the best epoch's."""

    kind: Literal["last", "best"]
    path: str
    step: int


class TrainingEnded(Fact, frozen=True):
    """Last event in a run's log when it ended in order: all steps done, or stopped by the user with its model kept."""

    reason: Literal["completed", "stopped", "failed"]
    step: int
    seconds: float
    peak_memory: int  # bytes on the device (CUDA) or of the process


LoggedEvent = TrainingStarted | StepDone | LossShared | EpochDone | CheckpointSaved | TrainingEnded


@dataclass(frozen=True, eq=False, slots=True)
class PreviewsUpdated:
    """The network in training looked at the pinned samples again."""

    step: int
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True)
class StorageFailed:
    """The run's folder could not be written. The trainer keeps everything in memory, and tries again when it is pulled again."""

    step: int
    report: ErrorReport


@dataclass(frozen=True, slots=True)
class MemoryRead:
    """Memory in use, at most once a second. total 0: not known."""

    used: int  # bytes
    total: int
    device: str  # "cuda", "process"


@dataclass(frozen=True, eq=False, slots=True)
class RunLogRead:
    """A part of a run's log, in order, as it is read for showing. first: it begins the log, so earlier facts are void."""

    path: str
    name: str
    facts: tuple[LoggedEvent, ...]
    first: bool


# Data ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progressed:
    """A long job came further. total 0: not known yet. `what` names the work: "reading", "converting", "writing" ..."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, eq=False, slots=True)
class ThumbnailsMade:
    """(index, uint8 (h, w, 3)) pairs."""

    thumbnails: tuple[tuple[int, NDArray[np.uint8]], ...]


@dataclass(frozen=True, eq=False, slots=True)
class SamplesScanned:
    """Facts about consecutive samples from `first` on: objects int32 (n, K), pixels int64 (n, K), hidden int64 (n, K)
    (pixels of that class that share their place with another class)."""

    first: int
    objects: NDArray[np.int32]
    pixels: NDArray[np.int64]
    hidden: NDArray[np.int64]


# Prediction, evaluation, export ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class SamplePredicted:
    """One sample went through a network. seconds: time for it alone (a batch's time divided by its images)."""

    checkpoint: str  # its path
    prediction: Prediction
    done: int
    total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FileExported:
    """One sample's masks stand on disk. hidden_pixels: pixels that flattening dropped (0 for formats that keep planes)."""

    index: int
    paths: tuple[str, ...]
    hidden_pixels: int
    done: int
    total: int


@dataclass(frozen=True, eq=False, slots=True)
class ImageScored:
    """One image of an evaluation. loss: from its scores, as `metrics.image_loss` measures it. seconds: in the network."""

    index: int
    name: str
    scores: Scores
    done: int
    total: int
    loss: float | None = None
    seconds: float = 0.0


# Jobs: a job ends in exactly one of JobDone, JobCancelled, JobFailed -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobStarted:
    job: int
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class JobPaused:
    job: int


@dataclass(frozen=True, slots=True)
class JobResumed:
    job: int


@dataclass(frozen=True, eq=False, slots=True)
class JobDone:
    """`result` is what the generator returned."""

    job: int
    kind: str
    result: Any


@dataclass(frozen=True, slots=True)
class JobCancelled:
    """Its generator was closed (its `finally` has run) or it never began."""

    job: int
    kind: str


@dataclass(frozen=True, slots=True)
class JobFailed:
    job: int
    kind: str
    report: ErrorReport


@dataclass(frozen=True, eq=False, slots=True)
class JobEvent:
    """An event together with the job it came from: what the JobRunner publishes for each thing a generator yields."""

    job: int
    kind: str
    event: Event


# The session: what is open now -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DatasetOpened:
    info: DatasetInfo


@dataclass(frozen=True, slots=True)
class DatasetClosed:
    pass


@dataclass(frozen=True, slots=True)
class SampleSelected:
    """The sample every panel looks at now (index over all splits)."""

    index: int


@dataclass(frozen=True, slots=True)
class PinsChanged:
    """The samples whose predictions are shown while training."""

    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RunsListed:
    runs: tuple[RunInfo, ...]


@dataclass(frozen=True, slots=True)
class RunOpened:
    """A run's log is to be shown (replayed) in the training panel."""

    path: str


@dataclass(frozen=True, slots=True)
class RunsCompared:
    """The curves of these runs are to be drawn beside those of the run that is shown."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunContinueRequested:
    """A run is to be shown, and trained further once the user has said for how long."""

    path: str


@dataclass(frozen=True, slots=True)
class CheckpointOpened:
    info: CheckpointInfo


@dataclass(frozen=True, slots=True)
class CheckpointClosed:
    """The checkpoint that was open is no more: its file is gone."""


@dataclass(frozen=True, slots=True)
class ClassRecolored:
    """The user has chosen a colour for the classes of this name; None: they have their own again."""

    name: str
    color: Color | None


@dataclass(frozen=True, slots=True)
class PageRequested:
    """Something asks for a page of the window: "dataset", "training", "prediction", "evaluation", "convolution"."""

    page: str


@dataclass(frozen=True, eq=False, slots=True)
class ExportRequested:
    """The export dialog is to be shown with what the prediction panel shows now.

    index: the present sample. selected: samples the user marked. reading: the panel's thresholds; None: the checkpoint's own.
    `dataset` is what the indices count in. batch_statistics: how the panel's network reads its batch norms.
    """

    index: int
    selected: tuple[int, ...]
    reading: Reading | None
    dataset: Any
    batch_statistics: bool = False


@dataclass(frozen=True, slots=True)
class LayersRequested:
    """The layers of a network are to be shown in the convolution lab: of a checkpoint (path), or of settings, freshly made."""

    path: str = ""
    settings: NetworkConfig | None = None


@dataclass(frozen=True, slots=True)
class ReadingRequested:
    """The prediction panel is to read the scores of this checkpoint so, now or as soon as it is open."""

    checkpoint: str  # its path
    reading: Reading


@dataclass(frozen=True, slots=True)
class LibrariesLoaded:
    """A heavy library has been imported in the background: "numpy", "pyqtgraph", "torch"."""

    name: str


WorkEvent = (
    LoggedEvent
    | PreviewsUpdated
    | StorageFailed
    | MemoryRead
    | RunLogRead
    | Progressed
    | ThumbnailsMade
    | SamplesScanned
    | SamplePredicted
    | FileExported
    | ImageScored
    | LibrariesLoaded
)
JobFact = JobStarted | JobPaused | JobResumed | JobDone | JobCancelled | JobFailed | JobEvent
SessionFact = (
    DatasetOpened
    | DatasetClosed
    | SampleSelected
    | PinsChanged
    | RunsListed
    | RunOpened
    | RunsCompared
    | RunContinueRequested
    | CheckpointOpened
    | CheckpointClosed
    | ClassRecolored
    | PageRequested
    | ExportRequested
    | LayersRequested
    | ReadingRequested
)
Event = WorkEvent | JobFact | SessionFact
