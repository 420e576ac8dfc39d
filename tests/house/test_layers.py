"""Who may see whom: the import contracts, and where Qt, threads and the event loop live."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

QT = ("PySide6", "shiboken6", "pyqtgraph", "qasync")
THREADS = (
    "threading.Thread", "threading.Timer", "_thread", "concurrent.futures", "multiprocessing", "asyncio.to_thread",
    "QtCore.QThread", "QtCore.QThreadPool", "QtCore.QRunnable",
)  # fmt: skip


def _starts(name, heads):
    return any(name == head or name.startswith(f"{head}.") for head in heads)


def test_that_the_import_contracts_are_kept(root):
    pytest.importorskip("importlinter")
    told = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
        cwd=root, capture_output=True, text=True, encoding="utf-8", env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1"},
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr


def test_that_qt_is_imported_only_under_gui(modules):
    wrong = [
        module.at(line)
        for module in modules
        if not module.within("segbench.gui")
        for name, line in module.imports()
        if _starts(name, QT)
    ]
    assert not wrong


def test_that_no_presenter_and_no_session_imports_qt(modules):
    wrong = [
        module.at(line)
        for module in modules
        if module.path.name in ("presenter.py", "session.py")
        for name, line in module.imports()
        if _starts(name, QT)
    ]
    assert not wrong


def test_that_qasync_is_imported_only_by_the_composition_root(modules):
    users = {module.name for module in modules for name, _ in module.imports() if _starts(name, ("qasync",))}
    assert users <= {"segbench.gui.app"}


def test_that_only_jobs_starts_threads(modules):
    wrong = []
    for module in modules:
        if module.name == "segbench.jobs":
            continue
        wrong += [module.at(line) for name, line in module.imports() if any(thread in name for thread in THREADS)]
        wrong += [
            module.at(call.lineno)
            for name, call in module.calls()
            if name in THREADS or name.rpartition(".")[2] in ("QThread", "QThreadPool", "QRunnable", "run_in_executor")
        ]
    assert not wrong


def test_that_views_and_presenters_have_no_coroutines(modules):
    wrong = [
        module.at(node.lineno)
        for module in modules
        if module.within("segbench.gui") and module.name != "segbench.gui.app"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    assert not wrong


def test_that_dialogs_open_and_never_stop_the_event_loop(modules):
    """`exec` and the static questions run a loop of their own, in which a second click or a finished job strikes."""
    static = {
        "question", "information", "warning", "critical", "about", "getOpenFileName", "getOpenFileNames",
        "getSaveFileName", "getExistingDirectory", "getText", "getInt", "getItem", "getColor", "getDouble",
    }  # fmt: skip
    wrong = [
        f"{module.at(call.lineno)} {name}"
        for module in modules
        if module.within("segbench.gui")
        for name, call in module.calls()
        if (name.rpartition(".")[2] in ("exec", "exec_") and "drag" not in name.lower())
        or (name.partition(".")[0].startswith("Q") and name.rpartition(".")[2] in static)
    ]
    assert not wrong


def test_that_every_panel_is_a_presenter_and_a_view(root):
    folders = [
        path for path in (root / "segbench/gui/panels").iterdir() if path.is_dir() and path.name != "__pycache__"
    ]
    assert folders
    for folder in folders:
        assert (folder / "presenter.py").exists(), folder
        assert (folder / "view.py").exists(), folder
        assert not (folder / "__init__.py").read_text(encoding="utf-8").strip().count("import"), folder


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import segbench.__main__", ("numpy", "torch", "PySide6", "pyqtgraph", "msgspec", "rich")),
        ("import segbench.events, segbench.records, segbench.jobs", ("numpy", "torch", "PySide6")),
        ("import segbench.gui.session, segbench.settings, segbench.config", ("numpy", "torch", "PySide6")),
        ("import segbench.gui.app", ("numpy", "torch", "pyqtgraph")),
        ("import segbench.gui.main_window", ("numpy", "torch", "pyqtgraph")),
        ("import segbench.cli.main", ("torch", "PySide6")),
    ],
)
def test_that_nothing_heavy_is_imported_before_it_is_needed(statement, unwanted):
    if "gui." in statement and "session" not in statement:
        pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)
    code = f"import sys\n{statement}\nprint(*sorted(set(sys.modules) & {set(unwanted)!r}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stdout.split() == []


def test_that_the_union_of_events_is_closed():
    import dataclasses
    from typing import get_args

    import msgspec

    from segbench import events

    made_here = {
        thing
        for thing in vars(events).values()
        if isinstance(thing, type) and thing.__module__ == events.__name__ and thing is not events.Fact
    }
    assert made_here == set(get_args(events.Event))
    for event in made_here:
        if issubclass(event, msgspec.Struct):
            assert event.__struct_config__.frozen
        else:
            assert dataclasses.is_dataclass(event)
            assert event.__dataclass_params__.frozen
