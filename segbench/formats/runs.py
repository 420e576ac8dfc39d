"""A run on disk: run.json (config, dataset), events.jsonl (one event a line), checkpoints/. The folder is all there is of a run."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

import msgspec

from segbench import __version__
from segbench.config import TrainConfig
from segbench.errors import SegbenchError
from segbench.events import EpochDone, LoggedEvent, StepDone, TrainingEnded, TrainingStarted
from segbench.files import open_regular, parse_json, read_bytes, sweep_unfinished, write_atomically
from segbench.formats.checkpoints import SUFFIX
from segbench.records import DatasetInfo, RunInfo, RunState

KINDS: tuple[Literal["best", "last"], ...] = ("best", "last")
LONGEST_LINE = 2**20  # bytes; an epoch of 250 classes has 40,000
LOCK_SECONDS = 0.2  # is_training holds a run for an instant, which is no reason to refuse it

_decoder = msgspec.json.Decoder(LoggedEvent)
_encoder = msgspec.json.Encoder()


class RunFile(msgspec.Struct, frozen=True):
    """What run.json holds."""

    config: TrainConfig
    dataset: DatasetInfo
    started: float
    segbench: str = __version__
    name: str = ""  # "": the folder's name


_file_decoder = msgspec.json.Decoder(RunFile)


class RunGone(SegbenchError):
    """The folder of a run in training is no more."""


class Run:
    """One run's folder. `append` keeps the log open between two calls; `close` (or garbage collection) lets it go."""

    def __init__(self, path: Path, file: RunFile) -> None:
        self.path = path
        self.file = file
        self.torn = 0  # lines that the last reading of the log left out
        self._log: IO[bytes] | None = None
        self._started: TrainingStarted | None = None  # what a log begins with if it has to be made anew

    @property
    def config(self) -> TrainConfig:
        return self.file.config

    @property
    def name(self) -> str:
        return self.file.name or self.path.name

    def checkpoint(self, kind: Literal["last", "best"]) -> Path:
        """Where that checkpoint stands or would stand."""
        return self.path / "checkpoints" / f"{kind}{SUFFIX}"

    def change(self, **changes: object) -> None:
        """Rewrites run.json with some fields changed (config when a run is continued, name when it is renamed)."""
        self.file = msgspec.structs.replace(self.file, **changes)
        write_atomically(self.path / "run.json", msgspec.json.format(msgspec.json.encode(self.file), indent=2))

    def append(self, event: LoggedEvent) -> None:
        """Adds one line to the log with a single write, so that a crash can only tear the last one.

        Raises OSError if it cannot be written, RunGone if the run's folder was deleted or moved away; `restore` makes it anew.
        """
        if isinstance(event, TrainingStarted):
            self._started = event
        line = _encoder.encode(event) + b"\n"
        if self._log is None:
            self._log = self._open_log()
            if self._log.tell() == 0 and self._started not in (None, event):
                line = _encoder.encode(self._started) + b"\n" + line
        elif os.fstat(self._log.fileno()).st_nlink == 0:  # written to still, seen by nobody
            self.close()
            self.check_folder()
        if self._log is None or self._log.write(line) != len(line):  # a disk that fills up may take a part
            self.close()  # so that the next line starts afresh
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path / "events.jsonl"))

    def _open_log(self) -> IO[bytes]:
        self.check_folder()
        log = open(self.path / "events.jsonl", "ab", buffering=0)  # noqa: SIM115 (kept open between two calls)
        if log.tell() and not _ends_whole(self.path / "events.jsonl"):
            log.write(b"\n")  # a line torn by a crash must not swallow the next one
        return log

    def check_folder(self) -> None:
        """Raises RunGone if the folder is not there any more."""
        if not (self.path / "run.json").exists():
            raise RunGone(
                f"The folder of the run, {self.path}, is gone.",
                "Put it back. Or go on without it: segbench makes it anew, with the curves from here on.",
            )

    def restore(self) -> None:
        """Makes the folder of a run anew if it is gone. Raises OSError."""
        if not (self.path / "run.json").exists():
            self.close()
            self.change()

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None

    def events(self) -> Iterator[LoggedEvent]:
        """The log from its beginning; lines torn by a crash are dropped, and counted in `torn`."""
        path = self.path / "events.jsonl"
        self.torn = 0
        if not path.exists():
            return
        with open_regular(path) as file:
            while line := file.readline(LONGEST_LINE):
                try:
                    event = _decoder.decode(line)
                except (ValueError, RecursionError):  # msgspec's own, and bytes that are not UTF-8
                    self.torn += bool(line.strip())
                    continue
                yield event

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the run for writing. Raises SegbenchError if another process trains it now; a crash lets go of it."""
        with open(self.path / "run.lock", "ab") as file:
            deadline = time.monotonic() + LOCK_SECONDS
            while not _try_lock(file):
                if time.monotonic() > deadline:
                    raise SegbenchError(
                        f"The run {self.name} is being trained by another segbench.",
                        "Stop it there first, or start a new run.",
                    )
                time.sleep(0.01)
            sweep_unfinished(self.path / "checkpoints", older=0)  # nobody else writes there
            try:
                yield
            finally:
                self.close()
                _unlock(file)

    def is_training(self) -> bool:
        """Whether some process holds the run now."""
        path = self.path / "run.lock"
        if not path.exists():
            return False
        with open(path, "rb") as file:  # not for writing: a colleague's run may be read-only
            if not _try_lock(file):
                return True
            _unlock(file)
        return False

    def describe(self) -> RunInfo:
        """What a list of runs shows, read from the log."""
        started, ended, step, loss, best = None, None, 0, None, None
        for event in self.events():
            match event:
                case TrainingStarted():
                    started, ended = event, None
                case StepDone():
                    step, loss = event.step, event.loss
                case EpochDone(scores=scores) if scores is not None and scores.mean_iou is not None:
                    best = max(best or 0.0, scores.mean_iou)
                case TrainingEnded():
                    ended = event
        state: RunState
        if self.is_training():
            state = "running"
        elif ended is not None:
            state = ended.reason
        else:
            state = "interrupted" if started else "new"
        return RunInfo(
            path=str(self.path), name=self.name, state=state, network=str(type(self.config.network).__struct_config__.tag),
            dataset=self.file.dataset.name, started=self.file.started, step=step,
            total_steps=started.total_steps if started else 0, best_iou=best, last_loss=loss, torn=self.torn,
            checkpoints=tuple(kind for kind in KINDS if self.checkpoint(kind).exists()),
        )  # fmt: skip


def create_run(folder: Path, config: TrainConfig, dataset: DatasetInfo, *, exact: bool = False) -> Run:
    """A new run folder: `folder` itself if exact (it must be empty or not exist), else a dated one inside it.

    Raises SegbenchError if the exact folder is taken, OSError if it cannot be made.
    """
    if exact:
        path = folder
        if path.exists() and any(path.iterdir()):
            raise SegbenchError(
                f"The folder {path} is not empty.", "Give another --out, or --resume it if it is a run."
            )
        path.mkdir(parents=True, exist_ok=True)
    else:
        stem = f"{time.strftime('%Y-%m-%d %H.%M.%S')} {type(config.network).__struct_config__.tag}"
        folder.mkdir(parents=True, exist_ok=True)
        path = _make_unique(folder, stem)
    run = Run(path, RunFile(config, dataset, time.time()))
    run.change()
    return run


def _make_unique(folder: Path, stem: str) -> Path:
    number = 1
    while True:
        path = folder / (stem if number == 1 else f"{stem} {number}")
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def open_run(path: Path) -> Run:
    """An existing run. Raises SegbenchError if the folder is none."""
    if not (path / "run.json").exists():
        raise SegbenchError(
            f"{path} is not a run: it has no run.json.", "Choose a folder that `segbench train` or the window made."
        )
    try:
        data = read_bytes(path / "run.json")
        parse_json(data)
        return Run(path, _file_decoder.decode(data))
    except (OSError, ValueError) as error:
        raise SegbenchError(
            f"The run {path} could not be read: {error}.", "Its run.json is damaged or from another version."
        ) from error


def find_runs(folder: Path) -> list[RunInfo]:
    """Every readable run in a folder, newest first; what is no run is passed over."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(SegbenchError, OSError):
            found.append(open_run(path).describe())
    return sorted(found, key=lambda run: -run.started)


def delete_run(path: Path) -> None:
    """Removes a run's folder. Raises SegbenchError if it is none or is being trained, OSError if it cannot be removed."""
    if open_run(path).is_training():
        raise SegbenchError(f"The run {path.name} is being trained.", "Stop it first.")
    shutil.rmtree(path)


def _ends_whole(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: better unguarded than not at all
            return True
        return True

    def _unlock(file: IO[bytes]) -> None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
