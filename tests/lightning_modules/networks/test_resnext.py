"""The evaluator's network at small size; its paper size is in test_paper_sizes.py."""

import torch
from torch.testing import assert_close

from lightning_modules.networks import ResNeXt


def test_logits_come_from_the_pooled_features():
    torch.manual_seed(0)
    network = ResNeXt((8, 16), cardinality=2, base_width=4, blocks_per_stage=2, num_classes=7).eval()
    x = 80.0 * torch.rand(3, 1, 32, 32) - 80.0
    logits, features = network(x)
    assert logits.shape == (3, 7) and features.shape == (3, 16) == (3, network.num_features)
    assert (features >= 0).all()  # pooled after ReLU
    assert_close(network.logits(features), logits)
    assert_close(network(x[1:2])[0], logits[1:2])
    assert network(x[:, :, :20, :28])[1].shape == (3, 16)


def test_grid_halves_between_stages():
    network = ResNeXt((8, 16, 32), cardinality=2, base_width=4, blocks_per_stage=1)
    maps = network.features[:-2](torch.zeros(1, 1, 32, 32))
    assert maps.shape == (1, 32, 8, 8)
