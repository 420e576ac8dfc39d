"""`segbench predict` and `segbench export`: masks of a network, or a dataset's own, to files."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from segbench.cli.choosing import choose_colors, choose_reading, choose_samples, open_data
from segbench.cli.console import check_positive, note, open_bar, tell, tell_json, write_count
from segbench.cli.interrupt import Interrupted, pull
from segbench.data.dataset import Dataset
from segbench.events import FileExported
from segbench.export import EXPORTERS, ExportOptions, default_format, export
from segbench.records import ClassTable

if TYPE_CHECKING:
    from segbench.inference.predictor import Predictor


def run_predict(arguments: argparse.Namespace) -> int:
    """Writes what a network predicts."""
    from segbench.inference.predictor import load_predictor

    check_positive(arguments.batch, "--batch")
    predictor = load_predictor(Path(arguments.run), arguments.device, arguments.batch_statistics)
    dataset = open_data(arguments.data)
    note(f"Predicting on {predictor.device_text}.")
    return _write(arguments, predictor, dataset, predictor.info.classes, choose_samples(dataset, arguments))


def run_export(arguments: argparse.Namespace) -> int:
    """Writes a dataset's own masks."""
    dataset = open_data([arguments.data])
    indices = choose_samples(dataset, arguments)
    if dataset.info.classes is None:
        return _write(arguments, None, dataset, ClassTable((), exclusive=False), indices)
    without = [index for index in indices if not dataset.has_masks(index)]
    if without and len(without) < len(indices):
        note(f"{write_count(len(without), 'sample')} without masks left out, such as {dataset.name(without[0])}.")
        indices = sorted(set(indices) - set(without))
    return _write(arguments, None, dataset, dataset.info.classes, indices)


def _write(
    arguments: argparse.Namespace,
    predictor: Predictor | None,
    dataset: Dataset,
    classes: ClassTable,
    indices: list[int],
) -> int:
    name = arguments.format or default_format(classes)
    options = ExportOptions(
        pattern=arguments.pattern,
        flattening=arguments.flatten,
        overwrite=arguments.overwrite,
        instances=arguments.instances,
        colors=choose_colors(classes, arguments),
    )
    batch = 8
    if predictor is not None:
        loose = tuple(arguments.data) if len(arguments.data) > 1 else ()
        reading = choose_reading(predictor.reading, predictor.info.classes, predictor.scale, arguments)
        options = msgspec.structs.replace(options, reading=reading, data=loose)
        batch = arguments.batch
    began = time.monotonic()
    hidden = files = done = 0
    with open_bar("Writing masks") as bar:

        def show(event: FileExported) -> None:
            nonlocal hidden, files, done
            hidden, files, done = hidden + event.hidden_pixels, files + len(event.paths), event.done
            bar.show(event.done, event.total)

        out = Path(arguments.out)
        try:
            manifest = pull(export(name, predictor, dataset, indices, out, options, batch), show)
        except Interrupted:
            stands = "whole files and a manifest stand"
            if EXPORTERS[name].collect is not None and done < len(indices):
                stands = "no new masks but a manifest stands"
            note(f"Stopped after {done:,} of {write_count(len(indices), 'sample')}; {stands} in {out}.")
            raise
    if EXPORTERS[name].collect is not None:
        files = 1
    seconds = time.monotonic() - began
    if arguments.json:
        tell_json(
            {
                "format": name, "out": str(out), "manifest": str(manifest), "samples": done, "files": files,
                "hidden_pixels": hidden, "seconds": round(seconds, 3),
                "device": None if predictor is None else predictor.device_text,
            }
        )  # fmt: skip
        return 0
    tell(f"{write_count(files, 'file')} of {write_count(done, 'sample')} in {out} ({name}), {seconds:.1f} s.")
    if hidden:
        how = "the higher value covers the lower" if name == "lecture" else f"--flatten {arguments.flatten}"
        tell(f"{write_count(hidden, 'pixel')} of overlapping masks hidden ({how}); --format planes keeps them.")
    tell(f"Class map: {out / 'classes.json'}. How they were made: {manifest}")
    return 0
