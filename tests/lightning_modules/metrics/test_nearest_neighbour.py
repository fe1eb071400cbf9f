"""Distances to training clips against SciPy's."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch.testing import assert_close

from lightning_modules.metrics import (
    NearestTrainingNeighbour,
    distances_without_itself,
    nearest_distances,
    wilson_interval,
)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_equals_all_distances(chunk, features):
    x, reference = features(20, 5), features(53, 5, seed=1)
    found = nearest_distances(x, reference, chunk)
    np.testing.assert_allclose(found, cdist(x.numpy(), reference.numpy()).min(axis=1), rtol=1e-10)


def test_copies_are_at_zero_exactly(features):
    reference = features(50, 8) * 100.0
    assert nearest_distances(reference[[3, 30]], reference, chunk=16).tolist() == [0.0, 0.0]


def test_small_differences_of_large_features_are_kept(features):
    reference = features(50, 8) * 1000.0
    found = nearest_distances(reference + 1e-6, reference)
    np.testing.assert_allclose(found, 1e-6 * 8**0.5, rtol=1e-4)


def test_mean_and_ratio(features):
    reference, generated, held_out = features(60, 5), features(40, 5, seed=1), features(30, 5, seed=2)
    metric = NearestTrainingNeighbour(reference, chunk=16)
    for part in generated.split(9):
        metric.update(part)
    metric.update(held_out, real=True)
    near, real = (cdist(x.numpy(), reference.numpy()).min(axis=1).mean() for x in (generated, held_out))
    found = metric.compute()
    assert found["nearest"].item() == pytest.approx(near, rel=1e-10)
    assert found["nearest_real"].item() == pytest.approx(real, rel=1e-10)
    assert found["nearest_ratio"].item() == pytest.approx(near / real, rel=1e-10)


def test_ratio_is_left_out_without_held_out_clips(features):
    metric = NearestTrainingNeighbour(features(10, 3).float())
    metric.update(features(5, 3, seed=1).float())
    assert set(metric.compute()) == {"nearest"}
    assert "reference" not in metric.state_dict()


def test_held_out_clips_must_be_held_out(features):
    reference = features(10, 3)
    metric = NearestTrainingNeighbour(reference)
    metric.update(features(5, 3, seed=1))
    metric.update(reference[:4], real=True)
    with pytest.raises(ValueError, match="outside the training split"):
        metric.compute()


def test_generated_clips_and_a_reference_are_needed(features):
    metric = NearestTrainingNeighbour(features(10, 3))
    metric.update(features(5, 3), real=True)
    with pytest.raises(ValueError, match="at least 1 generated"):
        metric.compute()
    with pytest.raises(ValueError, match=r"got \(0, 3\)"):
        NearestTrainingNeighbour(torch.zeros(0, 3))


def test_memorised_share_is_that_below_the_quantile_of_the_null(features):
    reference, x = features(40, 3), features(50, 3, seed=1)
    distances = torch.cdist(x, reference).min(dim=1).values
    null = torch.linspace(0.0, 2.0 * float(distances.median()) / 0.3, 101)[:51]  # 30 % of it lie below the median
    metric = NearestTrainingNeighbour(reference, null=null, quantile=0.3)
    for part in x.split(7):
        metric.update(part)
    found, share = metric.compute(), float((distances < null.double().quantile(0.3)).double().mean())
    assert 0.0 < found["memorised"].item() == share < 1.0
    interval = wilson_interval(round(50 * share), 50)
    assert (found["memorised_low"].item(), found["memorised_high"].item()) == (interval.low, interval.high)


def test_what_repeats_nothing_has_the_share_of_the_null_and_copies_have_all(features):
    train, held_out, new = features(400, 3), features(2000, 3, seed=1), features(2000, 3, seed=2)
    for null in (nearest_distances(held_out, train), distances_without_itself(train)):
        metric = NearestTrainingNeighbour(train, null=null)
        metric.update(new)
        assert metric.compute()["memorised_low"] < 0.06 and metric.compute()["memorised_high"] > 0.04
        metric.reset()
        metric.update(torch.cat([new[:300], train[:100] + 1e-3]))
        assert metric.compute()["memorised"] > 0.25 and metric.compute()["memorised_low"] > 0.2


def test_distances_without_itself(features):
    x = features(30, 4)
    expected = (torch.cdist(x, x) + torch.diag(torch.full((30,), torch.inf))).min(dim=1).values
    assert_close(distances_without_itself(x), expected, rtol=1e-9, atol=0)
    assert (distances_without_itself(x[[0, 0, 1]])[:2] == 0.0).all()


def test_null_must_fit(features):
    for options in ({"null": torch.zeros(0)}, {"null": torch.ones(3), "quantile": 1.0}):
        with pytest.raises(ValueError, match="null distances of shape"):
            NearestTrainingNeighbour(features(10, 3), **options)
