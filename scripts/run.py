"""Opens segbench on a fresh machine: makes the environment, installs what is missing, then starts it with the given arguments.

python scripts/run.py                  the window
python scripts/run.py DATASET          the window with a dataset, run or checkpoint
python scripts/run.py train --help     any command
python scripts/run.py --setup-only     only the preparations
"""

import os
import signal
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this very file is what tells the user
    sys.exit(
        "segbench needs Python 3.11 or newer; this is Python " + sys.version.split()[0] + ". "
        "Install a newer one and start this script with it, for example: python3.12 scripts/run.py"
    )

import environment

from segbench import display
from segbench.__main__ import opens_window


def main(arguments):  # no annotations: Python 2 must get as far as the sentence above, too
    setup_only = "--setup-only" in arguments
    arguments = [argument for argument in arguments if argument != "--setup-only"]
    window = opens_window(arguments)
    python = environment.prepare(["gui"])
    complete = environment.install_libraries() if window or setup_only else True
    if setup_only:
        if complete:
            environment.say("Ready. Start segbench with: python scripts/run.py")
        return 0 if complete else 1
    if window and not display.has_display():
        environment.give_up(display.NO_DISPLAY)
    if not complete and not os.environ.get("WAYLAND_DISPLAY"):  # on Wayland Qt may do without X11's libraries
        environment.give_up("Without them the window cannot open.")
    command = [str(python), "-m", "segbench"] + arguments  # noqa: RUF005
    if os.name == "nt":
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for segbench alone, which saves before it ends
        return subprocess.call(command)
    os.execv(python, command)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
