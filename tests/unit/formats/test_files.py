"""A file is written whole or not at all, whoever looks at it meanwhile."""

import os
from pathlib import Path

import pytest

from segbench.formats import files
from segbench.formats.files import write_atomically


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
