"""The doctor: each trouble has its name and its remedy, and only a problem makes the exit code 1."""

from __future__ import annotations

import json
import subprocess

import pytest

from segbench.cli import doctor
from segbench.cli.doctor import Finding


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path))
    return tmp_path


def judge(package, version, least=(6, 8), needed=False, python=(3, 11)):
    return doctor.judge_package(package, version, least, needed=needed, python=python)


def test_that_the_broken_pyside_is_a_problem_below_python_3_12_only():
    broken = judge("PySide6-Essentials", "6.12.0")
    assert broken.state == "problem"
    assert "!=6.12.0" in broken.remedy
    assert judge("PySide6-Essentials", "6.12.0", python=(3, 12)).state == "ok"
    assert judge("PySide6-Essentials", "6.12.1").state == "ok"
    assert judge("PySide6-Essentials", "6.11.3").state == "ok"


@pytest.mark.parametrize(
    ("version", "state"),
    [("2.10.0", "ok"), ("2.13.0+cpu", "ok"), ("2.9.1", "problem"), ("2.11.0a0+git1", "ok"), ("1.13", "problem")],
)
def test_that_versions_are_compared_as_numbers(version, state):
    assert judge("torch", version, (2, 10), needed=True).state == state


def test_that_a_missing_package_is_a_problem_only_where_commands_need_it():
    assert judge("torch", None, (2, 10), needed=True).state == "problem"
    absent = judge("qasync", None, (0, 27))
    assert absent.state == "warning"
    assert "scripts/run.py" in absent.remedy


def test_that_an_old_python_is_a_problem():
    assert doctor.judge_python((3, 10, 9)).state == "problem"
    assert doctor.judge_python((3, 14, 0)).state == "ok"


def test_that_an_unused_gpu_is_a_warning_with_its_reason():
    assert doctor.judge_gpu("", None).state == "ok"
    built_without = doctor.judge_gpu("NVIDIA H200", None)
    assert built_without.state == "warning"
    assert "CPU only" in built_without.what
    assert "driver" in doctor.judge_gpu("NVIDIA H200", "12.8").remedy


def test_that_missing_libraries_come_with_the_exact_command():
    finding = doctor.judge_libraries(["libEGL.so.1", "libxcb-cursor.so.0"])
    assert finding.state == "problem"
    assert finding.remedy.endswith("apt-get install -y --no-install-recommends libegl1 libxcb-cursor0")
    assert doctor.judge_libraries([]).state == "ok"
    assert doctor.judge_libraries(["libstrange.so.9"]).remedy


def test_that_a_machine_without_fonts_gets_some():
    assert "fonts-dejavu-core" in doctor.judge_fonts(False).remedy


def test_that_no_display_is_a_warning_and_one_that_refuses_is_a_problem():
    assert doctor.judge_display(False, None).state == "warning"
    refused = doctor.judge_display(True, subprocess.CompletedProcess([], -6, "", "could not connect to display :9\n"))
    assert refused.state == "problem"
    assert "display :9" in refused.what
    fine = doctor.judge_display(True, subprocess.CompletedProcess([], 0, "xcb|1366 x 768 at 1\n", ""))
    assert fine == Finding("Display", "ok", "Qt runs on xcb, 1366 x 768 at 1 px")


def test_that_a_folder_that_cannot_be_written_is_a_problem(tmp_path, monkeypatch):
    assert doctor.judge_folder("Cache", tmp_path / "not" / "yet").state == "ok"
    assert not (tmp_path / "not").exists()

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    refused = doctor.judge_folder("Cache", tmp_path)
    assert refused.state == "problem"
    assert "SEGBENCH_HOME" in refused.remedy


def test_that_a_file_in_a_folder_s_place_is_a_problem(tmp_path):
    (tmp_path / "runs").touch()
    assert doctor.judge_folder("Runs", tmp_path / "runs").state == "problem"
    below = doctor.judge_folder("Runs", tmp_path / "runs" / "not" / "yet")
    assert (below.state, below.what) == ("problem", f"{tmp_path / 'runs'} is not a folder")
    assert doctor.judge_space("Disk", tmp_path / "runs" / "not" / "yet").state in ("ok", "warning")


def test_that_a_library_that_cannot_be_imported_is_a_problem():
    (fine,) = doctor.judge_imports({"pillow": "PIL.Image", "rich": "rich"})
    assert fine == Finding("Libraries", "ok", "pillow, rich")
    broken, absent = doctor.judge_imports({"scipy": "scipy.nothing_like_it", "no-such-package": "no_such_package"})
    assert (broken.name, broken.state) == ("scipy", "problem")
    assert "cannot be imported" in broken.what
    assert (absent.what, absent.remedy) == ("not installed", "python -m pip install no-such-package")


def test_that_a_full_disk_and_a_small_memory_are_warnings(tmp_path):
    assert doctor.judge_space("Disk", tmp_path / "x", usage=lambda _: (10**12, 10**12, 10**8)).state == "warning"
    assert doctor.judge_space("Disk", tmp_path / "x", usage=lambda _: (10**12, 0, 10**12)).state == "ok"
    assert doctor.judge_memory(2 * 2**30).state == "warning"
    assert doctor.judge_memory(0).state == "ok"


def test_that_a_look_that_fails_itself_is_told_and_the_others_go_on(monkeypatch):
    def break_down():
        raise OSError("no such device")

    break_down.__name__ = "_check_devices"
    monkeypatch.setattr(doctor, "_check_devices", break_down)
    findings = {finding.name: finding for finding in doctor.diagnose()}
    assert findings["Devices"].state == "warning"
    assert findings["Runs"].state == "ok"


@pytest.mark.parametrize(("states", "code"), [(["ok"], 0), (["ok", "warning"], 0), (["warning", "problem"], 1)])
def test_that_only_a_problem_makes_the_exit_code_one(states, code, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "diagnose", lambda: [Finding(f"thing {s}", s, "what [x]", "remedy") for s in states])
    assert doctor.run() == code
    text = capsys.readouterr().out
    assert all(f"thing {state}" in text for state in states)
    assert "what [x]" in text


def test_that_a_script_can_read_the_findings(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "diagnose", lambda: [Finding("CUDA", "warning", "unused", "update")])
    assert doctor.run(json=True) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "CUDA", "state": "warning", "what": "unused", "remedy": "update"}
    ]


def test_that_every_look_of_this_machine_comes_to_an_end():
    names = [finding.name for finding in doctor.diagnose()]
    assert {"Python", "torch", "Memory", "CPU", "Preferences", "Cache", "Runs", "Log"} <= set(names)
    assert len(names) == len(set(names))
