"""Diversity against all pairwise distances, and its error against leaving out clips one by one."""

from itertools import combinations

import numpy as np
import pytest
import torch

from lightning_modules.metrics import DiversityError, IntraClassDiversity


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


def error(x, y, **settings):
    metric = DiversityError(x.shape[1], **settings)
    for rows in np.array_split(np.arange(len(y)), 3):
        metric.update(torch.tensor(x[rows]), torch.tensor(y[rows]), torch.tensor(rows))
    return metric.compute().item()


@pytest.fixture
def clips():
    """Three classes of unequal size and spread, one seen once, some rows of no class."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2, 4, -1], [9, 3, 6, 1, 4]))
    return rng.normal(size=(len(y), 4)) * (1.0 + y[:, None]) + 3.0 * y[:, None], y


def test_error_equals_leaving_out_one_by_one(clips):
    x, y = clips
    variance = 0.0
    for label in (0, 1, 2):
        rows = np.flatnonzero(y == label)
        left = np.array(
            [measure(np.delete(x, row, 0), np.delete(y, row), IntraClassDiversity(4, 5)).compute() for row in rows]
        )
        variance += (len(rows) - 1) / len(rows) * np.sum((left - left.mean()) ** 2)
    assert error(x, y) == pytest.approx(variance**0.5, rel=1e-10)


def test_error_is_the_spread_over_draws():
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(5), 30)
    draws = [rng.normal(size=(150, 8)) for _ in range(200)]
    spread = np.std([measure(x, y, IntraClassDiversity(8, 5)).compute() for x in draws])
    assert np.mean([error(x, y) for x in draws[:40]]) == pytest.approx(spread, rel=0.15)


def test_a_limit_estimates_the_error_of_all():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(1000, 8)), np.arange(1000) % 5
    assert error(x, y, limit=400) == pytest.approx(error(x, y), rel=0.15)


def test_collapse_has_no_error(clips):
    _, y = clips
    assert error(np.eye(6)[y], y) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("y", [[0, 0, 1, 1, 1], [0, 1, 2, 3, 4], [-1] * 5])
def test_error_of_too_few_clips(y):
    with pytest.raises(ValueError, match="at least 3 clips"):
        error(np.ones((5, 2)), np.array(y))
