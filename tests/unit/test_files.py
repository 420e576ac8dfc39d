"""A file is written whole or not at all, whoever looks at it meanwhile."""

import os
from pathlib import Path

import pytest

from segbench import files
from segbench.errors import SegbenchError
from segbench.files import parse_json, read_bytes, read_json, sweep_unfinished, write_atomically


def test_that_a_file_appears_with_its_folder_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "größe 大.bin"
    write_atomically(path, b"one")
    write_atomically(path, memoryview(b"two"), sync=False)
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_that_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"old")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_that_a_file_somebody_reads_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, replace, waits = tmp_path / "a", os.replace, []
    refusals = iter([True, True])

    def hesitate(source: Path, target: Path) -> None:
        if next(refusals, False):
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        replace(source, target)

    monkeypatch.setattr(os, "replace", hesitate)
    monkeypatch.setattr(files.time, "sleep", waits.append)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert len(waits) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_that_a_file_can_be_read_by_those_the_user_lets_read_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_that_a_name_as_long_as_a_file_system_takes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"


def test_that_what_does_not_read_back_is_not_put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"old")
    monkeypatch.setattr(files, "CHUNK", 2)

    def lie(handle: int) -> None:  # a disk that says it has written, and lost a byte
        os.ftruncate(handle, 4)

    monkeypatch.setattr(os, "fsync", lie)
    with pytest.raises(OSError, match="does not read back"):
        write_atomically(path, b"newer")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_that_only_what_writers_left_is_swept_and_only_when_it_is_old(tmp_path: Path) -> None:
    left, mine = tmp_path / ".last.safetensors.0123abcd.part", tmp_path / ".notes.part"
    for path in (left, mine, tmp_path / "last.safetensors"):
        path.write_bytes(b"x")
    assert sweep_unfinished(tmp_path) == 0
    os.utime(left, (0, 0))
    os.utime(mine, (0, 0))
    assert sweep_unfinished(tmp_path) == 1
    assert not left.exists()
    assert mine.exists()
    assert sweep_unfinished(tmp_path / "nowhere") == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_that_a_writer_that_is_killed_leaves_what_the_sweep_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_replace", lambda *_: os._exit(9))
    if (child := os.fork()) == 0:
        write_atomically(tmp_path / "a", b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert len(list(tmp_path.iterdir())) == 1
    assert sweep_unfinished(tmp_path, older=0) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "says 'c' twice"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"[1e999]", "1e999 is beyond all numbers"),
        (b"[" + b"9" * 5000 + b"]", "digits"),
        (b'{"a": "\xff"}', "decode"),
        (b"{", "Expecting"),
    ],
)
def test_that_json_that_readers_choke_on_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(data)


def test_that_json_in_order_is_read() -> None:
    assert parse_json('{"a": [1, 2.5, null, true], "b": {"a": "x"}}') == {"a": [1, 2.5, None, True], "b": {"a": "x"}}


def test_that_what_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b" " * 100)
    with pytest.raises(ValueError, match="larger than"):
        read_bytes(tmp_path / "a.json", 99)
    with pytest.raises(SegbenchError, match="is a folder"):
        read_json(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(SegbenchError, match="not a regular file"):
            read_json(tmp_path / "pipe")
