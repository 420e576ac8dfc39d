"""The page that scripts/generations.py writes: a table, what it says, and two plots as SVG. Knows no torch and no Qt."""

from __future__ import annotations

import datetime
import os
import platform
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.metrics.objects import sort_by_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generations import Result

    from segbench.metrics.evaluation import Evaluation, Metric

FEWEST = 30  # objects, below which a size is not drawn
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8a6d00", "#7a5195", "#5f6b7a", "#b4232c")
DASHES = ("", "7 4", "2 3")
SMALL, LARGE = 64, 256  # pixels: objects below, and from there on


def write_report(results: Sequence[Result], longer: Sequence[Result], out: Path, command: str, images: int) -> Path:
    """Writes generations.md and its plots into `out`; gives the page's path. longer: what stands in a table of its own."""
    minutes = sum(result.seconds for result in results) / 60
    (out / "generations-size.svg").write_text(draw_sizes(results), encoding="utf-8")
    page = "\n".join(
        [
            "# The generations, trained and measured alike",
            "",
            f"Every network's small preset on the same {images:,} generated shapes of 64 x 64 (seed 0), scored on the same "
            "1,000 unseen ones at full size: `" + command + f"`, {datetime.date.today()}, {platform.machine()}, "
            f"{os.cpu_count()} cores, {minutes:.0f} minutes of training in all. From scratch, one seed: small differences between "
            "networks are not the networks'.",
            "",
            *write_table(results),
            "",
            *write_notes(results, longer),
            "",
            "## Costs",
            "",
            *write_costs(results),
            "",
            *write_longer(longer),
            "## Scale",
            "",
            "Mean IoU of true objects by their area. The lecture (slide 10) calls a network scale invariant if this line is flat.",
            "",
            "![IoU by object size](generations-size.svg)",
            "",
            *write_slopes(results),
            "",
            "## Classes",
            "",
            *write_classes(results),
            "",
        ]
    )
    path = out / "generations.md"
    path.write_text(page, encoding="utf-8")
    return path


def write_table(results: Sequence[Result]) -> list[str]:
    heads = (
        "network", "mean IoU", "boundary IoU", "recall, seen", "recall, hidden", f"IoU, objects < {SMALL} px",
        f"IoU, {SMALL} to {LARGE - 1}", f"IoU, {LARGE} and more",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for result in results:
        evaluation, objects = result.evaluation, result.evaluation.objects
        sizes = [
            objects.ious[(objects.areas >= low) & (objects.areas < high)]
            for low, high in ((0, SMALL), (SMALL, LARGE), (LARGE, 1 << 40))
        ]
        cells = (
            result.name, f"**{_measure(evaluation, 'iou')}**", _measure(evaluation, "boundary_iou"),
            _measure(evaluation, "seen_recall"), _measure(evaluation, "hidden_recall"),
            *(f"{ious.mean():.3f}" if len(ious) else "" for ious in sizes),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write_costs(results: Sequence[Result]) -> list[str]:
    heads = ("network", "parameters", "MACs", "loss", "training", "images/s")
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for result in results:
        speed = result.evaluation.images_per_second
        cells = (
            result.name, f"{result.summary.parameters:,}" if result.summary.parameters else "none by gradient",
            f"{result.summary.macs / 1e6:,.0f} M", f"{result.loss:.3f}", f"{result.seconds / 60:.1f} min",
            f"{speed:.0f}" if speed else "",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write_longer(results: Sequence[Result]) -> list[str]:
    if not results:
        return []
    heads = ("network", "steps", "images seen", "training", "mean IoU", "recall, hidden")
    lines = ["## Trained longer", "", "The same test images, and more training on shapes of the same seed.", ""]
    lines += [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for result in results:
        cells = (
            result.name, f"{result.steps:,}", f"{result.images_seen:,}", f"{result.seconds / 60:.0f} min",
            f"**{_measure(result.evaluation, 'iou')}**", _measure(result.evaluation, "hidden_recall"),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def write_notes(results: Sequence[Result], longer: Sequence[Result]) -> list[str]:
    notes = []
    for result in results:
        if result.grid is not None:
            holes = ", ".join(layer.name for layer in result.summary.with_holes)
            notes.append(
                f"- {result.name}: its head reaches a quarter of the pixels (holes in {holes}), so full-size IoU cannot pass "
                f"about 0.25; on even rows and columns alone its mean IoU is {_measure(result.grid, 'iou')}."
            )
    best = max(results, key=lambda result: _pooled(result.evaluation, "iou"))
    reached = _pooled(best.evaluation, "iou")
    why = ""
    if longer:
        after = max(longer, key=lambda result: _pooled(result.evaluation, "iou"))
        why = (
            f" {best.steps:,} steps are what the hour allows: {after.name}, trained for {after.steps:,}, reaches "
            f"{_measure(after.evaluation, 'iou')} on the same images (below)."
        )
    notes.append(f"- Best: {best.name} with a mean IoU of {reached:.3f}.{why}")
    notes.append(
        "- Hidden pixels: where the picture shows another class's object on top. A network is recalled there only if it "
        "completes what it cannot see."
    )
    return notes


def write_slopes(results: Sequence[Result]) -> list[str]:
    lines = ["| network | IoU gained each time the area doubles |", "|---|---|"]
    for result in results:
        scale = sort_by_size(result.evaluation.objects)
        lines.append(f"| {result.name} | {scale.slopes[-1]:+.3f} ± {scale.errors[-1]:.3f} |")
    return lines


def write_classes(results: Sequence[Result]) -> list[str]:
    names = results[0].evaluation.classes.names
    lines = [f"| IoU | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for result in results:
        cells = (_measure(result.evaluation, "iou", k) for k in range(len(names)))
        lines.append(f"| {result.name} | {' | '.join(cells)} |")
    return lines


def draw_sizes(results: Sequence[Result]) -> str:
    """IoU over area, a line a network; areas double from one mark to the next."""
    width, height, left, top, right, bottom = 720, 400, 56, 16, 250, 48
    scales = [sort_by_size(result.evaluation.objects) for result in results]
    kept = [b for b in range(scales[0].counts.shape[1]) if scales[0].counts[-1, b] >= FEWEST]
    across, down = (width - left - right) / max(len(kept) - 1, 1), height - top - bottom
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for tenth in range(0, 11, 2):
        y = top + down * (1 - tenth / 10)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{width - right}" y2="{y:.1f}" stroke="#dfe3e8"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#566070">{tenth / 10:.1f}</text>')
    for place, b in enumerate(kept):
        low = int(scales[0].edges[b])
        x = left + across * place
        parts.append(f'<text x="{x:.1f}" y="{height - 28}" text-anchor="middle" fill="#566070">{low}</text>')
    parts.append(
        f'<text x="{left + across * (len(kept) - 1) / 2:.1f}" y="{height - 8}" text-anchor="middle" fill="#566070">'
        "area of the object from this many pixels to twice as many</text>"
    )
    parts.append(
        f'<text x="14" y="{top + down / 2}" fill="#566070" transform="rotate(-90 14 {top + down / 2})">IoU</text>'
    )
    for number, (result, scale) in enumerate(zip(results, scales, strict=True)):
        color, dash = COLORS[number % len(COLORS)], DASHES[number // 3 % 3]
        points = " ".join(
            f"{left + across * place:.1f},{top + down * (1 - scale.ious[-1, b]):.1f}" for place, b in enumerate(kept)
        )
        stroke = f'stroke="{color}" stroke-width="2" stroke-dasharray="{dash}" fill="none"'
        parts.append(f'<polyline points="{points}" {stroke}/>')
        y = top + 14 + 22 * number
        parts.append(f'<line x1="{width - right + 16}" y1="{y}" x2="{width - right + 44}" y2="{y}" {stroke}/>')
        parts.append(f'<text x="{width - right + 52}" y="{y + 4}" fill="#1a1e24">{escape(result.name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _measure(evaluation: Evaluation, metric: Metric, k: int | None = None) -> str:
    measured = evaluation.measure(metric, k)
    return "" if measured is None or measured.pooled is None else f"{measured.pooled:.3f}"


def _pooled(evaluation: Evaluation, metric: Metric) -> float:
    measured = evaluation.measure(metric)
    return measured.pooled if measured is not None and measured.pooled is not None else 0.0
