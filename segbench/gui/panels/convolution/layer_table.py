"""The layers of a network as a Qt model: a row a layer, in the order they run, with what a column means for sorting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt

from segbench.gui.theme import current_theme

if TYPE_CHECKING:
    from segbench.records import LayerInfo

COLUMNS = ("Layer", "Kind", "Geometry", "Output", "Parameters", "No gradient", "MACs", "Receptive field", "Coverage")
TIPS = (
    "The module's name, as in a state dict",
    "What it is; ×2: a forward pass runs it twice",
    "Channels in and out, kernel k, stride s, padding p, dilation d, output padding o, where they are not the default",
    "Height × width of its output, for an image of the size above",
    "Learnable numbers",
    "Learnable numbers of it that never receive a gradient: they keep the numbers they began with",
    "Multiply-accumulates for one image, over all its calls",
    "Input pixels that can reach one output pixel, at most",
    "Do all output pixels hear of the input? holes: some never do; uneven: some of more pixels than others. "
    "reads 25%: the share of its own input that it reads at all",
)
NUMBERS = range(3, 8)  # columns that stand at the right
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
NAME_ROLE = Qt.ItemDataRole.UserRole + 2
KIND_WORDS = {
    "conv": "Convolution",
    "conv_transpose": "Transpose",
    "norm": "Normalisation",
    "pool": "Pooling",
    "linear": "Linear",
    "other": "Other",
}
ROLES = {"holes": "bad", "uneven": "warning", "full": "good"}
CONVOLUTIONS = ("conv", "conv_transpose")

Index = QModelIndex | QPersistentModelIndex


def describe_layer(layer: LayerInfo) -> tuple[str, ...]:
    """A layer's cells in words, in the order of COLUMNS."""
    runs = "never runs" if not layer.calls else f"×{layer.calls}" if layer.calls > 1 else ""
    field = layer.receptive_field
    return (
        layer.name,
        f"{KIND_WORDS[layer.kind]} {runs}".strip() if layer.kind != "other" else f"{layer.type} {runs}".strip(),
        describe_geometry(layer),
        _write_pair(layer.output_size),
        f"{layer.parameters:,}" if layer.parameters else "",
        f"{layer.unreached_parameters:,}" if layer.unreached_parameters else "",
        write_count(layer.macs) if layer.macs else "",
        _write_pair(field) if field is not None else "whole image" if layer.calls else "",
        describe_coverage(layer),
    )


def describe_geometry(layer: LayerInfo) -> str:
    """ "64 → 5, k3 s2 p2 d2 o1": defaults are left out."""
    parts = []
    for letter, pair, default in (
        ("k", layer.kernel, None),
        ("s", layer.stride, (1, 1)),
        ("p", layer.padding, (0, 0)),
        ("d", layer.dilation, (1, 1)),
        ("o", layer.output_padding, (0, 0)),
    ):
        if pair is not None and pair != default:
            parts.append(f"{letter}{pair[0]}" if pair[0] == pair[1] else f"{letter}{pair[0]}×{pair[1]}")
    channels = "" if layer.channels_in is None else f"{layer.channels_in} → {layer.channels_out}"
    return ", ".join(part for part in (channels, " ".join(parts)) if part)


def describe_coverage(layer: LayerInfo) -> str:
    if layer.coverage is None:
        return ""
    return f"{layer.coverage}, reads {1 - layer.unread:.0%}" if layer.unread else layer.coverage


def write_count(count: int) -> str:
    """A large number, short: "1.54 G"."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)


def _write_pair(pair: tuple[int, int] | None) -> str:
    return "" if pair is None else f"{pair[0]} × {pair[1]}"


def _align(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in NUMBERS else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class LayerTable(QAbstractTableModel):
    """Layers by row, in the order they run."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: tuple[LayerInfo, ...] = ()
        self._cells: list[tuple[str, ...]] = []

    def set_layers(self, layers: tuple[LayerInfo, ...]) -> None:
        self.beginResetModel()
        self.layers, self._cells = layers, [describe_layer(layer) for layer in layers]
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.layers)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return COLUMNS[section]
            if role == Qt.ItemDataRole.ToolTipRole:
                return TIPS[section]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return int(_align(section))
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        layer, column = self.layers[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._cells[index.row()][column]
            case Qt.ItemDataRole.TextAlignmentRole:
                return int(_align(column))
            case Qt.ItemDataRole.ForegroundRole if column == 8 and layer.coverage:
                return getattr(current_theme(), ROLES[layer.coverage])
            case Qt.ItemDataRole.ForegroundRole if not layer.calls:
                return current_theme().muted
            case Qt.ItemDataRole.ForegroundRole if column == 5:
                return current_theme().warning
            case _ if role == SORT_ROLE:
                return self._sort_key(index.row(), column)
            case _ if role == NAME_ROLE:
                return layer.name
        return None

    def _sort_key(self, row: int, column: int) -> Any:
        layer = self.layers[row]
        field, size = layer.receptive_field, layer.output_size
        keys: tuple[Any, ...] = (
            row, self._cells[row][1], self._cells[row][2], size[0] * size[1] if size else -1, layer.parameters,
            layer.unreached_parameters, layer.macs, field[0] * field[1] if field else 10**9 if layer.calls else -1,
            self._cells[row][8],
        )  # fmt: skip
        return keys[column]


class LayerFilter(QSortFilterProxyModel):
    """Rows in which every word of the filter occurs; with `convolutions_only`, those that can be opened alone."""

    def __init__(self, table: LayerTable) -> None:
        super().__init__()
        self.setSourceModel(table)
        self.setSortRole(SORT_ROLE)
        self._table = table
        self._words: list[str] = []
        self._convolutions_only = True

    def set_text(self, text: str) -> None:
        self.beginFilterChange()
        self._words = text.casefold().split()
        self.endFilterChange()

    def set_convolutions_only(self, on: bool) -> None:
        self.beginFilterChange()
        self._convolutions_only = on
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        layer = self._table.layers[row]
        if self._convolutions_only and layer.kind not in CONVOLUTIONS:
            return False
        text = " ".join((*describe_layer(layer), "no gradient" if layer.unreached_parameters else "")).casefold()
        return all(word in text for word in self._words)
