"""The main job at the window, on a few generated shapes: made, browsed, trained on, predicted, exported; through widgets alone."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QAbstractItemView, QSpinBox, QTableView

from segbench.cli.main import run_command
from segbench.data.dataset import Dataset, open_dataset
from segbench.data.shapes import generate as shapes_of
from segbench.formats.checkpoints import read_checkpoint_info
from segbench.gui.widgets.gallery import Gallery
from segbench.gui.widgets.image_canvas import ImageCanvas
from segbench.gui.widgets.sample_strip import SampleStrip
from segbench.inference.predictor import load_predictor
from segbench.metrics import count_pixels
from segbench.targets import read_masks
from tests.e2e.driving import User


def load(path: Path) -> Dataset:
    """What the window has open, read by the core."""
    work = open_dataset(path)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def count_colored(picture: np.ndarray) -> int:
    """Pixels that are no grey: the window itself has hardly any."""
    return int((np.ptp(picture.astype(np.int16), axis=2) > 80).sum())


def shows(picture: np.ndarray, image: np.ndarray) -> bool:
    """Does a picture of a widget hold every colour of an image?"""
    painted = {tuple(color) for color in np.unique(picture.reshape(-1, 3), axis=0).tolist()}
    return all(tuple(color) in painted for color in np.unique(image.reshape(-1, 3), axis=0).tolist())


def generate(user: User, folder: Path) -> None:
    """24 images of 24 x 24 pixels to train on and 6 to test on."""
    user.click("generate")
    user.wait_for_dialog("generate_dialog")
    for field, text in (("count", "24"), ("tests", "6"), ("size", "24"), ("seed", "3"), ("folder", str(folder))):
        user.type(f"generate_{field}", text)
    user.click("generate_start")
    user.wait_for(lambda: user.sees("gallery"), "the gallery of the new dataset")


def set_up(user: User, **knobs: str) -> None:
    """Goes to the training page and fills the form."""
    user.press("Ctrl+2")
    if not user.sees("knob_preview_seconds"):
        user.click("advanced")
    user.choose("knob_network.depth", "4")
    user.type("knob_data.batch_size", "4")
    user.type("knob_preview_seconds", "0.2")
    for name, text in knobs.items():
        user.type(f"knob_{name}", text)


def wait_for_phase(user: User, phase: str) -> None:
    user.wait_for(lambda: user.text("run_phase") == phase, f"the run to be {phase}", seconds=90)


def read_step(user: User) -> int:
    """Steps done, as the page says: "12 / 300"."""
    text = user.text("fact_step").partition(" / ")[0].replace(",", "")
    return int(text) if text.isdigit() else 0


# Browsing -----------------------------------------------------------------------------------------------------------------


def test_that_shapes_are_made_and_shown_from_an_empty_window(run_app, tmp_path: Path) -> None:
    folder = tmp_path / "formas nuevas"

    def body(user: User) -> None:
        generate(user, folder)
        assert user.text("status_dataset") == "formas nuevas  ·  30 images, 5 classes"
        gallery = user.find("gallery", Gallery)
        assert gallery.model().rowCount() == 30
        user.wait_for(lambda: count_colored(user.look("gallery")) > 3000, "thumbnails")
        image = next(iter(shapes_of(24, 3, size=24))).image
        user.wait_for(lambda: shows(user.look("canvas_image"), image), "the first image")
        assert user.text("filter_note") == "30 samples"

    run_app(body)
    dataset = load(folder)
    assert [len(dataset.splits[name]) for name in ("train", "test")] == [24, 6]
    assert dataset.read(0).size == (24, 24)


def test_that_keys_and_the_number_walk_through_the_images(run_app, shapes: Path) -> None:
    dataset = load(shapes)

    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        canvas = user.find("canvas_image", ImageCanvas)
        gallery = user.find("gallery", Gallery)
        user.click_at(gallery.viewport(), gallery.visualRect(gallery.model().index(0)).center())
        seen = {}
        for key, index in (
            ("Right", 1), ("D", 2), ("A", 1), ("Left", 0), ("Left", 0), ("End", 29), ("D", 29), ("Home", 0), ("D", 1)
        ):  # fmt: skip
            user.press(key)
            assert user.text("sample_number") == str(index + 1), key  # people count from 1
            user.wait_for(lambda index=index: canvas.title == f"Image: {dataset.name(index)}", f"image {index}")
            seen[index] = user.look("canvas_image")
        assert not np.array_equal(seen[1], seen[2])
        user.press("G")
        user.press("Ctrl+A")
        for digit in "18":
            user.press(digit)
        user.press("Return")
        user.wait_for(lambda: canvas.title == f"Image: {dataset.name(17)}", "image 17")
        user.press("D")
        assert user.text("sample_number") == "19"

    run_app(body, shapes)


def test_that_filters_reduce_the_gallery_to_what_the_dataset_holds(run_app, shapes: Path) -> None:
    dataset = load(shapes)
    objects = [dataset.read(i).masks.any(axis=(1, 2)) for i in range(30)]
    names = dataset.info.classes.names
    star = names.index("star")
    with_star = [i for i in range(30) if objects[i][star]]
    assert 0 < len(with_star) < 30

    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        model = user.find("gallery", Gallery).model()
        user.click(f"chip_{star}")
        user.wait_for(lambda: user.text("filter_note") == f"{len(with_star)} of 30 samples", "samples with a star")
        assert [model.index_at(row) for row in range(model.rowCount())] == with_star
        user.choose("split", "test")
        wanted = [i for i in with_star if i >= 24]
        user.wait_for(lambda: model.rowCount() == len(wanted), "test samples with a star")
        user.click("reset_filter")
        user.wait_for(lambda: user.text("filter_note") == "30 samples", "all samples")
        user.type("search", dataset.name(7))
        user.wait_for(lambda: model.rowCount() < 30, "samples by their names")
        assert 7 in [model.index_at(row) for row in range(model.rowCount())]

    run_app(body, shapes)


# Training -------------------------------------------------------------------------------------------------------------------


@pytest.mark.heavy
def test_that_a_run_is_trained_paused_stopped_listed_and_continued(run_app, shapes: Path, home: Path) -> None:
    runs = home / "data" / "runs"

    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        user.press("G")
        user.press("Ctrl+A")
        user.press("6")  # people count from 1: this is sample 5
        user.press("Return")
        user.press("P")
        user.wait_for(lambda: user.text("dataset_pin_button") == "Pinned", "the pin")
        set_up(user, epochs="1")
        user.wait_for(lambda: user.sees("sample_strip"), "the pinned samples")
        strip = user.find("sample_strip", SampleStrip)
        user.wait_for(lambda: 5 in [card.sample for card in strip.contents()], "the pinned sample")

        # A whole run
        user.click("start")
        assert user.text("run_phase") == "Preparing…"
        wait_for_phase(user, "Completed")
        steps = read_step(user)
        assert user.text("fact_step") == f"{steps} / {steps}"
        assert user.text("fact_epoch") == "1 / 1"
        user.wait_for(lambda: user.count_points("loss") == steps, "a point a step")
        user.wait_for(lambda: user.count_points("iou") == 1, "a point an epoch")
        pinned = next(card for card in strip.contents() if card.sample == 5)
        assert pinned.note.startswith("step ")
        assert pinned.pictures[2] is not None
        (first,) = runs.iterdir()

        # A long one: pause, resume, stop
        user.type("knob_epochs", "500")
        user.click("start")
        user.wait_for(lambda: user.text("run_phase") == "Training" and read_step(user) > 2, "steps", seconds=90)
        user.click("pause")
        wait_for_phase(user, "Paused")
        user.rest(0.3)  # the step in progress
        paused = read_step(user)
        user.rest(0.5)
        assert read_step(user) == paused
        assert user.text("pause") == "Resume"
        user.click("pause")
        user.wait_for(lambda: read_step(user) > paused, "more steps")
        user.click("stop")
        wait_for_phase(user, "Stopped")
        (second,) = set(runs.iterdir()) - {first}
        assert read_checkpoint_info(second / "checkpoints" / "last.safetensors").step == read_step(user)

        # The list of runs
        user.press("Ctrl+Shift+R")
        user.wait_for(lambda: user.sees("runs_table"), "the list of runs")
        table = user.find("runs_table", QTableView)
        runs_table = table.model()

        def read_states() -> list[str]:
            return [runs_table.index(row, 1).data() for row in range(runs_table.rowCount())]

        user.wait_for(lambda: sorted(read_states()) == ["Completed", "Stopped"], "two runs, both at rest")
        states = read_states()
        row = table.model().index(states.index("Completed"), 0)
        table.scrollTo(row, QAbstractItemView.ScrollHint.EnsureVisible)
        user.click_at(table.viewport(), table.visualRect(row).center())
        user.click_at(table.viewport(), table.visualRect(row).center(), double=True)
        wait_for_phase(user, "Completed")
        assert user.text("run_name") == first.name
        row = table.model().index(states.index("Stopped"), 0)
        user.click_at(table.viewport(), table.visualRect(row).center())
        user.click_at(table.viewport(), table.visualRect(row).center(), double=True)
        wait_for_phase(user, "Stopped")

        # It goes on where it stopped
        before = read_step(user)
        user.click("continue_run")
        dialog = user.wait_for_dialog("continue_dialog")
        field = dialog.findChild(QSpinBox)
        assert field.value() == 500
        field.setObjectName("epochs_in_all")
        user.type("epochs_in_all", str(before // steps + 2))
        user.press("Return", "epochs_in_all")
        wait_for_phase(user, "Completed")
        assert read_step(user) == steps * (before // steps + 2)
        user.wait_for(lambda: user.count_points("loss") == read_step(user), "one curve without a gap")

    run_app(body, shapes)
    assert len(list(runs.iterdir())) == 2


# Prediction -----------------------------------------------------------------------------------------------------------------


def look_up(place, home: Path) -> None:
    """The trained run, where the window looks for runs."""
    shutil.copytree(place.run, home / "data" / "runs" / "small run")


def open_prediction(user: User) -> None:
    """The run's best checkpoint on the first test image."""
    user.wait_for(lambda: user.sees("gallery"), "the gallery")
    user.press("Ctrl+3")
    user.wait_for(lambda: user.find("checkpoint").count() == 2, "the checkpoints of the run")
    user.choose("checkpoint", "small run – best")
    user.wait_for(lambda: user.sees("canvas_prediction") and user.text("mean_iou").startswith("IoU"), "a prediction")


def read_pixels(user: User, k: int) -> int:
    """Pixels predicted as class k, as its row says."""
    return int(user.text_beside(f"low_{k}", 7).replace(",", ""))


def test_that_the_prediction_is_the_cores_and_thresholds_and_eyes_change_it(run_app, place, home: Path) -> None:
    look_up(place, home)
    sample = load(place.data).read(24)
    predictor = load_predictor(place.run)
    scores = predictor.predict([sample.image])[0]
    masks = read_masks(scores, predictor.reading)
    iou = count_pixels(masks, sample.masks, None, predictor.info.classes.names).mean_iou
    low = float(np.quantile(scores[0].astype(np.float32), 0.5))  # half of all pixels are above it

    def body(user: User) -> None:
        open_prediction(user)
        assert user.text("split") == "Test"
        assert user.text("sample_count") == "of 6"
        assert user.text("mean_iou") == f"IoU {iou:.3f}"
        assert [read_pixels(user, k) for k in range(5)] == masks.sum(axis=(1, 2)).tolist()
        assert shows(user.look("canvas_image"), sample.image)
        assert not np.array_equal(user.look("canvas_truth"), user.look("canvas_image"))

        # A threshold
        before = user.look("canvas_prediction")
        user.type("low_0", f"{low:.2f}")
        shown = float(user.text("low_0"))
        wanted = int((scores[0].astype(np.float32) > np.float32(shown)).sum())
        user.wait_for(lambda: read_pixels(user, 0) == wanted, "the pixels above the new threshold")
        changed = user.look("canvas_prediction")
        assert not np.array_equal(before, changed)
        assert user.text("presets") == "Custom thresholds"
        user.press("Ctrl+Z", "canvas_prediction")
        user.wait_for(lambda: np.array_equal(user.look("canvas_prediction"), before), "the undone threshold")
        user.press("Ctrl+Shift+Z", "canvas_prediction")
        user.wait_for(lambda: np.array_equal(user.look("canvas_prediction"), changed), "the threshold done again")

        # An eye
        user.click("eye_0")
        hidden = user.look("canvas_prediction")
        assert not np.array_equal(hidden, changed)
        user.press("1", "canvas_prediction")
        assert np.array_equal(user.look("canvas_prediction"), changed)

        # Where it is wrong
        user.click("mode_difference")
        user.wait_for(lambda: count_colored(user.look("canvas_difference")) > 500, "the painted difference")
        difference = user.look("canvas_difference")
        user.press("Alt+1")
        assert not user.sees("canvas_difference")
        user.press("D")
        user.wait_for(lambda: user.text("sample_number") == "2", "the next image")
        user.press("Alt+3")
        user.wait_for(lambda: not np.array_equal(user.look("canvas_difference"), difference), "its difference")

    run_app(body, place.data)


def test_that_a_split_is_scored_and_its_worst_image_comes_first(run_app, place, home: Path) -> None:
    look_up(place, home)

    def body(user: User) -> None:
        open_prediction(user)
        user.click("score_split")
        user.wait_for(lambda: user.text("score_summary").startswith("test: mean IoU"), "the scores")
        table = user.find("score_table", QTableView)
        assert table.model().rowCount() == 6
        shown = [float(table.model().index(row, 1).data()) for row in range(6)]
        assert shown == sorted(shown)
        user.click_at(table.viewport(), table.visualRect(table.model().index(0, 0)).center())
        user.wait_for(lambda: user.text("mean_iou") == f"IoU {shown[0]:.3f}", "the worst image")

    run_app(body, place.data)


# Export ---------------------------------------------------------------------------------------------------------------------


def test_that_exported_palettes_are_indices_and_the_manifests_command_makes_the_same(
    run_app, place, home: Path, tmp_path: Path
) -> None:
    look_up(place, home)
    out, again = tmp_path / "máscaras", tmp_path / "again"
    dataset, predictor = load(place.data), load_predictor(place.run)
    shown: list[float] = []

    def body(user: User) -> None:
        open_prediction(user)
        user.type("low_4", "0.4")
        shown.append(float(user.text("low_4")))
        user.press("Ctrl+E", "canvas_prediction")
        user.wait_for_dialog("export_dialog")
        user.wait_for(lambda: user.sees("format_palette"), "the formats")
        user.click("format_palette")
        user.click("scope_split")
        user.type("out", str(out))
        user.wait_for(lambda: user.text("start_export") == "Export 6 images", "the preview of six images")
        user.wait_for(lambda: user.find("start_export").isEnabled(), "a possible export")
        user.click("start_export")
        user.wait_for(lambda: "6 files for 6 images written" in user.text("message"), "the export's end")
        assert str(out) in user.text("message")
        user.click("close_export")
        assert not user.sees("export_dialog")

    run_app(body, place.data)

    pictures = sorted(out.glob("*.png"))
    assert len(pictures) == 6
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["state"] == "complete"
    assert manifest["format"] == "palette"
    assert sorted(entry["path"] for entry in manifest["files"]) == [path.name for path in pictures]
    assert manifest["samples"] == {"wanted": 6, "done": 6, "indices": "24-29"}
    weights = home / "data" / "runs" / "small run" / "checkpoints" / "best.safetensors"
    assert manifest["checkpoint"]["path"] == str(weights)
    assert manifest["checkpoint"]["weights_sha256"] == predictor.info.sha256
    assert manifest["reading"]["windows"]["star"] == [shown[0], None]

    reading = predictor.reading
    windows = (*reading.windows[:4], (shown[0], float("inf")))
    for entry in manifest["files"]:
        picture = Image.open(out / entry["path"])
        sample = dataset.read(entry["index"])
        assert picture.mode == "P"
        assert picture.size == (24, 24)
        masks = read_masks(predictor.predict([sample.image])[0], type(reading)(reading.rule, windows))
        indices = np.asarray(picture)
        assert set(np.unique(indices)) <= set(range(6))
        assert np.array_equal(indices > 0, masks.any(axis=0))  # 0 is "no class"
        for k in range(5):
            assert not (indices == k + 1)[~masks[k]].any()
        palette = picture.getpalette()
        colors = [tuple(palette[3 * k : 3 * k + 3]) for k in range(1, 6)]
        assert colors == [tuple(color) for color in predictor.info.classes.colors]

    words = shlex.split(manifest["command"])
    assert words[0] == "segbench"
    words[words.index("--out") + 1] = str(again)
    assert run_command(words[1:]) == 0
    for path in pictures:
        assert (again / path.name).read_bytes() == path.read_bytes()


# All of it ------------------------------------------------------------------------------------------------------------------


@pytest.mark.heavy
def test_that_a_newcomer_gets_from_an_empty_window_to_exported_masks(run_app, tmp_path: Path) -> None:
    out = tmp_path / "masks"

    def body(user: User) -> None:
        generate(user, tmp_path / "shapes")
        set_up(user, epochs="1")
        user.click("start")
        wait_for_phase(user, "Completed")
        user.click("predict_run")
        user.wait_for(lambda: user.sees("canvas_prediction") and user.text("mean_iou").startswith("IoU"), "IoU")
        user.click("export_masks")
        user.wait_for_dialog("export_dialog")
        user.wait_for(lambda: user.sees("format_planes"), "the formats")
        user.click("format_planes")
        user.click("scope_split")
        user.type("out", str(out))
        user.wait_for(lambda: user.text("start_export") == "Export 6 images", "the preview of six images")
        user.wait_for(lambda: user.find("start_export").isEnabled(), "a possible export")
        user.click("start_export")
        user.wait_for(lambda: "30 files for 6 images written" in user.text("message"), "the export's end")
        user.click("close_export")

    run_app(body)
    assert len(list(out.rglob("*.png"))) == 30
