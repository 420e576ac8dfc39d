"""DLStudio's trained mUNet opens in segbench and says the same, with its own key names and with the lecture's."""

from pathlib import Path

import pytest
import torch

from segbench.formats.checkpoints import read_checkpoint_info
from segbench.networks.loading import load_checkpoint
from tests.e2e.dlstudio import import_dlstudio

pytestmark = pytest.mark.dlstudio


@pytest.mark.parametrize("depth", [4, 16])
@pytest.mark.parametrize("names", ["dlstudio", "lecture", "data parallel"])
def test_that_a_dlstudio_checkpoint_gives_the_same_outputs(tmp_path: Path, depth: int, names: str) -> None:
    dlstudio = import_dlstudio()
    torch.manual_seed(depth)
    theirs = dlstudio.DLStudio.SemanticSegmentation.mUNet(skip_connections=True, depth=depth)
    images = torch.randint(0, 256, (2, 3, 64, 64)).float()
    theirs(images)  # moves the running statistics away from their start
    theirs.eval()
    weights = theirs.state_dict()
    if names == "lecture":
        weights = {k.replace("convoT", "convT").replace("convo", "conv"): v for k, v in weights.items()}
    if names == "data parallel":
        weights = {f"module.{k}": v for k, v in weights.items()}
    torch.save(weights, tmp_path / "saved_model.pt")
    ours = load_checkpoint(tmp_path / "saved_model.pt")
    with torch.inference_mode():
        expected, got = theirs(images.clone()), ours.network(images)
    assert (expected - got).abs().max() < 1e-5 * max(1, expected.abs().max())
    info = read_checkpoint_info(tmp_path / "saved_model.pt")
    assert (info.network, info.target, info.parameters) == (
        "munet",
        "values",
        sum(p.numel() for p in theirs.parameters()),
    )
    assert info.classes.names == ("rectangle", "triangle", "disk", "oval", "star")


def test_that_one_training_step_changes_the_weights_as_dlstudio_does() -> None:
    from segbench.networks.munet import MUnet

    dlstudio = import_dlstudio()
    theirs = dlstudio.DLStudio.SemanticSegmentation.mUNet(skip_connections=True, depth=4)
    ours = MUnet(5, depth=4, head="lecture", body="lecture")
    renamed = {k.replace("convoT", "convT").replace("convo", "conv"): v for k, v in theirs.state_dict().items()}
    ours.load_state_dict(renamed)
    images, truth = torch.rand(4, 3, 64, 64) * 255, (torch.rand(4, 5, 64, 64) > 0.98) * 150.0
    losses = []
    for network in (theirs, ours):
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(network(images.clone()), truth)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[:3] == pytest.approx(losses[3:], rel=1e-4)
