"""Discriminators' shapes, and adversarial losses with known values."""

import pytest
import torch

from lightning_modules.networks import Discriminators
from lightning_modules.networks.vocoders.discriminators import (
    PeriodDiscriminator,
    ResolutionDiscriminator,
    discriminator_loss,
    feature_loss,
    synthesiser_loss,
)


def test_period_features():
    """1,001 samples in rows of 5 are 201 rows, divided by three twice."""
    features = PeriodDiscriminator(5, (4, 6, 8))(torch.randn(2, 1001))
    assert [tuple(f.shape) for f in features] == [(2, 4, 67, 5), (2, 6, 23, 5), (2, 8, 23, 5), (2, 1, 23, 5)]


def test_period_image_is_the_waveform_in_rows():
    waveform = torch.arange(1, 11.0).unsqueeze(0)
    rows = PeriodDiscriminator(4, (2, 2)).image(waveform)
    assert rows.tolist() == [[[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 9, 8]]]]


def test_resolution_features():
    """Hop 64: 1 + 1024 // 64 frames of 129 bins; the middle layer halves the bins."""
    features = ResolutionDiscriminator(256, (4, 6, 8))(torch.randn(2, 1024))
    assert [tuple(f.shape) for f in features] == [(2, 4, 129, 17), (2, 6, 65, 17), (2, 8, 65, 17), (2, 1, 65, 17)]


def test_silence_has_a_gradient():
    waveform = torch.zeros(1, 2048, requires_grad=True)
    feature_loss(critics()(torch.randn(1, 2048)), critics()(waveform)).backward()
    assert waveform.grad.isfinite().all()


def critics():
    torch.manual_seed(0)
    return Discriminators((2, 3), (256,), (4, 4), (4, 4))


def test_one_list_per_discriminator():
    assert [len(features) for features in critics()(torch.randn(1, 2048))] == [3, 3, 3]


def verdicts(*values):
    return [[torch.ones(1, 2), torch.full((1, 3), value)] for value in values]


@pytest.mark.parametrize(
    ("real", "fake", "loss"), [((1.0, 2.0), (-1.0, -3.0), 0.0), ((0.0, 1.0), (0.0, -1.0), 1.0), ((-1.0,), (1.0,), 4.0)]
)
def test_hinge(real, fake, loss):
    assert discriminator_loss(verdicts(*real), verdicts(*fake)) == loss


def test_generator_wants_high_verdicts():
    assert synthesiser_loss(verdicts(1.0, -3.0)) == 1.0


def test_feature_matching():
    waveform = torch.randn(1, 2048)
    real = critics()(waveform)
    assert feature_loss(real, critics()(waveform)) == 0.0
    assert feature_loss(real, critics()(0.5 * waveform)) > 0.0
    one = [[torch.zeros(2, 2), torch.zeros(1)]], [[torch.full((2, 2), 0.25), torch.full((1,), 9.0)]]
    assert feature_loss(*one) == 0.25, "verdicts are not features"
