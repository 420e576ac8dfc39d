"""Checks the core on a machine with a GPU and without Qt: its tests, both presets' losses against the CPU's, speed against
DLStudio's own loop, predictor throughput, what a full memory does. Prints one Markdown table for the README.
`--device cpu --steps 20` tries it anywhere.

    python scripts/gpu_check.py
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch

from segbench.config import TrainConfig, find_preset, override
from segbench.data.dataset import Dataset
from segbench.data.shapes import generate
from segbench.devices import choose_device, describe_device
from segbench.errors import OutOfMemory
from segbench.events import StepDone
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.formats.runs import create_run, open_run
from segbench.inference.predictor import load_predictor
from segbench.training.trainer import train

CPU_STEPS = 20  # enough to see whether the same numbers come out, few enough for a slow processor


def run_tests() -> str:
    """The core's unit tests, in a process of their own; their last line."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:pytestqt", "tests/unit", "--ignore=tests/unit/gui"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    print(done.stdout[-3000:])
    return (done.stdout.strip().splitlines() or ["no output"])[-1]


def train_steps(config: TrainConfig, dataset: Dataset, folder: Path, steps: int) -> tuple[list[float], float, Path]:
    """Losses of the first steps, milliseconds a step (the median of the second half), and the run's folder."""
    run = create_run(folder, config, dataset.info)
    job = train(config, dataset, run)
    losses, times = [], []
    for event in itertools.islice((e for e in job if isinstance(e, StepDone)), steps):
        losses.append(event.loss)
        times.append(event.seconds)
    job.close()
    spent = np.diff(times)[len(times) // 2 - 1 :]
    return losses, float(np.median(spent)) * 1000, run.path


def compare_resumed(config: TrainConfig, dataset: Dataset, folder: Path) -> float:
    """Largest relative difference in loss between a run and the same run stopped after six of its twelve steps."""
    whole, _, _ = train_steps(config, dataset, folder, 12)
    first, _, path = train_steps(config, dataset, folder, 6)
    job = train(config, dataset, open_run(path))
    rest = [event.loss for event in itertools.islice((e for e in job if isinstance(e, StepDone)), 6)]
    job.close()
    return max(abs(a - b) / b for a, b in zip([*first, *rest], whole, strict=True))


def time_reference(dataset: Dataset, device: torch.device, steps: int) -> float | None:
    """Milliseconds a step of DLStudio's loop (its network, its data as Python lists, its optimizer); None if not installed."""
    from _pytest.outcomes import Skipped

    from tests.e2e.dlstudio import import_dlstudio

    try:
        reference = import_dlstudio().DLStudio.SemanticSegmentation
    except Skipped:
        return None
    samples = [dataset.read(i) for i in range(64)]
    lists = [[*(s.image[..., c].reshape(-1).tolist() for c in range(3)), s.masks * np.array(PURDUE_CLASSES.values, np.uint8)[:, None, None]] for s in samples]  # fmt: skip

    def load(numbers: Iterator[int]) -> tuple[torch.Tensor, torch.Tensor]:
        images, masks = [], []
        for number in numbers:
            r, g, b, mask = lists[number % 64]
            images.append(torch.stack([torch.from_numpy(np.array(c).reshape(64, 64)).float() for c in (r, g, b)]))
            masks.append(torch.from_numpy(np.array(mask)))
        return torch.stack(images), torch.stack(masks)

    network = reference.mUNet(skip_connections=True, depth=16).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    times = []
    for step in range(steps):
        began = time.perf_counter()
        images, masks = load(iter(range(4 * step, 4 * step + 4)))
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(network(images.to(device)), masks.type(torch.FloatTensor).to(device))
        loss.backward()
        optimizer.step()
        loss.item()
        times.append(time.perf_counter() - began)
    return float(np.median(times[len(times) // 2 :])) * 1000


def time_predictor(run: Path, dataset: Dataset, device: str, images: int) -> float:
    """Images a second in batches of 64, scores read back to the processor."""
    predictor = load_predictor(run, device)
    pictures = [dataset.read(i % len(dataset)).image for i in range(64)]
    predictor.predict(pictures)
    began, done = time.perf_counter(), 0
    while done < images:
        predictor.predict(pictures)
        done += len(pictures)
    return done / (time.perf_counter() - began)


def fill_memory(config: TrainConfig, dataset: Dataset, folder: Path) -> str:
    """A batch of 1024 on a card that gives 1 % of its memory: what the error offers, and what fits in the end."""
    config = override(config, ["data.batch_size=1024"])
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.01)
    try:
        for _ in range(10):
            try:
                train_steps(config, dataset, folder, 2)
            except OutOfMemory as error:
                config = override(config, [f"data.at_once={error.smaller_batch}"])
            else:
                return f"offered and trained: {config.data.at_once} of 1024 images at a time"
        return "**no size was found that fits**"
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def train_whole(folder: Path, device: str) -> str:
    """The recommended preset from its first step to its last, scored on the test split, all by the command line."""
    data, run = str(folder / "shapes"), str(folder / "whole")
    run_segbench("generate", data)
    began = time.perf_counter()
    run_segbench("train", data, "--preset", "recommended", "--device", device, "--out", run)
    spent = time.perf_counter() - began
    scores = json.loads(run_segbench("evaluate", run, data, "--device", device, "--json"))
    return f"{scores['mean_iou']:.3f} after {spent / 60:.1f} min"


def run_segbench(*words: str) -> str:
    """What the command prints to standard output; its errors are shown, and end this script."""
    return subprocess.run(
        [sys.executable, "-m", "segbench", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "mps", "cpu"))
    parser.add_argument("--steps", type=int, default=500, help="steps of each preset on the device")
    parser.add_argument("--no-tests", action="store_true", help="leave the unit tests out")
    parser.add_argument("--whole", action="store_true", help="train the recommended preset whole, too")
    given = parser.parse_args()
    device = choose_device(given.device)
    rows = [
        ("device", describe_device(device)),
        ("versions", f"Python {platform.python_version()}, torch {torch.__version__}"),
    ]
    if not given.no_tests:
        rows.append(("core's unit tests, without Qt", run_tests()))
    dataset = Dataset.from_samples(generate(2000, seed=0), PURDUE_CLASSES, "shapes")
    with tempfile.TemporaryDirectory() as folder:
        run = Path()
        for preset in ("lecture", "recommended"):
            common = ["validation_images=16", "data.hold_out=0.01", "epochs=10"]
            config = override(find_preset(preset).config, [*common, f"device={given.device}"])
            losses, pace, run = train_steps(config, dataset, Path(folder), given.steps)
            exact = override(config, ["device=cpu", "precision=float32"])
            on_cpu, _, _ = train_steps(exact, dataset, Path(folder), min(CPU_STEPS, given.steps))
            apart = max(abs(a - b) / b for a, b in zip(losses, on_cpu, strict=False))
            tail = float(np.mean(losses[-50:]))
            rows += [
                (f"{preset}: loss, first step / mean of the last 50 of {given.steps}", f"{losses[0]:.4g} / {tail:.4g}"),
                (f"{preset}: largest difference from the CPU's loss in {len(on_cpu)} steps", f"{apart:.2%}"),
                (
                    f"{preset}: stopped and gone on, largest difference in loss",
                    f"{compare_resumed(config, dataset, Path(folder)):.2%}",
                ),
                (f"{preset}: steps/s (batch {config.data.batch_size})", f"{1000 / pace:.1f}"),
            ]
            if preset == "lecture":
                reference = time_reference(dataset, device, max(given.steps // 2, 4))
                told = "DLStudio is not installed" if reference is None else f"{reference / pace:.2f}x"
                rows.append(("lecture: steps/s against DLStudio's loop", told))
        pace = time_predictor(run, dataset, given.device, 4 * given.steps)
        rows.append(("predictor: images/s, 64 x 64, scores read back", f"{pace:.0f}"))
        if given.device == "cuda":
            rows.append(("a batch that does not fit into memory", fill_memory(config, dataset, Path(folder))))
        if given.whole:
            what = "recommended: mean IoU on 1,000 unseen images after all its epochs over 10,000"
            rows.append((what, train_whole(Path(folder), given.device)))
    print("\n| what | measured |\n|---|---|")
    for what, measured in rows:
        print(f"| {what} | {measured} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
