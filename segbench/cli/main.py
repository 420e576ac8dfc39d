"""The command line: reads it, calls the command, and turns every outcome into an exit code and at most one sentence."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import io
import logging
import logging.handlers
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from segbench.cli.arguments import build_parser
from segbench.cli.interrupt import Interrupted
from segbench.errors import ErrorReport, explain
from segbench.settings import find_home

# command -> where `run(arguments) -> int` of it stands; imported when chosen, because most need torch
COMMANDS = {
    "generate": ("segbench.cli.data", "run_generate"),
    "info": ("segbench.cli.data", "run_info"),
    "train": ("segbench.cli.training", "run_train"),
    "evaluate": ("segbench.cli.scoring", "run_evaluate"),
    "compare": ("segbench.cli.comparing", "run_compare"),
    "predict": ("segbench.cli.masks", "run_predict"),
    "export": ("segbench.cli.masks", "run_export"),
    "doctor": ("segbench.cli.data", "run_doctor"),
    "layers": ("segbench.cli.layers", "run_layers"),
    "conv": ("segbench.cli.convolution", "run_convolution"),
}
LOG_BYTES = 1_000_000

log = logging.getLogger(__name__)


def run_command(arguments: list[str]) -> int:
    """Runs one command. Returns 0 fine, 1 an error (one sentence on stderr), 130 stopped with Ctrl+C."""
    _mend_streams()
    if arguments and arguments[0] not in COMMANDS and not arguments[0].startswith("-"):
        near = difflib.get_close_matches(arguments[0].lower(), COMMANDS)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`segbench --help` lists the commands."
        _tell(f"There is no command and no path {arguments[0]}. {hint}")
        return 1
    try:
        parsed = build_parser(next((word for word in arguments if word in COMMANDS), "")).parse_args(arguments)
    except SystemExit as end:  # --help, --version and wrong usage
        return end.code if isinstance(end.code, int) else 1
    with _logging() as log_file:
        try:
            return _find_command(parsed)(parsed)
        except (KeyboardInterrupt, Interrupted) as stop:
            _tell("Interrupted.")
            return stop.code if isinstance(stop, Interrupted) else 130
        except BrokenPipeError:
            # Whoever read our output has had enough (`segbench info ... | head`)
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.close()
            return 0
        except Exception as error:
            report = explain(error)
            log.error("%s failed.\n%s", parsed.command, report.details)
            _tell(_write_sentence(report, parsed.command, log_file))
            return 1


def _mend_streams() -> None:
    """Gives words somewhere to go where there is no console, and lets no letter fail that the terminal's code page lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # pythonw, or a shell that closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (for as long as the program runs)
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _find_command(parsed: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    module, name = COMMANDS[parsed.command]
    command: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(module), name)
    return command


def _write_sentence(report: ErrorReport, command: str, log_file: Path | None) -> str:
    hint = report.hint
    if report.smaller_batch:  # by the option's name, where the window has a button
        option = "--set data.at_once=" if command == "train" else "--batch "
        hint = f"Start again with {option}{report.smaller_batch}."
    if not report.expected:
        hint = f"The details are in {log_file}." if log_file else "Its details could not be logged."
    return f"{report.message} {hint}".strip()


def _tell(sentence: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"segbench: {' '.join(sentence.split())}\n")


@contextlib.contextmanager
def _logging() -> Iterator[Path | None]:
    """While inside, log records and Python's warnings go to a file in the user's log folder; gives its path, None if there is none.

    What readers of files warn of is told on stderr, too.
    """
    path = find_home("log") / "segbench.log"
    handler = _open_log(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    readers, teller = logging.getLogger("segbench.formats"), _Teller(logging.WARNING)
    readers.addHandler(teller)
    logging.captureWarnings(True)
    try:
        yield None if isinstance(handler, logging.NullHandler) else path
    finally:
        logging.captureWarnings(False)
        readers.removeHandler(teller)
        root.removeHandler(handler)
        handler.close()


class _Teller(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _tell(record.getMessage())


def _open_log(path: Path) -> logging.Handler:
    """Where the file cannot be made, records go nowhere: without any handler Python would print them."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.handlers.RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=2, encoding="utf-8", delay=False
        )
    except OSError:
        return logging.NullHandler()
