"""The one way in: no argument or a path opens the window, a command runs headless. Imports neither before it has chosen."""

from __future__ import annotations

import os
import sys

COMMANDS = ("generate", "info", "train", "predict", "export", "evaluate", "compare", "doctor", "layers", "conv")


def main(arguments: list[str] | None = None) -> int:
    """Runs segbench and returns its exit code (0 fine, 1 one sentence on stderr, 130 interrupted)."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if opens_window(given):
            from segbench.gui.app import run_window

            return run_window(given)
        from segbench.cli.main import run_command

        return run_command(given)
    except KeyboardInterrupt:  # while libraries are loaded, nobody else listens for it
        return 130


def opens_window(given: list[str]) -> bool:
    """Whether these arguments ask for the window: there are none, or the first is a path. The command line knows what to say
    of anything else."""
    if not given:
        return True
    word = given[0]
    return word not in COMMANDS and not word.startswith("-") and os.path.exists(os.path.expanduser(word))


if __name__ == "__main__":
    sys.exit(main())
