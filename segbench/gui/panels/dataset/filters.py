"""What the gallery is asked to show: a frozen filter. Knows no dataset, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sort = Literal["index", "name", "most objects", "fewest objects", "most covered", "least covered"]
SORTS: tuple[Sort, ...] = ("index", "name", "most objects", "fewest objects", "most covered", "least covered")


@dataclass(frozen=True, slots=True)
class Filter:
    """All conditions hold together. classes: at least one of these is in the sample (empty: any sample).

    fewest, most: objects in the sample, both ends included; most None: no limit. split "": all. text: part of the name.
    """

    classes: frozenset[int] = frozenset()
    fewest: int = 0
    most: int | None = None
    split: str = ""
    text: str = ""
    pinned: bool = False
    sort: Sort = "index"

    @property
    def needs_facts(self) -> bool:
        """Names and splits are known at once; what is in a sample has to be counted."""
        return bool(self.classes) or self.fewest > 0 or self.most is not None or self.sort not in ("index", "name")

    @property
    def narrows(self) -> bool:
        """Some samples may be left out."""
        return self != Filter(sort=self.sort)
