"""Atrous spatial pyramid pooling: a card a branch over one feature map, and what brings the branches together. Shows; decides nothing."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QSizePolicy, QWidget

from segbench.gui.panels.convolution.atrous_parts import (
    build_arrow,
    build_aside,
    build_box,
    build_card,
    build_column,
    build_combo,
    build_key,
    build_row,
    build_slider,
    build_spin,
    set_quietly,
)
from segbench.gui.panels.convolution.atrous_picture import (
    FAMILIES,
    MOST_BRANCH_RATE,
    MOST_BRANCHES,
    MOST_MAP,
    AsppPicture,
    AtrousPicture,
    Branch,
)
from segbench.gui.panels.convolution.atrous_taps import TapMap
from segbench.gui.theme import GRID, current_theme, theme_signals
from segbench.gui.widgets.parts import build_label
from segbench.gui.widgets.yielding_row import YieldingRow

LEGEND = "Live: taps that fall on the map, averaged over its pixels. N: the channels that the encoder hands over."


class AsppPart(QWidget):
    """A card a branch, lines that lead them together, and what becomes of them."""

    chosen = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self._rates: tuple[int, ...] = ()
        self.family = build_combo(
            "aspp_family",
            "Rates of the branches",
            [*(f"{known.name}: {', '.join(map(str, known.rates))}" for known in FAMILIES), "Rates of your own"],
            "Rates as they were published, and a proposal for small maps",
        )
        self.family.activated.connect(self._choose_family)
        self.count = build_spin("aspp_count", "Atrous branches", 1, MOST_BRANCHES, "How many atrous branches there are")
        self.count.valueChanged.connect(self._choose_count)
        self.map_size = build_slider("aspp_map", "Map", 1, MOST_MAP, "Height and width of the feature map, in pixels")
        self.map_size.valueChanged.connect(lambda size: self.chosen.emit({"map_size": size}))
        self.map_size_value = build_label("", "aspp_map_value")
        self.map_size_value.setFixedWidth(56)
        self.branches = [
            BranchCard("point"),
            *(BranchCard(str(n)) for n in range(MOST_BRANCHES)),
            BranchCard("pooling"),
        ]
        self.junction = Junction(self.branches)
        self.concat, self.fusion = build_label("", "aspp_concat", "muted"), build_label("", "aspp_fusion", "muted")
        self.note = build_label("", "aspp_note", "muted", wrap=True)
        self.note.setMinimumHeight(2 * self.note.fontMetrics().lineSpacing())
        for number, branch in enumerate(self.branches):
            branch.map.pointed.connect(lambda row, column: self.chosen.emit({"pointed": (row, column)}))
            branch.rate.valueChanged.connect(lambda rate, n=number - 1: self._choose_rate(n, rate))
        knobs = build_row(
            build_key("Rates", self.family), self.family, 2 * GRID, build_key("Atrous branches", self.count), self.count, 2 * GRID,
            build_key("Map", self.map_size), self.map_size, self.map_size_value, 2 * GRID,
            build_aside("aspp_legend", "●  on the map     ○  on the zeros around it     ▸  farther out"),
        )  # fmt: skip
        cards = QHBoxLayout()
        cards.setSpacing(GRID)
        for branch in self.branches:
            cards.addWidget(branch, 1)
        together = build_box("Concatenate", self.concat)
        self.junction.lead_to(together)
        flow = build_row(
            None, together, build_arrow(), build_box("1 × 1 convolution", self.fusion), build_arrow(),
            build_box("Segmentation map", build_label("one channel, as large as the map", "", "muted")), None,
        )  # fmt: skip
        page = build_column(self)
        page.addWidget(knobs)
        page.addLayout(cards, 1)
        page.setSpacing(0)
        page.insertSpacing(1, GRID)
        page.addWidget(self.junction)
        page.addWidget(flow)
        page.addSpacing(GRID)
        page.addWidget(self.note)

    def show_picture(self, picture: AtrousPicture) -> None:
        aspp = picture.aspp
        self._rates = tuple(branch.rate for branch in aspp.branches[1:-1])
        self.family.setCurrentIndex(aspp.family if aspp.family >= 0 else len(FAMILIES))
        set_quietly(self.count, len(self._rates))
        set_quietly(self.map_size, aspp.map_size)
        self.map_size_value.setText(f"{aspp.map_size} × {aspp.map_size}")
        first, *middle, last = self.branches
        first.show_branch(aspp, aspp.branches[0])
        last.show_branch(aspp, aspp.branches[-1])
        for number, card in enumerate(middle):
            card.setVisible(number < len(self._rates))
            if number < len(self._rates):
                card.show_branch(aspp, aspp.branches[number + 1])
        self.concat.setText(aspp.concat)
        self.fusion.setText(aspp.fusion)
        self.note.setText(f"{LEGEND} {aspp.note}".strip())
        self.junction.update()

    def _choose_family(self, number: int) -> None:
        if number < len(FAMILIES):
            self.chosen.emit({"rates": FAMILIES[number].rates})

    def _choose_rate(self, number: int, rate: int) -> None:
        self.chosen.emit({"rates": (*self._rates[:number], rate, *self._rates[number + 1 :])})

    def _choose_count(self, count: int) -> None:
        rates = self._rates[:count]
        while len(rates) < count:  # as far from the last as that is from the one before
            step = rates[-1] - rates[-2] if len(rates) > 1 else rates[-1]
            rates = (*rates, min(max(rates[-1] + step, 1), MOST_BRANCH_RATE))
        self.chosen.emit({"rates": rates})


class BranchCard(QFrame):
    """One branch: its rate, its taps on the map, how many of them meet it, its parameters."""

    def __init__(self, name: str) -> None:
        super().__init__()
        column = build_card(self)[1]
        self.title = build_aside(f"branch_{name}_title", role="heading")
        self.rate = build_spin(
            f"branch_{name}_rate", "Rate of this branch", 1, MOST_BRANCH_RATE, "The rate of this branch"
        )
        self.map = TapMap(f"branch_{name}_map")
        self.live = build_label("", f"branch_{name}_live", tip="Taps that fall on the map, averaged over its pixels")
        self.here = build_label(
            "", f"branch_{name}_here", "muted", tip="Taps that fall on the map at the pixel pointed at"
        )
        self.bar = QProgressBar(objectName=f"branch_{name}_share", textVisible=False)
        self.bar.setAccessibleName("Share of live taps")
        self.bar.setRange(0, 1000)
        self.bar.setFixedHeight(6)
        self.parameters = build_label("", f"branch_{name}_parameters", "muted")
        self.verdict = build_label("", f"branch_{name}_verdict", "warning", wrap=True)
        self.verdict.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.verdict.setFixedHeight(2 * self.verdict.fontMetrics().lineSpacing())
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # all as wide as each other
        self.setMinimumWidth(144)
        self.rate.setFixedWidth(56)
        self.title.setMinimumHeight(self.rate.sizeHint().height())
        head, counts = QHBoxLayout(), YieldingRow(GRID)
        head.addWidget(self.title, 1)
        head.addWidget(self.rate)
        counts.add(self.live)
        counts.add_stretch()
        counts.add(self.here, rank=1)
        column.addLayout(head)
        column.addWidget(self.map, 1)
        column.addWidget(counts)
        column.addWidget(self.bar)
        column.addWidget(self.parameters)
        column.addWidget(self.verdict)

    def show_branch(self, aspp: AsppPicture, branch: Branch) -> None:
        self.setAccessibleName(branch.name)
        self.rate.setVisible(branch.rate > 0)
        self.title.setText("3 × 3, rate" if branch.rate > 0 else branch.name)
        if branch.rate > 0:
            set_quietly(self.rate, branch.rate)
        self.map.show_branch(aspp, branch)
        self.live.setText(branch.live_words)
        self.here.setText(branch.here)
        self.bar.setValue(round(1000 * branch.share))
        self.parameters.setText(f"{branch.parameters} parameters")
        self.verdict.setText(branch.verdict)
        self.verdict.setToolTip(branch.verdict)


class Junction(QWidget):
    """Lines from the branches' cards to what puts them together; dashed where only some networks have the branch."""

    def __init__(self, cards: list[BranchCard]) -> None:
        super().__init__()
        self._cards = cards
        self._end: QWidget | None = None
        self.setFixedHeight(3 * GRID)
        theme_signals().changed.connect(self.update)

    def lead_to(self, end: QWidget) -> None:
        """The station at which the lines end."""
        self._end = end

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            places = [card.geometry().center().x() + 0.5 for card in self._cards if not card.isHidden()]
            station = self._end.mapTo(self.window(), self._end.rect().center()) if self._end is not None else None
            middle = self.width() // 2 + 0.5 if station is None else self.mapFrom(self.window(), station).x() + 0.5
            bend, end = 1.5 * GRID - 0.5, self.height() - 1.0
            for x in places:
                is_optional = x == places[-1]
                painter.setPen(QPen(theme.muted, 1.5, Qt.PenStyle.DashLine if is_optional else Qt.PenStyle.SolidLine))
                painter.drawPolyline([QPointF(x, 0), QPointF(x, bend), QPointF(middle, bend)])
            painter.setPen(QPen(theme.muted, 1.5))
            painter.drawLine(QPointF(middle, bend), QPointF(middle, end))
