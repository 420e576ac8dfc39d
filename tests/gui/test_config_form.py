"""ConfigForm: what it is built from, what it shows, and that nobody can train with what it calls wrong."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QUndoStack, QWheelEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QLineEdit, QScrollArea, QSpinBox, QToolButton

from segbench.architectures import ARCHITECTURES, name_network
from segbench.config import TrainConfig, find_presets, override, parse
from segbench.errors import SegbenchError
from segbench.gui.panels.training.undo import FormEdit
from segbench.gui.widgets.choice_words import CHOICES, PRESETS, describe_choice
from segbench.gui.widgets.config_form import ADVANCED, ConfigForm
from segbench.gui.widgets.config_row import check_text, describe_range
from segbench.knobs import list_knobs, to_dict


@pytest.fixture
def form(qtbot: object) -> ConfigForm:
    widget = ConfigForm()
    widget.set_presets(find_presets(), "recommended")
    qtbot.addWidget(widget)  # type: ignore[attr-defined]
    widget.resize(340, 900)
    widget.show()
    return widget


def _text(form: ConfigForm, path: str) -> QLineEdit:
    editor = form.editor(path)
    assert isinstance(editor, QLineEdit)
    return editor


def _error(form: ConfigForm, path: str) -> QLabel:
    label = form.findChild(QLabel, f"error_{path}")
    assert label is not None
    return label


def test_that_every_knob_has_a_row_with_its_title_and_help(form: ConfigForm) -> None:
    for knob in list_knobs(TrainConfig()):
        row = form.row(knob.path)
        assert row.label.text() == knob.title
        assert knob.help in row.editor.toolTip()
        assert describe_range(knob) in row.editor.toolTip()
        assert row.editor.accessibleName() == knob.title


def test_that_each_kind_of_knob_has_the_widget_for_it(form: ConfigForm) -> None:
    assert isinstance(form.editor("network.head"), QComboBox)
    assert isinstance(form.editor("data.batch_size"), QSpinBox)
    assert isinstance(form.editor("optimizer.learning_rate"), QLineEdit)
    assert isinstance(form.editor("data.flip"), QCheckBox)


@pytest.mark.parametrize("name", [preset.name for preset in find_presets()])
def test_that_a_preset_goes_through_the_form_unchanged(form: ConfigForm, name: str) -> None:
    form.choose_preset(name)
    preset = next(preset for preset in find_presets() if preset.name == name)
    assert parse(form.values()) == preset.config
    assert not form.problem
    about = form.findChild(QLabel, "preset_about")
    assert about is not None
    assert about.text() == preset.about


def test_that_values_set_come_back(form: ConfigForm) -> None:
    config = override(TrainConfig(), ["optimizer.learning_rate=3e-5", "data.crop=96", "network.depth=4", "epochs=77"])
    form.set_values(to_dict(config))
    assert parse(form.values()) == config


def test_that_values_out_of_range_cannot_be_set(form: ConfigForm) -> None:
    with pytest.raises(SegbenchError):
        form.set_values({**to_dict(TrainConfig()), "epochs": -1})


@pytest.mark.parametrize("text", ["1e-3", "0.001", "1E-3", " 0,001 "])
def test_that_numbers_may_be_written_as_people_write_them(form: ConfigForm, text: str) -> None:
    _text(form, "optimizer.learning_rate").setText(text)
    assert parse(form.values()).optimizer.learning_rate == 0.001
    assert not form.problem


@pytest.mark.parametrize(("text", "says"), [("0", "above 0"), ("20", "at most 10"), ("fast", "a number"), ("nan", "above 0"), ("", "a number")])  # fmt: skip
def test_that_a_number_out_of_range_is_told_under_its_row(form: ConfigForm, text: str, says: str) -> None:
    _text(form, "optimizer.learning_rate").setText(text)
    assert says in _error(form, "optimizer.learning_rate").text()
    assert _error(form, "optimizer.learning_rate").isVisible()
    assert form.problem
    _text(form, "optimizer.learning_rate").setText("0.01")
    assert not form.problem
    assert not _error(form, "optimizer.learning_rate").isVisible()


def test_that_a_loss_that_does_not_fit_the_target_is_told_with_what_would(form: ConfigForm) -> None:
    editor = form.editor("loss.name")
    assert isinstance(editor, QComboBox)
    editor.setCurrentIndex(editor.findData("cross_entropy"))
    assert "cannot be used with the target planes" in _error(form, "loss.name").text()
    assert "bce" in form.problem


def test_that_momentum_is_there_for_sgd_only(form: ConfigForm) -> None:
    assert form.editor("optimizer.momentum").isHidden()
    optimizer = form.editor("optimizer.name")
    assert isinstance(optimizer, QComboBox)
    optimizer.setCurrentIndex(optimizer.findData("sgd"))
    assert not form.editor("optimizer.momentum").isHidden()


def test_that_a_mistyped_number_in_a_hidden_row_is_no_obstacle(form: ConfigForm) -> None:
    optimizer = form.editor("optimizer.name")
    assert isinstance(optimizer, QComboBox)
    optimizer.setCurrentIndex(optimizer.findData("sgd"))
    _text(form, "optimizer.momentum").setText("much")
    assert form.problem
    optimizer.setCurrentIndex(optimizer.findData("adamw"))
    assert not form.problem
    parse(form.values())


def test_that_a_changed_row_is_marked_and_goes_back_alone(form: ConfigForm) -> None:
    batch = form.editor("data.batch_size")
    assert isinstance(batch, QSpinBox)
    batch.setValue(3)
    _text(form, "optimizer.learning_rate").setText("0.5")
    reset = form.findChild(QToolButton, "reset_data.batch_size")
    assert reset is not None
    assert reset.isVisible()
    assert form.row("data.batch_size").label.font().bold()
    assert not form.row("epochs").label.font().bold()
    reset.click()
    assert batch.value() == find_presets()[0].config.data.batch_size
    assert not reset.isVisible()
    assert _text(form, "optimizer.learning_rate").text() == "0.5"


def test_that_one_press_takes_back_every_change(form: ConfigForm) -> None:
    _text(form, "optimizer.learning_rate").setText("0.5")
    everything = form.findChild(QToolButton, "reset_all")
    assert everything is not None
    assert everything.text() == "Reset 1"
    everything.click()
    assert parse(form.values()) == find_presets()[0].config
    assert not everything.isEnabled()


def test_that_rare_settings_are_folded_away_until_asked_for_or_wrong(form: ConfigForm) -> None:
    assert all(form.editor(path).isHidden() for path in ADVANCED)
    fold = form.findChild(QToolButton, "advanced")
    assert fold is not None
    fold.click()
    assert not any(form.editor(path).isHidden() for path in ADVANCED)
    fold.click()
    _text(form, "optimizer.clip").setText("-1")
    assert not form.editor("optimizer.clip").isHidden()
    assert "1 changed" in fold.text()


def test_that_the_wheel_scrolls_the_form_and_changes_no_field(form: ConfigForm, qtbot: object) -> None:
    area = QScrollArea()
    area.setWidget(form)
    qtbot.addWidget(area)  # type: ignore[attr-defined]
    area.resize(340, 200)
    area.show()
    batch = form.editor("data.batch_size")
    assert isinstance(batch, QSpinBox)
    before = batch.value()
    place = QPointF(batch.rect().center())
    wheel = QWheelEvent(
        place, batch.mapToGlobal(place), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(batch, wheel)
    assert batch.value() == before
    area.takeWidget()


def test_that_loading_a_preset_tells_of_one_change(form: ConfigForm) -> None:
    told: list[int] = []
    form.changed.connect(lambda: told.append(1))
    form.choose_preset("lecture")
    assert len(told) == 1


def test_that_what_only_the_caller_knows_is_shown_and_taken_back(form: ConfigForm) -> None:
    form.show_problem("loss.target", "Objects of this dataset overlap.")
    assert form.problem
    assert _error(form, "loss.target").isVisible()
    form.show_problem("loss.target", "")
    assert not form.problem
    assert not _error(form, "loss.target").isVisible()


@pytest.mark.parametrize("number", ["inf", "-inf", "1e400"])
def test_that_infinity_is_no_number(number: str) -> None:
    knob = next(knob for knob in list_knobs(TrainConfig()) if knob.path == "optimizer.clip")
    assert check_text(knob, number)[1]


def test_that_every_edit_can_be_taken_back(form: ConfigForm) -> None:
    edits: list[tuple[str, str, object, object]] = []
    form.edited.connect(lambda *edit: edits.append(edit))
    before = form.values()
    _text(form, "optimizer.learning_rate").setText("fast")
    assert edits[-1][:2] == ("Change learning rate", "optimizer.learning_rate")
    form.restore(edits[-1][2])  # type: ignore[arg-type]
    assert form.values() == before
    form.restore(edits[-1][3])  # type: ignore[arg-type]
    assert _text(form, "optimizer.learning_rate").text() == "fast"
    assert form.problem
    assert len(edits) == 1


def test_that_a_suggested_preset_is_chosen_where_nothing_was_changed_and_else_offered(form: ConfigForm) -> None:
    offer = form.findChild(QLabel, "preset_offer")
    assert offer is not None
    form.suggest_preset("camvid")
    assert form.preset == "camvid"
    assert not offer.isVisible()
    _text(form, "optimizer.learning_rate").setText("0.5")
    form.suggest_preset("recommended")
    assert form.preset == "camvid"
    assert _text(form, "optimizer.learning_rate").text() == "0.5"
    assert offer.text() == "The preset Recommended suits this dataset better."
    assert offer.isVisible()
    take = form.findChild(QToolButton, "take_offer")
    assert take is not None
    take.click()
    assert form.preset == "recommended"
    assert not offer.isVisible()


def test_that_undo_goes_back_through_everything_that_filled_the_form(form: ConfigForm) -> None:
    stack = QUndoStack()
    form.edited.connect(lambda *edit: stack.push(FormEdit(form, *edit)))
    epochs = form.editor("epochs")
    assert isinstance(epochs, QSpinBox)
    states = [form.snapshot()]
    for change in (
        lambda: epochs.setValue(77),
        lambda: form.set_values({**form.values(), "seed": 5}),
        lambda: form.choose_preset("lecture"),
        lambda: form.suggest_preset("camvid"),
    ):
        change()
        states.append(form.snapshot())
    assert stack.count() == 4
    for state in reversed(states[:-1]):
        stack.undo()
        assert form.snapshot() == state


def test_that_choices_have_readable_names_and_keep_their_raw_values(form: ConfigForm) -> None:
    form.choose_preset("recommended")
    shown = {path: form.editor(path) for path in ("optimizer.schedule", "loss.name", "optimizer.name", "loss.target")}
    assert all(isinstance(editor, QComboBox) for editor in shown.values())
    words = {path: editor.currentText() for path, editor in shown.items() if isinstance(editor, QComboBox)}
    assert words == {
        "optimizer.schedule": "One cycle",
        "loss.name": "BCE + Dice",
        "optimizer.name": "AdamW",
        "loss.target": "Planes (may overlap)",
    }
    assert form.values()["optimizer"]["schedule"] == "one_cycle"
    assert "--set optimizer.schedule=one_cycle" in shown["optimizer.schedule"].toolTip()


def test_that_no_choice_is_left_without_a_name() -> None:
    for knob in list_knobs(TrainConfig()):
        if knob.kind == "choice" and any(isinstance(choice, str) for choice in knob.choices):
            assert set(CHOICES[knob.path]) == set(knob.choices)
    assert {preset.name.rpartition("-")[2] for preset in find_presets()} <= set(PRESETS)
    assert {preset.network for preset in find_presets()} == set(CHOICES["network.name"]) == set(ARCHITECTURES)


def test_that_another_network_starts_from_its_own_preset_and_undo_brings_the_first_back(form: ConfigForm) -> None:
    networks = form.findChild(QComboBox, "network")
    assert networks is not None
    stack = QUndoStack()
    form.edited.connect(lambda *edit: stack.push(FormEdit(form, *edit)))
    before = parse(form.values())
    for network in ARCHITECTURES:
        networks.setCurrentIndex(networks.findData(network))
        networks.activated.emit(networks.currentIndex())
        config = parse(form.values())
        assert name_network(config.network) == form.network == network
        assert form.preset.startswith(network) or network == "munet"
        assert {knob.path for knob in list_knobs(config)} == set(form.snapshot().values)
    while stack.canUndo():
        stack.undo()
    assert parse(form.values()) == before
    assert networks.currentData() == "munet"


def test_that_a_suggested_preset_is_that_of_the_chosen_network(form: ConfigForm) -> None:
    form.choose_preset("unet-small")
    form.suggest_preset("camvid")
    assert form.preset == "unet-camvid"
    form.suggest_preset("recommended")
    assert form.network == "unet"


def test_that_an_unknown_choice_is_read_without_underscores() -> None:
    assert describe_choice("network.name", "deep_lab") == "deep lab"


@pytest.mark.parametrize(
    ("path", "word"),
    [("data.crop", "off"), ("data.limit", "all"), ("threads", "automatic"), ("validation_images", "all")],
)
def test_that_a_zero_that_is_no_quantity_reads_as_a_word(form: ConfigForm, path: str, word: str) -> None:
    form.row(path).put(0)
    editor = form.editor(path)
    assert isinstance(editor, QSpinBox)
    assert editor.text() == word
    assert form.row(path).value == 0
