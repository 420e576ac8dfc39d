"""A training step against DLStudio's own loop: the same weights, the same batches, in turn."""

from __future__ import annotations

import contextlib
import io
import os
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.report import Row, count_cores, median

IMAGES = 400


def measure_step(options: Namespace, folder: Path) -> list[Row]:
    """The lecture preset (batch 4, depth 16) in segbench's trainer and the same network in DLStudio's loop, step by step in turn.

    DLStudio's batches are loaded beforehand and not timed, since it has worker processes for that; segbench's time is
    everything between two steps.
    """
    import torch
    from _pytest.outcomes import Skipped

    from segbench.config import find_preset, override
    from segbench.data.dataset import open_dataset
    from segbench.data.loaders import divide, load_training_batches
    from segbench.data.shapes import find_name, write_shapes
    from segbench.formats.runs import create_run
    from segbench.networks import build_network
    from segbench.training import trainee, trainer
    from tests.e2e.dlstudio import build_reference

    for _ in write_shapes(folder / "shapes", IMAGES, 4, seed=0):
        pass
    dataset = _finish(open_dataset(folder / "shapes"))
    config = override(
        find_preset("lecture").config,
        ["epochs=1", "validation_images=4", f"threads={options.threads or count_cores()}"],
    )
    try:
        os.chdir(folder)  # DLStudio writes beside itself
        with contextlib.redirect_stdout(io.StringIO()):
            studio, segmenter = build_reference(f"{folder / 'shapes'}/")
            theirs = segmenter.mUNet(skip_connections=True, depth=16)
            samples = segmenter.PurdueShapes5MultiObjectDataset(studio, segmenter, "train", find_name(IMAGES, "train"))
    except Skipped as reason:
        raise RuntimeError(f"DLStudio is not installed: {reason}") from None
    ours = build_network(config.network, 5)
    ours.load_state_dict({k.replace("convoT", "convT").replace("convo", "conv"): v for k, v in theirs.state_dict().items()})  # fmt: skip
    order = [batch.indices for batch in load_training_batches(dataset, divide(dataset, config).train, config.data, config.seed, 0)]  # fmt: skip
    with mock.patch.object(trainee, "build_network", return_value=ours):
        run = create_run(folder / "runs", config, dataset.info)
        job = trainer.train(config, dataset, run)
        steps = _list_steps(job)
        their_steps = _run_reference(theirs, samples, order)
        times: tuple[list[float], list[float]] = [], []
        losses: tuple[list[float], list[float]] = [], []
        turns = min(30 if options.short else 80, len(order))
        for turn in range(turns):
            for side, iterator in ((0, steps), (1, their_steps)):
                seconds, loss = next(iterator)
                losses[side].append(loss)
                if turn >= 3:
                    times[side].append(seconds * 1000)
        job.close()
    ratio = median([b / a for a, b in zip(*times, strict=True)])
    apart = [abs(a - b) / b for a, b in zip(*losses, strict=True)]
    equal = max(apart[:10]) < 1e-3
    mine, reference = median(times[0]), median(times[1])
    return [
        Row(
            "training step, batch 4, depth 16, against DLStudio's loop",
            ">= 1.0x at equal losses",
            f"{ratio:.2f}x (threads: {torch.get_num_threads()}; {mine:.0f} ms against {reference:.0f} ms; losses of {turns} steps apart by {max(apart):.1e} at most, the first ten by {max(apart[:10]):.1e})",
            ratio >= 1.0 and equal,
            {"ours_ms": times[0], "dlstudio_ms": times[1], "our_losses": losses[0], "dlstudio_losses": losses[1]},
        )
    ]


def _finish(work: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def _list_steps(job: Any) -> Iterator[tuple[float, float]]:
    """(seconds, loss) of each of segbench's steps, all that its loop does in between included."""
    from segbench.events import StepDone

    while True:
        began = time.perf_counter()
        event = next(job)
        while not isinstance(event, StepDone):
            event = next(job)
        yield time.perf_counter() - began, event.loss


def _run_reference(network: Any, samples: Any, order: list[Any]) -> Iterator[tuple[float, float]]:
    """(seconds, loss) of each step as DLStudio's training loop makes it."""
    import torch

    loss_of = torch.nn.MSELoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    for indices in order:
        read = [samples[int(index)] for index in indices]
        images = torch.stack([one["image"] for one in read])
        masks = torch.stack([one["mask_tensor"] for one in read])
        began = time.perf_counter()
        optimizer.zero_grad()
        loss = loss_of(network(images), masks.type(torch.FloatTensor))
        loss.backward()
        optimizer.step()
        told = loss.item()
        yield time.perf_counter() - began, told
