"""export: masks of a dataset's samples, predicted or true, to files; preview: what they would look like. Formats know the bytes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.events import FileExported, SamplePredicted
from segbench.export import EXPORTERS
from segbench.export.folder import find_standing
from segbench.export.manifest import (
    OWN_NAMES,
    Account,
    FileEntry,
    State,
    describe_export,
    write_class_maps,
    write_manifest,
)
from segbench.export.masks import Exporter, MaskedSample, mask_prediction, mask_truth
from segbench.export.naming import Named, check_pattern, clean, plan_names
from segbench.export.options import ExportOptions, check_options
from segbench.files import write_atomically
from segbench.records import CheckpointInfo, ClassTable, DatasetInfo, Prediction, Reading, Sample


class Source(Protocol):
    """Where samples come from: a Dataset, or inference.ImageFiles."""

    @property
    def info(self) -> DatasetInfo: ...
    def __len__(self) -> int: ...
    def name(self, index: int) -> str: ...
    def split_of(self, index: int) -> str: ...
    def path(self, index: int) -> str: ...
    def read(self, index: int) -> Sample: ...


class Scorer(Protocol):
    """What predicts samples; inference.Predictor is one."""

    @property
    def info(self) -> CheckpointInfo: ...
    @property
    def reading(self) -> Reading: ...
    @property
    def batch_statistics(self) -> bool: ...
    def predict_samples(
        self, samples: Source, indices: Sequence[int], batch_size: int
    ) -> Generator[SamplePredicted, None, None]: ...


def find_exporter(name: str) -> Exporter:
    """The format of that name. Raises SegbenchError listing those there are."""
    if name not in EXPORTERS:
        raise SegbenchError(f"There is no export format {name!r}.", f"Choose one of: {', '.join(EXPORTERS)}.")
    return EXPORTERS[name]


def export(
    name: str,
    predictor: Scorer | None,
    dataset: Source,
    indices: Sequence[int],
    out: Path,
    options: ExportOptions | None = None,
    batch_size: int = 8,
) -> Generator[FileExported, None, Path]:
    """Writes the masks of the samples `indices` into the folder `out` in the format `name` (see EXPORTERS).

    predictor: what it predicts is written; None writes the dataset's own masks. One FileExported a sample, in the order of
    `indices`; returns the path of manifest.json. Beside the files stand classes.txt and classes.json. Everything that can be
    refused (a name pattern that maps two samples to one file, files that stand already, a dataset without masks) is refused
    with a SegbenchError before anything is written. Each file is written whole or not at all; closed early (cancel) or
    broken off by an error, the manifest says so and lists the files that stand.
    """
    options = options or ExportOptions()
    exporter, classes = _check(name, predictor, dataset, indices, options)
    names = plan_files(name, dataset, classes, indices, options)
    out = Path(out)
    described = describe_export(
        name, exporter, options, classes, dataset.info, indices, out,
        checkpoint=None if predictor is None else predictor.info,
        reading=None if predictor is None else options.reading or predictor.reading,
        batch_statistics=predictor is not None and predictor.batch_statistics, batch_size=batch_size,
    )  # fmt: skip
    every = [file_name for of_sample in names for file_name in of_sample]
    standing = find_standing(out, every, described, dataset.info, options, exporter.collect is not None)
    account = Account(hidden=[0] * len(classes))

    def write_state(state: State) -> Path:
        """The manifest as things are: what was written, and what still stands from before."""
        told = {entry.path for entry in account.files}
        owners: Sequence[int | None] = indices if exporter.collect is None else [None]
        kept = [
            FileEntry(file_name, index, "" if index is None else dataset.name(index), kept=True)
            for index, of_sample in zip(owners, names, strict=True)
            for file_name in of_sample
            if file_name in standing and file_name not in told
        ]
        return write_manifest(out, described, classes, state, replace(account, files=account.files + kept))

    def read_masks_of(wanted: Sequence[int]) -> Iterator[MaskedSample]:
        return _read(predictor, dataset, wanted, classes, options, exporter, batch_size)

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "Choose another folder, or make room for it there."
        raise SegbenchError(f"The folder {out} cannot be made: {error.strerror or error}.", hint) from error
    # Before all else, so that what a crash leaves behind is known for an export's
    write_state("begun")
    write_class_maps(out, name, classes)
    kept = standing if options.overwrite == "skip" else set()
    work = (
        _write_each(exporter, read_masks_of, dataset, indices, names, out, options, classes, account, kept)
        if exporter.collect is None
        else _write_one(exporter, read_masks_of, indices, out, names[0][0], options, classes, account)
    )
    try:
        yield from work
    except GeneratorExit:
        write_state("cancelled")
        raise
    except BaseException:
        # The disk that broke the export may refuse the manifest, too; the first error is the one to tell
        with contextlib.suppress(OSError):
            write_state("failed")
        raise
    return write_state("complete")


def plan_files(
    name: str, dataset: Source, classes: ClassTable, indices: Sequence[int], options: ExportOptions
) -> list[tuple[str, ...]]:
    """The files of each sample, relative to the output folder; of a format that makes one file for all, that one alone.

    Raises SegbenchError when the pattern is not right, maps two samples to one file, or one to the manifest or a class map.
    """
    exporter = find_exporter(name)
    pattern = options.pattern or exporter.pattern
    planned: list[tuple[str, ...]]
    if exporter.collect is not None:
        check_pattern(pattern, ("split",))
        splits = {dataset.split_of(index) for index in indices}
        split = splits.pop() if len(splits) == 1 else "all"
        planned = [(pattern.format(split=clean(split)) + exporter.ending,)]
    else:
        samples = [Named(index, dataset.name(index), dataset.split_of(index)) for index in indices]
        planned = plan_names(pattern, samples, classes.names if exporter.per_class else None, exporter.ending)
    for file_name in (file_name for of_sample in planned for file_name in of_sample):
        if str(PurePosixPath(file_name)).casefold() in OWN_NAMES:
            raise SegbenchError(
                f"The name pattern {pattern!r} would write masks into the export's own {file_name}.",
                "Choose another name.",
            )
    return planned


def preview(
    name: str,
    sample: Sample,
    prediction: Prediction | None,
    classes: ClassTable,
    options: ExportOptions | None = None,
) -> list[tuple[str, NDArray[np.uint8]]]:
    """What the export of one sample would look like: (file name, uint8 (H, W) grey or (H, W, 3) RGB) a file. Writes nothing.

    prediction None shows the sample's own masks. Raises SegbenchError as `export` does.
    """
    options = options or ExportOptions()
    check_options(options)
    exporter, classes = find_exporter(name), _recolor(classes, options)
    if prediction is None:
        masked = mask_truth(sample, classes)
    else:
        masked = mask_prediction(prediction, classes, sample.split, options.reading, sample.image)
    pictures = exporter.show(masked, options)
    pattern = options.pattern or exporter.pattern
    if exporter.collect is not None:
        check_pattern(pattern, ("split",))
        return [(pattern.format(split=clean(sample.split)) + exporter.ending, picture) for picture in pictures]
    named = [Named(sample.index, sample.name, sample.split)]
    (names,) = plan_names(pattern, named, classes.names if exporter.per_class else None, exporter.ending)
    return list(zip(names, pictures, strict=True))


def _check(
    name: str, predictor: Scorer | None, dataset: Source, indices: Sequence[int], options: ExportOptions
) -> tuple[Exporter, ClassTable]:
    """The format and the class table the masks follow: the checkpoint's, or the dataset's own, in the colours asked for."""
    check_options(options)
    exporter = find_exporter(name)
    if not len(indices):
        raise SegbenchError("There are no samples to export.", "Choose a split or some samples.")
    bad = next((index for index in indices if not 0 <= index < len(dataset)), None)
    if bad is not None:
        raise SegbenchError(
            f"The dataset {dataset.info.name} has no sample {bad}.", f"Its samples are 0 to {len(dataset) - 1}."
        )
    classes = predictor.info.classes if predictor is not None else dataset.info.classes
    if classes is None:
        raise SegbenchError(
            f"The dataset {dataset.info.name} has images only, so it has no masks to export.",
            "Give a checkpoint to export what it predicts instead.",
        )
    classes = _recolor(classes, options)
    if options.reading is not None and len(options.reading.windows) != len(classes):
        raise SegbenchError(
            f"{len(options.reading.windows)} thresholds do not fit {len(classes)} classes.", "Give one for each class."
        )
    if predictor is None and options.reading is not None:
        raise SegbenchError(
            "Thresholds do not apply to a dataset's own masks.", "Leave them out, or give a checkpoint."
        )
    if predictor is None and exporter.flattens and options.flattening == "score":
        raise SegbenchError(
            "The order of flattening 'score' needs a network's scores, and a dataset's own masks have none.",
            "Choose table, reverse or smallest.",
        )
    return exporter, classes


def _recolor(classes: ClassTable, options: ExportOptions) -> ClassTable:
    if not options.colors:
        return classes
    if len(options.colors) != len(classes):
        raise SegbenchError(
            f"{len(options.colors)} colours do not fit {len(classes)} classes.", "Give one for each class."
        )
    return classes.recolor(options.colors)


def _read(
    predictor: Scorer | None,
    dataset: Source,
    indices: Sequence[int],
    classes: ClassTable,
    options: ExportOptions,
    exporter: Exporter,
    batch_size: int,
) -> Iterator[MaskedSample]:
    """The masks of samples, one after the other."""
    if predictor is None:
        for index in indices:
            yield dataclasses.replace(mask_truth(dataset.read(index), classes), file=_find_file(dataset, index))
        return
    predicting = predictor.predict_samples(dataset, indices, batch_size)
    try:
        for event in predicting:
            prediction = event.prediction
            image = dataset.read(prediction.index).image if exporter.needs_image else None
            split, file = dataset.split_of(prediction.index), _find_file(dataset, prediction.index)
            yield dataclasses.replace(mask_prediction(prediction, classes, split, options.reading, image), file=file)
    finally:
        predicting.close()


def _find_file(dataset: Source, index: int) -> str:
    """A sample's picture as MaskedSample.file tells it; one outside of the dataset's folder by its whole path."""
    path = dataset.path(index)
    if not path or path == dataset.info.path:
        return Path(path).name
    try:
        return Path(path).relative_to(dataset.info.path).as_posix()
    except ValueError:
        return Path(path).as_posix()


def _write_each(
    exporter: Exporter,
    read: Callable[[Sequence[int]], Iterator[MaskedSample]],
    dataset: Source,
    indices: Sequence[int],
    names: list[tuple[str, ...]],
    out: Path,
    options: ExportOptions,
    classes: ClassTable,
    account: Account,
    kept: set[str],
) -> Generator[FileExported, None, None]:
    """A file or more for each sample; samples whose files all stand already are not even predicted."""
    assert exporter.encode is not None
    planned = dict(zip(indices, names, strict=True))
    whole = {index for index, of_sample in planned.items() if kept.issuperset(of_sample)}
    for index in indices:
        if index in whole:
            account.samples += 1
            for file_name in planned[index]:
                account.add(FileEntry(file_name, index, dataset.name(index), kept=True))
            yield FileExported(index, tuple(str(out / n) for n in planned[index]), 0, account.samples, len(indices))
    for masked in read([index for index in indices if index not in whole]):
        hidden = 0
        for file_name, encoded in zip(planned[masked.index], exporter.encode(masked, options), strict=True):
            if file_name in kept:
                account.add(FileEntry(file_name, masked.index, masked.name, kept=True))
                continue
            write_atomically(out / file_name, encoded.data, sync=False)
            hidden += sum(encoded.hidden)
            word = None if encoded.class_index is None else classes.names[encoded.class_index]
            account.add(FileEntry(file_name, masked.index, masked.name, word, encoded.hidden))
        account.samples += 1
        paths = tuple(str(out / file_name) for file_name in planned[masked.index])
        yield FileExported(masked.index, paths, hidden, account.samples, len(indices))


def _write_one(
    exporter: Exporter,
    read: Callable[[Sequence[int]], Iterator[MaskedSample]],
    indices: Sequence[int],
    out: Path,
    file_name: str,
    options: ExportOptions,
    classes: ClassTable,
    account: Account,
) -> Generator[FileExported, None, None]:
    """One file for all samples: it stands when the last one is reported, and before that there is nothing of it."""
    assert exporter.collect is not None
    path = out / file_name
    before = _identify(path)
    collecting = exporter.collect(read(indices), path, classes, len(indices), options)
    try:
        for masked in collecting:
            account.samples += 1
            yield FileExported(masked.index, (str(path),), 0, account.samples, len(indices))
    finally:
        collecting.close()
        if _identify(path) not in (None, before):
            account.add(FileEntry(file_name, None, ""))


def _identify(path: Path) -> tuple[int, int] | None:
    """Tells a file from one that took its place; None if there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns
