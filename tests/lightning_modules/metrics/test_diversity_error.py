"""The error of a diversity against leaving out clips one by one, and against its spread over many draws."""

import numpy as np
import pytest
import torch

from lightning_modules.metrics import DiversityError, IntraClassDiversity


def diversity(x, y):
    metric = IntraClassDiversity(x.shape[1], 5)
    metric.update(torch.tensor(x), torch.tensor(y))
    return metric.compute().item()


def error(x, y, **settings):
    metric = DiversityError(x.shape[1], **settings)
    for rows in np.array_split(np.arange(len(y)), 3):
        metric.update(torch.tensor(x[rows]), torch.tensor(y[rows]), torch.tensor(rows))
    return metric.compute().item()


@pytest.fixture
def samples():
    """Three classes of unequal size and spread, one seen once, some rows of no class."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2, 4, -1], [9, 3, 6, 1, 4]))
    return rng.normal(size=(len(y), 4)) * (1.0 + y[:, None]) + 3.0 * y[:, None], y


def test_equals_leaving_out_one_by_one(samples):
    x, y = samples
    variance = 0.0
    for label in (0, 1, 2):
        rows = np.flatnonzero(y == label)
        left = np.array([diversity(np.delete(x, row, 0), np.delete(y, row)) for row in rows])
        variance += (len(rows) - 1) / len(rows) * np.sum((left - left.mean()) ** 2)
    assert error(x, y) == pytest.approx(variance**0.5, rel=1e-10)


def test_is_the_spread_over_draws():
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(5), 30)
    draws = [rng.normal(size=(150, 8)) for _ in range(200)]
    spread = np.std([diversity(x, y) for x in draws])
    assert np.mean([error(x, y) for x in draws[:40]]) == pytest.approx(spread, rel=0.15)


def test_a_limit_estimates_the_error_of_all():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(1000, 8)), np.arange(1000) % 5
    assert error(x, y, limit=400) == pytest.approx(error(x, y), rel=0.15)


def test_collapse_has_no_error(samples):
    _, y = samples
    assert error(np.eye(6)[y], y) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("y", [[0, 0, 1, 1, 1], [0, 1, 2, 3, 4], [-1] * 5])
def test_too_few_clips(y):
    with pytest.raises(ValueError, match="at least 3 clips"):
        error(np.ones((5, 2)), np.array(y))
