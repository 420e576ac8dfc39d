"""Processes that are killed: the command line in a child of its own, forked where that is possible (no import of torch each time)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence


class Life:
    """`segbench ARGUMENTS` in a process of its own; what it prints goes nowhere."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if hasattr(os, "fork"):
            self.pid = os.fork()
            if self.pid == 0:
                _live(arguments)
        else:
            quiet = subprocess.DEVNULL
            self._process = subprocess.Popen([sys.executable, "-m", "segbench", *arguments], stdout=quiet, stderr=quiet)
            self.pid = self._process.pid
        self.code: int | None = None  # negative: the signal that ended it

    def poll(self) -> int | None:
        """The exit code, or None while it lives."""
        if self.code is None:
            if self._process is not None:
                self.code = self._process.poll()
            else:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
                self.code = os.waitstatus_to_exitcode(status) if ended else None
        return self.code

    def wait_for(self, condition: Callable[[], object], seconds: float = 120) -> bool:
        """Waits until the condition holds; False if the life is over before. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise TimeoutError(f"Waited {seconds:.0f} s in vain.")
            time.sleep(0.0005)
        return True

    def wait(self, seconds: float = 600) -> int:
        """The exit code at its end."""
        self.wait_for(lambda: self.poll() is not None, seconds)
        assert self.code is not None
        return self.code

    def kill(self) -> None:
        """SIGKILL, which nothing can catch."""
        if self.poll() is None:
            if self._process is not None:
                self._process.kill()
            else:
                os.kill(self.pid, signal.SIGKILL)
            while self.poll() is None:
                time.sleep(0.0005)


def _live(arguments: Sequence[str]) -> None:
    """The child's side; never returns."""
    code = 70
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        from segbench.cli.main import run_command

        code = run_command(list(arguments))
    finally:
        os._exit(code)
