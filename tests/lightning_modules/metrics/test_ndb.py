"""Bins of training features against scikit-learn's labels and SciPy's normal distribution."""

import sys

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.cluster import KMeans

from lightning_modules.metrics import NDB, FeatureBins, fit_bins, proportions_differ


def p_values(a, b):
    n_a, n_b = a.sum(), b.sum()
    pooled = (a + b) / (n_a + n_b)
    z = (a / n_a - b / n_b) / np.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    return 2 * norm.cdf(-np.abs(z))


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_bins_differ_by_the_z_test(alpha):
    rng = np.random.default_rng(0)
    a, b = rng.integers(1, 60, size=200), rng.integers(1, 60, size=200)
    found = proportions_differ(torch.tensor(a), torch.tensor(b), alpha)
    np.testing.assert_array_equal(found, p_values(a, b) < alpha)
    assert found.any() and not found.all()


def test_empty_and_full_bins_do_not_differ():
    assert proportions_differ(torch.tensor([5, 0]), torch.tensor([9, 0])).tolist() == [False, False]


def test_share_of_different_bins(features):
    train, generated = features(400, 6).float(), features(150, 6, seed=1, shift=0.5).float()
    metric = NDB(fit_bins(train, num_bins=12))
    for part in generated.split(40):
        metric.update(part)
    kmeans = KMeans(n_clusters=12, random_state=0).fit(train.numpy())
    counts = [np.bincount(kmeans.predict(x.numpy()), minlength=12) for x in (train, generated)]
    expected = np.mean(p_values(*counts) < 0.05)
    assert 0 < expected < 1
    assert metric.compute().item() == pytest.approx(expected, rel=1e-12)


def test_collapse_is_seen_and_the_training_set_itself_is_not(features):
    train = features(300, 4)
    bins = fit_bins(train, num_bins=10)
    same, collapsed = NDB(bins), NDB(bins)
    same.update(train)
    collapsed.update(train[:1].repeat(300, 1))
    assert same.compute() == 0.0
    assert collapsed.compute() == 1.0


def test_generated_clips_are_needed():
    metric = NDB(FeatureBins(torch.zeros(2, 3, dtype=torch.float64), torch.ones(2, dtype=torch.float64)))
    metric.update(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="at least 1 generated"):
        metric.compute()


def test_more_bins_than_clips(features):
    with pytest.raises(ValueError, match="at least 50 real samples, got 49"):
        fit_bins(features(49, 3))


def test_missing_package_is_named(features, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'scoretap\[metrics\]'"):
        fit_bins(features(60, 3))
