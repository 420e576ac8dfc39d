"""A checkpoint comes back as it was saved, and a damaged one is refused in words."""

import random
from pathlib import Path

import msgspec
import pytest
import safetensors.torch
import torch

from segbench.config import TrainConfig
from segbench.errors import SegbenchError
from segbench.formats import checkpoints
from segbench.formats.checkpoints import (
    NETWORK,
    Header,
    Scaling,
    read_checkpoint,
    read_checkpoint_info,
    save_checkpoint,
)
from segbench.formats.foreign_weights import read_foreign
from segbench.records import ClassInfo, ClassTable

HEADER = Header(
    config=TrainConfig(),
    classes=ClassTable((ClassInfo("a", (1, 2, 3)),), exclusive=False),
    scaling=Scaling((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
    step=7,
    epoch=1,
    parameters=12,
)


def test_that_what_is_saved_comes_back(tmp_path: Path) -> None:
    weights = {
        "conv.weight": torch.randn(3, 2).t(),
        "bn.count": torch.tensor(5),
        "half": torch.ones(2, dtype=torch.bfloat16),
    }
    digest = save_checkpoint(tmp_path / "a" / "x.safetensors", HEADER, {NETWORK + n: t for n, t in weights.items()})
    header, tensors = read_checkpoint(tmp_path / "a" / "x.safetensors")
    assert header == HEADER
    assert tensors.keys() == weights.keys()
    assert all(torch.equal(tensors[n], weights[n]) for n in weights)
    info = read_checkpoint_info(tmp_path / "a" / "x.safetensors")
    assert (info.sha256, info.step, info.network, info.target) == (digest, 7, "munet", "planes")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.safetensors"]


def test_that_one_flipped_byte_of_the_weights_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, HEADER, {f"{NETWORK}w": torch.randn(100)})
    data = bytearray(path.read_bytes())
    data[-11] ^= 4
    path.write_bytes(data)
    with pytest.raises(SegbenchError, match="checksum"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x02]", b"x" * 4000, b"\xff" * 16])
def test_that_a_file_that_is_none_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    for name in ("x.safetensors", "x.pt"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SegbenchError):
            read_checkpoint_info(tmp_path / name)


@pytest.mark.parametrize("words", ["[]", "null", "3", "{", '{"format": "x"}', '{"format": 2}', '{"step": 1}'])
def test_that_a_header_of_another_shape_is_refused_in_one_sentence(tmp_path: Path, words: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors.torch.save({"w": torch.ones(1)}, {"segbench": words}))
    for read in (read_checkpoint_info, read_checkpoint):
        with pytest.raises(SegbenchError):
            read(path)


def test_that_a_checkpoint_replaced_while_it_is_read_comes_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, HEADER, {f"{NETWORK}w": torch.ones(3)})
    check = checkpoints._hash_tensors

    def replace_first(tensors: dict[str, torch.Tensor]) -> str:
        monkeypatch.setattr(checkpoints, "_hash_tensors", check)
        save_checkpoint(path, msgspec.structs.replace(HEADER, step=8), {f"{NETWORK}w": torch.zeros(3)})
        return check(tensors)

    monkeypatch.setattr(checkpoints, "_hash_tensors", replace_first)
    info, header, tensors = checkpoints.read_described(path)
    assert (info.step, header.step, tensors["w"].tolist()) == (7, 7, [1, 1, 1])
    assert read_checkpoint_info(path).step == 8


def test_that_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, HEADER, {f"{NETWORK}w": torch.randn(100)})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SegbenchError):
        read_checkpoint(path)


def test_that_a_checkpoint_from_before_white_levels_were_kept_has_none() -> None:
    old = b'{"mean": [1, 2, 3], "deviation": [4, 5, 6]}'
    assert msgspec.json.decode(old, type=Scaling) == Scaling((1, 2, 3), (4, 5, 6), white=0)


def test_that_tensors_of_others_and_missing_files_are_told_apart(tmp_path: Path) -> None:
    safetensors.torch.save_file({"w": torch.ones(1)}, tmp_path / "y.safetensors")
    with pytest.raises(SegbenchError, match="header"):
        read_checkpoint_info(tmp_path / "y.safetensors")
    with pytest.raises(SegbenchError, match="no checkpoint"):
        read_checkpoint_info(tmp_path / "missing.safetensors")
    with pytest.raises(SegbenchError, match="holds no checkpoint"):
        read_checkpoint_info(tmp_path)


def test_that_a_whole_pickled_model_is_told_what_to_do_instead(tmp_path: Path) -> None:
    torch.save(torch.nn.Conv2d(3, 4, 3), tmp_path / "model.pt")
    with pytest.raises(SegbenchError, match=r"state_dict\(\)"):
        read_checkpoint_info(tmp_path / "model.pt")


def test_that_a_state_dict_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Conv2d(3, 4, 3).state_dict(), tmp_path / "model.pt")
    with pytest.raises(SegbenchError, match="does not know"):
        read_checkpoint_info(tmp_path / "model.pt")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False])
def test_that_damaged_foreign_weights_are_refused_in_one_sentence(tmp_path: Path, zipped: bool) -> None:
    path, rng = tmp_path / "x.pt", random.Random(0)
    torch.save({"a.weight": torch.ones(3, 2), "b": torch.ones(1)}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for _ in range(200):
        damaged = bytearray(whole[: rng.randrange(len(whole) // 2, len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        with pytest.raises(SegbenchError):
            read_foreign(path)  # as the process of its own does


@pytest.mark.parametrize("output", [torch.tensor(1.0), torch.ones(64, 5, 3, 3)])
def test_that_a_state_dict_that_only_looks_like_munet_is_refused(tmp_path: Path, output: torch.Tensor) -> None:
    names = {"conv_out.weight": output, "skip64dsDN.conv1.weight": torch.ones(1), "skip64DN_arr.x": torch.ones(1)}
    torch.save(names, tmp_path / "model.pt")
    with pytest.raises(SegbenchError):
        read_checkpoint_info(tmp_path / "model.pt")
