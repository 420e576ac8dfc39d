"""The lecture's format: read whoever wrote it, refused with the image's index and the reason, converted once, written so that
Python reads it."""

from __future__ import annotations

import gzip
import os
import pickle
import time
import zipfile
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segbench.data.shapes import generate
from segbench.errors import SegbenchError
from segbench.events import Progressed
from segbench.formats import cache, purdue_records
from segbench.formats.kinds import looks_like_purdue
from segbench.formats.purdue import PURDUE_CLASSES, PurdueFile, read_purdue, write_purdue
from segbench.records import IGNORE, ClassInfo, ClassTable, Sample

OLD = Path(__file__).parents[2] / "data" / "purdue_old"
LABEL_MAP = {"rectangle": 50, "triangle": 100, "disk": 150, "oval": 200, "star": 250}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def finish(events: Generator[Progressed, None, Any]) -> Any:
    return follow(events)[1]


def follow(events: Generator[Progressed, None, Any]) -> tuple[list[Progressed], Any]:
    seen = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as end:
            return seen, end.value


def make_record(side: int = 8, planes: int = 5) -> list[Any]:
    """One image by hand: a rectangle at rows 2-3, columns 1-4."""
    masks = np.zeros((planes, side, side), np.uint8)
    masks[0, 2:4, 1:5] = 50
    boxes: dict[Any, Any] = {50 * (k + 1): [] for k in range(planes)}
    boxes[50] = [[1, 2, 4, 3]]
    return [list(range(side * side)), [7] * side**2, [0] * side**2, masks, boxes]


def store(path: Path, value: Any, protocol: int = 2) -> Path:
    path.write_bytes(gzip.compress(pickle.dumps(value, protocol)))
    return path


def write(path: Path, samples: Iterable[Sample], classes: ClassTable = PURDUE_CLASSES) -> Path:
    finish(write_purdue(path, samples, classes, 0))
    return path


# Reading ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(OLD.glob("*.gz")), ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_that_old_writers_files_are_read_as_python_reads_them(path: Path) -> None:
    dataset, label_map = pickle.loads(gzip.decompress(path.read_bytes()), encoding="latin1")
    file: PurdueFile = finish(read_purdue(path))

    assert dict(zip(file.classes.names, file.classes.values, strict=True)) == label_map
    assert file.classes.names == ("rectangle", "triangle", "disk", "oval", "star")
    assert len(file) == 2
    assert file.size == (64, 64)
    for index, record in dataset.items():
        sample = file.read(index, 10 + index, "test")
        assert (sample.index, sample.split, sample.name) == (10 + index, "test", f"{index:05d}")
        for channel in range(3):
            assert sample.image[:, :, channel].ravel().tolist() == record[channel]
        np.testing.assert_array_equal(sample.masks, record[3] != 0)
        assert sample.boxes == ((0, tuple(record[4][50][0])),)
        assert file.objects(index).tolist() == [1, 0, 0, 0, 0]
        assert file.pixels(index).tolist() == np.count_nonzero(record[3], axis=(1, 2)).tolist()


def test_that_arrays_of_a_sample_are_read_only(tmp_path: Path) -> None:
    sample = finish(read_purdue(write(tmp_path / "a.gz", generate(2, 0)))).read(1, 1, "train")
    assert sample.masks is not None
    assert not sample.image.flags.writeable
    assert not sample.masks.flags.writeable


@pytest.mark.parametrize("keys", [range(5), range(50, 300, 50)])
def test_that_boxes_may_be_told_by_plane_or_by_value(tmp_path: Path, keys: Iterable[int]) -> None:
    record = make_record()
    record[4] = {key: [[plane, 0, 7, 7], [0, 0, 1, 1]][: plane % 3] for plane, key in enumerate(keys)}
    file = finish(read_purdue(store(tmp_path / "a.gz", ({0: record}, LABEL_MAP))))
    assert file.boxes(0) == (
        (1, (1, 0, 7, 7)), (2, (2, 0, 7, 7)), (2, (0, 0, 1, 1)), (4, (4, 0, 7, 7)),
    )  # fmt: skip
    assert file.objects(0).tolist() == [0, 1, 2, 0, 1]


def test_that_a_box_over_the_border_is_cut_there(tmp_path: Path) -> None:
    record = make_record()
    record[4] = {0: [[-2, 3, 8, 9]]}
    assert finish(read_purdue(store(tmp_path / "a.gz", ({0: record}, LABEL_MAP)))).boxes(0) == ((0, (0, 3, 7, 7)),)


def test_that_other_class_counts_and_shapes_of_image_are_read(tmp_path: Path) -> None:
    masks = np.zeros((2, 4, 6), np.uint8)
    masks[1, 1, 1] = 20
    record = [[1] * 24, [2] * 24, [3] * 24, masks, {}]
    file = finish(read_purdue(store(tmp_path / "a.gz", ({0: record}, {"late": 20, "early": 10}))))
    assert file.size == (4, 6)
    assert file.classes.names == ("early", "late")
    assert file.images.shape == (1, 4, 6, 3)
    assert file.pixels(0).tolist() == [0, 1]


def test_that_a_bare_pickle_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(({0: make_record()}, LABEL_MAP)))
    assert len(finish(read_purdue(path))) == 1


@pytest.mark.parametrize("with_label_map", [False, True])
def test_that_the_references_own_torch_cache_is_read(tmp_path: Path, with_label_map: bool) -> None:
    def save(name: str, value: Any) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(value, 2))
            archive.writestr("archive/version", "3\n")
        return tmp_path / name

    path = save("torch_saved_PurdueShapes5MultiObject-10000_dataset.pt", {0: make_record()})
    if with_label_map:
        save("torch_saved_PurdueShapes5MultiObject_label_map.pt", LABEL_MAP)
    assert looks_like_purdue(path)
    assert finish(read_purdue(path)).read(0, 0, "train").boxes == ((0, (1, 2, 4, 3)),)


def test_that_reading_tells_how_far_it_is(tmp_path: Path) -> None:
    events, _ = follow(read_purdue(write(tmp_path / "a.gz", generate(300, 0))))
    assert {event.what for event in events} == {"reading", "converting"}
    converting = [event for event in events if event.what == "converting"]
    assert converting[-1] == Progressed("converting", 300, 300)
    assert all(0 <= event.done <= event.total for event in events)


# What is wrong is said --------------------------------------------------------------------------------------------------


def change(place: int, value: Any) -> Callable[[list[Any]], None]:
    def apply(record: list[Any]) -> None:
        record[place] = value

    return apply


def masks_with(value: int) -> np.ndarray:
    masks = np.zeros((5, 8, 8), np.uint8)
    masks[1, 4, 4] = value
    return masks


LIES: dict[str, tuple[Callable[[list[Any]], None], str]] = {
    "four items": (lambda record: record.pop(), "list of five"),
    "six items": (lambda record: record.append(0), "list of five"),
    "short R": (change(0, [1] * 63), "R has 63 values"),
    "long G": (change(1, [1] * 65), "G has 65 values"),
    "no B": (change(2, None), "B is not a list"),
    "too bright": (change(2, [256] * 64), "B is not a whole number in 0..255"),
    "negative": (change(2, [0] * 63 + [-1]), "B is not a whole number in 0..255"),
    "float pixel": (change(2, [0] * 63 + [0.5]), "B is not a whole number in 0..255"),
    "text pixel": (change(2, [0] * 63 + ["a"]), "B is not a whole number in 0..255"),
    "float array": (change(2, np.zeros(64)), "B is not a whole number in 0..255"),
    "masks of another size": (change(3, np.zeros((5, 4, 16), np.uint8)), "its masks are 5 x 4 x 16"),
    "three planes": (change(3, np.zeros((3, 8, 8), np.uint8)), "its masks are 3 x 8 x 8"),
    "masks as list": (change(3, [0] * 320), "its masks are no array"),
    "float masks": (change(3, np.zeros((5, 8, 8))), "not whole numbers"),
    "value of another plane": (change(3, masks_with(50)), "mask of triangle holds the value 50, not 100"),
    "grey edge": (change(3, masks_with(99)), "mask of triangle holds the value 99, not 100"),
    "boxes as list": (change(4, []), "its boxes are not a table"),
    "unknown class": (change(4, {60: []}), "'60' that is not in the label map"),
    "class by name": (change(4, {"disk": []}), "'disk' that is not in the label map"),
    "boxes no list": (change(4, {50: 5}), "class 0 are not a list"),
    "very many boxes": (change(4, {50: [[0, 0, 1, 1]] * 2000}), "class 0 are not a list, or a very long one"),
    "three numbers": (change(4, {50: [[0, 0, 1]]}), "not four whole numbers"),
    "float box": (change(4, {50: [[0, 0, 1, 1.5]]}), "not four whole numbers"),
    "box of None": (change(4, {50: [None]}), "not four whole numbers"),
    "box upside down": (change(4, {50: [[5, 5, 1, 1]]}), "not inside the image"),
    "box outside": (change(4, {50: [[8, 0, 9, 1]]}), "not inside the image"),
    "box left of it": (change(4, {50: [[-5, 0, -1, 1]]}), "not inside the image"),
    "box of thousands": (change(4, {50: [[0, 0, 10_000, 1]]}), "not inside the image"),
    "box of 2^63": (change(4, {50: [[0, 0, 2**63 - 1, 1]]}), "not inside the image"),
}


@pytest.mark.parametrize(("lie", "reason"), LIES.values(), ids=LIES.keys())
def test_that_a_broken_image_is_named_with_the_reason(
    tmp_path: Path, lie: Callable[[list[Any]], None], reason: str
) -> None:
    records = {index: make_record() for index in range(3)}
    lie(records[1])
    with pytest.raises(SegbenchError) as caught:
        finish(read_purdue(store(tmp_path / "a.gz", (records, LABEL_MAP))))
    assert "Image 1 of a.gz" in caught.value.message
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert not list((tmp_path / "home" / "cache" / "datasets").glob("*"))


WHOLES: dict[str, tuple[Any, str]] = {
    "no label map": (({0: make_record()}, None), "no label map"),
    "a list": ([1, 2, 3], "no table of images"),
    "a number": (5, "no table of images"),
    "no images": (({}, LABEL_MAP), "no images"),
    "a gap": (({0: make_record(), 2: make_record()}, LABEL_MAP), "none of index 1"),
    "keys from 1": (({1: make_record()}, LABEL_MAP), "none of index 0"),
    "names as keys": (({"a": make_record()}, LABEL_MAP), "none of index 0"),
    "four classes": (({0: make_record()}, {"a": 1, "b": 2, "c": 3, "d": 4}), "4 classes, but 5 planes"),
    "same value": (({0: make_record()}, dict.fromkeys("abcde", 50)), "same value"),
    "value 0": (({0: make_record()}, {**LABEL_MAP, "star": 0}), "not in 1..255"),
    "value 256": (({0: make_record()}, {**LABEL_MAP, "star": 256}), "not in 1..255"),
    "value as text": (({0: make_record()}, {**LABEL_MAP, "star": "250"}), "not in 1..255"),
    "long name": (({0: make_record()}, {**{k: LABEL_MAP[k] for k in list(LABEL_MAP)[:4]}, "x" * 10_000: 250}), "readable"),
    "turned name": (({0: make_record()}, {**{k: LABEL_MAP[k] for k in list(LABEL_MAP)[:4]}, "\u202egnp": 250}), "readable"),
    "control name": (({0: make_record()}, {**{k: LABEL_MAP[k] for k in list(LABEL_MAP)[:4]}, "a\x1b[2J": 250}), "readable"),
    "number as name": (({0: make_record()}, {1: 50, 2: 100, 3: 150, 4: 200, 5: 250}), "readable"),
    "flat masks": (({0: [*make_record()[:3], np.zeros(320, np.uint8), {}]}, LABEL_MAP), "(classes, height, width)"),
    "huge side": (
        ({0: [[0], [0], [0], np.zeros((1, 1, 5000), np.uint8), {}]}, {"a": 50}), "5000 x 1 pixels are out of range"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("value", "reason"), WHOLES.values(), ids=WHOLES.keys())
def test_that_a_file_of_another_meaning_is_refused_with_the_reason(tmp_path: Path, value: Any, reason: str) -> None:
    with pytest.raises(SegbenchError) as caught:
        finish(read_purdue(store(tmp_path / "a.gz", value)))
    assert reason in caught.value.message
    assert caught.value.message.isprintable()


def test_that_one_image_told_once_and_named_a_million_times_is_refused(tmp_path: Path) -> None:
    record = make_record(64)
    value = (dict.fromkeys(range(40_000), record), LABEL_MAP)
    with pytest.raises(SegbenchError, match="more images than its size has room for"):
        finish(read_purdue(store(tmp_path / "a.gz", value)))


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b", b"PK\x03\x04rubbish", b"hello", gzip.compress(b"hello", mtime=0), b"\x80\x04"]
)
def test_that_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(SegbenchError):
        finish(read_purdue(path))


def test_that_a_packed_or_ambiguous_archive_is_refused(tmp_path: Path) -> None:
    data = pickle.dumps({0: make_record()}, 2)
    for name, names, packing in (
        ("packed.pt", ["archive/data.pkl"], zipfile.ZIP_DEFLATED),
        ("two.pt", ["a/data.pkl", "b/data.pkl"], zipfile.ZIP_STORED),
        ("none.pt", ["data.txt"], zipfile.ZIP_STORED),
    ):
        with zipfile.ZipFile(tmp_path / name, "w", packing) as archive:
            for member in names:
                archive.writestr(member, data)
        with pytest.raises(SegbenchError):
            finish(read_purdue(tmp_path / name))


def test_that_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SegbenchError, match="is a folder"):
        finish(read_purdue(tmp_path))
    with pytest.raises(FileNotFoundError):
        finish(read_purdue(tmp_path / "missing.gz"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_that_a_pipe_or_a_device_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gz"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(SegbenchError, match="not a regular file"):
            finish(read_purdue(path))
        assert not looks_like_purdue(path)


def test_that_the_format_is_told_from_the_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "photo.gz").write_bytes(gzip.compress(b"P6 1 1"))
    (tmp_path / "weights.pt").write_bytes(b"PK\x03\x04")
    assert not looks_like_purdue(tmp_path / "photo.gz")
    assert not looks_like_purdue(tmp_path / "weights.pt")
    assert not looks_like_purdue(tmp_path / "missing.gz")
    assert not looks_like_purdue(tmp_path)
    assert all(looks_like_purdue(path) for path in OLD.glob("*.gz"))


# The cache --------------------------------------------------------------------------------------------------------------


def entries(home: Path) -> list[Path]:
    return sorted((home / "cache" / "datasets").iterdir())


def test_that_a_second_opening_reads_nothing_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", generate(20, 0))
    first = finish(read_purdue(path))
    events, second = follow(read_purdue(path))
    assert events == []
    np.testing.assert_array_equal(first.images, second.images)
    assert [first.boxes(i) for i in range(20)] == [second.boxes(i) for i in range(20)]


def test_that_a_changed_file_is_converted_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", generate(20, 0))
    finish(read_purdue(path))
    write(path, generate(20, 1))
    file = finish(read_purdue(path))
    np.testing.assert_array_equal(file.images[3], list(generate(20, 1))[3].image)


def damage_array(folder: Path) -> None:
    with (folder / "images.npy").open("r+b") as file:
        file.truncate(1000)


def damage_header(folder: Path) -> None:
    (folder / "header.json").write_text("{")


def damage_magic(folder: Path) -> None:
    data = bytearray((folder / "masks.npy").read_bytes())
    data[:6] = b"rotten"
    (folder / "masks.npy").write_bytes(data)


def remove_array(folder: Path) -> None:
    (folder / "boxes.npy").unlink()


def age_header(folder: Path) -> None:
    header = (folder / "header.json").read_text()
    (folder / "header.json").write_text(header.replace(f'"version":{cache.VERSION}', '"version":0'))


@pytest.mark.parametrize("damage", [damage_array, damage_header, damage_magic, remove_array, age_header])
def test_that_a_damaged_or_stale_entry_is_made_again(
    tmp_path: Path, home: Path, damage: Callable[[Path], None]
) -> None:
    path = write(tmp_path / "a.gz", generate(20, 0))
    finish(read_purdue(path))
    damage(entries(home)[0])
    events, file = follow(read_purdue(path))
    assert events
    np.testing.assert_array_equal(file.images[7], list(generate(20, 0))[7].image)
    assert follow(read_purdue(path))[0] == []


def test_that_an_interrupted_conversion_leaves_nothing(tmp_path: Path, home: Path) -> None:
    reading = read_purdue(write(tmp_path / "a.gz", generate(300, 0)))
    while next(reading).what != "converting":
        pass
    reading.close()
    assert entries(home) == []


def test_that_a_cache_that_cannot_be_written_does_not_keep_a_data_set_from_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.gz", generate(20, 0))
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("SEGBENCH_HOME", str(blocked))
    file = finish(read_purdue(path))
    expected = list(generate(20, 0))
    np.testing.assert_array_equal(file.images[7], expected[7].image)
    np.testing.assert_array_equal(file.masks(7), expected[7].masks)


def test_that_a_full_disk_does_not_keep_a_data_set_from_opening(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: cache.CacheWriter, name: str, rows: Any) -> None:
        if self._folder is not None and name == "boxes":
            raise OSError(28, "No space left on device")
        original(self, name, rows)

    original = cache.CacheWriter.write
    monkeypatch.setattr(cache.CacheWriter, "write", fail)
    file = finish(read_purdue(write(tmp_path / "a.gz", generate(5, 0))))
    assert len(file) == 5
    assert entries(home) == []


def test_that_two_conversions_at_once_end_in_one_entry(tmp_path: Path, home: Path) -> None:
    path = write(tmp_path / "a.gz", generate(20, 0))
    slow = read_purdue(path)
    next(slow)
    finish(read_purdue(path))
    file = finish(slow)
    assert len(file) == 20
    assert len(entries(home)) == 1


def test_that_the_entries_unused_longest_are_swept(tmp_path: Path, home: Path) -> None:
    for seed in range(3):
        finish(read_purdue(write(tmp_path / f"{seed}.gz", generate(20, seed))))
    oldest, middle, newest = entries(home)
    for age, folder in enumerate((newest, middle, oldest)):
        for file in folder.iterdir():
            os.utime(file, (time.time() - 1000 * age, time.time() - 1000 * age))
    size = sum(file.stat().st_size for file in newest.iterdir())
    cache.sweep_cache(keep=oldest.name, limit=int(2.5 * size))
    assert entries(home) == [oldest, newest]
    cache.sweep_cache(keep=oldest.name, limit=0)
    assert entries(home) == [oldest]


def test_that_temporaries_of_a_crash_are_swept_when_they_are_old(home: Path) -> None:
    root = home / "cache" / "datasets"
    for name in (".fresh-1", ".stale-2"):
        (root / name).mkdir(parents=True)
        (root / name / "images.npy").write_bytes(b"x")
    os.utime(root / ".stale-2" / "images.npy", (0, 0))
    cache.sweep_cache()
    assert entries(home) == [root / ".fresh-1"]


# Writing ----------------------------------------------------------------------------------------------------------------


def test_that_what_is_written_is_read_back_the_same(tmp_path: Path) -> None:
    samples = list(generate(1100, 3, size=16))
    file = finish(read_purdue(write(tmp_path / "a.gz", samples)))
    assert file.classes == PURDUE_CLASSES
    assert len(file) == len(samples)
    for sample in samples:
        found = file.read(sample.index, sample.index, "train")
        np.testing.assert_array_equal(found.image, sample.image)
        np.testing.assert_array_equal(found.masks, sample.masks)
        assert sorted(found.boxes) == sorted(sample.boxes)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("count", [1, 3, 1000, 1001])
def test_that_pythons_own_pickle_reads_what_is_written(tmp_path: Path, count: int) -> None:
    samples = list(generate(count, 3, size=8))
    path = write(tmp_path / "a.gz", samples)
    dataset, label_map = pickle.loads(gzip.decompress(path.read_bytes()), encoding="latin1")
    assert label_map == LABEL_MAP
    assert list(dataset) == list(range(count))
    for sample in samples:
        *channels, masks, boxes = dataset[sample.index]
        assert channels == [sample.image[:, :, k].ravel().tolist() for k in range(3)]
        assert masks.dtype == np.uint8
        np.testing.assert_array_equal(masks, sample.masks * np.array(PURDUE_CLASSES.values, np.uint8)[:, None, None])
        assert boxes == {k: [list(box) for plane, box in sample.boxes if plane == k] for k in range(5)}


def test_that_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    one = write(tmp_path / "one.gz", generate(30, 0)).read_bytes()
    assert one == write(tmp_path / "two.gz", generate(30, 0)).read_bytes()
    assert one != write(tmp_path / "three.gz", generate(30, 1)).read_bytes()


def test_that_labels_become_planes_and_ignored_pixels_none(tmp_path: Path) -> None:
    table = ClassTable((ClassInfo("road", (1, 2, 3)), ClassInfo("sky", (4, 5, 6))), exclusive=True)
    labels = np.array([[0, 1, IGNORE], [1, 1, 0]], np.uint8)
    sample = Sample(0, "a", "train", np.full((2, 3, 3), 9, np.uint8), labels)
    file = finish(read_purdue(write(tmp_path / "a.gz", [sample], table)))
    assert file.classes.names == ("road", "sky")
    assert file.classes.values == table.values
    np.testing.assert_array_equal(file.masks(0), [labels == 0, labels == 1])


def test_that_values_that_do_not_rise_are_replaced(tmp_path: Path) -> None:
    table = ClassTable((ClassInfo("b", (1, 2, 3), 200), ClassInfo("a", (4, 5, 6), 100)), exclusive=False)
    sample = Sample(0, "a", "train", np.zeros((2, 2, 3), np.uint8), np.array([np.ones((2, 2)), np.zeros((2, 2))], bool))
    file = finish(read_purdue(write(tmp_path / "a.gz", [sample], table)))
    assert file.classes.names == ("b", "a")
    assert file.pixels(0).tolist() == [4, 0]


def test_that_samples_that_do_not_fit_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    masks = np.zeros((5, 4, 4), bool)
    good = Sample(0, "good", "train", image, masks)
    path = tmp_path / "a.gz"
    path.write_bytes(b"before")
    for bad in (
        [],
        [good, Sample(1, "wide", "train", np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4, 5), bool))],
        [good, Sample(1, "bare", "train", image, None)],
        [Sample(1, "few", "train", image, masks[:3])],
    ):
        with pytest.raises(SegbenchError):
            finish(write_purdue(path, bad, PURDUE_CLASSES, len(bad)))
        assert path.read_bytes() == b"before"
        assert [file.name for file in tmp_path.iterdir()] == ["a.gz"]


def test_that_a_cancelled_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"before")
    writing = write_purdue(path, generate(200, 0), PURDUE_CLASSES, 200)
    next(writing)
    writing.close()
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.gz"]


def test_that_colours_of_other_classes_differ() -> None:
    table = purdue_records.read_label_map("a.gz", {f"c{k}": k + 1 for k in range(7)}, 7)
    assert len(set(table.colors)) == 7
