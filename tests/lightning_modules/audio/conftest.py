"""Signals that tests of front ends and vocoders share."""

import math

import pytest
import torch


def vowel(pitch):
    """One second of an [a]: harmonics of ``pitch`` Hz under three formants, fading in and out."""
    seconds = torch.arange(16000) / 16000
    waveform = torch.zeros(16000)
    for k in range(1, int(7000 / pitch)):
        formants = ((700, 150, 1.0), (1200, 200, 0.6), (2600, 300, 0.3))
        level = 0.003 + sum(gain * math.exp(-(((k * pitch - centre) / width) ** 2)) for centre, width, gain in formants)
        waveform += level * torch.cos(2 * math.pi * k * pitch * seconds + k**2)
    return 0.3 * waveform / waveform.abs().max() * torch.sin(math.pi * seconds)


@pytest.fixture(scope="session")
def vowels():
    """Two vowels of different pitch, ``(2, 16000)``."""
    return torch.stack([vowel(120.0), vowel(190.0)])


@pytest.fixture(scope="session")
def noise():
    """White noise at two levels, ``(2, 16000)``."""
    random_stream = torch.Generator().manual_seed(0)
    return torch.tensor([[0.1], [0.01]]) * torch.randn(2, 16000, generator=random_stream)
