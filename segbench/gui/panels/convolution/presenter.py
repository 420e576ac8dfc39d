"""Decides what the convolution lab shows: which operation, which pixel, which network. No Qt."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from segbench.convolution.code import write_code
from segbench.convolution.coverage import Repair
from segbench.convolution.geometry import Pair
from segbench.convolution.lecture import PRESETS
from segbench.convolution.operation import Operation
from segbench.events import (
    CheckpointClosed,
    CheckpointOpened,
    DatasetClosed,
    DatasetOpened,
    Event,
    JobCancelled,
    JobDone,
    JobFailed,
    LayersRequested,
    WorkEvent,
)
from segbench.gui.panels.convolution.atrous_picture import Atrous, AtrousPicture, resolve_atrous
from segbench.gui.panels.convolution.coverage_picture import CoveragePicture, resolve_coverage
from segbench.gui.panels.convolution.inspection import Inspection, NetworkState
from segbench.gui.panels.convolution.lab import (
    Lab,
    Part,
    Source,
    Topic,
    begin,
    change_geometry,
    edit,
    open_preset,
    refill,
    set_kind,
    set_knob,
)
from segbench.gui.panels.convolution.matrix_picture import MatrixPicture, resolve_matrix
from segbench.gui.panels.convolution.operation_picture import OperationPicture, find_problem, resolve_operation
from segbench.gui.panels.convolution.work import prove_operation, save_bytes
from segbench.records import OpenedLayer, Proof

if TYPE_CHECKING:
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner

MOST_NUMBERS_IN_CODE = 1500  # above, the code holds the channels looked at alone


class ConvolutionView(Protocol):
    """What the presenter asks of the view."""

    def keeping_focus(self) -> AbstractContextManager[None]: ...
    def show_lab(self, lab: Lab) -> None: ...
    def show_operation(self, picture: OperationPicture) -> None: ...
    def show_matrix(self, picture: MatrixPicture) -> None: ...
    def show_coverage(self, picture: CoveragePicture) -> None: ...
    def show_atrous(self, picture: AtrousPicture) -> None: ...
    def show_network(self, state: NetworkState) -> None: ...
    def show_proof(self, proof: Proof | None, busy: bool) -> None: ...
    def show_news(self, text: str) -> None:
        """One line that something was done; it passes."""

    def remember(self, text: str, before: Lab, after: Lab, gesture: Hashable) -> None: ...


class ConvolutionPresenter:
    """One per window. What can be undone goes through the view's undo stack and comes back by `use`."""

    def __init__(self, session: Session, jobs: JobRunner) -> None:
        self._session, self._jobs = session, jobs
        self._inspection = Inspection(session, jobs)
        self._proving = 0  # the job that proves what is on screen
        self._proven: tuple[Operation, Pair] | None = None  # what that proof is of
        self._active = False
        self.lab = begin()

    def attach(self, view: ConvolutionView) -> None:
        self._view = view
        self._show()

    def set_active(self, active: bool) -> None:
        """The page is shown, or hidden: tables of networks are made for people who look."""
        self._active = active
        if active and self.lab.topic == "network":
            self._show_network()

    # What the user does ---------------------------------------------------------------------------------------------------

    def use(self, lab: Lab) -> None:
        """This is the lab from now on."""
        self.lab = lab
        self._show()

    def open_preset(self, number: int) -> None:
        preset = PRESETS[number]
        self._change(preset.name, open_preset(preset, self.lab))

    def keep_own(self) -> None:
        """The numbers on screen are the user's own from now on, no example's."""
        if self.lab.name:
            self._change("Own numbers", replace(self.lab, name="", note="", source="own"))

    def step_preset(self, by: int) -> None:
        """The next or previous example; from elsewhere, the first."""
        now = self.find_preset()
        self.open_preset(0 if now is None else (now + by) % len(PRESETS))

    def find_preset(self) -> int | None:
        """The example on screen, None once it was changed."""
        return next((n for n, preset in enumerate(PRESETS) if preset.name == self.lab.name), None)

    def set_kind(self, transposed: bool) -> None:
        if transposed != self.lab.geometry.transposed:
            text = "Transpose convolution" if transposed else "Convolution"
            self._change(text, change_geometry(self.lab, set_kind(self.lab.geometry, transposed)))

    def set_knob(self, knob: str, value: int, gesture: Hashable = None) -> None:
        geometry = set_knob(self.lab.geometry, knob, value)
        if geometry != self.lab.geometry:
            self._change(f"Set {knob.replace('_', ' ')}", change_geometry(self.lab, geometry), gesture)

    def set_values(self, source: Source, seed: int) -> None:
        if (source, seed) != (self.lab.source, self.lab.seed):
            changed = replace(self.lab, source="own") if source == "own" else refill(self.lab, source, seed)
            self._change("Values", changed)

    def edit(self, part: Part, row: int, column: int, value: float) -> None:
        before = self.lab.x_HW if part == "input" else self.lab.kernel
        if before[row, column] != value:
            self._change(f"Edit the {part}", edit(self.lab, part, row, column, value))

    def set_pair(self, i: int, o: int) -> None:
        self.use(replace(self.lab, pair=(i, o)))

    def set_summed(self, summed: bool) -> None:
        self.use(replace(self.lab, summed=summed))

    def set_topic(self, topic: Topic) -> None:
        if topic != self.lab.topic:
            self.use(replace(self.lab, topic=topic))

    def set_look(self, field: str, value: Any) -> None:
        """One field of how the matrix is drawn: layout, letters, drawn, back."""
        self.use(replace(self.lab, **{field: value}))

    def set_atrous(self, atrous: Atrous) -> None:
        self.use(replace(self.lab, atrous=atrous))

    def point(self, row: int, column: int, of_input: bool) -> None:
        """This pixel of the output (or of the input) is looked at."""
        if ((row, column), of_input) != (self.lab.pointed, self.lab.of_input):
            self.use(replace(self.lab, pointed=(row, column), of_input=of_input))

    def step(self, by: int) -> None:
        """The next or previous pixel of the output, row by row, around the end."""
        geometry = self.lab.geometry
        if find_problem(geometry) is not None:
            return
        height, width = geometry.output
        if self.lab.pointed is None or self.lab.of_input:
            place = -1 if by > 0 else 0  # as if it stood before the first, or behind the last
        else:
            row, column = self.lab.pointed
            place = min(row, height - 1) * width + min(column, width - 1)
        place = (place + by) % (height * width)
        self.point(place // width, place % width, False)

    def take_repair(self, repair: Repair) -> None:
        """The repaired operation takes the place of the other; the coverage page stays."""
        operation = _fit_channels(self.lab.operation, repair)
        lab = replace(self.lab, operation=operation, kept=None, source="count", name="", note="")
        lab = change_geometry(replace(lab, pair=(0, 0), summed=False), repair.geometry)
        if repair.resized:
            height, width = repair.geometry.size
            lab = replace(
                lab, note=f"The input is the former one, enlarged to {height} × {width} (each pixel repeated)."
            )
        self._change("Repair", lab)

    def prove(self) -> None:
        """Asks torch, in the io lane."""
        if find_problem(self.lab.geometry) is None:
            work = prove_operation(self.lab.operation, self.lab.pair)
            self._proven = self.lab.operation, self.lab.pair
            job = self._jobs.start("prove", work, title="Proving", lane="io", newest_wins=True)
            self._proving = job.number
            self._view.show_proof(None, True)

    def write_code(self) -> str:
        """What is on screen as a PyTorch program."""
        operation = self.lab.operation
        is_large = operation.x_IHW.size + operation.weight_IOHW.size > MOST_NUMBERS_IN_CODE
        if is_large or not self.lab.summed:
            i, o = self.lab.pair
            pair = operation.weight_IOHW[i : i + 1, o : o + 1]
            operation = Operation(operation.geometry, operation.x_IHW[i : i + 1], pair, np.zeros(1))
            if self.lab.operation.channels != (1, 1):
                return f"# Input channel {i} to output channel {o} alone, without the bias\n{write_code(operation)}"
        return write_code(operation)

    def save_file(self, path: str, data: bytes) -> None:
        self._jobs.start("save lab picture", save_bytes(path, data), title="Saving a picture", lane="io")

    def save_film(self, film: Generator[WorkEvent, None, Any]) -> None:
        """`film` paints and writes in the job's thread."""
        self._jobs.start("save lab picture", film, title="Drawing the film", lane="io")

    # Networks ---------------------------------------------------------------------------------------------------------------

    def choose_network(self, place: int) -> None:
        self._inspection.choose(place)
        self._show_network()

    def set_network_size(self, height: int, width: int) -> None:
        self._inspection.set_size(height, width)
        self._show_network()

    def open_layer(self, name: str) -> None:
        """A layer of the chosen network, with what enters it for the sample on screen, on the operation's page."""
        self._inspection.open_layer(name)

    # Events -----------------------------------------------------------------------------------------------------------------

    def handle(self, events: Sequence[Event]) -> None:
        """One drained batch."""
        stale = self._inspection.handle(events)
        for event in events:
            match event:
                case JobDone(job=job, kind="prove", result=proof) if job == self._proving:
                    self._proving = 0
                    self._view.show_proof(proof if self._is_proven() else None, False)
                case JobFailed(job=job, kind="prove") | JobCancelled(job=job, kind="prove") if job == self._proving:
                    self._proving = 0
                    self._view.show_proof(None, False)
                case JobDone(kind="open layer", result=OpenedLayer() as layer):
                    self._open(layer)
                case JobDone(kind="save lab picture", result=path):
                    self._view.show_news(f"Saved {path}")
                case LayersRequested(path=path, settings=settings):
                    self._inspection.look_into(path, settings)
                    self.use(replace(self.lab, topic="network"))
                    self._session.show_page("convolution")
                case DatasetOpened() | DatasetClosed() | CheckpointOpened() | CheckpointClosed():
                    stale = True
        if stale and self.lab.topic == "network":
            self._show_network()

    def _open(self, layer: OpenedLayer) -> None:
        operation = Operation(
            layer.geometry,
            layer.input_IHW.astype(np.float64),
            layer.weight_IOHW.astype(np.float64),
            layer.bias_O.astype(np.float64),
        )
        lab = Lab(
            operation,
            layer.name,
            self._inspection.describe_layer(),
            source="own",
            seed=self.lab.seed,
            summed=True,
            pointed=(0, 0),
            atrous=self.lab.atrous,
        )
        self._change(f"Open {layer.name}", lab)

    # Showing ----------------------------------------------------------------------------------------------------------------

    def _change(self, text: str, lab: Lab, gesture: Hashable = None) -> None:
        self._view.remember(text, self.lab, lab, gesture)

    def _show(self) -> None:
        """The page in front, made from the state alone."""
        with self._view.keeping_focus():
            self._show_all()

    def _show_all(self) -> None:
        lab = self.lab
        self._view.show_lab(lab)
        match lab.topic:
            case "operation":
                self._view.show_operation(resolve_operation(lab))
            case "matrix":
                self._view.show_matrix(resolve_matrix(lab))
                if not self._is_proven():
                    self._proven = None
                    self._view.show_proof(None, False)
            case "coverage":
                self._view.show_coverage(resolve_coverage(lab))
            case "atrous":
                self._view.show_atrous(resolve_atrous(lab.atrous))
            case "network":
                self._show_network()

    def _is_proven(self) -> bool:
        """The proof, there or on its way, is of the numbers on screen."""
        proven = self._proven
        return proven is not None and proven[0] is self.lab.operation and proven[1] == self.lab.pair

    def _show_network(self) -> None:
        if self._active:
            self._inspection.list_layers()
        self._view.show_network(self._inspection.state)


def _fit_channels(operation: Operation, repair: Repair) -> Operation:
    """One channel each; a resized input is the operation's own, enlarged to the nearest pixel."""
    x_HW = operation.x_IHW[0]
    if repair.resized:
        rows, columns = (np.arange(new) * old // new for new, old in zip(repair.geometry.size, x_HW.shape, strict=True))
        x_HW = x_HW[rows[:, None], columns]
    return Operation(operation.geometry, x_HW[None], operation.weight_IOHW[:1, :1], np.zeros(1))
