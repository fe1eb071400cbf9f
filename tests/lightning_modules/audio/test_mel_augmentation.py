"""Shifts and levels of log-Mels."""

import math

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.audio import LogMel, MelAugmentation

FRONT_END = LogMel()


def ramp(batch=64):
    """Log-Mels whose value tells the frame; the last one is padding."""
    frames = torch.arange(64.0).clamp(max=62.0) / 100
    return frames.expand(batch, 1, 80, 64).clone()


def test_shifts_are_whole_frames_within_bounds_and_edges_repeat():
    torch.manual_seed(0)
    x_0 = ramp()
    moved = MelAugmentation(shift=2)(x_0, FRONT_END)
    offsets = ((moved[:, 0, 0, 30] - x_0[:, 0, 0, 30]) * 100).round()
    assert set(offsets.tolist()) == {-2.0, -1.0, 0.0, 1.0, 2.0}
    places = (torch.arange(64.0).clamp(max=62.0) + offsets.unsqueeze(1)).clamp(0, 62) / 100
    assert_close(moved, places.reshape(64, 1, 1, 64).expand(64, 1, 80, 64))
    assert torch.equal(moved[..., 63], moved[..., 62]), "the last frame is still the padding"
    assert torch.equal(x_0, ramp()), "the recordings are left as they are"


def test_gain_is_the_level_in_decibel():
    torch.manual_seed(0)
    x_0 = torch.zeros(500, 1, 80, 64)
    moved = MelAugmentation(shift=0, gain_db=6.0)(x_0, FRONT_END)
    nats = moved[:, 0, 0, 0] * (2.0 - math.log(1e-5)) / 2.0
    decibels = 20.0 / math.log(10.0) * nats
    assert decibels.abs().max() <= 6.001 and decibels.min() < -5.5 and decibels.max() > 5.5
    assert (MelAugmentation(0, 6.0)(torch.full((50, 1, 80, 64), -1.0), FRONT_END) >= -1.0).all()


def test_nothing_asked_changes_nothing():
    x_0 = ramp(2)
    assert torch.equal(MelAugmentation(0, 0.0)(x_0, FRONT_END), x_0)


@pytest.mark.parametrize("settings", [{"shift": -1}, {"gain_db": -0.1}])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match="at least 0"):
        MelAugmentation(**settings)
