"""Every file of the corpus through the command line: one sentence, exit code 1, nothing executed, little time, little memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tortures.corpus import CANARY, Case, build
from tortures.kills import say
from tortures.row import Row

SECONDS, MEMORY = 5.0, 1 << 30
PATIENCE = 120.0


class Reading(NamedTuple):
    """What a command did with a hostile file. seconds: of the CPU, its children's too; memory: bytes, of the largest process."""

    code: int
    sentence: str
    seconds: float
    memory: int


def torture(amount: int | None, seed: int) -> Iterator[Row]:
    """amount: files, evenly from the corpus. Nothing is random."""
    with tempfile.TemporaryDirectory(prefix="segbench-hostile-") as name:
        cases = list(build(Path(name)))
        if amount is not None:
            cases = cases[:: max(1, len(cases) // amount)]
        faults = []
        slowest = largest = 0.0
        for case in cases:
            reading = read(case, Path(name))
            slowest, largest = max(slowest, reading.seconds), max(largest, reading.memory)
            if fault := judge(reading):
                faults.append(case.name)
                say(f"{case.name}: {fault}: {reading}")
        executed = (Path(name) / CANARY).exists()
    what = f"{len(cases)} hostile files through `segbench info` and `train`"
    yield Row(
        what, "one sentence and exit code 1",
        f"{len(cases) - len(faults)} of {len(cases)}" + (f"; not: {', '.join(faults)}" if faults else ""), not faults,
    )  # fmt: skip
    yield Row(
        what,
        "nothing in them is executed",
        "a file they would have made is there" if executed else "nothing was",
        not executed,
    )
    if largest:
        kept = slowest < SECONDS and largest < MEMORY
        yield Row(what, "below 5 s of the CPU and 1 GB", f"at most {slowest:.1f} s and {largest / 2**20:,.0f} MB", kept)


def read(case: Case, folder: Path) -> Reading:
    """Runs the command with a home of its own."""
    settings = {**os.environ, "SEGBENCH_HOME": str(folder / "home")}
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "segbench", *case.arguments], env=settings, stdout=subprocess.DEVNULL, stderr=errors
        )
        deadline = time.monotonic() + PATIENCE
        seconds, memory = 0.0, 0
        if hasattr(os, "wait4"):
            while (ended := os.wait4(child.pid, os.WNOHANG))[0] == 0:
                if time.monotonic() > deadline:
                    child.kill()
                time.sleep(0.005)
            child.returncode = os.waitstatus_to_exitcode(ended[1])
            usage = ended[2]
            seconds, memory = (
                usage.ru_utime + usage.ru_stime,
                usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            )
        else:
            child.wait(PATIENCE)
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
        said = "\n".join(line for line in lines if not line.startswith("Run: "))  # where the run would be
        return Reading(child.returncode, said, seconds, memory)


def judge(reading: Reading) -> str:
    """What is wrong with a reading; "" if nothing is."""
    if reading.code != 1:
        return f"exit code {reading.code}"
    if reading.sentence.count("\n") or not reading.sentence.startswith("segbench: "):
        return "not one sentence"
    if "Traceback" in reading.sentence or "made a mistake" in reading.sentence:
        return "a mistake of ours"
    if reading.seconds > SECONDS:
        return f"{reading.seconds:.1f} s"
    return f"{reading.memory / 2**20:.0f} MB" if reading.memory > MEMORY else ""
