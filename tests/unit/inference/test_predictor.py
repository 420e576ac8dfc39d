"""The predictor against plain calls of its network: sizes, order, batch norms, tiles, running out of memory."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segbench.data.dataset import open_images
from segbench.errors import OutOfMemory, SegbenchError
from segbench.formats.checkpoints import Scaling
from segbench.inference.predictor import Predictor, _tile_starts
from segbench.networks.munet import MUnet
from segbench.records import CheckpointInfo, ClassInfo, ClassTable, Sample

CLASSES = ClassTable((ClassInfo("a", (255, 0, 0), 50), ClassInfo("b", (0, 255, 0), 100)), exclusive=False)


class Local(nn.Module):
    """3 x 3 convolution, batch norm; counts its calls and refuses inputs of more than `room` pixels."""

    def __init__(self, room: int = 10**9) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv = nn.Conv2d(3, 2, 3, padding=1)
        self.conv.weight.data = torch.randn(self.conv.weight.shape, generator=generator) / 300
        nn.init.zeros_(self.conv.bias)
        self.norm = nn.BatchNorm2d(2)
        self.room = room
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] * x.shape[2] * x.shape[3] > self.room:
            raise torch.OutOfMemoryError("no room")
        self.shapes.append(tuple(x.shape))
        return self.norm(self.conv(x))


def _predictor(network: nn.Module, batch_statistics: bool = False, scaling: Scaling | None = None) -> Predictor:
    info = CheckpointInfo("some/checkpoint", "local", CLASSES, "planes", 1, 1, 1)
    return Predictor(info, network, scaling or Scaling(), torch.device("cpu"), batch_statistics)


def _image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (17, 40), (33, 5)])
def test_that_any_size_comes_back_at_its_own_size(size):
    (scores,) = _predictor(Local()).predict([_image(*size)])
    assert scores.shape == (2, *size)
    assert scores.dtype == np.float16


def test_that_scores_are_what_the_network_says_of_the_scaled_image():
    network, image = Local(), _image(32, 48)
    scaling = Scaling((10.0, 20.0, 30.0), (2.0, 3.0, 4.0))
    (scores,) = _predictor(network, scaling=scaling).predict([image])
    x = (torch.from_numpy(image).permute(2, 0, 1)[None].float() - torch.tensor([10.0, 20, 30])[:, None, None]) / (
        torch.tensor([2.0, 3, 4])[:, None, None]
    )
    expected = network.eval()(x).sigmoid()[0].detach().numpy()
    assert np.abs(scores - expected).max() < 1e-3


@pytest.mark.parametrize("size", [(40, 72), (20, 30), (64, 48)])
def test_that_the_network_sees_an_image_as_in_training_and_pads_it_itself(size):
    network, image = MUnet(2, depth=4).eval(), _image(*size)
    (scores,) = _predictor(network).predict([image])
    with torch.no_grad():
        expected = network(torch.from_numpy(image).permute(2, 0, 1)[None].float()).sigmoid()[0].numpy()
    assert np.abs(scores - expected).max() < 1e-3


def test_that_neighbours_of_one_size_go_together_and_the_order_stays():
    network = Local()
    images = [_image(16, 16, 1), _image(16, 16, 2), _image(32, 16, 3), _image(16, 16, 4)]
    together = _predictor(network).predict(images)
    assert [shape[0] for shape in network.shapes] == [2, 1, 1]
    for image, scores in zip(images, together, strict=True):
        assert np.allclose(_predictor(Local()).predict([image])[0], scores, atol=1e-3)


def test_that_batch_statistics_are_those_of_the_batch_and_the_running_ones_stay():
    network = Local()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = [_image(16, 16, 1), _image(16, 16, 2)]
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    got = np.stack(_predictor(network, batch_statistics=True).predict(images))
    convolved = network.conv(x)
    mean, variance = convolved.mean((0, 2, 3), keepdim=True), convolved.var((0, 2, 3), keepdim=True, unbiased=False)
    expected = ((convolved - mean) / (variance + 1e-5).sqrt()).sigmoid().detach().numpy()
    assert np.abs(got - expected).max() < 1e-3
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not network.norm.training
    assert network.norm.track_running_stats


def test_that_a_batch_that_does_not_fit_is_read_image_by_image():
    images = [_image(32, 32, k) for k in range(4)]
    cramped = Local(room=32 * 32)
    scores = _predictor(cramped).predict(images)
    assert [shape[0] for shape in cramped.shapes] == [1, 1, 1, 1]
    assert np.allclose(scores, _predictor(Local()).predict(images), atol=1e-3)


def test_that_an_image_that_does_not_fit_is_read_in_tiles_without_seams():
    image = _image(400, 610)
    (tiled,) = _predictor(Local(room=200 * 200)).predict([image])
    (whole,) = _predictor(Local()).predict([image])
    # Only a tile's own outermost pixels see other neighbours, and they have the smallest weight: 1 of 65, 2 where four meet
    assert np.abs(tiled.astype(float) - whole).max() < 0.04
    assert np.abs(tiled.astype(float) - whole).mean() < 1e-3


def test_that_a_cpu_without_memory_is_told_like_a_gpu(monkeypatch):
    def refuse(network: Local, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Local, "forward", refuse)
    with pytest.raises(OutOfMemory):
        _predictor(Local()).predict([_image(200, 300)])


def test_that_memory_that_holds_no_tile_is_told_with_a_hint():
    with pytest.raises(OutOfMemory, match="300 × 200 pixels") as caught:
        _predictor(Local(room=10)).predict([_image(200, 300)])
    assert "cpu" in caught.value.hint


def test_that_a_batch_is_not_taken_apart_when_its_own_statistics_count():
    with pytest.raises(OutOfMemory) as caught:
        _predictor(Local(room=300), batch_statistics=True).predict([_image(16, 16)] * 4)
    assert caught.value.smaller_batch == 2


@pytest.mark.parametrize("length", [1, 128, 129, 200, 1000, 4097])
def test_that_tiles_cover_everything_and_overlap(length):
    starts = _tile_starts(length, 128)
    covered = np.zeros(length, int)
    for start in starts:
        covered[start : start + 128] += 1
    assert covered.min() >= 1
    assert starts[-1] + 128 >= length
    assert all(b - a <= 128 - 64 for a, b in itertools.pairwise(starts))
    assert all(start % 16 == 0 for start in starts)


def test_that_the_lecture_s_output_layer_keeps_to_even_pixels_in_tiles():
    network = MUnet(2, depth=4, head="lecture").eval()
    predictor = _predictor(network)
    with torch.inference_mode():
        scores = predictor._blend(_image(150, 330), 128).astype(np.float32)
    bias = network.conv_out.bias[0].sigmoid().item()
    assert np.abs(scores[0, 1::2] - bias).max() < 2e-3
    assert np.abs(scores[0, :, 1::2] - bias).max() < 2e-3


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3))])
def test_that_what_is_no_rgb_image_is_refused(image):
    with pytest.raises(SegbenchError, match="cannot be predicted"):
        _predictor(Local()).predict([image])


@pytest.mark.parametrize(
    ("here", "trained", "seen"), [(1023.0, 4095.0, 50), (4095.0, 1023.0, 255), (0.0, 4095.0, 200), (1023.0, 0.0, 200)]
)
def test_that_a_deep_picture_is_as_bright_to_the_network_as_in_training(here: float, trained: float, seen: int):
    predictor = _predictor(Local(), scaling=Scaling((0.0,) * 3, (1.0,) * 3, trained))
    grey = np.full((8, 8, 3), 200, np.uint8)
    (scores,) = predictor.predict_read([Sample(0, "deep", "test", grey, None, white=here)])
    (wanted,) = predictor.predict([np.full((8, 8, 3), seen, np.uint8)])
    assert np.array_equal(scores, wanted)


class _Dataset:
    def read(self, index: int) -> Sample:
        return Sample(index, f"sample {index}", "test", _image(16, 16, index), None)


def test_that_samples_come_in_the_order_asked_for_with_their_names():
    network = Local()
    events = list(_predictor(network).predict_samples(_Dataset(), [5, 2, 9], batch_size=2))
    assert [event.prediction.index for event in events] == [5, 2, 9]
    assert [event.prediction.name for event in events] == ["sample 5", "sample 2", "sample 9"]
    assert [(event.done, event.total) for event in events] == [(1, 3), (2, 3), (3, 3)]
    assert events[0].checkpoint == "some/checkpoint"
    assert [shape[0] for shape in network.shapes] == [2, 1]
    assert not events[0].prediction.scores.flags.writeable


def test_that_files_are_predicted_at_their_own_size(tmp_path: Path):
    from PIL import Image

    paths = [tmp_path / "ä b.png", tmp_path / "c.png"]
    Image.fromarray(_image(10, 20)).save(paths[0])
    Image.fromarray(_image(33, 5)[:, :, 0]).save(paths[1])
    events = list(_predictor(Local()).predict_samples(open_images(paths), range(2)))
    assert [event.prediction.scores.shape for event in events] == [(2, 10, 20), (2, 33, 5)]
    assert [event.prediction.name for event in events] == ["ä b", "c"]
