"""A display for windows that nobody needs to see: a private Xvfb where there is one, else Qt's offscreen platform."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

SIZE = (1366, 768)


@contextlib.contextmanager
def open_screen(kind: str = "auto") -> Iterator[dict[str, str]]:
    """Gives the environment variables that put Qt's windows on a screen of 1366 x 768.

    kind: "xvfb" starts a private server and ends it; "offscreen" draws into memory; "own" takes the display there is;
    "auto" is xvfb on a Linux where it is installed, else offscreen. Raises RuntimeError if a server cannot be started.
    """
    if kind == "auto":
        kind = "xvfb" if sys.platform.startswith("linux") and shutil.which("Xvfb") else "offscreen"
    if kind == "own":
        yield {}
    elif kind == "offscreen":
        yield {"QT_QPA_PLATFORM": "offscreen"}
    else:
        server, name = _start_server()
        try:
            yield {"QT_QPA_PLATFORM": "xcb", "DISPLAY": name, "WAYLAND_DISPLAY": ""}
        finally:
            server.terminate()
            server.wait(10)


def _start_server() -> tuple[subprocess.Popen[bytes], str]:
    """An X server on a number that it chooses itself."""
    readable, writable = os.pipe()
    width, height = SIZE
    screen = f"{width}x{height}x24"
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writable), "-screen", "0", screen, "-nolisten", "tcp", "-noreset"],
        pass_fds=[writable], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writable)
    with os.fdopen(readable) as told:
        number = told.readline().strip()
    if not number:
        server.terminate()
        server.wait(10)
        raise RuntimeError("Xvfb did not start; try --screen offscreen.")
    return server, f":{number}"
