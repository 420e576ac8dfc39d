"""The dataset panel with real widgets, a real session and real jobs, on small datasets in memory and on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPalette, QTextDocumentFragment, QUndoStack
from PySide6.QtGui import Qt as QtText
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QWidget

from segbench.data.dataset import Dataset
from segbench.data.shapes import write_shapes
from segbench.events import JobDone, JobFailed, PageRequested
from segbench.gui import theme
from segbench.gui.panels.dataset.filters import Filter
from segbench.gui.panels.dataset.presenter import DatasetPresenter
from segbench.gui.panels.dataset.statistics import BARS
from segbench.gui.panels.dataset.view import DatasetView
from segbench.gui.widgets.class_marks import ElidedLabel
from segbench.records import IGNORE, ClassInfo, ClassTable, Sample

Wait = Callable[..., None]
TABLE = ClassTable(
    (ClassInfo("road", (128, 64, 128)), ClassInfo("sky", (70, 130, 180)), ClassInfo("car", (0, 0, 142))), exclusive=True
)


class Panel(NamedTuple):
    view: DatasetView
    presenter: DatasetPresenter
    session: object
    events: list[object]

    def open(self, dataset: Dataset) -> None:
        self.session.publish([JobDone(0, "open dataset", dataset)])  # type: ignore[attr-defined]

    @property
    def shown(self) -> str:
        """The caption above the first picture."""
        return self.view.figure.image_canvas.title


@pytest.fixture
def panel(running: object, qtbot: object) -> Iterator[Panel]:
    session, jobs, events = running  # type: ignore[misc]
    presenter = DatasetPresenter(session, jobs)
    view = DatasetView(presenter)
    presenter.attach(view)
    listening = [True]
    session.subscribe(lambda batch: presenter.handle(batch) if listening else None)
    view.resize(1290, 640)
    with qtbot.waitActive(view):  # type: ignore[attr-defined]
        view.show()
        view.activateWindow()
    yield Panel(view, presenter, session, events)
    # The jobs' last events come after the view is gone (the window's end is app.py's business)
    listening.clear()
    view.hide()
    view.deleteLater()


@pytest.fixture(scope="session")
def shapes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shapes")
    for _ in write_shapes(out, 40, 8, 0, 64):
        pass
    return out


@pytest.fixture
def shapes(panel: Panel, shapes_folder: Path, wait_for: Wait) -> Panel:
    """Forty training and eight test images, opened, the first one shown, all scanned."""
    panel.session.open_dataset(shapes_folder)  # type: ignore[attr-defined]
    wait_for(lambda: panel.shown == "Image: 00000", timeout=20_000)
    wait_for(lambda: panel.view.statistics.table.rowCount() == 5)
    return panel


def make_streets(sizes: tuple[tuple[int, int], ...] = ((30, 40), (20, 50), (64, 64))) -> Dataset:
    """Label maps of three classes, images of several sizes, one strip that is not labelled."""
    samples = []
    for index, (height, width) in enumerate(sizes):
        labels = np.zeros((height, width), np.uint8)
        labels[: height // 2] = 1
        labels[:, -4:] = IGNORE
        image = np.full((height, width, 3), 40 * index, np.uint8)
        samples.append(Sample(0, f"street {index}", "train", image, labels))
    return Dataset.from_samples(samples, TABLE, "streets")


def press(
    qtbot: object, widget: object, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    qtbot.keyClick(widget, key, modifier)  # type: ignore[attr-defined]


def test_that_an_open_dataset_shows_gallery_pictures_and_counts(shapes: Panel, wait_for: Wait) -> None:
    view = shapes.view
    wait_for(lambda: len(view.gallery.cache) >= 12)
    assert view.filter_bar.note.text() == "48 samples"
    assert [c.isVisible() for c in view.figure.canvases] == [True, True, True]
    assert view.figure.mask_canvas.picture.size == (64, 64)
    assert view.figure.over_canvas.picture.boxes
    assert "train" in view.figure.readout.text()
    assert not any(isinstance(event, JobFailed) for event in shapes.events)


def test_that_letters_and_arrows_walk_through_the_samples(shapes: Panel, qtbot: object, wait_for: Wait) -> None:
    gallery = shapes.view.gallery
    gallery.setFocus()
    press(qtbot, gallery, Qt.Key.Key_D)
    press(qtbot, gallery, Qt.Key.Key_D)
    press(qtbot, gallery, Qt.Key.Key_A)
    wait_for(lambda: shapes.shown == "Image: 00001")
    press(qtbot, shapes.view.figure.image_canvas, Qt.Key.Key_Right)
    wait_for(lambda: shapes.shown == "Image: 00002")
    press(qtbot, gallery, Qt.Key.Key_End)
    wait_for(lambda: shapes.session.sample == 47)  # type: ignore[attr-defined]
    assert gallery.current() == 47
    press(qtbot, gallery, Qt.Key.Key_Home)
    wait_for(lambda: shapes.shown == "Image: 00000")


def test_that_letters_typed_into_the_search_are_text(shapes: Panel, qtbot: object, wait_for: Wait) -> None:
    search = shapes.view.filter_bar.search
    search.setFocus()
    for key in (Qt.Key.Key_D, Qt.Key.Key_P, Qt.Key.Key_1):
        press(qtbot, search, key)
    assert search.text() == "dp1"
    assert shapes.session.sample == 0  # type: ignore[attr-defined]
    assert shapes.session.pins.indices == ()  # type: ignore[attr-defined]
    wait_for(lambda: len(shapes.presenter.indices) == 0)
    search.clear()
    qtbot.keyClicks(search, "0004")  # type: ignore[attr-defined]
    wait_for(lambda: shapes.view.filter_bar.note.text() == "2 of 48 samples")  # train and test have a 00004 each
    model = shapes.view.gallery.model()
    assert [model.index(row, 0).data() for row in range(2)] == ["00004 (train)", "00004 (test)"]


def test_that_g_and_a_number_go_to_a_sample(shapes: Panel, qtbot: object, wait_for: Wait) -> None:
    view = shapes.view
    press(qtbot, view.gallery, Qt.Key.Key_G)
    assert QApplication.focusWidget() is view.toolbar.number
    qtbot.keyClicks(view.toolbar.number, "31")  # type: ignore[attr-defined]
    press(qtbot, view.toolbar.number, Qt.Key.Key_Return)
    wait_for(lambda: shapes.shown == "Image: 00030")  # people count from 1
    assert view.toolbar.number.value() == 31
    assert view.toolbar.place.text() == " of 48, train 31"
    assert QApplication.focusWidget() is view.figure.image_canvas


def test_that_chips_split_and_objects_filter_together(shapes: Panel, qtbot: object, wait_for: Wait) -> None:
    bar, view = shapes.view.filter_bar, shapes.view
    chip = bar.chips.findChild(type(bar.chips._chips[0]), "chip_2")
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)  # type: ignore[attr-defined]
    assert shapes.presenter.wanted.classes == {2}
    lookups = view._lookups
    assert lookups is not None
    listed = list(shapes.presenter.indices)
    assert listed == [i for i in range(48) if 2 in lookups.classes_of(i)]
    bar.split.setCurrentIndex(2)
    bar.most.setValue(3)
    assert list(shapes.presenter.indices) == [
        i for i in listed if i >= 40 and len(shapes.session.dataset.read(i).boxes) <= 3
    ]  # type: ignore[attr-defined]
    qtbot.mouseClick(bar.reset, Qt.MouseButton.LeftButton)  # type: ignore[attr-defined]
    assert bar.note.text() == "48 samples"
    assert not chip.isChecked()


def test_that_a_row_of_the_statistics_leads_to_its_samples(shapes: Panel) -> None:
    view = shapes.view
    view.tabs.setCurrentWidget(view.statistics)
    table = view.statistics.table
    assert [table.item(row, 0).text() for row in range(5)] == ["rectangle", "triangle", "disk", "oval", "star"]
    images = int(table.item(4, 1).text())
    table.activated.emit(table.model().index(4, 0))
    assert len(shapes.presenter.indices) == images
    assert shapes.presenter.wanted == Filter(classes=frozenset({4}))


def test_that_the_pixel_under_the_cursor_is_read(shapes: Panel, qtbot: object) -> None:
    figure, sample = shapes.view.figure, shapes.session.dataset.read(0)  # type: ignore[attr-defined]
    k = sample.boxes[0][0]
    ys, xs = np.nonzero(sample.masks[k])
    x, y = int(xs[0]), int(ys[0])
    canvas = figure.image_canvas
    middle, camera = canvas._view().center(), canvas.camera
    spot = QPoint(
        round(middle.x() + (x + 0.5 - camera.x) * camera.scale), round(middle.y() + (y + 0.5 - camera.y) * camera.scale)
    )
    qtbot.mouseMove(canvas, spot)  # type: ignore[attr-defined]
    text = figure.readout.text()
    red, green, blue = sample.image[y, x]
    assert f"x {x}, y {y}" in text
    assert f"RGB {red}, {green}, {blue}" in text
    assert shapes.session.dataset.info.classes.names[k] in text  # type: ignore[attr-defined]
    assert figure.mask_canvas._marker == (x, y), "the linked viewers frame the same pixel"


def test_that_eyes_overlay_style_and_modes_reach_the_pictures(shapes: Panel, qtbot: object) -> None:
    view, figure = shapes.view, shapes.view.figure
    press(qtbot, view.gallery, Qt.Key.Key_2)
    assert figure.mask_canvas.picture.hidden == {1}
    press(qtbot, view.gallery, Qt.Key.Key_V)
    assert figure.over_canvas.picture.layers
    press(qtbot, view.gallery, Qt.Key.Key_C)
    assert figure.over_canvas.picture.style == "contour"
    press(qtbot, view.gallery, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    assert [c.isVisible() for c in figure.canvases] == [False, False, True]
    press(qtbot, view.gallery, Qt.Key.Key_B)
    assert figure.over_canvas.picture.boxes == ()
    press(qtbot, view.gallery, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert figure.mask_canvas.isVisible()


def test_that_opacity_can_be_set_only_where_masks_lie_over_the_image(shapes: Panel, qtbot: object) -> None:
    view = shapes.view
    slider = view.classes.findChild(object, "opacity")
    assert not slider.isEnabled()
    assert "Overlaid" in slider.toolTip()
    press(qtbot, view.gallery, Qt.Key.Key_V)
    assert slider.isEnabled()
    press(qtbot, view.gallery, Qt.Key.Key_V)
    assert not slider.isEnabled()
    press(qtbot, view.gallery, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    assert slider.isEnabled()
    press(qtbot, view.gallery, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert not slider.isEnabled()


def test_that_a_contour_is_drawn_in_the_mask_beside_the_image_too(shapes: Panel, qtbot: object) -> None:
    press(qtbot, shapes.view.gallery, Qt.Key.Key_C)
    assert shapes.view.figure.mask_canvas.picture.style == "contour"


def test_that_grey_values_are_the_lectures(shapes: Panel) -> None:
    shapes.view.grey_action.toggle()
    picture = shapes.view.figure.mask_canvas.render_picture()
    found = {picture.pixelColor(x, y).getRgb()[:3] for x in range(64) for y in range(64)}
    assert found <= {(v, v, v) for v in (0, 50, 100, 150, 200, 250)}
    assert len(found) >= 2


def test_that_pinning_marks_the_sample_and_tells_the_session(shapes: Panel, qtbot: object, wait_for: Wait) -> None:
    view = shapes.view
    press(qtbot, view.gallery, Qt.Key.Key_D)
    press(qtbot, view.gallery, Qt.Key.Key_P)
    assert shapes.session.pins.indices == (1,)  # type: ignore[attr-defined]
    assert view.gallery.pinned == {1}
    assert view.pin_action.isChecked()
    press(qtbot, view.gallery, Qt.Key.Key_D)
    assert not view.pin_action.isChecked()
    view.filter_bar.pinned.click()
    assert list(shapes.presenter.indices) == [1]


def test_that_predict_asks_for_its_page_and_copy_fills_the_clipboard(shapes: Panel) -> None:
    by_name = {action.objectName(): action for action in shapes.view.actions_list()}
    by_name["dataset_predict"].trigger()
    assert PageRequested("prediction") in shapes.events
    by_name["dataset_copy"].trigger()
    assert QGuiApplication.clipboard().image().size().width() == 64


def test_that_exclusive_labels_and_varying_sizes_are_shown(panel: Panel, qtbot: object, wait_for: Wait) -> None:
    panel.open(make_streets())
    wait_for(lambda: panel.shown == "Image: street 0")
    assert panel.view.figure.over_canvas.title == "Overlay"
    figure = panel.view.figure
    figure._read_pixel(38, 2)
    assert "not labelled" in figure.readout.text()
    figure._read_pixel(3, 2)
    assert "sky" in figure.readout.text()
    for name, size in (("street 1", (20, 50)), ("street 2", (64, 64))):
        press(qtbot, panel.view.gallery, Qt.Key.Key_D)
        wait_for(lambda name=name: panel.shown == f"Image: {name}")
        assert {c.image_size for c in figure.canvases} == {size}
        assert all(c.fitted for c in figure.canvases)


def test_that_names_from_files_are_shown_as_they_are(panel: Panel, wait_for: Wait) -> None:
    odd = "a<b>c & d</b>"
    table = ClassTable((ClassInfo(odd, (128, 64, 128)),), exclusive=True)
    sample = Sample(0, odd, "train", np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8))
    panel.open(Dataset.from_samples([sample], table, odd))
    wait_for(lambda: panel.shown == f"Image: {odd}")
    view = panel.view
    view.figure.image_canvas.hovered.emit(3, 3)
    said = [widget.toolTip() for widget in view.findChildren(QWidget)]
    said.append(view.gallery.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole))
    for label in view.findChildren(QLabel):
        if label.textFormat() != Qt.TextFormat.PlainText and not isinstance(label, ElidedLabel):
            said.append(label.text())
    shown = [QTextDocumentFragment.fromHtml(text).toPlainText() for text in said if QtText.mightBeRichText(text)]
    assert len(shown) >= 6
    assert [text for text in shown if odd not in text] == []


def test_that_a_number_beyond_the_last_sample_leads_to_the_last(shapes: Panel, qtbot: object, wait_for: Wait) -> None:
    shapes.view.gallery.setFocus()
    press(qtbot, shapes.view.gallery, Qt.Key.Key_G)
    qtbot.keyClicks(shapes.view.toolbar.number, "99999999999")  # type: ignore[attr-defined]
    press(qtbot, shapes.view.toolbar.number, Qt.Key.Key_Return)
    wait_for(lambda: shapes.shown == "Image: 00007")
    assert shapes.session.sample == 47  # type: ignore[attr-defined]
    assert shapes.view.toolbar.number.value() == 48


def test_that_the_place_tells_of_all_samples_with_a_filter_too(shapes: Panel) -> None:
    place = shapes.view.toolbar.place
    assert place.text() == " of 48, train 1"
    shapes.presenter.set_filter(Filter(split="train"))
    assert place.text() == " of 48, train 1 (1 of 40 listed)"
    shapes.presenter.set_filter(Filter(split="test"))
    assert place.text() == " of 48, train 1, not listed"


def test_that_a_filter_that_nothing_can_pass_says_so(shapes: Panel) -> None:
    shapes.view.filter_bar.fewest.setValue(4)
    shapes.view.filter_bar.most.setValue(2)
    assert shapes.view.filter_bar.note.text() == "0 of 48 samples, no number is at least 4 and at most 2"


def test_that_images_alone_show_no_masks_and_no_classes(panel: Panel, tmp_path: Path, wait_for: Wait) -> None:
    for index in range(3):
        Image.fromarray(np.full((20, 30, 3), 60 * index, np.uint8)).save(tmp_path / f"photo {index} ü.png")
    panel.session.open_dataset(tmp_path)  # type: ignore[attr-defined]
    wait_for(lambda: panel.shown == "Image: photo 0 ü")
    assert [c.isVisible() for c in panel.view.figure.canvases] == [True, False, False]
    assert not panel.view.tabs.isVisible()
    assert not panel.view.filter_bar.chips.isVisible()
    assert panel.view.statistics.sentence.text().startswith("This dataset has no masks")


def test_that_a_broken_file_is_told_of_in_the_viewer_and_stepped_over(
    panel: Panel, tmp_path: Path, wait_for: Wait
) -> None:
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "c.png")
    panel.session.open_dataset(tmp_path)  # type: ignore[attr-defined]
    wait_for(lambda: panel.shown == "Image: a")
    panel.presenter.step(1)
    wait_for(lambda: panel.view.figure.image_canvas.image_size is None)
    assert "b.png" in panel.view.figure.image_canvas._empty
    panel.presenter.step(1)
    wait_for(lambda: panel.shown == "Image: c")
    assert not any(isinstance(event, JobFailed) for event in panel.events)


def test_that_closing_a_dataset_leaves_an_empty_state_and_dead_actions(shapes: Panel) -> None:
    shapes.session.close_dataset()  # type: ignore[attr-defined]
    assert shapes.view.empty.isVisible()
    assert not any(action.isEnabled() for action in shapes.view.actions_list())


def test_that_the_layout_comes_back(shapes: Panel, qtbot: object) -> None:
    view = shapes.view
    view.body.setSizes([500, 700])
    view.thumbnail_size.setValue(160)
    kept = view.save_layout()
    other = DatasetView(shapes.presenter)
    qtbot.addWidget(other)  # type: ignore[attr-defined]
    other.resize(view.size())
    other.restore_layout(kept)
    assert other.gallery.side == 160
    other.restore_layout({"dataset_body": "not base64 !", "thumbnail_size": "wide"})


def test_that_it_fits_a_small_window_in_both_themes(shapes: Panel, any_theme: object) -> None:
    assert shapes.view.minimumSizeHint().width() <= 960 - 72
    assert shapes.view.minimumSizeHint().height() <= 560
    assert not shapes.view.grab().isNull()


def test_that_the_toolbar_goes_along_when_the_theme_changes(shapes: Panel, qapp: QApplication, wait_for: Wait) -> None:
    bar = shapes.view.toolbar
    parts = [bar.number, *(bar.widgetForAction(action) for action in bar.actions() if action.text())]
    try:
        for mode in ("dark", "light"):
            theme.apply(qapp, mode)  # type: ignore[arg-type]
            raised = theme.current_theme().raised
            wait_for(lambda raised=raised: all(p.palette().color(QPalette.ColorRole.Button) == raised for p in parts))
    finally:
        theme.apply(qapp, "light")


def test_that_shift_shows_bare_pictures_but_a_shortcut_with_shift_does_not(shapes: Panel, qtbot: object) -> None:
    view, canvas = shapes.view, shapes.view.figure.mask_canvas
    shift, control = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
    press = QKeyEvent.Type.KeyPress
    QApplication.sendEvent(view, QKeyEvent(press, Qt.Key.Key_Shift, shift | control))
    assert not canvas._raw
    QApplication.sendEvent(view, QKeyEvent(press, Qt.Key.Key_Shift, shift))
    assert canvas._raw
    dialog = QDialog(view)
    with qtbot.waitActive(dialog):  # type: ignore[attr-defined]
        dialog.open()
    assert not canvas._raw  # the dialog hears of the release, nobody else
    dialog.close()


def test_that_clearing_the_filter_takes_the_searchs_cross_away(shapes: Panel, qtbot: object, wait_for: Wait) -> None:
    search = shapes.view.filter_bar.search
    search.setText("0001")
    wait_for(lambda: shapes.view.filter_bar.reset.isEnabled())
    heard: list[str] = []
    search.textChanged.connect(heard.append)  # as its own cross does
    shapes.view.filter_bar.reset.click()
    assert heard == [""]


def test_that_the_tabulator_goes_from_the_filter_to_the_list_to_the_pictures_to_the_classes(
    shapes: Panel, qtbot: object
) -> None:
    for _ in range(2):  # another dataset has other chips
        shapes.view.show_dataset(shapes.view._info, shapes.view._lookups)  # type: ignore[arg-type]
    qtbot.wait(50)  # type: ignore[attr-defined]
    widget, order = shapes.view.nextInFocusChain(), []
    while widget is not shapes.view:
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            order.append(widget.objectName())
        widget = widget.nextInFocusChain()
    marks = ["search", "sort", "chip_0", "chip_4", "pinned_only", "gallery", "sample_number", "canvas_image", "eye_0"]
    assert sorted(marks, key=order.index) == marks


def test_that_every_part_has_a_name_for_screen_readers(shapes: Panel) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QComboBox, QLineEdit, QScrollBar, QSpinBox

    nameless = []
    for kind in (QAbstractButton, QAbstractSlider, QComboBox, QLineEdit, QSpinBox):
        for widget in shapes.view.findChildren(kind):
            inside = widget.objectName().startswith("qt_") or isinstance(widget, QScrollBar)
            if inside or not widget.isVisible():
                continue
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            if not (widget.accessibleName() or text):
                nameless.append(f"{type(widget).__name__} {widget.objectName()}")
    assert not nameless


def test_that_a_colour_goes_everywhere_on_the_page_and_can_be_undone(shapes: Panel) -> None:
    view, undo = shapes.view, QUndoStack()
    view.set_undo_stack(undo)
    name = shapes.session.dataset.info.classes.names[1]  # type: ignore[attr-defined]
    own = view.figure._colors[1]

    def find_colors() -> set[tuple[int, int, int]]:
        rows = view.statistics.table
        row = next(r for r in range(rows.rowCount()) if rows.item(r, 0).text() == name)
        return {
            view.figure._colors[1],
            view.classes._rows[1].swatch.color.toTuple()[:3],
            view.gallery.brush_of(1).toTuple()[:3],
            view.filter_bar.chips._chips[1]._color.toTuple()[:3],
            rows.item(row, rows.columnCount() - 1).data(BARS)[1],
            rows.item(row, 0).icon().pixmap(12, 12).toImage().pixelColor(6, 6).toTuple()[:3],
        }

    view.classes.color_changed.emit(1, (1, 2, 3))
    assert undo.undoText() == f"Colour of {name}"
    assert find_colors() == {(1, 2, 3)}
    undo.undo()
    assert find_colors() == {own}
    undo.redo()
    assert find_colors() == {(1, 2, 3)}
