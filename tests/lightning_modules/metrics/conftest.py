"""Predictions as an evaluator makes them."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax


@pytest.fixture
def predictions():
    """Makes log-probabilities ``(N, 10)`` in float64 whose most probable classes follow given frequencies."""

    def make(count, frequencies=None, sharpness=6.0, seed=0):
        rng = np.random.default_rng(seed)
        heard = rng.choice(10, size=count, p=frequencies)
        logits = rng.normal(size=(count, 10)) + sharpness * np.eye(10)[heard]
        return torch.tensor(log_softmax(logits, axis=1))

    return make


@pytest.fixture
def features():
    """Makes correlated features ``(N, D)`` that are not centred, in float64."""

    def make(count, width, seed=0, shift=0.0):
        mixing = np.random.default_rng(99).normal(size=(width, width)) / width**0.5
        return torch.tensor(np.random.default_rng(seed).normal(size=(count, width)) @ mixing + 1.0 + shift)

    return make
