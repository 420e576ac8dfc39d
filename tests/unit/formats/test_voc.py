"""Pascal VOC's layout, splits, classes and ignored border."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segbench.data.dataset import open_dataset
from segbench.errors import SegbenchError
from segbench.formats.classes import load_palette
from segbench.records import IGNORE


def finish(events):
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def voc(tmp_path):
    """VOCdevkit/VOC2012 with three labelled images and one of the test set, which has no mask."""
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    flat = [part for color in load_palette("voc").colors for part in color]
    for stem in ("2007_1", "2007_2", "2007_3", "2008_1", "2009_only_boxes"):
        Image.new("RGB", (9, 7), (40, 80, 120)).save(root / "JPEGImages" / f"{stem}.jpg")
    for stem in ("2007_1", "2007_2", "2007_3"):
        mask = np.zeros((7, 9), np.uint8)
        mask[0, :2] = 20, 255
        picture = Image.fromarray(mask, mode="P")
        picture.putpalette(flat)
        picture.save(root / "SegmentationClass" / f"{stem}.png")
    lists = {"train": "2007_2\n2007_1\n", "val": "2007_3\n", "trainval": "2007_1\n2007_2\n2007_3\n", "test": "2008_1\n"}
    for split, text in lists.items():
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(text)
    return root


@pytest.mark.parametrize("up", [0, 1, 2])
def test_that_voc_is_found_from_its_year_its_kit_and_the_folder_above(voc, up):
    dataset = finish(open_dataset([voc, *voc.parents][up]))
    assert dataset.info.format == "voc"
    assert dataset.info.splits == {"train": 2, "val": 1, "test": 1}
    table = dataset.info.classes
    assert (len(table), table.names[0], table.names[20], table.background) == (21, "background", "tvmonitor", 0)
    assert table.colors[15] == (192, 128, 128)
    assert table.exclusive
    sample = dataset.read(0)
    assert sample.name == "2007_2"
    assert sample.masks[0, :3].tolist() == [20, IGNORE, 0]
    assert dataset.read(3).masks is None


def test_that_trainval_counts_where_train_is_missing(voc):
    (voc / "ImageSets" / "Segmentation" / "train.txt").unlink()
    assert finish(open_dataset(voc)).info.splits == {"val": 1, "test": 1, "trainval": 3}


def test_that_a_list_without_any_image_is_left_out(voc):
    (voc / "JPEGImages" / "2008_1.jpg").unlink()
    assert finish(open_dataset(voc)).info.splits == {"train": 2, "val": 1}


def test_that_without_lists_every_image_with_a_mask_counts(voc):
    for file in (voc / "ImageSets" / "Segmentation").glob("*.txt"):
        file.unlink()
    assert finish(open_dataset(voc)).info.splits == {"all": 3}


def test_that_lists_without_images_are_told(voc):
    for file in (voc / "JPEGImages").glob("*.jpg"):
        file.unlink()
    with pytest.raises(SegbenchError, match="none of its listed images"):
        finish(open_dataset(voc))


def test_that_a_label_map_replaces_the_classes_and_its_colours_are_looked_up(voc):
    (voc / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nleaf:10,200,10::\n")
    mask = np.zeros((7, 9, 3), np.uint8)
    mask[0, 0] = 10, 200, 10
    for stem in ("2007_1", "2007_2", "2007_3"):
        Image.fromarray(mask).save(voc / "SegmentationClass" / f"{stem}.png")
    dataset = finish(open_dataset(voc))
    assert dataset.info.classes.names == ("background", "leaf")
    assert dataset.read(0).masks[0, :2].tolist() == [1, 0]
