"""Where the panel looks: at a sample of the open dataset, or at one of the image files dragged in. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbench.gui.session import Session

FILES = "files"  # the split's name for image files dragged in
LOOKED_AT_FIRST = ("test", "validation", "val")  # where the network has not been


class Place:
    """The session holds the dataset's present sample; the files and the one looked at are held here."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._files: Any = None
        self._file = -1  # >= 0: the files are looked at

    @property
    def among_files(self) -> bool:
        return self._file >= 0

    @property
    def source(self) -> Any:
        """The dataset looked at: the session's, or the files. None without."""
        return self._files if self.among_files else self._session.dataset

    @property
    def index(self) -> int:
        """The present sample, counted over all splits of the source."""
        return self._file if self.among_files else self._session.sample

    @property
    def split(self) -> str:
        if self.among_files:
            return FILES
        source = self.source
        return source.split_of(self.index) if source is not None and len(source) else ""

    @property
    def span(self) -> range:
        """The indices of the present split."""
        if self.among_files:
            return range(len(self._files))
        source = self.source
        return source.splits[self.split] if source is not None and len(source) else range(0)

    def list_splits(self) -> list[tuple[str, int]]:
        """(name, samples) of all that can be looked at."""
        dataset = self._session.dataset
        splits = [(name, len(span)) for name, span in dataset.splits.items()] if dataset is not None else []
        return splits if self._files is None else [*splits, (FILES, len(self._files))]

    def take_files(self, files: Any) -> None:
        """Looks at these files from now on, and offers them as a split."""
        self._files, self._file = files, 0

    def leave_files(self) -> None:
        """Looks at the dataset again; the files stay on offer."""
        self._file = -1

    def go_to(self, index: int) -> None:
        """Any sample of the source, which is not empty; out of range is brought into range."""
        if self.among_files:
            self._file = min(max(index, 0), len(self._files) - 1)
        else:
            self._session.select_sample(index)

    def choose_split(self, split: str) -> bool:
        """Goes to the first sample of a split, unless it is the present one; True: of another source than before."""
        among_files = self.among_files
        if split == FILES:
            if self._files is not None and not among_files:
                self._file = 0
            return self.among_files is not among_files
        self.leave_files()
        dataset = self._session.dataset
        if dataset is not None and split != self.split and dataset.splits.get(split):
            self._session.select_sample(dataset.splits[split][0])
        return among_files

    def find_first_unseen(self) -> int | None:
        """The first sample of the dataset's test split, else of its validation split; None without."""
        dataset = self._session.dataset
        spans = [dataset.splits.get(split) for split in LOOKED_AT_FIRST] if dataset is not None else []
        return next((span[0] for span in spans if span), None)
