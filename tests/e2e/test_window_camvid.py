"""The main job on photographs: CamVid opened from its folder, counted, trained on for two steps, predicted and exported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QTableWidget, QTabWidget

from segbench.formats.checkpoints import read_checkpoint_info
from segbench.formats.runs import find_runs
from segbench.gui.widgets.gallery import Gallery
from segbench.gui.widgets.image_canvas import ImageCanvas
from segbench.inference.predictor import load_predictor
from segbench.targets import read_masks
from tests.e2e.driving import User

IGNORED = 255


def count_pixels(masks: list[Path], classes: int) -> list[int]:
    """Pixels a class, from the files themselves."""
    counts = np.zeros(256, np.int64)
    for path in masks:
        counts += np.bincount(np.asarray(Image.open(path)).reshape(-1), minlength=256)
    return counts[:classes].tolist()


@pytest.fixture
def few(camvid: Path, tmp_path: Path) -> Path:
    """The first images of each split, in CamVid's own layout."""
    folder = tmp_path / "camvid"
    folder.mkdir()
    shutil.copy(camvid / "classes.txt", folder)
    for split, count in (("train", 12), ("val", 4)):
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True)
            for path in sorted((camvid / split / kind).iterdir())[:count]:
                shutil.copy(path, folder / split / kind)
    return folder


@pytest.mark.heavy
def test_that_photographs_go_from_a_folder_to_index_masks_of_their_size(
    run_app, few: Path, tmp_path: Path, home: Path
) -> None:
    names = (few / "classes.txt").read_text(encoding="utf-8").split()
    train, val = (sorted((few / split / "images").iterdir()) for split in ("train", "val"))
    pixels = count_pixels([*(few / "train" / "masks").iterdir(), *(few / "val" / "masks").iterdir()], len(names))
    out = tmp_path / "masks"

    def body(user: User) -> None:
        # Open, browse
        user.menu("File", "Open dataset folder")
        user.give_path(few)
        user.wait_for(lambda: user.sees("gallery"), "the gallery")
        count = len(train) + len(val)
        assert user.text("status_dataset").startswith(f"camvid  ·  {count} images, {len(names)} classes")
        assert user.find("gallery", Gallery).model().rowCount() == count
        canvas = user.find("canvas_image", ImageCanvas)
        user.press("End", "gallery")
        user.wait_for(lambda: val[-1].stem in canvas.title and canvas.image_size == (360, 480), "the last image")

        # Statistics
        bar = user.find("dataset_tabs", QTabWidget).tabBar()
        user.click_at(bar, bar.tabRect(1).center())
        if (
            user.sees("scan_button") and user.text("scan_button") == "Scan the dataset"
        ):  # else it runs or is done already
            user.click("scan_button")
        user.wait_for(lambda: user.sees("statistics_table"), "the statistics", seconds=90)
        table = user.find("statistics_table", QTableWidget)
        told = {table.item(row, 0).text(): table.item(row, 3).text() for row in range(table.rowCount())}
        assert told == {name: f"{number:,}" for name, number in zip(names, pixels, strict=True)}

        # Train
        user.press("Ctrl+2")
        assert user.text("preset").casefold() == "camvid"
        user.click("advanced")
        for name, text in (
            ("data.crop", "64"), ("data.limit", "8"), ("data.batch_size", "4"), ("epochs", "1"), ("validation_images", "1"),
        ):  # fmt: skip
            user.type(f"knob_{name}", text)
        user.choose("knob_network.depth", "4")
        user.click("start")
        user.wait_for(lambda: user.text("run_phase") == "Completed", "two steps", seconds=120)
        assert user.text("fact_step") == "2 / 2"
        assert user.text("fact_best").endswith("(epoch 1)")

        # Predict
        user.click("predict_run")
        user.wait_for(lambda: user.sees("canvas_prediction") and user.text("mean_iou").startswith("IoU"), "IoU")
        predicted = user.find("canvas_prediction", ImageCanvas)
        assert predicted.image_size == (360, 480)
        assert not np.array_equal(user.look("canvas_prediction"), user.look("canvas_truth"))

        # Export
        user.press("Ctrl+E", "canvas_prediction")
        user.wait_for_dialog("export_dialog")
        user.wait_for(lambda: user.sees("format_palette"), "the formats")
        user.click("scope_this")
        user.click("format_palette")
        user.type("out", str(out))
        user.wait_for(lambda: user.text("start_export") == "Export 1 image", "the preview")
        user.wait_for(lambda: user.find("start_export").isEnabled(), "a possible export")
        user.click("start_export")
        user.wait_for(lambda: "1 file for 1 image written" in user.text("message"), "the export's end")
        user.click("close_export")

    run_app(body)

    (info,) = find_runs(home / "data" / "runs")
    run = Path(info.path)
    assert read_checkpoint_info(run / "checkpoints" / "last.safetensors").step == 2
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    (entry,) = manifest["files"]
    picture = Image.open(out / entry["path"])
    assert picture.mode == "P"
    assert picture.size == (480, 360)
    source = next(path for path in (*train, *val) if path.stem == Path(entry["path"]).stem)
    predictor = load_predictor(run)
    masks = read_masks(predictor.predict([np.asarray(Image.open(source).convert("RGB"))])[0], predictor.reading)
    wanted = np.where(masks.any(axis=0), masks.argmax(axis=0), IGNORED)
    assert np.array_equal(np.asarray(picture), wanted)
    palette = picture.getpalette()
    assert [tuple(palette[3 * k : 3 * k + 3]) for k in range(len(names))] == list(predictor.info.classes.colors)
