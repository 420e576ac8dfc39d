"""The lab's work as generators for the JobRunner. torch comes in only when a generator is pulled, in the job's thread. No Qt."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.architectures import NetworkConfig
from segbench.convolution.geometry import Pair
from segbench.convolution.operation import Operation
from segbench.events import WorkEvent
from segbench.records import NetworkSummary, OpenedLayer, Proof

if TYPE_CHECKING:
    from torch import Tensor, nn

    from segbench.formats.checkpoints import Scaling
    from segbench.records import Sample

WITHOUT_DATA = (64, 64)  # height and width of the drawn image that stands in while no dataset is open


@dataclass(frozen=True, slots=True)
class Inspected:
    """A network to look into: of a checkpoint (path), or freshly made from settings, with `classes` outputs."""

    title: str
    path: str = ""
    settings: NetworkConfig | None = None
    classes: int = 5


def prove_operation(operation: Operation, pair: Pair) -> Generator[WorkEvent, None, Proof]:
    """One input channel to one output channel, in every way."""
    from segbench.networks.judge import prove

    yield from ()
    return prove(operation, *pair)


def list_network(inspected: Inspected, size: Pair) -> Generator[WorkEvent, None, NetworkSummary]:
    """The layers of a network for images of this size."""
    from segbench.networks.layers import list_layers

    yield from ()
    network, _scaling = _build(inspected)
    return list_layers(network, size)


def open_network_layer(
    inspected: Inspected, layer: str, call: int, source: Any, index: int
) -> Generator[WorkEvent, None, OpenedLayer]:
    """A layer with its weights, and what enters it for a sample of the open dataset, or for a drawn image where there is none."""
    from segbench.networks.activation import open_layer

    yield from ()
    network, scaling = _build(inspected)
    sample = source.read(index) if source is not None else _draw_sample()
    return open_layer(network, layer, _prepare(sample, scaling), call=call)


def save_bytes(path: str, data: bytes) -> Generator[WorkEvent, None, Path]:
    """Writes a picture that the view has drawn."""
    from segbench.files import write_atomically

    yield from ()
    write_atomically(Path(path), data)
    return Path(path)


def _build(inspected: Inspected) -> tuple[nn.Module, Scaling]:
    from segbench.formats.checkpoints import Scaling

    if inspected.path:
        from segbench.networks.loading import load_checkpoint

        checkpoint = load_checkpoint(Path(inspected.path))
        return checkpoint.network, checkpoint.scaling
    import torch

    from segbench.networks import build_network

    assert inspected.settings is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same fresh weights each time
        network = build_network(inspected.settings, inspected.classes)
    return network.eval(), Scaling()


def _prepare(sample: Sample, scaling: Scaling) -> Tensor:
    """float32 (1, 3, H, W) as the network wants it."""
    import numpy as np
    import torch

    image = torch.from_numpy(sample.image.astype(np.float32)).permute(2, 0, 1)[None]
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (scaling.mean, scaling.deviation))
    prepared: Tensor = (image - mean) / deviation
    return prepared


def _draw_sample() -> Sample:
    from segbench.data.shapes import generate

    return next(iter(generate(1, seed=0, size=WITHOUT_DATA[0])))
