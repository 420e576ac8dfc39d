"""Losses agree with their definitions, and pixels that are not known do not count."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from segbench.config import FITTING, LossConfig
from segbench.formats.purdue import PURDUE_CLASSES
from segbench.losses import (
    LossFunction,
    bce,
    bce_dice,
    build_loss,
    cross_entropy,
    mse,
    mse_dice,
    mse_on_planes,
    soft_dice,
    weigh_borders,
    weigh_classes,
)
from segbench.records import IGNORE, ClassInfo, ClassTable
from segbench.targets import Target

SHAPES = ClassTable(PURDUE_CLASSES.classes[:3], exclusive=False)
STREETS = ClassTable(tuple(ClassInfo(name, (0, 0, 0)) for name in ("ground", "sky", "tree")), True, background=0)
PAIRS = [(target, name) for target, names in FITTING.items() for name in names]


def build(target: str, name: str, weights: Tensor | None = None, **knobs: float) -> LossFunction:
    config = LossConfig(target=target, name=name, **knobs)  # type: ignore[arg-type]
    return build_loss(config, STREETS if target == "labels" else SHAPES, weights)


def make_batch(target: str, *, void: bool = False) -> tuple[Tensor, Tensor, Tensor | None]:
    """Random (outputs, truth, known) of 2 images of 6 x 6 with 3 classes; void: some pixels are not known."""
    torch.manual_seed(3)
    outputs, masks = torch.randn(2, 3, 6, 6), torch.rand(2, 3, 6, 6) > 0.6
    if target != "labels":
        truth = Target(target, SHAPES).encode(masks).truth  # type: ignore[arg-type]
        return outputs, truth, torch.rand(2, 6, 6) > 0.3 if void else None
    labels = torch.randint(0, 3, (2, 6, 6))
    if void:
        labels[:, 2:4] = IGNORE
    return outputs, labels, None


def make_weights(target: str) -> Tensor:
    return torch.tensor([0.2, 1.5, 4.0]) if target == "labels" else torch.tensor([[9.0, 2.0, 4.0], [0.5, 0.8, 0.7]])


def test_that_mse_and_bce_are_torchs_where_every_pixel_is_known() -> None:
    outputs, truth = torch.randn(2, 3, 4, 4), (torch.rand(2, 3, 4, 4) > 0.5).float()
    assert torch.equal(mse(outputs, truth), functional.mse_loss(outputs, truth))
    assert torch.allclose(bce(outputs, truth), functional.binary_cross_entropy_with_logits(outputs, truth))


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[0] != "labels"])
def test_that_unknown_pixels_change_nothing(pair: tuple[str, str], weighed: bool) -> None:
    loss = build(*pair, make_weights(pair[0]) if weighed else None)
    outputs, truth, _ = make_batch(pair[0])
    known = torch.ones(2, 6, 6, dtype=torch.bool)
    known[:, 2:] = False
    other = outputs.clone()
    other[:, :, 2:] = 77.0
    assert torch.allclose(loss(outputs, truth, known), loss(other, truth, known))
    assert torch.allclose(loss(outputs, truth, known), loss(outputs[:, :, :2], truth[:, :, :2], None), atol=1e-6)


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("name", FITTING["labels"])
def test_that_void_changes_nothing(name: str, weighed: bool) -> None:
    loss = build("labels", name, make_weights("labels") if weighed else None)
    outputs, labels, _ = make_batch("labels", void=True)
    other = outputs.clone()
    other[:, :, 2:4] = torch.randn(3, 1, 1) * 50
    assert torch.allclose(loss(outputs, labels), loss(other, labels))
    outputs.requires_grad_()
    loss(outputs, labels).backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    assert outputs.grad[:, :, 2:4].abs().max() == 0
    assert loss(outputs, torch.full_like(labels, IGNORE)) == 0


def test_that_dice_leaves_out_classes_that_are_absent_from_the_batch() -> None:
    truth = torch.zeros(2, 2, 4, 4)
    truth[:, 0, :2] = 1
    perfect = (truth - 0.5) * 40
    assert soft_dice(perfect, truth) < 1e-4
    shouting = perfect.clone()
    shouting[:, 1] = 20  # the absent class everywhere: bce punishes it, dice does not reward silence
    assert soft_dice(shouting, truth) < 1e-4
    assert bce_dice(shouting, truth) > 5
    assert soft_dice(torch.randn(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)) == 0


def test_that_cross_entropy_skips_void_and_survives_a_batch_of_nothing_else() -> None:
    outputs, labels = torch.randn(1, 3, 2, 2), torch.tensor([[[0, 1], [2, IGNORE]]])
    expected = functional.cross_entropy(outputs, labels, ignore_index=IGNORE)
    assert torch.allclose(cross_entropy(outputs, labels), expected)
    assert cross_entropy(outputs, torch.full((1, 2, 2), IGNORE)) == 0


# The loss of a run --------------------------------------------------------------------------------------------------------


def test_that_without_class_weights_the_loss_is_bit_for_bit_the_plain_function() -> None:
    plain = {
        ("values", "mse"): mse, ("planes", "mse"): mse_on_planes, ("planes", "bce"): bce, ("planes", "dice"): soft_dice,
        ("planes", "bce_dice"): bce_dice, ("planes", "mse_dice"): mse_dice, ("labels", "cross_entropy"): cross_entropy,
    }  # fmt: skip
    for (target, name), function in plain.items():
        for void in (False, True):
            outputs, truth, known = make_batch(target, void=void)
            assert torch.equal(build(target, name)(outputs, truth, known), function(outputs, truth, known))


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_that_weights_of_one_are_no_weights(pair: tuple[str, str], void: bool) -> None:
    outputs, truth, known = make_batch(pair[0], void=void)
    ones = torch.ones_like(make_weights(pair[0]))
    assert torch.allclose(build(*pair, ones)(outputs, truth, known), build(*pair)(outputs, truth, known), rtol=1e-5)


def test_that_focal_with_focus_0_is_cross_entropy_and_means_less_of_what_is_easy() -> None:
    for target, plain in (("planes", bce), ("labels", cross_entropy)):
        outputs, truth, known = make_batch(target, void=True)
        assert torch.allclose(build(target, "focal", focus=0)(outputs, truth, known), plain(outputs, truth, known))
    outputs, labels, _ = make_batch("labels")
    right = outputs.softmax(dim=1).gather(1, labels[:, None])
    assert torch.allclose(
        build("labels", "focal", focus=1.5)(outputs, labels), -((1 - right) ** 1.5 * right.log()).mean()
    )
    outputs, planes, _ = make_batch("planes")
    right = torch.where(planes > 0, outputs.sigmoid(), 1 - outputs.sigmoid())
    assert torch.allclose(build("planes", "focal", focus=2)(outputs, planes), -((1 - right) ** 2 * right.log()).mean())


@pytest.mark.parametrize("focus", [0.0, 0.3, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("target", ["planes", "labels"])
def test_that_focal_has_a_gradient_where_a_pixel_is_as_right_or_wrong_as_can_be(target: str, focus: float) -> None:
    _, truth, known = make_batch(target, void=True)
    for size in (0.0, 30.0, 1e4):
        outputs = (torch.randn(2, 3, 6, 6).sign() * size).requires_grad_()
        loss = build(target, "focal", focus=focus)(outputs, truth, known)
        (gradient,) = torch.autograd.grad(loss, outputs)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()


# Class weights ------------------------------------------------------------------------------------------------------------


def weigh(target: str, mode: str, shares: list[float]) -> Tensor:
    classes = STREETS if target == "labels" else SHAPES
    config = LossConfig(target=target, class_weights=mode)  # type: ignore[arg-type]
    found = weigh_classes(config, classes, torch.tensor(shares, dtype=torch.float64))
    assert found is not None
    return found.double()


def test_that_equal_weights_give_each_class_the_same_total_and_keep_the_mean() -> None:
    share = torch.tensor([0.9, 0.09, 0.01])
    assert weigh_classes(LossConfig(), SHAPES, share) is None
    assert torch.allclose(weigh("labels", "equal", [0.9, 0.09, 0.01]) * share, torch.full((3,), 1 / 3).double())
    root = weigh("labels", "frequency", [0.9, 0.09, 0.01])
    assert torch.allclose(root * share.sqrt(), root[0] * share[0].sqrt())
    assert (root * share).sum() == pytest.approx(1)
    both = torch.stack([share, 1 - share])
    assert torch.allclose(weigh("planes", "equal", [0.9, 0.09, 0.01]) * both, torch.full((2, 3), 0.5).double())
    root = weigh("planes", "frequency", [0.9, 0.09, 0.01])
    assert torch.allclose(root * both.sqrt(), (root * both.sqrt())[0, 0])
    assert (root * both).sum() == pytest.approx(3)


def test_that_a_class_that_was_not_seen_weighs_what_the_rarest_one_does() -> None:
    weights = weigh("labels", "equal", [0.9, 0.1, 0.0])
    assert weights[2] == weights[1]
    assert torch.isfinite(weigh("planes", "equal", [0.5, 0.2, 0.0])).all()
    assert torch.allclose(weigh("labels", "equal", [0.0, 0.0, 0.0]), torch.ones(3).double())  # nothing is known


def test_that_equal_weights_undo_what_grey_values_do() -> None:
    """With the lecture's values, predicting nothing costs most where the value is largest; weighed, all classes cost alike."""
    truth = torch.zeros(1, 3, 4, 4)
    truth[:, 0, 0], truth[:, 1, :3], truth[:, 2, 0, 0] = 50, 100, 150
    weights = weigh("values", "equal", [4 / 16, 12 / 16, 1 / 16]).float()
    frequency = weigh("values", "frequency", [4 / 16, 12 / 16, 1 / 16]).float()
    some = build("values", "mse", frequency).split(torch.zeros_like(truth), truth)
    assert some.sum() == pytest.approx((truth**2).mean().item())
    parts = build("values", "mse", weights).split(torch.zeros_like(truth), truth)
    assert torch.allclose(parts, parts[0])
    assert parts.sum() == pytest.approx((truth**2).mean().item())  # predicting nothing costs what it did
    plain = build("values", "mse").split(torch.zeros_like(truth), truth)
    assert plain.tolist() == pytest.approx([50**2 * 4 / 48, 100**2 * 12 / 48, 150**2 / 48])


# Border weights -----------------------------------------------------------------------------------------------------------


def draw_map(labels: np.ndarray, background: int, weight: float, width: float) -> np.ndarray:
    """U-Net's formula by brute force: a distance transform an object over the whole image."""
    distances = []
    for k in np.unique(labels):
        if k not in (IGNORE, background):
            regions, count = ndimage.label(labels == k, structure=np.ones((3, 3)))
            distances += [ndimage.distance_transform_edt(regions != number) for number in range(1, count + 1)]
    if len(distances) < 2:
        return np.zeros(labels.shape)
    d1, d2 = np.sort(distances, axis=0)[:2]
    return weight * np.exp(-((d1 + d2) ** 2) / (2 * width**2))


@pytest.mark.parametrize("background", [0, -1])
@pytest.mark.parametrize("width", [0.5, 2.0, 40.0])
def test_that_border_weights_are_u_nets(background: int, width: float) -> None:
    rng = np.random.default_rng(1)
    labels = np.zeros((3, 40, 30), np.int64)
    for image in labels[:2]:
        for _ in range(9):
            y, x, h, w = rng.integers(0, 35), rng.integers(0, 25), rng.integers(1, 9), rng.integers(1, 9)
            image[y : y + h, x : x + w] = rng.choice([1, 2, IGNORE])
    labels[2, 4:8, 4:8] = 1  # one object has no neighbour
    found = weigh_borders(labels, background, 10.0, width)
    for image, weights in zip(labels, found, strict=True):
        np.testing.assert_allclose(weights, draw_map(image, background, 10.0, width), atol=1e-4)


def test_that_the_border_loss_adds_the_map_to_the_class_weights() -> None:
    outputs, labels, _ = make_batch("labels", void=True)
    weights = make_weights("labels")
    each = functional.cross_entropy(outputs, labels, ignore_index=IGNORE, reduction="none")
    known = labels != IGNORE
    weight = torch.from_numpy(weigh_borders(labels.numpy(), 0, 5.0, 1.5)) + weights[labels.where(known, 0)]
    loss = build("labels", "border", weights, border_weight=5.0, border_width=1.5)
    assert torch.allclose(loss(outputs, labels), (each * weight)[known].mean())
    assert torch.allclose(loss(outputs, labels.clone()), loss(outputs, labels))
    other = torch.zeros_like(labels)  # the map of the last labels is not taken for theirs
    each = functional.cross_entropy(outputs, other, reduction="none")
    assert torch.allclose(loss(outputs, other), (each * weights[0]).mean())


# Who owns the loss --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("void", [False, True])
@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_that_what_the_classes_add_is_the_loss(pair: tuple[str, str], weighed: bool, void: bool) -> None:
    loss = build(*pair, make_weights(pair[0]) if weighed else None)
    outputs, truth, known = make_batch(pair[0], void=void)
    parts = loss.split(outputs, truth, known)
    assert parts.shape == (3,)
    assert parts.min() > 0
    assert parts.sum().item() == pytest.approx(loss(outputs, truth, known).item(), rel=1e-5)


def test_that_a_pixel_belongs_to_the_class_that_it_truly_is_of() -> None:
    outputs, labels, _ = make_batch("labels")
    labels[labels == 2] = 1
    parts = build("labels", "cross_entropy").split(outputs, labels)
    each = functional.cross_entropy(outputs, labels, reduction="none")
    assert parts.tolist() == pytest.approx([each[labels == k].sum().item() / labels.numel() for k in range(3)])
    assert build("planes", "dice").split(torch.randn(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)).sum() == 0


def test_that_with_the_lectures_values_a_star_pixel_weighs_25_times_a_rectangle_pixel() -> None:
    target = Target("values", PURDUE_CLASSES)
    masks = torch.zeros(1, 5, 8, 8, dtype=torch.bool)
    for k, name in enumerate(PURDUE_CLASSES.names):
        masks[0, k, : 4 if name == "rectangle" else 2] = True
    parts = build_loss(LossConfig(target="values", name="mse"), PURDUE_CLASSES).split(
        torch.zeros(1, 5, 8, 8), target.encode(masks).truth
    )
    owned = dict(zip(PURDUE_CLASSES.names, (parts / masks.sum(dim=(0, 2, 3))).tolist(), strict=True))  # a pixel
    assert owned["star"] == pytest.approx(25 * owned["rectangle"])
    assert owned["disk"] == pytest.approx(9 * owned["rectangle"])
