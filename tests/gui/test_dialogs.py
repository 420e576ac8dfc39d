"""Error dialog, command palette, shortcut sheet, guide, about, preferences, generator, doctor and the tour."""

from __future__ import annotations

import re
import sys
import time
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenuBar, QMessageBox

from segbench.errors import ErrorReport
from segbench.events import (
    CheckpointOpened,
    CheckpointSaved,
    DatasetOpened,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    JobStarted,
    Progressed,
    SamplePredicted,
    SampleSelected,
    TrainingStarted,
)
from segbench.gui.actions import list_entries
from segbench.gui.dialogs.about import AboutDialog
from segbench.gui.dialogs.doctor import DoctorDialog
from segbench.gui.dialogs.error import KEPT, ErrorDialog
from segbench.gui.dialogs.generate import GenerateDialog, find_shapes_folder
from segbench.gui.dialogs.guide import Guide, find_pages
from segbench.gui.dialogs.palette import CommandPalette
from segbench.gui.dialogs.preferences import PreferencesDialog
from segbench.gui.dialogs.shortcuts import ON_PICTURES, ShortcutSheet
from segbench.records import Baselines
from segbench.settings import Settings

# Errors -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def errors(qtbot, any_theme):
    dialog = ErrorDialog("/log/segbench.log")
    qtbot.addWidget(dialog)
    return dialog


def _report(message, **others):
    return ErrorReport(message, "Do this.", "Traceback of " + message, **others)


def test_that_an_error_shows_cause_and_hint_and_copies_its_details(errors):
    errors.show_error(_report("It broke."))
    assert errors.isVisible()
    assert (errors.message.text(), errors.hint.text()) == ("It broke.", "Do this.")
    assert not errors.details.isVisible()
    errors.toggle.click()
    assert errors.details.isVisible()
    errors.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert "Traceback of It broke." in copied
    assert "/log/segbench.log" in copied


def test_that_a_bug_shows_its_details_at_once(errors):
    errors.show_error(_report("It broke.", expected=False))
    assert errors.details.isVisible()


def test_that_several_errors_are_leafed_through_and_equal_ones_counted(errors):
    for message in ("One.", "Two.", "One.", "One."):
        errors.show_error(_report(message))
    assert [(t.report.message, t.times) for t in errors.troubles] == [("One.", 3), ("Two.", 1)]
    assert "3 times" in errors.times.text()
    assert errors.counter.text() == "1 of 2"
    errors.later.click()
    assert errors.message.text() == "Two."
    assert not errors.later.isEnabled()
    errors.close()
    errors.show_error(_report("Three."))
    assert [t.report.message for t in errors.troubles] == ["Three."]
    assert not errors.counter.isVisible()


def test_that_no_error_is_cut_off_when_others_follow_it(errors, qtbot):
    def reads_whole():
        texts = [text for text in (errors.message, errors.hint, errors.times) if text.isVisible()]
        return all(text.height() >= text.heightForWidth(text.width()) for text in texts)

    long = "The image /a/folder/with/a/long/name/and/another/one/below/it.png could not be read: it is no picture. " * 3
    errors.show_error(_report("Short."))
    errors.show_error(_report("Short."))
    errors.show_error(_report(long))
    qtbot.wait(20)
    assert reads_whole()
    errors.later.click()
    qtbot.wait(20)
    assert errors.message.text() == long
    assert reads_whole()
    errors.show_error(_report(long))
    qtbot.wait(20)
    assert errors.times.isVisible()
    assert reads_whole()


def test_that_a_flood_of_errors_is_bounded(errors):
    for number in range(10 * KEPT):
        errors.show_error(_report(f"Error {number}."))
    assert len(errors.troubles) == KEPT


def test_that_markup_in_an_error_is_shown_as_it_is(errors):
    errors.show_error(_report("<b>bold</b> & <img src=x>"))
    assert errors.message.textFormat() == Qt.TextFormat.PlainText


def test_that_a_smaller_batch_is_offered_only_when_there_is_one(errors, qtbot):
    errors.show_error(_report("Too large.", smaller_batch=0))
    assert not errors.smaller.isVisible()
    errors.close()
    errors.show_error(_report("Too large.", smaller_batch=8))
    with qtbot.waitSignal(errors.smaller_batch_requested) as told:
        errors.smaller.click()
    assert told.args == [8]
    assert not errors.isVisible()


# Finding actions --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bar(qtbot):
    menu_bar = QMenuBar()
    qtbot.addWidget(menu_bar)
    file = menu_bar.addMenu("&File")
    opened = file.addAction("&Open folder…")
    opened.setShortcut("Ctrl+O")
    below = file.addMenu("More")
    below.addAction("&Generate shapes…")
    below.addAction("&Dusk").setShortcut("Ctrl+U")
    file.addSeparator()
    file.addAction("Asleep").setEnabled(False)
    menu_bar.addMenu("&View").addAction("Dark").setCheckable(True)
    return menu_bar


def test_that_the_palette_runs_what_the_letters_find(bar, qtbot, any_theme):
    ran = []
    for entry in list_entries(bar):
        entry.action.triggered.connect(lambda _checked=False, title=entry.title: ran.append(title))
    palette = CommandPalette(list_entries(bar))
    qtbot.addWidget(palette)
    palette.show()
    assert palette.list.topLevelItemCount() == 4  # what is asleep is not listed
    qtbot.keyClicks(palette.search, "gensh")
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert ran == ["Generate shapes"]
    assert not palette.isVisible()


def test_that_the_palette_is_walked_with_the_arrows_and_survives_nonsense(bar, qtbot):
    palette = CommandPalette(list_entries(bar))
    qtbot.addWidget(palette)
    palette.show()
    qtbot.keyClick(palette.search, Qt.Key.Key_Down)
    assert palette.list.indexOfTopLevelItem(palette.list.currentItem()) == 1
    qtbot.keyClick(palette.search, Qt.Key.Key_PageUp)
    assert palette.list.indexOfTopLevelItem(palette.list.currentItem()) == 0
    qtbot.keyClicks(palette.search, "@@@")
    assert palette.list.topLevelItemCount() == 0
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert palette.isVisible()


def test_that_the_shortcut_sheet_is_made_of_the_actions(bar, qtbot, any_theme):
    sheet = ShortcutSheet(list_entries(bar))
    qtbot.addWidget(sheet)
    text = sheet.sheet.toPlainText()
    assert "Open folder" in text
    assert "Ctrl+O" in text
    assert "More: Dusk" in text
    assert "Generate" not in text  # it has no key
    assert ON_PICTURES[0][1] in text
    sheet.search.setText("ctrl+o")
    assert "Open folder" in sheet.sheet.toPlainText()
    assert ON_PICTURES[0][1] not in sheet.sheet.toPlainText()
    sheet.search.setText("<b>nothing")
    assert "Nothing" in sheet.sheet.toPlainText()


def test_that_entries_know_their_menus(bar):
    paths = {entry.title: entry.path for entry in list_entries(bar)}
    assert paths == {
        "Open folder": ("File",),
        "Generate shapes": ("File", "More"),
        "Dusk": ("File", "More"),
        "Asleep": ("File",),
        "Dark": ("View",),
    }


# Reading ----------------------------------------------------------------------------------------------------------------


def test_that_the_guide_shows_every_page_and_follows_links_between_them(qtbot, any_theme):
    guide = Guide()
    qtbot.addWidget(guide)
    pages = find_pages()
    assert len(pages) >= 5
    assert guide.list.count() == len(pages)
    for row in range(guide.list.count()):
        guide.list.setCurrentRow(row)
        assert len(guide.text.toPlainText()) > 200
    from PySide6.QtCore import QUrl

    guide._follow(QUrl(pages[1].name))
    assert guide.list.currentRow() == 1


def test_that_links_and_pictures_of_the_guide_exist():
    for page in find_pages():
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (page.parent / target.partition("#")[0]).exists(), (page.name, target)


def test_that_about_tells_versions_and_places(qtbot, any_theme):
    dialog = AboutDialog({"Log": "/log"})
    qtbot.addWidget(dialog)
    assert {"Python", "Qt", "torch", "numpy", "Log"} <= set(dialog.facts)
    dialog._copy()
    assert "Log: /log" in QGuiApplication.clipboard().text()


def test_that_the_doctor_is_asked_in_another_process(qtbot):
    dialog = DoctorDialog(command=[sys.executable, "-c", "print('all is well')"])
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: "all is well" in dialog.text.toPlainText(), timeout=20_000)
    lost = DoctorDialog(command=["/nowhere/at/all"])
    qtbot.addWidget(lost)
    qtbot.waitUntil(lambda: "could not be started" in lost.text.toPlainText(), timeout=20_000)


def test_that_a_doctor_who_takes_long_can_be_left(qtbot):
    dialog = DoctorDialog(command=[sys.executable, "-c", "import time; time.sleep(60)"])
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.reject()
    from PySide6.QtCore import QProcess

    assert dialog._process.state() == QProcess.ProcessState.NotRunning


def test_that_preferences_tell_what_was_changed(qtbot, tmp_path):
    dialog = PreferencesDialog(Settings(theme="dark"), "/runs")
    qtbot.addWidget(dialog)
    assert dialog.theme.currentData() == "dark"
    with qtbot.waitSignal(dialog.theme_chosen) as told:
        dialog.theme.setCurrentIndex(1)
    assert told.args == ["light"]
    with qtbot.assertNotEmitted(dialog.runs_folder_chosen):
        dialog._accept()
    dialog.folder.setText(str(tmp_path))
    with qtbot.waitSignal(dialog.runs_folder_chosen) as told:
        dialog._accept()
    assert told.args == [str(tmp_path)]


# Generating -------------------------------------------------------------------------------------------------------------


def test_that_the_generator_shows_examples_and_starts_a_job(running, qtbot, tmp_path, any_theme):
    dialog = GenerateDialog(running.session, running.jobs)
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: all(not p.pixmap().isNull() for p in dialog.pictures), timeout=20_000)
    before = dialog.pictures[0].pixmap().toImage()
    dialog.seed.setValue(5)
    qtbot.waitUntil(lambda: dialog.pictures[0].pixmap().toImage() != before, timeout=20_000)
    dialog.count.setValue(6)
    dialog.tests.setValue(2)
    dialog.side.setValue(16)
    dialog.folder.setText(str(tmp_path / "new"))
    dialog.start.click()
    qtbot.waitUntil(
        lambda: any(isinstance(e, JobDone) and e.kind == "generate" for e in running.events), timeout=20_000
    )
    assert len(list((tmp_path / "new").glob("*.gz"))) == 2


def test_that_the_generator_overwrites_nothing(running, qtbot, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    dialog = GenerateDialog(running.session, running.jobs)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.folder.setText(str(tmp_path / "full"))
    dialog.start.click()
    (box,) = dialog.findChildren(QMessageBox)
    assert "not empty" in box.text()
    box.close()
    assert dialog.isVisible()
    dialog._take_folder(str(tmp_path / "full"))
    assert dialog.folder.text() == str(tmp_path / "full" / "shapes")
    assert not any(job.kind == "generate" for job in running.jobs.jobs())


def test_that_new_shapes_get_a_folder_of_their_own(home):
    first = find_shapes_folder()
    first.mkdir(parents=True)
    assert find_shapes_folder() != first


# The tour ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tour(desk):
    desk.show_tour()
    return desk.tour


def _wait_for_step(qtbot, tour, place):
    qtbot.waitUntil(lambda: tour._place == place, timeout=20_000)


def _go_on(qtbot, tour, place):
    """The step is over, but it is the user who goes to the next one."""
    qtbot.waitUntil(lambda: tour._over, timeout=20_000)
    assert tour._place == place - 1
    assert tour.coach.skip.text() == "&Next"
    tour.coach.skip.click()
    assert tour._place == place


def test_that_the_tour_waits_for_next_when_a_step_has_happened_whoever_did_it(desk, tour, qtbot, monkeypatch):
    monkeypatch.setattr(desk.session, "_handlers", [lambda events: tour.handle(events)])
    publish = desk.session.publish
    assert tour.coach.isVisible()
    publish([DatasetOpened(None)])
    _go_on(qtbot, tour, 1)
    publish([SampleSelected(k) for k in range(5)])
    qtbot.waitUntil(lambda: tour._over, timeout=20_000)
    assert desk.window.page == "dataset"
    _go_on(qtbot, tour, 2)
    assert desk.window.page == "training"
    publish([JobStarted(1, "train", "")])
    _go_on(qtbot, tour, 3)
    publish([JobEvent(1, "train", TrainingStarted("/run", 0, 9, 9, 1, "cpu", 1, 1, 1, "", Baselines(), 0.0))])
    publish([JobDone(1, "train", None)])
    _go_on(qtbot, tour, 4)
    assert desk.window.page == "prediction"
    publish([JobEvent(2, "predict", SamplePredicted("/best", None, 1, 1, 0.1))])
    assert tour._place == 4  # no checkpoint was opened yet
    publish([CheckpointOpened(None), JobEvent(2, "predict", SamplePredicted("/best", None, 1, 1, 0.1))])
    _go_on(qtbot, tour, 5)
    publish([JobDone(3, "export", "/masks/manifest.json")])
    _wait_for_step(qtbot, tour, 6)
    assert "/masks" in tour.coach.text.text()
    tour.leave()
    assert not tour.coach.isVisible()


def test_that_a_training_that_ends_before_next_is_not_waited_for(desk, tour, qtbot):
    tour.go_to(2)
    tour.handle([JobStarted(1, "train", "")])
    qtbot.waitUntil(lambda: tour._over, timeout=20_000)
    tour.handle([JobCancelled(1, "train")])
    tour.coach.skip.click()
    assert (tour._place, tour._over) == (3, True)
    tour.leave()


def _train_forever():
    while True:
        time.sleep(0.005)
        yield Progressed("training", 1, 2)


def test_that_a_training_that_runs_already_counts_as_begun(desk, tour, qtbot):
    job = desk.jobs.start("train", _train_forever(), title="Training")
    form = desk.views["training"].form.values()
    tour.go_to(2)
    assert tour.coach.title.text() == "Train a network: done"
    tour._over = False  # pressed in the moment before the step knew
    tour.do_step()
    assert (tour._place, tour.coach.title.text()) == (3, "Watch it learn")
    assert tour.coach.do.isEnabled()
    assert desk.views["training"].form.values() == form
    tour.leave()
    job.cancel()
    qtbot.waitUntil(lambda: not desk.jobs.jobs())


def test_that_a_step_that_could_not_be_done_says_so_and_can_be_pressed_again(desk, tour, qtbot, monkeypatch):
    monkeypatch.setattr(desk.session, "dataset", SimpleNamespace(info=SimpleNamespace(classes=None), splits={}))
    monkeypatch.setattr(desk.presenters["training"], "start", lambda raw: None)
    monkeypatch.setattr(desk.session, "_handlers", [tour.handle])
    tour.go_to(2)
    tour.do_step()
    assert "could not begin" in tour.coach.text.text()
    assert tour.coach.do.isEnabled()
    monkeypatch.setattr(desk.session, "dataset", None)
    for place in (1, 2, 5):
        tour.go_to(place)
        tour.do_step()
        assert "no dataset" in tour.coach.text.text()
        assert tour.coach.do.isEnabled()
    tour.go_to(0)
    tour.coach.show_busy("Drawing…")
    tour.handle([JobCancelled(1, "thumbnails")])
    assert not tour.coach.do.isEnabled()
    tour.handle([JobCancelled(2, "generate")])
    assert tour.coach.do.isEnabled()
    tour.leave()


def test_that_the_tour_knows_the_run_of_a_training_that_began_before_it(desk, tour):
    tour.handle([JobEvent(1, "train", CheckpointSaved("last", "/runs/one/checkpoints/last.safetensors", 9))])
    assert tour._run == "/runs/one"
    tour.leave()


def test_that_a_failed_training_leads_back_to_its_start(desk, tour):
    tour.go_to(3)
    tour.handle([JobFailed(1, "train", ErrorReport("", "", ""))])
    assert tour._place == 2
    tour.leave()


def test_that_steps_can_be_skipped_and_asked_too_early(desk, tour):
    for place in range(1, 7):
        tour.coach.skip.click()
        assert tour._place == place
    tour.go_to(2)
    tour.do_step()
    assert "no dataset" in tour.coach.text.text()
    tour.go_to(4)
    tour.do_step()
    assert "no trained network" in tour.coach.text.text()
    tour.coach.leave.click()
    tour.do_step()
    assert desk.session.settings.tour_seen


@pytest.mark.heavy
def test_that_the_tour_ends_with_exported_masks(desk, tour, qtbot, monkeypatch, home):
    from segbench.gui import tour as module

    monkeypatch.setattr(module, "COUNT", 12)
    monkeypatch.setattr(module, "TESTS", 4)
    monkeypatch.setattr(module, "QUICK", ("network.depth=4", "epochs=1", "data.batch_size=4", "threads=1"))
    for place in range(6):
        _wait_for_step(qtbot, tour, place)
        if place != module.WATCHING:
            tour.do_step()
        qtbot.waitUntil(lambda place=place: tour._over or tour._place == place + 1, timeout=120_000)
        if tour._over:
            tour.coach.skip.click()
    assert list((home / "data").rglob("*.png"))
    assert list((home / "data").rglob("manifest.json"))
    assert desk.errors.troubles == ()
    tour.leave()
    qtbot.waitUntil(lambda: not desk.jobs.jobs(), timeout=20_000)
