"""Files are told by what is in them, not by their names alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from segbench.formats.kinds import looks_like_checkpoint, looks_like_purdue

WEIGHTS = {"conv.weight": torch.zeros(2)}


@pytest.mark.parametrize("name", ["saved_model", "weights.pt", "weights.PTH", "w" * 200, "model.bin"])
@pytest.mark.parametrize("packed", [True, False])
def test_that_what_torch_saves_is_a_checkpoint_under_any_name(tmp_path: Path, name: str, packed: bool) -> None:
    torch.save(WEIGHTS, tmp_path / name, _use_new_zipfile_serialization=packed)
    assert looks_like_checkpoint(tmp_path / name)
    assert not looks_like_purdue(tmp_path / name)


def test_that_a_data_set_that_dlstudio_keeps_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "torch_saved_PurdueShapes5MultiObject-10_dataset.pt"
    torch.save({0: []}, path)
    assert looks_like_purdue(path)
    assert not looks_like_checkpoint(path)


def test_that_safetensors_are_told_by_their_ending_whatever_their_first_byte(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"\x80" + bytes(7))
    assert looks_like_checkpoint(tmp_path / "a.safetensors")


def test_that_folders_other_archives_and_devices_are_no_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "run.pt").mkdir()
    (tmp_path / "photos.zip").write_bytes(b"PK\x03\x04" + bytes(40))
    assert not any(map(looks_like_checkpoint, [tmp_path / "run.pt", tmp_path / "photos.zip", Path("/dev/null")]))
