"""The scenes, in the order a user meets them: what is opened, trained and shown before each picture."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.screens import SIZE
from benchmarks.window import be_ready, open_path, until

from pictures.photographer import Photographer

if TYPE_CHECKING:
    from segbench.gui.desk import Desk

CHECKOUT = Path(__file__).resolve().parents[2]
CAMVID = CHECKOUT.parent / "shared" / "data" / "camvid"
# Real and small: some minutes on two cores
QUICK = ("network.depth=4", "data.batch_size=4", "preview_seconds=1", "validation_images=40")
LAB_SCENES = ("", "-misfit", "-matrix", "-coverage", "-atrous", "-network", "-layer")
EVALUATION_SCENES = ("", "-empty", "-images", "-compare", "-thresholds", "-scale", "-overlap")
LECTURE = ("network.depth=4", "preview_seconds=1", "validation_images=40", "epochs=6")


async def tell_story(desk: Desk, camera: Photographer, folder: Path, epochs: int) -> None:
    """From the first start to exported masks. folder: an empty one for data; epochs: how long the pictured training is."""
    await be_ready(desk, *SIZE)
    desk.window.move(0, 0)
    await asyncio.sleep(0.5)
    await camera.take("welcome")
    await camera.take_dialog("generate", desk.show_generator, 1.5)
    await show_tour(desk, camera)
    await show_dataset(desk, camera, folder)
    run = await show_training(desk, camera, epochs)
    await show_prediction(desk, camera, run)
    await show_evaluation(desk, camera)
    await show_export(desk, camera)
    await show_convolution(desk, camera)
    await show_runs(desk, camera)
    await show_dialogs(desk, camera)
    await show_camvid(desk, camera, folder)


async def show_dataset(desk: Desk, camera: Photographer, folder: Path) -> None:
    from segbench.data.shapes import write_shapes

    for _ in write_shapes(folder / "shapes", 600, 120, seed=0):
        await asyncio.sleep(0)
    await open_path(desk, folder / "shapes")
    desk.window.show_page("dataset")
    view = desk.views["dataset"]
    desk.session.select_sample(_find_rich(desk))
    await asyncio.sleep(1)
    await camera.take("dataset")
    view.overlay_action.trigger()
    await asyncio.sleep(0.4)
    await camera.take("dataset-overlaid")
    view.side_action.trigger()
    view.tabs.setCurrentIndex(1)
    await asyncio.sleep(0.6)
    await camera.take("dataset-statistics")
    view.tabs.setCurrentIndex(0)
    view.grey_action.setChecked(True)
    await asyncio.sleep(0.4)
    await camera.take("dataset-grey")
    view.grey_action.setChecked(False)


def _find_rich(desk: Desk, split: str = "train") -> int:
    """A sample of that split with many objects that lie over each other."""
    dataset = desk.session.dataset
    assert dataset is not None

    def judge(index: int) -> int:
        masks = dataset.read(index).masks
        return int(masks.any((1, 2)).sum()) * 1000 + int((masks.sum(0) > 1).sum()) if masks is not None else 0

    return max(dataset.splits[split][:200], key=judge)


async def show_training(desk: Desk, camera: Photographer, epochs: int) -> str:
    """Trains three times: as the lecture does, with another learning rate to be compared with, and well; the last run's path."""
    desk.window.show_page("prediction")
    await asyncio.sleep(0.5)
    await camera.take("prediction-empty")
    desk.window.show_page("training")
    view = desk.views["training"]
    await asyncio.sleep(0.6)
    await camera.take("training-ready")
    for name, preset, settings in (
        ("training-lecture", "lecture", LECTURE),
        ("", "recommended", (*QUICK, "optimizer.learning_rate=0.0003", "epochs=2", "seed=1")),
        ("training", "recommended", (*QUICK, f"epochs={epochs}")),
    ):
        if name != "training" and not camera.wants(*((name,) if name else ("runs", "evaluation-compare"))):
            continue
        await train(desk, preset, settings)
        enough = {"training": 0.6, "training-lecture": 0.3}.get(name, 0.9)
        await until(lambda part=enough: view._state.step > part * max(1, view._state.total_steps), 1800, "the steps")
        await until(lambda: view._state.phase == "training", 300, "the training to go on")
        if name:
            await camera.take(name)
        if name == "training":
            await camera.take_dialog("training-cancel", view._ask_cancel)
            await camera.take_dialog("close-question", desk.ask_to_close)
            await until(lambda: view._state.phase in ("completed", "failed"), 1800, "the end of the training")
            await asyncio.sleep(0.6)
            await camera.take("training-done")
        else:
            view.stop_button.click()
        await until(lambda: not desk.jobs.jobs(), 120, "rest")
        await asyncio.sleep(0.3)
    desk.session.list_runs()
    await until(lambda: not desk.jobs.jobs(), 60, "the list of runs")
    await camera.take_dialog("continue", lambda: desk.presenters["training"].request_continue())
    return str(_newest_run(desk))


async def train(desk: Desk, preset: str, settings: tuple[str, ...]) -> None:
    """Fills the form and presses Start."""
    from segbench.config import find_preset, override
    from segbench.knobs import to_dict

    view = desk.views["training"]
    view.choose_preset(preset)
    view.show_settings(to_dict(override(find_preset(preset).config, settings)))
    await until(view.start_button.isEnabled, 60, "the Start button")
    view.start_button.click()
    await until(lambda: view._state.phase == "failed" or view._state.step > 2, 300, "the first steps")
    if view._state.phase == "failed":
        raise RuntimeError(f"The training failed: {view._state.sentence}")


def _newest_run(desk: Desk) -> Path:
    from segbench.settings import find_runs_folder

    folder = find_runs_folder(desk.session.settings)
    return max(
        (path for path in folder.iterdir() if (path / "run.json").exists()), key=lambda path: path.stat().st_mtime
    )


async def show_prediction(desk: Desk, camera: Photographer, run: str) -> None:
    from segbench.formats.runs import open_run

    checkpoints = [open_run(Path(run)).checkpoint(kind) for kind in ("best", "last")]
    desk.window.show_page("prediction")
    desk.session.open_checkpoint(next(path for path in checkpoints if path.exists()))
    view, rich = desk.views["prediction"], _find_rich(desk, "test")
    desk.session.select_sample(rich)
    await until(lambda: desk.presenters["prediction"].live is not None, 120, "the prediction")
    await asyncio.sleep(0.8)
    await camera.take("prediction")
    from segbench.gui.panels.prediction.view import MODES

    for mode, *_ in MODES[1:]:
        view.choose_mode(mode)
        await until(lambda: not desk.jobs.jobs(), 60, "the pictures")
        await asyncio.sleep(0.6)
        await camera.take(f"prediction-{mode.replace(' ', '-')}")
    view.choose_mode(MODES[0][0])
    if camera.wants("prediction-split"):
        view.score_split()
        await until(
            lambda: desk.presenters["prediction"].scored is not None and not desk.jobs.jobs(), 300, "the scores"
        )
        desk.presenters["prediction"].go_to_next_worst()
        await until(lambda: not desk.jobs.jobs(), 60, "the worst image")
        await asyncio.sleep(0.6)
        await camera.take("prediction-split")
        desk.session.select_sample(rich)
        await until(lambda: not desk.jobs.jobs(), 60, "the prediction")


async def show_evaluation(desk: Desk, camera: Photographer) -> None:
    """The last run alone, then beside the one before, on every page."""
    if not camera.wants(*(f"evaluation{scene}" for scene in EVALUATION_SCENES)):
        return
    desk.window.show_page("evaluation")
    ask = desk.presenters["evaluation"]
    best = [one for one in ask.page.candidates if one.which == "best"]

    async def rest() -> None:
        await until(lambda: not desk.jobs.jobs(), 300, "the evaluation")
        await asyncio.sleep(0.5)

    await rest()
    await camera.take("evaluation-empty")
    ask.evaluate()
    await rest()
    await camera.take("evaluation")
    ask.set_topic("images")
    await rest()
    await camera.take("evaluation-images")
    ask.compare_with([one for one in best if one != ask.chosen[0]][:2])
    ask.evaluate()
    await rest()
    for topic in ("compare", "thresholds", "scale", "overlap"):
        ask.set_topic(topic)
        await rest()
        await camera.take(f"evaluation-{topic}")
    desk.window.show_page("prediction")


async def show_export(desk: Desk, camera: Photographer) -> None:
    if not camera.wants("export", "export-done"):
        return
    desk.views["prediction"].export_masks()
    view = desk.views["export"]
    await until(lambda: view.dialog is not None and view.dialog.isVisible(), 30, "the export dialog")
    await until(lambda: not desk.jobs.jobs(), 120, "the preview")
    await asyncio.sleep(1.2)
    await camera.take("export")
    if camera.wants("export-done"):
        await until(view.dialog.start.isEnabled, 30, "the Export button")
        view.dialog.start.click()
        await asyncio.sleep(0.5)
        await until(lambda: not desk.jobs.jobs(), 300, "the export")
        await asyncio.sleep(0.6)
        await camera.take("export-done")
    await camera.close_dialogs()


async def show_convolution(desk: Desk, camera: Photographer) -> None:
    """The lab: slides 62, 52, 41 with the proof, mUnet's last layer, atrous convolution, the network and one of its layers."""
    from segbench.convolution.lecture import PRESETS

    if not camera.wants(*(f"convolution{scene}" for scene in LAB_SCENES)):
        return
    desk.window.show_page("convolution")
    view, presenter = desk.views["convolution"], desk.presenters["convolution"]

    def open_example(part: str) -> None:
        presenter.open_preset(next(n for n, preset in enumerate(PRESETS) if part in preset.name))

    open_example("Slides 60")
    presenter.point(1, 4, False)
    await camera.take("convolution")
    open_example("Slide 52")
    await camera.take("convolution-misfit")
    open_example("Slide 41")
    presenter.point(1, 0, False)
    presenter.prove()
    await until(lambda: not desk.jobs.jobs(), 60, "the proof")
    await camera.take("convolution-matrix")
    open_example("mUnet's last layer")
    await camera.take("convolution-coverage")
    open_example("Slide 13")
    await camera.take("convolution-atrous")
    presenter.set_topic("network")
    await until(lambda: view.network.table.isVisible(), 60, "the layers")
    await camera.take("convolution-network")
    presenter.open_layer("skip64usUP.upsampler")
    await until(lambda: presenter.lab.topic == "operation", 60, "the layer")
    await camera.take("convolution-layer")


async def show_runs(desk: Desk, camera: Photographer) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    if not camera.wants("runs"):
        return
    desk.window.show_page("training")
    desk.window.runs_dock.show()
    await asyncio.sleep(0.6)
    view = desk.views["runs"]
    for row in (1, 0):
        view.table.selectRow(row)
        QTest.keyClick(view.table, Qt.Key.Key_Space)  # ticks it
    await until(lambda: not desk.jobs.jobs(), 60, "the runs' logs")
    await asyncio.sleep(0.8)
    await camera.take("runs")
    view.model.clear_ticks()
    desk.window.runs_dock.hide()


async def show_dialogs(desk: Desk, camera: Photographer) -> None:
    window = desk.window
    window.show_page("dataset")
    window.log_dock.show()
    await asyncio.sleep(0.6)
    await camera.take("log")
    window.log_dock.hide()
    for name, signal_ in (
        ("preferences", window.preferences_requested),
        ("shortcuts", window.shortcuts_requested),
        ("palette", window.palette_requested),
        ("about", window.about_requested),
        ("guide", window.guide_requested),
    ):
        await camera.take_dialog(name, signal_.emit, 0.8)
    await camera.take_dialog("doctor", window.doctor_requested.emit, 0.5, _show_findings)
    missing = str(Path(tempfile.gettempdir()) / "flowers")
    await camera.take_dialog("error", lambda: desk.open_paths([missing]))


def _show_findings(dialog: Any) -> bool:
    """Are the doctor's findings there? Where segbench stands is taken out of them: it is nobody else's business."""
    from PySide6.QtWidgets import QPlainTextEdit

    text = dialog.findChild(QPlainTextEdit)
    found = text is not None and len(text.toPlainText().splitlines()) > 3
    if found:
        text.setPlainText(text.toPlainText().replace(str(CHECKOUT), "~/segbench"))
    return found


async def show_camvid(desk: Desk, camera: Photographer, folder: Path) -> None:
    if not CAMVID.is_dir() or not camera.wants("camvid", "camvid-overlaid", "camvid-prediction"):
        return
    with contextlib.suppress(OSError):  # under a name of its own, so that no picture tells where it lies
        (folder / "camvid").symlink_to(CAMVID, target_is_directory=True)
    await open_path(desk, folder / "camvid" if (folder / "camvid").exists() else CAMVID)
    desk.window.show_page("dataset")
    view = desk.views["dataset"]
    desk.session.select_sample(2)
    await asyncio.sleep(1.5)
    await camera.take("camvid")
    view.overlay_action.trigger()
    await asyncio.sleep(0.6)
    await camera.take("camvid-overlaid")
    view.side_action.trigger()
    if not camera.wants("camvid-prediction"):
        return
    desk.window.show_page("training")
    await train(
        desk, "camvid", ("epochs=14", "data.limit=120", "data.batch_size=4", "data.crop=128", "validation_images=8")
    )
    state = desk.views["training"]
    await until(lambda: state._state.phase in ("completed", "failed"), 1800, "the end of the training")
    await until(lambda: not desk.jobs.jobs(), 120, "rest")
    desk.presenters["training"].predict()
    dataset = desk.session.dataset
    assert dataset is not None
    desk.session.select_sample(next(i for i in dataset.splits["val"] if dataset.name(i).startswith("0016E5")))  # by day
    await until(lambda: desk.presenters["prediction"].live is not None, 300, "the prediction")
    await until(lambda: not desk.jobs.jobs(), 120, "the pictures")
    await asyncio.sleep(1)
    await camera.take("camvid-prediction")


async def show_tour(desk: Desk, camera: Photographer) -> None:
    if not camera.wants("tour"):
        return
    desk.show_tour()
    await asyncio.sleep(0.8)
    await camera.take("tour")
    desk.tour.leave()
