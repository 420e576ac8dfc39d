"""Errors a user can read: one sentence, one hint. Knows no library's internals beyond their exception types."""

from __future__ import annotations

import errno
import traceback
from typing import NamedTuple


class SegbenchError(Exception):
    """What went wrong in one sentence (what and where), and what to do about it.

    Raise it wherever bad input, a missing file or an impossible request is noticed; `hint` may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class OutOfMemory(SegbenchError):
    """The device's memory did not hold one training step; `smaller_batch` is what to try next (0: nothing smaller)."""

    def __init__(self, message: str, hint: str = "", smaller_batch: int = 0) -> None:
        super().__init__(message, hint)
        self.smaller_batch = smaller_batch


class ErrorReport(NamedTuple):
    """What the error dialog and the CLI show: `message` and `hint` for the user, `details` (a traceback) for the log."""

    message: str
    hint: str
    details: str
    smaller_batch: int = 0
    expected: bool = True  # False: a bug of ours, the dialog then offers to copy the details


_BY_ERRNO = {
    errno.ENOSPC: ("The disk is full.", "Free some space, then try again; nothing half-written was kept."),
    errno.EFBIG: (
        "The file would be larger than the system allows here.",
        "Raise the limit (ulimit -f), or choose another place.",
    ),
    errno.EDQUOT: (
        "Your share of the disk is used up.",
        "Free some space, then try again; nothing half-written was kept.",
    ),
    errno.EROFS: ("The folder is read-only.", "Choose a folder you may write to."),
    errno.EACCES: ("Access was denied.", "Check the permissions of the file, or choose another place."),
    errno.ENOENT: ("The file or folder does not exist.", "Check the path; it may have been moved."),
    errno.EISDIR: ("A folder stands where a file was expected.", "Name a file."),
    errno.ENOTDIR: ("A file stands where a folder was expected.", "Name a folder."),
}


_NO_MEMORY = (  # what torch's allocators say in a plain RuntimeError: Linux and macOS, Windows, Apple GPUs
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "MPS backend out of memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, Python's, numpy's or torch's (which is not imported here: told by name and text)."""
    if isinstance(error, MemoryError) or "OutOfMemoryError" in type(error).__name__:
        return True
    said = [text for text in error.args if isinstance(text, str)] if isinstance(error, RuntimeError) else []
    return any(words in text for words in _NO_MEMORY for text in said)


def explain(error: BaseException) -> ErrorReport:
    """Turns any exception into words for the user; never raises."""
    details = "".join(traceback.format_exception(error))
    try:
        text = str(error)
    except Exception:
        text = "(it cannot even say what it is)"
    if isinstance(error, SegbenchError):
        smaller = error.smaller_batch if isinstance(error, OutOfMemory) else 0
        return ErrorReport(error.message, error.hint, details, smaller)
    if is_out_of_memory(error):
        return ErrorReport("There is not enough memory for this.", "Try a smaller batch or a smaller image.", details)
    if isinstance(error, OSError):
        known = _BY_ERRNO.get(error.errno or 0)
        where = f" ({error.filename})" if error.filename else ""
        if known:
            return ErrorReport(known[0].rstrip(".") + where + ".", known[1], details)
        return ErrorReport(f"{(error.strerror or text).rstrip('.')}{where}.", "", details)
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        name = error.object.encode(errors="replace").decode()
        return ErrorReport(
            f"The name {name} holds bytes that are not UTF-8, so it cannot be written down.",
            "Rename the file or folder.",
            details,
        )
    if isinstance(error, KeyboardInterrupt):
        return ErrorReport("Interrupted.", "", details)
    return ErrorReport(
        f"segbench made a mistake: {type(error).__name__}: {text}",
        "This is a bug. The details below help to mend it.",
        details,
        expected=False,
    )
