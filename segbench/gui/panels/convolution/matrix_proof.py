"""The proof below the lab's grids: a button, a verdict in words, and each way with its largest difference to another. Decides nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from segbench.gui.theme import mark
from segbench.gui.widgets.parts import build_label, build_push

if TYPE_CHECKING:
    from segbench.records import Agreement, Proof, Route

ROUTES: dict[Route, str] = {
    "scatter": "Stamp the kernel, and add (scatter)",
    "inserted": "Insert zeros, then convolve",
    "matrix_transposed": "Cᵀ {}, by the matrix",
    "conv_transpose2d": "torch: conv_transpose2d",
    "conv2d_gradient": "torch: autograd of conv2d",
    "sweep": "Sweep the kernel",
    "matrix": "C {}, by the matrix",
    "unrolled": "k · patches",
    "conv2d": "torch: conv2d",
    "conv_transpose2d_gradient": "torch: autograd of conv_transpose2d",
}
COUNTS = ("no", "one", "two", "three", "four", "five")


class ProofView(QWidget):
    """A button, and what came of it: a verdict in words, and for each way its largest difference to another."""

    requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("proof")
        self.button = build_push(
            "Prove it",
            "prove",
            "Compute these numbers in every way there is, torch and autograd among them, and compare",
            "primary",
        )
        self.button.clicked.connect(self.requested)
        self.verdict = build_label("", "proof_verdict", "muted", wrap=True)
        self.table = QWidget(self)
        self._rows = QGridLayout(self.table)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setHorizontalSpacing(8)
        self._rows.setVerticalSpacing(0)
        self._rows.setColumnStretch(0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        top = QHBoxLayout()
        top.addWidget(self.button)
        top.addStretch(1)
        column.addLayout(top)
        column.addWidget(self.verdict)
        column.addWidget(self.table)
        column.addStretch(1)
        self.show_proof(None, False)

    def show_proof(self, proof: Proof | None, busy: bool) -> None:
        self.button.setText("Proving…" if busy else "Prove it")
        self.button.setEnabled(not busy)
        self._clear()
        self.table.setVisible(proof is not None)
        if proof is None:
            mark(self.verdict, "muted")
            self.verdict.setText(
                "Computes y and the way back of the loss by sweeping, stamping, zero insertion, the matrix, torch and autograd, "
                "from the numbers on screen, and compares each with each."
            )
            return
        mark(self.verdict, "good" if proof.agrees else "bad")
        self.verdict.setText(write_verdict(proof))
        self._list("Forward: y", "x", proof.forward)
        self._list("Loss, backward: ∂L/∂x", "∂L/∂y", proof.backward)

    def _list(self, title: str, source: str, agreement: Agreement) -> None:
        at = self._rows.rowCount()
        if at > 1:
            self._rows.setRowMinimumHeight(at, 8)
            at += 1
        heading = build_label(title)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        self._rows.addWidget(heading, at, 0)
        self._rows.addWidget(
            build_label(
                "difference", "", "muted", tip="The largest of any pixel, from the way that is farthest from this one"
            ),
            at,
            1,
            Qt.AlignmentFlag.AlignRight,
        )
        for number, route in enumerate(agreement.routes, at + 1):
            largest = max((d.largest for d in agreement.differences if route in (d.one, d.other)), default=0.0)
            value = build_label(write_difference(largest), f"difference_{route}")
            self._rows.addWidget(build_label(ROUTES[route].format(source), f"route_{route}"), number, 0)
            self._rows.addWidget(value, number, 1, Qt.AlignmentFlag.AlignRight)

    def _clear(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            item.widget().deleteLater()


def write_difference(value: float) -> str:
    """2.4e−07; 0 where there is none."""
    return "0" if value == 0 else "∞" if math.isinf(value) else f"{value:.1e}".replace("-", "−")


def write_verdict(proof: Proof) -> str:
    ways = [len(agreement.routes) for agreement in (proof.forward, proof.backward)]
    words = f"{COUNTS[ways[0]]} forward and {COUNTS[ways[1]]} back"
    worst = max((proof.forward, proof.backward), key=lambda agreement: agreement.largest)
    values = f"of values up to {worst.largest_value:.3g}"
    if not math.isfinite(worst.largest) or not math.isfinite(worst.largest_value):
        return "These values are too large: their products do not fit into float32, in which torch computes."
    if not proof.agrees:
        return (
            f"The ways do not agree ({words}): the largest difference is {write_difference(worst.largest)}, {values}."
        )
    if worst.largest == 0:
        return f"All ways agree, {words}: they give the very same numbers."
    return f"All ways agree, {words}: the largest difference is {write_difference(worst.largest)}, {values}."
