"""kill -9 at random moments: of a training, again and again until it is done, and of an export. What opens, what is lost, what ends equal."""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tortures.lives import Life
from tortures.row import Row

FULL = 200
KILLS_A_RUN = 20
IMAGES, SIDE = 400, 24  # an epoch is 100 steps, so that most checkpoints fall into one
CHECKPOINT_SECONDS = 1
EXPORTS = 10  # kills of an export for each hundred of a training
# A small network without a rest: chance in every step (flips, turns, dropout), and checkpoints every second
SETTINGS = (
    "network.name=unet", "network.width=8", "network.levels=2", "network.dropout=0.2", "data.batch_size=4", "data.flip=true",
    "data.turn=true", "data.hold_out=0", "validation_images=2", "threads=1", f"checkpoint_seconds={CHECKPOINT_SECONDS}",
)  # fmt: skip


@dataclass
class Toll:
    """What the kills did, counted."""

    kills: int = 0
    opened: int = 0
    while_saving: int = 0
    before_a_step: int = 0
    torn: int = 0
    backwards: int = 0  # checkpoints older than the last one that was said to be saved
    lost_steps: int = 0  # at most, in one kill
    lost_seconds: float = 0.0
    ends: list[bool] = field(
        default_factory=list
    )  # whether each run's weights were those of the run that nobody killed


def torture(amount: int | None, seed: int) -> Iterator[Row]:
    """amount: kills."""
    chance = random.Random(seed)
    wanted = FULL if amount is None else amount
    epochs = min(KILLS_A_RUN, wanted)  # about a life's length each
    with tempfile.TemporaryDirectory(prefix="segbench-kills-") as name:
        folder = Path(name)
        data = prepare(folder)
        start = ["train", str(data), *(part for each in (*SETTINGS, f"epochs={epochs}") for part in ("--set", each))]
        whole = folder / "whole"
        if Life([*start, "--out", str(whole)]).wait() != 0:
            raise RuntimeError("The run that nobody kills did not end well.")
        toll = Toll()
        while toll.kills < wanted:
            run = folder / f"run {len(toll.ends)}"
            kill_until_done(run, start, min(KILLS_A_RUN, wanted - toll.kills), toll, chance)
            toll.ends.append(hash_weights(run) == hash_weights(whole))
            say(
                f"{toll.kills} of {wanted} kills, at most {toll.lost_steps} steps lost, {sum(toll.ends)} of {len(toll.ends)} equal"
            )
        yield from describe(toll)
        yield kill_exports(folder, whole, data, max(2, wanted * EXPORTS // 100), chance)


def prepare(folder: Path) -> Path:
    """The data, written by a child: this process must never use torch before it forks."""
    data = folder / "shapes"
    code = Life(
        ["generate", str(data), "--count", str(IMAGES), "--test-count", "4", "--size", str(SIDE), "--seed", "1"]
    ).wait()
    if code != 0:
        raise RuntimeError(f"The data could not be generated (exit code {code}).")
    return data


def kill_until_done(run: Path, start: list[str], kills: int, toll: Toll, chance: random.Random) -> None:
    """Begins a run, kills it so many times, and lets it end."""
    for number in range(kills + 1):
        begun = (run / "run.json").exists()
        life = Life(["train", "--resume", str(run)] if begun else [*start, "--out", str(run)])
        if number == kills:
            if (code := life.wait()) != 0:
                raise RuntimeError(f"A run that was killed {kills} times did not go on (exit code {code}).")
            return
        saving = strike(life, run, chance)
        if life.code == 0:
            return  # done before its last kill
        look(run, saving, toll)


def strike(life: Life, run: Path, chance: random.Random) -> bool:
    """Kills at a random moment: while it begins, while it saves, or at any. Was a checkpoint being written?"""
    log = run / "events.jsonl"
    length = log.stat().st_size if log.exists() else 0

    def learns() -> bool:
        return log.exists() and log.stat().st_size > length + 1000

    def saves() -> bool:
        return any((run / "checkpoints").glob(".*.part"))

    moment = chance.random()
    if moment < 0.15:
        time.sleep(chance.random() * 0.5)
    elif life.wait_for(learns):
        if moment < 0.5:
            life.wait_for(saves, 20)
        else:
            time.sleep(chance.random() * 2.2)
    life.kill()
    return saves()


def look(run: Path, saving: bool, toll: Toll) -> None:
    """What a kill left."""
    from segbench.errors import SegbenchError
    from segbench.events import CheckpointSaved, StepDone
    from segbench.formats.checkpoints import read_checkpoint_info
    from segbench.formats.runs import open_run

    toll.kills += 1
    toll.while_saving += saving
    if not (run / "run.json").exists():  # killed before there was a run
        toll.opened += not run.exists() or not any(path.name == "run.json" for path in run.iterdir())
        toll.before_a_step += 1
        return
    try:
        opened = open_run(run)
        facts = list(opened.events())
        there = opened.checkpoint("last").exists()
        kept = read_checkpoint_info(opened.checkpoint("last")).step if there else 0
    except SegbenchError as error:
        say(f"BROKEN: {error}")
        return
    toll.opened += 1
    toll.torn += opened.torn
    steps = {fact.step: fact.seconds for fact in facts if isinstance(fact, StepDone)}
    told = [fact.step for fact in facts if isinstance(fact, CheckpointSaved) and fact.kind == "last"]
    toll.before_a_step += not steps
    toll.backwards += bool(told) and kept < told[-1]
    last = next((fact.step for fact in reversed(facts) if isinstance(fact, StepDone)), 0)
    if last > kept:
        toll.lost_steps = max(toll.lost_steps, last - kept)
        toll.lost_seconds = max(toll.lost_seconds, steps[last] - steps.get(kept, 0.0))


def describe(toll: Toll) -> Iterator[Row]:
    what = f"kill -9 at {toll.kills} random moments of trainings, {toll.while_saving} of them while a checkpoint was being written"
    yield Row(
        what,
        "every run opens",
        f"{toll.opened} of {toll.kills}; {toll.torn} torn lines of logs left out",
        toll.opened == toll.kills,
    )
    yield Row(
        f"what they lost, with a checkpoint every {CHECKPOINT_SECONDS} s (a user's: 60 s)",
        "at most what was done since the last checkpoint",
        f"at most {toll.lost_steps} steps, {toll.lost_seconds:.2f} s of work; {toll.backwards} checkpoints older than told",
        toll.backwards == 0 and toll.lost_seconds < 2 * CHECKPOINT_SECONDS,
    )
    yield Row(
        f"those runs continued to their ends, up to {min(KILLS_A_RUN, toll.kills)} kills each",
        "the weights of a run that nobody killed, bit for bit",
        f"{sum(toll.ends)} of {len(toll.ends)} runs",
        all(toll.ends),
    )


def kill_exports(folder: Path, run: Path, data: Path, kills: int, chance: random.Random) -> Row:
    """Kills `segbench predict` while it writes masks: what stands under a final name is whole."""
    from segbench.errors import SegbenchError
    from segbench.formats.images import read_image

    whole = broken = 0
    for number in range(kills):
        out = folder / f"masks {number}"
        life = Life(["predict", str(run), str(data), "--split", "train", "--format", "palette", "--out", str(out)])
        enough = chance.randrange(1, IMAGES)
        life.wait_for(lambda out=out, enough=enough: out.exists() and len(list(out.rglob("*.png"))) >= enough)
        life.kill()
        for path in out.rglob("*.png"):
            try:
                read_image(path)
                whole += 1
            except SegbenchError:
                broken += 1
    return Row(
        f"kill -9 at {kills} random moments of exports", "a file under its name is whole",
        f"{whole:,} of {whole + broken:,} files", broken == 0,
    )  # fmt: skip


def hash_weights(run: Path) -> str:
    """sha256 over names and bytes of the last checkpoint's weights."""
    from safetensors import safe_open

    digest = hashlib.sha256()
    with safe_open(str(run / "checkpoints" / "last.safetensors"), framework="np") as file:
        for name in sorted(name for name in file.keys() if name.startswith("network.")):  # noqa: SIM118 (it is no dict)
            digest.update(name.encode() + file.get_tensor(name).tobytes())
    return digest.hexdigest()


def say(line: str) -> None:
    print(f"[torture]   {line}", file=sys.stderr, flush=True)
