"""What every number of an evaluation means: text both for the window and for the command line."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from segbench.metrics.boundaries import find_width
from segbench.metrics.comparison import CERTAINTY, DRAWS, FEWEST
from segbench.metrics.evaluation import Evaluation, Metric
from segbench.metrics.objects import FEWEST as FEWEST_OBJECTS
from segbench.metrics.objects import FOUND
from segbench.records import Reading

Key = (
    Metric
    | Literal[
        "pixel_accuracy", "confusion", "loss", "object_iou", "slope", "curve", "best_threshold", "difference",
        "training_time", "macs", "images_per_second",
    ]
)  # fmt: skip


class Definition(NamedTuple):
    """One number. The parts that are "" don't apply."""

    title: str
    formula: str
    pixels: str = ""  # which count
    set: str = ""  # how it is taken over a set of images, and what stands beside it
    absent: str = ""  # what becomes of a class that isn't there
    note: str = ""


_KNOWN = "all pixels of each image at its own size; those whose truth is not known count nowhere"
_POOLED = (
    "pixels pooled over the images, then the ratio, then the mean over classes. Beside it: the ratio of each image (of its classes: their "
    "mean), then the mean over the images that have one"
)
_MEAN = "The mean over classes takes the classes that have a number, each alike"
_ABSENT = (
    f"a class that is in neither truth nor prediction has none (not 0, not 1) and is left out of every mean. {_MEAN}"
)
_NEVER_TRUE = f"a class that is nowhere in the truth has none and is left out of every mean. {_MEAN}"
_HIDDEN = (
    "pixels at which the picture shows an object of another class, as its colour tells: an object is painted in one colour, and what is "
    "painted later covers what was there. Images with more colours than objects are left out"
)
_SHARED = "pixels where the plane of another class is set, whichever object lies on top"

DEFINITIONS: dict[Key, Definition] = {
    "iou": Definition("IoU", "TP / (TP + FP + FN)", _KNOWN, _POOLED, _ABSENT),
    "dice": Definition(
        "Dice", "2 TP / (2 TP + FP + FN)", _KNOWN, _POOLED, _ABSENT, "Of one class it is 2 IoU / (1 + IoU); means over classes are not."
    ),
    "precision": Definition(
        "precision", "TP / (TP + FP)", _KNOWN, _POOLED, f"a class that was predicted nowhere has none. {_MEAN}"
    ),
    "recall": Definition("recall", "TP / (TP + FN)", _KNOWN, _POOLED, _NEVER_TRUE),
    "boundary_iou": Definition(
        "boundary IoU",
        "TP / (TP + FP + FN) of the bands along the inside of both masks' edges (Cheng et al. 2021)",
        "pixels of a mask that leave it when it is eroded {width}; unknown pixels and what lies beyond the image are outside of every mask",
        _POOLED,
        _ABSENT,
    ),
    "shared_recall": Definition(
        "recall shared", "TP / (TP + FN)", _SHARED, _POOLED, _NEVER_TRUE,
        "Half of the shared pixels, more or less, are seen: the hidden ones test more.",
    ),
    "shared_iou": Definition(
        "IoU shared", "TP / (TP + FP + FN)", _SHARED, _POOLED, _ABSENT,
        "False positives: the class was claimed where only another object is.",
    ),
    "hidden_recall": Definition(
        "recall hidden", "TP / (TP + FN)", _HIDDEN, _POOLED, _NEVER_TRUE,
        "The lecture says that a plane a class makes the network aware of an object's full extent under another: this tests it.",
    ),
    "hidden_iou": Definition(
        "IoU hidden", "TP / (TP + FP + FN)", _HIDDEN, _POOLED, _ABSENT,
        "Recall alone is had for nothing by claiming every class under every object; here such claims count as false positives.",
    ),
    "seen_recall": Definition(
        "recall seen", "TP / (TP + FN)", "the class's pixels at which the picture shows it; the rest of its mask is hidden",
        _POOLED, _NEVER_TRUE, "What the recall of hidden pixels is to be held against.",
    ),
    "pixel_accuracy": Definition(
        "pixel accuracy", "pixels whose class was found / known pixels", _KNOWN, _POOLED, "absent classes change nothing",
        "Only where a pixel has one class. A pixel that was given no class is wrong. Large classes decide it.",
    ),
    "confusion": Definition(
        "confusion", "pixels by their true class (row) and the class they were given (column; the last: none)", _KNOWN,
        "added over the images", "its row is 0",
        "Where several classes were predicted at a pixel, the one with the highest score (in units of its own value) counts.",
    ),
    "loss": Definition(
        "loss", "{loss}", _KNOWN, "the mean of the images' losses", "",
        "From scores in half precision, without the weights of the loss that was trained with: alike for all networks with such scores.",
    ),
    "object_iou": Definition(
        "IoU of an object",
        "|object and predicted| / |object or predicted|",
        "the object's mask, what is hidden of it included, and the predicted regions of its class that touch it; a region that touches "
        "several is divided among them, each pixel to the nearest",
        "the mean over objects, each alike; by area (pixels of the mask) in bins that double. Beside it: the mean recall, and the share of "
        f"objects with an IoU of {FOUND:g} at least",
        "regions that touch no object are counted beside",
        "An object is a connected region of its class (pieces in one box belong together); objects of one class that touch are one. "
        "A border that is off by one pixel costs a small object more, whatever the network.",
    ),
    "slope": Definition(
        "IoU gained when the area doubles", "slope of the objects' IoU over log2(area), by least squares", "", "over all objects of a class",
        f"below {FEWEST_OBJECTS} objects there is none",
        "Scale invariance (slide 10) is a slope of 0; behind ± stands its standard error.",
    ),
    "curve": Definition(
        "threshold curve", "IoU, precision and recall of low < score < high", _KNOWN, "pixels pooled over the images",
        "none where the ratio is not defined", "Counted by every score that occurs: exact at any threshold, not interpolated.",
    ),
    "best_threshold": Definition(
        "best-IoU threshold", "the lower threshold with the highest IoU of the class, without an upper one", _KNOWN,
        "pixels pooled over the images", "a class that is never right under any keeps its own",
        "Chosen on the images it was counted on: their own score under it is too good by a little.",
    ),
    "difference": Definition(
        "difference", "the second network's number less the first's",
        "of both networks on the same images", f"pixels pooled; in brackets the {CERTAINTY:.0%} interval of {DRAWS:,} draws of as many "
        "images with replacement (paired bootstrap, percentiles)", "as for the number itself",
        "An interval that holds 0 is no difference that so many images could show. It says nothing about another seed of the same "
        f"training, and little below {FEWEST} images; of twenty intervals one is wrong.",
    ),
    "training_time": Definition(
        "training time", "seconds the run was busy until this checkpoint was saved", note="On the machine it was trained on."
    ),
    "macs": Definition(
        "MACs", "multiply-accumulates of convolutions and linear layers for one image, bias left out",
        note="A transpose convolution counts every stamp.",
    ),
    "images_per_second": Definition(
        "images/s", "1 / median over the images of (time of its batch in the network / images of the batch)",
        note="Measured here, during this evaluation: without reading and scoring, on a machine that may have been busy.",
    ),
}  # fmt: skip

_LOSSES = {
    "values": "mean over pixels and planes of (output - grey value)², 0 off the class",
    "planes": "mean over pixels and planes of the binary cross-entropy",
    "labels": "mean over pixels of the cross-entropy",
}


def explain(key: Key, evaluation: Evaluation | None = None) -> tuple[tuple[str, str], ...]:
    """A definition as (what about, sentence) pairs, with the numbers of an evaluation put in if there is one."""
    found = DEFINITIONS[key]
    pairs = [
        ("formula", found.formula),
        ("pixels", _find_pixels(found, evaluation)),
        ("threshold", _find_threshold(key, evaluation)),
        ("images", found.set),
        ("absent class", found.absent),
        ("note", found.note),
    ]
    filled = {"width": _write_width(evaluation), "loss": _write_loss(evaluation)}
    return tuple((about, text.format(**filled)) for about, text in pairs if text)


def write_reading(reading: Reading, names: tuple[str, ...], scale: Literal["probability", "value"]) -> str:
    """Thresholds in words."""
    what = "probability" if scale == "probability" else "output"
    best = reading.rule == "argmax"
    if len(set(reading.windows)) == 1:
        window = _write_window(what, *reading.windows[0])
        if best:
            return "the class of the highest score" + (f", where {window}" if reading.windows[0][0] > 0 else "")
        return window
    each = ", ".join(f"{name}: {_write_window(what, *w)}" for name, w in zip(names, reading.windows, strict=True))
    return f"the class of the highest score, where {each}" if best else each


def _find_pixels(found: Definition, evaluation: Evaluation | None) -> str:
    if evaluation is None or not evaluation.grid or not found.pixels:
        return found.pixels
    if found.pixels == _KNOWN:
        return _KNOWN.replace("all pixels", "pixels on even rows and columns")
    return f"{found.pixels}; all this on even rows and columns alone"


def _find_threshold(key: Key, evaluation: Evaluation | None) -> str:
    if key in ("loss", "curve", "best_threshold", "training_time", "macs", "images_per_second", "slope"):
        return ""
    if evaluation is None:
        return "the reading's: the checkpoint's own, or the one asked for"
    return write_reading(evaluation.reading, evaluation.classes.names, evaluation.scale)


def _write_window(what: str, low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return f"any {what}"
    if math.isinf(high):
        return f"{what} > {low:.4g}"
    return f"{what} < {high:.4g}" if math.isinf(low) else f"{low:.4g} < {what} < {high:.4g}"


def _write_width(evaluation: Evaluation | None) -> str:
    share = 0.02 if evaluation is None else evaluation.width
    known = evaluation.dataset.size if evaluation is not None else None
    pixels = ""
    if known is not None and evaluation is not None:
        size = ((known[0] + 1) // 2, (known[1] + 1) // 2) if evaluation.grid else known
        pixels = f", here {find_width(size, share)} px"
    return f"by {share:.0%} of the image's diagonal (1 pixel at least{pixels})"


def _write_loss(evaluation: Evaluation | None) -> str:
    if evaluation is not None:
        return _LOSSES[evaluation.checkpoint.target]
    return "; ".join(f"{target}: {text}" for target, text in _LOSSES.items())
