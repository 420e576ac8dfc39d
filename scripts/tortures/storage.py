"""A disk that fills up, a run's folder that is deleted or moved away, under `segbench train`, which waits and goes on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tortures.kills import SETTINGS, hash_weights, prepare, say
from tortures.lives import Life
from tortures.row import Row

FULL = 5
EPOCHS = 4


def torture(amount: int | None, seed: int) -> Iterator[Row]:
    """amount: rounds of each kind."""
    if not hasattr(os, "fork"):
        say("a full disk needs limits on the size of files, which this system does not have")
        return
    chance = random.Random(seed)
    rounds = FULL if amount is None else amount
    with tempfile.TemporaryDirectory(prefix="segbench-storage-") as name:
        folder = Path(name)
        data = prepare(folder)
        start = ["train", str(data), *(part for each in (*SETTINGS, f"epochs={EPOCHS}") for part in ("--set", each))]
        whole = folder / "whole"
        Life([*start, "--out", str(whole)]).wait()
        expected = hash_weights(whole)
        for what, trouble in (
            ("a disk that fills up", fill),
            ("a run's folder moved away, and put back", move),
            ("a run's folder deleted", delete),
        ):
            equal = 0
            for number in range(rounds):
                run = folder / f"{trouble.__name__} {number}"
                equal += trouble([*start, "--out", str(run)], run, chance) and hash_weights(run) == expected
                say(f"{what}: {equal} of {number + 1}")
            yield Row(
                f"{what}, under a training, {rounds} times", "waits, goes on by itself, and ends with the same weights",
                f"{equal} of {rounds}", equal == rounds,
            )  # fmt: skip


def fill(command: list[str], run: Path, chance: random.Random) -> bool:
    """No file may grow beyond a limit below a checkpoint's size, until the limit is lifted: the checkpoint before is whole."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    limit = chance.randrange(20_000, 60_000)
    life = Life(command)
    alive = life.wait_for((run / "checkpoints" / "last.safetensors").exists)
    resource.prlimit(life.pid, resource.RLIMIT_FSIZE, (limit, hard))
    time.sleep(2.5 + chance.random())
    still = life.poll() is None
    from segbench.formats.checkpoints import read_checkpoint_info

    read_checkpoint_info(run)
    resource.prlimit(life.pid, resource.RLIMIT_FSIZE, (hard, hard))
    return alive and still and life.wait() == 0


def move(command: list[str], run: Path, chance: random.Random) -> bool:
    return _disturb(command, run, chance, lambda away: (run.rename(away), time.sleep(2.5), _put_back(away, run)))


def delete(command: list[str], run: Path, chance: random.Random) -> bool:
    return _disturb(command, run, chance, lambda _: shutil.rmtree(run, ignore_errors=True))


def _disturb(command: list[str], run: Path, chance: random.Random, act: Callable[[Path], object]) -> bool:
    life = Life(command)
    log = run / "events.jsonl"
    alive = life.wait_for(lambda: log.exists() and log.stat().st_size > 3000)
    time.sleep(chance.random())
    act(run.with_name(f"{run.name} away"))
    return alive and life.wait() == 0


def _put_back(away: Path, run: Path) -> None:
    if not run.exists():
        away.rename(run)
