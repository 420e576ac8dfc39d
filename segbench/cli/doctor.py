"""`segbench doctor`: looks at versions, devices, the window's needs and write access, and says how to mend what is wrong.
Knows no Qt: what it asks of Qt, it asks in another process."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import segbench
from segbench import display, settings

State = Literal["ok", "warning", "problem"]
FREE_SPACE = 2 * 2**30  # bytes; a cache of 10,000 images and a run of mUnet take about half of it
MEMORY = 4 * 2**30
LIBRARIES = {  # package -> a module of it that is imported
    "scipy": "scipy.ndimage",
    "pillow": "PIL.Image",
    "safetensors": "safetensors",
    "msgspec": "msgspec",
    "rich": "rich",
    "platformdirs": "platformdirs",
}
_TRY_WINDOW = (
    "from PySide6.QtGui import QGuiApplication, QFontDatabase\n"
    "app = QGuiApplication(['segbench-doctor'])\n"
    "screens = ', '.join(f'{s.size().width()} x {s.size().height()} at {s.devicePixelRatio():g}' for s in app.screens())\n"
    "print(app.platformName(), screens, sep='|')"
)
log = logging.getLogger(__name__)


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: `what` was found, and `remedy` says what to do about it (empty when all is well)."""

    name: str
    state: State
    what: str
    remedy: str = ""


def run(json: bool = False) -> int:
    """Prints the findings to standard output, as a table or as JSON. Returns 1 if one of them is a problem, else 0."""
    findings = diagnose()
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode() + "\n")
    else:
        _show(Console(highlight=False), findings)
    return int(any(finding.state == "problem" for finding in findings))


def diagnose() -> list[Finding]:
    """Everything that was looked at, in reading order. A look that fails itself is a warning, never an exception."""
    findings: list[Finding] = []
    for look in (_check_versions, _check_devices, _check_window, _check_folders):
        try:
            findings += look()
        except Exception as error:
            log.warning("The doctor could not finish %s.", look.__name__, exc_info=True)
            name = look.__name__.removeprefix("_check_").capitalize()
            findings.append(Finding(name, "warning", f"could not be looked at: {type(error).__name__}: {error}"))
    return findings


def _show(console: Console, findings: list[Finding]) -> None:
    marks = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "problem": "[red]problem[/]"}
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        text = escape(finding.what) + (f"\n[bold]{escape(finding.remedy)}[/]" if finding.remedy else "")
        table.add_row(marks[finding.state], finding.name, text)
    console.print(table)
    counts = {state: sum(finding.state == state for finding in findings) for state in ("problem", "warning")}
    told = f"segbench works here, with {_count(counts['warning'], 'warning')}." if counts["warning"] else "All is well."
    if counts["problem"]:
        told = f"{_count(counts['problem'], 'problem')}; the lines in bold say how to mend it."
    console.print(f"\n{told}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# Versions -------------------------------------------------------------------------------------------------------------


def _check_versions() -> Iterator[Finding]:
    yield Finding("segbench", "ok", f"{segbench.__version__} in {Path(segbench.__file__).parent}")
    yield judge_python(sys.version_info[:3])
    for package, least, needed in (
        ("torch", (2, 10), True),
        ("numpy", (1, 26), True),
        ("PySide6-Essentials", (6, 8), False),
        ("pyqtgraph", (0, 13, 7), False),
        ("qasync", (0, 27), False),
    ):
        yield judge_package(package, _find_version(package), least, needed=needed, python=sys.version_info[:2])
    yield from judge_imports(LIBRARIES)


def _find_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def judge_python(version: tuple[int, ...]) -> Finding:
    """segbench is written for Python 3.11 and newer."""
    text = f"{'.'.join(map(str, version))}, {platform.system()} {platform.machine()}"
    if version < (3, 11):
        return Finding("Python", "problem", text, "Install Python 3.11 or newer and set segbench up with it.")
    return Finding("Python", "ok", text)


def judge_package(
    package: str, version: str | None, least: tuple[int, ...], *, needed: bool, python: tuple[int, ...]
) -> Finding:
    """A package's version against the oldest that works; `needed` False: only the window needs it."""
    name, oldest = package.removesuffix("-Essentials"), ".".join(map(str, least))
    if version is None:
        if needed:
            return Finding(name, "problem", "not installed", f'python -m pip install "{package}>={oldest}"')
        return Finding(
            name, "warning", "not installed, so no window can open; the commands work",
            "Set it up with its window: python scripts/run.py in a checkout of segbench.",
        )  # fmt: skip
    if name == "PySide6" and _read_numbers(version) == (6, 12, 0) and python < (3, 12):
        return Finding(
            name, "problem", f"{version}: this version stops the whole program on Python 3.11 and older",
            'python -m pip install "PySide6-Essentials>=6.8,!=6.12.0"',
        )  # fmt: skip
    if _read_numbers(version) < least:
        return Finding(
            name, "problem", f"{version} is too old", f'python -m pip install --upgrade "{package}>={oldest}"'
        )
    return Finding(name, "ok", version)


def judge_imports(libraries: dict[str, str]) -> Iterator[Finding]:
    """libraries: package -> module. One finding a package that cannot be imported, and one for all others together."""
    fine = []
    for package, module in libraries.items():
        try:
            importlib.import_module(module)
            fine.append(package)
        except Exception as error:  # a broken installation raises OSError, ImportError and others
            there = _find_version(package) is not None
            yield Finding(
                package, "problem", f"is installed but cannot be imported: {error}" if there else "not installed",
                f"python -m pip install {'--force-reinstall ' if there else ''}{package}",
            )  # fmt: skip
    if fine:
        yield Finding("Libraries", "ok", ", ".join(fine))


def _read_numbers(version: str) -> tuple[int, ...]:
    """The release numbers of a version: (2, 13, 0) of "2.13.0+cpu"."""
    numbers: list[int] = []
    for part in version.partition("+")[0].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


# Devices --------------------------------------------------------------------------------------------------------------


def _check_devices() -> Iterator[Finding]:
    yield judge_memory(_read_total_memory())
    if importlib.util.find_spec("torch") is None:
        return
    try:
        import torch
    except Exception as error:  # a broken installation raises OSError, ImportError and others
        yield Finding(
            "torch", "problem", f"is installed but cannot be imported: {error}",
            "Install it again: python -m pip install --force-reinstall torch",
        )  # fmt: skip
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding("CPU", "ok", f"{_count(cores, 'core')}, torch uses {_count(torch.get_num_threads(), 'thread')}")
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(number)
            yield Finding("CUDA", "ok", f"{facts.name}, {_write_bytes(facts.total_memory)}")
    else:
        yield judge_gpu(_find_nvidia(), torch.version.cuda)
    if sys.platform == "darwin":
        there = torch.backends.mps.is_available()
        yield Finding("MPS", "ok", "available" if there else "not available on this Mac; the CPU is used")


def judge_gpu(gpu: str, built_for: str | None) -> Finding:
    """Why CUDA cannot be used: there is no GPU ("" for `gpu`), or torch was built without it, or its driver does not answer."""
    if not gpu:
        return Finding("CUDA", "ok", "no NVIDIA GPU here; the CPU is used" if sys.platform != "darwin" else "none")
    if built_for is None:
        return Finding(
            "CUDA", "warning", f"{gpu} is here, but this torch was built for the CPU only, so training is far slower than it could be",
            "Install a torch with CUDA: its own page under 'Get started' gives the command for your system.",
        )  # fmt: skip
    return Finding(
        "CUDA", "warning", f"{gpu} is here, but torch (built for CUDA {built_for}) cannot use it",
        "Update the NVIDIA driver, and see whether `nvidia-smi` answers.",
    )  # fmt: skip


def _find_nvidia() -> str:
    """The name of an NVIDIA GPU, asked of its driver's own program; "" if there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "an NVIDIA GPU" if Path("/proc/driver/nvidia/version").exists() else ""
    try:
        told = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.partition("\n")[0].strip() if told.returncode == 0 else ""


def judge_memory(total: int) -> Finding:
    """total: bytes of the machine's memory, 0 if that is not known."""
    if not total:
        return Finding("Memory", "ok", "its size is not known")
    if total < MEMORY:
        return Finding(
            "Memory", "warning", f"{_write_bytes(total)} is little for training", "Take a small batch and network depth 8."
        )  # fmt: skip
    return Finding("Memory", "ok", _write_bytes(total))


def _read_total_memory() -> int:
    """Bytes of memory of this machine, 0 if it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        pass
    if sys.platform == "win32":
        import ctypes

        class Status(ctypes.Structure):  # MEMORYSTATUSEX
            _fields_ = (("length", ctypes.c_ulong), ("load", ctypes.c_ulong), ("bytes", ctypes.c_ulonglong * 7))

        status = Status(length=ctypes.sizeof(Status))
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return int(status.bytes[0])
    return 0


# The window -----------------------------------------------------------------------------------------------------------


def _check_window() -> Iterator[Finding]:
    found = importlib.util.find_spec("PySide6")
    if found is None or not found.submodule_search_locations:
        return  # the versions have told
    missing = display.find_missing_libraries(Path(next(iter(found.submodule_search_locations))))
    yield judge_libraries(missing)
    yield judge_fonts(display.has_fonts())
    if missing or not display.has_display():
        yield judge_display(display.has_display(), None)
        return
    try:
        told = subprocess.run([sys.executable, "-c", _TRY_WINDOW], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        yield Finding("Display", "problem", "Qt did not answer within a minute", "Is the display server still there?")
        return
    yield judge_display(True, told)


def judge_libraries(missing: list[str]) -> Finding:
    """missing: shared libraries that Qt asks for and the system lacks."""
    if not missing:
        return Finding("Qt libraries", "ok", "all there")
    packages = display.find_packages(missing)
    remedy = display.write_apt_command(packages) if packages else "Install the packages that hold them."
    return Finding("Qt libraries", "problem", f"missing: {', '.join(missing)}", remedy)


def judge_fonts(there: bool) -> Finding:
    if there:
        return Finding("Fonts", "ok", "found")
    return Finding(
        "Fonts", "problem", "no font at all, so the window would show empty boxes",
        display.write_apt_command([display.FONT_PACKAGE]),
    )  # fmt: skip


def judge_display(named: bool, told: subprocess.CompletedProcess[str] | None) -> Finding:
    """named: a display server is named in the environment. told: what a trial of Qt said; None if it was not tried."""
    if not named:
        return Finding("Display", "warning", "none here, so no window can open", display.NO_DISPLAY.partition(". ")[2])
    if told is None:
        return Finding("Display", "warning", "not tried, because Qt's libraries are missing")
    if told.returncode == 0:
        kind, _, screens = told.stdout.strip().rpartition("\n")[2].partition("|")
        return Finding("Display", "ok", f"Qt runs on {kind}" + (f", {screens} px" if screens else ""))
    said = " ".join(told.stderr.split())[:300]
    return Finding(
        "Display", "problem", f"Qt could not open it: {said or f'exit code {told.returncode}'}",
        "Look whether DISPLAY or WAYLAND_DISPLAY names a running display, and whether QT_QPA_PLATFORM is set by mistake.",
    )  # fmt: skip


# Folders --------------------------------------------------------------------------------------------------------------


def _check_folders() -> Iterator[Finding]:
    chosen = settings.load_settings()
    folders = {
        "Preferences": settings.find_home("config"),
        "Cache": settings.find_home("cache"),
        "Log": settings.find_home("log"),
        "Runs": settings.find_runs_folder(chosen),
    }
    for name, folder in folders.items():
        yield judge_folder(name, folder)
    for name in ("Cache", "Runs"):
        yield judge_space(f"{name} disk", folders[name])


def judge_folder(name: str, folder: Path) -> Finding:
    """Can files be made in that folder? It need not exist; it is made when needed and not by this look."""
    existing = _find_existing(folder)
    blocking = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if blocking != existing:
        remedy = "Move it away, or set SEGBENCH_HOME to a folder you may write to."
        return Finding(name, "problem", f"{blocking} is not a folder", remedy)
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Finding(
            name, "problem", f"{folder} cannot be written: {error.strerror or error}",
            "Set SEGBENCH_HOME to a folder you may write to, or mend the permissions.",
        )  # fmt: skip
    return Finding(name, "ok", f"{folder}" + ("" if existing == folder else " (made when needed)"))


def judge_space(name: str, folder: Path, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> Finding:
    """Free bytes on the folder's disk against what a cache and a run take."""
    free = usage(_find_existing(folder))[2]
    if free < FREE_SPACE:
        return Finding(
            name, "warning", f"only {_write_bytes(free)} free",
            f"Free some space; a large dataset's cache and a long run take up to {_write_bytes(FREE_SPACE)}.",
        )  # fmt: skip
    return Finding(name, "ok", f"{_write_bytes(free)} free")


def _find_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if os.path.isdir(path))


def _write_bytes(number: int) -> str:
    return f"{number / 2**30:.1f} GiB"
