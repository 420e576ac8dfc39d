"""Files from strangers are read in a process of their own, with limits on its memory and its time: what crashes there crashes
nothing here. What it read comes back as plain arrays: a data set's in the cache, weights as safetensors.

Pictures are not: they are decoded one by one when they are looked at, by Pillow, under the limits of `images`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import segbench
from segbench.errors import SegbenchError, explain, is_out_of_memory
from segbench.events import Progressed
from segbench.formats.cache import find_key, load_entry
from segbench.formats.purdue import PurdueFile, read_purdue
from segbench.settings import find_home

POLL_SECONDS, WATCH_SECONDS = 0.02, 0.5
STARTING_SECONDS = 60.0  # of the CPU, for imports on a slow machine
SECONDS_PER_MB = 2.0  # of the file; one takes a tenth of a second
WAITING_FACTOR = 10  # of these, by the clock: a machine may be busy
KEPT_WEIGHTS = 8  # converted files that stay in the cache
CALL = "from segbench.formats.apart import serve; serve()"
HINT = "Get it again from where it came from; the log has the details."
log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """memory: bytes of address space; seconds: of the CPU."""

    memory: int
    seconds: int


class _Message(msgspec.Struct, omit_defaults=True):
    """One line that the reading process tells. message: an error in words."""

    progress: tuple[str, int, int] | None = None
    message: str = ""
    hint: str = ""
    details: str = ""
    done: bool = False


_decoder, _encoder = msgspec.json.Decoder(_Message), msgspec.json.Encoder()


# This side --------------------------------------------------------------------------------------------------------------


def open_purdue(path: Path) -> Generator[Progressed, None, PurdueFile]:
    """As read_purdue, which is called in a process of its own unless the cache holds the data set."""
    key = find_key(path, "purdue")
    entry = load_entry(key)
    if entry is None:
        yield from run_apart("dataset", path, path, _limit(path, 2 << 30, 40))
        entry = load_entry(key)
    if entry is None:  # there is no room in the cache: it is read again here, now that it is known to do no harm
        return (yield from read_purdue(path))
    return PurdueFile(path, entry)


def convert_weights(path: Path) -> Generator[Progressed, None, Path]:
    """A stranger's .pt file as a checkpoint of segbench's own in the cache; its path. Raises SegbenchError, OSError."""
    out = find_home("cache") / "weights" / f"{find_key(path, 'weights')}.safetensors"
    if out.exists():
        os.utime(out)
    else:
        yield from run_apart("weights", path, out, _limit(path, 12 << 30, 6))
        _sweep(out.parent)
    return out


def _limit(path: Path, memory: int, times: int) -> Limits:
    size = path.stat().st_size
    return Limits(memory + times * size, int(STARTING_SECONDS + SECONDS_PER_MB * size / 2**20))


def _sweep(folder: Path) -> None:
    """The files converted last stay."""
    with contextlib.suppress(OSError):
        files = sorted(folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)
        for file in files[:-KEPT_WEIGHTS]:
            file.unlink(missing_ok=True)


def run_apart(task: str, path: Path, out: Path, limits: Limits) -> Generator[Progressed, None, None]:
    """Does a task of TASKS in a process of its own. Yields every POLL_SECONDS at least; close() ends the process.

    Raises the SegbenchError of the reader, or one that says that the file crashed it, or took too much memory or time.
    """
    with tempfile.TemporaryDirectory(prefix="segbench-reader-", ignore_cleanup_errors=True) as name:
        news, errors = Path(name) / "news.jsonl", Path(name) / "errors.txt"
        news.touch()
        # -P: nothing is imported from the folder that segbench happens to be started in
        call = [sys.executable, "-P", "-c", CALL]
        arguments = [task, str(path), str(out), str(news), str(limits.memory), str(limits.seconds)]
        home = str(Path(segbench.__file__).resolve().parent.parent)
        settings = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))}
        with errors.open("wb") as trouble:
            try:
                process = subprocess.Popen(
                    [*call, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=trouble, env=settings,
                    cwd=name, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )  # fmt: skip
            except OSError as error:
                raise SegbenchError(
                    f"The process that reads {path.name} could not be started: {error.strerror}.",
                    "Run `segbench doctor`.",
                ) from error
        try:
            yield from _follow(process, path, news, limits)
        except SegbenchError:
            if said := errors.read_text(errors="replace").strip():
                log.info("The process that read %s said:\n%s", path, said[-5000:])
            raise
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _follow(
    process: subprocess.Popen[bytes], path: Path, news: Path, limits: Limits
) -> Generator[Progressed, None, None]:
    latest = Progressed("reading", 0, path.stat().st_size)
    began = watched = time.monotonic()
    watch = WATCHES.get(sys.platform)
    with news.open("rb") as file:
        while True:
            ended = process.poll() is not None  # before the last look at what it says
            for line in iter(file.readline, b""):
                if not line.endswith(b"\n"):
                    file.seek(-len(line), os.SEEK_CUR)
                    break
                told = _decoder.decode(line)
                if told.progress:
                    latest = Progressed(*told.progress)
                if told.message:
                    log.info("The reader of %s:\n%s", path, told.details)
                    raise SegbenchError(told.message, told.hint)
                if told.done:
                    return
            if ended:
                raise _explain_end(process.returncode, path)
            if time.monotonic() - began > limits.seconds * WAITING_FACTOR:
                raise _explain_time(path)
            if watch is not None and time.monotonic() > watched + WATCH_SECONDS:
                watched = time.monotonic()
                if watch(process.pid) > limits.memory:
                    raise _explain_memory(path, limits)
            yield latest
            time.sleep(POLL_SECONDS)


def _explain_end(code: int, path: Path) -> SegbenchError:
    if code == -getattr(signal, "SIGXCPU", 0):
        return _explain_time(path)
    if code == -getattr(signal, "SIGKILL", 0):  # a system's own answer to too much memory
        return SegbenchError(
            f"The process that read {path.name} was ended by the system.", "It may need too much memory."
        )
    return SegbenchError(f"{path.name} crashed the reader, a process of its own; nothing else was harmed.", HINT)


def _explain_time(path: Path) -> SegbenchError:
    return SegbenchError(f"{path.name} takes far longer to read than a file of its size should.", HINT)


def _explain_memory(path: Path, limits: Limits) -> SegbenchError:
    return SegbenchError(
        f"{path.name} takes more than {limits.memory / 2**30:.1f} GB of memory to read, far more than its size explains.",
        HINT,
    )


def _ask_ps(pid: int) -> int:
    """Bytes that a process holds, where `ps` tells; 0 if it does not."""
    call = ["ps", "-o", "rss=", "-p", str(pid)]
    told = subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip()
    return int(told) * 1024 if told.isdigit() else 0


def _ask_windows(pid: int) -> int:
    """Bytes that a process holds, as the Windows kernel tells; 0 if it does not."""
    import ctypes

    names = ("peak", "now", "peak_paged", "paged", "peak_nonpaged", "nonpaged", "pagefile", "peak_pagefile")

    class Counters(ctypes.Structure):
        _fields_ = (
            ("size", ctypes.c_ulong), ("faults", ctypes.c_ulong), *((name, ctypes.c_size_t) for name in names),
        )  # fmt: skip

    counters = Counters(size=ctypes.sizeof(Counters))
    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 (not there on other systems)
    handle = ctypes.c_void_p(kernel.OpenProcess(0x1000, False, pid))
    kernel.K32GetProcessMemoryInfo(handle, ctypes.byref(counters), counters.size)
    kernel.CloseHandle(handle)
    return int(counters.now)


# Who is asked for the memory of the reading process, where the system does not limit it by itself
WATCHES: dict[str, Callable[[int], int]] = {"darwin": _ask_ps, "win32": _ask_windows}


# The other side -----------------------------------------------------------------------------------------------------------


def serve() -> None:
    """What the reading process does: TASK PATH OUT NEWS MEMORY SECONDS in sys.argv."""
    task, path, out, news, memory, seconds = sys.argv[1:]
    set_limits(Limits(int(memory), int(seconds)))
    with open(news, "ab", buffering=0) as file:

        def tell(message: _Message) -> None:
            file.write(_encoder.encode(message) + b"\n")

        try:
            TASKS[task](Path(path), Path(out), tell)
        except Exception as error:
            report = explain(error)
            if is_out_of_memory(error):
                report = explain(_explain_memory(Path(path), Limits(int(memory), 0)))
            elif not report.expected:
                report = explain(SegbenchError(f"{Path(path).name} could not be read.", HINT))._replace(
                    details=report.details
                )
            tell(_Message(message=report.message, hint=report.hint, details=report.details))
        else:
            tell(_Message(done=True))


def set_limits(limits: Limits) -> None:
    """Limits this process, where the system can: its memory, its time on the CPU, and no core dumps."""
    try:
        import resource
    except ImportError:  # Windows
        return
    seconds = int(time.process_time()) + limits.seconds  # what its own imports took is not the file's
    for what, amount in (
        (resource.RLIMIT_AS, limits.memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        with contextlib.suppress(ValueError, OSError):  # macOS knows no limit on address space
            resource.setrlimit(what, (amount, amount + (what == resource.RLIMIT_CPU)))


def _read_dataset(path: Path, _out: Path, tell: Callable[[_Message], None]) -> None:
    told = 0.0
    for fact in read_purdue(path):
        if time.monotonic() - told > POLL_SECONDS:
            told = time.monotonic()
            tell(_Message(progress=(fact.what, fact.done, fact.total)))


def _read_weights(path: Path, out: Path, _tell: Callable[[_Message], None]) -> None:
    from segbench.formats.checkpoints import NETWORK, save_checkpoint
    from segbench.formats.foreign_weights import read_foreign

    header, tensors = read_foreign(path)
    save_checkpoint(out, header, {NETWORK + name: tensor for name, tensor in tensors.items()})


TASKS: dict[str, Callable[[Path, Path, Callable[[_Message], None]], Any]] = {
    "dataset": _read_dataset,
    "weights": _read_weights,
}
