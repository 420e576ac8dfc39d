"""The two-minute tour, from the empty window to exported masks, with nothing but its own button pressed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.driving import User

STEPS = (
    "Make a dataset",
    "Look at the images",
    "Train a network",
    "Watch it learn",
    "See what it finds",
    "Export the masks",
)


@pytest.mark.heavy
def test_that_the_tour_ends_with_exported_masks(run_app, home: Path) -> None:
    def read_step(user: User) -> int:
        text = user.text("fact_step").partition(" / ")[0].replace(",", "") if user.sees("fact_step") else ""
        return int(text) if text.isdigit() else 0

    def body(user: User) -> None:
        user.click("tour")
        for title in STEPS:
            user.wait_for(
                lambda title=title: user.text("coach_title").startswith(title), f"the step {title!r}", seconds=90
            )
            if title == "Watch it learn":
                user.wait_for(lambda: read_step(user) >= 5, "a few steps of training", seconds=90)
            if title == "See what it finds":
                assert user.text("run_phase") == "Stopped" if user.sees("run_phase") else True
            if user.sees("coach_do"):  # the page may have done it already
                user.click("coach_do")
            if title != STEPS[-1]:
                user.wait_for(
                    lambda title=title: user.text("coach_title") == f"{title}: done", f"its end: {title}", seconds=90
                )
                user.click("coach_skip")
        user.wait_for(lambda: user.text("coach_title") == "That was it", "the end of the tour", seconds=90)
        if user.sees("close_export"):
            user.click("close_export")
        user.click("coach_leave")
        assert not user.sees("coach")

    run_app(body)
    (manifest,) = home.rglob("manifest.json")
    told = json.loads(manifest.read_text(encoding="utf-8"))
    assert told["state"] == "complete"
    assert told["samples"]["done"] == 40
    for entry in told["files"]:
        assert Image.open(manifest.parent / entry["path"]).size == (64, 64)
