"""Pascal VOC: JPEGImages, SegmentationClass and the lists under ImageSets/Segmentation. Source: the VOC2012 development kit."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from segbench.errors import SegbenchError
from segbench.events import Progressed
from segbench.formats.classes import Naming, build_index_table, find_class_file, load_palette, read_class_file
from segbench.formats.images import WhiteLevel
from segbench.formats.masks import build_rule
from segbench.formats.sources import (
    FileLookup,
    FileSource,
    FoundDataset,
    LabelFiles,
    find_stem,
    list_folder,
    natural_key,
)

_FIRST_SPLITS = ("train", "val", "test")


def find_voc_root(path: Path) -> Path | None:
    """The folder with JPEGImages and SegmentationClass: `path`, or the newest VOC year in it or in its VOCdevkit."""
    for parent in (path, path / "VOCdevkit"):
        if _is_root(parent):
            return parent
        years = [p for p in (parent.glob("VOC*") if parent.is_dir() else ()) if _is_root(p)]
        if years:
            return max(years, key=lambda p: natural_key(p.name))
    return None


def _is_root(path: Path) -> bool:
    return (path / "JPEGImages").is_dir() and (path / "SegmentationClass").is_dir()


def open_voc(path: Path) -> Generator[Progressed, None, FoundDataset | None]:
    """Lists a Pascal VOC dataset; None if `path` is none.

    Splits are the lists in ImageSets/Segmentation (trainval only where train and val are missing), a list none of whose images is
    there is left out; without lists every image that has a mask is in "all". Background is class 0, 255 is ignored. A labelmap.txt
    (name:r,g,b:: a line, as annotation tools write it) replaces the 20 classes. Raises SegbenchError if no image is left.
    """
    root = find_voc_root(path)
    if root is None:
        return None
    palette = load_palette("voc")
    naming = Naming(palette.names, palette.colors)
    if class_file := find_class_file([root]):
        naming = read_class_file(class_file)
    index_table = build_index_table(naming, str(class_file or root))
    images = list_folder(root / "JPEGImages")
    yield Progressed("listing", len(images.images), 0)
    masks = FileLookup(list_folder(root / "SegmentationClass", sort=False))
    by_stem = {find_stem(name): name for name in images.images}
    splits = {
        split: [by_stem[stem] for stem in stems if stem in by_stem]
        for split, stems in _read_lists(root / "ImageSets" / "Segmentation").items()
    }
    if not splits:
        splits = {"all": [name for stem, name in by_stem.items() if masks.find(stem)]}
    splits = {split: names for split, names in splits.items() if names}
    if not splits:
        raise SegbenchError(
            f"{root} is laid out like Pascal VOC, but none of its listed images is in JPEGImages.",
            "Unpack the whole archive, images and lists together.",
        )
    white = WhiteLevel(images.path, next(iter(splits.values())))
    truth = LabelFiles(masks, build_rule(index_table, naming.colors))
    sources = {
        split: FileSource(images.path, names, white, index_table.table, truth) for split, names in splits.items()
    }
    return FoundDataset("voc", index_table.table, dict(sources))


def _read_lists(folder: Path) -> dict[str, list[str]]:
    """Stems a split, train, val, test first; the first word of each line counts."""
    found = {}
    for file in folder.glob("*.txt") if folder.is_dir() else ():
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SegbenchError(
                f"The list {file} could not be read: {error}.", "It holds one image name a line."
            ) from error
        found[file.stem] = [line.split()[0] for line in lines if line.strip()]
    if "train" in found and "val" in found:
        found.pop("trainval", None)
    order = [*(s for s in _FIRST_SPLITS if s in found), *sorted(s for s in found if s not in _FIRST_SPLITS)]
    return {split: found[split] for split in order}
