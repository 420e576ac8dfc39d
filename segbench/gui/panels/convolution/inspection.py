"""Which network the lab looks into, and what it has found out about it: the choices, the layer table's job, the opened layer. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.config import find_presets
from segbench.convolution.geometry import Pair
from segbench.events import Event, JobCancelled, JobDone, JobFailed
from segbench.gui.panels.convolution.work import WITHOUT_DATA, Inspected, list_network, open_network_layer
from segbench.gui.widgets.choice_words import describe_choice, describe_preset
from segbench.records import CheckpointInfo, NetworkSummary

if TYPE_CHECKING:
    from segbench.architectures import NetworkConfig
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner

MOST_SIDE = 1024  # of an image that a table is made for


@dataclass(frozen=True, slots=True)
class NetworkState:
    """What the network page shows. summary None: not known (busy: it is being found out)."""

    choices: tuple[Inspected, ...]
    place: int
    size: Pair
    summary: NetworkSummary | None
    busy: bool


class Inspection:
    """Holds the choices and asks for tables. `state` is what is known now."""

    def __init__(self, session: Session, jobs: JobRunner) -> None:
        self._session, self._jobs = session, jobs
        self._asked: Inspected | None = None  # what another panel wants looked into
        self._chosen: Inspected | None = None
        self._size: Pair | None = None  # what the user typed
        self._listed: tuple[Inspected, Pair] | None = None
        self._summary: NetworkSummary | None = None
        self._job = 0

    @property
    def state(self) -> NetworkState:
        choices = self._find_choices()
        chosen = self._find_chosen(choices)
        known = self._listed == (chosen, self.size)
        return NetworkState(
            choices, choices.index(chosen), self.size, self._summary if known else None, bool(self._job)
        )

    @property
    def size(self) -> Pair:
        """Height and width of the images the table is for: what was typed, else the dataset's, else 64 x 64."""
        if self._size is not None:
            return self._size
        dataset = self._session.dataset
        return (dataset.info.size if dataset is not None else None) or WITHOUT_DATA

    def choose(self, place: int) -> None:
        self._chosen = self._find_choices()[place]

    def set_size(self, height: int, width: int) -> None:
        self._size = height, width

    def look_into(self, path: str, settings: NetworkConfig | None) -> None:
        """What another panel asks for."""
        title = (
            f"Checkpoint {Path(path).parent.parent.name} ({Path(path).stem})" if path else "The training page's network"
        )
        self._asked = Inspected(title, path, settings, self._count_classes())
        self._chosen = self._asked

    def list_layers(self) -> None:
        """Asks for the table that is wanted, unless it is there or on its way."""
        chosen, size = self._find_chosen(self._find_choices()), self.size
        if self._listed == (chosen, size):
            return
        self._listed, self._summary = (chosen, size), None
        job = self._jobs.start(
            "list layers", list_network(chosen, size), title="Listing layers", lane="io", newest_wins=True
        )
        self._job = job.number

    def open_layer(self, layer: str, call: int = 0) -> None:
        chosen = self._find_chosen(self._find_choices())
        work = open_network_layer(chosen, layer, call, self._session.dataset, self._session.sample)
        self._jobs.start("open layer", work, title=f"Opening {layer}", lane="io", newest_wins=True)

    def describe_layer(self) -> str:
        """What the layer opened last shows, in a sentence."""
        trained = self._find_chosen(self._find_choices()).path != ""
        kernel = "Its trained kernel" if trained else "Its kernel as it is drawn at the start, untrained"
        entering = "the sample on screen" if self._session.dataset is not None else "a generated picture of shapes"
        return f"{kernel}, and what really enters it for {entering}."

    def handle(self, events: Sequence[Event]) -> bool:
        """Takes the table; True if there is something new to show."""
        news = False
        for event in events:
            if not isinstance(event, JobDone | JobFailed | JobCancelled) or event.kind != "list layers":
                continue
            if event.job == self._job:
                self._job, news = 0, True
                self._summary = event.result if isinstance(event, JobDone) else None
        return news

    def _find_choices(self) -> tuple[Inspected, ...]:
        """What another panel asked for, the open checkpoint, and the presets' networks, fresh; each once."""
        found: list[Inspected] = [self._asked] if self._asked is not None else []
        checkpoint: CheckpointInfo | None = self._session.checkpoint
        if checkpoint is not None and checkpoint.path not in [choice.path for choice in found]:
            path = Path(checkpoint.path)
            title = f"Checkpoint {path.parent.parent.name} ({path.stem})"
            found.append(Inspected(title, checkpoint.path, None, len(checkpoint.classes)))
        classes, known = self._count_classes(), []
        for preset in find_presets():
            settings = preset.config.network
            if settings not in known:
                known.append(settings)
                name = describe_choice("network.name", preset.network)
                found.append(Inspected(f"Untrained {name}: {describe_preset(preset.name)}", "", settings, classes))
        return tuple(found)

    def _find_chosen(self, choices: tuple[Inspected, ...]) -> Inspected:
        """The dataset may have changed since, and with it how many classes a fresh network tells apart."""
        chosen = self._chosen
        if chosen is None:
            return choices[0]
        return next(
            (c for c in choices if (c.title, c.path, c.settings) == (chosen.title, chosen.path, chosen.settings)),
            choices[0],
        )

    def _count_classes(self) -> int:
        dataset = self._session.dataset
        classes = dataset.info.classes if dataset is not None else None
        return len(classes) if classes is not None else 5
