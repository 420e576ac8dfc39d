"""The generator: same seed, same bytes; objects keep what others hide; the lecture's share of pixels."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segbench.data import shapes
from segbench.data.shapes import ShapeSizes, find_name, generate, write_shapes
from segbench.errors import SegbenchError
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.records import Sample


def finish(events: Any) -> Any:
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def same(one: Sample, other: Sample) -> bool:
    return (
        np.array_equal(one.image, other.image)
        and np.array_equal(one.masks, other.masks)
        and one.boxes == other.boxes
        and (one.index, one.name, one.split) == (other.index, other.name, other.split)
    )


def planes(sample: Sample) -> np.ndarray:
    assert sample.masks is not None
    return sample.masks


def test_that_the_same_seed_gives_the_same_images_and_few_are_the_first_of_many() -> None:
    many = list(generate(600, seed=4))
    assert all(same(a, b) for a, b in zip(generate(10, seed=4), many, strict=False))
    assert all(same(a, b) for a, b in zip(generate(600, seed=4), many, strict=True))


def test_that_seeds_and_splits_have_images_of_their_own() -> None:
    first = [sample.image.tobytes() for sample in generate(50, seed=0)]
    assert not set(first) & {sample.image.tobytes() for sample in generate(50, seed=1)}
    assert not set(first) & {sample.image.tobytes() for sample in generate(50, seed=0, split="test")}


def test_that_the_bytes_stay_what_they_are_on_every_machine() -> None:
    """Numbers drawn raw, sines rounded: this digest must be the same everywhere. Sizes are told, so tuning leaves it alone."""
    sizes = ShapeSizes((5, 19), (8, 26), (8, 19), (14, 32), (5, 12), (12, 28))
    digest = hashlib.sha256()
    for sample in generate(200, seed=7, sizes=sizes):
        digest.update(sample.image.tobytes() + planes(sample).tobytes() + repr(sample.boxes).encode())
    assert digest.hexdigest() == "6a3859802da440efc393f42a37426676ded7e8193f37aed9735ad573dfca863e"


def test_that_first_moves_only_the_index() -> None:
    for plain, moved in zip(generate(5, 0), generate(5, 0, first=100), strict=True):
        assert moved.index == plain.index + 100
        assert np.array_equal(plain.image, moved.image)


@pytest.mark.parametrize("size", [8, 33, 64, 200])
def test_that_boxes_and_masks_agree_at_every_size(size: int) -> None:
    for sample in generate(150, seed=1, size=size):
        masks = planes(sample)
        assert sample.image.shape == (size, size, 3)
        assert masks.shape == (5, size, size)
        assert 1 <= len(sample.boxes) <= 5
        for plane in range(5):
            covered = np.zeros((size, size), bool)
            for shape, (left, top, right, bottom) in sample.boxes:
                assert 0 <= left <= right < size
                assert 0 <= top <= bottom < size
                if shape == plane:
                    covered[top : bottom + 1, left : right + 1] = True
                    window = masks[plane, top : bottom + 1, left : right + 1]
                    assert window[0].any()
                    assert window[-1].any()
                    assert window[:, 0].any()
                    assert window[:, -1].any()
            assert not (masks[plane] & ~covered).any()


def test_that_colour_is_exactly_where_a_mask_is() -> None:
    for sample in generate(300, seed=2):
        np.testing.assert_array_equal(sample.image.any(axis=2), planes(sample).any(axis=0))
        colors = np.unique(sample.image.reshape(-1, 3), axis=0)
        assert len(colors) <= len(sample.boxes) + 1


def test_that_an_object_under_another_keeps_its_mask_and_box() -> None:
    hidden = sum(int((planes(sample).sum(axis=0) > 1).sum()) for sample in generate(200, seed=3))
    assert hidden > 100


def test_that_objects_are_cut_by_the_border() -> None:
    touching = [
        box for sample in generate(200, seed=5) for _, box in sample.boxes if 0 in box[:2] or 63 in box[2:]
    ]  # fmt: skip
    assert len(touching) > 50


def test_that_counts_of_objects_follow_the_range() -> None:
    counts = [len(sample.boxes) for sample in generate(500, seed=6)]
    assert set(counts) == {1, 2, 3, 4, 5}
    assert sum(count <= 4 for count in counts) > 350
    assert {len(sample.boxes) for sample in generate(30, seed=6, objects=(2, 2))} == {2}
    assert {len(sample.boxes) for sample in generate(3, seed=6, objects=(0, 0))} == {0}


def test_that_every_class_is_drawn_with_its_own_form() -> None:
    """A lone object away from the border: area over box area tells the class."""
    fill: dict[int, list[float]] = {k: [] for k in range(5)}
    for sample in generate(1500, seed=8, objects=(1, 1), size=128):
        ((shape, (left, top, right, bottom)),) = sample.boxes
        if left > 0 and top > 0 and right < 127 and bottom < 127:
            fill[shape].append(planes(sample)[shape].sum() / ((right - left + 1) * (bottom - top + 1)))
            if shape == 2:
                assert abs((right - left) - (bottom - top)) <= 1
    means = {PURDUE_CLASSES.names[k]: float(np.mean(values)) for k, values in fill.items()}
    assert means["disk"] == pytest.approx(np.pi / 4, abs=0.03)
    assert means["rectangle"] > means["triangle"]
    assert means["star"] < 0.45


def test_that_sizes_scale_with_the_image_and_with_the_scale() -> None:
    def share(**how: Any) -> float:
        return float(np.mean([planes(sample).mean() for sample in generate(400, seed=9, **how)]))

    plain = share()
    assert share(size=128) == pytest.approx(plain, rel=0.02)
    assert share(scale=0.5) < 0.4 * plain


def test_that_even_the_thinnest_object_has_a_pixel() -> None:
    thin = ShapeSizes(*[(0.01, 0.02)] * 6)
    for sample in generate(100, seed=0, sizes=thin):
        assert all(box[0] == box[2] and box[1] == box[3] for _, box in sample.boxes)
        assert planes(sample).any()


@pytest.mark.heavy
def test_that_predicting_nothing_costs_what_the_lectures_losses_imply() -> None:
    values = np.array(PURDUE_CLASSES.values, float)
    share = np.mean([planes(sample).mean(axis=(1, 2)) for sample in generate(10_000, seed=0)], axis=0)
    assert (share * values**2).mean() == pytest.approx(490, abs=20)


@pytest.mark.parametrize(
    "how", [{"size": 7}, {"size": 5000}, {"count": -1}, {"seed": -1}, {"seed": 2**63}, {"objects": (3, 2)}]
)
def test_that_values_out_of_range_are_refused(how: dict[str, Any]) -> None:
    with pytest.raises(SegbenchError):
        list(islice(generate(**{"count": 1, "seed": 0, **how}), 1))


# Files ------------------------------------------------------------------------------------------------------------------


def test_that_a_folder_holds_both_splits_and_a_gz_only_one(tmp_path: Path) -> None:
    folder = finish(write_shapes(tmp_path / "a" / "shapes", 12, 4, seed=1, size=16))
    assert sorted(file.name for file in folder.iterdir()) == [find_name(12, "train"), find_name(4, "test")]
    single = finish(write_shapes(tmp_path / "b" / "shapes.gz", 12, 4, seed=1, size=16))
    assert single.read_bytes() == (folder / find_name(12, "train")).read_bytes()
    assert [file.name for file in single.parent.iterdir()] == ["shapes.gz"]


def test_that_progress_counts_both_splits(tmp_path: Path) -> None:
    events = list(write_shapes(tmp_path / "shapes", 120, 60, seed=1, size=8))
    done = [event.done for event in events]
    assert done == sorted(done)
    assert done[-1] == 180
    assert {event.total for event in events} == {180}


def test_that_what_stands_there_is_not_overwritten_unless_allowed(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    (tmp_path / "a.gz").write_text("old")
    for out in (tmp_path / "full", tmp_path / "a.gz"):
        with pytest.raises(SegbenchError):
            finish(write_shapes(out, 5, 2, seed=0, size=8))
        finish(write_shapes(out, 5, 2, seed=0, size=8, overwrite=True))
    assert (tmp_path / "full" / "letter.txt").read_text() == "dear"
    assert (tmp_path / "a.gz").read_bytes()[:2] == b"\x1f\x8b"


@pytest.mark.parametrize("test_count", [0, 3])
def test_that_overwriting_replaces_files_of_other_counts(tmp_path: Path, test_count: int) -> None:
    finish(write_shapes(tmp_path, 5, 2, seed=0, size=8))
    (tmp_path / "mine-train.gz").write_text("not of the generator")
    finish(write_shapes(tmp_path, 6, test_count, seed=0, size=8, overwrite=True))
    made = [find_name(6, "train"), *([find_name(3, "test")] if test_count else [])]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*made, "mine-train.gz"])


def test_that_an_interrupted_overwriting_leaves_what_stood_there(tmp_path: Path) -> None:
    finish(write_shapes(tmp_path, 5, 2, seed=0, size=8))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    writing = write_shapes(tmp_path, 5, 400, seed=1, size=8, overwrite=True)
    next(event for event in writing if event.done > 5)
    writing.close()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_that_the_ending_gz_counts_in_capitals_too(tmp_path: Path) -> None:
    assert finish(write_shapes(tmp_path / "X.GZ", 2, 2, seed=0, size=8)).is_file()


def test_that_a_refused_request_makes_no_folder(tmp_path: Path) -> None:
    for out in (tmp_path / "deep" / "er" / "s.gz", tmp_path / "deep" / "er" / "s"):
        with pytest.raises(SegbenchError, match="seed"):
            finish(write_shapes(out, 5, 2, seed=-4))
    assert list(tmp_path.iterdir()) == []


def test_that_a_file_and_a_folder_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "folder.gz").mkdir()
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "folder.gz", tmp_path / "file"):
        with pytest.raises(SegbenchError):
            finish(write_shapes(out, 5, 2, overwrite=True))


def test_that_an_interrupted_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    writing = write_shapes(tmp_path / "deep" / "new", 200, 10, seed=0, size=8)
    next(writing)
    writing.close()
    assert list(tmp_path.iterdir()) == []


def test_that_a_data_set_needs_an_image(tmp_path: Path) -> None:
    with pytest.raises(SegbenchError):
        finish(write_shapes(tmp_path / "x", 0, 0))
    assert shapes.TRAIN_COUNT == 10_000
