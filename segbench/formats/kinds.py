"""Which kind of file this is, told from its name and its first bytes. Never raises, loads nothing heavy."""

from __future__ import annotations

from pathlib import Path

from segbench.errors import SegbenchError
from segbench.files import open_regular
from segbench.formats.streams import Gunzip

CHECKPOINT_ENDINGS = (".safetensors", ".pt", ".pth")
_HEAD = 512  # bytes that show a torch archive's first entry, whose name begins with the file's own
_ZIP, _GZIP = b"PK", b"\x1f\x8b"
_PICKLES = (b"\x80", b"(")
# What torch.save wrote before 1.6 begins with this pickled number
_OLD_TORCH = b"\x80\x02\x8a\n" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little")


def looks_like_purdue(path: Path) -> bool:
    """Whether a file is worth a try with read_purdue: a .gz or bare file that begins as a pickle does, or a torch archive
    that is named as DLStudio names its cache."""
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD)
            if head.startswith(_ZIP):
                return path.name.startswith("torch_saved_") and "label_map" not in path.name
            if head.startswith(_GZIP):
                file.seek(0)
                head = Gunzip(file, path.name).read(1)
    except (OSError, SegbenchError):
        return False
    return head.startswith(_PICKLES) and not head.startswith(_OLD_TORCH)


def looks_like_checkpoint(path: Path) -> bool:
    """Whether a file is worth a try with read_checkpoint: by its ending, or because torch.save wrote it under any name
    (DLStudio calls its weights "saved_model"); a data set that DLStudio keeps as .pt is none."""
    ending = path.suffix.lower()
    if not path.is_file() or (ending != ".safetensors" and looks_like_purdue(path)):
        return False
    return ending in CHECKPOINT_ENDINGS or _is_written_by_torch(path)


def _is_written_by_torch(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD)
    except (OSError, SegbenchError):
        return False
    return head.startswith(_OLD_TORCH) or (head.startswith(_ZIP) and b"/data.pkl" in head)
