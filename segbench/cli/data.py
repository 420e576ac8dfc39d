"""`segbench generate`, `info` and `doctor`: what needs no network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from segbench.cli.console import (
    align,
    describe_scores,
    open_bar,
    scores_document,
    tell,
    tell_json,
    write_count,
    write_ratio,
)
from segbench.cli.interrupt import pull
from segbench.errors import SegbenchError
from segbench.formats.kinds import looks_like_checkpoint
from segbench.records import DatasetInfo


def run_generate(arguments: argparse.Namespace) -> int:
    """Makes a dataset of shapes."""
    from segbench.data.shapes import write_shapes

    with open_bar("Making shapes") as bar:
        path = pull(
            write_shapes(
                Path(arguments.out),
                arguments.count,
                arguments.test_count,
                arguments.seed,
                arguments.size,
                arguments.overwrite,
            ),
            lambda event: bar.show(event.done, event.total),
        )
    tests = 0 if path.is_file() else arguments.test_count
    if arguments.json:
        tell_json(
            {"path": str(path), "train": arguments.count, "test": tests, "size": arguments.size, "seed": arguments.seed}
        )
    else:
        also = f" and {tests:,} for testing" if tests else ""
        tell(f"{write_count(arguments.count, 'image')} for training{also} in {path}.")
    return 0


def run_doctor(arguments: argparse.Namespace) -> int:
    """What is wrong with this machine, and how to mend it."""
    from segbench.cli import doctor

    return doctor.run(json=arguments.json)


def run_info(arguments: argparse.Namespace) -> int:
    """What a path is and holds."""
    path = Path(arguments.path)
    if not path.exists():
        raise SegbenchError(f"{path} does not exist.", "Check the path; it may have been moved.")
    if looks_like_checkpoint(path):
        document, lines = _describe_checkpoint(path)
    elif (path / "run.json").exists():
        document, lines = _describe_run(path)
    elif path.is_dir() and any(path.glob("*/run.json")):
        document, lines = _describe_runs(path)
    else:
        document, lines = _describe_dataset(path, arguments.scan)
    if arguments.json:
        tell_json(document)
    else:
        for line in lines:
            tell(line)
    return 0


def _describe_checkpoint(path: Path) -> tuple[dict[str, Any], list[str]]:
    from segbench.formats.checkpoints import read_checkpoint_info

    info = read_checkpoint_info(path)
    lines = [
        f"{path} is a checkpoint of {info.network}",
        f"  {info.parameters:,} parameters, target {info.target}, step {info.step:,}, epoch {info.epoch}",
        f"  {_list_classes(info.classes.names)}",
    ]
    if info.scores is not None:
        lines += ["  its scores on the validation images:", *(f"    {line}" for line in describe_scores(info.scores))]
    if info.sha256:
        lines.append(f"  sha256 of the weights {info.sha256}")
    plain = msgspec.to_builtins(info) | {"scores": scores_document(info.scores) if info.scores else None}
    return {"kind": "checkpoint"} | plain, lines


def _describe_run(path: Path) -> tuple[dict[str, Any], list[str]]:
    from segbench.events import EpochDone
    from segbench.formats.runs import open_run

    run = open_run(path)
    info = run.describe()
    epochs = [event for event in run.events() if isinstance(event, EpochDone)]
    checkpoints = {kind: str(run.checkpoint(kind)) for kind in ("best", "last") if run.checkpoint(kind).exists()}
    lines = [
        f"{path} is a run of {info.network} on {info.dataset}: {info.state}",
        f"  step {info.step:,} of {info.total_steps:,}, {write_count(len(epochs), 'epoch')} done of {run.config.epochs}"
        + ("" if info.last_loss is None else f", last loss {info.last_loss:.4g}"),
        f"  best mean IoU {write_ratio(info.best_iou)}",
        f"  checkpoints: {', '.join(checkpoints) or 'none'}",
    ]
    if info.torn:
        lines.append(f"  {write_count(info.torn, 'torn line')} of its log left out: it was killed while it wrote")
    if run.file.dataset.classes is not None:
        lines.append(f"  {_list_classes(run.file.dataset.classes.names)}")
    document = {
        "kind": "run",
        **msgspec.to_builtins(info),
        "checkpoints": checkpoints,
        "config": msgspec.to_builtins(run.config),
        "dataset_info": msgspec.to_builtins(run.file.dataset),
        "epochs": [{"epoch": e.epoch, "train_loss": e.train_loss, "validation_loss": e.validation_loss,
                    "mean_iou": e.scores.mean_iou if e.scores else None} for e in epochs],
    }  # fmt: skip
    return document, lines


def _describe_runs(path: Path) -> tuple[dict[str, Any], list[str]]:
    from segbench.formats.runs import find_runs

    runs = find_runs(path)
    rows = [("name", "state", "network", "dataset", "step", "best mean IoU")]
    rows += [(r.name, r.state, r.network, r.dataset, f"{r.step:,}", write_ratio(r.best_iou)) for r in runs]
    return {"kind": "runs", "path": str(path), "runs": [msgspec.to_builtins(r) for r in runs]}, [
        f"{path} holds {write_count(len(runs), 'run')}",
        *(f"  {line}" for line in align(rows)),
    ]


def _describe_dataset(path: Path, scan_it: bool) -> tuple[dict[str, Any], list[str]]:
    from segbench.cli.choosing import open_data

    dataset = open_data([str(path)])
    info = dataset.info
    document: dict[str, Any] = {"kind": "dataset"} | msgspec.to_builtins(info) | {"count": info.count}
    lines = [f"{path} is a dataset ({info.format}) of {write_count(info.count, 'image')}"]
    lines += [f"  {_describe_splits(info)}"]
    lines.append(f"  {'sizes may differ' if info.size is None else f'{info.size[1]} x {info.size[0]} pixels each'}")
    if info.classes is None:
        lines.append("  no masks: it can be browsed and predicted")
    else:
        kind = "one a pixel" if info.classes.exclusive else "may overlap"
        lines.append(f"  {_list_classes(info.classes.names)} ({kind})")
    if scan_it and info.classes is not None:
        counted, table = _scan(dataset)
        document["scan"] = counted
        lines += [f"  {line}" for line in table]
    return document, lines


def _scan(dataset: Any) -> tuple[dict[str, Any], list[str]]:
    from segbench.data.stats import scan
    from segbench.events import Progressed

    with open_bar("Reading masks") as bar:
        stats = pull(
            scan(dataset), lambda event: bar.show(event.done, event.total) if isinstance(event, Progressed) else None
        )
    rows = [("class", "pixels", "share", "images", "objects", "overlapped", "median area")]
    rows += [
        (
            c.name,
            f"{c.pixels:,}",
            f"{c.share:.2%}",
            f"{c.images:,}",
            f"{c.objects:,}",
            f"{c.overlap:.1%}",
            f"{c.median:,}",
        )
        for c in stats.classes
    ]
    document = {
        "images": stats.images,
        "labelled": stats.labelled,
        "classes": [
            {
                "name": c.name, "pixels": c.pixels, "share": c.share, "images": c.images, "objects": c.objects,
                "hidden": c.hidden, "overlap": c.overlap, "smallest": c.smallest, "median": c.median, "largest": c.largest,
            }
            for c in stats.classes
        ],
        "broken": [{"index": index, "reason": reason} for index, reason in stats.broken],
    }  # fmt: skip
    lines = align(rows)
    for index, reason in stats.broken[:5]:
        lines.append(f"not readable: {index}: {reason}")
    return document, lines


def _describe_splits(info: DatasetInfo) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in info.splits.items()) or "no split"


def _list_classes(names: tuple[str, ...]) -> str:
    return f"{len(names)} {'class' if len(names) == 1 else 'classes'}: {', '.join(names)}"
