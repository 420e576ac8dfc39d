"""What a scan counts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segbench.data.dataset import Dataset, open_dataset, open_images
from segbench.data.shapes import write_shapes
from segbench.data.stats import scan
from segbench.events import Progressed, SamplesScanned
from segbench.records import IGNORE, ClassInfo, ClassTable, Sample

PLANES = ClassTable((ClassInfo("a", (255, 0, 0)), ClassInfo("b", (0, 0, 255))), exclusive=False)
LABELS = ClassTable((ClassInfo("none", (0, 0, 0)), ClassInfo("x", (1, 1, 1)), ClassInfo("y", (2, 2, 2))), True, 0)


def run(dataset, indices=None):
    """(what was yielded, what was returned)"""
    events, generator = [], scan(dataset, indices)
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return events, stop.value


def planes(*sets: list[tuple[slice, slice]], size=(6, 7)) -> np.ndarray:
    masks = np.zeros((2, *size), bool)
    for k, areas in enumerate(sets):
        for area in areas:
            masks[k][area] = True
    return masks


def dataset_of(classes, *masks, boxes=()):
    samples = [
        Sample(0, str(k), "train", np.zeros((6, 7, 3), np.uint8), mask, boxes[k] if boxes else ())
        for k, mask in enumerate(masks)
    ]
    return Dataset.from_samples(samples, classes, "test")


def test_that_pixels_objects_and_overlaps_of_planes_are_counted():
    first = planes([np.s_[0:2, 0:3], np.s_[4:6, 5:7]], [np.s_[1:3, 1:4]])
    _, stats = run(dataset_of(PLANES, first, planes([], [np.s_[0:1, 0:1]])))
    assert stats.pixels.tolist() == [[10, 6], [0, 1]]
    assert stats.objects.tolist() == [[2, 1], [0, 1]]
    assert stats.hidden.tolist() == [[2, 2], [0, 0]]
    a, b = stats.classes
    assert (a.images, a.objects, a.pixels, a.overlap) == (1, 2, 10, 0.2)
    assert (a.smallest, a.median, a.largest) == (4, 5, 6)
    assert (b.images, b.objects, b.smallest, b.median, b.largest) == (2, 2, 1, 4, 6)
    assert a.share == pytest.approx(10 / 84)
    assert stats.size_range == ((6, 7), (6, 7))
    assert (stats.images, stats.labelled, stats.broken) == (2, 2, ())


def test_that_pixels_which_meet_at_a_corner_are_one_object():
    _, stats = run(dataset_of(PLANES, planes([np.s_[0:1, 0:1], np.s_[1:2, 1:2], np.s_[3:4, 3:4]], [])))
    assert stats.objects.tolist() == [[2, 0]]


def test_that_boxes_count_as_objects_where_there_are_boxes():
    boxes = ((0, (0, 0, 1, 2)), (0, (1, 1, 1, 1)))
    _, stats = run(dataset_of(PLANES, planes([np.s_[0:3, 0:2]], []), boxes=[boxes]))
    assert stats.objects.tolist() == [[2, 0]]
    assert (stats.classes[0].smallest, stats.classes[0].largest) == (1, 6)


def test_that_labels_are_counted_without_the_ignored_and_background_is_no_object():
    labels = np.zeros((6, 7), np.uint8)
    labels[0, :3] = 1
    labels[2, 0], labels[2, 2], labels[3, 1] = 2, 2, 2
    labels[5] = IGNORE
    _, stats = run(dataset_of(LABELS, labels))
    assert stats.pixels.tolist() == [[29, 3, 3]]
    assert stats.objects.tolist() == [[0, 1, 1]]
    assert stats.known.tolist() == [35]
    assert not stats.hidden.any()
    assert stats.classes[1].share == pytest.approx(3 / 35)


def test_that_areas_fall_between_powers_of_two():
    _, stats = run(dataset_of(PLANES, planes([np.s_[0:1, 0:1], np.s_[3:6, 0:5]], [np.s_[0:2, 0:2]])))
    assert stats.area_edges.tolist() == [1, 2, 4, 8, 16]
    assert stats.classes[0].areas.tolist() == [1, 0, 0, 1]
    assert stats.classes[1].areas.tolist() == [0, 0, 1, 0]


def test_that_events_cover_consecutive_samples_and_say_how_far_the_scan_is():
    dataset = dataset_of(PLANES, *[planes([np.s_[0:1, 0 : k + 1]], []) for k in range(5)])
    events, stats = run(dataset, [4, 1, 0])
    scanned = [event for event in events if isinstance(event, SamplesScanned)]
    assert [(event.first, event.pixels[:, 0].tolist()) for event in scanned] == [(0, [1, 2]), (4, [5])]
    assert [event for event in events if isinstance(event, Progressed)][-1] == Progressed("scanning", 3, 3)
    assert stats.indices.tolist() == [0, 1, 4]
    assert stats.pixels[:, 0].tolist() == [1, 2, 5]


def test_that_a_broken_file_does_not_end_the_scan(tmp_path):
    for stem in ("a", "b"):
        for folder in ("images", "masks"):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(np.ones((4, 4), np.uint8)).save(tmp_path / folder / f"{stem}.png")
    (tmp_path / "classes.txt").write_text("x\ny\nz\n")
    (tmp_path / "masks" / "a.png").write_bytes(b"nonsense")
    generator = open_dataset(tmp_path)
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            dataset = stop.value
            break
    _, stats = run(dataset)
    assert stats.pixels.tolist() == [[0, 0, 0], [0, 16, 0]]
    assert [index for index, _ in stats.broken] == [0]
    assert "a.png" in stats.broken[0][1]
    assert stats.labelled == 1


def test_that_pictures_without_masks_give_their_sizes(tmp_path):
    for name, size in (("a.png", (4, 5)), ("b.png", (9, 2))):
        Image.fromarray(np.zeros(size, np.uint8)).save(tmp_path / name)
    _, stats = run(open_images([tmp_path / "a.png", tmp_path / "b.png"]))
    assert stats.sizes.tolist() == [[4, 5], [9, 2]]
    assert stats.size_range == ((9, 2), (4, 5))
    assert (stats.classes, stats.labelled, stats.objects.shape) == ((), 0, (2, 0))


def test_that_nothing_scanned_is_an_empty_result():
    events, stats = run(dataset_of(PLANES, planes([], [])), [])
    assert (events, stats.images, stats.size_range) == ([], 0, None)
    assert [c.objects for c in stats.classes] == [0, 0]


def test_that_a_scan_of_shapes_agrees_with_the_file(tmp_path):
    for _ in write_shapes(tmp_path / "s", 40, 0, 1):
        pass
    generator = open_dataset(tmp_path / "s")
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            dataset = stop.value
            break
    _, stats = run(dataset)
    for index in range(40):
        masks = dataset.read(index).masks
        np.testing.assert_array_equal(stats.objects[index], dataset.objects(index))
        np.testing.assert_array_equal(stats.pixels[index], masks.sum(axis=(1, 2)))
        np.testing.assert_array_equal(stats.hidden[index], (masks & (masks.sum(axis=0) > 1)).sum(axis=(1, 2)))
