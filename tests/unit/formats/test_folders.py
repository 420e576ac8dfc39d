"""Which layouts of folders are datasets, and what their masks mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.data.dataset import Dataset, open_dataset
from segbench.errors import SegbenchError
from segbench.formats import folders, images
from segbench.formats.classes import load_palette, read_class_file
from segbench.formats.sources import name_samples, natural_key
from segbench.records import IGNORE

SIZE = (6, 8)


def finish(events):
    """The value a generator returns."""
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def open_now(path: Path) -> Dataset:
    return finish(open_dataset(path))


def put(path: Path, array: np.ndarray | None = None, palette: list[int] | None = None) -> Path:
    """Saves a picture (a grey one of SIZE unless given), making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.full((*SIZE, 3), 70, np.uint8) if array is None else array)
    if palette is not None:
        picture = Image.fromarray(array, mode="P")
        picture.putpalette(palette)
    picture.save(path)
    return path


def index_mask(*values: int) -> np.ndarray:
    """The values in the first row, the rest 0."""
    mask = np.zeros(SIZE, np.uint8)
    mask[0, : len(values)] = values
    return mask


LAYOUTS = {
    "split first": ("{split}/images/{stem}.png", "{split}/masks/{stem}.png"),
    "split last": ("images/{split}/{stem}.png", "masks/{split}/{stem}.png"),
    "siblings": ("{split}/{stem}.png", "{split}annot/{stem}.png"),
    "siblings with suffix": ("{split}/{stem}.png", "{split}_labels/{stem}_L.png"),
    "other names": ("{split}/imgs/{stem}.jpg", "{split}/labels/{stem}_mask.png"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_that_a_layout_gives_its_splits_in_order_with_masks_by_name(tmp_path, layout):
    image, mask = LAYOUTS[layout]
    for split, stems in {"test": ["x"], "train": ["2", "10"], "val": ["y"]}.items():
        for number, stem in enumerate(stems):
            put(tmp_path / image.format(split=split, stem=stem))
            put(tmp_path / mask.format(split=split, stem=stem), index_mask(1, 2, number))
    (tmp_path / "classes.txt").write_text("ground\nplant\nstone\n")
    dataset = open_now(tmp_path)
    assert dataset.info.format == "folders"
    assert dataset.splits == {"train": range(2), "val": range(2, 3), "test": range(3, 4)}
    assert [dataset.name(i) for i in range(4)] == ["2", "10", "y", "x"]
    assert dataset.info.size == SIZE
    sample = dataset.read(1)
    assert (sample.index, sample.name, sample.split) == (1, "10", "train")
    assert sample.image.shape == (*SIZE, 3)
    assert sample.masks[0, :3].tolist() == [1, 2, 1]
    assert not sample.image.flags.writeable
    assert not sample.masks.flags.writeable
    table = dataset.info.classes
    assert (table.names, table.exclusive, table.background) == (("ground", "plant", "stone"), True, -1)


def test_that_images_and_masks_without_splits_are_all(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", index_mask(1))
    (tmp_path / "classes.txt").write_text("background\nthing\nother\n")
    dataset = open_now(tmp_path)
    assert dataset.splits == {"all": range(1)}
    assert dataset.info.classes.background == 0
    assert dataset.info.classes.colors[:2] == ((0, 0, 0), (230, 159, 0))


def test_that_a_split_opened_alone_finds_the_class_file_above_it(tmp_path):
    put(tmp_path / "val" / "images" / "a.png")
    put(tmp_path / "val" / "masks" / "a.png", index_mask(1))
    (tmp_path / "classes.txt").write_text("one\ntwo\nthree\n")
    dataset = open_now(tmp_path / "val")
    assert list(dataset.splits) == ["val"]
    assert dataset.info.classes.names == ("one", "two", "three")


def test_that_an_image_without_a_mask_is_there_but_not_labelled(tmp_path):
    for stem in "ab":
        put(tmp_path / "images" / f"{stem}.png")
    put(tmp_path / "masks" / "b.png", index_mask(1))
    (tmp_path / "classes.txt").write_text("x\ny\nz\n")
    dataset = open_now(tmp_path)
    assert [dataset.has_masks(i) for i in range(2)] == [False, True]
    assert dataset.read(0).masks is None
    assert dataset.read(1).masks is not None


def test_that_masks_of_other_names_are_refused(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "b.png", index_mask(1))
    with pytest.raises(SegbenchError, match=r"No mask in .* has the name of an image") as caught:
        open_now(tmp_path)
    assert "a.png" in caught.value.hint


def test_that_a_mask_of_another_size_is_told_when_it_is_read(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", np.zeros((3, 5), np.uint8))
    (tmp_path / "classes.txt").write_text("x\ny\nz\n")
    with pytest.raises(SegbenchError, match=r"5 x 3 pixels, its image .* 8 x 6"):
        open_now(tmp_path).read(0)


# Classes without a class file --------------------------------------------------------------------------------------------


def test_that_without_a_class_file_the_masks_tell_how_many_classes_there_are(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", index_mask(1, 3, 255))
    dataset = open_now(tmp_path)
    assert dataset.info.classes.names == ("class 0", "class 1", "class 2", "class 3")
    assert dataset.info.classes.colors == load_palette("default").colors[:4]
    assert dataset.read(0).masks[0, :3].tolist() == [1, 3, IGNORE]


def test_that_a_palette_in_the_mask_gives_classes_and_colours(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", index_mask(1), palette=[0, 0, 0, 200, 0, 0, 0, 0, 200])
    table = open_now(tmp_path).info.classes
    assert table.names == ("background", "class 1", "class 2")
    assert table.colors == ((0, 0, 0), (200, 0, 0), (0, 0, 200))
    assert table.background == 0


def test_that_black_and_white_masks_are_background_and_object(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", index_mask(255))
    dataset = open_now(tmp_path)
    assert dataset.info.classes.names == ("background", "object")
    assert dataset.read(0).masks[0, :2].tolist() == [1, 0]


def test_that_one_named_class_gets_a_background(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", index_mask(255))
    (tmp_path / "classes.txt").write_text("polyp\n")
    dataset = open_now(tmp_path)
    assert dataset.info.classes.names == ("background", "polyp")
    assert dataset.read(0).masks.max() == 1


def test_that_a_class_has_the_index_that_its_line_begins_with(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", index_mask(2, 4))
    (tmp_path / "classes.txt").write_text("2 cat\n4 dog\n")
    dataset = open_now(tmp_path)
    assert dataset.info.classes.names == ("background", "cat", "dog")
    assert dataset.info.classes.background == 0
    assert dataset.read(0).masks[0, :3].tolist() == [1, 2, 0]


@pytest.mark.parametrize("text", ["bg\ncat\ndog\n", "0: bg\n1: cat\n7: dog\n"])
def test_that_a_value_without_a_class_is_told_at_opening(tmp_path, text):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", index_mask(1, 5))
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(SegbenchError, match=r"a\.png holds the value 5, which stands for no class") as caught:
        open_now(tmp_path)
    assert "5: void" in caught.value.hint
    (tmp_path / "classes.txt").write_text("0: bg\n1: cat\n5: void\n7: dog\n")
    assert open_now(tmp_path).read(0).masks[0, :2].tolist() == [1, IGNORE]


def test_that_every_mask_is_looked_at_for_classes_that_no_file_names(tmp_path):
    for k in range(150):
        put(tmp_path / "images" / f"{k}.png")
        put(tmp_path / "masks" / f"{k}.png", index_mask(7 if k == 77 else 1))
    dataset = open_now(tmp_path)
    assert len(dataset.info.classes) == 8
    assert dataset.read(77).masks.max() == 7


def test_that_a_value_that_was_not_looked_at_is_told_when_its_mask_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_MANY", 2)
    for k in range(3):
        put(tmp_path / "images" / f"{k}.png")
        put(tmp_path / "masks" / f"{k}.png", index_mask(7 if k == 1 else 1))
    dataset = open_now(tmp_path)
    assert dataset.read(0).masks.max() == 1
    with pytest.raises(SegbenchError, match=r"1\.png holds the value 7"):
        dataset.read(1)


def test_that_empty_masks_at_the_beginning_do_not_hide_what_white_means(tmp_path):
    for k in range(9):
        put(tmp_path / "images" / f"{k}.png")
        put(tmp_path / "masks" / f"{k}.png", index_mask(*[255] * (k == 4)))
    (tmp_path / "classes.txt").write_text("background\npolyp\n")
    assert open_now(tmp_path).read(4).masks.max() == 1


def test_that_greys_of_a_picture_are_not_taken_for_classes(tmp_path):
    put(tmp_path / "images" / "a.png", np.zeros((16, 16), np.uint8))
    put(tmp_path / "masks" / "a.png", np.arange(256, dtype=np.uint8).reshape(16, 16))
    with pytest.raises(SegbenchError, match="hold 255 different values") as caught:
        open_now(tmp_path)
    assert "never as JPEG" in caught.value.hint


def test_that_colour_masks_are_read_by_the_colours_of_the_class_file(tmp_path, caplog):
    mask = np.zeros((*SIZE, 3), np.uint8)
    mask[0, 0], mask[0, 1] = (128, 64, 128), (9, 9, 9)
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", mask)
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nnothing,0,0,0\nroad,128,64,128\n")
    dataset = open_now(tmp_path)
    assert dataset.read(0).masks[0, :3].tolist() == [1, IGNORE, 0]
    assert dataset.info.classes.colors[1] == (128, 64, 128)
    assert "1 of 3, such as 9 9 9. Their pixels are left out." in caplog.text


def test_that_colour_masks_without_a_class_file_get_a_class_a_colour(tmp_path):
    mask = np.zeros((*SIZE, 3), np.uint8)
    mask[0, 0], mask[0, 1] = (200, 0, 0), (0, 200, 0)
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", mask)
    dataset = open_now(tmp_path)
    assert dataset.info.classes.colors == ((0, 0, 0), (0, 200, 0), (200, 0, 0))
    assert dataset.read(0).masks[0, :3].tolist() == [2, 1, 0]


def test_that_colour_masks_with_names_but_no_colours_are_refused(tmp_path):
    mask = np.zeros((*SIZE, 3), np.uint8)
    mask[0, 0], mask[0, 1] = (200, 0, 0), (0, 200, 0)
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", mask)
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    with pytest.raises(SegbenchError, match="tells no colours"):
        open_now(tmp_path)


@pytest.mark.parametrize(
    ("text", "names", "colors"),
    [
        ("sky\n\n# comment\n  road  \n", ("sky", "road"), (None, None)),
        ("0: sky\n1: road\n", ("sky", "road"), (None, None)),
        ("\ufeffsky 1 2 3\nroad 4,5,6\n", ("sky", "road"), ((1, 2, 3), (4, 5, 6))),
        ("64 128 64\tAnimal\n192 0 128 Archway Tall\n", ("Animal", "Archway Tall"), ((64, 128, 64), (192, 0, 128))),
        ("# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:9,8,7::\n", ("background", "cat"), ((0, 0, 0), (9, 8, 7))),
        ("name,r,g,b\nroad,1,2,3\n", ("road",), ((1, 2, 3),)),
        ("route 66\nlane 1\n", ("route 66", "lane 1"), (None, None)),
        ("1 cat\n2 dog 7 8 9\n", ("", "cat", "dog"), (None, None, (7, 8, 9))),
        ("3: dog\n0: sky\n1, cat\n", ("sky", "cat", "", "dog"), (None,) * 4),
        ("0 1 2 3 sky\n1 4 5 6 road\n", ("sky", "road"), ((1, 2, 3), (4, 5, 6))),
    ],
)  # fmt: skip
def test_that_class_files_of_these_kinds_are_understood(tmp_path, text, names, colors):
    path = tmp_path / "classes.txt"
    path.write_text(text, encoding="utf-8")
    naming = read_class_file(path)
    assert (naming.names, naming.colors) == (names, colors)


@pytest.mark.parametrize(
    "content", [b"", b"\n\n# only a comment\n", b"a\na\n", b"caf\xe9\n", b"1 a\n1 b\n", b"0 a\n256 b\n"]
)
def test_that_a_class_file_that_names_nothing_or_a_class_twice_is_refused(tmp_path, content):
    path = tmp_path / "classes.txt"
    path.write_bytes(content)
    with pytest.raises(SegbenchError, match=r"classes\.txt"):
        read_class_file(path)


def test_that_more_than_255_classes_are_refused(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "a.png", index_mask(1))
    (tmp_path / "classes.txt").write_text("\n".join(f"c{k}" for k in range(256)))
    with pytest.raises(SegbenchError, match="256 classes"):
        open_now(tmp_path)


def test_that_the_default_palette_holds_255_different_colours():
    assert len(set(load_palette("default").colors)) == 255


# CamVid -----------------------------------------------------------------------------------------------------------------


def test_that_camvid_is_known_by_its_class_names(camvid):
    dataset = open_now(camvid)
    assert dataset.info.format == "camvid"
    assert dataset.info.splits == {"train": 123, "val": 34}
    assert dataset.info.size == (360, 480)
    assert dataset.info.classes.names == load_palette("camvid").names
    assert dataset.info.classes.colors[3] == (128, 64, 128)
    sample = dataset.read(123)
    assert sample.split == "val"
    assert sample.image.shape == (360, 480, 3)
    assert set(np.unique(sample.masks)) <= {*range(11), IGNORE}
    assert (sample.masks == IGNORE).any()


def test_that_the_segnet_tutorials_folders_are_camvid_without_a_class_file(tmp_path):
    for split in ("train", "val", "test"):
        put(tmp_path / split / "a.png")
        put(tmp_path / f"{split}annot" / "a.png", index_mask(10, 11))
    dataset = open_now(tmp_path)
    assert dataset.info.format == "camvid"
    assert dataset.read(2).masks[0, :3].tolist() == [10, IGNORE, 0]


# Planes -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["", "train/"])
def test_that_a_mask_folder_a_class_gives_planes_that_may_overlap(tmp_path, split):
    put(tmp_path / f"{split}images" / "a.png")
    put(tmp_path / f"{split}images" / "b.jpg")
    put(tmp_path / f"{split}masks" / "disk 2" / "a.png", index_mask(255, 255))
    put(tmp_path / f"{split}masks" / "disk 10" / "a.png", index_mask(0, 255))
    dataset = open_now(tmp_path)
    assert dataset.info.format == "planes"
    assert dataset.info.classes.names == ("disk 2", "disk 10")
    assert not dataset.info.classes.exclusive
    masks = dataset.read(0).masks
    assert masks.dtype == bool
    assert masks[:, 0, :3].tolist() == [[True, True, False], [False, True, False]]
    assert not dataset.read(1).masks.any()


def test_that_a_class_file_orders_planes_and_must_name_them_all(tmp_path):
    put(tmp_path / "images" / "a.png")
    put(tmp_path / "masks" / "b" / "a.png", index_mask(255))
    (tmp_path / "classes.txt").write_text("z 1 2 3\nb\n")
    dataset = open_now(tmp_path)
    assert dataset.info.classes.names == ("z", "b")
    assert dataset.info.classes.colors[0] == (1, 2, 3)
    assert dataset.read(0).masks[:, 0, 0].tolist() == [False, True]
    (tmp_path / "classes.txt").write_text("z\n")
    with pytest.raises(SegbenchError, match="does not name the mask folder 'b'"):
        open_now(tmp_path)


# Images alone ---------------------------------------------------------------------------------------------------------------


def test_that_any_folder_of_pictures_is_a_dataset_without_classes(tmp_path):
    put(tmp_path / "b.png")
    put(tmp_path / "inner" / "a.jpg")
    put(tmp_path / "inner" / "deeper" / "unseen.jpg")
    (tmp_path / "notes.txt").write_text("hello")
    dataset = open_now(tmp_path)
    assert (dataset.info.format, dataset.info.classes, dataset.info.splits) == ("images", None, {"all": 2})
    assert [dataset.name(i) for i in range(2)] == ["b", "inner_a"]
    assert dataset.read(1).masks is None


def test_that_train_and_test_folders_without_masks_are_splits(tmp_path):
    put(tmp_path / "test" / "b.png")
    put(tmp_path / "train" / "a.png")
    assert open_now(tmp_path).info.splits == {"train": 1, "test": 1}


def test_that_numbers_in_names_count_as_numbers():
    assert sorted(["10.png", "9.png", "a2", "a10", "A3"], key=natural_key) == ["9.png", "10.png", "a2", "A3", "a10"]


def test_that_names_are_unique_even_where_stems_are_not():
    assert name_samples(["a.png", "b.png"]) == ["a", "b"]
    assert name_samples(["a.png", "a.jpg"]) == ["a_png", "a_jpg"]
    assert len(set(name_samples(["a.b.png", "a_b.png", "a.b.png"]))) == 3


def test_that_names_that_are_not_utf_8_become_text():
    assert name_samples(["caf\udce9.png", "größe 大.png"]) == ["caf_", "größe 大"]
    assert len(set(name_samples(["a\udce9.png", "a\udcff.png"]))) == 2


def test_that_many_files_are_opened_without_being_read(tmp_path, monkeypatch):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for number in range(10_000):
            (tmp_path / folder / f"{number}.png").touch()
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    touched = []

    def refuse(path, **_):
        touched.append(path)
        raise OSError("nothing is to be read")

    monkeypatch.setattr(images.Image, "open", refuse)
    dataset = open_now(tmp_path)
    # A few masks are looked at to learn whether they are colour pictures; no image is
    assert len(touched) <= 4
    assert all("masks" in str(path) for path in touched)
    assert len(dataset) == 10_000
    assert dataset.name(9_999) == "9999"
    assert dataset.info.size is None
