"""Does to segbench what the world does to it: kills it, fills its disk, feeds it hostile files, clicks at random. Prints what held.

python scripts/torture.py [NAME ...] [--amount N] [--seed S] [--write]      no NAME: all of them, an hour or so on two cores

Every torture runs in a process and a home of its own. --write puts the table into resources/help/trust.md. Exit code 1 if any
promise was broken.
"""

from __future__ import annotations

import argparse
import datetime
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

from benchmarks.report import describe_machine  # noqa: E402
from benchmarks.screens import open_screen  # noqa: E402
from tortures.row import Row  # noqa: E402

PAGE = ROOT / "resources" / "help" / "trust.md"
BEGIN, END = "<!-- torture -->", "<!-- /torture -->"


class Torture(NamedTuple):
    """What is done, what `--amount` counts, and how long it may take at most (seconds)."""

    about: str
    amount: str
    limit: float


TORTURES = {
    "monkey": Torture("random clicks, keys, drags and files at the window", "actions", 7200),
    "hostile": Torture("hostile files through the command line", "files", 3600),
    "fuzzing": Torture("random bytes, cuts and flips through the readers", "seconds", 3600),
    "kills": Torture("kill -9 at random moments of a training", "kills", 7200),
    "closing": Torture("the window closed at random moments of its jobs", "moments of each kind", 3600),
    "storage": Torture("full and removed folders under a training", "rounds", 1800),
}


def read_arguments() -> argparse.Namespace:
    told = "\n".join(f"  {name:9} {one.about} (--amount: {one.amount})" for name, one in TORTURES.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"tortures:\n{told}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which of them")
    parser.add_argument("--amount", type=int, help="how much of it (default: each torture's full amount)")
    parser.add_argument("--seed", type=int, help="repeats a torture's random choices (default: the clock)")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    for name in given.names:
        if name not in TORTURES:
            parser.error(f"there is no torture {name!r}; choose from {', '.join(TORTURES)}")
    if given.seed is None:
        given.seed = int(time.time())
    return given


def main() -> int:
    given = read_arguments()
    if given.inside is not None:
        return torture_here(given)
    if python := find_python():
        return subprocess.call([python, *sys.argv])
    rows: list[Row] = []
    for name in given.names or TORTURES:
        print(f"[torture] {name}: {TORTURES[name].about}, seed {given.seed}", file=sys.stderr, flush=True)
        began = time.monotonic()
        for row in run_apart(name, given):
            rows.append(row)
            print(f"[torture]   {'kept' if row.kept else 'BROKEN'}: {row.what}: {row.measured}", file=sys.stderr)
        print(f"[torture]   took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"\n{write_table(rows)}")
    if given.write:
        put_into_page(rows, given)
    return 0 if all(row.kept for row in rows) else 1


def find_python() -> str:
    """The interpreter of the project's environment if this one lacks what is needed; "" if this one will do."""
    if all(importlib.util.find_spec(name) for name in ("torch", "PySide6", "pyqtgraph", "qasync", "pytest")):
        return ""
    import environment

    python = environment.prepare(["gui", "test"])
    environment.install_libraries()
    return str(python)


def run_apart(name: str, given: argparse.Namespace) -> list[Row]:
    """One torture in a process and a home of its own; what it could not finish is a broken promise, too."""
    with tempfile.TemporaryDirectory(prefix="segbench-torture-") as folder, open_screen("offscreen") as screen:
        result = Path(folder) / "rows.jsonl"
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            name,
            "--seed",
            str(given.seed),
            "--inside",
            str(result),
        ]
        command += ["--amount", str(given.amount)] if given.amount is not None else []
        settings = {**os.environ, **screen, "SEGBENCH_HOME": str(Path(folder) / "home"), "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen(command, env=settings, stdout=sys.stderr)
        try:
            ended = f"it ended with exit code {child.wait(TORTURES[name].limit)}"
        except subprocess.TimeoutExpired:
            ended = f"given up after {TORTURES[name].limit:.0f} s"
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        lines = result.read_text(encoding="utf-8").splitlines() if result.exists() else []
        rows = [Row(*json.loads(line)) for line in lines]
        if child.returncode != 0:
            rows.append(Row(TORTURES[name].about, "runs to its end", ended, False))
        return rows


def torture_here(given: argparse.Namespace) -> int:
    """The child's side: adds each row to the file that --inside names as soon as it is there."""
    module = importlib.import_module(f"tortures.{given.names[0]}")
    with given.inside.open("a", encoding="utf-8") as file:
        for row in module.torture(given.amount, given.seed):
            file.write(json.dumps(row) + "\n")
            file.flush()
    return 0


def write_table(rows: list[Row]) -> str:
    """Markdown: what was done, promise, measured, kept."""
    lines = ["| what was done | promise | measured | kept |", "|---|---|---|---|"]
    for row in rows:
        cells = (row.what, row.promise, row.measured, "yes" if row.kept else "**no**")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def put_into_page(rows: list[Row], given: argparse.Namespace) -> None:
    """Replaces what stands between the page's markers."""
    words = ["python", "scripts/torture.py", *given.names, "--seed", str(given.seed)]
    words += ["--amount", str(given.amount)] if given.amount is not None else []
    note = f"`{shlex.join(words)}`, {datetime.date.today()}, {describe_machine()}."
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{note}\n\n{write_table(rows)}\n\n{END}{after}", encoding="utf-8")


def end_in_order(*_: object) -> None:
    """So that temporary folders and children go, too, when the process is told to end."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_in_order)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
