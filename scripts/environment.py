"""The virtual environment that run.py, test.py and check.py share: made once, reused while nothing changed.
Standard library only; knows pip, apt-get and nothing of what segbench does."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from segbench import display  # noqa: E402

CONSTRAINTS = ROOT / "scripts" / "constraints.txt"
VENV = Path(os.environ.get("SEGBENCH_VENV") or ROOT / ".venv")
STAMP = VENV / "segbench-setup.json"
NO_NETWORK = ("Retrying (", "Could not fetch URL", "Connection refused", "timed out")  # how pip says so


def say(text: str) -> None:
    print(f"[segbench] {text}", flush=True)


def give_up(text: str) -> NoReturn:
    print(f"[segbench] {text}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def find_python() -> Path:
    """The environment's interpreter, whether or not it stands yet."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(extras: Iterable[str], *, also: Sequence[str] = ()) -> Path:
    """Makes sure that segbench with these extras is installed in the environment; returns its interpreter.

    also: packages wanted without their dependencies; one that cannot be had is left out. Ends the program with a
    sentence if it cannot be done.
    """
    begun = time.monotonic()
    key, done = _fingerprint(), _read_stamp()
    wanted = sorted({*extras, *(done["extras"] if done else ())})
    fresh = done is None or not _works(find_python())
    changed = fresh or done is None or done["key"] != key or set(wanted) != set(done["extras"])
    missing = [name for name in also if fresh or done is None or name not in done["also"]]
    if fresh:
        _make_environment()
    if changed:
        STAMP.unlink(missing_ok=True)
        say(f"Installing segbench with {', '.join(wanted)} (the first time this takes some minutes)")
        _install("-e", f"{ROOT}[{','.join(wanted)}]")
    tried = list(done["also"]) if done and not fresh else []
    for name in missing:
        say(f"Installing {name} without its dependencies (its absence only skips tests that compare with it)")
        if not _install("--no-deps", name, required=False):
            say(f"{name} could not be had; going on without it")
            continue
        tried.append(name)
    if changed or missing:
        STAMP.write_text(json.dumps({"key": key, "extras": wanted, "also": tried}, indent=1), encoding="utf-8")
        say(f"The environment {VENV} is ready ({time.monotonic() - begun:.0f} s)")
    return find_python()


def install_libraries() -> bool:
    """Installs what Qt misses on this system where that is allowed, else prints the command that does. True: nothing is missing."""
    if not sys.platform.startswith("linux"):
        return True
    libraries = display.find_missing_libraries(_find_pyside())
    packages = display.find_packages(libraries) + ([] if display.has_fonts() else [display.FONT_PACKAGE])
    unknown = [name for name in libraries if not display.find_packages([name])]
    if not packages and not unknown:
        return True
    if libraries:
        say(f"Qt misses {len(libraries)} system libraries: {', '.join(libraries)}")
    if not display.has_fonts():
        say("There is no font on this system")
    done = not packages or install_packages(packages)
    if not done:
        say("Please install them with this command, or with what your system has in its place:")
        print(f"    {display.write_apt_command(packages)}", flush=True)
    if unknown:
        say(f"No package is known for {', '.join(unknown)}; ask your system's package search for it")
    return done and not unknown


def install_packages(packages: Sequence[str]) -> bool:
    """Installs Debian packages when apt-get is there and may be used without a password. True if they stand now."""
    apt = shutil.which("apt-get")
    if apt is None:
        return False
    prefix: list[str] = []
    if not display.is_root():
        sudo = shutil.which("sudo")
        if sudo is None or subprocess.run([sudo, "-n", "true"], capture_output=True).returncode:
            return False
        prefix = [sudo, "-n"]
    say(f"Installing with apt-get: {' '.join(packages)}")
    prefix += ["env", "DEBIAN_FRONTEND=noninteractive"]
    subprocess.run([*prefix, apt, "-qq", "update"], stdin=subprocess.DEVNULL, capture_output=True)
    done = subprocess.run(
        [*prefix, apt, "-qq", "install", "-y", "--no-install-recommends", *packages],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        say("apt-get failed:")
        print((done.stdout + done.stderr)[-2000:], flush=True)
    return done.returncode == 0


def _find_pyside() -> Path:
    return next(VENV.glob("lib/python*/site-packages/PySide6"), VENV / "PySide6")


def _fingerprint() -> str:
    """Changes when a dependency may have changed, when Python did, and when the checkout was moved."""
    told = hashlib.sha256()
    for path in (ROOT / "pyproject.toml", CONSTRAINTS):
        told.update(path.read_bytes())
    told.update(f"{sys.version_info[:3]} {sys.base_prefix} {ROOT}".encode())
    return told.hexdigest()


def _read_stamp() -> dict[str, list[str]] | None:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return stamp if {"key", "extras", "also"} <= stamp.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _works(python: Path) -> bool:
    """Does the environment's interpreter start, and is it of this version?"""
    if not python.exists():
        return False
    try:
        told = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True
        )
    except OSError:
        return False
    return told.stdout.split() == [str(part) for part in sys.version_info[:2]]


def _make_environment() -> None:
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        if not install_packages([package]):
            give_up(
                f"Python's venv module is not complete. Install it, then start again:\n    {display.write_apt_command([package])}"
            )
    say(f"Making a virtual environment in {VENV}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if made.returncode:
        give_up(f"The virtual environment could not be made:\n{(made.stdout + made.stderr)[-2000:]}")


def _install(*what: str, required: bool = True) -> bool:
    """Runs pip inside the environment and tells which large files it fetches."""
    command = [
        find_python(),
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "-c",
        CONSTRAINTS,
        *what,
    ]
    last: deque[str] = deque(maxlen=40)
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, encoding="utf-8", errors="replace",
    ) as pip:  # fmt: skip
        assert pip.stdout is not None
        for line in pip.stdout:
            last.append(line)
            told = line.strip()
            if told.startswith("Downloading ") and " MB)" in told:
                say(f"  {told.split('/')[-1] if '/' in told else told.removeprefix('Downloading ')}")
            elif told.startswith("Installing collected packages"):
                say("  unpacking")
    if pip.returncode and required:
        print("".join(last), file=sys.stderr)
        give_up(f"pip could not install what segbench needs; its last words stand above. {explain(''.join(last))}")
    return pip.returncode == 0


def explain(said: str) -> str:
    """What pip's last words mean, as far as they can be told: no network, no wheel for this machine, or a full disk."""
    if any(words in said for words in NO_NETWORK):  # first, because without a network pip finds no distribution either
        return "Is there a connection to the network?"
    if missing := re.search(r"No matching distribution found for (\S+)", said):
        version = ".".join(map(str, sys.version_info[:2]))
        return (
            f"There is no {missing[1]} for Python {version} on this system ({platform.system()} {platform.machine()}): "
            "try another version of Python, from 3.11 on."
        )
    if "No space left on device" in said:
        return "The disk is full."
    return "They say what is wrong."
