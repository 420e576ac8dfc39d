"""Trains every network's small preset on generated shapes, scores each on the same unseen images, and writes what came out.

python scripts/generations.py [--images N] [--epochs E] [--only NAME ...] [--runs FOLDER] [--longer RUN ...] [--out FOLDER] [--full]

The seeded defaults end within an hour on two CPU cores. --full: the whole 10,000 images for as long as each preset says, for a
GPU. Runs that stand finished in FOLDER are scored again, not trained again. --longer: finished runs on shapes of the same seed
that were trained longer; they are scored on the same images, in a table of their own. Writes generations.md and its plots;
needs no Qt.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info < (3, 11):  # noqa: UP036 - this very file is what tells the user
    sys.exit("segbench needs Python 3.11 or newer; this is Python " + sys.version.split()[0] + ".")

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

if TYPE_CHECKING:
    from segbench.config import TrainConfig
    from segbench.data.dataset import Dataset
    from segbench.formats.runs import Run
    from segbench.metrics.evaluation import Evaluation
    from segbench.records import NetworkSummary

SEED = 0
TEST_IMAGES = 1000
SIZE = (64, 64)
# A row of the table each: its name there, the preset it is, and what is changed
ENTRIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "Gaussian (slide 3)": ("gaussian-small", ()),
    "mUnet, the lecture's head and body": ("munet-small", ("network.head=lecture", "network.body=lecture")),
    "FCN-8s (generation 1)": ("fcn-small", ()),
    "U-Net (generation 2)": ("unet-small", ()),
    "mUnet, repaired": ("munet-small", ()),
    "DeepLab v2 (generation 3)": ("deeplab_v2-small", ()),
    "DeepLab v3 (generation 4)": ("deeplab_v3-small", ()),
    "DeepLab v3+ (generation 4)": ("deeplab_v3plus-small", ()),
    "Generation 5 (our reading)": ("gen5-small", ()),
}
EVEN_ONLY = "mUnet, the lecture's head and body"


@dataclass(frozen=True, eq=False)
class Result:
    """One row. grid: the same network on even rows and columns alone, where its head reaches no others."""

    name: str
    summary: NetworkSummary
    evaluation: Evaluation
    grid: Evaluation | None
    steps: int
    images_seen: int
    seconds: float
    loss: float


def main() -> int:
    given = read_arguments()
    from segbench.data.dataset import open_dataset
    from segbench.data.shapes import write_shapes
    from segbench.formats.runs import open_run

    given.runs.mkdir(parents=True, exist_ok=True)
    data = given.runs / f"shapes-{given.images}"
    if not data.exists():
        print(f"[generations] drawing {given.images:,} + {TEST_IMAGES:,} images", flush=True)
        exhaust(write_shapes(data, given.images, TEST_IMAGES, seed=SEED))
    dataset = exhaust(open_dataset(data))
    results = []
    for name, (preset, changes) in ENTRIES.items():
        if given.only and not any(word.lower() in name.lower() for word in given.only):
            continue
        results.append(train_one(name, preset, changes, dataset, given))
    longer = [score(path.name, open_run(path), dataset) for path in given.longer]
    from generations_report import write_report

    given.out.mkdir(parents=True, exist_ok=True)
    path = write_report(results, longer, given.out, describe_command(given), given.images)
    print(f"[generations] {path}")
    return 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4000, help="training images (default: 4000)")
    parser.add_argument("--epochs", type=int, default=4, help="passes over them, for every network (default: 4)")
    parser.add_argument("--full", action="store_true", help="10,000 images and the presets' own epochs; for a GPU")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="NAME", help="rows whose name holds one of these words"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs") / "generations", help="where runs and data are kept")
    parser.add_argument(
        "--longer",
        type=Path,
        nargs="*",
        default=[],
        metavar="RUN",
        help="finished runs to score beside; a folder's name is its row's",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "help", help="where the page goes")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of the training; 0: all cores")
    given = parser.parse_args()
    if given.full:
        given.images = 10_000
    return given


def train_one(name: str, preset: str, changes: tuple[str, ...], dataset: Dataset, given: argparse.Namespace) -> Result:
    """Trains, or finds the finished run, and scores its last weights on the test images."""
    from segbench.config import find_preset, override
    from segbench.events import TrainingEnded
    from segbench.formats.runs import create_run, open_run

    config = override(find_preset(preset).config, settings_for(changes, preset, given))
    folder = given.runs / "".join(c if c.isalnum() else "-" for c in name.lower())
    run = open_run(folder) if folder.exists() else create_run(folder, config, dataset.info, exact=True)
    if not any(isinstance(fact, TrainingEnded) and fact.reason == "completed" for fact in run.events()):
        watch(name, config, dataset, run)
    return score(name, run, dataset)


def score(name: str, run: Run, dataset: Dataset) -> Result:
    """A finished run's last weights on the test images of `dataset`."""
    from segbench.events import TrainingEnded
    from segbench.inference.predictor import load_predictor
    from segbench.networks.layers import list_layers
    from segbench.networks.loading import load_checkpoint
    from segbench.training.evaluator import evaluate

    checkpoint = run.checkpoint("last")
    test = [index for index in range(len(dataset)) if dataset.split_of(index) == "test"]
    print(f"[generations] {name}: scoring {len(test):,} unseen images", flush=True)
    predictor = load_predictor(checkpoint, run.config.device)
    evaluation = exhaust(evaluate(predictor, dataset, test))
    grid = exhaust(evaluate(predictor, dataset, test, grid=True)) if name == EVEN_ONLY else None
    print(f"[generations] {name}: mean IoU {evaluation.pooled.mean_iou:.3f}", flush=True)
    ended = [fact for fact in run.events() if isinstance(fact, TrainingEnded)][-1]
    return Result(
        name, list_layers(load_checkpoint(checkpoint).network, SIZE), evaluation, grid, ended.step,
        ended.step * run.config.data.batch_size, ended.seconds, evaluation.measure_loss() or float("nan"),
    )  # fmt: skip


def settings_for(changes: tuple[str, ...], preset: str, given: argparse.Namespace) -> tuple[str, ...]:
    epochs = () if given.full or preset.startswith("gaussian") else (f"epochs={given.epochs}",)
    return (*changes, *epochs, f"seed={SEED}", "data.hold_out=0", "validation_images=1", f"threads={given.threads}")


def watch(name: str, config: TrainConfig, dataset: Dataset, run: Run) -> None:
    """The training, with a line now and then."""
    from segbench.events import StepDone, TrainingStarted
    from segbench.training.trainer import train

    told, total = time.monotonic(), 0
    for event in train(config, dataset, run):
        if isinstance(event, TrainingStarted):
            total = event.total_steps
            print(f"[generations] {name}: {event.parameters:,} parameters, {total:,} steps", flush=True)
        if isinstance(event, StepDone) and time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"[generations] {name}: step {event.step:,} of {total:,}, loss {event.loss:.4f}", flush=True)


def describe_command(given: argparse.Namespace) -> str:
    words = ["python", "scripts/generations.py"]
    words += ["--full"] if given.full else ["--images", str(given.images), "--epochs", str(given.epochs)]
    words += ["--threads", str(given.threads)] if given.threads else []
    return shlex.join(words)


def exhaust(events):  # type: ignore[no-untyped-def]
    """Pulls a generator of events to its end, and gives what it returns."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


if __name__ == "__main__":
    sys.exit(main())
