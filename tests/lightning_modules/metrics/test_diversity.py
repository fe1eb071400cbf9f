"""Diversity against all pairwise distances."""

from itertools import combinations

import numpy as np
import pytest
import torch

from lightning_modules.metrics import IntraClassDiversity


def brute_force(embeddings, y):
    roots = []
    for label in np.unique(y[y >= 0]):
        rows = embeddings[y == label]
        if len(rows) > 1:
            squares = [np.sum((a - b) ** 2) for a, b in combinations(rows, 2)]
            roots.append(np.sqrt(np.mean(squares)))
    return np.mean(roots)


@pytest.fixture
def samples():
    """Four classes of unequal size and spread, one seen once, one never, some rows of no class."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2, 4, -1], [9, 2, 6, 1, 4]))
    spread = np.array([1.0, 0.1, 3.0, 1.0, 1.0, 50.0])[y]
    return rng.normal(size=(len(y), 5)) * spread[:, None] + 4.0 * y[:, None], y


def measure(embeddings, y, metric=None):
    metric = metric or IntraClassDiversity(5, 5)
    metric.update(torch.tensor(embeddings), torch.tensor(y))
    return metric


def test_equals_all_pairs(samples):
    assert measure(*samples).compute().item() == pytest.approx(brute_force(*samples), rel=1e-10)


def test_batches_and_processes_merge_exactly(samples):
    embeddings, y = samples
    first = measure(embeddings[4:9], y[4:9], measure(embeddings[:4], y[:4]))
    first.merge_state(measure(embeddings[9:], y[9:]))
    assert first.compute().item() == pytest.approx(brute_force(*samples), rel=1e-10)


def test_collapse_is_zero(samples):
    _, y = samples
    assert measure(np.eye(6)[y][:, :5], y).compute().item() == pytest.approx(0.0, abs=1e-7)


def test_single_precision_is_enough(samples):
    embeddings, y = samples
    metric = IntraClassDiversity(5, 5)
    metric.update(torch.tensor(embeddings).float(), torch.tensor(y))
    assert metric.compute().item() == pytest.approx(brute_force(*samples), rel=1e-6)


@pytest.mark.parametrize("y", [[0, 1, 2], [-1, -1, 0]])
def test_nothing_to_compare(y):
    with pytest.raises(ValueError, match="no class has two clips"):
        measure(np.ones((3, 5)), np.array(y)).compute()
