"""Measures the figures that segbench is held to, and prints them beside their bars. Every benchmark runs in a process of its own.

python scripts/bench.py [NAME ...] [--short] [--out results.json] [--readme]      no NAME: all that need no finished run
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import importlib.util
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

if sys.version_info < (3, 11):  # noqa: UP036 - this very file is what tells the user
    sys.exit("segbench needs Python 3.11 or newer; this is Python " + sys.version.split()[0] + ".")

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from benchmarks.report import Row, describe_machine, put_into_readme, write_table  # noqa: E402
from benchmarks.screens import open_screen  # noqa: E402


class Benchmark(NamedTuple):
    """Where a benchmark stands, what it measures, and how long it may take at most (seconds)."""

    module: str
    function: str
    about: str
    limit: float = 1200
    needs_run: bool = False


BENCHMARKS = {
    "step": Benchmark("reference", "measure_step", "a training step against DLStudio's loop"),
    "gui-training": Benchmark("training", "measure_pace", "training from the window against headless"),
    "gui-timer": Benchmark("training", "measure_timer", "a 16 ms timer in the window while it trains", 1800),
    "start": Benchmark("start", "measure_start", "process start to first paint; stalls while libraries load"),
    "curves": Benchmark("widgets", "measure_curves", "a redraw of the curves at 1,000,000 steps against 1,000"),
    "overlay": Benchmark("widgets", "measure_overlay", "a change of opacity or of a class's eye"),
    "gallery": Benchmark("widgets", "measure_gallery", "first paint and wheel steps with 10,000 images"),
    "lab": Benchmark("lab", "measure_lab", "a change in the convolution lab until it is painted"),
    "second-open": Benchmark("datasets", "measure_second_open", "opening 10,000 images again"),
    "generate": Benchmark("datasets", "measure_generate", "10,000 images generated and written"),
    "stop": Benchmark("training", "measure_stop", "Stop pressed to acknowledged"),
    "lecture": Benchmark("runs", "measure_lecture", "a finished lecture run against slide 82 (--lecture-run)", 1800, True),
    "recommended": Benchmark("runs", "measure_recommended", "finished runs' IoU (--one-epoch-run, --full-run)", 1800, True),
}  # fmt: skip


def read_arguments() -> argparse.Namespace:
    told = "\n".join(f"  {name:13} {one.about}" for name, one in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"benchmarks:\n{told}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure")
    parser.add_argument("--short", action="store_true", help="fewer repetitions, a 60 s timer: to see whether it works")
    parser.add_argument("--threads", type=int, default=0, help="step: threads of both sides (all cores)")
    parser.add_argument("--seconds", type=float, help="how long gui-timer listens (600; 60 with --short)")
    parser.add_argument(
        "--explain", action="store_true", help="start, gui-timer: print what the window did when it was late"
    )
    parser.add_argument(
        "--screen", default="auto", choices=("auto", "xvfb", "offscreen", "own"), help="where windows open"
    )
    parser.add_argument("--out", type=Path, help="write all numbers to this JSON file")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    parser.add_argument("--lecture-run", type=Path, help="a finished run of the lecture preset")
    parser.add_argument("--one-epoch-run", type=Path, help="a finished run of the recommended preset with epochs=1")
    parser.add_argument("--full-run", type=Path, help="a finished run of the recommended preset")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    for name in given.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; choose from {', '.join(BENCHMARKS)}")
    for field in ("lecture_run", "one_epoch_run", "full_run", "out"):
        if (path := getattr(given, field)) is not None:
            setattr(given, field, path.absolute())
    return given


def main() -> int:
    given = read_arguments()
    if given.inside is not None:
        return measure_here(given)
    if python := find_python():
        return subprocess.call([python, *sys.argv])
    names = given.names or [name for name, one in BENCHMARKS.items() if not one.needs_run]
    rows: list[Row] = []
    failed = False
    for name in names:
        print(f"[bench] {name}: {BENCHMARKS[name].about}", file=sys.stderr, flush=True)
        began = time.monotonic()
        found = run_apart(name, given)
        failed = failed or found is None
        for row in found or ():
            rows.append(row)
            print(f"[bench]   {row.what}: {row.measured}", file=sys.stderr, flush=True)
        print(f"[bench]   took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"\n{describe_machine()}\n\n{write_table(rows)}")
    if given.out is not None:
        told = {"machine": describe_machine(), "time": time.time(), "rows": [dataclasses.asdict(row) for row in rows]}
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if given.readme and rows:
        put_into_readme(ROOT / "README.md", rows)
    return 1 if failed or any(row.met is False for row in rows) else 0


def find_python() -> str:
    """The interpreter of the project's environment if this one lacks what is needed; "" if this one will do."""
    if all(importlib.util.find_spec(name) for name in ("torch", "PySide6", "pyqtgraph", "qasync", "pytest")):
        return ""
    import environment

    python = environment.prepare(["gui", "test"], also=["dlstudio"])
    environment.install_libraries()
    return str(python)


def run_apart(name: str, given: argparse.Namespace) -> list[Row] | None:
    """One benchmark in a process and a home of its own; None if it could not be measured."""
    with tempfile.TemporaryDirectory(prefix="segbench-bench-") as folder, open_screen(given.screen) as screen:
        result = Path(folder) / "result.json"
        options = [argument for argument in sys.argv[1:] if argument not in given.names and argument != "--readme"]
        command = [sys.executable, str(Path(__file__).resolve()), name, *options, "--inside", str(result)]
        settings = {
            **os.environ, **screen, "SEGBENCH_HOME": str(Path(folder) / "home"), "PYTHONPATH": str(ROOT),
            "XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR") or folder,
        }  # fmt: skip
        child = subprocess.Popen(command, env=settings, stdout=sys.stderr)
        try:
            code = child.wait(BENCHMARKS[name].limit)
        except subprocess.TimeoutExpired:
            print(f"[bench]   given up after {BENCHMARKS[name].limit:.0f} s", file=sys.stderr)
            code = 1
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        if not result.exists():
            print(f"[bench]   {name} could not be measured (exit code {code})", file=sys.stderr)
            return None
        return [Row(**row) for row in json.loads(result.read_text(encoding="utf-8"))]


def measure_here(given: argparse.Namespace) -> int:
    """The child's side: measures one benchmark and leaves its rows in the file --inside names."""
    name = given.names[0]
    one = BENCHMARKS[name]
    measure = getattr(importlib.import_module(f"benchmarks.{one.module}"), one.function)
    try:
        rows = measure(given, given.inside.parent)
    except RuntimeError as problem:
        print(f"[bench]   {problem}", file=sys.stderr)
        return 1
    command = f"python scripts/bench.py {name}{' --short' if given.short else ''}"
    if one.needs_run:
        command += "".join(
            f" --{field.replace('_', '-')} {shlex.quote(getattr(given, field).name)}"
            for field in ("lecture_run", "one_epoch_run", "full_run")
            if getattr(given, field) is not None
        )
    told = [dataclasses.asdict(dataclasses.replace(row, command=command)) for row in rows]
    given.inside.write_text(json.dumps(told), encoding="utf-8")
    return 0


def end_in_order(*_: object) -> None:
    """So that temporary folders and private displays go, too, when the process is told to end."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_in_order)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
