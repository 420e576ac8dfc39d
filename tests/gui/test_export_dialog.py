"""The export dialog with real widgets, a real job runner and a real (untrained) network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QRadioButton

from segbench.events import ExportRequested, JobDone
from segbench.formats.checkpoints import read_checkpoint_info
from segbench.gui.panels.export.draft import Done
from segbench.gui.panels.export.presenter import ExportPresenter
from segbench.gui.panels.export.view import ExportView
from segbench.records import Reading

from .networks import build_dataset, save_network

INF = float("inf")


class Desk:
    def __init__(self, running, folder: Path, networks: dict[str, Path]) -> None:
        self.session, self.out = running.session, folder / "masks"
        self.presenter = ExportPresenter(running.session, running.jobs)
        self.view = ExportView(self.presenter)
        self.presenter.attach(self.view)
        self.session.subscribe(self.presenter.handle)
        self.dataset = build_dataset()
        self.session.publish([JobDone(9002, "open checkpoint", read_checkpoint_info(networks["recommended"]))])

    @property
    def dialog(self):
        return self.view.dialog

    def child(self, name: str):
        return self.dialog.findChild(object, name)


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> dict[str, Path]:
    """A checkpoint a preset, written once."""
    folder = tmp_path_factory.mktemp("networks")
    return {preset: save_network(folder / preset, preset) for preset in ("recommended", "lecture")}


@pytest.fixture
def desk(running, qtbot, wait_for, tmp_path, networks):
    desk = Desk(running, tmp_path, networks)
    reading = Reading("windows", ((0.1, INF),) * 5)
    first, second = desk.dataset.info.classes.names[:2]
    desk.session.set_color(first, (9, 9, 9))
    desk.session.set_color(second, (1, 2, 3))
    desk.session.publish([ExportRequested(3, (), reading, desk.dataset)])
    desk.presenter.change(out=str(desk.out))
    wait_for(lambda: desk.presenter.preview and desk.presenter._previewing is None)
    yield desk
    wait_for(lambda: not running.jobs.jobs())
    desk.dialog.close()
    desk.view.deleteLater()


def settle(desk, wait_for) -> None:
    wait_for(lambda: desk.presenter._previewing is None and not desk.dialog._typing.isActive())


def test_that_the_dialog_does_not_block_and_shows_the_thresholds_it_takes_over(desk) -> None:
    assert desk.dialog.isVisible()
    assert "rectangle > 0.1" in desk.child("thresholds").text()
    assert desk.child("start_export").text() == "Export 1 image"


def test_that_formats_are_explained_and_previewed(desk, qtbot, wait_for) -> None:
    for name, pictures in (("palette", 1), ("planes", 5), ("lecture", 1), ("npz", 1), ("coco", 1), ("purdue", 1)):
        button = desk.dialog.findChild(QRadioButton, f"format_{name}")
        button.setChecked(True)
        settle(desk, wait_for)
        preview = desk.presenter.preview
        assert preview.format == name
        assert preview.problem is None
        assert len(preview.pictures) >= 1 if name in ("npz", "coco", "purdue") else len(preview.pictures) == pictures
        assert desk.child("example").text() != "–"


def test_that_a_click_writes_the_split_and_tells_where(desk, qtbot, wait_for) -> None:
    desk.dialog.findChild(QRadioButton, "format_palette").setChecked(True)
    desk.dialog.findChild(QRadioButton, "scope_split").setChecked(True)
    settle(desk, wait_for)
    qtbot.mouseClick(desk.child("start_export"), Qt.MouseButton.LeftButton)
    wait_for(lambda: not desk.presenter.running)
    assert len(list(desk.out.glob("*.png"))) == 5
    assert "5 files for 5 images" in desk.child("message").text()
    assert desk.child("open_folder").isVisible()
    manifest = json.loads((desk.out / "manifest.json").read_text())
    assert manifest["reading"]["windows"]["star"] == [0.1, None]
    first = Image.open(next(iter(sorted(desk.out.glob("*.png")))))
    assert first.mode == "P"
    assert first.getpalette()[3:9] == [9, 9, 9, 1, 2, 3]  # the panel's colours, behind the background's
    assert first.size == (32, 32)


def test_that_a_bad_pattern_is_said_at_once_and_nothing_can_start(desk, qtbot, wait_for) -> None:
    pattern = desk.child("pattern")
    pattern.setFocus()
    qtbot.keyClicks(pattern, "{{nope}")
    settle(desk, wait_for)
    wait_for(lambda: desk.presenter.preview.problem is not None)
    assert not desk.child("start_export").isEnabled()
    assert "name pattern" in desk.child("message").text()


def test_that_numbers_choose_their_own_scope(desk, qtbot, wait_for) -> None:
    qtbot.keyClicks(desk.child("numbers"), "1-3")
    wait_for(lambda: desk.presenter.draft.numbers == "1-3")
    settle(desk, wait_for)
    assert desk.presenter.draft.scope == "numbers"
    assert desk.child("start_export").text() == "Export 3 images"


def test_that_the_dialog_offers_every_split_and_takes_the_chosen_one(desk, wait_for) -> None:
    splits = desk.child("splits")
    other = splits.count() - 1
    assert [splits.itemData(i) for i in range(splits.count())] == list(desk.presenter._list_splits())
    splits.setCurrentIndex(other)
    splits.activated.emit(other)
    settle(desk, wait_for)
    assert desk.dialog.findChild(QRadioButton, "scope_split").isChecked()
    assert desk.presenter.draft.split == splits.itemData(other)
    assert desk.child("start_export").text() == f"Export {len(desk.dataset.splits[splits.itemData(other)])} images"


def test_that_the_command_line_can_be_copied(desk, qtbot) -> None:
    qtbot.mouseClick(desk.child("copy_command"), Qt.MouseButton.LeftButton)
    command = QGuiApplication.clipboard().text()
    assert command.startswith("segbench predict")
    assert "--window=rectangle=0.1:" in command
    assert str(desk.out) in command


def test_that_flattening_is_offered_only_where_it_happens(desk, wait_for) -> None:
    desk.dialog.findChild(QRadioButton, "format_planes").setChecked(True)
    settle(desk, wait_for)
    assert not desk.child("flattening").isVisible()
    desk.dialog.findChild(QRadioButton, "format_palette").setChecked(True)
    settle(desk, wait_for)
    assert desk.child("flattening").isVisible()
    assert desk.child("flattening").count() == 4


def test_that_the_datasets_own_masks_can_be_exported_too(desk, wait_for) -> None:
    masks = desk.child("masks")
    masks.setCurrentIndex(masks.findData("truth"))
    masks.activated.emit(masks.currentIndex())
    settle(desk, wait_for)
    assert desk.presenter.preview.command.startswith("segbench export")
    assert not desk.child("thresholds").isVisible()


def test_that_closing_the_dialog_lets_the_export_go_on(desk, qtbot, wait_for) -> None:
    desk.dialog.findChild(QRadioButton, "scope_all").setChecked(True)
    settle(desk, wait_for)
    desk.presenter.start()
    desk.dialog.close()
    wait_for(lambda: not desk.presenter.running)
    assert (desk.out / "manifest.json").exists()


def test_that_the_dialog_fits_a_small_laptop_in_both_themes(desk, any_theme) -> None:
    assert desk.dialog.minimumSizeHint().height() <= 700
    assert desk.dialog.minimumSizeHint().width() <= 1200
    assert not desk.dialog.grab().isNull()


@pytest.mark.parametrize(
    ("files", "text"), [(1, "1 file for 1 image stands in /out"), (2, "2 files for 1 image stand in /out")]
)
def test_that_what_stands_agrees_in_number(desk, files, text) -> None:
    desk.dialog.show_done(Done(1, files, "/out", 0, complete=False))
    assert desk.child("message").text() == f"Cancelled: {text}."
