"""The operation as a picture of its own: PNG, SVG, and the sweep as an animated GIF. Paints on images, never on a widget."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from segbench.convolution.code import write_layer
from segbench.errors import SegbenchError
from segbench.events import Progressed, WorkEvent
from segbench.gui.panels.convolution.lab import Lab
from segbench.gui.panels.convolution.operation_picture import OperationPicture, Plate, resolve_operation
from segbench.gui.theme import Theme
from segbench.gui.widgets.grid_paint import MARGIN as GRID_MARGIN
from segbench.gui.widgets.grid_paint import paint_cells, plan_cells
from segbench.gui.widgets.png import encode_png

SIZE = QSize(1200, 760)
FILM_SIZE = QSize(900, 570)
MOST_FRAMES = 400
MARGIN, HEAD, CAPTION = 24, 64, 28  # px


def draw_operation(
    painter: QPainter, size: QSize, lab: Lab, picture: OperationPicture, theme: Theme, font: QFont
) -> None:
    """Title, the five grids, and the sum, filling `size`."""
    painter.fillRect(QRectF(0, 0, size.width(), size.height()), theme.surface)
    bold = QFont(font)
    bold.setBold(True)
    painter.setFont(bold)
    painter.setPen(theme.text)
    width, height = size.width() - 2 * MARGIN, size.height() - HEAD - MARGIN
    title = write_layer(lab.geometry, *lab.operation.channels)
    _write(painter, QRectF(MARGIN, MARGIN - 8, width, 20), f"{lab.name}   {title}" if lab.name else title)
    painter.setFont(font)
    painter.setPen(theme.muted)
    formula = picture.formulas[-1]
    _write(painter, QRectF(MARGIN, MARGIN + 14, width, 20), f"{formula.general} = {formula.numbers}")
    third, upper = (width - 2 * MARGIN) / 3, height * 0.6
    places = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1))
    plates = (picture.input, picture.stuffed, picture.output, picture.kernel, picture.sweeping)
    for (across, down), plate in zip(places, plates, strict=True):
        top, tall = (HEAD, upper - MARGIN / 2) if not down else (HEAD + upper + MARGIN / 2, height - upper - MARGIN / 2)
        _draw_plate(painter, QRectF(MARGIN + across * (third + MARGIN), top, third, tall), plate, theme, bold, font)
    painter.setFont(font)
    painter.setPen(theme.text)
    room = QRectF(MARGIN + 2 * (third + MARGIN), HEAD + upper + MARGIN / 2, third, height - upper - MARGIN / 2)
    _write(painter, room, picture.sum if picture.problem is None else "", wrap=True)


def _draw_plate(painter: QPainter, rect: QRectF, plate: Plate, theme: Theme, bold: QFont, font: QFont) -> None:
    painter.setFont(bold)
    painter.setPen(theme.text)
    head = QRectF(rect.x(), rect.y(), rect.width(), CAPTION)
    room = head.width() - QFontMetricsF(font).horizontalAdvance(f"   {plate.note}")
    _write(painter, head, QFontMetricsF(bold).elidedText(plate.title, Qt.TextElideMode.ElideRight, room))
    painter.setFont(font)
    painter.setPen(theme.muted)
    painter.drawText(head, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop), plate.note)
    body = rect.adjusted(0, CAPTION, 0, 0)
    if plate.cells is None:
        painter.setPen(theme.bad)
        _write(painter, body, plate.empty, wrap=True)
    else:
        painter.setPen(theme.text)
        frame = plan_cells(body, plate.cells.values.shape)
        body.setHeight(frame.side * frame.rows + 2 * GRID_MARGIN)
        paint_cells(painter, body, plate.cells, plate.marks, theme=theme)


def _write(painter: QPainter, rect: QRectF, text: str, wrap: bool = False) -> None:
    flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
    painter.drawText(rect, int(flags) | (int(Qt.TextFlag.TextWordWrap) if wrap else 0), text)


def render_png(lab: Lab, theme: Theme, font: QFont) -> bytes:
    """Twice as many pixels as SIZE, for print."""
    return encode_png(_paint(SIZE, 2.0, lab, theme, font))


def render_svg(lab: Lab, theme: Theme, font: QFont) -> bytes:
    """Shapes and text, to be edited further."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(SIZE)
    generator.setViewBox(QRectF(0, 0, SIZE.width(), SIZE.height()))
    generator.setTitle(lab.name or write_layer(lab.geometry, *lab.operation.channels))
    generator.setDescription("Made by segbench's convolution lab")
    painter = QPainter(generator)
    draw_operation(painter, SIZE, lab, resolve_operation(lab), theme, font)
    painter.end()
    return bytes(data.data())


def count_frames(lab: Lab) -> int:
    """Pixels of the output. Raises SegbenchError where a film would be too long."""
    lab.geometry.check()
    height, width = lab.geometry.output
    if height * width > MOST_FRAMES:
        raise SegbenchError(
            f"The sweep has {height * width:,} places; a film of more than {MOST_FRAMES} would be large and slow.",
            "Make the output 20 × 20 or smaller, by a smaller input or stride.",
        )
    return height * width


def film(path: str, lab: Lab, speed: int, theme: Theme, font: QFont) -> Generator[WorkEvent, None, Path]:
    """For a job's thread: paints each place of the kernel and writes the animated GIF. speed: places a second."""
    from PIL import Image

    from segbench.files import write_atomically

    total = count_frames(lab)
    width = lab.geometry.output[1]
    frames: list[Image.Image] = []
    for place in range(total):
        yield Progressed("drawing", place, total)
        pointed = replace(lab, pointed=(place // width, place % width), of_input=False)
        painted = _paint(FILM_SIZE, 1.0, pointed, theme, font).convertToFormat(QImage.Format.Format_RGB888)
        raw = bytes(painted.constBits())[: painted.sizeInBytes()]
        frame = Image.frombuffer(
            "RGB", (painted.width(), painted.height()), raw, "raw", "RGB", painted.bytesPerLine(), 1
        )
        # One palette for all: then a frame only holds what has changed
        frames.append(frame.quantize(palette=frames[0]) if frames else frame.quantize(128, dither=Image.Dither.NONE))
    data = BytesIO()
    frames[0].save(
        data, "GIF", save_all=True, append_images=frames[1:], duration=max(20, 1000 // speed), loop=0, optimize=False
    )
    write_atomically(Path(path), data.getvalue())
    return Path(path)


def _paint(size: QSize, ratio: float, lab: Lab, theme: Theme, font: QFont) -> QImage:
    image = QImage(size * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    draw_operation(painter, size, lab, resolve_operation(lab), theme, font)
    painter.end()
    return image
