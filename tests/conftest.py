"""What all tests share: a home of their own, and the data that stands beside the repository where it is lent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, caches and logs go to a fresh folder."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SEGBENCH_HOME", str(folder))
    return folder


@pytest.fixture
def camvid() -> Path:
    """The folder of CamVid; SEGBENCH_REQUIRE_SHARED=1 makes its absence a failure."""
    folder = SHARED / "camvid"
    if not folder.is_dir():
        reason = "no ../shared/data/camvid in this clone"
        if os.environ.get("SEGBENCH_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
