"""The export dialog's work as generators for the JobRunner: a preview of one sample, and the export itself. No Qt."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.errors import SegbenchError
from segbench.events import ExportRequested, Progressed, WorkEvent
from segbench.gui.panels.export.draft import Draft, FormatInfo, Preview
from segbench.records import CheckpointInfo, ClassTable, Prediction, Sample

if TYPE_CHECKING:
    from segbench.export import ExportOptions
    from segbench.inference.predictor import Predictor

BATCH = 8


class PreviewBench:
    """Keeps the present sample and its prediction between two previews; only the compute lane's thread touches it."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._kept: tuple[Sample, Prediction | None] | None = None

    def preview(
        self,
        draft: Draft,
        request: ExportRequested,
        info: CheckpointInfo | None,
        classes: ClassTable | None,
        indices: Sequence[int],
        problem: Any,
    ) -> Generator[WorkEvent, None, Preview]:
        """What the export of the present sample would write. Wrong choices come back as the preview's `problem`, not as an error.

        classes: those of the masks, in the colours they are written in; None: there are no masks.
        """
        from segbench.export import EXPORTERS, FLATTENINGS, default_format

        yield Progressed("previewing", 0, 1)
        formats = tuple(
            FormatInfo(name, e.title, e.about, e.pattern, e.ending, e.flattens, e.per_class, e.collect is not None)
            for name, e in EXPORTERS.items()
        )
        name = draft.format or (default_format(classes) if classes is not None else "planes")
        blank = Preview(formats, FLATTENINGS, name, problem=problem)
        try:
            sample, prediction = self._read(draft, request, info)
            return _compose(blank, draft, request, info, classes, indices, sample, prediction)
        except SegbenchError as error:
            return Preview(formats, FLATTENINGS, name, problem=problem or (error.message, error.hint))

    def _read(
        self, draft: Draft, request: ExportRequested, info: CheckpointInfo | None
    ) -> tuple[Sample, Prediction | None]:
        network = info if draft.masks == "network" else None
        key = (
            id(request.dataset),
            request.index,
            network and (network.path, network.sha256, network.step),
            request.batch_statistics,
        )
        if self._kept is None or key != self._key:
            sample: Sample = request.dataset.read(request.index)
            prediction = None
            if network is not None:
                predictor = load(network, request)
                scores = predictor.predict_read([sample])[0]
                prediction = Prediction(sample.index, sample.name, scores, predictor.scale, predictor.reading)
            self._key, self._kept = key, (sample, prediction)
        return self._kept


def export(
    draft: Draft,
    request: ExportRequested,
    info: CheckpointInfo | None,
    classes: ClassTable,
    name: str,
    indices: Sequence[int],
) -> Generator[WorkEvent, None, Path]:
    """Writes the files; returns the manifest's path. classes: those of the masks, in the colours they are written in."""
    from segbench.export import export

    yield Progressed("exporting", 0, len(indices))
    predictor = load(info, request) if draft.masks == "network" and info is not None else None
    options = build_options(draft, request, classes)
    return (yield from export(name, predictor, request.dataset, indices, Path(draft.out), options, BATCH))


def load(info: CheckpointInfo, request: ExportRequested) -> Predictor:
    """The checkpoint's network."""
    from segbench.inference.predictor import load_predictor

    return load_predictor(Path(info.path), "auto", request.batch_statistics)


def build_options(draft: Draft, request: ExportRequested, classes: ClassTable) -> ExportOptions:
    """The draft as the exporters take it."""
    from segbench.export import ExportOptions

    return ExportOptions(
        pattern=draft.pattern, flattening=draft.flattening, overwrite=draft.overwrite, instances=draft.instances,
        reading=request.reading if draft.masks == "network" else None, colors=classes.colors,
    )  # fmt: skip


def _compose(
    blank: Preview,
    draft: Draft,
    request: ExportRequested,
    info: CheckpointInfo | None,
    classes: ClassTable | None,
    indices: Sequence[int],
    sample: Sample,
    prediction: Prediction | None,
) -> Preview:
    from segbench.export import EXPORTERS, preview
    from segbench.export.manifest import write_command
    from segbench.export.masks import mask_prediction, mask_truth
    from segbench.export.writer import plan_files

    if classes is None:
        raise SegbenchError("There are no masks to export.", "Choose a checkpoint, or a dataset with masks.")
    options = build_options(draft, request, classes)
    pictures = preview(blank.format, sample, prediction, classes, options)
    exporter = EXPORTERS[blank.format]
    hidden = 0
    if exporter.encode is not None and not exporter.per_class:
        masked = (
            mask_truth(sample, classes)
            if prediction is None
            else mask_prediction(prediction, classes, sample.split, options.reading, sample.image)
        )
        hidden = sum(sum(file.hidden) for file in exporter.encode(masked, options))
    if indices:
        plan_files(
            blank.format, request.dataset, classes, indices, options
        )  # a pattern that maps two samples to one file
    command = write_command(
        blank.format, options, classes, request.dataset.info, indices, Path(draft.out),
        info if draft.masks == "network" else None, options.reading, request.batch_statistics, BATCH,
    )  # fmt: skip
    return replace(blank, pictures=tuple(pictures), hidden=hidden, command=command)
