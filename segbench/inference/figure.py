"""The lecture's display of test results (slides 84-86): a column an image, a row a view of it. A picture to show and to save."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segbench.errors import SegbenchError
from segbench.inference.overlay import draw_boxes
from segbench.records import ClassTable, Prediction, Reading, Sample
from segbench.targets import read_masks

PADDING = 2
INSIDE, OUTSIDE = 255, 50  # the grey of a class's pixels and of all others, as the reference shows them
_GROUND = (10, 10, 10)
_TEXT = (235, 235, 235)
_BOX_ON_INPUT = (255, 0, 0)
_SMALLEST_CELL = 128  # small images are enlarged to about this
_LARGEST_CELL = 480


def lecture_figure(
    samples: Sequence[Sample],
    predictions: Sequence[Prediction],
    classes: ClassTable,
    reading: Reading | None = None,
    zoom: int = 0,
) -> NDArray[np.uint8]:
    """uint8 (H, W, 3). Rows from the top: the largest score of any class with the boxes of the truth drawn, the input with its
    boxes, then a row a class: white where it was read, grey elsewhere. With the lecture's five classes these are its seven rows.

    reading: how scores become masks, None takes each prediction's own; `targets.lecture_reading` gives the reference's windows.
    zoom: pixels of the figure for one of the image; 0 chooses. Scores are shown as grey 0..255 (probabilities times 255,
    cut off at both ends). Raises SegbenchError when there is nothing to show or a sample lacks its prediction.
    """
    if not samples or len(samples) != len(predictions):
        raise SegbenchError(
            f"{len(samples)} samples and {len(predictions)} predictions make no figure.",
            "Choose at least one sample, and predict each.",
        )
    columns = [
        _make_column(sample, prediction, reading or prediction.reading)
        for sample, prediction in zip(samples, predictions, strict=True)
    ]
    height = max(sample.size[0] for sample in samples)
    width = max(sample.size[1] for sample in samples)
    zoom = zoom or max(1, round(_SMALLEST_CELL / max(height, width)))
    shrink = max(1, -(-max(height, width) // _LARGEST_CELL))
    cell_height, cell_width = (-(-side * zoom // shrink) for side in (height, width))
    labels = ["largest score", "input", *classes.names]
    font = _load_font(max(11, min(16, cell_height // 6)))
    margin = max(round(font.getlength(label)) for label in labels) + 12
    figure = np.zeros(
        (
            len(labels) * (cell_height + PADDING) + PADDING,
            margin + len(samples) * (cell_width + PADDING) + PADDING,
            3,
        ),
        np.uint8,
    )
    figure[:] = _GROUND
    for c, column in enumerate(columns):
        for r, cell in enumerate(column):
            enlarged = cell.repeat(zoom, axis=0).repeat(zoom, axis=1)[::shrink, ::shrink]
            top = PADDING + r * (cell_height + PADDING)
            left = margin + PADDING + c * (cell_width + PADDING)
            figure[top : top + enlarged.shape[0], left : left + enlarged.shape[1]] = enlarged
    return _write_labels(figure, labels, font, cell_height)


def _make_column(sample: Sample, prediction: Prediction, reading: Reading) -> list[NDArray[np.uint8]]:
    """The cells of one image, uint8 (H, W, 3) each."""
    unit = 255.0 if prediction.scale == "probability" else 1.0
    largest = np.clip(prediction.scores.astype(np.float32).max(axis=0) * unit, 0, 255)
    cells = [
        draw_boxes(_to_rgb(np.rint(np.nan_to_num(largest)).astype(np.uint8)), sample.boxes, (255, 255, 255)),
        draw_boxes(sample.image, sample.boxes, _BOX_ON_INPUT),
    ]
    for plane in read_masks(prediction.scores, reading):
        cells.append(_to_rgb(np.where(plane, np.uint8(INSIDE), np.uint8(OUTSIDE))))
    return cells


def _to_rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _load_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _write_labels(
    figure: NDArray[np.uint8],
    labels: Sequence[str],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    cell_height: int,
) -> NDArray[np.uint8]:
    image = Image.fromarray(figure)
    draw = ImageDraw.Draw(image)
    for r, label in enumerate(labels):
        _, top, _, bottom = font.getbbox(label)
        middle = PADDING + r * (cell_height + PADDING) + cell_height / 2
        draw.text((6, middle - (top + bottom) / 2), label, fill=_TEXT, font=font)
    return np.asarray(image)
