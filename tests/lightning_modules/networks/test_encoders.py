"""Classifier and U-Net: shapes, conditioning, start values, refusals; and their building blocks."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.networks import Classifier, UNet
from lightning_modules.networks.blocks import Head, ResBlock, Stem, TimeEmbedding, group_norm

SMALL = {"base_channels": 4, "multipliers": (1, 2, 3), "blocks_per_stage": 1, "bottleneck_blocks": 1, "time_width": 8}


@pytest.mark.parametrize("patch_size", [1, 2])
def test_classifier(patch_size):
    torch.manual_seed(0)
    network = Classifier((16, 8), 7, patch_size=patch_size, **SMALL).eval()
    x, c_noise = torch.randn(3, 1, 16, 8), torch.linspace(-1, 1, 3)
    logits = network(x, c_noise)
    assert logits.shape == (3, 7)
    assert_close(network(x[1:2], c_noise[1:2]), logits[1:2])  # group norms: no example sees another
    assert (network(x, c_noise + 0.5) - logits).abs().max() > 1e-4


def test_classifier_refuses_a_shape_that_cannot_be_halved():
    with pytest.raises(ValueError, match=r"divisible by 4, got \(16, 6\)"):
        Classifier((16, 6), **SMALL)


def test_classifier_skips_are_as_wide_as_said():
    network = Classifier((16, 8), **SMALL)
    _, skips, _ = super(Classifier, network).forward(torch.randn(1, 1, 16, 8), torch.zeros(1))
    assert [skip.shape[1] for skip in skips] == network.skip_widths == [4, 4, 4, 8, 8, 12]
    assert [skip.shape[3] for skip in skips] == [8, 8, 4, 4, 2, 2]


@pytest.mark.parametrize("patch_size", [1, 2])
def test_unet(patch_size):
    torch.manual_seed(0)
    network = UNet((4, 6, 8), patch_size=patch_size, **SMALL)
    x, c_noise = torch.randn(3, 1, 16, 8), torch.linspace(-1, 1, 3)
    assert (network(x, c_noise) == 0).all()
    torch.nn.init.normal_(network.head[2].weight)
    out = network(x, c_noise)
    assert out.shape == x.shape
    assert_close(network(x[1:2], c_noise[1:2]), out[1:2], rtol=1e-4, atol=1e-5)
    assert (network(x, c_noise + 0.5) - out).abs().max() > 1e-4
    out.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_unet_needs_a_width_per_stage():
    with pytest.raises(ValueError, match="one decoder width per stage, 3, got 2"):
        UNet((4, 6), **SMALL)


def test_stem_and_head_move_the_same_patches():
    """A stem that copies channels, then a head's rearrangement, gives the input back."""
    x = torch.arange(32.0).reshape(1, 1, 8, 4)
    patches = Stem(4, patch_size=2)[0](x)
    assert patches.shape == (1, 4, 4, 2)
    assert patches[0, :, 0, 0].tolist() == [0.0, 1.0, 4.0, 5.0]
    assert torch.equal(Head(4, patch_size=2)[3](patches), x)


def test_res_block_adds_to_its_input():
    torch.manual_seed(0)
    x, time = torch.randn(2, 4, 3, 2), torch.randn(2, 8)
    block = ResBlock(4, 4, 8)
    for parameter in block.conv2.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(block(x, time), x)
    assert ResBlock(4, 6, 8)(x, time).shape == (2, 6, 3, 2)


def test_time_embedding_tells_neighbouring_levels_apart():
    torch.manual_seed(0)
    embedding = TimeEmbedding(64)(torch.linspace(-1.2, 1.3, 50))
    assert embedding.shape == (50, 64)
    assert embedding.diff(dim=0).norm(dim=1).min() > 1e-3
    assert "frequencies" not in TimeEmbedding(64).state_dict()


@pytest.mark.parametrize(("channels", "groups"), [(32, 8), (12, 4), (7, 1)])
def test_group_norm_fits_every_width(channels, groups):
    assert group_norm(channels).num_groups == groups
