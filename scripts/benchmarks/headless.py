"""Trains without a window, and only while it is asked to: `headless.py DATA CONFIG`; each line on stdin is a number of seconds,
each line on stdout the steps a second in that time. The first line on stdout is the number of threads."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from segbench.config import parse
from segbench.data.dataset import open_dataset
from segbench.events import StepDone
from segbench.formats.runs import create_run
from segbench.training.trainer import train


def main(data: str, settings: str) -> int:
    opening = open_dataset(Path(data))
    while True:
        try:
            next(opening)
        except StopIteration as end:
            dataset = end.value
            break
    config = parse(json.loads(settings))
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(Path(folder), config, dataset.info)
        job = train(config, dataset, run)
        steps = (event for event in job if isinstance(event, StepDone))
        next(steps)
        print(torch.get_num_threads(), flush=True)
        for line in sys.stdin:
            next(steps)
            began, count, now = time.perf_counter(), 0, 0.0
            while now < float(line):
                next(steps)
                count += 1
                now = time.perf_counter() - began
            print(count / now, flush=True)
        job.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
