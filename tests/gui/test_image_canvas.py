"""The picture viewer: pixels where they belong, masks in their colours, camera, keys and links."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from segbench.gui.widgets import mask_layers
from segbench.gui.widgets.camera import Camera, fit_scale, snap_scale, step_scale
from segbench.gui.widgets.image_canvas import ImageCanvas, link_cameras
from segbench.gui.widgets.picture import Picture
from segbench.records import IGNORE

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def paint(canvas: ImageCanvas) -> QImage:
    return canvas.grab().toImage()


def color_at(image: QImage, x: float, y: float) -> tuple[int, int, int]:
    color = QColor(image.pixel(int(x), int(y)))
    return color.red(), color.green(), color.blue()


def place_of(canvas: ImageCanvas, x: float, y: float) -> QPoint:
    """Where an image point stands in the widget."""
    middle, camera = canvas._view().center(), canvas.camera
    return QPoint(round(middle.x() + (x - camera.x) * camera.scale), round(middle.y() + (y - camera.y) * camera.scale))


@pytest.fixture
def canvas(qtbot: object) -> ImageCanvas:
    widget = ImageCanvas()
    qtbot.addWidget(widget)  # type: ignore[attr-defined]
    widget.resize(400, 300)
    with qtbot.waitExposed(widget):  # type: ignore[attr-defined]
        widget.show()
    widget.activateWindow()
    return widget


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)


def test_that_every_image_pixel_is_a_whole_block_of_screen_pixels(canvas: ImageCanvas, noise: np.ndarray) -> None:
    canvas.set_image(noise)
    scale = canvas.camera.scale
    assert scale == int(scale)
    assert scale > 1
    shown = paint(canvas)
    for x, y in ((0, 0), (29, 0), (0, 19), (29, 19), (13, 7)):
        corner = place_of(canvas, x, y)
        for dx, dy in ((0, 0), (scale - 1, scale - 1)):
            assert color_at(shown, corner.x() + dx, corner.y() + dy) == tuple(noise[y, x])


@pytest.mark.parametrize(("height", "width"), [(33, 27), (5, 31), (1, 1), (64, 1)])
def test_that_odd_widths_do_not_shear_the_picture(canvas: ImageCanvas, height: int, width: int) -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
    canvas.set_image(rgb)
    picture = canvas.render_picture().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(picture.constBits(), np.uint8).reshape(height, picture.bytesPerLine())
    assert (rows[:, : width * 3].reshape(height, width, 3) == rgb).all()


def test_that_the_picture_outlives_the_array_it_was_made_from(canvas: ImageCanvas) -> None:
    rgb = np.full((16, 16, 3), 77, np.uint8)
    canvas.set_image(rgb)
    rgb[:] = 0
    del rgb
    assert color_at(canvas.render_picture(), 3, 3) == (77, 77, 77)


def test_that_read_only_and_strided_arrays_are_shown(canvas: ImageCanvas) -> None:
    whole = np.random.default_rng(2).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    part = whole[::2, ::-2]
    part.flags.writeable = False
    canvas.set_image(part)
    assert color_at(canvas.render_picture(), 5, 4) == tuple(part[4, 5])


def test_that_planes_cover_the_image_at_the_opacity(canvas: ImageCanvas) -> None:
    canvas.set_image(np.zeros((8, 8, 3), np.uint8))
    planes = np.zeros((2, 8, 8), bool)
    planes[0, :4], planes[1, 4:] = True, True
    canvas.set_planes(planes, (RED, GREEN))
    canvas.set_opacity(1)
    assert color_at(canvas.render_picture(), 0, 0) == RED
    assert color_at(canvas.render_picture(), 0, 7) == GREEN
    canvas.set_opacity(0.5)
    assert abs(color_at(canvas.render_picture(), 0, 0)[0] - 128) <= 2
    canvas.set_opacity(0)
    assert color_at(canvas.render_picture(), 0, 0) == (0, 0, 0)


def test_that_overlapping_planes_show_both_colours_and_lose_none(canvas: ImageCanvas) -> None:
    canvas.set_image(np.zeros((16, 16, 3), np.uint8))
    canvas.set_planes(np.ones((2, 16, 16), bool), (RED, BLUE))
    canvas.set_opacity(1)
    picture = canvas.render_picture()
    assert {color_at(picture, x, y) for x in range(16) for y in range(16)} == {RED, BLUE}


def test_that_no_box_runs_through_the_name_of_another() -> None:
    picture = Picture()
    picture.set_image(np.zeros((40, 40, 3), np.uint8))
    picture.boxes = ((0, (10, 10, 30, 30)), (1, (5, 9, 20, 20)))
    picture.box_colors, picture.box_names = (RED, BLUE), ("square", "disk")
    image = picture.render(8)
    assert color_at(image, 60, 72) == BLUE  # the upper line of the second box
    assert color_at(image, 81, 72) == RED  # the name of the first one


def test_that_a_hidden_class_leaves_what_lies_under_it(canvas: ImageCanvas) -> None:
    canvas.set_image(np.zeros((16, 16, 3), np.uint8))
    canvas.set_planes(np.ones((2, 16, 16), bool), (RED, BLUE))
    canvas.set_boxes(((0, (2, 2, 9, 9)),), (RED, BLUE))
    canvas.set_opacity(1)
    canvas.set_class_visible(0, False)
    picture = canvas.render_picture()
    assert {color_at(picture, x, y) for x in range(16) for y in range(16)} == {BLUE}
    canvas.set_class_visible(0, True)
    assert RED in {color_at(canvas.render_picture(), x, 2) for x in range(16)}


@pytest.mark.parametrize("count", [1, 7, 8, 15, 40])
def test_that_any_number_of_planes_is_shown(canvas: ImageCanvas, count: int) -> None:
    side = 8
    colors = tuple((5 * k + 20, 255 - 5 * k, k) for k in range(count))
    planes = np.zeros((count, side, side), bool)
    for k in range(count):
        planes[k, k // side, k % side] = True
    canvas.set_image(np.zeros((side, side, 3), np.uint8))
    canvas.set_planes(planes, colors)
    canvas.set_opacity(1)
    picture = canvas.render_picture()
    assert [color_at(picture, k % side, k // side) for k in range(count)] == list(colors)


def test_that_labels_take_their_colours_and_ignored_pixels_are_striped_grey(canvas: ImageCanvas) -> None:
    labels = np.zeros((16, 16), np.uint8)
    labels[8:] = 1
    labels[:, 8:] = IGNORE
    canvas.set_labels(labels, (RED, GREEN))
    canvas.set_opacity(1)
    picture = canvas.render_picture()
    assert color_at(picture, 0, 0) == RED
    assert color_at(picture, 0, 15) == GREEN
    ignored = {color_at(picture, x, y) for x in range(8, 16) for y in range(16)}
    assert len(ignored) == 2
    assert all(red == green == blue for red, green, blue in ignored)


def test_that_a_colour_of_none_is_not_painted(canvas: ImageCanvas) -> None:
    canvas.set_image(np.full((4, 4, 3), 9, np.uint8))
    canvas.set_labels(np.zeros((4, 4), np.uint8), (None, RED))
    canvas.set_opacity(1)
    assert color_at(canvas.render_picture(), 1, 1) == (9, 9, 9)


def test_that_contours_follow_the_edge_and_leave_the_inside_free(canvas: ImageCanvas) -> None:
    canvas.set_image(np.zeros((40, 40, 3), np.uint8))
    planes = np.zeros((1, 40, 40), bool)
    planes[0, 10:30, 10:30] = True
    canvas.set_planes(planes, (RED,))
    canvas.set_opacity(1)
    canvas.set_style("contour")
    picture = canvas.render_picture()
    assert color_at(picture, 10, 20) == RED
    assert color_at(picture, 29, 20) == RED
    assert color_at(picture, 20, 20) == (0, 0, 0)
    assert color_at(picture, 8, 20) == (0, 0, 0)


def test_that_paint_lies_over_the_image(canvas: ImageCanvas) -> None:
    canvas.set_image(np.zeros((6, 6, 3), np.uint8))
    rgba = np.zeros((6, 6, 4), np.uint8)
    rgba[2, 3] = (10, 200, 30, 255)
    canvas.set_paint(rgba)
    canvas.set_opacity(1)
    assert color_at(canvas.render_picture(), 3, 2) == (10, 200, 30)
    assert color_at(canvas.render_picture(), 2, 3) == (0, 0, 0)


def test_that_masks_of_another_size_are_refused_and_old_ones_dropped(canvas: ImageCanvas) -> None:
    canvas.set_image(np.zeros((6, 6, 3), np.uint8))
    with pytest.raises(ValueError, match="does not lie on"):
        canvas.set_planes(np.ones((1, 5, 6), bool), (RED,))
    canvas.set_planes(np.ones((1, 6, 6), bool), (RED,))
    canvas.set_image(np.zeros((7, 7, 3), np.uint8))
    canvas.set_opacity(1)
    assert color_at(canvas.render_picture(), 1, 1) == (0, 0, 0)


def test_that_shift_shows_the_raw_image_while_it_is_held(canvas: ImageCanvas, qtbot: object) -> None:
    canvas.set_image(np.zeros((8, 8, 3), np.uint8))
    canvas.set_planes(np.ones((1, 8, 8), bool), (RED,))
    canvas.set_opacity(1)
    canvas.setFocus()
    middle = canvas._view().center() + QPointF(5, 5)  # beside the pixel grid
    qtbot.keyPress(canvas, Qt.Key.Key_Shift)  # type: ignore[attr-defined]
    assert color_at(paint(canvas), middle.x(), middle.y()) == (0, 0, 0)
    qtbot.keyRelease(canvas, Qt.Key.Key_Shift)  # type: ignore[attr-defined]
    assert color_at(paint(canvas), middle.x(), middle.y()) == RED


def test_that_the_wheel_zooms_at_the_cursor(canvas: ImageCanvas, noise: np.ndarray) -> None:
    canvas.set_image(noise)
    at = QPointF(place_of(canvas, 25, 15))
    before = canvas._map_to_image(at)
    event = QWheelEvent(
        at, canvas.mapToGlobal(at), QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    scale = canvas.camera.scale
    QApplication.sendEvent(canvas, event)
    assert canvas.camera.scale > scale
    assert canvas._map_to_image(at) == pytest.approx(before, abs=0.2)


def test_that_keys_fit_zoom_and_move(canvas: ImageCanvas, noise: np.ndarray, qtbot: object) -> None:
    canvas.set_image(noise)
    press = qtbot.keyClick  # type: ignore[attr-defined]
    fitted = canvas.camera
    press(canvas, Qt.Key.Key_Plus)
    assert canvas.camera.scale > fitted.scale
    press(canvas, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert canvas.camera.scale == 1
    press(canvas, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert canvas.camera.x > fitted.x
    press(canvas, Qt.Key.Key_Minus)
    assert canvas.camera.scale < 1
    press(canvas, Qt.Key.Key_F)
    assert canvas.camera == fitted


def test_that_a_drag_moves_and_a_click_tells_the_pixel(canvas: ImageCanvas, noise: np.ndarray, qtbot: object) -> None:
    canvas.set_image(noise)
    clicked: list[tuple[int, int]] = []
    canvas.clicked.connect(lambda x, y: clicked.append((x, y)))
    spot = place_of(canvas, 4, 6) + QPoint(2, 2)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=spot)  # type: ignore[attr-defined]
    assert clicked == [(4, 6)]
    before = canvas.camera
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=spot)  # type: ignore[attr-defined]
    qtbot.mouseMove(canvas, spot + QPoint(40, 0))  # type: ignore[attr-defined]
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=spot + QPoint(40, 0))  # type: ignore[attr-defined]
    assert canvas.camera.x < before.x
    assert clicked == [(4, 6)]


def test_that_hovering_tells_pixels_and_leaving_tells_none(
    canvas: ImageCanvas, noise: np.ndarray, qtbot: object
) -> None:
    canvas.set_image(noise)
    seen: list[tuple[int, int]] = []
    canvas.hovered.connect(lambda x, y: seen.append((x, y)))
    qtbot.mouseMove(canvas, place_of(canvas, 7, 3) + QPoint(1, 1))  # type: ignore[attr-defined]
    canvas.leaveEvent(None)  # type: ignore[arg-type]
    assert seen[0] == (7, 3)
    assert seen[-1] == (-1, -1)


def test_that_a_sample_of_the_same_size_keeps_the_camera_and_another_size_is_fitted(
    canvas: ImageCanvas, noise: np.ndarray
) -> None:
    canvas.set_image(noise)
    canvas.zoom_by(1.25)
    canvas.pan_by(30, 10)
    camera = canvas.camera
    canvas.set_image(noise[::-1])
    assert canvas.camera == camera
    canvas.set_image(np.zeros((50, 50, 3), np.uint8))
    assert canvas.fitted


def test_that_a_fitted_image_stays_fitted_when_the_widget_grows(canvas: ImageCanvas, noise: np.ndarray) -> None:
    canvas.set_image(noise)
    scale = canvas.camera.scale
    canvas.resize(800, 600)
    assert canvas.camera.scale > scale
    assert canvas.camera.scale == canvas.find_fit_scale()


def test_that_linked_viewers_look_at_the_same_place_until_unlinked(qtbot: object, noise: np.ndarray) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)  # type: ignore[attr-defined]
    one, two, other = ImageCanvas(), ImageCanvas(), ImageCanvas()
    row = QHBoxLayout(holder)
    for canvas in (one, two, other):
        row.addWidget(canvas)
    holder.resize(900, 300)
    holder.show()
    link = link_cameras((one, two, other))
    one.set_image(noise)
    two.set_image(noise)
    other.set_image(np.zeros((8, 8, 3), np.uint8))
    there = other.camera
    one.zoom_by(1.25)
    one.pan_by(13, 5)
    assert two.camera == one.camera
    assert other.camera == there, "an image of another size does not follow"
    link.set_linked(False)
    one.pan_by(40, 0)
    assert two.camera != one.camera
    link.set_linked(True)
    assert two.camera == one.camera


def test_that_an_empty_viewer_paints_and_obeys(canvas: ImageCanvas, any_theme: object) -> None:
    canvas.set_empty_text("Nothing here yet")
    canvas.zoom_by(2)
    canvas.fit()
    assert not paint(canvas).isNull()
    assert canvas.render_picture().isNull()
    assert canvas.image_size is None


def test_that_the_title_is_its_accessible_name(canvas: ImageCanvas) -> None:
    canvas.set_image(None, "Mask")
    assert canvas.accessibleName() == "Image viewer: Mask"


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0])
def test_that_scales_above_one_are_whole_device_pixels_at_any_ratio(ratio: float) -> None:
    scale = 0.3
    seen = []
    for _ in range(30):
        scale = step_scale(scale, 1.25, ratio)
        seen.append(scale * ratio)
    assert all(abs(device - round(device)) < 1e-9 for device in seen if device > 1)
    assert 1.0 in [round(device, 9) for device in seen], "1:1 is not jumped over"
    assert seen == sorted(seen)
    down = [scale]
    for _ in range(60):
        down.append(step_scale(down[-1], 0.8, ratio))
    assert 1.0 in [round(s * ratio, 9) for s in down]
    assert down == sorted(down, reverse=True)
    fitted = fit_scale((333.0, 400.0), (64, 64), ratio) * ratio
    assert fitted == int(fitted)
    assert snap_scale(3.2 / ratio, ratio) * ratio == pytest.approx(3)


def test_that_large_masks_are_composed_where_they_are_seen(canvas: ImageCanvas) -> None:
    labels = np.zeros((2600, 1500), np.uint8)
    labels[700:, 700:] = 1
    canvas.set_image(np.zeros((2600, 1500, 3), np.uint8))
    canvas.set_labels(labels, (RED, GREEN))
    canvas.set_opacity(1)
    canvas.actual_size()
    for x, y, color in ((650, 650, RED), (750, 750, GREEN)):
        canvas.set_camera(Camera(x, y, 1.0))
        middle = canvas._view().center()
        assert color_at(paint(canvas), middle.x(), middle.y()) == color
    canvas.fit()
    spot = place_of(canvas, 300, 300)
    assert color_at(paint(canvas), spot.x(), spot.y()) == RED


def test_that_stripes_are_diagonal_and_wider_on_large_images() -> None:
    small, large = mask_layers._find_stripes(8, 8), mask_layers._find_stripes(960, 960)
    assert small[0].tolist() == [False, False, True, True] * 2
    assert (small[1, :-1] == small[0, 1:]).all()
    assert large[0, :20].tolist() == [False] * 10 + [True] * 10
