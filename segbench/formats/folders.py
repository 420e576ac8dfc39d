"""Folders of pictures: images with index masks, CamVid's layouts, planes in a folder a class, images alone.

Layouts, with images | imgs | image and masks | labels | annotations | gt for the two folder names, and train | val | test with their
usual spellings for SPLIT:

    ROOT/SPLIT/images  ROOT/SPLIT/masks          ROOT/images[/SPLIT]  ROOT/masks[/SPLIT]
    ROOT/SPLIT  ROOT/SPLITannot (SegNet)         .../masks/CLASS/STEM.png (planes)
    ROOT (images alone, one level of subfolders)

Nothing is read at opening but names, a class file and a few masks; without a class file up to _MANY masks, spread evenly, to
learn which classes there are. A value that was not among them is told when its mask is read.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.errors import SegbenchError
from segbench.events import Progressed
from segbench.formats.classes import (
    IndexTable,
    Naming,
    build_index_table,
    build_plane_table,
    find_class_file,
    is_camvid,
    load_palette,
    read_class_file,
)
from segbench.formats.images import WhiteLevel
from segbench.formats.masks import HINT, MaskProbe, MaskRule, build_rule, probe_masks, unpack
from segbench.formats.sources import (
    FileLookup,
    FileSource,
    FoundDataset,
    LabelFiles,
    Listing,
    PlaneFiles,
    Source,
    find_stem,
    list_folder,
    natural_key,
)
from segbench.records import IGNORE, ClassTable, Color

SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "testing": "test",
}  # fmt: skip
SPLIT_ORDER = ("train", "val", "test")
_IMAGE_FOLDERS = ("images", "imgs", "image", "img")
_MASK_FOLDERS = ("masks", "mask", "labels", "label", "annotations", "annotation", "gt", "groundtruth")
_MASK_ENDINGS = ("annot", "_labels", "_masks", "_mask", "_annot", "_annotations", "_gt", "masks", "labels")
_FEW, _MANY = 4, 2000  # masks looked at when the classes are known, and when they are not
_MOST_VALUES = 200  # masks without a class file that hold more different values than this are greys of a picture
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The images of one split and where their masks are, if anywhere."""

    split: str
    images: Listing
    masks: Listing | None


def open_folder(path: Path) -> Generator[Progressed, None, FoundDataset | None]:
    """Lists a folder in one of the layouts above; None if it holds no picture.

    Raises SegbenchError where a layout is there but cannot be used: masks that match no image, colours that mean nothing.
    """
    root = list_folder(path)
    yield Progressed("listing", len(root.images), 0)
    pairs = sorted(
        (pair for pair in _find_pairs(path, root) if pair.images.images),
        key=lambda pair: SPLIT_ORDER.index(pair.split) if pair.split in SPLIT_ORDER else len(SPLIT_ORDER),
    )
    if not pairs or (root.images and not any(pair.masks for pair in pairs)):
        pairs = yield from _find_images(root)
        if not pairs:
            return None
    yield Progressed("listing", sum(len(pair.images.images) for pair in pairs), 0)
    first = pairs[0].images
    white = WhiteLevel(first.path, first.images)
    if any(pair.masks and pair.masks.images for pair in pairs):
        return (yield from _open_labels(path, pairs, white))
    if any(pair.masks and pair.masks.folders for pair in pairs):
        return _open_planes(path, pairs, white)
    sources: dict[str, Source] = {p.split: FileSource(p.images.path, p.images.images, white) for p in pairs}
    return FoundDataset("images", None, sources)


def _find_pairs(path: Path, root: Listing) -> list[_Pair]:
    own_split = SPLITS.get(path.name.lower(), "all")
    images, masks = root.child(_IMAGE_FOLDERS), root.child(_MASK_FOLDERS)
    if images is not None:
        image_list, mask_list = list_folder(images), list_folder(masks, sort=False) if masks else None
        if image_list.images:
            return [_Pair(own_split, image_list, mask_list)]
        return [
            _Pair(SPLITS[name], list_folder(os.path.join(images, folder)), _list_child(mask_list, name))
            for name, folder in image_list.folders.items()
            if name in SPLITS
        ]
    pairs = []
    for name, folder in root.folders.items():
        if name not in SPLITS:
            continue
        inside = list_folder(os.path.join(root.path, folder))
        images, masks = inside.child(_IMAGE_FOLDERS), inside.child(_MASK_FOLDERS)
        if images is not None:
            pairs.append(_Pair(SPLITS[name], list_folder(images), list_folder(masks, sort=False) if masks else None))
        elif inside.images:
            beside = root.child(name + ending for ending in _MASK_ENDINGS)
            pairs.append(_Pair(SPLITS[name], inside, list_folder(beside, sort=False) if beside else None))
    return pairs


def _list_child(listing: Listing | None, name: str) -> Listing | None:
    child = listing.child([name]) if listing else None
    return list_folder(child, sort=False) if child else None


def _find_images(root: Listing) -> Generator[Progressed, None, list[_Pair]]:
    """Pictures of a folder and its subfolders as one split, "all"."""
    files = list(root.images)
    for folder in root.folders.values():
        try:
            inside = list_folder(os.path.join(root.path, folder))
        except SegbenchError:
            continue  # a subfolder that may not be listed hides only itself
        files += [os.path.join(folder, name) for name in inside.images]
        yield Progressed("listing", len(files), 0)
    return [_Pair("all", Listing(root.path, {}, files), None)] if files else []


# Index masks -----------------------------------------------------------------------------------------------------------


def _open_labels(path: Path, pairs: list[_Pair], white: WhiteLevel) -> Generator[Progressed, None, FoundDataset]:
    lookups = {pair.split: FileLookup(pair.masks) for pair in pairs if pair.masks and pair.masks.images}
    _check_names(pairs, lookups)
    class_file = find_class_file(_class_folders(path, pairs))
    naming = read_class_file(class_file) if class_file else None
    probe = yield from probe_masks(_choose_masks(lookups, _FEW if naming else _MANY))
    if naming and set(probe.indices) == {0}:  # all of them are empty, which does not tell whether 255 means 1
        probe = yield from probe_masks(_choose_masks(lookups, _MANY))
    index_table, rule = _find_rule(str(class_file or path), naming, probe, segnet=_is_segnet(pairs))
    sources: dict[str, Source] = {
        pair.split: FileSource(
            pair.images.path,
            pair.images.images,
            white,
            index_table.table,
            LabelFiles(lookups[pair.split], rule) if pair.split in lookups else None,
        )
        for pair in pairs
    }
    format = "camvid" if is_camvid(index_table.table.names) else "folders"
    return FoundDataset(format, index_table.table, sources)


def _choose_masks(lookups: dict[str, FileLookup], count: int) -> list[str]:
    """About `count` masks spread evenly over all splits, at least one of each; all if there are no more."""
    total = sum(map(len, lookups.values()))
    return [mask for files in lookups.values() for mask in files.sample(count * len(files) // total or 1)]


def _class_folders(path: Path, pairs: list[_Pair]) -> list[Path]:
    """Where a class file may stand: the root, beside the images, with the masks, and above a split that was opened alone."""
    folders = [path]
    for pair in pairs:
        folders.append(Path(pair.images.path).parent)
        folders += [Path(pair.masks.path), Path(pair.masks.path).parent] if pair.masks else []
    inside = [folder for folder in dict.fromkeys(folders) if folder.is_relative_to(path)]
    return [*inside, path.parent] if path.name.lower() in SPLITS else inside


def _check_names(pairs: list[_Pair], lookups: dict[str, FileLookup]) -> None:
    """Raises SegbenchError for a split none of whose images has a mask of its name."""
    for pair in pairs:
        files = lookups.get(pair.split)
        if files and not any(files.find(find_stem(name)) for name in pair.images.images):
            raise SegbenchError(
                f"No mask in {files.folder} has the name of an image in {pair.images.path}.",
                f"Name the mask of {pair.images.images[0]} {find_stem(pair.images.images[0])}.png, or with _mask, _L or _gt "
                "before the dot.",
            )


def _is_segnet(pairs: list[_Pair]) -> bool:
    return all(pair.masks is None or pair.masks.path.lower().endswith("annot") for pair in pairs)


def _find_rule(where: str, naming: Naming | None, probe: MaskProbe, segnet: bool) -> tuple[IndexTable, MaskRule]:
    """What the masks' values mean, from the class file if there is one, else from what some masks hold."""
    values = {0, *probe.indices}
    binary = values == {0, 255}
    if naming is None:
        naming = _guess_naming(where, probe, binary, segnet)
    elif len(naming.names) == 1 and not probe.colors and values <= {0, 1, IGNORE}:
        naming = Naming(("background", *naming.names), (None, *naming.colors))
    if is_camvid(naming.names):  # its masks hold 11 where nothing is known
        naming = Naming((*naming.names, "void"), (*naming.colors, None))
    index_table = build_index_table(naming, where)
    colors: Sequence[Color | None] = naming.colors
    if probe.colors and not any(colors):
        colors = _guess_colors(where, index_table, probe)
    rule = build_rule(index_table, colors, binary and len(index_table.labels) == 2)
    if rule.codes.size and (strange := sorted(probe.colors - {unpack(int(code)) for code in rule.codes})):
        log.warning(
            "Colours in the masks that stand for no class in %s: %d of %d, such as %d %d %d. Their pixels are left out.",
            where, len(strange), len(probe.colors), *strange[0],
        )  # fmt: skip
    if not (probe.palette and rule.codes.size):  # else a mask's palette tells whether indices or colours are meant
        for value, mask in probe.indices.items():
            rule.check(value, mask)
    return index_table, rule


def _guess_naming(where: str, probe: MaskProbe, binary: bool, segnet: bool) -> Naming:
    """Classes of masks that come without a class file."""
    if probe.colors:
        if len(probe.colors) > IGNORE:
            raise SegbenchError(
                f"The masks of {where} hold {len(probe.colors)} colours, and nothing tells which class a colour means.",
                "Add a classes.txt with a class a line and its colour behind the name, like: road 128 64 128.",
            )
        colors = sorted(probe.colors)
        return Naming(_number_classes(colors), tuple(colors))
    if binary:
        return Naming(("background", "object"), (None, None))
    camvid = load_palette("camvid")
    seen = probe.indices.keys() - {IGNORE}
    if len(seen) > _MOST_VALUES:
        raise SegbenchError(
            f"The masks of {where} hold {len(seen)} different values, and nothing tells which classes they mean.",
            f"{HINT} If there are so many classes, name them in a classes.txt.",
        )
    if segnet and seen and max(seen) <= len(camvid.names):
        return Naming(camvid.names, camvid.colors)
    count = max((v for v in seen if 0 <= v < IGNORE), default=0) + 1
    # A short palette was made for its classes; a full one of 256 tells nothing about how many there are
    if count <= len(probe.palette) < 200:
        count = len(probe.palette)
    if not probe.palette:
        return Naming(tuple(f"class {k}" for k in range(count)), (None,) * count)
    return Naming(_number_classes(probe.palette[:count]), probe.palette[:count])


def _number_classes(colors: Sequence[Color]) -> tuple[str, ...]:
    """class 0, class 1 ...; a black first one is the background."""
    first = "background" if colors[0] == (0, 0, 0) else "class 0"
    return (first, *(f"class {k}" for k in range(1, len(colors))))


def _guess_colors(where: str, index_table: IndexTable, probe: MaskProbe) -> list[Color | None]:
    """Colours for colour masks whose class file gives none: those of a known dataset, if the masks use them."""
    known = set(index_table.table.colors)
    if len(probe.colors & known) < max(1, len(probe.colors) - 1):
        raise SegbenchError(
            f"The masks of {where} are colour pictures, and the class file tells no colours.",
            "Write each class's colour behind its name, like: road 128 64 128.",
        )
    colors = index_table.table.colors
    return [None if label is None or label == IGNORE else colors[label] for label in index_table.labels]


# Planes ---------------------------------------------------------------------------------------------------------------


def _open_planes(path: Path, pairs: list[_Pair], white: WhiteLevel) -> FoundDataset:
    """A folder a class; a class file, if there is one, gives their order and colours."""
    found = {folder for pair in pairs if pair.masks for folder in pair.masks.folders.values()}
    class_file = find_class_file(_class_folders(path, pairs))
    if class_file:
        naming = read_class_file(class_file)
        if missing := sorted(found - set(naming.names)):
            raise SegbenchError(
                f"The class file {class_file} does not name the mask folder {missing[0]!r}.",
                "Name every folder under masks, or take the class file away.",
            )
        named = [k for k, name in enumerate(naming.names) if name]
        classes = build_plane_table([naming.names[k] for k in named], [naming.colors[k] for k in named])
    else:
        classes = build_plane_table(sorted(found, key=natural_key))
    sources: dict[str, Source] = {
        pair.split: FileSource(
            pair.images.path,
            pair.images.images,
            white,
            classes,
            _find_planes(pair.masks, classes) if pair.masks else None,
        )
        for pair in pairs
    }
    return FoundDataset("planes", classes, sources)


def _find_planes(masks: Listing, classes: ClassTable) -> PlaneFiles:
    folders = [masks.child([name.lower()]) for name in classes.names]
    return PlaneFiles(tuple(FileLookup(list_folder(folder, sort=False)) if folder else None for folder in folders))
