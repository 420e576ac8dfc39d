"""What stands in the files of each format, read back by other means than those that wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from segbench.data.dataset import open_dataset
from segbench.errors import SegbenchError
from segbench.export import EXPORTERS, ExportOptions, default_format, export, preview
from segbench.export.coco import count_runs, pack_runs
from segbench.records import IGNORE, Reading


def _drain(generator):
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as end:
            return events, end.value


def _export(name, predictor, dataset, indices, out, **options):
    return _drain(export(name, predictor, dataset, indices, out, ExportOptions(**options)))


def test_that_overlapping_data_goes_to_planes_and_exclusive_data_to_a_palette(shapes, street):
    assert default_format(shapes.info.classes) == "planes"
    assert default_format(street.info.classes) == "palette"


def test_that_planes_keep_every_pixel_of_overlapping_masks(shapes, predictor, tmp_path):
    events, _ = _export("planes", predictor, shapes, range(6), tmp_path)
    assert [event.hidden_pixels for event in events] == [0] * 6
    for event, index in zip(events, range(6), strict=True):
        read = np.stack([np.asarray(Image.open(path)) for path in event.paths])
        assert np.array_equal(read == 255, shapes.read(index).masks)
        assert set(np.unique(read)) <= {0, 255}


def test_that_a_palette_file_is_an_index_image_with_the_class_colours(shapes, predictor, tmp_path):
    (event, *_), _ = _export("palette", predictor, shapes, [4], tmp_path)
    image = Image.open(event.paths[0])
    assert image.mode == "P"
    palette = image.getpalette()
    assert palette[:12] == [0, 0, 0, 0, 114, 178, 0, 158, 115, 240, 228, 66]
    planes, indices = shapes.read(4).masks, np.asarray(image)
    assert np.array_equal(indices == 0, ~planes.any(axis=0))
    assert np.array_equal(indices == 3, planes[2])  # the last class of the table lies on top
    assert event.hidden_pixels == planes.sum() - planes.any(axis=0).sum()


@pytest.mark.parametrize("order", ["table", "reverse", "smallest", "score"])
def test_that_each_order_of_flattening_puts_the_right_class_on_top(shapes, predictor, tmp_path, order):
    (event,), manifest = _export("palette", predictor, shapes, [1], tmp_path, flattening=order)
    planes = shapes.read(1).masks
    top = {"table": 2, "reverse": 0, "score": 1, "smallest": int(planes.sum(axis=(1, 2)).argmin())}[order]
    indices = np.asarray(Image.open(event.paths[0]))
    assert (indices[planes.all(axis=0)] == top + 1).all()
    assert json.loads(manifest.read_text("utf-8"))["flattening"]["order"] == order


def test_that_an_exclusive_palette_matches_the_datasets_own_masks(street, tmp_path):
    events, _ = _export("palette", None, street, range(3), tmp_path)
    for event, index in zip(events, range(3), strict=True):
        assert np.array_equal(np.asarray(Image.open(event.paths[0])), street.read(index).masks)
        assert event.hidden_pixels == 0
    assert (tmp_path / "straße 0.png").exists()
    assert (tmp_path / "classes.txt").read_text("utf-8").split() == ["void", "road", "sky"]


def test_that_a_pixel_no_class_was_read_at_is_255(street, make_predictor, tmp_path):
    scores = np.zeros((3, 10, 7))
    scores[1, :5], scores[2, 5:] = 0.9, 0.4
    predictor = make_predictor(street.info.classes, {0: scores}, rule="argmax")
    reading = Reading("argmax", ((0.5, 2.0),) * 3)
    (event,), _ = _export("palette", predictor, street, [0], tmp_path, reading=reading)
    indices = np.asarray(Image.open(event.paths[0]))
    assert (indices[:5] == 1).all()
    assert (indices[5:] == IGNORE).all()


def test_that_the_lectures_mask_has_its_values_and_the_highest_wins(shapes, predictor, tmp_path):
    (event,), _ = _export("lecture", predictor, shapes, [0], tmp_path)
    image = Image.open(event.paths[0])
    planes, picture = shapes.read(0).masks, np.asarray(image)
    assert image.mode == "L"
    for y, x in np.ndindex(picture.shape):
        expected = max((v for k, v in enumerate((50, 150, 250)) if planes[k, y, x]), default=0)
        assert picture[y, x] == expected
    assert event.hidden_pixels > 0


def test_that_an_archive_holds_scores_and_masks_without_pickles(shapes, predictor, tmp_path):
    (event,), _ = _export("npz", predictor, shapes, [2], tmp_path)
    with np.load(event.paths[0], allow_pickle=False) as archive:
        assert np.array_equal(archive["masks"], shapes.read(2).masks)
        assert np.array_equal(archive["scores"], predictor.scores[2].astype(np.float16))
        assert archive["scores"].dtype == np.float16
        assert list(archive["classes"]) == ["rectangle", "disk", "star"]
        assert str(archive["scale"]) == "probability"


def test_that_an_archive_of_truth_holds_labels_and_no_scores(street, tmp_path):
    (event,), _ = _export("npz", None, street, [1], tmp_path)
    with np.load(event.paths[0], allow_pickle=False) as archive:
        assert np.array_equal(archive["labels"], street.read(1).masks)
        assert "scores" not in archive


def test_that_a_purdue_file_opens_as_a_dataset_with_the_same_masks(shapes, predictor, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path / "home"))
    events, _ = _export("purdue", predictor, shapes, [5, 0], tmp_path / "out")
    assert len(events) == 2
    _, again = _drain(open_dataset(Path(events[0].paths[0])))
    for place, index in enumerate((5, 0)):
        there, here = again.read(place), shapes.read(index)
        assert np.array_equal(there.image, here.image)
        assert np.array_equal(there.masks, here.masks)
        for k in range(3):
            boxes = np.array([box for label, box in there.boxes if label == k])
            rows, columns = np.nonzero(here.masks[k])
            assert boxes[:, :2].min(axis=0).tolist() == [columns.min(), rows.min()]
            assert boxes[:, 2:].max(axis=0).tolist() == [columns.max(), rows.max()]


def test_that_coco_annotations_hold_each_component_with_its_box_area_and_runs(shapes, predictor, tmp_path):
    events, _ = _export("coco", predictor, shapes, [3], tmp_path)
    document = json.loads(Path(events[0].paths[0]).read_text("utf-8"))
    assert document["images"] == [{"id": 3, "file_name": "00000", "height": 12, "width": 16}]
    assert [c["name"] for c in document["categories"]] == ["rectangle", "disk", "star"]
    planes = shapes.read(3).masks
    together = np.zeros_like(planes)
    for annotation in document["annotations"]:
        plane = _decode(annotation["segmentation"])
        together[annotation["category_id"] - 1] |= plane
        rows, columns = np.nonzero(plane)
        assert annotation["area"] == plane.sum()
        assert annotation["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert 0.799 <= annotation["score"] <= 0.9001
    assert np.array_equal(together, planes)


def test_that_coco_tells_apart_samples_that_two_splits_name_alike(shapes, tmp_path):
    events, _ = _export("coco", None, shapes, [0, 1, 3], tmp_path)
    images = json.loads(Path(events[0].paths[0]).read_text("utf-8"))["images"]
    assert [image["file_name"] for image in images] == ["train/00000", "00001", "test/00000"]


def test_that_coco_names_the_picture_files(tmp_path):
    for split, name in (("train", "a.png"), ("train", "a.jpg"), ("val", "a.png")):
        for kind, picture in (("images", np.zeros((4, 6, 3), np.uint8)), ("masks", np.ones((4, 6), np.uint8))):
            (tmp_path / "data" / split / kind).mkdir(parents=True, exist_ok=True)
            file = name if kind == "images" else f"{Path(name).stem}.png"
            Image.fromarray(picture).save(tmp_path / "data" / split / kind / file)
    _, dataset = _drain(open_dataset(tmp_path / "data"))
    events, _ = _export("coco", None, dataset, range(3), tmp_path / "out")
    images = json.loads(Path(events[0].paths[0]).read_text("utf-8"))["images"]
    assert len(images) == 3
    for image in images:
        assert (tmp_path / "data" / image["file_name"]).is_file()
    assert len({image["file_name"] for image in images}) == 3


def test_that_coco_can_have_one_annotation_a_class(street, tmp_path):
    events, _ = _export("coco", None, street, [0, 1], tmp_path, instances="class")
    document = json.loads(Path(events[0].paths[0]).read_text("utf-8"))
    assert len(document["annotations"]) == 6
    assert "score" not in document["annotations"][0]
    assert len({annotation["id"] for annotation in document["annotations"]}) == 6


def unpack_runs(text: str) -> list[int]:
    """The runs of a compressed string, the way COCO's own library reads it."""
    runs: list[int] = []
    value = shift = 0
    for character in text.encode("ascii"):
        bits = character - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return runs


def _decode(segmentation) -> np.ndarray:
    """Runs back to a plane, column by column, pixel by pixel."""
    height, width = segmentation["size"]
    flat, value = [], False
    for run in unpack_runs(segmentation["counts"]):
        flat += [value] * run
        value = not value
    assert len(flat) == height * width
    return np.array(flat).reshape(width, height).T


def test_that_runs_go_down_the_columns_and_begin_with_zeros():
    assert count_runs(np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool), (3, 3)) == [1, 1, 1, 3, 1, 1, 1]
    assert count_runs(np.array([[1, 1], [1, 0]], bool), (2, 2)) == [0, 3, 1]
    assert count_runs(np.zeros((2, 3), bool), (2, 3)) == [6]
    assert count_runs(np.ones((1, 2), bool), (3, 4), left=1, top=2) == [5, 1, 2, 1, 3]


@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_that_runs_survive_packing(plane):
    runs = count_runs(plane, plane.shape)
    assert sum(runs) == plane.size
    assert unpack_runs(pack_runs(runs)) == runs
    assert np.array_equal(_decode({"size": plane.shape, "counts": pack_runs(runs)}), plane)


@given(st.lists(st.integers(0, 2**31), min_size=1, max_size=12))
def test_that_long_runs_survive_packing(runs):
    assert unpack_runs(pack_runs(runs)) == runs


def test_that_packed_runs_are_those_of_cocos_own_library():
    pytest.importorskip("pycocotools")
    from pycocotools import mask as library

    for seed in range(20):
        plane = np.random.default_rng(seed).random((37, 53)) < 0.3
        theirs = library.encode(np.asfortranarray(plane.astype(np.uint8)))["counts"].decode()
        assert theirs == pack_runs(count_runs(plane, plane.shape))


@pytest.mark.parametrize("name", list(EXPORTERS))
def test_that_a_preview_shows_every_file_and_writes_none(shapes, predictor, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    sample = shapes.read(1)
    (event,) = predictor.predict_samples(shapes, [1])
    pictures = preview(name, sample, event.prediction, shapes.info.classes)
    assert len(pictures) == (3 if name == "planes" else 1)
    for file_name, picture in pictures:
        assert file_name.endswith(EXPORTERS[name].ending)
        assert picture.dtype == np.uint8
        assert picture.shape[:2] == (12, 16)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", list(EXPORTERS))
def test_that_truth_can_be_written_in_every_format(street, tmp_path, name):
    if name == "purdue":
        with pytest.raises(SegbenchError):  # its images are of one size
            _export(name, None, street, range(3), tmp_path)
        street_of_one = [0]
        _export(name, None, street, street_of_one, tmp_path / "one")
        return
    events, manifest = _export(name, None, street, range(3), tmp_path)
    assert len(events) == 3
    document = msgspec.json.decode(manifest.read_bytes())
    assert document["checkpoint"] is None
    assert document["command"].startswith("segbench export ")
