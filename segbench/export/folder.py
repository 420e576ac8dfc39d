"""The folder of an export: one export a folder, nobody else's file overwritten, and never the dataset's own folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from segbench.errors import SegbenchError
from segbench.export.manifest import OWN_NAMES, read_manifest
from segbench.export.options import ExportOptions
from segbench.records import DatasetInfo

# What the files of one export have in common, and how it is told that they differ in it
COMMON = {
    "format": "in another format",
    "dataset": "from another dataset",
    "classes": "with other classes or colours",
    "checkpoint": "with another checkpoint",
    "reading": "with other thresholds",
    "flattening": "with another order of flattening",
}


def find_standing(
    out: Path,
    names: Iterable[str],
    described: dict[str, Any],
    dataset: DatasetInfo,
    options: ExportOptions,
    whole: bool,
) -> set[str]:
    """Those of the files `names` that stand in `out` already.

    described: the export's own manifest. whole: one file holds all samples, so nothing can be missing from it. Raises
    SegbenchError where the export would overwrite what it may not, or leave a manifest behind that is not true.
    """
    if not out.exists():
        return set()
    if not out.is_dir():
        raise SegbenchError(f"{out} is a file, and an export needs a folder.", "Name another output folder.")
    if not options.data and os.path.isdir(dataset.path) and os.path.samefile(out, dataset.path):
        raise SegbenchError(
            f"{out} is the folder of the dataset itself, whose classes an export would overwrite.",
            "Choose an empty folder.",
        )
    planned = set(names)
    standing = {name for name in planned if (out / name).exists()}
    own = [name for name in OWN_NAMES if (out / name).exists()]
    former = read_manifest(out)
    if own and former is None:
        raise SegbenchError(
            f"The {own[-1]} in {out} is not from an export of segbench, and this one would overwrite it.",
            "Choose an empty folder.",
        )
    if former is not None and (left := _find_left(out, former, planned)):
        raise SegbenchError(
            f"{out} holds another export, of whose files {len(left):,} would stay, such as {left[0]}.",
            "One folder holds one export: choose an empty one.",
        )
    taken = standing or own
    if taken and (options.overwrite == "refuse" or (options.overwrite == "skip" and whole)):
        raise SegbenchError(
            f"{len(taken):,} of the files to write {'stands' if len(taken) == 1 else 'stand'} in {out} already, "
            f"such as {min(taken)}.",
            "Choose an empty folder, or allow to replace them"
            + ("." if whole else ", or to write the missing ones only."),
        )
    if options.overwrite == "replace" and (strange := sorted(standing - _find_exported(former, planned))):
        raise SegbenchError(
            f"{out} holds files that no export of segbench has written, and this one would overwrite {len(strange):,} of them, "
            f"such as {strange[0]}.",
            "Choose an empty folder.",
        )
    if former is not None and options.overwrite == "skip":
        for key, other in COMMON.items():
            if former.get(key) != described.get(key):
                raise SegbenchError(
                    f"The files in {out} were exported {other}, so this export cannot complete them.",
                    "Choose an empty folder, or allow to replace them.",
                )
    return standing


def _find_left(out: Path, former: dict[str, Any], planned: set[str]) -> list[str]:
    """The files of the former export that this one would neither replace nor tell of."""
    return sorted(name for name in _list_files(former) - planned if (out / name).exists())


def _find_exported(former: dict[str, Any] | None, planned: set[str]) -> set[str]:
    """The files that a former export has written; of one that crashed it is not known which, so all that are planned."""
    if former is None:
        return set()
    return planned if former.get("state") == "begun" else _list_files(former)


def _list_files(manifest: dict[str, Any]) -> set[str]:
    entries = manifest.get("files")
    listed = [entry.get("path") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {name for name in listed if isinstance(name, str)}
