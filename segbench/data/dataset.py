"""Dataset: the samples of a file, a folder or a list, by one index over all splits. Detects formats; the bytes are formats/'s business."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.events import Progressed
from segbench.formats.apart import open_purdue
from segbench.formats.folders import SPLIT_ORDER, SPLITS, open_folder
from segbench.formats.images import WhiteLevel, is_image_name
from segbench.formats.kinds import looks_like_purdue
from segbench.formats.purdue import PurdueFile
from segbench.formats.sources import CountingSource, FileSource, Masks, Source
from segbench.formats.voc import open_voc
from segbench.records import Box, ClassTable, DatasetInfo, Sample

CACHE_BYTES = 512 * 2**20
HEADERS_READ = 1000  # up to this many files, their headers tell whether all pictures are of one size
_WHAT_IS_ONE = (
    "A dataset is a PurdueShapes .gz file (or a folder with its -train.gz and -test.gz), a folder with images and masks beside each "
    "other, a Pascal VOC folder, or any folder or file with pictures."
)


class Dataset:
    """Samples by index, all splits in one row: train, val, test, then others.

    Pictures that come from files are kept decoded, up to `cache_bytes`, the longest unused dropped first. All methods may be called
    from any thread.
    """

    def __init__(self, info: DatasetInfo, sources: dict[str, Source], cache_bytes: int = CACHE_BYTES) -> None:
        self.info = info
        self.splits: dict[str, range] = {}
        self._sources = sources
        self._starts: list[int] = []
        start = 0
        for split, source in sources.items():
            self._starts.append(start)
            self.splits[split] = range(start, start + len(source))
            start += len(source)
        self._order = list(sources)
        # Asked once: of a protocol it takes longer than the answer that is wanted, and that of ten thousand samples
        self._counting = {split: source for split, source in sources.items() if isinstance(source, CountingSource)}
        self._count = start
        self._cache = _SampleCache(cache_bytes)

    @classmethod
    def from_samples(cls, samples: Iterable[Sample], classes: ClassTable | None, name: str) -> Dataset:
        """A dataset in memory. Samples are put in order of their splits and numbered anew; their arrays become read-only."""
        by_split: dict[str, list[Sample]] = {}
        for sample in samples:
            by_split.setdefault(sample.split, []).append(sample)
        sources: dict[str, Source] = {split: _Kept(by_split[split], classes) for split in order_splits(by_split)}
        sizes = {sample.size for kept in by_split.values() for sample in kept}
        info = DatasetInfo(
            name=name,
            format="images" if classes is None else "folders" if classes.exclusive else "planes",
            path="",
            classes=classes,
            splits={split: len(source) for split, source in sources.items()},
            size=sizes.pop() if len(sizes) == 1 else None,
        )
        return cls(info, sources)

    @property
    def classes(self) -> ClassTable | None:
        return self.info.classes

    def __len__(self) -> int:
        return self._count

    def split_of(self, index: int) -> str:
        """The split a sample belongs to. Raises SegbenchError if there is no such sample."""
        return self._place(index)[0]

    def name(self, index: int) -> str:
        """A sample's name: usable as a file name, unique within its split."""
        _, source, i = self._place(index)
        return source.name(i)

    def path(self, index: int) -> str:
        """Where a sample's picture stands; "" where it is no file of its own."""
        _, source, i = self._place(index)
        return source.path(i) if isinstance(source, FileSource) else ""

    def read(self, index: int) -> Sample:
        """A sample with its arrays read-only. Raises SegbenchError naming the file that cannot be used."""
        split, source, i = self._place(index)
        if not isinstance(source, FileSource):
            return source.read(i, index, split)
        if (sample := self._cache.get(index)) is None:
            sample = source.read(i, index, split)
            self._cache.put(index, sample)
        return sample

    def has_masks(self, index: int) -> bool:
        """Whether the truth about a sample is there. Cheap: looks for the file, not into it."""
        _, source, i = self._place(index)
        if isinstance(source, FileSource):
            return source.has_masks(i)
        if isinstance(source, _Kept):
            return source.samples[i].masks is not None
        return self.info.classes is not None

    def objects(self, index: int) -> NDArray[np.int32] | None:
        """Objects a class, int32 (K,), where the file's header tells them; None where only a scan can tell."""
        split, _, i = self._place(index)
        return self._counting[split].objects(i) if split in self._counting else None

    def find_white(self) -> float:
        """The value of pictures of more than 8 bits that becomes 255; 0 if they have 8. Reads some files at first."""
        return next((s.find_white() for s in self._sources.values() if isinstance(s, FileSource)), 0.0)

    def read_truth(self, index: int) -> tuple[Masks | None, tuple[tuple[int, Box], ...], tuple[int, int]]:
        """Masks and boxes as in a Sample, and the picture's size, without decoding the picture where that can be avoided."""
        _, source, i = self._place(index)
        if isinstance(source, FileSource) and self._cache.get(index) is None:
            masks, size = source.read_masks(i)
            return masks, (), size
        sample = self.read(index)
        return sample.masks, sample.boxes, sample.size

    def read_preview(self, index: int, side: int) -> NDArray[np.uint8]:
        """uint8 (h, w, 3): the picture, or a smaller version whose longest side has at least `side` pixels if that comes cheaper."""
        split, source, i = self._place(index)
        if not isinstance(source, FileSource):
            return source.read(i, index, split).image
        kept = self._cache.get(index)
        return source.preview(i, side) if kept is None else kept.image

    def _place(self, index: int) -> tuple[str, Source, int]:
        if not 0 <= index < self._count:
            raise SegbenchError(
                f"The dataset {self.info.name} has no sample {index}.",
                f"Its samples are 0 to {self._count - 1}." if self._count else "It is empty.",
            )
        k = bisect_right(self._starts, index) - 1
        split = self._order[k]
        return split, self._sources[split], index - self._starts[k]


class _Kept:
    """A source whose samples are in memory."""

    def __init__(self, samples: Sequence[Sample], classes: ClassTable | None) -> None:
        self.samples = samples
        self.classes = classes
        for sample in samples:
            sample.image.flags.writeable = False
            if sample.masks is not None:
                sample.masks.flags.writeable = False

    def __len__(self) -> int:
        return len(self.samples)

    def name(self, i: int) -> str:
        return self.samples[i].name

    def read(self, i: int, index: int, split: str) -> Sample:
        kept = self.samples[i]
        return Sample(index, kept.name, split, kept.image, kept.masks, kept.boxes)


class _SampleCache:
    """The samples used last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._samples: OrderedDict[int, Sample] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, index: int) -> Sample | None:
        with self._lock:
            sample = self._samples.get(index)
            if sample is not None:
                self._samples.move_to_end(index)
            return sample

    def put(self, index: int, sample: Sample) -> None:
        size = _count_bytes(sample)
        if size > self._limit:
            return
        with self._lock:
            if index in self._samples:
                return
            self._samples[index] = sample
            self._used += size
            while self._used > self._limit:
                self._used -= _count_bytes(self._samples.popitem(last=False)[1])


def _count_bytes(sample: Sample) -> int:
    return sample.image.nbytes + (0 if sample.masks is None else sample.masks.nbytes)


# Opening ----------------------------------------------------------------------------------------------------------------


def order_splits(splits: Iterable[str]) -> list[str]:
    """train, val, test first, others as they came."""
    given = list(dict.fromkeys(splits))
    return [s for s in SPLIT_ORDER if s in given] + [s for s in given if s not in SPLIT_ORDER]


def open_dataset(path: Path) -> Generator[Progressed, None, Dataset]:
    """Opens whatever dataset stands at `path`: a .gz file, a folder of them, Pascal VOC, a folder of pictures, one picture.

    Raises SegbenchError saying why it is none and what would be one.
    """
    path = Path(path).expanduser().absolute()
    if not path.exists():
        raise SegbenchError(f"{path} does not exist.", "Check the path; it may have been moved.")
    if path.is_file():
        if is_image_name(path.name):
            return open_images([path])
        if path.suffix.lower() == ".gz" or looks_like_purdue(path):
            return (yield from _open_purdue(path, {find_split(path.name) or "all": path}))
        raise SegbenchError(f"{path} is no dataset: it is neither a .gz file nor a picture.", _WHAT_IS_ONE)
    if not path.is_dir():
        raise SegbenchError(f"{path} is no dataset: it is neither a file nor a folder.", _WHAT_IS_ONE)
    found = yield from open_voc(path)
    if found is None:
        found = yield from open_folder(path)
    # Pictures with masks are the dataset, whatever else was downloaded beside them; pictures alone may be anything
    if (found is None or found.classes is None) and (files := _find_purdue(path, alone=found is None)):
        return (yield from _open_purdue(path, files))
    if found is None:
        raise SegbenchError(f"The folder {path} is no dataset: there is no picture in it.", _WHAT_IS_ONE)
    sources = {split: found.splits[split] for split in order_splits(found.splits)}
    info = DatasetInfo(
        name=path.name if path.name.lower() not in SPLITS else f"{path.parent.name} {path.name}",
        format=found.format,
        path=str(path),
        classes=found.classes,
        splits={split: len(source) for split, source in sources.items()},
        size=_find_size(list(sources.values())),
    )
    return Dataset(info, sources)


def open_images(paths: Sequence[Path]) -> Dataset:
    """Pictures named one by one (dragged in, given on the command line) as a dataset without masks.

    Raises SegbenchError if there are none, or for the first that is no picture. The pictures themselves are not read yet.
    """
    files = [Path(path).absolute() for path in paths]
    if not files:
        raise SegbenchError("There are no pictures.", "Name at least one file.")
    for file in files:
        if not file.is_file():
            raise SegbenchError(f"{file} is no file.", "Name picture files, or open the folder as a dataset.")
        if not is_image_name(file.name):
            raise SegbenchError(f"{file} is no picture segbench reads.", "It reads PNG, JPEG, TIFF, BMP, WebP and GIF.")
    folders = {file.parent for file in files}
    if len(folders) == 1:
        folder, names = folders.pop(), [file.name for file in files]
    else:
        folder, names = Path(), [str(file) for file in files]
    source = FileSource(str(folder), names, WhiteLevel(folder, names), flat=True)
    info = DatasetInfo(
        name=files[0].name if len(files) == 1 else f"{len(files)} pictures",
        format="images",
        path=str(files[0] if len(files) == 1 else folder.absolute()),
        classes=None,
        splits={"all": len(files)},
        size=_find_size([source]),
    )
    return Dataset(info, {"all": source})


def find_split(name: str) -> str:
    """The split a file name tells at its end: "Shapes-10000-train.gz" -> "train"; "" if none."""
    stem = name.lower().removesuffix(".gz")
    return next(
        (split for ending, split in SPLITS.items() if stem == ending or stem.endswith((f"-{ending}", f"_{ending}"))), ""
    )


def _find_purdue(folder: Path, alone: bool) -> dict[str, Path]:
    """The .gz files of a folder by split; empty if there are none, or none that can be a data set while there is
    something else to open (not `alone`). Raises SegbenchError if they leave a choice."""
    every = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".gz" and p.is_file() and p.name[0] != ".")
    fit = [file for file in every if looks_like_purdue(file)]
    if not every or not (fit or alone):
        return {}
    # A damaged one named as a split is told, not left out; where no file fits, opening tells what is wrong with it
    files = [file for file in every if file in fit or find_split(file.name)] or every
    splits: dict[str, list[Path]] = {}
    for file in files:
        if split := find_split(file.name):
            splits.setdefault(split, []).append(file)
    if not splits and len(files) == 1:
        return {"all": files[0]}
    if not splits:
        raise SegbenchError(
            f"The folder {folder} holds {len(files)} .gz files, and none says by its name whether it is for training or for testing.",
            "Open one of them, or let their names end in -train.gz and -test.gz.",
        )
    for split, doubled in splits.items():
        if len(doubled) > 1:
            raise SegbenchError(
                f"The folder {folder} holds {len(doubled)} .gz files for {split}: {', '.join(p.name for p in doubled)}.",
                "Open the one you mean, or put each dataset into a folder of its own.",
            )
    return {split: splits[split][0] for split in order_splits(splits)}


def _open_purdue(path: Path, files: dict[str, Path]) -> Generator[Progressed, None, Dataset]:
    opened: dict[str, PurdueFile] = {}
    for split, file in files.items():
        opened[split] = yield from open_purdue(file)
    first, *others = opened.values()
    for other, file in zip(others, list(files.values())[1:], strict=True):
        if other.classes.names != first.classes.names:
            raise SegbenchError(
                f"{file} has other classes ({', '.join(other.classes.names)}) than the training file "
                f"({', '.join(first.classes.names)}).",
                "Open the files one by one.",
            )
    sizes = {source.size for source in opened.values()}
    sources: dict[str, Source] = dict(opened)
    info = DatasetInfo(
        name=path.name.removesuffix(".gz"),
        format="purdue",
        path=str(path),
        classes=first.classes,
        splits={split: len(source) for split, source in sources.items()},
        size=sizes.pop() if len(sizes) == 1 else None,
    )
    return Dataset(info, sources)


def _find_size(sources: Sequence[Source]) -> tuple[int, int] | None:
    """Height and width if there are few files and their headers all say the same."""
    size = None
    if sum(map(len, sources)) > HEADERS_READ:
        return None
    for source in sources:
        if not isinstance(source, FileSource):
            return None
        for i in range(len(source)):
            try:
                other = source.size(i)
            except SegbenchError:
                continue  # told when it is looked at
            if size is not None and other != size:
                return None
            size = other
    return size
