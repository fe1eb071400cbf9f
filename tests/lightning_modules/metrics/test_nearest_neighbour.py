"""Distances to training clips against SciPy's."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from lightning_modules.metrics import NearestTrainingNeighbour, nearest_distances


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
