"""RMS normalisation at the magnitudes that occur, and fusions that really fuse."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.networks import Add, Concat, CrossAttention
from lightning_modules.networks.fusion import rms_normalize

ALL = [CrossAttention(head_width=4), Concat(), Add()]


def named(fusion):
    return type(fusion).__name__


@pytest.fixture
def signals():
    torch.manual_seed(0)
    return torch.randn(2, 8, 3, 5), torch.randn(2, 8, 3, 5)


@pytest.mark.parametrize("scale", [1e-7, 1e-6, 4e-4, 1.0, 1e4])
def test_rms_is_one_at_every_magnitude(signals, scale):
    normalized = rms_normalize(scale * signals[0])
    assert_close(normalized.square().mean(dim=(1, 2, 3)).sqrt(), torch.ones(2), rtol=1e-5, atol=0)
    assert_close(normalized, rms_normalize(signals[0]), rtol=1e-5, atol=1e-6)


def test_rms_is_per_example_and_direction_is_kept(signals):
    x = signals[0] * torch.tensor([1.0, 1e3]).reshape(2, 1, 1, 1)
    assert_close(rms_normalize(x)[:1], rms_normalize(x[:1]))
    assert_close(rms_normalize(x), x / x.square().mean(dim=(1, 2, 3), keepdim=True).sqrt())


def test_rms_over_other_axes(signals):
    normalized = rms_normalize(1e-6 * signals[0], dims=(1,))
    assert_close(normalized.square().mean(dim=1), torch.ones(2, 3, 5), rtol=1e-5, atol=0)


def test_rms_of_zero_is_zero():
    x = torch.zeros(1, 2, 3, 4, requires_grad=True)
    normalized = rms_normalize(x)
    assert (normalized == 0).all()
    assert torch.autograd.grad(normalized.sum(), x)[0].isfinite().all()


def test_rms_of_half_precision_is_float32():
    x = torch.full((1, 2, 3, 4), 1e-4, dtype=torch.bfloat16)
    assert rms_normalize(x).dtype == torch.float32
    assert_close(rms_normalize(x), torch.ones(1, 2, 3, 4))
    assert rms_normalize(x.double()).dtype == torch.float64


@pytest.mark.parametrize("fusion", ALL, ids=named)
def test_shapes_and_both_signals_matter(fusion, signals):
    feature, gradient = (signal.requires_grad_() for signal in signals)
    fused = fusion.build(8)(feature, gradient)
    assert fused.shape == feature.shape
    for part in torch.autograd.grad(fused.square().sum(), (feature, gradient)):
        assert part.isfinite().all() and (part != 0).any()


def test_cross_attention_sees_all_frames_of_a_band(signals):
    """Were there one key per query, softmax would be 1 and a frame would see itself alone."""
    feature, gradient = signals
    fuse = CrossAttention(head_width=4).build(8)
    changed = gradient.clone()
    changed[0, :, 1, 2] += 3.0
    moved = (fuse(feature, changed) - fuse(feature, gradient)).abs().amax(dim=1)
    assert (moved[0, 1] > 1e-5).all()
    moved[0, 1] = 0
    assert moved.max() < 1e-6


def test_cross_attention_is_attention(signals):
    """The formula, head by head and query by query."""
    feature, gradient = signals
    fuse = CrossAttention(head_width=4).build(8)
    query, (key, value) = fuse.query(feature), fuse.key_value(gradient).chunk(2, dim=1)
    attended = torch.zeros_like(feature)
    for head in (slice(0, 4), slice(4, 8)):
        scores = torch.einsum("bdfl,bdfm->bflm", query[:, head], key[:, head]) / 2.0
        attended[:, head] = torch.einsum("bflm,bdfm->bdfl", scores.softmax(dim=-1), value[:, head])
    assert_close(fuse(feature, gradient), feature + fuse.out(attended), rtol=1e-4, atol=1e-5)


def test_add_and_concat(signals):
    feature, gradient = signals
    assert torch.equal(Add().build(8)(feature, gradient), feature + gradient)
    fuse = Concat().build(8)
    halves = fuse.mix.weight.flatten(2).squeeze(-1).chunk(2, dim=1)
    expected = sum(torch.einsum("oc,bcfl->bofl", *pair) for pair in zip(halves, signals, strict=True))
    assert_close(fuse(feature, gradient), expected + fuse.mix.bias.reshape(1, 8, 1, 1), rtol=1e-4, atol=1e-5)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="divisible by its 3 heads, got 100"):
        CrossAttention(head_width=32).build(100)
