"""Standard error of a Fréchet distance against subsets drawn by hand, and against the scatter of repeated draws."""

import numpy as np
import pytest
import torch

from lightning_modules.metrics import FeatureMoments, FeatureStatistics, FrechetDistance, FrechetError
from lightning_modules.metrics.frechet_error import subset_numbers


def reference(x):
    moments = FeatureMoments(x.shape[1])
    moments.update(x)
    return moments.compute()


def distance(x, real):
    metric = FrechetDistance(x.shape[1], real)
    metric.update(x)
    return metric.compute().item()


def error(x, real, index=None, size=17, **options):
    metric = FrechetError(x.shape[1], real, **options)
    for part, place in zip(x.split(size), torch.arange(len(x)).split(size), strict=True):
        metric.update(part, place if index is None else index[place])
    return metric.compute().item()


def test_equals_the_spread_over_subsets(features):
    real, x = reference(features(200, 5)), features(103, 5, seed=1, shift=0.2)
    subset = subset_numbers(torch.arange(103), 3, seed=4)
    values = [distance(x[subset == number], real) for number in range(3)]
    assert error(x, real, num_subsets=3, seed=4) == pytest.approx(np.std(values, ddof=1) / 3**0.5, rel=1e-8)


def test_is_about_the_scatter_of_repeated_draws(features):
    real = reference(features(4000, 3))
    draws = [features(400, 3, seed=seed, shift=0.3) for seed in range(1, 61)]
    scatter = np.std([distance(x, real) for x in draws], ddof=1)
    claimed = np.sqrt(np.mean([error(x, real, size=400) ** 2 for x in draws]))
    assert claimed == pytest.approx(scatter, rel=0.3)


def test_each_subset_has_one_of_every_four_and_digits_in_turns_are_mixed():
    subset = subset_numbers(torch.arange(2000), 4)
    assert (subset.view(-1, 4).sort(dim=1).values == torch.arange(4)).all()
    for number in range(4):
        digits = torch.bincount(torch.arange(2000)[subset == number] % 10, minlength=10)
        assert digits.sum() == 500 and 25 <= digits.min() <= digits.max() <= 75  # 50 each, 4 standard deviations


def test_depends_on_places_alone(features):
    real, x = reference(features(100, 4)), features(60, 4, seed=1)
    order = torch.tensor(np.random.default_rng(0).permutation(60))
    assert error(x[order], real, order, size=7) == pytest.approx(error(x, real), rel=1e-9)


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_too_few_clips(count, features):
    with pytest.raises(ValueError, match=f"at least 2 clips in each of 4 subsets, got {count // 4}"):
        error(features(count, 4), reference(features(50, 4)))


def test_singular_covariances_have_an_error(features):
    real = reference(features(50, 6))
    assert error(features(8, 6, seed=1), real) > 0.0
    assert error(torch.ones(8, 6), real) == pytest.approx(0.0, abs=1e-10)


def test_one_feature():
    real = FeatureStatistics(torch.zeros(1).double(), torch.tensor(1.0).double(), 100)
    assert np.isfinite(error(torch.arange(9.0)[:, None], real))


def test_arguments_must_fit(features):
    real = reference(features(50, 4))
    with pytest.raises(ValueError, match="at least 2 subsets"):
        FrechetError(4, real, num_subsets=1)
    with pytest.raises(ValueError, match=r"index of shape \(5,\), got \(4,\)"):
        FrechetError(4, real).update(features(5, 4), torch.arange(4))
