"""ImageFiles: loose picture files looked at as a dataset without masks, so that they can be predicted and exported like one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segbench.errors import SegbenchError
from segbench.formats.images import WhiteLevel, read_image
from segbench.records import DatasetInfo, Sample

SPLIT = "files"


class ImageFiles:
    """Picture files in the order given, all in the split "files". They are read when asked for, not before."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises SegbenchError for an empty list or a path that is no file."""
        if not paths:
            raise SegbenchError("There are no pictures to read.", "Give at least one picture file.")
        self._paths = [Path(path) for path in paths]
        for path in self._paths:
            if not path.is_file():
                raise SegbenchError(f"There is no picture {path}.", "Check the path; it may have been moved.")
        self._white = WhiteLevel(self._paths)
        first = self._paths[0]
        self.info = DatasetInfo(
            name=first.name if len(paths) == 1 else f"{len(paths)} pictures",
            format="images",
            path=str(first if len(paths) == 1 else first.parent),
            classes=None,
            splits={SPLIT: len(paths)},
            size=None,
        )

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, index: int) -> str:
        return self._paths[index].name

    def split_of(self, index: int) -> str:
        return SPLIT

    def read(self, index: int) -> Sample:
        """The sample, masks None. Raises SegbenchError naming the file if it cannot be read."""
        image = read_image(self._paths[index], self._white)
        return Sample(index, self.name(index), SPLIT, image, None)
