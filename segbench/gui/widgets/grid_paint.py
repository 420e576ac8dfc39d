"""A grid of numbers as a picture: what its cells hold, where each stands, its colour and its digits. Knows painters, no widget.

Cells of ten pixels and more are tiles, drawn one by one as vectors, so that an SVG file gets shapes and text; smaller ones are the
pixels of one image. Zeros that a convolution adds are outlines: dashed for padding, solid for zeros between pixels.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPaintEngine, QPainter, QPen

from segbench.gui.theme import DARK, LIGHT, Theme, contrast, current_theme
from segbench.gui.widgets.cells import INSERTED, NUMBERS_UP_TO, PADDING, VALUE, VOID, Cells, Marks, Palette

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Place = tuple[int, int]  # row, column
Shown = TypeVar("Shown", Cells, Marks)

MOST_SIDE = 46.0  # px a cell: a grid of one cell is not a poster
MARGIN = 4  # px around the cells, for outlines
CRISP, TILE = 5, 10  # px a cell from which on: whole pixels and lines between cells; tiles
LEAST_FONT, GOOD_FONT = 8, 10  # px; more decimals are worth a smaller font down to the second
MOST_DECIMALS = 3
MOST_RECTS = 40_000  # of an SVG file
FAINT = 0.28  # opacity of faded cells
STEPS = 255  # colours of a ramp, the middle one neutral
GAP, PAD, STUFF, HATCH = range(STEPS, STEPS + 4)  # more colours: never covered, the two zeros, stripes on the first
RAMPS: dict[tuple[str, str], tuple[str, ...]] = {
    ("diverging", "light"): ("#4790d6", "#a0c9ef", "#e5e9ee", "#fbcb93", "#f08d30"),
    ("diverging", "dark"): ("#2262a6", "#2d4a69", "#363b43", "#66482b", "#924d0b"),
    ("counts", "light"): ("#dff0ec", "#90d1c3", "#33a191"),
    ("counts", "dark"): ("#28403f", "#1f5954", "#18716a"),
    ("binary", "light"): ("#e4e8ed", "#3b4350"),
    ("binary", "dark"): ("#363b43", "#d3d8df"),
}
MORE: dict[str, tuple[str, ...]] = {
    "light": ("#ffd591", "#ccd3dd", "#f9fafb", "#c27c0e"),
    "dark": ("#553a0b", "#4c525d", "#24272c", "#d19a35"),
}


class GridFrame(NamedTuple):
    """Where the cells stand: the top left corner of the first, and the side of each, in pixels."""

    x: float
    y: float
    side: float
    rows: int
    columns: int

    @property
    def rect(self) -> QRectF:
        return self.block(0, 0, self.rows, self.columns)

    def block(self, row: int, column: int, rows: int = 1, columns: int = 1) -> QRectF:
        """The rectangle of some cells; of one, if not told how many."""
        side = self.side
        return QRectF(self.x + column * side, self.y + row * side, columns * side, rows * side)

    def find(self, x: float, y: float) -> Place | None:
        """The cell at a point."""
        row, column = math.floor((y - self.y) / self.side), math.floor((x - self.x) / self.side)
        return (row, column) if 0 <= row < self.rows and 0 <= column < self.columns else None


def plan_cells(rect: QRectF, shape: tuple[int, int], *, limit: float = MOST_SIDE, ratio: float = 1.0) -> GridFrame:
    """Square cells, centred. From 5 px on a cell has whole device pixels, of which a logical one has `ratio`."""
    rows, columns = shape
    width, height = max(1.0, rect.width() - 2 * MARGIN), max(1.0, rect.height() - 2 * MARGIN)
    side = min(width / columns, height / rows, limit)
    if side >= CRISP:
        side = math.floor(side * ratio + 1e-6) / ratio
    x, y = rect.center().x() - side * columns / 2, rect.center().y() - side * rows / 2
    return GridFrame(round(x * ratio) / ratio, round(y * ratio) / ratio, side, rows, columns)


def find_own(cells: Cells) -> NDArray[np.float64]:
    """The finite values of the cells that are neither zeros of the operation nor void."""
    values = np.asarray(cells.values, np.float64)
    values = values if cells.kinds is None else values[cells.kinds == VALUE]
    return values[np.isfinite(values)]


# Numbers ------------------------------------------------------------------------------------------------------------------


def find_decimals(values: ArrayLike, width: int) -> int:
    """How many decimals these values get, all alike, where each has room for `width` characters; -1: only powers of ten fit."""
    found = np.asarray(values, np.float64)
    return _choose_decimals(_measure(found[np.isfinite(found)]), width)


def format_value(value: float, width: int, decimals: int | None = None) -> str:
    """A number of about `width` characters with a true minus: 5, −0.27, 1.541, 1e4. `decimals` as find_decimals tells them."""
    if not math.isfinite(value):
        return "?" if math.isnan(value) else "∞" if value > 0 else "−∞"
    decimals = find_decimals([value], width) if decimals is None else decimals
    text = _write(value, max(0, decimals))
    if value == 0 or (decimals >= 0 and len(text) <= width):
        return text
    for digits in (2, 1, 0):
        mantissa, power = f"{value:.{digits}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if digits else mantissa
        text = f"{mantissa}e{int(power)}".replace("-", "−")
        if len(text) <= width:
            break
    return text


def _write(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", "−")


def _measure(values: NDArray[np.float64]) -> tuple[int, float, float]:
    """Decimals that show them as they are (at most three), the least and the greatest."""
    if not values.size:
        return 0, 0.0, 0.0
    low, high = float(values.min()), float(values.max())
    near = 1e-6 * max(1.0, abs(low), abs(high))  # float32 is no more exact
    for decimals in range(MOST_DECIMALS):
        scaled = values * 10**decimals
        if np.abs(scaled - np.rint(scaled)).max() <= near * 10**decimals:
            if decimals == 0 and max(-low, high) < 0.5 and values.any():
                return MOST_DECIMALS, low, high
            return decimals, low, high
    return MOST_DECIMALS, low, high


def _choose_decimals(measured: tuple[int, float, float], width: int) -> int:
    needed, low, high = measured
    most = max(-low, high)
    for decimals in range(needed, -1, -1):
        if max(len(_write(low, decimals)), len(_write(high, decimals))) <= width:
            # Rounded to a digit or two, or to nothing, a number would say less than its colour
            lies = most < 100 if decimals == 0 < needed else 0 < most * 10**decimals < 0.5
            return -1 if lies else decimals
    return -1


class _Text(NamedTuple):
    font: QFont
    rows: list[list[str]]
    letters: bool


def _plan_text(cells: Cells, side: float, family: QFont) -> _Text | None:
    """The font, and what stands in each cell; None where it would not be legible."""
    if max(cells.values.shape) > NUMBERS_UP_TO:
        return None
    font = QFont(family)
    font.setPixelSize(100)
    metrics = QFontMetricsF(font)
    room, best = side - max(4.0, side / 7), max(LEAST_FONT, round(side * 0.4))
    if room < 2 * LEAST_FONT * metrics.horizontalAdvance("0") / 100:
        return None
    if cells.letters is not None:
        widest = max(metrics.horizontalAdvance(str(text)) for text in set(cells.letters.flat)) or 1.0
        font.setPixelSize(max(1, min(best, math.floor(100 * room / widest))))
        texts = [[str(text) for text in row] for row in cells.letters]
    else:
        choice = _choose_font(cells, room, best, metrics.horizontalAdvance("0") / 100)
        if choice is None:
            return None
        size, width, decimals = choice
        font.setPixelSize(size)
        rows = np.asarray(cells.values, np.float64).tolist()
        known = {value: format_value(value, width, decimals) for value in {value for row in rows for value in row}}
        texts = [[known[value] for value in row] for row in rows]
    if font.pixelSize() < LEAST_FONT:
        return None
    return _Text(font, texts, cells.letters is not None)


def _choose_font(cells: Cells, room: float, best: int, unit: float) -> tuple[int, int, int] | None:
    """Pixels of the font, characters a cell, decimals; None where none fits. `unit`: width of a digit a pixel of the font."""
    measured, found = _measure(find_own(cells)), None
    most = max(-measured[1], measured[2])
    for size in range(best, LEAST_FONT - 1, -1):
        width = int(room / (unit * size))
        decimals = _choose_decimals(measured, width)
        if decimals >= 0 and (found is None or decimals > found[2]):
            found = size, width, decimals
        if found is not None and (found[2] == measured[0] or (size <= GOOD_FONT and most * 10 ** found[2] >= 10)):
            break
    if found is not None:
        return found
    own = find_own(cells).tolist()
    for size in range(best, LEAST_FONT - 1, -1):  # powers of ten
        width = int(room / (unit * size))
        if all(len(format_value(value, width, -1)) <= width for value in own):
            return size, width, -1
    return None


# Colours ------------------------------------------------------------------------------------------------------------------


class Colors(NamedTuple):
    """A palette in a theme: the colours by number, the ink that goes on each, and both numbers as 0xAARRGGBB (plain, faded)."""

    fills: tuple[QColor, ...]
    inks: tuple[QColor, ...]
    pixels: NDArray[np.uint32]


@cache
def build_colors(palette: Palette, theme: Literal["light", "dark"]) -> Colors:
    """The colours 0 to 254 of the ramp, then those of cells that have no value."""
    anchors = np.array([_split(name) for name in RAMPS[palette, theme]], np.float64)
    at = np.linspace(0, len(anchors) - 1, STEPS)
    ramp = np.stack([np.interp(at, np.arange(len(anchors)), channel) for channel in anchors.T], 1)
    if palette == "binary":
        ramp = anchors[(np.arange(STEPS) > 0).astype(np.intp)]
    rgb = np.concatenate([ramp, [_split(name) for name in MORE[theme]]]).round().astype(np.uint32)
    fills = tuple(QColor(*color) for color in rgb.tolist())
    text = (LIGHT if theme == "light" else DARK).text
    other = QColor("#ffffff" if theme == "light" else "#0c1621")
    inks = tuple(text if contrast(text, fill) >= 4.5 else other for fill in fills)
    argb = np.column_stack([np.full(len(rgb), 255, np.uint32), rgb])
    pixels = np.stack([_pack(argb), _pack((argb * FAINT).round().astype(np.uint32))])
    return Colors(fills, inks, pixels)


def _split(name: str) -> tuple[int, int, int]:
    color = QColor(name)
    return color.red(), color.green(), color.blue()


def _pack(argb: NDArray[np.uint32]) -> NDArray[np.uint32]:
    packed: NDArray[np.uint32] = (argb << np.array([24, 16, 8, 0], np.uint32)).sum(1, dtype=np.uint32)
    return packed


def find_colors(cells: Cells) -> NDArray[np.intp]:
    """The number of each cell's colour, -1 for void."""
    own = find_own(cells)
    span = cells.span or (float(np.abs(own).max()) if own.size else 0.0) or 1.0
    values = np.clip(np.nan_to_num(np.asarray(cells.values, np.float64) / span), -1, 1)
    if cells.palette == "diverging":
        numbers = np.rint((values + 1) / 2 * (STEPS - 1)).astype(np.intp)
    elif cells.palette == "counts":
        numbers = np.where(values > 0, np.rint(np.maximum(values, 0) * (STEPS - 1)).astype(np.intp), GAP)
    else:
        numbers = np.where(cells.values != 0, STEPS - 1, 0)
    if cells.kinds is not None:
        for kind, number in ((PADDING, PAD), (INSERTED, STUFF), (VOID, -1)):
            numbers[cells.kinds == kind] = number
    return numbers


# Painting -----------------------------------------------------------------------------------------------------------------


def paint_cells(
    painter: QPainter,
    rect: QRectF,
    cells: Cells,
    marks: Marks | None = None,
    *,
    theme: Theme | None = None,
    numbers: bool = True,
    limit: float = MOST_SIDE,
) -> GridFrame:
    """Paints the cells into the middle of `rect`, no larger than `limit` a cell, and tells where they stand."""
    theme, marks = theme or current_theme(), marks or Marks()
    rows, columns = cells.values.shape
    frame = plan_cells(rect, (rows, columns), limit=limit, ratio=painter.device().devicePixelRatioF())
    colors, codes = build_colors(cells.palette, theme.name), find_colors(cells)
    faded = marks.faded if marks.faded is not None and marks.faded.shape == (rows, columns) else None
    is_raster = painter.paintEngine().type() == QPaintEngine.Type.Raster
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    if frame.side >= TILE:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = _plan_text(cells, frame.side, painter.font()) if numbers else None
        _Tiles(painter, frame, theme, colors).paint(codes.tolist(), faded, text)
    else:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        _paint_fine(painter, frame, codes, faded, colors, is_raster)
        if frame.side >= CRISP:
            _paint_lines(painter, frame, theme)
    _paint_marks(painter, frame, marks, theme)
    painter.restore()
    return frame


class _Tiles:
    """Cells that are drawn one by one."""

    def __init__(self, painter: QPainter, frame: GridFrame, theme: Theme, colors: Colors) -> None:
        self._painter, self._frame, self._theme, self._colors = painter, frame, theme, colors
        self._gap, self._radius = _find_gap(frame.side), _find_radius(frame.side)

    def paint(self, codes: list[list[int]], faded: NDArray[np.bool_] | None, text: _Text | None) -> None:
        faint = faded.tolist() if faded is not None else None
        cells = [
            (row, column, code, faint is not None and faint[row][column])
            for row, line in enumerate(codes)
            for column, code in enumerate(line)
            if code >= 0
        ]
        for share, some in ((1.0, [c for c in cells if not c[3]]), (FAINT, [c for c in cells if c[3]])):
            if some:
                self._painter.setOpacity(share)
                self._fill(some)
                if text is not None:
                    self._write(some, text)
        self._painter.setOpacity(1)

    def _tile(self, row: int, column: int) -> QRectF:
        frame, inset, side = self._frame, self._gap // 2, self._frame.side - self._gap
        return QRectF(frame.x + column * frame.side + inset, frame.y + row * frame.side + inset, side, side)

    def _fill(self, cells: list[tuple[int, int, int, bool]]) -> None:
        painter, radius, fills = self._painter, self._radius, self._colors.fills
        painter.setPen(Qt.PenStyle.NoPen)
        stripes: list[QLineF] = []
        last = -1
        for row, column, code, _ in cells:
            if code in (PAD, STUFF):
                continue
            tile = self._tile(row, column)
            if not radius:
                painter.fillRect(tile, fills[code])
            else:
                if code != last:
                    painter.setBrush(fills[code])
                    last = code
                painter.drawRoundedRect(tile, radius, radius)
            if code == GAP:
                stripes += _draw_stripes(tile)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if stripes:
            painter.setPen(QPen(fills[HATCH], 1.4))
            painter.drawLines(stripes)
        dashed = QPen(self._theme.muted, 1, Qt.PenStyle.CustomDashLine)
        dashed.setDashPattern([2, 3])
        for wanted, pen in ((PAD, dashed), (STUFF, QPen(self._theme.border, 1))):
            painter.setPen(pen)
            for row, column, code, _ in cells:
                if code == wanted:
                    tile = self._tile(row, column).adjusted(0.5, 0.5, -0.5, -0.5)
                    painter.drawRoundedRect(tile, radius, radius)

    def _write(self, cells: list[tuple[int, int, int, bool]], text: _Text) -> None:
        """Digits stand in the middle, a minus half out of it, so that signs do not push a column about."""
        painter, frame, side = self._painter, self._frame, self._frame.side
        painter.setFont(text.font)
        metrics = QFontMetricsF(text.font)
        hang, tall = metrics.horizontalAdvance("−") / 8, metrics.capHeight()
        inner, middle = side - self._gap, (side - self._gap % 2) / 2  # an odd gap is all at the right
        drop, muted, last = middle + tall / 2, self._theme.muted, None
        widths: dict[str, tuple[float, float]] = {}
        for row, column, code, _ in cells:
            string, added = text.rows[row][column], code in (PAD, STUFF)
            if added and not (text.letters and string):
                string = "0"
            if not string:
                continue
            if (known := widths.get(string)) is None:
                width = metrics.horizontalAdvance(string)
                shift = min(hang, max(0.0, (inner - width) / 2 - 2)) if string[:1] == "−" else 0.0
                known = widths[string] = width, middle - width / 2 - shift
            at = QPointF(frame.x + column * side + known[1], round(frame.y + row * side + drop))
            if code == GAP:  # stripes would cross the digit
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self._colors.fills[GAP])
                painter.drawRoundedRect(QRectF(at.x() - 2.5, at.y() - tall - 2.5, known[0] + 5, tall + 5), 2.5, 2.5)
                last = None
            ink = muted if added else self._colors.inks[code]
            if ink is not last:
                painter.setPen(ink)
                last = ink
            painter.drawText(at, string)


def _find_gap(side: float) -> int:
    return 2 if side >= 16 else 1


def _find_radius(side: float) -> float:
    return min(5.0, side / 9) if side >= 20 else 0.0


def _draw_stripes(tile: QRectF) -> list[QLineF]:
    """Diagonals from lower left to upper right."""
    side, count = tile.width(), max(2, round(tile.width() / 5))
    lines = []
    for number in range(1, 2 * count, 1):
        start = number * side / count
        low, high = min(start, side), max(0.0, start - side)
        lines.append(QLineF(tile.x() + high, tile.y() + low, tile.x() + low, tile.y() + high))
    return lines


def _paint_fine(
    painter: QPainter,
    frame: GridFrame,
    codes: NDArray[np.intp],
    faded: NDArray[np.bool_] | None,
    colors: Colors,
    is_raster: bool,
) -> None:
    """One image; in a vector file, which would blur it, rectangles."""
    gaps, times = codes == GAP, min(3, int(frame.side))
    if gaps.any() and times > 1:  # stripes are pixels between the pixels
        codes, gaps = (np.repeat(np.repeat(plane, times, 0), times, 1) for plane in (codes, gaps))
        faded = np.repeat(np.repeat(faded, times, 0), times, 1) if faded is not None else None
        rows, columns = np.ogrid[: codes.shape[0], : codes.shape[1]]
        codes[gaps & ((rows + columns) % times == 0)] = HATCH
    pixels = colors.pixels[0][codes] if faded is None else colors.pixels[faded.astype(np.intp), codes]
    pixels[codes < 0] = 0
    pixels = np.ascontiguousarray(pixels)
    if not is_raster and pixels.size <= MOST_RECTS:
        _paint_runs(painter, frame.rect, pixels)
        return
    height, width = pixels.shape
    # The image lies in the array's own bytes, which stay as long as this call
    image = QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_ARGB32_Premultiplied)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, frame.side < 1)  # else thin lines break up
    painter.drawImage(frame.rect, image if is_raster else image.scaled(4 * width, 4 * height))


def _paint_runs(painter: QPainter, rect: QRectF, pixels: NDArray[np.uint32]) -> None:
    high, wide = rect.height() / pixels.shape[0], rect.width() / pixels.shape[1]
    for row, line in enumerate(pixels):
        ends = [*(np.flatnonzero(np.diff(line)) + 1).tolist(), len(line)]
        start = 0
        for end in ends:
            if color := int(line[start]):
                alpha = color >> 24
                red, green, blue = (((color >> shift) & 255) * 255 // alpha for shift in (16, 8, 0))
                part = QRectF(rect.x() + start * wide, rect.y() + row * high, (end - start) * wide, high)
                painter.fillRect(part, QColor(red, green, blue, alpha))
            start = end


def _paint_lines(painter: QPainter, frame: GridFrame, theme: Theme) -> None:
    whole, side = frame.rect, frame.side
    lines = [QLineF(x, whole.top(), x, whole.bottom()) for x in (whole.x() + k * side for k in range(1, frame.columns))]
    lines += [QLineF(whole.left(), y, whole.right(), y) for y in (whole.y() + k * side for k in range(1, frame.rows))]
    painter.setPen(QPen(theme.surface, 1))
    painter.drawLines(lines)


def _paint_marks(painter: QPainter, frame: GridFrame, marks: Marks, theme: Theme) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if marks.hits is not None and marks.hits.shape == (frame.rows, frame.columns):
        _paint_hits(painter, frame, marks.hits, theme)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    rings: list[tuple[QRectF, float]] = []
    if marks.window is not None:
        rings.append((frame.block(*marks.window), 2.0))
    if marks.cursor is not None and 0 <= marks.cursor[0] < frame.rows and 0 <= marks.cursor[1] < frame.columns:
        rings.append((frame.block(*marks.cursor), 3.0))
    radius = _find_radius(frame.side) + 1
    for rect, width in rings:
        for pen in (QPen(theme.surface, width + 2), QPen(theme.accent, width)):  # a rim keeps it visible on blue
            painter.setPen(pen)
            painter.drawRoundedRect(rect, radius, radius)


def _paint_hits(painter: QPainter, frame: GridFrame, hits: NDArray[np.bool_], theme: Theme) -> None:
    """A ring in each tile; of finer cells, the outline of all."""
    if frame.side >= TILE:
        gap, radius = _find_gap(frame.side), _find_radius(frame.side)
        low, high = gap // 2 + 1, 1 + gap - gap // 2
        cells = [frame.block(*place).adjusted(low, low, -high, -high) for place in np.argwhere(hits).tolist()]
        for pen, inset in ((QPen(theme.surface, 1), 1.5), (QPen(theme.accent, 2), 0.0)):
            painter.setPen(pen)
            for cell in cells:
                painter.drawRoundedRect(cell.adjusted(inset, inset, -inset, -inset), radius, radius)
        return
    padded = np.pad(hits, 1)
    x, y, side = frame.x, frame.y, frame.side
    lines = [
        QLineF(x + c * side, y + r * side, x + (c + 1) * side, y + r * side)
        for r, c in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]).tolist()
    ]
    lines += [
        QLineF(x + c * side, y + r * side, x + c * side, y + (r + 1) * side)
        for r, c in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]).tolist()
    ]
    painter.setPen(QPen(theme.accent, 1))
    painter.drawLines(lines)


# Equality and copies ------------------------------------------------------------------------------------------------------


def keep_copy(shown: Shown) -> Shown:
    """The same with arrays of its own, so that it stays as it is."""
    arrays = {f.name: getattr(shown, f.name) for f in fields(shown) if isinstance(getattr(shown, f.name), np.ndarray)}
    return replace(shown, **{name: array.copy() for name, array in arrays.items()})


def is_same(one: Shown | None, other: Shown | None) -> bool:
    """Whether two look the same."""
    if one is None or other is None:
        return one is other
    for field in fields(one):
        mine, its = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray) and isinstance(its, np.ndarray):
            if not np.array_equal(mine, its, equal_nan=mine.dtype.kind == "f"):
                return False
        elif mine is not its and (isinstance(mine, np.ndarray) or isinstance(its, np.ndarray) or mine != its):
            return False
    return True
