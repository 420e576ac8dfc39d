"""Drives the real application and saves every page and dialog, light and dark, at 1366 x 768 into resources/help.

python scripts/screenshots.py [SCENE ...] [--out FOLDER] [--screen auto|xvfb|offscreen|own] [--epochs N]

On a Linux without a display it brings a screen of its own (Xvfb, else Qt's offscreen platform). Data are generated shapes, and
CamVid where ../shared/data/camvid exists; what is trained is small and real. Nothing stays behind but the pictures.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info < (3, 11):  # noqa: UP036 - this very file is what tells the user
    sys.exit("segbench needs Python 3.11 or newer; this is Python " + sys.version.split()[0] + ".")

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from benchmarks.screens import open_screen  # noqa: E402
from benchmarks.window import drive  # noqa: E402
from pictures.photographer import Photographer  # noqa: E402
from pictures.scenes import tell_story  # noqa: E402

if TYPE_CHECKING:
    from segbench.gui.desk import Desk


async def take_all(given: argparse.Namespace, desk: Desk) -> list[Path]:
    """The pictures that were taken."""
    camera = Photographer(desk, given.out, tuple(given.scenes))
    await tell_story(desk, camera, given.inside, given.epochs)
    return camera.taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="take these alone (dataset, training, export ...)")
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "help", help="where the pictures go")
    parser.add_argument("--screen", default="auto", choices=("auto", "xvfb", "offscreen", "own"))
    parser.add_argument("--epochs", type=int, default=6, help="how long the pictured training is")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.out = given.out.absolute()
    if given.inside is not None:
        taken = drive(partial(take_all, given), strict=False)
        print(
            f"[screenshots] {len(taken)} pictures, {sum(p.stat().st_size for p in taken) / 2**20:.1f} MB, in {given.out}"
        )
        return 0
    if not all(importlib.util.find_spec(name) for name in ("torch", "PySide6", "pyqtgraph", "qasync")):
        import environment

        python = environment.prepare(["gui"])
        environment.install_libraries()
        return subprocess.call([str(python), *sys.argv])
    with tempfile.TemporaryDirectory(prefix="segbench-") as folder, open_screen(given.screen) as screen:
        settings = {**os.environ, **screen, "SEGBENCH_HOME": str(Path(folder) / "home")}
        settings.setdefault("XDG_RUNTIME_DIR", folder)
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--inside", folder], env=settings
        )
        try:
            return child.wait()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()


def end_in_order(*_: object) -> None:
    """So that temporary folders and private displays go, too, when the process is told to end."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_in_order)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
