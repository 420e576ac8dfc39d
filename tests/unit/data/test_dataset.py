"""What `open_dataset` takes for a dataset, and how samples are numbered, kept and refused."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.data import dataset as module
from segbench.data.dataset import Dataset, find_split, open_dataset, open_images
from segbench.data.shapes import write_shapes
from segbench.errors import SegbenchError
from segbench.records import ClassInfo, ClassTable, DatasetInfo, Sample

PLANES = ClassTable((ClassInfo("a", (255, 0, 0)), ClassInfo("b", (0, 0, 255))), exclusive=False)


def finish(events):
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def save(path: Path, value: int = 0, size: tuple[int, int] = (6, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)
    return path


def sample(split: str, name: str) -> Sample:
    return Sample(99, name, split, np.zeros((4, 5, 3), np.uint8), np.zeros((2, 4, 5), bool), ((1, (0, 0, 1, 1)),))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A folder with 12 training and 5 test images in the lecture's format."""
    return finish(write_shapes(tmp_path_factory.mktemp("shapes") / "out", 12, 5, 3, 64))


# The lecture's format ---------------------------------------------------------------------------------------------------


def test_that_a_folder_with_training_and_test_files_has_both_as_splits(shapes):
    dataset = finish(open_dataset(shapes))
    assert dataset.splits == {"train": range(12), "test": range(12, 17)}
    assert dataset.info == DatasetInfo(
        "out", "purdue", str(shapes), dataset.classes, {"train": 12, "test": 5}, (64, 64)
    )
    first, last = dataset.read(0), dataset.read(16)
    assert (first.split, last.split, last.index) == ("train", "test", 16)
    assert first.image.shape == (64, 64, 3)
    assert first.masks.shape == (5, 64, 64)
    assert not first.image.flags.writeable
    counted = np.bincount([k for k, _ in last.boxes], minlength=5)
    np.testing.assert_array_equal(dataset.objects(16), counted)
    assert dataset.has_masks(0)


def test_that_one_file_named_is_the_only_one_opened(shapes):
    test = next(shapes.glob("*-test.gz"))
    dataset = finish(open_dataset(test))
    assert dataset.splits == {"test": range(5)}
    assert dataset.info.name == test.name.removesuffix(".gz")


def test_that_a_file_whose_name_tells_no_split_is_all(shapes, tmp_path):
    plain = tmp_path / "pictures.gz"
    plain.write_bytes(next(shapes.glob("*-test.gz")).read_bytes())
    assert finish(open_dataset(plain)).splits == {"all": range(5)}
    assert finish(open_dataset(tmp_path)).splits == {"all": range(5)}


def test_that_two_training_files_in_one_folder_are_a_question(shapes, tmp_path):
    for name in ("a-train.gz", "b-train.gz"):
        (tmp_path / name).write_bytes(next(shapes.glob("*-test.gz")).read_bytes())
    with pytest.raises(SegbenchError, match=r"2 \.gz files for train: a-train\.gz, b-train\.gz"):
        finish(open_dataset(tmp_path))


@pytest.mark.parametrize(
    ("name", "split"),
    [("P-10000-train.gz", "train"), ("P_test.gz", "test"), ("x-val.gz", "val"), ("test.gz", "test"), ("latest.gz", "")],
)
def test_that_a_file_name_tells_its_split(name, split):
    assert find_split(name) == split


def put_masks(folder: Path) -> None:
    save(folder / "images" / "a.png")
    save(folder / "masks" / "a.png")


@pytest.mark.parametrize("name", ["download.tar.gz", "backup-train.gz"])
def test_that_a_gz_of_something_else_does_not_hide_pictures(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"something else"))
    save(tmp_path / "a.png")
    assert finish(open_dataset(tmp_path)).info.format == "images"
    put_masks(tmp_path)
    assert finish(open_dataset(tmp_path)).info.format == "folders"


def test_that_a_gz_of_something_else_does_not_hide_a_data_set(shapes, tmp_path):
    for file in shapes.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "download.tar.gz").write_bytes(gzip.compress(b"something else"))
    save(tmp_path / "figure.png")
    assert finish(open_dataset(tmp_path)).splits == {"train": range(12), "test": range(12, 17)}
    put_masks(tmp_path)  # they are found rather than files that may have been put beside them
    assert finish(open_dataset(tmp_path)).info.format == "folders"


def test_that_a_damaged_file_is_told_and_not_left_out(shapes, tmp_path):
    (tmp_path / "x-test.gz").write_bytes(next(shapes.glob("*-test.gz")).read_bytes())
    (tmp_path / "x-train.gz").write_bytes(b"\x1f\x8b and no more")
    with pytest.raises(SegbenchError, match=r"x-train\.gz"):
        finish(open_dataset(tmp_path))
    (tmp_path / "x-test.gz").unlink()
    with pytest.raises(SegbenchError, match=r"x-train\.gz"):
        finish(open_dataset(tmp_path))


# What is none -------------------------------------------------------------------------------------------------------------


def test_that_what_is_no_dataset_is_told_together_with_what_would_be_one(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for path, reason in [
        (tmp_path / "gone", "does not exist"),
        (tmp_path / "notes.txt", "neither a .gz file nor a picture"),
        (tmp_path, "there is no picture in it"),
        (Path(os.devnull), "neither a file nor a folder"),
    ]:
        with pytest.raises(SegbenchError, match=reason) as caught:
            finish(open_dataset(path))
        assert caught.value.hint


def test_that_an_index_out_of_range_is_a_sentence():
    dataset = Dataset.from_samples([sample("train", "x")], PLANES, "tiny")
    for index in (-1, 1):
        for method in (dataset.read, dataset.name, dataset.split_of, dataset.objects):
            with pytest.raises(SegbenchError, match=f"tiny has no sample {index}"):
                method(index)


# Other sources ------------------------------------------------------------------------------------------------------------


def test_that_samples_in_memory_are_put_in_order_of_their_splits():
    given = [sample("test", "t"), sample("extra", "e"), sample("train", "a"), sample("train", "b")]
    dataset = Dataset.from_samples(given, PLANES, "memory")
    assert dataset.splits == {"train": range(2), "test": range(2, 3), "extra": range(3, 4)}
    assert [dataset.name(i) for i in range(4)] == ["a", "b", "t", "e"]
    assert [dataset.read(i).index for i in range(4)] == [0, 1, 2, 3]
    assert dataset.read(1).boxes == given[0].boxes
    assert (dataset.info.format, dataset.info.size, dataset.objects(0)) == ("planes", (4, 5), None)
    with pytest.raises(ValueError, match="read-only"):
        dataset.read(0).image[:] = 1


def test_that_one_picture_is_a_dataset(tmp_path):
    path = save(tmp_path / "only.png", 7)
    dataset = finish(open_dataset(path))
    assert (dataset.info.format, dataset.info.name, len(dataset)) == ("images", "only.png", 1)
    assert dataset.read(0).image[0, 0, 0] == 7
    assert not dataset.has_masks(0)


def test_that_files_from_several_folders_are_opened_together(tmp_path):
    paths = [save(tmp_path / "x" / "a.png", 1), save(tmp_path / "y" / "a.png", 2, (3, 3))]
    dataset = open_images(paths)
    assert dataset.info.splits == {"all": 2}
    assert dataset.info.size is None
    assert len({dataset.name(0), dataset.name(1)}) == 2
    assert not any("/" in dataset.name(i) for i in range(2))
    assert [int(dataset.read(i).image[0, 0, 0]) for i in range(2)] == [1, 2]


def test_that_files_which_are_no_pictures_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    for paths in ([], [tmp_path / "a.txt"], [tmp_path / "gone.png"]):
        with pytest.raises(SegbenchError):
            open_images(paths)


# The cache ----------------------------------------------------------------------------------------------------------------


def folder_dataset(folder: Path, count: int, cache_bytes: int) -> Dataset:
    opened = open_images([save(folder / f"{k}.png", k) for k in range(count)])
    return Dataset(opened.info, opened._sources, cache_bytes)


def count_reads(monkeypatch) -> list[int]:
    reads: list[int] = []
    read = module.FileSource.read
    monkeypatch.setattr(
        module.FileSource, "read", lambda self, i, index, split: (reads.append(i), read(self, i, index, split))[1]
    )
    return reads


def test_that_a_picture_is_decoded_once_as_long_as_it_is_kept(tmp_path, monkeypatch):
    reads = count_reads(monkeypatch)
    dataset = folder_dataset(tmp_path, 3, cache_bytes=2 * 6 * 8 * 3)
    for index in (0, 1, 0, 2, 0, 1):
        assert dataset.read(index).image[0, 0, 0] == index
    # 2 pushed out 1, which had not been asked for since; then 1 pushed out 2
    assert reads == [0, 1, 2, 1]


def test_that_a_picture_larger_than_the_cache_is_read_each_time(tmp_path, monkeypatch):
    reads = count_reads(monkeypatch)
    dataset = folder_dataset(tmp_path, 1, cache_bytes=100)
    assert dataset.read(0).image.nbytes == dataset.read(0).image.nbytes == 144
    assert reads == [0, 0]


def test_that_threads_may_read_at_once(tmp_path):
    dataset = folder_dataset(tmp_path, 20, cache_bytes=7 * 144)
    wrong: list[int] = []

    def work(seed: int) -> None:
        for index in np.random.default_rng(seed).integers(0, 20, 200).tolist():
            if dataset.read(index).image[0, 0, 0] != index:
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert dataset._cache._used <= 7 * 144
    assert dataset._cache._used == 144 * len(dataset._cache._samples)
