"""Checkpoints on disk: one safetensors file with a JSON header; strangers' .pt files are converted to such first. Knows no network code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from segbench.config import TrainConfig
from segbench.errors import SegbenchError
from segbench.files import open_regular, parse_json, write_atomically
from segbench.formats.apart import convert_weights
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
    try:
        with safetensors.safe_open(_find_own(path), framework="pt") as file:
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
    try:
        data = _find_own(path).read_bytes()
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
    open_regular(path).close()
    return path


def _find_own(path: Path) -> Path:
    """`path`, or of a stranger's .pt file what it is converted to, in a process of its own. Raises SegbenchError, OSError."""
    if path.suffix == SUFFIX:
        return path
    converting = convert_weights(path)
    while True:
        try:
            next(converting)
        except StopIteration as end:
            found: Path = end.value
            return found


def _read_header(path: Path, metadata: dict[str, str]) -> Header:
    if "segbench" not in metadata:
        raise SegbenchError(
            f"{path} holds tensors, but not segbench's header.",
            "Only checkpoints that segbench wrote say which network they belong to.",
        )
    try:
        parse_json(metadata["segbench"])
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
