"""Checks format, lint, import layers and types; a summary line each, exit code 1 if one fails.

python scripts/check.py [--fix]      --fix lets ruff rewrite what it can
"""

import os
import subprocess
import sys
import time

if sys.version_info < (3, 11):  # noqa: UP036 - this very file is what tells the user
    sys.exit("segbench needs Python 3.11 or newer; this is Python " + sys.version.split()[0] + ".")

import environment


def list_checks(fix: bool) -> dict[str, list[str]]:
    """Name -> what to run behind the environment's interpreter."""
    return {
        "format": ["-m", "ruff", "format", *([] if fix else ["--check"]), "."],
        "lint": ["-m", "ruff", "check", *(["--fix"] if fix else []), "."],
        "imports": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        "types": ["-m", "mypy"],
    }


def main(arguments: list[str]) -> int:
    python = environment.prepare(["gui", "check"])
    outcomes: dict[str, tuple[bool, float]] = {}
    for name, command in list_checks("--fix" in arguments).items():
        begun = time.monotonic()
        done = subprocess.run(
            [str(python), *command], cwd=environment.ROOT, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, encoding="utf-8", errors="replace",
            env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1"},
        )  # fmt: skip
        outcomes[name] = done.returncode == 0, time.monotonic() - begun
        if done.returncode:
            print(done.stdout + done.stderr, flush=True)
    for name, (fine, seconds) in outcomes.items():
        print(f"{name:8} {'ok' if fine else 'FAILED':6} {seconds:5.1f} s", flush=True)
    return 0 if all(fine for fine, _ in outcomes.values()) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
