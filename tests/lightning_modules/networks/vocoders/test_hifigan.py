"""HiFi-GAN's synthesiser: its size, its lengths, and the names of its published weights."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from lightning_modules.audio import LogMel
from lightning_modules.networks import HiFiGANGenerator
from lightning_modules.networks.cost import count_gmacs, count_parameters
from lightning_modules.networks.vocoders.hifigan import from_published

SMALL = {"width": 16, "factors": (16, 16), "upsampling_kernels": (32, 32), "kernels": (3, 5), "dilations": (1, 3)}


def published_layout(width, kernels, stages, pairs, n_mels=80):
    """Shapes of the published tensors, from the public configuration alone: ``{name: (weight_v's shape, bias')}``."""
    shapes = {"conv_pre": ((width, n_mels, 7), width)}
    for stage, kernel in enumerate(stages):
        shapes[f"ups.{stage}"] = ((width, width // 2, kernel), width // 2)
        width //= 2
        for j, size in enumerate(kernels):
            for convs in ("convs1", "convs2"):
                for k in range(pairs):
                    shapes[f"resblocks.{stage * len(kernels) + j}.{convs}.{k}"] = ((width, width, size), width)
    return {**shapes, "conv_post": ((1, width, 7), 1)}


def synthetic(layout, names=("weight_g", "weight_v")):
    """Random weights of ``layout``, weight-normalised."""
    torch.manual_seed(0)
    state = {}
    for name, (shape, outputs) in layout.items():
        state[f"{name}.conv.bias"] = 0.1 * torch.randn(outputs)
        state[f"{name}.conv.{names[0]}"] = 0.5 + torch.rand(shape[0], 1, 1)
        state[f"{name}.conv.{names[1]}"] = torch.randn(shape)
    return state


@pytest.fixture
def small():
    return HiFiGANGenerator(**SMALL).eval()


@pytest.fixture
def weights():
    return synthetic(published_layout(16, (3, 5), (32, 32), 2))


def test_published_size():
    front_end = LogMel()
    with torch.device("meta"):
        generator = HiFiGANGenerator(front_end)
        assert count_parameters(generator).total == pytest.approx(13.93e6, rel=1e-3)
        assert count_gmacs(generator, torch.randn(1, 80, 63)) == pytest.approx(19.34, rel=1e-3)


def test_published_layout_is_ours_key_for_key():
    layout = published_layout(512, (3, 7, 11), (16, 16, 4, 4), 3)
    published = synthetic(layout)
    assert len(published) == 3 * (2 + 4 + 4 * 3 * 6)
    generator = HiFiGANGenerator()
    state = from_published(generator, published)
    assert state.keys() == generator.state_dict().keys()
    expected = nn.functional.normalize(published["ups.1.conv.weight_v"].flatten(1)).reshape(256, 128, 16)
    assert_close(state["upsamplings.1.weight"], expected * published["ups.1.conv.weight_g"])
    last = published["resblocks.11.convs2.2.conv.weight_v"], published["resblocks.11.convs2.2.conv.weight_g"]
    assert_close(
        state["blocks.3.2.plain.2.weight"], last[0] * last[1] / last[0].square().sum((1, 2), keepdim=True).sqrt()
    )
    assert torch.equal(state["stem.bias"], published["conv_pre.conv.bias"])


@pytest.mark.parametrize("names", [("parametrizations.weight.original0", "parametrizations.weight.original1")])
def test_newer_weight_norm_is_the_same(small, weights, names):
    newer = synthetic(published_layout(16, (3, 5), (32, 32), 2), names)
    expected = from_published(small, weights)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in from_published(small, newer).items())


def test_weights_of_something_else_are_refused(small, weights):
    with pytest.raises(ValueError, match=r"'conv_post.conv.bias' is missing"):
        from_published(small, {name: tensor for name, tensor in weights.items() if name != "conv_post.conv.bias"})
    with pytest.raises(ValueError, match=r"'ups.2.conv.bias' beside"):
        from_published(small, {**weights, "ups.2.conv.bias": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"stem.bias of shape \(16,\), got \(3,\)"):
        from_published(small, {**weights, "conv_pre.conv.bias": torch.zeros(3)})


@pytest.mark.parametrize("frames", [63, 64])
def test_every_frame_gives_a_hop(small, frames):
    waveform = small(torch.randn(2, 80, frames))
    assert waveform.shape == (2, 256 * frames) and waveform.abs().max() <= 1


def test_a_frame_moves_only_samples_around_its_own(small):
    """Sample 256 l is where frame l stands: no shift."""
    log_mel = torch.randn(1, 80, 40)
    moved = log_mel.clone()
    moved[..., 20] += 1.0
    changed = (small(moved) != small(log_mel)).squeeze(0).nonzero().flatten()
    assert abs((changed[0] + changed[-1]).item() / 2 - 20.5 * 256) <= 1
    assert changed[-1] - changed[0] < 12 * 256


def test_factors_must_make_the_hop():
    with pytest.raises(ValueError, match=r"product of 200, the hop"):
        HiFiGANGenerator(LogMel(hop_length=200, num_frames=88), **SMALL)


def test_equals_speechbrains():
    """Same random weights, same output; where speechbrain is installed beside this torch."""
    module = pytest.importorskip("speechbrain.lobes.models.HifiGAN")
    torch.manual_seed(0)
    theirs = module.HifiganGenerator(80, 1, "1", [[1, 3, 5]] * 3, [3, 7, 11], [16, 16, 4, 4], 512, [8, 8, 2, 2]).eval()
    ours = HiFiGANGenerator().eval()
    ours.load_state_dict(from_published(ours, theirs.state_dict()))
    log_mel = 2.0 * torch.randn(1, 80, 63) - 4.0
    with torch.no_grad():
        expected = theirs(log_mel).squeeze(1)
        assert expected.std() > 1e-4
        assert_close(ours(log_mel), expected, rtol=1e-4, atol=1e-6)
