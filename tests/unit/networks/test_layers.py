"""The table of layers tells the truth: sizes as they are, multiply-accumulates as torch counts them, receptive fields as
gradients show them, and the lecture's defects where they are."""

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.architectures import Gen5Config
from segbench.convolution.geometry import Axis
from segbench.errors import SegbenchError
from segbench.networks import build_network
from segbench.networks.layers import list_layers
from segbench.networks.munet import MUnet
from segbench.networks.reach import FAR, NOTHING, ReachTracer, find_sources
from segbench.records import LayerInfo, NetworkSummary


def lecture(depth: int = 16) -> MUnet:
    return MUnet(5, depth=depth, head="lecture", body="lecture")


@pytest.fixture(scope="module")
def summary() -> NetworkSummary:
    return list_layers(lecture(), (64, 64))


def find(summary: NetworkSummary, name: str) -> LayerInfo:
    return next(layer for layer in summary.layers if layer.name == name)


# What never learns, and holes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "unreached"), [(16, 1_922_112), (8, 1_035_072), (4, 739_392)])
def test_that_the_lectures_network_has_three_layers_with_holes_and_the_references_dead_weight(
    depth: int, unreached: int
) -> None:
    summary = list_layers(lecture(depth), (64, 64))
    assert {layer.name for layer in summary.with_holes} == {
        "conv_out",
        "skip64usUP.upsampler",
        "skip128usUP.upsampler",
    }
    assert summary.unreached_parameters == unreached
    assert sum(layer.unreached_parameters for layer in summary.layers) == unreached
    assert all(layer.unreached_parameters in (0, layer.parameters) for layer in summary.layers)


def test_that_the_repaired_network_has_no_holes_and_runs_each_block_of_its_arms() -> None:
    summary = list_layers(MUnet(5, depth=4), (64, 64))
    assert summary.with_holes == ()
    assert find(summary, "conv_out").coverage == "uneven"  # a kernel of 3 at stride 2
    assert find(summary, "skip64usUP.upsampler").coverage == "full"
    assert {layer.name.rpartition(".")[0] for layer in summary.layers if layer.unreached_parameters} == {
        "skip64to128DN",
        "skip128to64UP",
    }


def test_that_a_frozen_parameter_counts_as_reached_if_a_gradient_could_reach_it() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1))
    network.requires_grad_(False)
    assert list_layers(network, (16, 16)).unreached_parameters == 0


def test_that_a_network_without_numbers_is_listed_like_one_with(summary: NetworkSummary) -> None:
    with torch.device("meta"):
        network = lecture()
    assert list_layers(network, (64, 64)) == summary


def test_that_each_of_two_dead_layers_tells_the_parameter_they_share() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1))
    network[0].dead, network[0].dead_too = nn.Conv2d(3, 2, 1, bias=False), nn.Conv2d(3, 2, 1, bias=False)
    network[0].dead_too.weight = network[0].dead.weight
    summary = list_layers(network, (8, 8))
    assert [layer.unreached_parameters for layer in summary.layers] == [0, 6, 6]
    assert summary.unreached_parameters == 6


class Auxiliary(nn.Module):
    """Has a second head while it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.auxiliary = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x) + self.auxiliary(x) if self.training else self.main(x)


def test_that_a_layer_that_only_training_runs_counts_as_reached() -> None:
    summary = list_layers(Auxiliary().eval(), (8, 8))
    assert [(layer.name, layer.calls, layer.unreached_parameters) for layer in summary.layers] == [
        ("main", 1, 0),
        ("auxiliary", 0, 0),
    ]


# Sizes, calls, counts --------------------------------------------------------------------------------------------------


def test_that_what_only_the_networks_own_loss_reaches_counts_as_reached() -> None:
    summary = list_layers(build_network(Gen5Config(width=8, adversarial=0.1), 3), (32, 32))
    assert any(layer.name.startswith("critic.") for layer in summary.layers)
    assert summary.unreached_parameters == 0


def test_that_layers_stand_in_the_order_they_run_and_those_that_never_run_at_the_end(summary: NetworkSummary) -> None:
    ran = [bool(layer.calls) for layer in summary.layers]
    assert ran == sorted(ran, reverse=True)
    names = [layer.name for layer in summary.layers]
    assert names[0] == "conv_in"
    assert names.index("skip128UP_arr.0.convT1") > names.index("skip128usUP.upsampler")
    dead = find(summary, "skip128UP_arr.7.convT1")
    assert (dead.calls, dead.macs, dead.input_size, dead.receptive_field, dead.coverage) == (0, 0, None, None, None)
    assert dead.kernel == (3, 3)


def test_that_a_layer_is_described_by_its_numbers(summary: NetworkSummary) -> None:
    out = find(summary, "conv_out")
    assert (out.type, out.kind, out.calls) == ("ConvTranspose2d", "conv_transpose", 1)
    assert (out.channels_in, out.channels_out, out.groups) == (64, 5, 1)
    assert (out.kernel, out.stride, out.padding) == ((3, 3), (2, 2), (2, 2))
    assert (out.dilation, out.output_padding) == ((2, 2), (1, 1))
    assert (out.input_size, out.output_size) == ((32, 32), (64, 64))
    assert (out.parameters, out.macs) == (64 * 5 * 9 + 5, 32 * 32 * 9 * 64 * 5)
    assert find(summary, "skip128UP_arr.0.convT1").calls == 2
    assert find(summary, "skip64DN_arr.0.bn1").kind == "norm"


def test_that_an_odd_image_is_counted_at_the_size_the_network_pads_it_to() -> None:
    summary = list_layers(lecture(4), (30, 45))
    assert find(summary, "conv_in").output_size == (32, 48)
    assert summary.size == (30, 45)


def test_that_multiply_accumulates_are_those_torch_counts() -> None:
    """torch counts two operations a multiply-accumulate, and no bias."""
    network = nn.Sequential(
        MUnet(5, depth=4, head="lecture", body="lecture"),
        nn.Conv2d(5, 10, (3, 1), stride=(2, 1), groups=5),
        nn.ConvTranspose2d(10, 4, 4, stride=2, padding=1, groups=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 7),
    ).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.rand(1, 3, 40, 56))
    assert 2 * list_layers(network, (40, 56)).macs == counter.get_total_flops()


def test_that_a_strided_convolution_of_one_pixel_leaves_three_in_four_unread(summary: NetworkSummary) -> None:
    assert find(summary, "skip64dsDN.downsampler").unread == 0.75
    assert find(summary, "conv_in").unread == 0.0
    assert find(summary, "conv_out").unread == 0.0
    # 8 columns: places 0-2 and 3-5 are read, two columns are left over
    assert list_layers(nn.Conv2d(3, 1, (1, 3), stride=(1, 3)), (4, 8)).layers[0].unread == 0.25


@pytest.mark.filterwarnings("ignore:Using padding")
def test_that_padding_called_same_becomes_numbers_where_it_is_the_same_on_both_sides() -> None:
    assert list_layers(nn.Conv2d(3, 1, (3, 5), padding="same", dilation=2), (9, 9)).layers[0].padding == (2, 4)
    assert list_layers(nn.Conv2d(3, 1, 3, padding="valid"), (9, 9)).layers[0].padding == (0, 0)
    uneven = list_layers(nn.Conv2d(3, 1, 2, padding="same"), (9, 9)).layers[0]
    assert (uneven.padding, uneven.coverage, uneven.output_size) == (None, "full", (9, 9))


def test_that_a_size_that_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(SegbenchError, match="2 × 1 pixels"):
        list_layers(nn.Conv2d(3, 1, 5), (1, 2))


def test_that_a_parameter_shared_by_two_layers_counts_once_in_the_total() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    network[1].weight = network[0].weight
    summary = list_layers(network, (4, 4))
    assert summary.parameters == 9 + 3 + 3
    assert [layer.parameters for layer in summary.layers] == [12, 12]


def test_that_the_network_and_the_random_state_stay_as_they_were() -> None:
    network = lecture(4).train()
    network.skip64dsDN.eval()
    network(torch.rand(1, 3, 16, 16)).sum().backward()
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    gradients = {name: None if p.grad is None else p.grad.clone() for name, p in network.named_parameters()}
    modes = [module.training for module in network.modules()]
    state = torch.get_rng_state()
    list_layers(network, (32, 32))
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())
    for name, parameter in network.named_parameters():
        old = gradients[name]
        assert (parameter.grad is None) == (old is None)
        assert old is None or torch.equal(parameter.grad, old)
    assert not any(module._forward_hooks for module in network.modules())


# Receptive fields ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transposed", [False, True])
def test_that_all_sources_of_an_axis_at_once_are_those_of_each_output_pixel(transposed: bool) -> None:
    rng = random.Random(1)
    for _ in range(200):
        axis = Axis(
            rng.randint(1, 9), rng.randint(1, 4), rng.randint(1, 3), rng.randint(0, 3), rng.randint(1, 3), 0, transposed
        )
        sources = find_sources(axis, max(axis.output, 0))
        for output in range(max(axis.output, 0)):
            found = [(int(place), tap) for tap, place in enumerate(sources[:, output]) if place != NOTHING]
            assert found == axis.find_sources(output)


class Maze(nn.Module):
    """Whatever a network does with space: each step is one of the operations that the tracer knows."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, (3, 1), stride=(2, 1), padding=(1, 0))
        self.dilated = nn.Conv2d(4, 4, 3, padding=2, dilation=(2, 1), groups=2)
        self.norm = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 4, (3, 2), stride=2, padding=(1, 0), output_padding=(1, 0), dilation=(2, 1))
        self.holes = nn.ConvTranspose2d(2, 4, 1, stride=2, output_padding=1)
        self.pool = nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True)
        self.last = nn.Conv2d(10, 2, 3, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (2, 1, 0, 3), mode="replicate")
        a = F.relu(self.norm(self.first(x)), inplace=True)
        b = F.pad(self.dilated(a), (0, -1, 1, 0))
        b = b[:, 1:, :-1, 1:] + F.interpolate(a, size=(b.shape[2] - 1, b.shape[3] - 1), mode="bilinear")[:, :3]
        c, d = self.pool(torch.cat((b[:, :1], b), 1)).split([2, 2], 1)
        e = F.dropout(self.holes(c)[..., 1:-1, 1:-1], 0.5, False)
        f = F.interpolate(self.up(torch.cat((d, c), 1)), size=e.shape[2:], mode="nearest")
        g = F.pad(
            torch.cat((e, f[:, :2].clone() * 0.5, c.new_ones(1, 2, *e.shape[2:])), 1), (1, 1, 2, 0), mode="reflect"
        )
        g = torch.cat((g, F.interpolate(g, scale_factor=2)[:, :2, 3 : 3 + g.shape[2], 1 : 1 + g.shape[3]]), 1)
        return self.last(g)


class Apart(nn.Module):
    """Channels that see differently, one of them dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 2, 5)

    def join(self, x: Tensor) -> Tensor:
        return torch.cat((x[..., 2:-2, 2:-2], self.convolution(x)), 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(x)[:, :3]


class Grouped(Apart):
    """Channels that see differently, kept apart by a convolution in groups."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(5, 10, 3, groups=5)

    def forward(self, x: Tensor) -> Tensor:
        return self.grouped(self.join(x))[:, :6]


class Side(Apart):
    """Maps below (dim 2) or beside (3) each other."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        joined = self.join(x)
        return torch.cat((joined[:, :2], joined[:, 3:], joined[:, 1:3]), self.dim)


class Parts(nn.Module):
    """The middle of three parts, once each way of splitting."""

    def forward(self, x: Tensor) -> Tensor:
        return x.split([2, 5, x.shape[2] - 7], 2)[1].split(6, 3)[1]


def extents(network: nn.Module, size: tuple[int, int], rows: range | None = None) -> list[tuple[list[int], list[int]]]:
    """By gradients: an axis each, the first and last input row (column) that reaches each output row (column).

    `rows`: look at these only, and at no column.
    """
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.01)
    x = torch.full((1, 3, *size), 1.0, dtype=torch.float64, requires_grad=True)
    y = network.double().eval()(x)
    found = []
    for axis in (2,) if rows else (2, 3):
        firsts, lasts = [], []
        for position in rows or range(y.shape[axis]):
            (gradient,) = torch.autograd.grad(y.select(axis, position).sum(), x, retain_graph=True)
            hit = gradient.abs().sum((0, 1, 5 - axis)).nonzero().flatten().tolist()
            firsts.append(hit[0] if hit else FAR)
            lasts.append(hit[-1] if hit else NOTHING)
        found.append((firsts, lasts))
    return found


def trace(network: nn.Module, size: tuple[int, int]) -> list[tuple[list[int], list[int]]]:
    x, tracer = torch.empty(1, 3, *size, device="meta"), ReachTracer()
    tracer.mark(x)
    with torch.no_grad(), tracer:
        reach = tracer.find(network.float().to("meta").eval()(x))
    assert reach is not None
    return [(e.first_CN.min(0).tolist(), e.last_CN.max(0).tolist()) for e in (reach.rows, reach.columns)]


@pytest.mark.parametrize("size", [(19, 26), (24, 24), (13, 31)])
def test_that_every_row_and_column_hears_of_what_gradients_say(size: tuple[int, int]) -> None:
    network = Maze()
    assert extents(network, size) == trace(network, size)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.ConvTranspose2d(2, 2, 1, stride=2, output_padding=1)),
        nn.Sequential(nn.ConvTranspose2d(3, 2, 1, stride=3), nn.Conv2d(2, 2, 2, stride=2)),
        nn.Sequential(nn.Upsample(scale_factor=1.7), nn.Conv2d(3, 1, 3, dilation=3)),
        nn.Sequential(nn.Upsample(size=(40, 9), mode="bilinear", align_corners=True), nn.AvgPool2d((1, 3))),
        nn.Sequential(nn.Upsample(scale_factor=(0.6, 2.5), mode="bilinear"), nn.PReLU(), nn.Hardswish()),
        nn.Sequential(nn.Upsample(scale_factor=(1.3, 0.7), mode="nearest-exact"), nn.GELU()),
        nn.Sequential(nn.Conv2d(3, 6, 3, padding=2, padding_mode="replicate", groups=3), nn.Conv2d(6, 6, 2, groups=6)),
        nn.ReflectionPad2d((2, 1, 4, 3)),
        nn.ReplicationPad2d((0, 3, 2, 5)),
        nn.ZeroPad2d((-2, 3, 1, -4)),
        nn.AvgPool2d((3, 2), stride=(2, 3), padding=(1, 0), ceil_mode=True),
        Apart(),
        Grouped(),
        Side(2),
        Side(3),
        Parts(),
    ],
)
def test_that_single_operations_hear_of_what_gradients_say(network: nn.Sequential) -> None:
    size = (14, 17)
    assert extents(network, size) == trace(network, size)


def test_that_rows_that_nothing_reaches_are_known_as_such() -> None:
    (firsts, lasts), _ = trace(nn.ConvTranspose2d(3, 1, 1, stride=2, output_padding=1), (3, 3))
    assert firsts == [0, FAR, 1, FAR, 2, FAR]
    assert lasts == [0, NOTHING, 1, NOTHING, 2, NOTHING]


def test_that_a_layers_receptive_field_is_the_textbooks(summary: NetworkSummary) -> None:
    """1 + the sum of (k - 1) d times the strides before (Araujo et al. 2019, Computing Receptive Fields)."""
    assert find(summary, "conv_in").receptive_field == (3, 3)
    # a pool of 2, then 3x3 at 1/2: 3 + 1 + 2 * 2, and 2 * 2 more with each
    assert find(summary, "skip64DN_arr.0.conv1").receptive_field == (8, 8)
    assert find(summary, "skip64DN_arr.0.conv2").receptive_field == (12, 12)
    rates = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=r, dilation=r) for r in (1, 2, 4)), nn.Conv2d(3, 3, (1, 5)))
    assert [layer.receptive_field for layer in list_layers(rates, (64, 64)).layers] == [
        (3, 3),
        (7, 7),
        (15, 15),
        (15, 19),
    ]


def test_that_the_receptive_field_does_not_depend_on_the_image_at_hand() -> None:
    small, large = (list_layers(lecture(4), size) for size in ((16, 16), (200, 300)))
    assert [layer.receptive_field for layer in small.layers] == [layer.receptive_field for layer in large.layers]
    assert small.receptive_field == large.receptive_field == find(small, "conv_out").receptive_field


def test_that_the_lectures_network_hears_of_what_gradients_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Along one axis of a narrow image. The gradient of a maximum shows one pixel of its window, that of an average all."""
    monkeypatch.setattr("segbench.networks.munet.functional.max_pool2d", F.avg_pool2d)
    size, middle = (224, 16), range(104, 121)
    firsts, lasts = trace(lecture(4), size)[0]
    found = extents(lecture(4), size, middle)[0]
    assert found == ([firsts[row] for row in middle], [lasts[row] for row in middle])
    field = list_layers(lecture(4), (64, 64)).receptive_field
    assert field is not None
    assert max(last - first + 1 for first, last in zip(*found, strict=True)) == field[0]


class Pooled(nn.Module):
    """A branch that looks at a grid of averages over the image, and one whose operation the tracer does not know."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.before, self.beside, self.after = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.bins = bins

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        if self.bins:
            pooled = F.interpolate(F.adaptive_avg_pool2d(x, self.bins), size=x.shape[2:])
        else:
            pooled = x.roll(5, 2)
        return self.after(self.beside(x) + pooled)


@pytest.mark.parametrize("bins", [1, 4, 0])
def test_that_a_field_that_is_the_image_or_not_known_is_none_from_there_on(bins: int) -> None:
    summary = list_layers(Pooled(bins), (64, 64))
    fields = {layer.name: layer.receptive_field for layer in summary.layers}
    assert fields == {"before": (3, 3), "beside": (5, 5), "after": None}
    assert summary.receptive_field is None


class Dynamic(nn.Module):
    """A convolution whose kernel the image itself decides."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.scale * x[:1, :, :3, :3])


def test_that_a_kernel_that_comes_from_the_image_makes_the_field_unknown() -> None:
    assert list_layers(Dynamic(), (16, 16)).receptive_field is None


class FixedGrid(nn.Module):
    """Resizes to a grid of its own, so that what one pixel sees grows with the image."""

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=(40, 40), mode="bilinear")


def test_that_a_field_that_grows_with_the_image_is_none() -> None:
    summary = list_layers(nn.Sequential(FixedGrid(), nn.Conv2d(3, 2, 3)), (64, 64))
    assert [layer.receptive_field for layer in summary.layers] == [(2, 2), None]


class Writes(nn.Module):
    """Puts one map into every second row of another, in place."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.convolution, self.how = nn.Conv2d(3, 3, 5, padding=2), how

    def forward(self, x: Tensor) -> Tensor:
        y = self.convolution(x)
        if self.how == "into an empty map":
            out = torch.zeros(y.shape, device=y.device)
            out[:, :, ::2] = y[:, :, ::2]
        elif self.how == "through a view":
            out = x.clone()
            out[:, :, ::2] += y[:, :, ::2]
        else:
            out = x.clone()
            half = out[:, :, ::2]
            out += y
            out = half
        return out + x[:, :, : out.shape[2]]


@pytest.mark.parametrize("how", ["into an empty map", "through a view", "under a view"])
def test_that_what_is_written_through_views_is_not_known_rather_than_wrong(how: str) -> None:
    assert list_layers(Writes(how), (16, 16)).receptive_field is None


def test_that_an_addition_in_place_is_followed() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 3, 5, padding=2)

        def forward(self, x: Tensor) -> Tensor:
            out = x.clone()
            out += self.convolution(x)
            return out

    assert list_layers(Residual(), (16, 16)).receptive_field == (5, 5)


def test_that_a_layer_that_runs_twice_is_described_at_its_first_call() -> None:
    layer = nn.Conv2d(3, 3, 3, stride=2)
    (told,) = list_layers(nn.Sequential(layer, layer), (16, 20)).layers
    assert (told.calls, told.input_size, told.output_size, told.receptive_field) == (2, (16, 20), (7, 9), (3, 3))
    assert told.macs == (7 * 9 + 3 * 4) * 81


def test_that_maximum_pooling_counts_its_whole_window() -> None:
    network = nn.Sequential(nn.MaxPool2d((2, 3), stride=(2, 1), dilation=(1, 2)), nn.Conv2d(3, 1, 3))
    pool, convolution = list_layers(network, (16, 16)).layers
    assert (pool.kind, pool.kernel, pool.stride, pool.dilation) == ("pool", (2, 3), (2, 1), (1, 2))
    assert (pool.receptive_field, convolution.receptive_field) == ((2, 5), (6, 7))


def test_that_numbers_of_a_network_are_plain(summary: NetworkSummary) -> None:
    """They go into events and JSON: no numpy integers."""
    for layer in summary.layers:
        for pair in (layer.receptive_field, layer.input_size, layer.output_size, layer.kernel, layer.padding):
            assert pair is None or all(type(number) is int for number in pair)
    assert not any(isinstance(value, np.generic) for layer in summary.layers for value in (layer.macs, layer.unread))
