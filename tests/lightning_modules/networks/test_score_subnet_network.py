"""The Score Subnet over backbones of ours and of others, any set of taps and every fusion."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lightning_modules.networks import Add, Classifier, Concat, CrossAttention, ScoreSubnet, Tap, TappedClassifier

ALL_TAPS = ["stem", "stages.0.0", "stages.0.1", "stages.1.0", "stages.1.1"]


def build(network, scaling, taps, shape, **settings):
    tapped = TappedClassifier(network, scaling, taps)
    torch.manual_seed(3)
    settings = {"widths": (8, 16), "blocks_per_tap": 1, "time_width": 8, **settings}
    return tapped, ScoreSubnet(tapped.discover((1, *shape)), shape, **settings).double()


def output(tapped, subnet, x_t, t, start_at_zero=False):
    """The subnet's output, with a head that lets the rest through."""
    if not start_at_zero:
        torch.manual_seed(4)
        nn.init.normal_(subnet.head[2].weight)
    return subnet(tapped.read(x_t, t), tapped.scaling(x_t, t)[1])


def test_starts_at_zero(classifier, scaling, batch):
    out = output(*build(classifier, scaling, ALL_TAPS, (8, 4)), *batch(8, 4), start_at_zero=True)
    assert out.shape == (2, 1, 8, 4) and (out == 0).all()


@pytest.mark.parametrize("fusion", [CrossAttention(head_width=4), Concat(), Add()], ids=lambda f: type(f).__name__)
def test_every_fusion_trains(classifier, scaling, batch, fusion):
    tapped, subnet = build(classifier, scaling, ALL_TAPS, (8, 4), fusion=fusion)
    out = output(tapped, subnet, *batch(8, 4))
    assert out.shape == (2, 1, 8, 4)
    out.square().sum().backward()
    for name, parameter in subnet.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).any(), name


@pytest.mark.parametrize(
    "taps",
    [
        ["stages.1.1"],
        ["stem"],
        ["bottleneck.0", "stem"],
        [Tap("stem", gradient=False), Tap("stages.1.0", feature=False), "stages.1.1"],
        [Tap(name, gradient=False) for name in ALL_TAPS],
        [Tap(name, feature=False) for name in ALL_TAPS],
    ],
    ids=["one deep", "one shallow", "unordered", "mixed", "features", "gradients"],
)
def test_any_set_of_taps(classifier, scaling, batch, taps):
    tapped, subnet = build(classifier, scaling, taps, (8, 4))
    out = output(tapped, subnet, *batch(8, 4))
    assert out.shape == (2, 1, 8, 4) and out.std() > 0
    for tap in tapped.taps:  # a signal that is not read has no weights
        tap_input = subnet.inputs[subnet._names.index(tap.module)]
        assert (tap_input.feature is not None, tap_input.gradient is not None) == (tap.feature, tap.gradient)


def test_order_of_the_list_does_not_matter(classifier, scaling, batch):
    outputs = [
        output(*build(classifier, scaling, taps, (8, 4)), *batch(8, 4))
        for taps in (ALL_TAPS, ALL_TAPS[::-1], [*ALL_TAPS[2:], *ALL_TAPS[:2]])
    ]
    assert torch.equal(outputs[0], outputs[1]) and torch.equal(outputs[0], outputs[2])


def test_odd_grids_of_a_foreign_backbone(third_party, scaling, batch):
    """Maps of 5x4 and 3x2 under an output of 10x8."""
    tapped, subnet = build(third_party, scaling, ["front", "trunk.2"], (10, 8))
    assert [shape.shape for shape in tapped.discover((1, 10, 8))] == [(4, 5, 4), (5, 3, 2)]
    out = output(tapped, subnet, *batch(10, 8))
    assert out.shape == (2, 1, 10, 8)
    assert subnet.inputs[1].feature.out_channels == 16  # half the resolution: the second width


def test_patches(scaling, batch):
    torch.manual_seed(0)
    network = Classifier((8, 8), 3, 4, (1, 2), 1, 1, 8, patch_size=2).double().eval()
    tapped, subnet = build(network, scaling, ["stem", "stages.1.0"], (8, 8), patch_size=2)
    out = output(tapped, subnet, *batch(8, 8))
    assert out.shape == (2, 1, 8, 8)
    assert subnet.inputs[1].feature.out_channels == 8  # the stem's grid is the finest: the first width


def test_examples_do_not_mix(classifier, scaling, batch):
    tapped, subnet = build(classifier, scaling, ALL_TAPS, (8, 4))
    x_t, t = batch(8, 4)
    assert_close(output(tapped, subnet, x_t, t)[1:], output(tapped, subnet, x_t[1:], t[1:]))


def test_scale_of_the_gradient_taps_does_not_matter(classifier, scaling, batch):
    """A classifier a thousand times less sure has the same gradient taps after normalisation, and the same score."""
    taps = [Tap(name, feature=False) for name in ALL_TAPS]
    tapped, subnet = build(classifier, scaling, taps, (8, 4))
    reading = tapped.read(*batch(8, 4))
    c_noise = scaling(*batch(8, 4))[1]
    nn.init.normal_(subnet.head[2].weight)
    before = subnet(reading, c_noise)
    for gradient in reading.gradients().values():
        gradient.mul_(1e-3)
    assert_close(subnet(reading, c_noise), before, rtol=1e-6, atol=1e-6)


def test_bad_settings(classifier, scaling):
    with pytest.raises(ValueError, match="at least one tap"):
        ScoreSubnet([])
    with pytest.raises(ValueError, match=r"finer than the subnet's finest grid \(4, 2\)"):
        build(classifier, scaling, ["stem"], (8, 4), patch_size=2)
    with pytest.raises(ValueError, match=r"divisible by patch_size 3, got \(8, 4\)"):
        build(classifier, scaling, ["stages.1.1"], (8, 4), patch_size=3)


def test_axes_of_the_rms_are_a_setting(classifier, scaling, batch):
    """Over channels alone every position has the same size, so scaling one band of a tap changes nothing."""

    def of_scaled_band(subnet, feature):
        scaled = feature.clone()
        scaled[:, :, 0] *= 9.0
        tap_input = subnet.inputs[-1]
        return tap_input(feature, feature), tap_input(scaled, feature)

    feature = torch.randn(2, 4, 8, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_close(*of_scaled_band(build(classifier, scaling, ALL_TAPS, (8, 4), rms_dims=[1])[1], feature))
    plain, scaled = of_scaled_band(build(classifier, scaling, ALL_TAPS, (8, 4))[1], feature)
    assert not torch.allclose(plain, scaled)


@pytest.mark.parametrize("dims", [[], [0], [1, 4]])
def test_other_axes_are_refused(classifier, scaling, dims):
    with pytest.raises(ValueError, match="rms_dims"):
        build(classifier, scaling, ALL_TAPS, (8, 4), rms_dims=dims)
