"""Knobs are data: described, bounded, and entered only through checks."""

from __future__ import annotations

import msgspec
import pytest

from segbench import config
from segbench.config import TrainConfig
from segbench.errors import SegbenchError

KNOBS = {knob.path: knob for knob in config.list_knobs(TrainConfig())}


@pytest.mark.parametrize("path", KNOBS)
def test_that_every_knob_has_a_title_a_help_and_a_default_within_its_range(path):
    knob = KNOBS[path]
    assert knob.title
    assert knob.help.endswith(".")
    if knob.kind == "choice":
        assert knob.default in knob.choices
    elif knob.kind in ("int", "float"):
        assert knob.low is None or knob.default >= knob.low
        assert knob.high is None or knob.default <= knob.high


@pytest.mark.parametrize("path", KNOBS)
def test_that_every_knob_can_be_set_to_its_own_default_by_its_path(path):
    assert config.override(TrainConfig(), [f"{path}={KNOBS[path].default}"]) == TrainConfig()


@pytest.mark.parametrize("path", [path for path, knob in KNOBS.items() if knob.kind in ("int", "float")])
def test_that_a_number_outside_its_range_is_refused_by_its_name(path):
    knob = KNOBS[path]
    beyond = ([knob.low - 1] if knob.low is not None else []) + ([knob.high + 1] if knob.high is not None else [])
    beyond += [knob.low] if knob.low_open else []
    beyond += [knob.high] if knob.high_open else []
    for value in beyond:
        with pytest.raises(SegbenchError, match=path.rpartition(".")[2]):
            config.override(TrainConfig(), [f"{path}={value}"])


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e999"])
@pytest.mark.parametrize("path", [path for path, knob in KNOBS.items() if knob.kind == "float"])
def test_that_no_knob_takes_a_number_that_json_cannot_keep(path, value):
    with pytest.raises(SegbenchError):
        config.override(TrainConfig(), [f"{path}={value}"])


def test_that_a_condition_names_a_knob_and_values_it_can_have():
    for knob in KNOBS.values():
        if knob.when:
            other, values = knob.when
            assert set(values) <= set(KNOBS[other].choices)


def test_that_configs_are_frozen():
    with pytest.raises(AttributeError):
        TrainConfig().epochs = 3


def test_that_a_config_survives_a_round_trip_through_json(tmp_path):
    told = config.override(TrainConfig(), ["network.depth=8", "optimizer.name=sgd", "data.flip=true", "epochs=3"])
    path = tmp_path / "config.json"
    path.write_bytes(msgspec.json.encode(config.to_dict(told)))
    assert config.load(path) == told


@pytest.mark.parametrize("setting", ["epoch=3", "epochs", "=3", "optimizer=sgd", "optimizer.rate=1", ""])
def test_that_an_unknown_setting_is_answered_with_the_known_ones(setting):
    with pytest.raises(SegbenchError, match=r"optimizer\.learning_rate"):
        config.override(TrainConfig(), [setting])


@pytest.mark.parametrize("setting", ["epochs=many", "epochs=2.5", "network.depth=5", "data.flip=maybe", "loss.name="])
def test_that_a_bad_value_is_refused(setting):
    with pytest.raises(SegbenchError):
        config.override(TrainConfig(), [setting])


def test_that_a_later_setting_wins_and_spaces_do_no_harm():
    assert config.override(TrainConfig(), ["epochs=2", "epochs= 5 "]).epochs == 5


def test_that_values_given_together_are_checked_together():
    pair = ["loss.target=labels", "loss.name=cross_entropy"]
    assert config.override(TrainConfig(), pair).loss.target == "labels"
    with pytest.raises(SegbenchError, match="labels"):
        config.override(TrainConfig(), pair[:1])


def test_that_class_weights_and_dice_alone_are_refused_with_the_reason():
    with pytest.raises(SegbenchError, match="counts every class alike"):
        config.override(TrainConfig(), ["loss.name=dice", "loss.class_weights=equal"])
    assert config.override(TrainConfig(), ["loss.class_weights=equal"]).loss.name == "bce_dice"


@pytest.mark.parametrize("target", config.FITTING)
def test_that_every_loss_goes_with_a_target_and_is_refused_with_the_others(target):
    for name in KNOBS["loss.name"].choices:
        pair = [f"loss.target={target}", f"loss.name={name}"]
        if name in config.FITTING[target]:
            config.override(TrainConfig(), pair)
        else:
            with pytest.raises(SegbenchError, match=f"{name} cannot be used with the target {target}"):
                config.override(TrainConfig(), pair)


def test_that_an_unknown_field_is_an_error_and_not_a_silent_default():
    with pytest.raises(SegbenchError, match="epoch"):
        config.parse({"epoch": 3})


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"epochs": "x"}', '{"network": {"name": "vgg"}}', "\xff", '{"about": "\xff"}', "[" * 99_999],
)
def test_that_a_broken_file_gives_a_sentence(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="latin1")
    with pytest.raises(SegbenchError):
        config.load(path)


def test_that_the_settings_of_a_run_can_be_read_from_its_file(tmp_path):
    told = config.override(TrainConfig(), ["epochs=3", "network.depth=8"])
    (tmp_path / "run.json").write_bytes(msgspec.json.encode({"config": told, "dataset": {}, "name": "first"}))
    assert config.load(tmp_path / "run.json") == told


def test_that_a_missing_file_gives_a_sentence(tmp_path):
    with pytest.raises(SegbenchError, match="nowhere"):
        config.load(tmp_path / "nowhere.json")


def test_that_every_preset_loads_and_says_what_it_is_for():
    presets = config.find_presets()
    assert [preset.name for preset in presets][:2] == ["recommended", "lecture"]
    assert all(preset.about.endswith(".") for preset in presets)


def test_that_the_lecture_preset_is_the_lecture_s():
    told = config.find_preset("lecture").config
    assert (told.network.head, told.network.depth, told.loss.target, told.loss.name) == ("lecture", 16, "values", "mse")
    assert (told.optimizer.name, told.optimizer.learning_rate, told.optimizer.momentum) == ("sgd", 1e-4, 0.9)
    assert (told.optimizer.schedule, told.optimizer.weight_decay) == ("constant", 0.0)
    assert (told.data.batch_size, told.data.scaling, told.epochs) == (4, "raw", 6)


def test_that_an_unknown_preset_is_answered_with_the_known_ones():
    with pytest.raises(SegbenchError, match="recommended"):
        config.find_preset("best")
