"""The evaluation page with real widgets: small untrained networks are scored for real."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QListView, QSplitter, QWidget

from segbench.config import find_preset, override
from segbench.data.dataset import Dataset
from segbench.events import CheckpointOpened, DatasetOpened, RunsCompared, RunsListed
from segbench.formats.checkpoints import NETWORK, Header, read_checkpoint_info, save_checkpoint
from segbench.formats.runs import create_run
from segbench.gui.panels.evaluation.choose_dialog import ChooseDialog
from segbench.gui.panels.evaluation.histogram import BARS
from segbench.gui.panels.evaluation.presenter import EvaluationPresenter
from segbench.gui.panels.evaluation.state import MEAN
from segbench.gui.panels.evaluation.view import EvaluationView
from segbench.metrics.evaluation import MAIN
from segbench.records import ClassInfo, ClassTable, RunInfo, Sample

from .networks import build_dataset, save_network

STREET = ClassTable(
    (ClassInfo("sky", (0, 114, 178)), ClassInfo("road", (230, 159, 0)), ClassInfo("car", (0, 158, 115))), True, 0
)


def build_street() -> Dataset:
    """One class a pixel: sky above, road below, a car on it."""
    samples = []
    for index in range(4):
        masks = np.zeros((32, 32), np.uint8)
        masks[16:] = 1
        masks[18:24, 4 + 4 * index : 12 + 4 * index] = 2
        image = np.stack([masks * 80, 255 - masks * 60, masks * 20 + 30], axis=2).astype(np.uint8)
        samples.append(Sample(index, f"street {index}", "test", image, masks))
    return Dataset.from_samples(samples, STREET, "street")


def save_labels(folder: Path) -> Path:
    """An untrained network for the street."""
    import torch

    from segbench.networks import build_network

    torch.manual_seed(3)
    config = override(
        find_preset("recommended").config, ["network.depth=4", "loss.target=labels", "loss.name=cross_entropy"]
    )
    network: Any = build_network(config.network, 3)
    path = folder / "checkpoints" / "best.safetensors"
    header = Header(config=config, classes=STREET, step=1, epoch=1)
    save_checkpoint(path, header, {NETWORK + name: tensor for name, tensor in network.state_dict().items()})
    return path


class Bench:
    """The page in a window of 1366 x 768's share, a dataset, and two runs of it."""

    def __init__(self, running: Any, qtbot: Any, folder: Path, labels: bool = False) -> None:
        self.session, self.jobs, self.qtbot, self.events = running.session, running.jobs, qtbot, running.events
        self.dataset = build_street() if labels else build_dataset(2, 5)
        self.session.list_runs = lambda: None  # of a folder that has none
        config = find_preset("recommended").config
        runs = []
        for step, name in enumerate(("first", "second"), 1):
            run = create_run(folder / name, config, self.dataset.info, exact=True)
            save_labels(run.path) if labels else save_network(run.path, step=step)
            runs.append(RunInfo(str(run.path), name, "completed", "munet", "shapes", -step, step, step, best_iou=0.1))
        self.ask = EvaluationPresenter(self.session, self.jobs)
        self.view = EvaluationView(self.ask)
        self.ask.attach(self.view)
        self.session.subscribe(self.ask.handle)
        self.view.resize(1280, 690)
        self.view.show()
        self.session.dataset = self.dataset
        self.session.publish([DatasetOpened(self.dataset.info), RunsListed(tuple(runs))])
        self.session.checkpoint = read_checkpoint_info(Path(runs[0].path))
        self.session.publish([CheckpointOpened(self.session.checkpoint)])

    def close(self) -> None:
        """Not by qtbot: that deletes the view before the jobs' last events have come."""
        for job in self.jobs.jobs():
            job.cancel()
        self.rest()
        self.session._handlers.clear()
        self.view.hide()
        self.view.deleteLater()

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: not self.jobs.jobs(), timeout=60_000)
        self.qtbot.wait(60)  # the last events are drained

    def evaluate(self, compare: bool = False) -> None:
        if compare:
            other = next(c for c in self.ask.page.candidates if c.name == "second – best")
            self.ask.compare_with([other])
        self.ask.evaluate()
        self.rest()

    @property
    def look(self) -> Any:
        return self.ask.page.look


@pytest.fixture
def bench(running, qtbot, tmp_path):
    bench = Bench(running, qtbot, tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def streets(running, qtbot, tmp_path):
    """One class a pixel."""
    bench = Bench(running, qtbot, tmp_path, labels=True)
    yield bench
    bench.close()


@pytest.fixture
def ready(bench):
    bench.evaluate()
    return bench


@pytest.fixture
def pair(bench):
    bench.evaluate(compare=True)
    return bench


def find_clipped(root: QWidget) -> list[str]:
    """Widgets that reach beyond the page."""
    inside = root.rect().adjusted(-1, -1, 1, 1)
    found = []
    for widget in root.findChildren(QWidget):
        if widget.isVisibleTo(root) and widget.parentWidget() is not None and not widget.isWindow():
            place = widget.rect().translated(widget.mapTo(root, widget.rect().topLeft()))
            scrolled = any("Scroll" in type(p).__name__ or "View" in type(p).__name__ for p in _parents(widget, root))
            if not scrolled and not inside.contains(place):
                found.append(f"{type(widget).__name__} {widget.objectName()}")
    return found


def _parents(widget: QWidget, root: QWidget) -> list[QWidget]:
    found, at = [], widget.parentWidget()
    while at is not None and at is not root:
        found.append(at)
        at = at.parentWidget()
    return found


def test_that_one_button_leads_from_nothing_to_every_number(bench):
    assert bench.view.empty.isVisible()
    assert "first" in bench.view.empty.sentence.text()
    bench.view.empty.button.click()
    bench.rest()
    table = bench.view.scores.table.numbers
    assert bench.view.stack.isVisible()
    assert table.rowCount() == 5 + 1 + 1  # classes, mean, loss
    mean = bench.ask.page.present.measured["iou", MEAN]
    assert table.cell(0, 1).text == f"{mean.pooled:.3f}"
    assert table.cell(0, 1).beside == f"{mean.per_image:.3f}"


def test_that_each_number_shows_its_definition(ready):
    scores = ready.view.scores
    for column, metric in enumerate(MAIN, 1):
        scores.table.set_current(4, column)
        assert (ready.look.metric, ready.look.k) == (metric, 2)
        assert "disk" in scores.card.title.text()
        assert "pooled" in scores.card.value.text()
    scores.table.set_current(1, 1)
    assert scores.card.title.text() == "Loss"


def test_that_enter_on_a_number_opens_its_images_the_worst_first(ready, qtbot):
    scores, images = ready.view.scores, ready.view.images
    scores.table.set_current(4, 4)
    qtbot.keyClick(scores.table, Qt.Key.Key_Return)
    ready.rest()
    assert ready.look.topic == "images"
    assert images.score.currentData() == "recall"
    values = ready.ask.page.present.values["recall"][:, 2]
    worst = int(ready.ask.page.present.evaluation.indices[np.nanargmin(values)])
    assert ready.look.image == worst
    assert images.pane.image.image_size == (32, 32)


def test_that_n_walks_down_the_table_as_it_is_sorted_and_filtered(ready, qtbot):
    ready.ask.set_topic("images")
    images = ready.view.images
    seen = []
    for _ in range(5):
        seen.append(ready.look.image)
        images.step(1)
    assert len(set(seen)) == 5
    ious = {
        int(i): v
        for i, v in zip(
            ready.ask.page.present.evaluation.indices, ready.ask.page.present.values["iou"][:, -1], strict=True
        )
    }
    assert [ious[i] for i in seen] == sorted(ious.values())
    images.step(1)
    assert ready.look.image == seen[-1]  # it stops at the end
    name = ready.ask.page.present.evaluation.names[0]
    images.search.setText(name)
    assert images.model.rowCount() == 1
    assert images.count.text() == "1 of 5 images"
    ready.rest()


def test_that_pictures_show_one_class_or_all_and_outlines(ready):
    ready.ask.set_topic("images")
    ready.rest()
    pane = ready.view.images.pane
    whole = pane.differences[0].render_picture().copy()
    ready.ask.set_class(1)
    assert pane.predictions[0].picture.colors[0] is None
    assert pane.predictions[0].picture.colors[1] is not None
    assert pane.differences[0].render_picture() != whole
    ready.view.images.contour.click()
    assert pane.truth.picture.style == "contour"
    assert pane.truth.image_size == (32, 32)


def test_that_a_bar_of_the_histogram_opens_its_images(ready):
    histogram = ready.view.scores.histogram
    assert histogram.counts.sum() == 5
    bar = int(np.flatnonzero(histogram.counts)[0])
    histogram.opened.emit(bar)
    values = ready.ask.page.present.values["iou"][:, -1]
    inside = set(ready.ask.page.present.evaluation.indices[np.minimum((values * BARS).astype(int), BARS - 1) == bar])
    assert set(ready.look.scope.indices) == inside
    assert ready.view.images.scope.isVisible()
    ready.view.images.scope.click()
    assert ready.look.scope is None
    ready.rest()


def test_that_an_object_opens_its_image(ready, qtbot):
    ready.ask.set_topic("scale")
    scale = ready.view.scale
    objects = ready.ask.page.present.evaluation.objects
    assert scale.table.numbers.rowCount() == len(set(objects.classes.tolist())) + 1
    qtbot.wait(50)
    place = scale.plot.view.mapViewToScene(QPointF(float(np.log2(objects.areas[0])), float(objects.ious[0])))
    mark = scale.plot.find_mark(QPointF(scale.plot.mapFromScene(place)))
    assert mark is not None
    assert "pixels in" in scale.plot.describe(mark)
    scale.plot.clicked.emit(0)
    assert ready.look.image == ready.ask.page.present.evaluation.indices[objects.images[0]]
    ready.rest()


def test_that_thresholds_move_the_numbers_and_go_to_the_prediction_page(ready):
    ready.ask.set_topic("thresholds")
    tab = ready.view.thresholds
    curves = ready.ask.page.present.evaluation.curves
    tab.slider.changed.emit(0.3, float("inf"))
    assert tab.reading.windows[0] == (0.3, float("inf"))
    assert tab.table.numbers.cell(0, 2).text == f"{curves.count(0, 0.3).iou:.3f}"
    tab.low_line.setValue(0.7)
    assert tab.reading.windows[0][0] == pytest.approx(0.7)
    tab.best.click()
    assert tab.reading == ready.ask.page.present.best
    tab.use.click()
    assert any(getattr(event, "reading", None) == tab.reading for event in ready.events)
    tab.own.click()
    assert tab.reading == ready.ask.page.present.evaluation.reading
    assert not tab.lecture.isVisible()


def test_that_seen_and_hidden_stand_side_by_side(ready):
    ready.ask.set_topic("overlap")
    tab = ready.view.overlap
    assert tab.pages.currentIndex() == 0
    told = tab.bars.accessibleDescription()
    seen = ready.ask.page.present.measured["seen_recall", 0].pooled
    assert seen is None or f"seen {seen:.3f}" in told
    tab.bars._choose(1)
    assert "triangle" in tab.card.title.text()


def test_that_a_pair_is_compared_with_an_interval_in_words(pair):
    pair.ask.set_topic("compare")
    pair.rest()
    tab = pair.view.compare
    assert tab.table.numbers.rowCount() == 2
    assert tab.pages.currentWidget() is tab.pair
    assert "5 images are too few to tell" in tab.verdict.text()
    assert len(tab.intervals._bars) >= 2
    assert tab.scatter.find_mark(QPointF(-50, -50)) is None
    tab.scatter.clicked.emit(int(pair.ask.page.present.evaluation.indices[2]))
    assert pair.look.topic == "images"
    assert pair.look.image == pair.ask.page.present.evaluation.indices[2]
    pair.rest()


def test_that_compared_networks_look_at_one_image_side_by_side(pair):
    pair.ask.set_topic("images")
    pair.rest()
    images = pair.view.images
    heads = [images.model.headerData(c, Qt.Orientation.Horizontal) for c in range(images.model.columnCount())]
    assert heads[:4] == ["Image", "Loss", "IoU", "second"]
    shown = [c.objectName() for c in images.pane._all if c.isVisible()]
    assert shown == [f"evaluation_{n}" for n in ("image", "truth", "difference_0", "difference_1")]
    images.predicted.click()
    shown = [c.objectName() for c in images.pane._all if c.isVisible()]
    assert shown == [f"evaluation_{n}" for n in ("image", "truth", "prediction_0", "prediction_1")]
    images.pane.image.zoom_by(2.0)
    assert images.pane.predictions[1].camera == images.pane.image.camera


def test_that_the_table_of_networks_sorts_by_what_a_column_means(pair):
    pair.ask.set_topic("compare")
    pair.rest()
    table = pair.view.compare.table
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        table.sortByColumn(7, order)
        values = [table.numbers.cell(row, 7).value for row in range(2)]
        assert values == sorted(values, reverse=order == Qt.SortOrder.DescendingOrder)
    table.opened.emit(1, 0)
    assert pair.look.present == 1


def test_that_networks_are_chosen_by_ticks_and_those_of_the_runs_list_are_offered(bench):
    second = bench.ask.page.candidates[2]
    bench.session.publish([RunsCompared((second.path,))])
    bench.view.ask_for_networks()
    dialog = bench.view.findChild(ChooseDialog)
    assert dialog.take.isEnabled()
    dialog.take.click()
    assert dialog.count.text() == "1 chosen"
    dialog.accept_button.click()
    assert [one.path for one in bench.ask.page.chosen[1:]] == [second.path]
    assert bench.view.header.chips.isVisible()
    assert "(not evaluated)" in bench.view.header._chips.button(1).text()


def test_that_a_cell_of_the_confusion_matrix_opens_its_images(streets, qtbot):
    bench = streets
    bench.evaluate()
    grid, one = bench.view.scores.confusion, bench.ask.page.present
    assert grid.isVisible()
    assert one.evaluation.confused is not None
    there, said = (int(v) for v in one.evaluation.confused[0, 1:3])
    grid.setFocus()
    grid.cell = there, said
    qtbot.keyClick(grid, Qt.Key.Key_Return)
    assert set(bench.look.scope.indices) == set(
        one.evaluation.indices[one.evaluation.find_confused(there, said)].tolist()
    )
    bench.rest()
    assert bench.view.images.pane.predictions[0].picture.size == (32, 32)
    bench.ask.set_topic("overlap")
    assert bench.view.overlap.pages.currentWidget() is bench.view.overlap.never
    assert bench.view.scores.table.numbers.rowCount() == 3 + 2 + 2  # mean with and without background, accuracy, loss


def test_that_the_reference_s_reading_says_what_it_changes(ready):
    before = ready.ask.page.present.measured["iou", MEAN].pooled
    ready.view.header.statistics.click()
    ready.view.header.start.click()
    ready.rest()
    assert f"running ones, as it should be, {before:.3f}" in ready.view.header.facts.text()
    ready.ask.set_topic("images")
    ready.rest()
    assert ready.view.images.pane.image.image_size == (32, 32)


def test_that_even_pixels_are_a_quarter_of_all(ready):
    whole = ready.ask.page.present.evaluation
    ready.view.header.grid.click()
    ready.view.header.start.click()
    ready.rest()
    even = ready.ask.page.present.evaluation
    # Found or not, each image's pixels of a class sum up to what its mask holds
    assert np.isclose(even.counts[..., [0, 2]].sum() / whole.counts[..., [0, 2]].sum(), 0.25, atol=0.03)
    assert "on even rows and columns" in ready.view.header.facts.text()


def test_that_every_tab_keeps_inside_small_and_large_windows_in_both_themes(pair, any_theme):
    for width, height in ((880, 560), (1280, 690)):
        pair.view.resize(width, height)
        for topic in pair.view.tabs:
            pair.ask.set_topic(topic)
            pair.rest()
            assert pair.view.tabs[topic].isVisible()
            assert find_clipped(pair.view) == [], topic


def test_that_everything_that_takes_the_focus_has_a_name(pair):
    for topic in pair.view.tabs:
        pair.ask.set_topic(topic)
    pair.rest()
    nameless = [
        f"{type(w).__name__} {w.objectName()}"
        for w in pair.view.findChildren(QWidget)
        if w.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not w.isHidden()
        and not (w.accessibleName() or getattr(w, "text", lambda: "")())
        and not w.objectName().startswith("qt_")
        and not isinstance(w, QListView | QSplitter)  # of a combo box; a divider
        and type(w) is not QWidget  # the ground of a plot
    ]
    assert nameless == []


def test_that_turning_a_page_takes_no_longer_than_a_blink(pair):
    pair.ask.set_topic("images")
    pair.rest()
    for topic in pair.view.tabs:
        pair.ask.set_topic(topic)
    pair.rest()
    for topic in pair.view.tabs:
        began = time.perf_counter()
        pair.ask.set_topic(topic)
        assert time.perf_counter() - began < 0.2, topic
    pair.rest()
