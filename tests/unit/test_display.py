"""What the window needs of the machine: missing libraries become an exact command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from segbench import display

LDD = """/x/libqxcb.so:
\tlinux-vdso.so.1 (0x00007ffd)
\tlibxcb-cursor.so.0 => not found
\tlibQt6XcbQpa.so.6 => not found
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
/x/libQt6Gui.so.6:
\tlibEGL.so.1 => not found
\tlibxcb-cursor.so.0 => not found
\tlibstrange.so.9 => not found
"""
MISSING = ["libEGL.so.1", "libstrange.so.9", "libxcb-cursor.so.0"]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's dynamic linker")


@pytest.fixture
def pyside(tmp_path):
    (tmp_path / "Qt/plugins/platforms").mkdir(parents=True)
    (tmp_path / "Qt/plugins/platforms/libqxcb.so").touch()
    return tmp_path


@linux
def test_that_each_missing_library_is_named_once_and_qt_s_own_never(pyside, monkeypatch):
    monkeypatch.setattr(display.shutil, "which", lambda name: "/usr/bin/ldd")
    monkeypatch.setattr(display.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, LDD, ""))
    assert display.find_missing_libraries(pyside) == MISSING


@linux
def test_that_nothing_is_missing_where_nobody_can_be_asked(pyside, monkeypatch):
    monkeypatch.setattr(display.shutil, "which", lambda name: None)
    assert display.find_missing_libraries(pyside) == []
    assert display.find_missing_libraries(pyside / "nowhere") == []


def test_that_libraries_become_packages_and_unknown_ones_are_left_out():
    assert display.find_packages(MISSING) == ["libegl1", "libxcb-cursor0"]


@pytest.mark.parametrize(("root", "start"), [(True, "apt-get install"), (False, "sudo apt-get install")])
def test_that_the_command_can_be_pasted(root, start, monkeypatch):
    monkeypatch.setattr(display, "is_root", lambda: root)
    command = display.write_apt_command(["libegl1", "libxcb-cursor0"])
    assert command.startswith(start)
    assert command.endswith("libegl1 libxcb-cursor0")


@linux
def test_that_a_display_is_there_when_the_environment_names_one(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert not display.has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert display.has_display()


@linux
def test_that_a_font_is_found_wherever_it_lies_below_the_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(display, "_FONT_FOLDERS", (str(tmp_path / "none"), str(tmp_path)))
    assert not display.has_fonts()
    (tmp_path / "truetype").mkdir()
    (tmp_path / "truetype" / "A.TTF").touch()
    assert display.has_fonts()
