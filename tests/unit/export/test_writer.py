"""Names, refusals, cancelling and the manifest: what an export promises whatever its format."""

from __future__ import annotations

import errno
import hashlib
import json
import shlex
import sys

import msgspec
import numpy as np
import pytest

from segbench.cli.arguments import build_parser
from segbench.cli.choosing import choose_colors, choose_reading, read_indices
from segbench.errors import SegbenchError
from segbench.export import ExportOptions, export, writer
from segbench.export.manifest import write_indices, write_line
from segbench.export.naming import Named, check_pattern, clean, make_stem, plan_names
from segbench.export.options import check_options
from segbench.records import Reading


def _manifest(out):
    return json.loads((out / "manifest.json").read_text("utf-8"))


def _run(*arguments, **options):
    return list(export(*arguments, ExportOptions(**options)))


# Names ------------------------------------------------------------------------------------------------------------------


def test_that_stems_which_repeat_get_their_index(shapes, predictor, tmp_path):
    _run("palette", predictor, shapes, [0, 1, 3], tmp_path)
    assert sorted(p.name for p in tmp_path.glob("*.png")) == ["00000_0.png", "00000_3.png", "00001.png"]


def test_that_a_pattern_for_two_samples_and_one_file_is_refused_before_anything_is_written(shapes, predictor, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(SegbenchError, match="into one file"):
        _run("planes", predictor, shapes, [0, 1], out, pattern="{class}")
    with pytest.raises(SegbenchError, match="two classes of 00000 into one file"):
        _run("planes", predictor, shapes, [0], out, pattern="{stem}")
    assert not out.exists()
    assert predictor.asked == []


def test_that_names_equal_but_for_their_case_count_as_one_file():
    samples = [Named(0, "Image", "a"), Named(1, "image", "b")]
    assert plan_names("{stem}", samples, None, ".png") == [("Image_0.png",), ("image_1.png",)]
    with pytest.raises(SegbenchError, match="into one file"):
        plan_names("x{split}", [Named(0, "p", "A"), Named(1, "q", "a")], None, ".png")


def test_that_a_pattern_may_make_folders_and_pad_the_index(shapes, predictor, tmp_path):
    _run("planes", predictor, shapes, [2], tmp_path, pattern="{class}/{split}_{index:04d}")
    assert (tmp_path / "star" / "train_0002.png").exists()


@pytest.mark.parametrize(
    "pattern",
    [
        "{name}",
        "{stem",
        "/etc/{stem}",
        "../{stem}",
        "{stem.__class__}",
        " ",
        "C:{stem}",
        "{}",
        "{index:q}",
        "{index:9999999999}",
        "{stem:{index}}",
    ],
)
def test_that_a_pattern_that_is_not_right_is_refused(pattern):
    with pytest.raises(SegbenchError, match="name pattern"):
        check_pattern(pattern)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a/b/photo.v2.JPG", "photo.v2"),
        ("straße 7.png", "straße 7"),
        ("写真.tif", "写真"),
        ("con.png", "_con"),
        ('a:b*?"<>|.png', "a_b______"),
        ("...", "_"),
        (".png", "png"),
        ("e\u0301.png", "é"),
    ],
)
def test_that_stems_are_safe_on_every_file_system(name, stem):
    assert make_stem(name) == stem


def test_that_a_long_name_is_cut_between_letters():
    assert len(clean("写" * 200).encode()) <= 100
    assert clean("写" * 200) == "写" * 33


def test_that_classes_whose_names_become_the_same_stay_apart():
    ((first, second),) = plan_names("{class}", [Named(0, "x", "all")], ["a/b", "a:b"], ".png")
    assert first != second


# Refusals ---------------------------------------------------------------------------------------------------------------


def test_that_files_that_stand_already_are_not_touched_unless_allowed(shapes, predictor, tmp_path):
    _run("palette", predictor, shapes, [1], tmp_path)
    (tmp_path / "00001.png").write_bytes(b"mine")
    with pytest.raises(SegbenchError, match="1 of the files to write stands in"):
        _run("palette", predictor, shapes, [1, 2], tmp_path)
    assert (tmp_path / "00001.png").read_bytes() == b"mine"
    assert not (tmp_path / "00002.png").exists()
    _run("palette", predictor, shapes, [1, 2], tmp_path, overwrite="replace")
    assert (tmp_path / "00001.png").read_bytes() != b"mine"


@pytest.mark.parametrize("exported", [False, True])
def test_that_a_picture_that_no_export_has_written_is_never_overwritten(shapes, predictor, tmp_path, exported):
    if exported:
        _run("palette", predictor, shapes, [1], tmp_path)
    (tmp_path / "00002.png").write_bytes(b"a photograph")
    with pytest.raises(SegbenchError, match=r"no export of segbench has written.* 1 of them, such as 00002\.png"):
        _run("palette", predictor, shapes, [1, 2], tmp_path, overwrite="replace")
    assert (tmp_path / "00002.png").read_bytes() == b"a photograph"


def test_that_an_export_that_crashed_can_be_replaced(shapes, predictor, tmp_path, monkeypatch):
    def crash(*_):
        (tmp_path / "00000.png").write_bytes(b"cut off")
        raise OSError("crash")

    monkeypatch.setattr(writer, "write_class_maps", crash)
    with pytest.raises(OSError, match="crash"):
        _run("palette", predictor, shapes, [0, 1], tmp_path)
    monkeypatch.undo()
    _run("palette", predictor, shapes, [0, 1], tmp_path, overwrite="replace")
    assert _manifest(tmp_path)["state"] == "complete"


def test_that_a_class_file_that_is_no_exports_is_never_overwritten(shapes, predictor, tmp_path):
    (tmp_path / "classes.txt").write_text("mine\n")
    for policy in ("refuse", "replace", "skip"):
        with pytest.raises(SegbenchError, match=r"The classes.txt in .* is not from an export of segbench"):
            _run("coco", predictor, shapes, [0], tmp_path, overwrite=policy)
    assert [path.name for path in tmp_path.iterdir()] == ["classes.txt"]
    assert (tmp_path / "classes.txt").read_text() == "mine\n"


def test_that_the_class_maps_of_an_export_are_overwritten_only_when_that_is_allowed(shapes, predictor, tmp_path):
    _run("planes", predictor, shapes, [0], tmp_path)
    for path in tmp_path.glob("*.png"):
        path.unlink()
    with pytest.raises(SegbenchError, match=r"such as classes\.json"):
        _run("palette", predictor, shapes, [0], tmp_path)
    _run("palette", predictor, shapes, [0], tmp_path, overwrite="replace")
    assert (tmp_path / "classes.txt").read_text("utf-8").startswith("background\n")


def test_that_a_dataset_is_never_exported_into_its_own_folder(shapes, predictor, tmp_path):
    shapes.info = msgspec.structs.replace(shapes.info, path=str(tmp_path))
    for policy in ("refuse", "replace", "skip"):
        with pytest.raises(SegbenchError, match="the folder of the dataset itself"):
            _run("coco", None, shapes, [0], tmp_path, overwrite=policy)
    assert not list(tmp_path.iterdir())


def test_that_one_folder_holds_one_export(shapes, predictor, tmp_path):
    _run("planes", predictor, shapes, [0, 1], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for policy in ("refuse", "replace", "skip"):
        with pytest.raises(SegbenchError, match="holds another export, of whose files 6 would stay"):
            _run("palette", predictor, shapes, [0, 1], tmp_path, overwrite=policy)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_that_an_export_completes_only_one_of_its_own_kind(shapes, predictor, tmp_path):
    _run("palette", predictor, shapes, [0, 1], tmp_path)
    with pytest.raises(SegbenchError, match="in another format"):
        _run("lecture", predictor, shapes, [0, 1, 2], tmp_path, overwrite="skip")
    reading = Reading("windows", ((0.7, 1.0),) * 3)
    with pytest.raises(SegbenchError, match="with other thresholds"):
        _run("palette", predictor, shapes, [0, 1, 2], tmp_path, overwrite="skip", reading=reading)
    assert len(_run("palette", predictor, shapes, [0, 1, 2], tmp_path, overwrite="skip")) == 3


def test_that_an_export_that_crashed_can_be_completed(shapes, predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "write_class_maps", lambda *_: (_ for _ in ()).throw(OSError("crash")))
    with pytest.raises(OSError, match="crash"):
        _run("palette", predictor, shapes, [0, 1], tmp_path)
    assert _manifest(tmp_path)["state"] == "begun"
    monkeypatch.undo()
    _run("palette", predictor, shapes, [0, 1], tmp_path, overwrite="skip")
    assert _manifest(tmp_path)["state"] == "complete"


@pytest.mark.parametrize("name", ["manifest", "Classes", "./manifest"])
def test_that_masks_are_never_written_into_the_exports_own_files(shapes, predictor, tmp_path, name):
    with pytest.raises(SegbenchError, match="into the export's own"):
        _run("coco", predictor, shapes, [0], tmp_path / "out", pattern=name)
    assert not (tmp_path / "out").exists()


def test_that_a_folder_that_cannot_be_made_is_named(shapes, predictor, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SegbenchError, match="cannot be made"):
        _run("palette", predictor, shapes, [0], tmp_path / "file" / "masks")


def test_that_skipping_writes_what_is_missing_and_predicts_no_more(shapes, predictor, tmp_path):
    _run("planes", predictor, shapes, [0, 1], tmp_path)
    (tmp_path / "00001_star.png").unlink()
    predictor.asked.clear()
    events = _run("planes", predictor, shapes, [0, 1, 2], tmp_path, overwrite="skip")
    assert predictor.asked == [1, 2]
    assert len(events) == 3
    assert (tmp_path / "00001_star.png").exists()
    kept = [entry["path"] for entry in _manifest(tmp_path)["files"] if entry.get("kept")]
    assert len(kept) == 3 + 2


def test_that_a_word_that_is_not_known_is_refused():
    with pytest.raises(SegbenchError, match="order of flattening"):
        check_options(ExportOptions(flattening="sideways"))


def test_that_an_unknown_format_lists_those_there_are(shapes, predictor, tmp_path):
    with pytest.raises(SegbenchError) as caught:
        _run("gif", predictor, shapes, [0], tmp_path)
    assert "palette, planes" in caught.value.hint


@pytest.mark.parametrize("indices", [[], [6], [-1]])
def test_that_samples_that_are_not_there_are_refused(shapes, predictor, tmp_path, indices):
    with pytest.raises(SegbenchError):
        _run("palette", predictor, shapes, indices, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_that_thresholds_and_scores_do_not_apply_to_truth(shapes, tmp_path):
    with pytest.raises(SegbenchError, match="Thresholds"):
        _run("planes", None, shapes, [0], tmp_path, reading=Reading("windows", ((0.5, 1.0),) * 3))
    with pytest.raises(SegbenchError, match="scores"):
        _run("palette", None, shapes, [0], tmp_path, flattening="score")


# Cancelling and failing -------------------------------------------------------------------------------------------------


def test_that_a_cancelled_export_leaves_whole_files_and_says_so(shapes, predictor, tmp_path):
    events = export("planes", predictor, shapes, range(6), tmp_path)
    next(events)
    next(events)
    events.close()
    manifest = _manifest(tmp_path)
    assert manifest["state"] == "cancelled"
    assert manifest["samples"] == {"wanted": 6, "done": 2, "indices": "0-5"}
    assert sorted(entry["path"] for entry in manifest["files"]) == sorted(p.name for p in tmp_path.glob("*.png"))
    assert len(manifest["files"]) == 6


@pytest.mark.parametrize("name", ["coco", "purdue"])
def test_that_a_cancelled_single_file_leaves_no_file(shapes, predictor, tmp_path, name):
    events = export(name, predictor, shapes, range(6), tmp_path)
    next(events)
    events.close()
    manifest = _manifest(tmp_path)
    standing = {p.name for p in tmp_path.iterdir()} - {"manifest.json", "classes.txt", "classes.json"}
    assert {entry["path"] for entry in manifest["files"]} == standing
    assert manifest["state"] == "cancelled"
    if name == "coco":
        assert not standing


def test_that_files_a_cancelled_replacement_did_not_reach_are_told_as_kept(shapes, predictor, tmp_path):
    _run("palette", predictor, shapes, [0, 1, 2], tmp_path)
    events = export("palette", predictor, shapes, [0, 1, 2], tmp_path, ExportOptions(overwrite="replace"))
    next(events)
    events.close()
    assert [(e["path"], e.get("kept", False)) for e in _manifest(tmp_path)["files"]] == [
        ("00000.png", False), ("00001.png", True), ("00002.png", True),
    ]  # fmt: skip
    _run("coco", predictor, shapes, [0], tmp_path / "coco")
    events = export("coco", predictor, shapes, [0, 1], tmp_path / "coco", ExportOptions(overwrite="replace"))
    next(events)
    events.close()
    assert _manifest(tmp_path / "coco")["files"] == [{"path": "annotations.json", "kept": True}]


def test_that_a_full_disk_leaves_whole_files_and_a_manifest(shapes, predictor, tmp_path, monkeypatch):
    write, written = writer.write_atomically, []

    def refuse_the_fifth(path, data, sync=True):
        if len(written) == 4:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        written.append(path)
        write(path, data, sync)

    monkeypatch.setattr(writer, "write_atomically", refuse_the_fifth)
    with pytest.raises(OSError, match="No space"):
        _run("planes", predictor, shapes, range(6), tmp_path)
    manifest = _manifest(tmp_path)
    assert manifest["state"] == "failed"
    assert len(manifest["files"]) == len(list(tmp_path.glob("*.png"))) == 4
    assert manifest["samples"]["done"] == 1


# The manifest -----------------------------------------------------------------------------------------------------------


def test_that_the_manifest_tells_the_checkpoint_the_thresholds_and_what_flattening_hid(shapes, predictor, tmp_path):
    weights = tmp_path / "best.safetensors"
    weights.write_bytes(b"weights")
    predictor.info = type(predictor.info)(str(weights), "munet", shapes.info.classes, "planes", 10, 1, 1, sha256="ab")
    out = tmp_path / "out"
    reading = Reading("windows", ((0.5, 1.0), (0.25, float("inf")), (0.5, float("inf"))))
    events = _run("palette", predictor, shapes, range(6), out, reading=reading)
    manifest = _manifest(out)
    assert manifest["state"] == "complete"
    assert manifest["checkpoint"]["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert manifest["checkpoint"]["weights_sha256"] == "ab"
    assert manifest["reading"] == {
        "rule": "windows",
        "windows": {"rectangle": [0.5, 1.0], "disk": [0.25, None], "star": [0.5, None]},
    }
    planes = [shapes.read(k).masks for k in range(6)]
    hidden = manifest["hidden_pixels"]
    assert hidden["star"] == 0
    assert hidden["rectangle"] == sum(int((p[0] & (p[1] | p[2])).sum()) for p in planes)
    assert hidden["disk"] == sum(int((p[1] & p[2]).sum()) for p in planes)
    assert sum(hidden.values()) == sum(event.hidden_pixels for event in events)
    assert [entry["index"] for entry in manifest["files"]] == list(range(6))


def test_that_the_manifests_command_means_the_same_export(shapes, predictor, tmp_path):
    reading = Reading("windows", ((0.5, 1.0), (0.25, float("inf")), (float("-inf"), 0.75)))
    out = tmp_path / "a folder"
    _run("palette", predictor, shapes, [0, 2, 3, 4], out, reading=reading, pattern="{index}", flattening="smallest")
    words = shlex.split(_manifest(out)["command"])
    assert words[0] == "segbench"
    parsed = build_parser("predict").parse_args(words[1:])
    assert parsed.out == str(out)
    assert read_indices(parsed.indices, 6) == [0, 2, 3, 4]
    assert (parsed.format, parsed.pattern, parsed.flatten) == ("palette", "{index}", "smallest")
    assert choose_reading(predictor.reading, shapes.info.classes, "probability", parsed) == reading


def test_that_words_of_the_command_may_begin_with_a_dash(shapes, predictor, tmp_path):
    first, *others = shapes.info.classes.classes
    dashed = msgspec.structs.replace(first, name="-a b")
    classes = msgspec.structs.replace(shapes.info.classes, classes=(dashed, *others))
    predictor.info = msgspec.structs.replace(predictor.info, classes=classes)
    reading = Reading("windows", ((0.6, 1.0),) * 3)
    colors = ((1, 2, 3), *classes.colors[1:])
    _run("planes", predictor, shapes, [0], tmp_path, pattern="-{stem}-{class}", reading=reading, colors=colors)
    parsed = build_parser("predict").parse_args(shlex.split(_manifest(tmp_path)["command"])[1:])
    assert parsed.pattern == "-{stem}-{class}"
    assert choose_reading(predictor.reading, classes, "probability", parsed) == reading
    assert choose_colors(classes, parsed) == colors


def test_that_the_command_always_names_the_batch(shapes, predictor, tmp_path):
    list(export("planes", predictor, shapes, [0], tmp_path, batch_size=3))
    assert build_parser("predict").parse_args(shlex.split(_manifest(tmp_path)["command"])[1:]).batch == 3


def test_that_a_command_is_written_for_this_systems_shell(monkeypatch):
    assert write_line(["segbench", "a b"]) == "segbench 'a b'" or sys.platform == "win32"
    monkeypatch.setattr(sys, "platform", "win32")
    assert write_line(["segbench", "C:\\a b"]) == 'segbench "C:\\a b"'


def test_that_the_command_names_the_colours_that_are_not_the_checkpoints(shapes, predictor, tmp_path):
    own = predictor.info.classes.colors
    colors = (own[0], (1, 2, 255), own[2])
    _run("palette", predictor, shapes, [0], tmp_path, colors=colors)
    manifest = _manifest(tmp_path)
    assert [tuple(c["color"]) for c in manifest["classes"]] == list(colors)
    words = shlex.split(manifest["command"])
    assert [word for word in words if "#" in word] == ["--color=disk=#0102ff"]
    parsed = build_parser("predict").parse_args(words[1:])
    assert choose_colors(predictor.info.classes, parsed) == colors


def test_that_colours_are_one_a_class(shapes, predictor, tmp_path):
    with pytest.raises(SegbenchError, match="1 colours do not fit 3 classes"):
        _run("palette", predictor, shapes, [0], tmp_path / "out", colors=((1, 2, 3),))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("indices", "words"), [(range(6), "--split=all"), (range(3, 6), "--split=test"), ([5, 4], "--indices 5,4")]
)
def test_that_the_command_names_whole_splits(shapes, predictor, tmp_path, indices, words):
    _run("lecture", predictor, shapes, indices, tmp_path)
    assert words in _manifest(tmp_path)["command"]


@pytest.mark.parametrize(("indices", "text"), [([0, 1, 2, 5], "0-2,5"), ([3], "3"), ([2, 1], "2,1"), ([], "")])
def test_that_indices_are_written_as_ranges(indices, text):
    assert write_indices(indices) == text


def test_that_the_class_map_tells_each_index_its_name_and_colour(shapes, predictor, tmp_path):
    _run("palette", predictor, shapes, [0], tmp_path)
    described = json.loads((tmp_path / "classes.json").read_text("utf-8"))
    assert described[0] == {"index": 0, "name": "background", "color": [0, 0, 0]}
    assert described[3] == {"index": 3, "name": "star", "color": [240, 228, 66]}
    assert (tmp_path / "classes.txt").read_text("utf-8") == "background\nrectangle\ndisk\nstar\n"


def test_that_events_come_in_the_order_asked_for(shapes, predictor, tmp_path):
    events = _run("npz", predictor, shapes, [4, 0, 5], tmp_path)
    assert [(e.index, e.done, e.total) for e in events] == [(4, 1, 3), (0, 2, 3), (5, 3, 3)]
    assert np.load(events[0].paths[0])["scores"].shape == (3, 12, 16)
