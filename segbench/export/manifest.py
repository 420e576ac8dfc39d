"""manifest.json: what was exported, from which weights, read how, and the command that makes the same files; and the class maps."""

from __future__ import annotations

import hashlib
import math
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from segbench import __version__
from segbench.errors import SegbenchError
from segbench.export.masks import Exporter
from segbench.export.options import FLATTENINGS, ExportOptions
from segbench.export.pictures import list_index_names, make_palette
from segbench.files import read_json, write_atomically
from segbench.records import CheckpointInfo, ClassTable, Color, DatasetInfo, Reading

NAME = "manifest.json"
OWN_NAMES = (NAME, "classes.json", "classes.txt")  # what every export writes beside the masks

State = Literal["begun", "complete", "cancelled", "failed"]


class FileEntry(msgspec.Struct, frozen=True):
    """One file: relative path, the sample it belongs to (None: all of them), its class if it shows one, hidden pixels a class."""

    path: str
    index: int | None
    sample: str
    class_name: str | None = None
    hidden: tuple[int, ...] = ()
    kept: bool = False  # stood there before, and was left alone


class Account(msgspec.Struct):
    """What an export did so far; the only mutable record of it."""

    files: list[FileEntry] = []
    samples: int = 0
    hidden: list[int] = []

    def add(self, entry: FileEntry) -> None:
        self.files.append(entry)
        for k, count in enumerate(entry.hidden):
            self.hidden[k] += count


def describe_export(
    name: str,
    exporter: Exporter,
    options: ExportOptions,
    classes: ClassTable,
    dataset: DatasetInfo,
    indices: Sequence[int],
    out: Path,
    checkpoint: CheckpointInfo | None,
    reading: Reading | None,
    batch_statistics: bool,
    batch_size: int,
) -> dict[str, Any]:
    """What is exported and how, as the manifest tells it: everything that is known before the first file is written."""
    described: dict[str, Any] = {
        "segbench": __version__,
        "state": "begun",
        "format": name,
        "pattern": options.pattern or exporter.pattern,
        "samples": {"wanted": len(indices), "done": 0, "indices": write_indices(indices)},
        "dataset": {"name": dataset.name, "path": dataset.path, "format": dataset.format},
        "classes": describe_classes(classes),
        "checkpoint": None if checkpoint is None else _describe_checkpoint(checkpoint, batch_statistics),
        "reading": None if reading is None else _describe_reading(reading, classes),
        "command": write_command(
            name, options, classes, dataset, indices, out, checkpoint, reading, batch_statistics, batch_size
        ),
    }
    if exporter.flattens:
        described["flattening"] = {"order": options.flattening, "meaning": FLATTENINGS[options.flattening]}
    return described


def write_manifest(out: Path, described: dict[str, Any], classes: ClassTable, state: State, account: Account) -> Path:
    """Writes manifest.json into `out`: what is exported, and what of it was done. Returns its path. Raises OSError."""
    document = described | {
        "state": state,
        "samples": described["samples"] | {"done": account.samples},
        "hidden_pixels": dict(zip(classes.names, account.hidden, strict=True)),
        "files": [
            {
                "path": entry.path,
                **({"index": entry.index, "sample": entry.sample} if entry.index is not None else {}),
                **({"class": entry.class_name} if entry.class_name is not None else {}),
                **({"hidden_pixels": sum(entry.hidden)} if sum(entry.hidden) else {}),
                **({"kept": True} if entry.kept else {}),
            }
            for entry in account.files
        ],
    }
    path = out / NAME
    write_atomically(path, msgspec.json.format(msgspec.json.encode(document), indent=2))
    return path


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest of the export that stands in `out`; None if none stands there, or the file of that name is another's."""
    try:
        document = read_json(out / NAME)
    except (OSError, ValueError, SegbenchError):
        return None
    return document if isinstance(document, dict) and {"segbench", "state", "format"} <= document.keys() else None


def write_class_maps(out: Path, name: str, classes: ClassTable) -> None:
    """classes.txt (a name a line, in the order of the indices in the files) and classes.json (name, colour, grey value, index)."""
    names = list_index_names(classes) if name == "palette" else list(classes.names)
    write_atomically(out / "classes.txt", "".join(f"{n}\n" for n in names).encode())
    described: list[dict[str, Any]] = describe_classes(classes)
    if name == "palette":
        palette = make_palette(classes)
        described = [
            {"index": k, "name": text, "color": palette[k].tolist()} for k, text in enumerate(list_index_names(classes))
        ]
        if classes.exclusive:
            described.append({"index": 255, "name": "(none)", "color": palette[255].tolist()})
    write_atomically(out / "classes.json", msgspec.json.format(msgspec.json.encode(described), indent=2))


def describe_classes(classes: ClassTable) -> list[dict[str, Any]]:
    """The class table as plain values."""
    return [
        {"index": k, "name": c.name, "color": list(c.color), "value": value}
        for k, (c, value) in enumerate(zip(classes.classes, classes.values, strict=True))
    ]


def write_command(
    name: str,
    options: ExportOptions,
    classes: ClassTable,
    dataset: DatasetInfo,
    indices: Sequence[int],
    out: Path,
    checkpoint: CheckpointInfo | None,
    reading: Reading | None,
    batch_statistics: bool,
    batch_size: int,
) -> str:
    """The segbench command that makes the same files. classes: in the colours they are written in."""
    words = ["segbench", "predict", str(Path(checkpoint.path).absolute())] if checkpoint else ["segbench", "export"]
    words += [*(str(Path(path).absolute()) for path in options.data or (dataset.path,))]
    words += [*_choose_samples(dataset, indices), "--format", name, "--out", str(out.absolute())]
    # With "=", because such a value may begin with a dash
    if options.pattern:
        words += [f"--pattern={options.pattern}"]
    if options.flattening != "table":
        words += ["--flatten", options.flattening]
    if options.instances != "component":
        words += ["--instances", options.instances]
    if options.overwrite != "refuse":
        words += ["--overwrite", options.overwrite]
    if options.reading is not None and reading is not None:
        words += ["--rule", reading.rule]
        for class_name, window in zip(classes.names, reading.windows, strict=True):
            words += [f"--window={class_name}={write_window(window)}"]
    own = checkpoint.classes if checkpoint is not None else dataset.classes
    for c, color in zip(classes.classes, own.colors if own is not None else (), strict=False):
        if c.color != color:
            words += [f"--color={c.name}={write_color(c.color)}"]
    if checkpoint is not None:
        words += ["--batch", str(batch_size)]
    if batch_statistics:
        words += ["--batch-statistics"]
    return write_line(words)


def write_line(words: Sequence[str]) -> str:
    """A command as one line for this system's shell."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def write_window(window: tuple[float, float]) -> str:
    """A window as --window takes it: "25:85", "0.5:" without an upper end."""
    low, high = ("" if math.isinf(end) else f"{end:.9g}" for end in window)
    return f"{low}:{high}"


def write_color(color: Color) -> str:
    """A colour as --color takes it: "#0072b2"."""
    return "#" + bytes(color).hex()


def write_indices(indices: Sequence[int]) -> str:
    """Indices as --indices takes them, in order: "0-9,17,20-22"."""
    ranges: list[list[int]] = []
    for index in indices:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _choose_samples(dataset: DatasetInfo, indices: Sequence[int]) -> list[str]:
    """--split where the indices are a whole split or everything, --indices otherwise."""
    wanted = list(indices)
    if wanted == list(range(dataset.count)):
        return ["--split=all"]
    first = 0
    for split, count in dataset.splits.items():
        if wanted == list(range(first, first + count)):
            return [f"--split={split}"]
        first += count
    return ["--indices", write_indices(wanted)]


def _describe_checkpoint(info: CheckpointInfo, batch_statistics: bool) -> dict[str, Any]:
    path = Path(info.path)
    digest = ""
    if path.is_file():
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "path": info.path,
        "sha256": digest,  # of the file, as sha256sum prints it
        "weights_sha256": info.sha256,
        "network": info.network,
        "step": info.step,
        "epoch": info.epoch,
        "batch_norm": "statistics of the batch" if batch_statistics else "running statistics",
    }


def _describe_reading(reading: Reading, classes: ClassTable) -> dict[str, Any]:
    """JSON has no infinity: an open end is null."""
    ends = [[None if math.isinf(end) else end for end in window] for window in reading.windows]
    return {"rule": reading.rule, "windows": dict(zip(classes.names, ends, strict=True))}
