"""Weights that others saved with torch: DLStudio's .pt files of its mUnet, read as weights alone. Nothing in them is executed."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbench.architectures import MUnetConfig
from segbench.config import DataConfig, LossConfig, TrainConfig
from segbench.errors import SegbenchError
from segbench.files import open_regular
from segbench.formats.checkpoints import Header
from segbench.formats.classes import build_plane_table
from segbench.formats.purdue_records import PURDUE_CLASSES

OLDEST_TORCH = (2, 10)  # before it, a crafted file gets past weights_only
LARGEST_PICKLE = 64 * 2**20  # bytes of the part that names the tensors
# The block attributes of DLStudio 2.5.8 and of the lecture's slides 65-66, and ours
_RENAMED = {"convo1": "conv1", "convo2": "conv2", "convoT1": "convT1", "convoT2": "convT2"}
_INSIDE = ("state_dict", "model_state_dict", "model")  # where training scripts put a state_dict


def read_foreign(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """A state_dict that DLStudio saved for its mUNet, under our names, on the CPU.

    Its names do not tell which output layer it has; it is taken for the lecture's. Raises SegbenchError for anything else.
    """
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < OLDEST_TORCH:
        raise SegbenchError(
            f"torch {torch.__version__} can be made to run what is in {path.name}.", "Install torch 2.10 or newer."
        )
    check_archive(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch's reader raise a dozen kinds
        raise SegbenchError(
            f"{path} could not be read as weights alone.",
            "If it holds a whole pickled model, load it where you trust it and save model.state_dict() instead.",
        ) from error
    return describe_weights(path, loaded)


def check_archive(path: Path) -> None:
    """Raises SegbenchError if a zip archive is not laid out as torch.save lays it out: every record stored as it is, none larger
    than the file."""
    with open_regular(path) as file:
        if file.read(2) != b"PK":
            return  # as torch saved before 1.6: tensors follow one another, and none can be larger than what is there
        size = path.stat().st_size
        try:
            records = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise SegbenchError(f"{path} is a damaged archive.", "Get the file again.") from error
    packed = [record for record in records if record.compress_type != zipfile.ZIP_STORED or record.flag_bits & 1]
    if packed or sum(record.file_size for record in records) > size:
        raise SegbenchError(
            f"{path} is an archive that unpacks to more than it holds, which torch never writes.",
            "Get it from a source you trust.",
        )
    if any(record.filename.endswith("data.pkl") and record.file_size > LARGEST_PICKLE for record in records):
        raise SegbenchError(f"{path} names more tensors than any network has.", "Get it from a source you trust.")


def describe_weights(path: Path, loaded: Any) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors of what torch.load gave. Raises SegbenchError if it is no state_dict of an mUnet."""
    if isinstance(loaded, dict):
        loaded = next((loaded[name] for name in _INSIDE if isinstance(loaded.get(name), dict)), loaded)
    if not isinstance(loaded, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in loaded.items()):
        raise SegbenchError(
            f"{path} does not hold a state_dict (names and tensors).", "Save model.state_dict() and open that file."
        )
    tensors = {_rename(name): tensor for name, tensor in loaded.items()}
    last = tensors.get("conv_out.weight")
    if last is None or last.ndim != 4 or "skip64dsDN.conv1.weight" not in tensors:
        raise SegbenchError(
            f"{path} holds the weights of a network that segbench does not know.",
            "Only mUnet weights can be opened from .pt files.",
        )
    numbers = [n.split(".")[1] for n in tensors if n.startswith("skip64DN_arr.")]
    blocks = 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)
    count = last.shape[1]
    if blocks * 2 not in (4, 8, 16):
        raise SegbenchError(f"{path} holds an mUnet of depth {blocks * 2}.", "Depths 4, 8 and 16 can be opened.")
    config = TrainConfig(
        network=MUnetConfig(depth=blocks * 2, head="lecture", body="lecture"),  # type: ignore[arg-type]
        loss=LossConfig(target="values", name="mse"),
        data=DataConfig(scaling="raw"),
    )
    classes = PURDUE_CLASSES
    if count != len(classes):
        classes = build_plane_table([f"class {k}" for k in range(count)])
    parameters = sum(t.numel() for n, t in tensors.items() if "running_" not in n and "num_batches" not in n)
    return Header(config=config, classes=classes, parameters=parameters), tensors


def _rename(name: str) -> str:
    return ".".join(_RENAMED.get(part, part) for part in name.removeprefix("module.").split("."))
