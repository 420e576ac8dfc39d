"""A folder of pictures without masks: it can be browsed and predicted; training says why it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.gui.widgets.image_canvas import ImageCanvas
from tests.e2e.driving import User


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures: 8-bit colour, grey and 16-bit grey, of sizes that differ."""
    folder = tmp_path / "holiday"
    folder.mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8)).save(folder / "a.png")
    Image.fromarray(rng.integers(0, 255, (24, 24), np.uint8)).save(folder / "b.jpg")
    Image.fromarray(rng.integers(0, 65535, (17, 33), np.uint16)).save(folder / "c.tiff")
    return folder


def test_that_pictures_without_masks_are_browsed_and_predicted_and_training_says_why_not(
    run_app, pictures: Path, place, home: Path
) -> None:
    shutil.copytree(place.run, home / "data" / "runs" / "small run")

    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        assert user.text("status_dataset") == "holiday  ·  3 images"
        canvas = user.find("canvas_image", ImageCanvas)
        user.wait_for(lambda: canvas.image_size == (30, 40), "the first picture")
        assert not user.sees("canvas_mask")
        user.press("End", "gallery")
        user.wait_for(lambda: canvas.image_size == (17, 33), "the last picture")

        user.press("Ctrl+2")
        assert not user.find("start").isEnabled()
        said = [label.text() for label in user.find_labels("empty_state")]
        assert any("holiday has images but no masks" in text for text in said), said
        assert not user.find_menu("Training", "Start training").isEnabled()

        user.press("Ctrl+3")
        user.wait_for(lambda: user.find("checkpoint").count() == 2, "the checkpoints of the run")
        user.choose("checkpoint", "small run – last")
        user.wait_for(lambda: user.sees("canvas_prediction"), "the viewers")
        assert not user.sees("canvas_truth")
        predicted = user.find("canvas_prediction", ImageCanvas)
        user.wait_for(lambda: predicted.image_size == (17, 33) and predicted.picture.layers, "a prediction")
        user.wait_for(
            lambda: not np.array_equal(user.look("canvas_prediction"), user.look("canvas_image")), "its masks"
        )
        assert user.text("mean_iou") == ""
        assert not user.find("score_split").isEnabled()

    run_app(body, pictures)


def test_that_pictures_named_at_the_start_are_predicted_without_a_dataset(run_app, pictures: Path, place, home) -> None:
    shutil.copytree(place.run, home / "data" / "runs" / "small run")

    def body(user: User) -> None:
        user.wait_for(lambda: user.sees("checkpoint"), "the prediction page")
        user.wait_for(lambda: user.find("checkpoint").count() == 2, "the checkpoints of the run")
        user.choose("checkpoint", "small run – best")
        user.wait_for(lambda: user.sees("canvas_prediction"), "the viewers")
        predicted = user.find("canvas_prediction", ImageCanvas)
        user.wait_for(lambda: predicted.image_size == (30, 40) and predicted.picture.layers, "the first prediction")
        user.press("D")
        user.wait_for(lambda: predicted.image_size == (24, 24) and predicted.picture.layers, "the second prediction")

    run_app(body, pictures / "a.png", pictures / "b.jpg")
