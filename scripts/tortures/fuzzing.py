"""Random cuts, flips and insertions of good files, and random opcodes, through the readers: an error in words or a result, no more."""

from __future__ import annotations

import gzip
import random
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tortures.kills import say
from tortures.row import Row

FULL = 600  # seconds
FAULTS = 5  # after so many a reader is no longer tried


def torture(amount: int | None, seed: int) -> Iterator[Row]:
    """amount: seconds, shared by the readers."""
    from segbench.errors import SegbenchError

    seconds = FULL if amount is None else amount
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="segbench-fuzzing-") as name:
        readers = prepare(Path(name))
        for what, (path, read) in readers.items():
            good = path.read_bytes()
            tries = refused = 0
            faults: list[str] = []
            end = time.monotonic() + seconds / len(readers)
            while time.monotonic() < end and len(faults) < FAULTS:
                tries += 1
                damaged = damage(good, chance)
                path.write_bytes(damaged)
                try:
                    read(path)
                except SegbenchError:
                    refused += 1
                except Exception as error:
                    faults.append(repr(error))
                    say(f"{what}, seed {seed}, try {tries}: {traceback.format_exc()}")
            path.write_bytes(good)
            yield Row(
                f"{what}, damaged at random for {seconds / len(readers):.0f} s", "an error in words, or a result",
                f"{tries:,} files, {refused:,} refused, {len(faults)} other errors", not faults,
            )  # fmt: skip


def prepare(folder: Path) -> dict[str, tuple[Path, Callable[[Path], Any]]]:
    """A good file of each kind, and what reads it in this process."""
    import numpy as np
    import torch
    from PIL import Image

    from segbench.architectures import MUnetConfig
    from segbench.config import TrainConfig
    from segbench.data.shapes import write_shapes
    from segbench.errors import SegbenchError
    from segbench.events import StepDone
    from segbench.formats.checkpoints import Header, read_described, save_checkpoint
    from segbench.formats.classes import build_plane_table
    from segbench.formats.foreign_weights import read_foreign
    from segbench.formats.images import read_image
    from segbench.formats.pickles import read_pickle
    from segbench.formats.purdue import read_purdue
    from segbench.formats.runs import create_run, open_run
    from segbench.networks import build_network
    from segbench.records import DatasetInfo

    exhaust(write_shapes(folder / "data", 4, 0, seed=1, size=12))
    packed = next((folder / "data").glob("*.gz"))
    bare = folder / "bare.gz"
    bare.write_bytes(gzip.decompress(packed.read_bytes()))
    weights, own, picture = folder / "w.pt", folder / "own.safetensors", folder / "a.png"
    network = build_network(MUnetConfig(depth=4, head="lecture", body="lecture"), 5)
    few = {name: tensor[:1].clone() for name, tensor in list(network.state_dict().items())[:6]}
    torch.save(few, weights)
    save_checkpoint(own, Header(TrainConfig(), build_plane_table(["a", "b"])), {"network.a": torch.ones(3)})
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(picture)
    run = create_run(folder / "runs", TrainConfig(), DatasetInfo("d", "purdue", "d", None, {"train": 1}, (8, 8)))
    for step in range(20):
        run.append(StepDone(step, 0.5, 0.1, 1.0, 4))
    run.close()

    def read_bytes(path: Path) -> None:
        with path.open("rb") as file:
            exhaust(read_pickle(file, path.name))

    def read_log(path: Path) -> None:
        for _ in open_run(path.parent).events():
            pass

    def open_it(path: Path) -> None:
        try:
            open_run(path.parent)
        except OSError as error:
            raise SegbenchError(str(error)) from error

    return {
        "data sets (.gz)": (packed, lambda path: exhaust(read_purdue(path))),
        "pickles": (bare, read_bytes),
        "weights of others (.pt)": (weights, read_foreign),
        "checkpoints": (own, read_described),
        "pictures": (picture, read_image),
        "run.json": (run.path / "run.json", open_it),
        "logs": (run.path / "events.jsonl", read_log),
    }


def damage(good: bytes, chance: random.Random) -> bytes:
    """A file with some bytes changed, put in, doubled or cut off."""
    data = bytearray(good)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = chance.randrange(len(data)) if data else 0
        match chance.randrange(6):
            case 0 | 1 if data:
                data[place] = chance.randrange(256)
            case 2 if data:
                data[place] ^= 1 << chance.randrange(8)
            case 3:
                data[place:place] = chance.randbytes(chance.randrange(1, 9))
            case 4:
                data[place:place] = data[place : place + chance.randrange(1, 64)]
            case _ if chance.random() < 0.3:
                del data[place:]
    return bytes(data)


def exhaust(job: Any) -> Any:
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value
