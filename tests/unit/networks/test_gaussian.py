"""Slide 3's classifier says what scipy's normal distributions say, in whatever portions it saw the pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from segbench.architectures import GaussianConfig
from segbench.config import TrainConfig
from segbench.data.shapes import generate
from segbench.formats.checkpoints import NETWORK, Header, save_checkpoint
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.networks import build_network, count_parameters
from segbench.networks.gaussian import GaussianClassifier
from segbench.networks.layers import list_layers
from segbench.networks.loading import load_checkpoint
from segbench.networks.protocols import ClosedForm
from segbench.records import IGNORE

RIDGE = 1e-2


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 9, 7, generator=torch.Generator().manual_seed(1)) * 40 + 100


@pytest.fixture
def planes() -> Tensor:
    return (torch.rand(4, 2, 9, 7, generator=torch.Generator().manual_seed(2)) > 0.7).float()


@pytest.fixture
def labels() -> Tensor:
    labels = torch.randint(0, 3, (4, 9, 7), generator=torch.Generator().manual_seed(3))
    labels[:, 0] = IGNORE
    return labels


def fit(
    classes: int, images: Tensor, truth: Tensor, known: Tensor | None = None, **knobs: object
) -> GaussianClassifier:
    classifier = GaussianClassifier(classes, ridge=RIDGE, **knobs)
    classifier.observe(images, truth, known)
    return classifier.eval()


def log_density(colors_NC: np.ndarray, at_NC: np.ndarray) -> np.ndarray:
    covariance = np.cov(colors_NC.T, bias=True) + RIDGE * np.eye(3)
    return multivariate_normal(colors_NC.mean(0), covariance).logpdf(at_NC)


def list_colors(images: Tensor) -> np.ndarray:
    return images.double().permute(0, 2, 3, 1).reshape(-1, 3).numpy()


# Planes -----------------------------------------------------------------------------------------------------------------


def test_that_for_planes_it_gives_scipys_log_likelihood_ratio(images: Tensor, planes: Tensor) -> None:
    outputs = fit(2, images, planes)(images.double())
    colors = list_colors(images)
    for k in range(2):
        inside = planes[:, k].flatten().numpy() > 0
        expected = log_density(colors[inside], colors) - log_density(colors[~inside], colors)
        np.testing.assert_allclose(outputs[:, k].flatten().numpy(), expected, rtol=1e-6, atol=1e-6)


def test_that_above_a_half_behind_a_sigmoid_is_where_the_slides_discriminant_is_lower(
    images: Tensor, planes: Tensor
) -> None:
    classifier = fit(2, images, planes)
    foreground, background = classifier.discriminate(images)
    assert torch.equal(classifier(images).sigmoid() > 0.5, foreground < background)
    colors, inside = list_colors(images), planes[:, 0].flatten().numpy() > 0
    covariance = np.cov(colors[inside].T, bias=True) + RIDGE * np.eye(3)
    apart = colors - colors[inside].mean(0)
    slide = np.log(np.linalg.det(covariance)) + (apart @ np.linalg.inv(covariance) * apart).sum(1)
    np.testing.assert_allclose(foreground[:, 0].flatten().numpy(), slide, rtol=1e-6)


@pytest.mark.parametrize("portions", [[1, 1, 1, 1], [3, 1], [4]])
def test_that_the_portions_in_which_it_sees_the_pixels_do_not_matter(
    images: Tensor, planes: Tensor, portions: list[int]
) -> None:
    whole = fit(2, images, planes)
    classifier = GaussianClassifier(2, ridge=RIDGE)
    for x, truth in zip(images.split(portions), planes.split(portions), strict=True):
        classifier.observe(x, truth)
    for one, other in zip(classifier.buffers(), whole.buffers(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-9)


def test_that_colours_far_from_zero_lose_no_digits_of_their_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(40, 3, 8, 8, generator=generator, dtype=torch.float64) * 1e-3
    classifier = GaussianClassifier(1, ridge=1e-6)
    for part in noise.split(1):
        classifier.observe(part + 1e5, torch.ones(1, 1, 8, 8))
    expected = np.cov((noise.permute(0, 2, 3, 1).reshape(-1, 3) + 1e5).numpy().T, bias=True)
    found = classifier.scatter_SKCC[0, 0] / classifier.count_SK[0, 0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-12)


def test_that_unknown_pixels_count_nowhere(images: Tensor, planes: Tensor) -> None:
    known = torch.ones(4, 9, 7, dtype=torch.bool)
    known[:, :, 3:] = False
    seen = fit(2, images, planes, known)
    cut = fit(2, images[..., :3], planes[..., :3])
    assert torch.equal(seen.count_SK, cut.count_SK)
    torch.testing.assert_close(seen(images), cut(images))


def test_that_shapes_of_one_flat_colour_are_told_apart_for_their_ridge() -> None:
    images = torch.zeros(1, 3, 8, 8)
    images[:, 0, :, :4] = 5.0
    truth = (images[:, :1] > 0).float()
    outputs = fit(1, images, truth)(images)
    assert torch.isfinite(outputs).all()
    assert torch.equal(outputs > 0, truth > 0)


def test_that_priors_add_the_logarithm_of_how_often_a_class_occurs(images: Tensor, planes: Tensor) -> None:
    share = planes.mean(dim=(0, 2, 3)).double()
    expected = fit(2, images, planes)(images.double()) + (share / (1 - share)).log()[:, None, None]
    torch.testing.assert_close(fit(2, images, planes, priors=True)(images.double()), expected)


def test_that_a_neighbourhood_averages_the_colours_that_are_there(images: Tensor, planes: Tensor) -> None:
    averaged = torch.nn.functional.avg_pool2d(images.double(), 3, 1, 1, count_include_pad=False)
    plain = fit(2, averaged, planes)(averaged)
    torch.testing.assert_close(fit(2, images, planes, neighbourhood=3)(images.double()), plain)


def test_that_for_the_lectures_grey_values_half_a_value_is_where_the_class_is_likelier(
    images: Tensor, planes: Tensor
) -> None:
    values = torch.tensor([50.0, 250.0])[:, None, None]
    outputs = fit(2, images, planes * values)(images)
    assert torch.equal(outputs > values / 2, fit(2, images, planes)(images) > 0)
    assert (outputs <= values).all()


# Labels -----------------------------------------------------------------------------------------------------------------


def test_that_for_labels_it_gives_scipys_log_densities_and_leaves_void_pixels_out(
    images: Tensor, labels: Tensor
) -> None:
    outputs = fit(3, images, labels)(images.double())
    colors, flat = list_colors(images), labels.flatten().numpy()
    for k in range(3):
        expected = log_density(colors[flat == k], colors)
        np.testing.assert_allclose(outputs[:, k].flatten().numpy(), expected, rtol=1e-6, atol=1e-6)


def test_that_priors_of_labels_are_their_shares_of_the_known_pixels(images: Tensor, labels: Tensor) -> None:
    counts = torch.bincount(labels[labels != IGNORE], minlength=3).double()
    expected = fit(3, images, labels)(images.double()) + (counts / counts.sum()).log()[:, None, None]
    torch.testing.assert_close(fit(3, images, labels, priors=True)(images.double()), expected)


def test_that_a_class_never_seen_is_never_the_most_likely(images: Tensor, labels: Tensor) -> None:
    for scale in (1e-3, 1.0, 1e3):  # densities above and far below 1
        seen_later = fit(5, images * scale, (labels + 2).where(labels != IGNORE, labels))
        outputs = seen_later(images * scale)
        assert outputs.argmax(dim=1).min() >= 2
    assert torch.isfinite(outputs).all()


# What it is in this house -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 64), (61, 83), (1, 1), (33, 47)])
def test_that_before_anything_was_observed_it_gives_zeros_for_any_size(size: tuple[int, int]) -> None:
    network = build_network(GaussianConfig(neighbourhood=7), 3)
    assert isinstance(network, ClosedForm)
    assert count_parameters(network) == 0
    outputs = network(torch.rand(2, 3, *size))
    assert outputs.shape == (2, 3, *size)
    assert outputs.dtype == torch.float32
    assert not outputs.any()


def test_that_a_class_without_pixels_and_one_that_is_everywhere_stay_at_zero(images: Tensor, planes: Tensor) -> None:
    planes[:, 0], planes[:, 1] = 0, 1
    assert not fit(2, images, planes)(images).any()


def test_that_nothing_moves_or_rounds_its_numbers(images: Tensor, planes: Tensor) -> None:
    classifier = fit(2, images, planes)
    before = classifier(images)
    classifier.half().to(device="meta", memory_format=torch.channels_last)
    assert classifier.mean_SKC.dtype == torch.float64
    assert torch.equal(classifier(images), before)


@pytest.mark.parametrize("labelled", [False, True])
def test_that_a_checkpoint_keeps_every_digit_and_what_the_truth_was(
    tmp_path: Path, images: Tensor, planes: Tensor, labels: Tensor, labelled: bool
) -> None:
    config = TrainConfig(network=GaussianConfig())
    classifier = build_network(config.network, 5)
    wide = torch.cat((planes, torch.zeros(4, 3, 9, 7)), dim=1)
    classifier.observe(images, labels if labelled else wide, None)
    tensors = {NETWORK + name: tensor for name, tensor in classifier.state_dict().items()}
    save_checkpoint(tmp_path / "x.safetensors", Header(config=config, classes=PURDUE_CLASSES), tensors)
    loaded = load_checkpoint(tmp_path / "x.safetensors").network
    for one, other in zip(loaded.buffers(), classifier.buffers(), strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    assert torch.equal(loaded(images), classifier(images))


def test_that_its_layer_table_knows_that_it_looks_at_one_pixel_or_at_its_neighbourhood() -> None:
    for side in (1, 5):
        summary = list_layers(GaussianClassifier(3, neighbourhood=side), (64, 48))
        assert summary.receptive_field == (side, side)
        assert summary.layers[0].output_size == (64, 48)


def test_that_shapes_on_black_are_told_from_black_and_hardly_from_each_other() -> None:
    samples = list(generate(60, seed=0))
    images = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2).float()
    planes = torch.from_numpy(np.stack([s.masks for s in samples]))
    any_plane = planes.any(dim=1, keepdim=True)
    found = fit(1, images, any_plane.float())(images) > 0
    assert (found == any_plane).float().mean() > 0.99
    each = fit(5, images, planes.float())(images) > 0
    assert (each & planes).sum() / (each | planes).sum() < 0.5
