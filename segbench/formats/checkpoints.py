"""Checkpoints on disk: one safetensors file with a JSON header; and DLStudio's .pt files, read-only. Knows no network code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from segbench.architectures import MUnetConfig
from segbench.config import DataConfig, LossConfig, TrainConfig
from segbench.errors import SegbenchError
from segbench.files import write_atomically
from segbench.formats.classes import build_plane_table
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.records import CheckpointInfo, ClassTable, Scores

FORMAT = 1
SUFFIX = ".safetensors"
NETWORK, STATE = "network.", "state."  # prefixes of tensor names: weights; what only a continuation needs


class Scaling(msgspec.Struct, frozen=True):
    """A network's input is (rgb - mean) / deviation with rgb in 0..255, channel by channel.

    white: the value that became 255 in training pictures of more than 8 bits; 0 if they had 8, or in a checkpoint older than
    this field.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    white: float = 0.0


class Header(msgspec.Struct, frozen=True):
    """What a checkpoint says of itself. `progress` and `scalars` are for continuing a run exactly."""

    config: TrainConfig
    classes: ClassTable
    scaling: Scaling = Scaling()
    step: int = 0
    epoch: int = 0  # epochs finished
    parameters: int = 0
    scores: Scores | None = None
    progress: dict[str, float] = {}
    scalars: dict[str, float | int] = {}  # the optimizer's own numbers, by tensor-like names
    segbench: str = ""
    torch: str = ""
    device: str = ""  # its kind: "cpu", "cuda"
    threads: int = 0  # of the CPU; 0: not known
    format: int = FORMAT


class _Version(msgspec.Struct):
    """The one field of a Header that is read before the others, which a later version may change."""

    format: int = FORMAT


_header_decoder, _version_decoder = msgspec.json.Decoder(Header), msgspec.json.Decoder(_Version)


def save_checkpoint(path: Path, header: Header, tensors: dict[str, Tensor]) -> str:
    """Writes header and tensors (any device, names with their prefix) whole or not at all, and returns the sha256 of the tensors.

    Raises OSError if the disk is full or read-only; the old file is intact then.
    """
    still = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    digest = _hash_tensors(still)
    metadata = {"segbench": msgspec.json.encode(header).decode(), "sha256": digest}
    write_atomically(path, safetensors.torch.save(still, metadata))
    return digest


def read_checkpoint_info(path: Path) -> CheckpointInfo:
    """The header of a checkpoint file, or of a run folder's best (else last) one. Raises SegbenchError with the reason."""
    path = find_checkpoint(path)
    if path.suffix != SUFFIX:
        return _describe(path, *read_foreign(path), "")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (OSError, safetensors.SafetensorError) as error:
        raise SegbenchError(
            f"{path} is not a checkpoint of segbench: {error}.",
            "Choose a .safetensors file that segbench wrote, or a DLStudio .pt file.",
        ) from error
    return _describe(path, _read_header(path, metadata), {}, metadata.get("sha256", ""))


def _describe(path: Path, header: Header, tensors: dict[str, Tensor], digest: str) -> CheckpointInfo:
    return CheckpointInfo(
        path=str(path),
        network=type(header.config.network).__struct_config__.tag or "",  # type: ignore[arg-type]
        classes=header.classes,
        target=header.config.loss.target,
        step=header.step,
        epoch=header.epoch,
        parameters=header.parameters or sum(t.numel() for t in tensors.values()),
        scores=header.scores,
        sha256=digest,
    )


def read_checkpoint(path: Path, prefix: str = NETWORK) -> tuple[Header, dict[str, Tensor]]:
    """Header and the CPU tensors under `prefix` (the prefix taken off). Raises SegbenchError if the file is damaged.

    A file whose bytes do not match its sha256 is refused: a flipped bit would otherwise load silently.
    """
    _, header, tensors = read_described(path, prefix)
    return header, tensors


def read_described(path: Path, prefix: str = NETWORK) -> tuple[CheckpointInfo, Header, dict[str, Tensor]]:
    """As read_checkpoint, with what read_checkpoint_info would say. Read at once: a run in training may replace the file."""
    path = find_checkpoint(path)
    if path.suffix != SUFFIX:
        header, tensors = read_foreign(path)
        return _describe(path, header, tensors, ""), header, tensors
    try:
        data = path.read_bytes()
        tensors = safetensors.torch.load(data)
    except (OSError, safetensors.SafetensorError, ValueError) as error:
        raise SegbenchError(
            f"The checkpoint {path} could not be read: {error}.",
            "It may be cut short; use another checkpoint of the run.",
        ) from error
    length = int.from_bytes(data[:8], "little")  # of the JSON that follows; safetensors has checked both
    metadata = msgspec.json.decode(data[8 : 8 + length]).get("__metadata__", {})
    header, digest = _read_header(path, metadata), metadata.get("sha256", "")
    if _hash_tensors(tensors) != digest:
        raise SegbenchError(
            f"The weights in {path} do not match their checksum.",
            "The file is damaged; use another checkpoint of the run.",
        )
    wanted = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    return _describe(path, header, wanted, digest), header, wanted


def find_checkpoint(path: Path) -> Path:
    """`path` itself if it is a file; of a run folder its best checkpoint, else its last. Raises SegbenchError if there is none."""
    if path.is_dir():
        for name in ("best", "last"):
            if (found := path / "checkpoints" / f"{name}{SUFFIX}").exists():
                return found
        raise SegbenchError(
            f"The folder {path} holds no checkpoint.", "Choose a run that has trained for at least one step."
        )
    if not path.exists():
        raise SegbenchError(f"There is no checkpoint {path}.", "Check the path; a run folder works, too.")
    return path


def _read_header(path: Path, metadata: dict[str, str]) -> Header:
    if "segbench" not in metadata:
        raise SegbenchError(
            f"{path} holds tensors, but not segbench's header.",
            "Only checkpoints that segbench wrote say which network they belong to.",
        )
    try:
        if _version_decoder.decode(metadata["segbench"]).format > FORMAT:
            raise SegbenchError(f"{path} was written by a newer segbench.", "Update segbench.")
        return _header_decoder.decode(metadata["segbench"])
    except ValueError as error:
        raise SegbenchError(
            f"The header of {path} is not right: {error}.", "The file is damaged, or another program changed it."
        ) from error


def _hash_tensors(tensors: dict[str, Tensor]) -> str:
    """sha256 over names, shapes, dtypes and bytes in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


# DLStudio ---------------------------------------------------------------------------------------------------------------

# The block attributes of DLStudio 2.5.8 and of the lecture's slides 65-66, and ours
_RENAMED = {"convo1": "conv1", "convo2": "conv2", "convoT1": "convT1", "convoT2": "convT2"}


def read_foreign(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """A state_dict that DLStudio saved for its mUNet, under our names. Nothing in the file is executed.

    Its names do not tell which output layer it has; it is taken for the lecture's. Raises SegbenchError for anything else.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch's reader raise a dozen kinds
        raise SegbenchError(
            f"{path} could not be read as weights alone.",
            "If it holds a whole pickled model, load it where you trust it and save model.state_dict() instead.",
        ) from error
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
