"""Costs that can be counted by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lightning_modules.networks import CrossAttention
from lightning_modules.networks.cost import count_gmacs, count_parameters


def test_parameters():
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    module[0].requires_grad_(False)
    assert count_parameters(module) == (3 * 4 + 4 + 4 * 5 + 5, 4 * 5 + 5)


def test_convolution_forward_and_backward():
    convolution = nn.Conv2d(2, 3, 3, padding=1).requires_grad_(False)
    forward = 2 * 3 * 9 * 6 * 5 / 1e9
    assert count_gmacs(convolution, torch.randn(1, 2, 6, 5)) == pytest.approx(forward)

    def with_gradient():
        with torch.enable_grad():
            x = torch.randn(1, 2, 6, 5, requires_grad=True)
            torch.autograd.grad(convolution(x * 1).sum(), x)

    assert count_gmacs(with_gradient) == pytest.approx(2 * forward)


def test_fused_attention_is_seen():
    """Layouts for which a CPU picks its fused kernel, which the counter would not see."""
    query = torch.randn(2, 4, 16, 8)
    expected = 2 * 2 * 4 * 16 * 16 * 8 / 1e9
    assert count_gmacs(F.scaled_dot_product_attention, query, query, query) == pytest.approx(expected)


def test_cross_attention():
    """Four projections of 8x8 and, per band, two products of frames with frames."""
    feature, gradient = torch.randn(1, 8, 3, 5), torch.randn(1, 8, 3, 5)
    expected = (4 * 8 * 8 * 15 + 2 * 3 * 5 * 5 * 8) / 1e9
    assert count_gmacs(CrossAttention(head_width=4).build(8), feature, gradient) == pytest.approx(expected)
