"""Predictor: a trained network that reads images of any size. Yields predictions; writes no file and scores nothing."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segbench.devices import choose_device, describe_device
from segbench.errors import OutOfMemory, SegbenchError, is_out_of_memory
from segbench.events import SamplePredicted
from segbench.formats.checkpoints import Scaling
from segbench.inference.crf import sharpen
from segbench.networks.loading import load_checkpoint
from segbench.records import CheckpointInfo, Prediction, Reading, Sample
from segbench.targets import build_target

MULTIPLE = 16  # tiles begin at multiples of it, so that a network's strides fall where they would in the whole image
TILE = 512  # the first tile tried when an image does not fit into memory as a whole
SMALLEST_TILE = 128
OVERLAP = 64  # pixels that neighbouring tiles share; the seam is blended across them


class Samples(Protocol):
    """What can be predicted: a Dataset, or anything that reads a Sample by index."""

    def read(self, index: int) -> Sample: ...


class Predictor:
    """A checkpoint's network on a device, ready to read images.

    batch_statistics: False uses the running mean and deviation of the batch norms, as evaluation should. True lets them use
    the statistics of the present batch, as the reference's test loop does (it never calls eval()); the running ones are not
    changed. The result then depends on which images come together: `batch_size` is part of the result.
    A network that says `crf` has its probabilities sharpened by one, image by image; grey values are none, so they stay.
    """

    def __init__(
        self,
        info: CheckpointInfo,
        network: nn.Module,
        scaling: Scaling,
        device: torch.device,
        batch_statistics: bool = False,
    ) -> None:
        self.info = info
        self.device = device
        self.batch_statistics = batch_statistics
        target = build_target(info.target, info.classes)
        self.reading: Reading = target.reading
        self.scale = target.scale
        self._target = target
        self._crf = self.scale == "probability" and bool(getattr(network, "crf", False))
        # Pictures come channels last; left so, a CPU is a fifth faster, and tensor cores want it
        self._network = network.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._mean = torch.tensor(scaling.mean, device=device).view(1, 3, 1, 1)
        self._deviation = torch.tensor(scaling.deviation, device=device).view(1, 3, 1, 1)
        self._white = scaling.white

    @property
    def device_text(self) -> str:
        """The device in words, for people."""
        return describe_device(self.device)

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        """Scores of images, float16 (K, H, W) each, at each image's own size and in the order given.

        images: uint8 (H, W, 3) of any size; neighbours of the same size go through the network together. An image that does
        not fit into memory is cut into overlapping tiles. Raises SegbenchError for an empty image or one of another shape,
        OutOfMemory when not even a small tile fits.
        """
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or not image.size or image.dtype != np.uint8:
                raise SegbenchError(
                    f"An image of shape {image.shape} and type {image.dtype} cannot be predicted.",
                    "Give 8-bit RGB images of at least one pixel.",
                )
        scores: list[NDArray[np.float16]] = []
        with torch.inference_mode(), self._statistics():
            for group in _group_by_size(images):
                scores += self._predict_group(group)
            if self._crf:
                exclusive = self._target.kind == "labels"
                scores = [sharpen(s, image, exclusive, self.device) for s, image in zip(scores, images, strict=True)]
        return scores

    def predict_read(self, samples: Sequence[Sample]) -> list[NDArray[np.float16]]:
        """Like `predict`, for samples: pictures of more than 8 bits are brought to the white level of the training pictures,
        so that a dark one looked at alone is as dark to the network as it was among the others."""
        return self.predict([self._match_white(sample) for sample in samples])

    def _match_white(self, sample: Sample) -> NDArray[np.uint8]:
        if not self._white or not sample.white or sample.white == self._white:
            return sample.image
        table = np.minimum(np.arange(256) * (sample.white / self._white) + 0.5, 255).astype(np.uint8)
        matched: NDArray[np.uint8] = table[sample.image]
        return matched

    def predict_samples(
        self, samples: Samples, indices: Sequence[int], batch_size: int = 8
    ) -> Generator[SamplePredicted, None, None]:
        """Predicts samples of a dataset one batch at a time, in the order of `indices`; the images of a batch that share a
        size go through the network together."""
        done = 0
        for first in range(0, len(indices), batch_size):
            batch = [samples.read(index) for index in indices[first : first + batch_size]]
            began = time.perf_counter()
            all_scores = self.predict_read(batch)
            seconds = (time.perf_counter() - began) / len(batch)
            for sample, scores in zip(batch, all_scores, strict=True):
                done += 1
                scores.setflags(write=False)
                prediction = Prediction(sample.index, sample.name, scores, self.scale, self.reading)
                yield SamplePredicted(self.info.path, prediction, done, len(indices), seconds)

    def _predict_group(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float16]]:
        """Images of one size: together, else one by one, else in tiles."""
        try:
            return list(self._run(np.stack(images)))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self._free()
        if len(images) > 1 and not self.batch_statistics:
            return [scores for image in images for scores in self._predict_group([image])]
        if len(images) > 1:
            raise OutOfMemory(
                f"{len(images)} images do not fit into the memory of {self.device_text} together.",
                "Take a smaller batch.",
                smaller_batch=len(images) // 2,
            )
        return [self._predict_tiles(images[0])]

    def _predict_tiles(self, image: NDArray[np.uint8]) -> NDArray[np.float16]:
        """One image in overlapping tiles, halved until they fit."""
        longest = -(-max(image.shape[:2]) // MULTIPLE) * MULTIPLE
        tile = max(SMALLEST_TILE, min(TILE, longest // 2 // MULTIPLE * MULTIPLE))
        while True:
            try:
                return self._blend(image, tile)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._free()
                if tile <= SMALLEST_TILE:
                    break
                tile = max(SMALLEST_TILE, tile // 2 // MULTIPLE * MULTIPLE)
        height, width = image.shape[:2]
        raise OutOfMemory(
            f"The image of {width} × {height} pixels does not fit into the memory of {self.device_text}, not even in tiles.",
            "Close other programs that use this memory, or choose the device cpu.",
        )

    def _blend(self, image: NDArray[np.uint8], tile: int) -> NDArray[np.float16]:
        """Runs tile by tile; where tiles overlap their scores are mixed by weights that fall linearly towards a tile's edge."""
        height, width = image.shape[:2]
        total: NDArray[np.float32] | None = None
        weights = np.zeros((height, width), np.float32)
        for top in _tile_starts(height, tile):
            for left in _tile_starts(width, tile):
                part = image[top : top + tile, left : left + tile]
                scores = self._run(part[None])[0]
                ramp = np.outer(_ramp(top, tile, height), _ramp(left, tile, width))
                if total is None:
                    total = np.zeros((len(scores), height, width), np.float32)
                total[:, top : top + tile, left : left + tile] += scores * ramp
                weights[top : top + tile, left : left + tile] += ramp
        assert total is not None
        total /= weights
        return total.astype(np.float16)

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float16]:
        """uint8 (B, H, W, 3) -> float16 (B, K, H, W). Networks pad to their own strides, here as in training."""
        x_BHW3 = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
        x_B3HW = (x_BHW3.permute(0, 3, 1, 2).float() - self._mean) / self._deviation
        kept: NDArray[np.float16] = self._target.scores(self._network(x_B3HW)).half().cpu().numpy()
        return kept

    @contextmanager
    def _statistics(self) -> Iterator[None]:
        """While inside, batch norms read the batch's own statistics if that was asked for, without keeping them."""
        norms = [m for m in self._network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if not self.batch_statistics:
            norms = []
        kept = [norm.track_running_stats for norm in norms]
        try:
            for norm in norms:
                # Untracked, batch_norm gets no running buffers at all, so nothing can move
                norm.train()
                norm.track_running_stats = False
            yield
        finally:
            for norm, tracked in zip(norms, kept, strict=True):
                norm.eval()
                norm.track_running_stats = tracked

    def _free(self) -> None:
        """Gives cached GPU memory back before something smaller is tried."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def load_predictor(path: Path, device: str = "auto", batch_statistics: bool = False) -> Predictor:
    """The predictor of a checkpoint file or of a run folder (its best checkpoint, else its last).

    device: "auto", "cpu", "cuda" or "mps". Raises SegbenchError if there is no checkpoint there or the device is missing.
    """
    chosen = choose_device(device)
    info, network, scaling = load_checkpoint(Path(path))
    return Predictor(info, network, scaling, chosen, batch_statistics)


def _group_by_size(images: Sequence[NDArray[np.uint8]]) -> Iterator[list[NDArray[np.uint8]]]:
    """Runs of consecutive images of the same size."""
    group: list[NDArray[np.uint8]] = []
    for image in images:
        if group and image.shape != group[0].shape:
            yield group
            group = []
        group.append(image)
    if group:
        yield group


def _tile_starts(length: int, tile: int) -> list[int]:
    """Where tiles begin along one axis, at multiples of MULTIPLE: the first at 0, the last reaching to `length` (it may be
    shorter than `tile`, itself a multiple), neighbours sharing OVERLAP at least."""
    if length <= tile:
        return [0]
    count = -(-(length - OVERLAP) // (tile - OVERLAP))
    return [-(-k * (length - tile) // ((count - 1) * MULTIPLE)) * MULTIPLE for k in range(count)]


def _ramp(start: int, tile: int, length: int) -> NDArray[np.float32]:
    """Weights along one axis of a tile: 1 at its ends, rising by 1 a pixel up to OVERLAP; ends that are the image's own count in full."""
    end = min(start + tile, length)
    places = np.arange(start, end)
    from_start = places - start + 1 if start else np.full(end - start, OVERLAP)
    to_end = end - places if end < length else np.full(end - start, OVERLAP)
    ramp: NDArray[np.float32] = np.minimum(np.minimum(from_start, to_end), OVERLAP).astype(np.float32)
    return ramp
