"""Masks to files. EXPORTERS maps a format's name to its exporter; adding a format is a file and a line here."""

from __future__ import annotations

from segbench.export import coco, lecture, npz, palette, planes, purdue
from segbench.export.masks import Exporter

EXPORTERS: dict[str, Exporter] = {
    "palette": palette.EXPORTER,
    "planes": planes.EXPORTER,
    "lecture": lecture.EXPORTER,
    "npz": npz.EXPORTER,
    "purdue": purdue.EXPORTER,
    "coco": coco.EXPORTER,
}

# Below the table, because the writer looks formats up in it
from segbench.export.options import FLATTENINGS, ExportOptions, default_format  # noqa: E402
from segbench.export.writer import export, preview  # noqa: E402

__all__ = ["EXPORTERS", "FLATTENINGS", "ExportOptions", "Exporter", "default_format", "export", "preview"]
