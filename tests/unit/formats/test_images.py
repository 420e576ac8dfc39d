"""The decoding rules of formats/images.py and formats/masks.py."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.errors import SegbenchError
from segbench.formats import images
from segbench.formats.classes import Naming, build_index_table
from segbench.formats.images import WhiteLevel, find_white_level, read_image, read_picture, read_preview, read_size
from segbench.formats.masks import build_rule, check_size, probe_masks, read_labels, read_plane
from segbench.records import IGNORE

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of what it then raises or survives
RNG = np.random.default_rng(7)
CORNERS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[9, 9, 9], [90, 90, 90], [200, 200, 200]]], np.uint8)


def save(path: Path, array: np.ndarray, **options: object) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


def write_deep_png(path: Path, values: np.ndarray) -> Path:
    """A 16-bit PNG of uint16 (H, W, 1 to 4), which Pillow itself cannot write in colour."""
    height, width, channels = values.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def rule_of(*names: str, binary: bool = False, colors: tuple = ()):
    return build_rule(build_index_table(Naming(names, (None,) * len(names)), "test"), colors, binary)


# Images -----------------------------------------------------------------------------------------------------------------


def test_that_rgb_is_read_as_it_stands(tmp_path):
    read = read_image(save(tmp_path / "a.png", CORNERS))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, CORNERS)


def test_that_grey_becomes_three_equal_channels(tmp_path):
    grey = RNG.integers(0, 256, (5, 4), np.uint8)
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", grey)), np.repeat(grey[..., None], 3, 2))


def test_that_one_bit_becomes_black_and_white(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[True, False]])).save(path)
    np.testing.assert_array_equal(read_image(path)[..., 0], [[255, 0]])


def test_that_transparency_is_dropped_and_colours_stay_as_stored(tmp_path):
    rgba = np.dstack([CORNERS, np.array([[0, 128, 255], [3, 2, 1]], np.uint8)])
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", rgba)), CORNERS)


def test_that_a_palette_is_looked_up(tmp_path):
    picture = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), mode="P")
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    picture.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[1].tolist() == [[70, 80, 90], [40, 50, 60]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_that_exif_rotation_is_honoured_and_the_header_tells_the_same_size(tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} if ending != "webp" else {"exif": exif, "lossless": True}
    path = save(tmp_path / f"a.{ending}", CORNERS, **options)
    turns = {
        1: CORNERS, 2: CORNERS[:, ::-1], 3: CORNERS[::-1, ::-1], 4: CORNERS[::-1],
        5: CORNERS.swapaxes(0, 1), 6: np.rot90(CORNERS, -1), 7: CORNERS[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(CORNERS),
    }  # fmt: skip
    read = read_image(path)
    np.testing.assert_array_equal(read, turns[orientation])
    assert read_size(path) == read.shape[:2]
    assert read.flags.c_contiguous


def test_that_the_first_of_several_pictures_counts(tmp_path):
    first, second = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")
    first.save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[second])
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second])
    for name in ("phone.jpg", "moving.gif"):
        assert read_image(tmp_path / name)[0, 0].argmax() == 0


def test_that_a_damaged_exif_block_does_not_cost_the_pixels(tmp_path):
    path = save(tmp_path / "a.png", CORNERS, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    np.testing.assert_array_equal(read_image(path), CORNERS)


@pytest.mark.parametrize(
    ("top", "level"), [(0, 255), (200, 255), (256, 511), (4095, 4095), (4096, 8191), (65535, 65535)]
)
def test_that_white_is_the_smallest_power_of_two_less_one_that_holds_the_largest_value(top, level):
    assert find_white_level(np.array([[0, top]], np.uint16)) == level


def test_that_16_bit_grey_is_divided_by_the_white_level(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 2048, 4095]], np.uint16))
    assert read_image(path)[0, :, 1].tolist() == [0, 128, 255]


@pytest.mark.parametrize("channels", [3, 4])
def test_that_16_bit_colours_keep_both_of_their_bytes(tmp_path, channels):
    values = RNG.integers(0, 1024, (6, 5, channels), dtype=np.uint16)
    values[0, 0, 0] = 1023
    read = read_image(write_deep_png(tmp_path / "a.png", values))
    np.testing.assert_array_equal(read, (values[..., :3] * (255 / 1023) + 0.5).astype(np.uint8))


def test_that_16_bit_grey_with_alpha_keeps_both_of_its_bytes(tmp_path):
    values = RNG.integers(0, 1024, (6, 5, 2), dtype=np.uint16)
    values[0, 0, 0] = 1023
    read = read_image(write_deep_png(tmp_path / "a.png", values))
    np.testing.assert_array_equal(read, (values[..., :1] * (255 / 1023) + 0.5).astype(np.uint8).repeat(3, axis=2))


def test_that_16_bit_grey_png_and_tiff_give_the_same(tmp_path):
    values = RNG.integers(0, 65536, (6, 5, 1), dtype=np.uint16)
    tiff = save(tmp_path / "a.tif", values[..., 0])
    np.testing.assert_array_equal(read_image(tiff), read_image(write_deep_png(tmp_path / "a.png", values)))


def test_that_float_pictures_up_to_one_become_0_to_255(tmp_path):
    path = save(tmp_path / "a.tif", np.array([[0, 0.5, 1.0, np.nan]], np.float32))
    assert read_image(path)[0, :, 0].tolist() == [0, 128, 255, 0]


def test_that_one_white_level_serves_the_whole_dataset(tmp_path):
    dark = save(tmp_path / "1.png", np.full((2, 2), 1000, np.uint16))
    bright = save(tmp_path / "2.png", np.full((2, 2), 4000, np.uint16))
    brighter = save(tmp_path / "3.png", np.full((2, 2), 9000, np.uint16))
    for order in ((dark, bright, brighter), (brighter, bright, dark)):
        white = WhiteLevel(tmp_path, ["1.png", "2.png"])
        read = {path: int(read_image(path, white)[0, 0, 0]) for path in order}
        assert [read[path] for path in (dark, bright, brighter)] == [62, 249, 255]


def test_that_a_picture_tells_which_value_became_white(tmp_path):
    deep, plain = save(tmp_path / "1.png", np.full((2, 2), 1000, np.uint16)), save(tmp_path / "2.png", CORNERS)
    white = WhiteLevel(tmp_path, ["1.png", "2.png"])
    assert [read_picture(path, white)[1] for path in (deep, plain)] == [1023, 0]


def test_that_the_white_level_comes_from_files_spread_over_the_whole_dataset(tmp_path):
    names = [f"{k}.png" for k in range(100)]
    for k, name in enumerate(names):
        save(tmp_path / name, np.full((2, 2), 60000 if k == 99 else 1000, np.uint16))
    assert WhiteLevel(tmp_path, names).find() == 65535


def test_that_files_of_8_bits_have_no_white_level_and_say_so_in_their_headers(tmp_path, monkeypatch):
    save(tmp_path / "a.png", CORNERS)
    monkeypatch.setattr(images, "_decode", lambda *_: pytest.fail("decoded"))
    assert WhiteLevel(tmp_path, ["a.png"]).find() == 0


def test_that_a_picture_over_the_pixel_limit_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = save(tmp_path / "big.png", np.zeros((20, 30, 3), np.uint8))
    monkeypatch.setattr(images, "PIXEL_LIMIT", 599)
    with pytest.raises(SegbenchError, match=r"big\.png has 30 x 20 pixels"):
        read_image(path)


def test_that_a_deep_picture_may_have_half_as_many_pixels(tmp_path, monkeypatch):
    path = write_deep_png(tmp_path / "deep.png", np.zeros((20, 30, 3), np.uint16))
    monkeypatch.setattr(images, "PIXEL_LIMIT", 1199)
    with pytest.raises(SegbenchError, match=r"deep\.png has 30 x 20 pixels"):
        read_image(path)


def test_that_a_picture_read_in_strips_is_the_same(tmp_path, monkeypatch):
    values = RNG.integers(0, 65536, (11, 5, 4), np.uint16)
    paths = [write_deep_png(tmp_path / f"{n} channels.png", values[..., :n]) for n in (1, 2, 3, 4)]
    small = RNG.integers(0, 256, (11, 5, 4), np.uint8)
    paths += [save(tmp_path / f"{n}.png", small[..., :n]) for n in (3, 4)]
    paths += [
        save(tmp_path / "grey.png", small[..., 0]),
        save(tmp_path / "float.tif", small[..., 0].astype(np.float32)),
    ]
    Image.fromarray(small[..., :3]).quantize(9).save(tmp_path / "palette.png")
    paths.append(tmp_path / "palette.png")
    whole = [read_image(path) for path in paths]
    monkeypatch.setattr(images, "STRIP_PIXELS", 10)
    assert all(np.array_equal(read_image(path), image) for path, image in zip(paths, whole, strict=True))


@pytest.mark.heavy
@pytest.mark.skipif(os.name == "nt", reason="Windows tells no peak")
def test_that_the_largest_picture_takes_less_than_a_gigabyte(tmp_path):
    side = int((images.PIXEL_LIMIT // 2) ** 0.5)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    rows = b"".join([*(packer.compress(b"\0" + b"\x40" * (8 * side)) for _ in range(side)), packer.flush()])
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    path = tmp_path / "large.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    code = (
        "import resource, sys; from segbench.formats.images import read_image; read_image(sys.argv[1]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024))"
    )
    told = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 1 << 30


def test_that_a_decompression_bomb_is_a_sentence(tmp_path):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))))
    with pytest.raises(SegbenchError, match=r"bomb\.png has .*more.* than segbench opens"):
        read_image(path)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "bmp", "webp", "gif", "ppm"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.8])
def test_that_a_truncated_file_is_told_by_its_name(tmp_path, ending, share):
    path = save(tmp_path / f"cut.{ending}", RNG.integers(0, 256, (64, 64, 3), np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SegbenchError, match=rf"cut\.{ending}"):
        read_image(path)


def test_that_damaged_bytes_never_give_anything_but_a_picture_or_a_sentence(tmp_path):
    path = tmp_path / "a.png"
    whole = {
        end: save(tmp_path / f"w.{end}", CORNERS.repeat(9, 0)).read_bytes()
        for end in ("png", "tif", "jpg", "gif", "bmp")
    }
    for number in range(150):
        content = bytearray(list(whole.values())[number % len(whole)])
        for place in RNG.integers(0, len(content), 4):
            content[place] = RNG.integers(0, 256)
        path.write_bytes(content)
        with contextlib.suppress(SegbenchError):
            assert read_image(path).shape[2] == 3


def test_that_a_missing_file_is_told_by_its_name(tmp_path):
    with pytest.raises(SegbenchError, match=r"gone\.png does not exist"):
        read_image(tmp_path / "gone.png")


def test_that_a_preview_of_a_jpeg_is_smaller_but_not_smaller_than_asked_for(tmp_path):
    path = save(tmp_path / "a.jpg", np.zeros((400, 800, 3), np.uint8))
    assert read_preview(path, 128).shape[:2] in {(100, 200), (200, 400), (64, 128)}
    assert max(read_preview(path, 128).shape) >= 128
    assert read_preview(path, 2000).shape == (400, 800, 3)


# Masks ------------------------------------------------------------------------------------------------------------------


def test_that_255_is_ignored_and_any_other_index_beyond_the_classes_refused(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 1, 255]], np.uint8))
    assert read_labels(path, rule_of("a", "b")).tolist() == [[0, 1, IGNORE]]
    path = save(tmp_path / "m.png", np.array([[0, 1, 11, 255]], np.uint8))
    with pytest.raises(SegbenchError, match=r"m\.png holds the value 11") as caught:
        read_labels(path, rule_of("a", "b"))
    assert '"11: NAME" to classes.txt' in caught.value.hint


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "I", "LA", "RGB", "RGBA"])
def test_that_every_mode_of_index_mask_gives_the_same_labels(tmp_path, mode):
    index = np.array([[0, 1], [1, 0]], np.uint8)
    path = tmp_path / ("m.tif" if mode == "I" else "m.png")
    if mode == "1":
        picture = Image.fromarray(index.astype(bool))
    elif mode in ("I;16", "I"):
        picture = Image.fromarray(index.astype(np.uint16 if mode == "I;16" else np.int32))
    elif mode == "P":
        picture = Image.fromarray(index, mode="P")
        picture.putpalette([9, 9, 9, 200, 0, 0])
    else:
        picture = Image.fromarray(index).convert(mode)
    picture.save(path)
    read = read_labels(path, rule_of("a", "b"))
    assert read.dtype == np.uint8
    assert read.tolist() == index.tolist()


def test_that_16_bit_indices_do_not_wrap_around(tmp_path):
    path = save(tmp_path / "m.png", np.array([[1, 257]], np.uint16))
    with pytest.raises(SegbenchError, match="the value 257"):
        read_labels(path, rule_of("a", "b"))


def test_that_colours_are_looked_up_and_unknown_ones_ignored(tmp_path):
    path = save(tmp_path / "m.png", np.array([[[0, 0, 0], [128, 64, 128], [1, 2, 3]]], np.uint8))
    assert read_labels(path, rule_of("road", "sky", colors=((128, 64, 128), (0, 0, 0)))).tolist() == [[1, 0, IGNORE]]


def test_that_a_palette_in_another_order_is_looked_up_by_its_colours(tmp_path):
    picture = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    picture.putpalette([0, 0, 255, 255, 0, 0])
    picture.save(tmp_path / "m.png")
    rule = rule_of("red", "blue", colors=((255, 0, 0), (0, 0, 255)))
    assert read_labels(tmp_path / "m.png", rule).tolist() == [[1, 0]]


def test_that_indices_count_where_two_classes_share_a_colour(tmp_path):
    picture = Image.fromarray(np.array([[0, 1, 2]], np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 0])
    picture.save(tmp_path / "m.png")
    rule = rule_of("a", "b", "c", colors=((0, 0, 0), (255, 0, 0), (0, 0, 0)))
    assert read_labels(tmp_path / "m.png", rule).tolist() == [[0, 1, 2]]


def test_that_a_colour_mask_without_known_colours_is_refused(tmp_path):
    with pytest.raises(SegbenchError, match=r"m\.png is a colour picture") as caught:
        read_labels(save(tmp_path / "m.png", CORNERS), rule_of("a", "b"))
    assert "classes.txt" in caught.value.hint


def test_that_a_void_class_is_ignored_and_the_others_move_up(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 1, 2]], np.uint8))
    assert read_labels(path, rule_of("void", "a", "b")).tolist() == [[IGNORE, 0, 1]]


def test_that_a_binary_mask_may_write_255_for_1(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 255]], np.uint8))
    assert read_labels(path, rule_of("background", "a", binary=True)).tolist() == [[0, 1]]


def test_that_a_plane_is_set_where_anything_is_above_zero(tmp_path):
    grey = save(tmp_path / "g.png", np.array([[0, 1, 255]], np.uint8))
    rgba = save(tmp_path / "c.png", np.array([[[0, 0, 0, 255], [0, 0, 9, 255], [5, 0, 0, 0]]], np.uint8))
    assert read_plane(grey).tolist() == read_plane(rgba).tolist() == [[False, True, True]]
    picture = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    picture.putpalette([255, 255, 255, 0, 0, 0])
    picture.save(tmp_path / "p.png")
    assert read_plane(tmp_path / "p.png").tolist() == [[True, False]]


def test_that_a_mask_of_another_size_is_told_with_both_sizes():
    with pytest.raises(SegbenchError, match=r"m\.png has 3 x 2 pixels, its image i\.png 5 x 4") as caught:
        check_size(np.zeros((2, 3), np.uint8), "m.png", (4, 5), "i.png")
    assert "nearest" in caught.value.hint


def test_that_a_photograph_is_no_mask(tmp_path):
    path = save(tmp_path / "m.png", RNG.integers(0, 256, (90, 90, 3), np.uint8))
    with pytest.raises(SegbenchError, match=r"is a picture of .* colours, not a mask"):
        list(probe_masks([path]))


def test_that_a_grey_mask_is_no_jpeg_unless_it_is_black_and_white(tmp_path):
    blurred, flat = np.zeros((32, 32), np.uint8), np.zeros((32, 32), np.uint8)
    blurred[5:20, 3:17], flat[8:16, 8:24] = 255, 255
    list(probe_masks([save(tmp_path / "flat.jpg", flat, quality=100)]))
    with pytest.raises(SegbenchError, match=r"blurred\.jpg is a JPEG of .* greys") as caught:
        list(probe_masks([save(tmp_path / "blurred.jpg", blurred)]))
    assert "never as JPEG" in caught.value.hint


@pytest.mark.parametrize(("value", "wrong"), [(255, 0.005), (1, 0.03)])
def test_that_a_plane_that_jpeg_has_blurred_keeps_its_shape(tmp_path, value, wrong):
    inside = np.hypot(*(np.mgrid[:64, :64] - 31.5)) < 20
    plane = read_plane(save(tmp_path / "disk.jpg", (inside * value).astype(np.uint8), quality=90))
    assert np.mean(plane != inside) < wrong
    assert not read_plane(save(tmp_path / "empty.jpg", np.zeros((64, 64), np.uint8))).any()
