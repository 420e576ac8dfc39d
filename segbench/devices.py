"""Which devices there are, which one to take, what to call it, and how much of its memory is in use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from segbench.errors import SegbenchError
from segbench.events import MemoryRead


def list_devices() -> list[str]:
    """Names that choose_device takes, the best first."""
    found = ["cuda"] if torch.cuda.is_available() else []
    return [*found, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes the best there is. Raises SegbenchError if it is not there."""
    if name == "auto":
        return torch.device(list_devices()[0])
    if name not in list_devices():
        raise SegbenchError(
            f"The device {name} is not available here.",
            f"Use one of: auto, {', '.join(list_devices())}. `segbench doctor` tells why.",
        )
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """For people: "cuda (NVIDIA H200)", "cpu, 2 threads"."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "mps":
        return "mps (Apple GPU)"
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}"


def read_memory(device: torch.device) -> MemoryRead:
    """Memory that torch holds on a GPU, or that the process holds (its peak where only that is told), in bytes."""
    if device.type == "cuda":
        return MemoryRead(
            torch.cuda.memory_reserved(device), torch.cuda.get_device_properties(device).total_memory, "cuda"
        )
    return MemoryRead(_read_resident(), 0, "process")


def read_peak_memory(device: torch.device) -> int:
    """The most memory ever held, in bytes: torch's on a GPU, else the process's (0 on Windows, which does not tell)."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else _read_peak()


def _read_resident() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else _read_peak()


def _read_peak() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
