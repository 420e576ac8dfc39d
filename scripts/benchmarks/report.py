"""What a benchmark says: rows of what was measured against its bar, as Markdown and as JSON. Measures nothing."""

from __future__ import annotations

import dataclasses
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
HEADING = "## Figures"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table. met: None where there is no bar. figures: the numbers behind `measured`, for the JSON."""

    what: str
    bar: str
    measured: str
    met: bool | None
    figures: dict[str, Any] = dataclasses.field(default_factory=dict)
    command: str = ""


def write_table(rows: Sequence[Row]) -> str:
    """Markdown: what, bar, measured, met, command."""
    lines = ["| what | bar | measured | met | command |", "|---|---|---|---|---|"]
    for row in rows:
        met = {None: "", True: "yes", False: "**no**"}[row.met]
        cells = (row.what, row.bar, row.measured, met, f"`{row.command}`" if row.command else "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def put_into_readme(readme: Path, rows: Sequence[Row]) -> None:
    """Replaces what stands between the markers; a row that was not measured this time keeps its old line.

    Missing markers are put behind the heading "Figures", or at the end.
    """
    text = readme.read_text(encoding="utf-8")
    if BEGIN not in text:
        block = f"{BEGIN}\n{END}\n"
        if f"{HEADING}\n" in text:
            text = text.replace(f"{HEADING}\n", f"{HEADING}\n\n{block}", 1)
        else:
            text = f"{text.rstrip()}\n\n{HEADING}\n\n{block}"
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    table = write_table(rows).splitlines()
    fresh = {_name_line(line): line for line in table[2:]}
    lines = []
    for line in old.splitlines():
        if line.startswith("| ") and _name_line(line) != "what":
            lines.append(fresh.pop(_name_line(line), line))
    lines += fresh.values()
    told = "\n".join([*table[:2], *lines])
    note = f"Measured on {describe_machine()}; ratios are taken within one run, the two sides in turn."
    readme.write_text(f"{before}{BEGIN}\n{note}\n\n{told}\n{END}{after}", encoding="utf-8")


def _name_line(line: str) -> str:
    return line.split(" | ")[0].removeprefix("| ")


def describe_machine() -> str:
    """Cores and system, for people."""
    return f"{count_cores()} cores ({platform.machine()}, {platform.system()}, Python {platform.python_version()})"


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0..1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
