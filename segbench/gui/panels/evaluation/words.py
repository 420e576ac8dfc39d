"""The evaluation page's words about networks, numbers and differences. No Qt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from segbench.gui.panels.evaluation.state import FOREGROUND, MEAN, Candidate, Evaluated, Page
from segbench.gui.widgets.choice_words import CHOICES
from segbench.metrics.definitions import DEFINITIONS

if TYPE_CHECKING:
    from segbench.metrics.comparison import Difference
    from segbench.metrics.evaluation import Measured, Metric
    from segbench.records import ClassTable

NOTHING = "–"
SPLITS = {"all": "All", "train": "Train", "val": "Validation", "test": "Test", "validation": "Validation"}
RULES = (
    ("own", "Checkpoint’s own thresholds", "As each network was trained to be read"),
    ("half", "Half", "Half the class’s value, or probability 0.5"),
    ("best", "Best IoU", "The threshold with the highest IoU of each class, looked for on other images where there are some"),
    ("lecture", "The lecture’s windows", "25–85, 65–135, 115–185, 165–230, over 210: an output above its window is background"),
)  # fmt: skip
STATISTICS = (
    "The reference’s reading: its test loop never calls eval(), so batch norms use mean and deviation of the 8 images that happen "
    "to come together, and every number depends on which those are. Off, as evaluation should be: the running statistics from training."
)
GRID_TIP = (
    "The lecture’s output layer reaches only the pixels on even rows and columns, a quarter of all. On: those alone are scored, which "
    "shows what its network has learnt. Off: every pixel, as whoever uses the masks sees them."
)
SHORT = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "Precision",
    "recall": "Recall",
    "boundary_iou": "Boundary IoU",
    "seen_recall": "Recall seen",
    "hidden_recall": "Recall hidden",
    "hidden_iou": "IoU hidden",
    "shared_recall": "Recall shared",
    "shared_iou": "IoU shared",
}


def write_ratio(value: float | None) -> str:
    return NOTHING if value is None or math.isnan(value) else f"{value:.3f}"


def write_class(classes: ClassTable, k: int) -> str:
    if k == MEAN:
        return "Mean"
    if k == FOREGROUND:
        return f"Mean without {classes.names[classes.background]}"
    return classes.names[k]


def write_split(split: str) -> str:
    return SPLITS.get(split, split)


def write_images(count: int) -> str:
    return f"{count:,} {'image' if count == 1 else 'images'}"


def write_network(one: Evaluated) -> str:
    name = one.evaluation.checkpoint.network
    return CHOICES["network.name"].get(name, name)


def write_candidate(candidate: Candidate) -> str:
    return candidate.name if candidate.best_iou is None else f"{candidate.name} (IoU {candidate.best_iou:.3f})"


def write_macs(macs: int | None) -> str:
    if macs is None:
        return NOTHING
    return f"{macs / 1e9:.2f} G" if macs >= 1e9 else f"{macs / 1e6:,.1f} M"


def write_seconds(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def write_speed(speed: float | None) -> str:
    return NOTHING if speed is None else f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"


def write_loss(loss: float | None) -> str:
    return NOTHING if loss is None or math.isnan(loss) else f"{loss:.4g}"


def write_pair(found: Measured | None) -> str:
    """Both conventions in one line."""
    if found is None:
        return NOTHING
    return f"{write_ratio(found.pooled)} pooled, {write_ratio(found.per_image)} as the mean of {write_images(found.images)}"


def write_signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")


def write_difference(difference: Difference) -> str:
    low, high = write_signed(difference.low), write_signed(difference.high)
    return f"{write_signed(difference.value)} [{low}, {high}]"


def write_verdict(difference: Difference) -> str:
    """What an interval says, in plain words."""
    images = write_images(difference.images)
    return {
        "better": f"better by more than the choice of {images} explains",
        "worse": f"worse by more than the choice of {images} explains",
        "no difference": f"no difference that {images} could show",
        "too few images": f"{images} are too few to tell",
    }[difference.verdict]


def describe_page(page: Page) -> str:
    """What was evaluated, in the line beside the tabs."""
    one = page.present
    if one is None:
        return ""
    parts = [write_images(one.evaluation.images), write_network(one)]
    pooled = one.measured["iou", MEAN].pooled
    parts.append(f"mean IoU {write_ratio(pooled)}" + (" on even rows and columns" if one.evaluation.grid else ""))
    if (loss := one.evaluation.measure_loss()) is not None:
        parts.append(f"loss {write_loss(loss)}")
    batches = page.look.terms.batch_statistics
    if batches and page.other_mode is not None:
        other = page.other_mode.measured["iou", MEAN].pooled
        parts.append(f"batch statistics; with the running ones, as it should be, {write_ratio(other)}")
    elif batches:
        parts.append("batch statistics: depends on which images come together")
    elif page.other_mode is not None:
        other = page.other_mode.measured["iou", MEAN].pooled
        parts.append(f"with batch statistics {write_ratio(other)}")
    return "  ·  ".join(parts)


def describe_slope(name: str, slope: float, error: float) -> str:
    """What happens to the IoU when an object gets larger."""
    if math.isnan(slope):
        return f"{name}: too few objects for a slope"
    if abs(slope) <= 2 * error:
        return f"{name}: the same IoU at all sizes, as far as so many objects can tell"
    verb = "gains" if slope > 0 else "loses"
    return f"{name}: the IoU {verb} {abs(slope):.3f} (± {error:.3f}) each time the area doubles"


def find_title(metric: Metric) -> str:
    title = DEFINITIONS[metric].title
    return title[:1].upper() + title[1:]
