"""Lazy sources: picture files and their masks, read one by one when asked for. Knows files, not how a layout is detected."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from segbench.errors import SegbenchError
from segbench.formats.images import WhiteLevel, is_image_name, read_picture, read_preview, read_size
from segbench.formats.masks import MaskRule, check_size, read_labels, read_plane
from segbench.records import ClassTable, Sample

Masks = NDArray[np.bool_] | NDArray[np.uint8]

MASK_SUFFIXES = ("", "_mask", "_masks", "_L", "_gt", "_label", "_labels", "_seg", "_annotation")
IMAGE_SUFFIXES = ("_image", "_img", "_sat")
_DIGITS = re.compile(r"\d+")
_UNREADABLE = re.compile("[\ud800-\udfff]")  # how Python spells bytes of a file name that are not UTF-8


class Source(Protocol):
    """The samples of one split. `read(i, index, split)` gives the i-th one, labelled with its place in the whole dataset."""

    @property
    def classes(self) -> ClassTable | None: ...
    def __len__(self) -> int: ...
    def name(self, i: int, /) -> str: ...
    def read(self, i: int, index: int, split: str, /) -> Sample: ...


@runtime_checkable
class CountingSource(Source, Protocol):
    """A source that knows without a look at the pixels how many objects of each class a sample holds."""

    def objects(self, i: int, /) -> NDArray[np.int32]: ...


@dataclass(frozen=True, slots=True)
class FoundDataset:
    """A dataset on disk whose files have been listed but not read. `splits` in the order of their samples."""

    format: str
    classes: ClassTable | None
    splits: dict[str, Source]


@dataclass(frozen=True, slots=True)
class Listing:
    """What stands in a folder: subfolders by their name in lower case, and picture files in natural order."""

    path: str
    folders: dict[str, str]  # lower case -> as it is written
    images: list[str]

    def child(self, names: Iterable[str]) -> str | None:
        """The path of the first subfolder with one of these lower-case names."""
        found = next((self.folders[name] for name in names if name in self.folders), None)
        return None if found is None else os.path.join(self.path, found)


def list_folder(path: str | os.PathLike[str], sort: bool = True) -> Listing:
    """Lists a folder without opening anything in it; `sort` False leaves the pictures in the order of the disk. Raises SegbenchError if it may not be listed."""
    folders, images = {}, []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if is_image_name(name):
                    images.append(name)
                elif not name.startswith(".") and entry.is_dir():
                    folders[name.lower()] = name
    except OSError as error:
        raise SegbenchError(
            f"The folder {os.fspath(path)} could not be listed: {error.strerror}.", "Check its permissions."
        ) from error
    if sort:
        images.sort(key=natural_key)
    return Listing(os.fspath(path), {k: folders[k] for k in sorted(folders, key=natural_key)}, images)


def natural_key(name: str) -> tuple[str, str]:
    """Sorts 2.png before 10.png."""
    return _DIGITS.sub(_pad, name.lower()), name


def _pad(digits: re.Match[str]) -> str:
    return digits[0].zfill(20)


def find_stem(name: str) -> str:
    """A file name without its last ending (os.path.splitext takes five times as long, which counts with 100,000 files)."""
    return name[:dot] if (dot := name.rfind(".")) > 0 else name


def name_samples(files: Sequence[str]) -> list[str]:
    """A name a file, usable as a file name and as text: its stem, with folders before it if there are any; told apart where two
    are equal."""
    files = [file if file.isascii() else _UNREADABLE.sub("_", file) for file in files]
    names = [find_stem(file).replace(os.sep, "_") for file in files]
    if len(set(names)) == len(names):
        return names
    names = [file.replace(os.sep, "_").replace(".", "_") for file in files]
    seen: dict[str, int] = {}
    for k, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            names[k] = f"{name}-{seen[name]}"
    return names


class FileLookup:
    """The files of one folder by stem."""

    def __init__(self, listing: Listing) -> None:
        self.folder = listing.path
        self._by_stem = {find_stem(name): name for name in listing.images}

    def __len__(self) -> int:
        return len(self._by_stem)

    def find(self, stem: str) -> str | None:
        """The path of the mask that belongs to an image of this stem: the same stem, or one with a usual suffix."""
        stems = [stem, *(stem.removesuffix(s) for s in IMAGE_SUFFIXES if stem.endswith(s))]
        for own in stems:
            for suffix in MASK_SUFFIXES:
                if name := self._by_stem.get(own + suffix):
                    return os.path.join(self.folder, name)
        return None

    def sample(self, count: int) -> list[str]:
        """`count` paths spread evenly over the folder (all if it holds fewer)."""
        names = sorted(self._by_stem.values())
        picks = np.unique(np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int))
        return [os.path.join(self.folder, names[k]) for k in picks]


@dataclass(frozen=True, eq=False, slots=True)
class LabelFiles:
    """One mask file an image, holding labels."""

    files: FileLookup
    rule: MaskRule

    def has(self, stem: str) -> bool:
        return self.files.find(stem) is not None

    def read(self, stem: str, size: tuple[int, int], image: str) -> NDArray[np.uint8] | None:
        """uint8 (H, W) labels; None if the image has no mask file."""
        path = self.files.find(stem)
        if path is None:
            return None
        labels = read_labels(path, self.rule)
        check_size(labels, path, size, image)
        return labels


@dataclass(frozen=True, eq=False, slots=True)
class PlaneFiles:
    """One mask file an image and class; a missing one is an empty plane."""

    classes: tuple[FileLookup | None, ...]

    def has(self, stem: str) -> bool:
        return True

    def read(self, stem: str, size: tuple[int, int], image: str) -> NDArray[np.bool_]:
        """bool (K, H, W) planes."""
        planes = np.zeros((len(self.classes), *size), np.bool_)
        for k, files in enumerate(self.classes):
            if files is not None and (path := files.find(stem)):
                plane = read_plane(path)
                check_size(plane, path, size, image)
                planes[k] = plane
        return planes


class FileSource:
    """Pictures in a folder, with or without masks; nothing is read before it is asked for.

    files: paths relative to `folder`. white: the dataset's white level, shared by its splits. flat: folders are left out of the names.
    """

    def __init__(
        self,
        folder: str,
        files: Sequence[str],
        white: WhiteLevel,
        classes: ClassTable | None = None,
        masks: LabelFiles | PlaneFiles | None = None,
        flat: bool = False,
    ) -> None:
        self.classes = classes
        self._folder = folder
        self._files = files
        self._names = name_samples([os.path.basename(file) for file in files] if flat else files)
        self._white = white
        self._masks = masks

    def __len__(self) -> int:
        return len(self._files)

    def name(self, i: int) -> str:
        return self._names[i]

    def path(self, i: int) -> str:
        """Where the picture stands."""
        return os.path.join(self._folder, self._files[i])

    def has_masks(self, i: int) -> bool:
        """Whether the truth about this picture is there (its file's content is not looked at)."""
        return self._masks is not None and self._masks.has(self._stem(i))

    def read(self, i: int, index: int, split: str) -> Sample:
        """The picture and its masks (None if it has none). Raises SegbenchError naming the file that cannot be used."""
        path = self.path(i)
        image, white = read_picture(path, self._white)
        masks = self._read_masks(i, (image.shape[0], image.shape[1]))
        image.flags.writeable = False
        return Sample(index, self._names[i], split, image, masks, white=white)

    def read_masks(self, i: int) -> tuple[Masks | None, tuple[int, int]]:
        """The masks alone, with the picture's size (height, width) from its header: much less work than `read`."""
        size = self.size(i)
        return self._read_masks(i, size), size

    def preview(self, i: int, side: int) -> NDArray[np.uint8]:
        """uint8 (h, w, 3), at least `side` pixels on its longest side if the picture has them; of JPEGs a small version."""
        return read_preview(self.path(i), side, self._white)

    def find_white(self) -> float:
        """The value of pictures of more than 8 bits that becomes 255; 0 if the pictures have 8 bits."""
        return self._white.find()

    def size(self, i: int) -> tuple[int, int]:
        """Height and width from the file's header."""
        return read_size(self.path(i))

    def _read_masks(self, i: int, size: tuple[int, int]) -> Masks | None:
        if self._masks is None:
            return None
        masks = self._masks.read(self._stem(i), size, self.path(i))
        if masks is not None:
            masks.flags.writeable = False
        return masks

    def _stem(self, i: int) -> str:
        return find_stem(os.path.basename(self._files[i]))
