"""PySide6 6.12.0 on Python below 3.12 loses a reference of None on every call that returns None, and aborts after some thousand."""

import sys
import tomllib
from pathlib import Path

from PySide6.QtCore import QObject

CALLS = 2000  # not so many that such a build ends the tests instead of failing this one


def test_that_a_call_that_returns_none_leaves_none_alone(qapp):
    thing = QObject()
    before = sys.getrefcount(None)
    for _ in range(CALLS):
        thing.setObjectName("a")
    assert before - sys.getrefcount(None) < CALLS // 2


def test_that_the_package_keeps_that_build_out():
    told = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    asked = told["project"]["optional-dependencies"]["gui"]
    (old,) = [line for line in asked if line.startswith("PySide6") and "python_version < '3.12'" in line]
    assert "!=6.12.0" in old
