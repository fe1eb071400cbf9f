"""Sines, in place of speech."""

import math

import torch

RATE = 16000


def tone(hertz, amplitude=0.5):
    """One second ``(N,)`` of a sine."""
    return amplitude * torch.sin(2 * math.pi * hertz * torch.arange(RATE) / RATE)
