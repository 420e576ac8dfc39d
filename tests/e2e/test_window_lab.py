"""The convolution lab at the window as somebody new to it uses it: slide 52 by keys and boxes, then a trained layer taken apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox

from segbench.gui.widgets.tensor_grid import TensorGrid
from tests.e2e.driving import User


def read(user: User, name: str = "grid_output") -> np.ndarray | None:
    """The numbers in a grid; None where it says why there are none."""
    cells = user.find(name, TensorGrid).cells
    return None if cells is None else np.array(cells.values)


def run_program(code: str) -> np.ndarray:
    room: dict[str, Any] = {"print": lambda *_: None}
    exec(code, room)
    return room["y"].numpy()[0]


def find_entry(user: User, name: str, word: str) -> str:
    """The whole text of the one entry of a box in which this word occurs, in small letters."""
    box = user.find(name, QComboBox)
    (text,) = [box.itemText(row) for row in range(box.count()) if word in box.itemText(row).casefold()]
    return text


def test_that_slide_52_is_followed_by_keys_and_the_lectures_last_layer_is_taken_apart(run_app) -> None:
    def body(user: User) -> None:
        user.press("Ctrl+5")
        assert user.sees("grid_output")

        # Slide 52 by the knob: 4 x 4, 2 x 2, and a sentence that names the number to change
        user.choose("examples", find_entry(user, "examples", "slide 48"))
        assert read(user).shape == (4, 4)
        user.type("box_padding", "1")
        assert read(user).shape == (2, 2)
        user.type("box_padding", "2")
        assert read(user) is None
        assert "Set padding to 1 or less" in user.find("grid_output").accessibleDescription()
        assert not user.find("play").isEnabled()
        user.press("Ctrl+Z", "grid_input")
        assert read(user).shape == (2, 2)
        assert user.text("box_padding") == "1"

        # The same by the examples, one after the other
        for slide, shape in (("slide 48", (4, 4)), ("slide 54", (2, 2)), ("slide 52", None)):
            user.choose("examples", find_entry(user, "examples", slide))
            shown = read(user)
            assert (None if shown is None else shown.shape) == shape
        user.press("Ctrl+PgUp", "grid_input")
        assert user.text("examples").strip().startswith("Slide 54")

        # The sum behind a pixel, and the same from the program on the clipboard
        user.press("Right", "grid_output")
        user.wait_for(lambda: user.text("sum").startswith("Output pixel (row 0, column 1)"), "the sum of that pixel")
        user.press("Ctrl+Shift+C")
        np.testing.assert_allclose(run_program(QGuiApplication.clipboard().text())[0], read(user), atol=1e-6)
        user.press("Ctrl+Return")
        user.wait_for(lambda: user.text("proof_verdict").startswith("All ways agree"), "torch's word")

        # A layer of the lecture's network
        user.press("Alt+5")
        user.choose("network_choice", find_entry(user, "network_choice", "lecture"))
        user.wait_for(lambda: user.sees("layer_table"), "the layers", seconds=90)
        assert "Holes in 3 layers" in user.text("network_flags")
        assert "1,922,112 parameters" in user.text("network_flags")
        user.type("layer_filter", "conv_out")
        user.press("Return", "layer_table")
        user.wait_for(lambda: user.sees("grid_output"), "the layer in the lab", seconds=90)
        assert user.text("examples") == "conv_out"
        assert read(user).shape == (64, 64)
        assert user.text("box_dilation") == "2"
        user.press("Alt+3")
        assert user.text("coverage_verdict").startswith("Holes: 3,072 of 4,096")
        user.click("repair_use_1")
        assert user.text("coverage_verdict").startswith("Full")

    assert run_app(body) == 0
