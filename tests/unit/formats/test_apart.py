"""What happens to the process that reads strangers' files happens to it alone, and is one sentence here."""

import os
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segbench.architectures import MUnetConfig
from segbench.data.shapes import write_shapes
from segbench.errors import SegbenchError
from segbench.formats import apart
from segbench.formats.apart import Limits, convert_weights, open_purdue, run_apart
from segbench.formats.checkpoints import read_checkpoint, read_checkpoint_info
from segbench.networks import build_network

PLENTY = Limits(8 << 30, 60)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Those that were started."""
    started: list[Any] = []
    real = subprocess.Popen

    def start(*given: Any, **named: Any) -> Any:
        started.append(real(*given, **named))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    return started


def exhaust(job: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def make_data(folder: Path) -> Path:
    exhaust(write_shapes(folder, 6, 0, seed=1, size=16))
    return next(folder.glob("*.gz"))


def read(path: Path, code: str, monkeypatch: pytest.MonkeyPatch, limits: Limits = PLENTY) -> Generator[Any, None, None]:
    """Reads a file by a process that runs this code instead."""
    monkeypatch.setattr(apart, "CALL", code)
    return run_apart("dataset", path, path, limits)


def test_that_a_data_set_is_read_by_another_process_and_only_once(
    tmp_path: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    path = make_data(tmp_path / "data")
    first, second = exhaust(open_purdue(path)), exhaust(open_purdue(path))
    assert len(processes) == 1
    assert len(first) == len(second) == 6
    np.testing.assert_array_equal(first.images, second.images)


def test_that_a_data_set_opens_where_the_cache_cannot_be_written(
    tmp_path: Path, home: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    path = make_data(tmp_path / "data")
    home.write_text("a file where the folder should be")
    assert len(exhaust(open_purdue(path))) == 6
    assert len(processes) == 1


def test_that_a_readers_refusal_comes_through_word_for_word(tmp_path: Path) -> None:
    path = tmp_path / "broken.gz"
    path.write_bytes(make_data(tmp_path / "data").read_bytes()[:200])
    with pytest.raises(SegbenchError, match=r"broken\.gz is a gzip file that ends in the middle"):
        exhaust(open_purdue(path))


def test_that_weights_of_others_are_converted_once_and_read_as_our_own(
    tmp_path: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    network = build_network(MUnetConfig(depth=4, head="lecture", body="lecture"), 5)
    torch.save({"model_state_dict": {f"module.{n}": t for n, t in network.state_dict().items()}}, tmp_path / "w.pt")
    info = read_checkpoint_info(tmp_path / "w.pt")
    _, tensors = read_checkpoint(tmp_path / "w.pt")
    assert len(processes) == 1
    assert (info.path, info.network, info.parameters) == (str(tmp_path / "w.pt"), "munet", 2561605)
    assert all(torch.equal(tensors[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import faulthandler; faulthandler._sigsegv()", "crashed the reader"),
        ("import os; os._exit(3)", "crashed the reader"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was ended by the system"),
        ("raise ValueError", "crashed the reader"),
    ],
)
def test_that_a_crash_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    path = make_data(tmp_path / "data")
    with pytest.raises(SegbenchError, match=reason) as caught:
        exhaust(read(path, code, monkeypatch))
    assert "Error" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits")
@pytest.mark.parametrize(
    ("act", "limits", "reason"),
    [
        ("bytearray(3 << 30)", Limits(1 << 30, 60), "takes more than 1.0 GB of memory"),
        ("any(iter(int, 1))", Limits(8 << 30, 1), "takes far longer to read"),
    ],
)
def test_that_memory_and_time_have_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, limits: Limits, reason: str
) -> None:
    path = make_data(tmp_path / "data")
    code = f"from segbench.formats import apart; apart.TASKS['dataset'] = lambda *_: {act}; apart.serve()"
    with pytest.raises(SegbenchError, match=reason):
        exhaust(read(path, code, monkeypatch, limits))


def test_that_a_reader_that_only_waits_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "WAITING_FACTOR", 0.3)
    path = make_data(tmp_path / "data")
    with pytest.raises(SegbenchError, match="takes far longer"):
        exhaust(read(path, "import time; time.sleep(60)", monkeypatch, Limits(8 << 30, 1)))


def test_that_closing_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: list[subprocess.Popen[bytes]]
) -> None:
    job = read(make_data(tmp_path / "data"), "import time; time.sleep(60)", monkeypatch)
    next(job)
    assert processes[0].poll() is None
    job.close()
    assert processes[0].returncode is not None


def test_that_nothing_is_imported_from_where_segbench_happens_to_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_data(tmp_path / "data")
    for name in ("numpy", "msgspec", "segbench"):
        (path.parent / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    monkeypatch.chdir(path.parent)
    assert len(exhaust(open_purdue(path))) == 6
    assert not (tmp_path / "canary").exists()


def test_that_a_reader_that_cannot_be_started_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_data(tmp_path / "data")
    monkeypatch.setattr("sys.executable", str(tmp_path / "nowhere"))
    with pytest.raises(SegbenchError, match="could not be started"):
        exhaust(open_purdue(path))


def test_that_converted_weights_do_not_pile_up(tmp_path: Path, home: Path) -> None:
    network = build_network(MUnetConfig(depth=4, head="lecture", body="lecture"), 5)
    kept = home / "cache" / "weights"
    kept.mkdir(parents=True)
    for number in range(apart.KEPT_WEIGHTS + 2):
        old = kept / f"{number}.safetensors"
        old.write_bytes(b"")
        os.utime(old, (time.time() - 1000 + number,) * 2)
    torch.save(network.state_dict(), tmp_path / "w.pt")
    made = exhaust(convert_weights(tmp_path / "w.pt"))
    assert made in kept.iterdir()
    assert len(list(kept.iterdir())) == apart.KEPT_WEIGHTS
