"""Devices are chosen by name, described in words, and say how much memory is in use."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from segbench import devices
from segbench.devices import choose_device, describe_device, list_devices, read_memory, read_peak_memory
from segbench.errors import SegbenchError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine whose GPUs a test plugs in."""
    here = SimpleNamespace(cuda=False, mps=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: here.cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: here.mps)
    return here


@pytest.mark.parametrize(
    ("cuda", "mps", "names"),
    [(False, False, ["cpu"]), (True, False, ["cuda", "cpu"]), (False, True, ["mps", "cpu"])],
)
def test_that_auto_takes_the_best_there_is(machine: SimpleNamespace, cuda: bool, mps: bool, names: list[str]) -> None:
    machine.cuda, machine.mps = cuda, mps
    assert list_devices() == names
    assert choose_device().type == names[0]
    assert [choose_device(name).type for name in names] == names


@pytest.mark.parametrize("name", ["cuda", "mps", "tpu", ""])
def test_that_a_device_that_is_not_there_is_refused_with_those_that_are(machine: SimpleNamespace, name: str) -> None:
    with pytest.raises(SegbenchError, match="not available") as caught:
        choose_device(name)
    assert "auto, cpu" in caught.value.hint


def test_that_a_device_is_described_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert describe_device(torch.device("cpu")) == "cpu, 1 thread"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert describe_device(torch.device("cpu")) == "cpu, 3 threads"
    assert describe_device(torch.device("mps")) == "mps (Apple GPU)"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    assert describe_device(torch.device("cuda")) == "cuda (NVIDIA H200)"


def test_that_a_gpu_s_memory_is_what_torch_holds_of_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 30)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 50)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=100))
    read = read_memory(torch.device("cuda"))
    assert (read.used, read.total, read.device) == (30, 100, "cuda")
    assert read_peak_memory(torch.device("cuda")) == 50


def test_that_without_a_gpu_the_process_s_memory_is_read() -> None:
    read = read_memory(torch.device("cpu"))
    assert (read.total, read.device) == (0, "process")
    if sys.platform != "win32":
        assert 2**20 < read.used < 2**42
        large = bytearray(b"x" * 2**26)
        held = read_memory(torch.device("cpu")).used
        del large
        assert read_peak_memory(torch.device("cpu")) > held - 2**23


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource module")
@pytest.mark.parametrize(("platform", "bytes_each"), [("darwin", 1), ("freebsd14", 1024)])
def test_that_systems_without_proc_give_their_peak_in_bytes(
    monkeypatch: pytest.MonkeyPatch, platform: str, bytes_each: int
) -> None:
    import resource

    monkeypatch.setattr(Path, "exists", lambda self: False)
    monkeypatch.setattr(devices.sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=7))
    assert read_peak_memory(torch.device("cpu")) == 7 * bytes_each
