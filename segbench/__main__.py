"""The one way in: no argument or a path opens the window, a command runs headless. Imports neither before it has chosen."""

from __future__ import annotations

import sys

COMMANDS = ("generate", "info", "train", "predict", "export", "evaluate", "doctor")


def main(arguments: list[str] | None = None) -> int:
    """Runs segbench and returns its exit code (0 fine, 1 one sentence on stderr, 2 wrong usage, 130 interrupted)."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and (given[0] in COMMANDS or given[0].startswith("-")):
        from segbench.cli.main import run_command

        return run_command(given)
    from segbench.gui.app import run_window

    return run_window(given)


if __name__ == "__main__":
    sys.exit(main())
