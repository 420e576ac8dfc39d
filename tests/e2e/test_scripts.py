"""The scripts as a user meets them: what they say, what they reuse, what they end with. Nothing is installed here."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import segbench

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """scripts/environment.py with a folder of its own and a pip that only writes down what it was asked for."""
    monkeypatch.setenv("SEGBENCH_VENV", str(tmp_path / "venv"))
    spec = importlib.util.spec_from_file_location("environment_under_test", ROOT / "scripts/environment.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    made.asked = []

    def make():
        made.asked.append("venv")
        made.VENV.mkdir(exist_ok=True)

    def install(*what, required=True):
        made.asked.append(" ".join(what).replace(str(ROOT), "ROOT"))
        return not made.refuses(what)

    made.refuses = lambda what: False
    made._make_environment, made._install, made._works = make, install, lambda python: made.VENV.is_dir()
    return made


def test_that_a_second_set_up_does_nothing(environment):
    environment.prepare(["gui"])
    assert environment.asked == ["venv", "-e ROOT[gui]"]
    environment.asked.clear()
    environment.prepare(["gui"])
    assert environment.asked == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError'\n"
            "ERROR: Could not find a version that satisfies the requirement torch>=2.10 (from versions: none)\n"
            "ERROR: No matching distribution found for torch>=2.10\n",
            "connection to the network",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement torch>=2.10 (from versions: 2.2.2)\n"
            "ERROR: No matching distribution found for torch>=2.10\n",
            "There is no torch>=2.10 for Python",
        ),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n", "disk is full"),
        ("error: subprocess-exited-with-error\n", "say what is wrong"),
    ],
)
def test_that_pips_failures_are_told_apart(environment, said, told):
    assert told in environment.explain(said)


def test_that_extras_add_up(environment):
    environment.prepare(["gui"])
    environment.prepare(["gui", "test"])
    assert environment.asked[-1] == "-e ROOT[gui,test]"
    environment.asked.clear()
    environment.prepare(["gui", "check"])
    assert environment.asked == ["-e ROOT[check,gui,test]"]
    environment.asked.clear()
    environment.prepare(["test"])
    assert environment.asked == []


def test_that_a_changed_dependency_is_installed_without_a_new_environment(environment, tmp_path):
    environment.prepare(["gui"])
    other = tmp_path / "constraints.txt"
    other.write_text("numpy==1.26\n", encoding="utf-8")
    environment.CONSTRAINTS = other
    environment.asked.clear()
    environment.prepare(["gui"])
    assert environment.asked == ["-e ROOT[gui]"]


def test_that_a_broken_environment_is_made_again_with_all_its_extras(environment):
    environment.prepare(["gui", "test"])
    environment.asked.clear()
    environment._works = lambda python: False
    environment.prepare(["gui"])
    assert environment.asked == ["venv", "-e ROOT[gui,test]"]


@pytest.mark.parametrize("stamp", ["", "{", "[]", "{}", '{"key": 1}', "null"])
def test_that_a_strange_stamp_means_a_fresh_start(environment, stamp):
    environment.prepare(["gui"])
    environment.STAMP.write_text(stamp, encoding="utf-8")
    environment.asked.clear()
    environment.prepare(["gui"])
    assert environment.asked == ["venv", "-e ROOT[gui]"]


def test_that_an_installation_that_failed_is_tried_again(environment):
    def fail(*_, **__):
        raise SystemExit(1)

    install, environment._install = environment._install, fail
    with pytest.raises(SystemExit):
        environment.prepare(["gui"])
    environment._install = install
    environment.prepare(["gui"])
    assert environment.asked[-1] == "-e ROOT[gui]"


def test_that_what_cannot_be_had_without_need_only_is_told(environment, capsys):
    environment.refuses = lambda what: "dlstudio" in what
    environment.prepare(["test"], also=["dlstudio"])
    assert "going on without it" in capsys.readouterr().out
    assert json.loads(environment.STAMP.read_text(encoding="utf-8"))["also"] == []
    environment.refuses = lambda what: False
    environment.asked.clear()
    environment.prepare(["test"], also=["dlstudio"])
    environment.prepare(["test"], also=["dlstudio"])
    assert environment.asked == ["--no-deps dlstudio"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Debian's packages")
def test_that_missing_libraries_are_installed_or_named_in_a_command(environment, monkeypatch, capsys):
    monkeypatch.setattr(environment.display, "find_missing_libraries", lambda _: ["libEGL.so.1"])
    monkeypatch.setattr(environment.display, "has_fonts", lambda: True)
    asked = []
    monkeypatch.setattr(environment, "install_packages", lambda packages: asked.append(packages) or True)
    assert environment.install_libraries()
    assert asked == [["libegl1"]]
    monkeypatch.setattr(environment, "install_packages", lambda packages: False)
    assert not environment.install_libraries()
    assert "apt-get install -y --no-install-recommends libegl1" in capsys.readouterr().out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can be without a display")
def test_that_run_says_plainly_when_there_is_no_display():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import environment, run\n"
        "environment.prepare = lambda *_, **__: sys.executable\n"
        "environment.install_libraries = lambda: True\n"
        "sys.exit(run.main([]))"
    )
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    bare = {name: value for name, value in os.environ.items() if name not in hidden}
    told = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True)
    assert told.returncode == 1
    assert "no display" in told.stderr


def test_that_run_passes_its_arguments_through():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import environment, run\n"
        "environment.prepare = lambda *_, **__: sys.executable\n"
        "sys.exit(run.main(['--version']))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert segbench.__version__ in told.stdout


def test_that_the_scripts_need_nothing_but_the_standard_library():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
        "import run, test, check\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    told = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert set(told.stdout.split()) <= {"__main__", "environment", "run", "test", "check", "segbench"}


def test_that_an_old_python_is_told_so_in_a_sentence():
    source = (ROOT / "scripts/run.py").read_text(encoding="utf-8")
    code = "import sys; sys.version_info = (3, 8, 1); sys.version = '3.8.1 (x)'; exec(sys.stdin.read())"
    told = subprocess.run([sys.executable, "-c", code], input=source, capture_output=True, text=True)
    assert told.returncode == 1
    assert told.stderr.startswith("segbench needs Python 3.11 or newer; this is Python 3.8.1.")
