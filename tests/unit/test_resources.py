"""resources/ is found in a checkout and in an installed package alike."""

from __future__ import annotations

from segbench import resources
from segbench.resources import find_resource


def test_that_a_resource_of_the_checkout_is_found():
    assert find_resource("presets", "20-lecture.json").is_file()
    assert find_resource("presets").is_dir()


def test_that_an_installed_package_finds_its_own_copy(tmp_path, monkeypatch):
    inside = tmp_path / "_resources"
    (inside / "presets").mkdir(parents=True)
    monkeypatch.setattr(resources, "_CANDIDATES", (tmp_path / "gone", inside))
    assert find_resource("presets") == inside / "presets"


def test_that_a_missing_resource_gets_a_path_that_names_it():
    assert find_resource("icons", "nowhere.svg").parts[-2:] == ("icons", "nowhere.svg")
