"""Preferences survive a crash, a strange file and a folder that cannot be written."""

from __future__ import annotations

import os

import pytest

from segbench import settings
from segbench.settings import Settings


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path))
    return tmp_path


def test_that_what_was_saved_is_loaded():
    told = Settings(theme="dark", recent=("ä/b", "c"), splitters={"dataset": "AAAA"}, smoothing=0.5)
    settings.save_settings(told)
    assert settings.load_settings() == told


def test_that_defaults_stand_in_for_a_missing_file():
    assert settings.load_settings() == Settings()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"theme": "pink"}', b'{"recent": 3}', b"\xff\xfe", b'{"page": "\xff"}', b"null"]
)
def test_that_defaults_stand_in_for_a_file_of_another_shape(text):
    path = settings.find_settings_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    assert settings.load_settings() == Settings()


def test_that_a_newer_version_s_preferences_do_not_erase_the_known_ones():
    path = settings.find_settings_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"theme": "dark", "from_the_future": 1}')
    assert settings.load_settings().theme == "dark"


def test_that_a_failed_save_leaves_the_old_file_and_no_rest(monkeypatch):
    settings.save_settings(Settings(theme="dark"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        settings.save_settings(Settings(theme="light"))
    assert settings.load_settings().theme == "dark"
    assert [path.name for path in settings.find_settings_file().parent.iterdir()] == ["settings.json"]


def test_that_the_newest_path_comes_first_once_and_the_list_stays_short():
    told = Settings()
    for number in range(20):
        told = settings.remember(told, f"data {number}")
    told = settings.remember(told, "data 15")
    assert told.recent[:2] == ("data 15", "data 19")
    assert len(told.recent) == len(set(told.recent)) == settings.RECENT_LIMIT


def test_that_a_path_that_cannot_be_written_down_is_not_remembered():
    told = settings.remember(Settings(recent=("a",)), "caf\udce9")
    assert told.recent == ("a",)
    assert settings.remember(told, "größe 大").recent == ("größe 大", "a")


def test_that_one_variable_moves_every_folder(home):
    for kind in ("config", "cache", "data", "log"):
        assert settings.find_home(kind) == home / kind
    assert settings.find_runs_folder(Settings()) == home / "data" / "runs"


def test_that_the_user_s_runs_folder_wins(tmp_path):
    assert settings.find_runs_folder(Settings(runs_folder=str(tmp_path / "mine"))) == tmp_path / "mine"


def test_that_folders_are_named_but_not_made(home):
    settings.find_home("cache")
    settings.find_runs_folder(Settings())
    settings.load_settings()
    assert list(home.iterdir()) == []
