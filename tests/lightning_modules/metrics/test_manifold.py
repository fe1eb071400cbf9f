"""Precision, recall, density and coverage against the definitions of the two papers, written out over all pairs."""

import numpy as np
import pytest
import torch

from lightning_modules.metrics import ManifoldMetrics, wilson_interval
from lightning_modules.metrics.neighbour_balls import ball_counts, neighbour_radii
from lightning_modules.metrics.resampling import smallest_hashes


def by_definition(real, fake, k):
    """Kynkäänniemi et al. 2019, Eq. 1 to 3, and Naeem et al. 2020, Eq. 3 and 4."""
    between = np.array([[np.sqrt(np.sum((r - f) ** 2)) for f in fake] for r in real])

    def radius(points):
        return np.array([np.sort([np.sqrt(np.sum((p - q) ** 2)) for q in points])[k] for p in points])  # [0] is itself

    in_real, in_fake = between < radius(real)[:, None], between < radius(fake)[None]
    return {
        "precision": in_real.any(axis=0).mean(),
        "recall": in_fake.any(axis=1).mean(),
        "density": in_real.sum(axis=0).mean() / k,
        "coverage": in_real.any(axis=1).mean(),
    }


def measure(real, fake, part=7, index=None, **options):
    metric = ManifoldMetrics(real, **options)
    for place in torch.arange(len(fake)).split(part):
        metric.update(fake[place], None if index is None else index[place])
    return metric.compute()


@pytest.mark.parametrize("nearest", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_equal_the_definitions(nearest, shift, features):
    real, fake = features(60, 4), features(45, 4, seed=1, shift=shift)
    found = measure(real, fake, nearest=nearest)
    for name, value in by_definition(real.numpy(), fake.numpy(), nearest).items():
        assert found[name].item() == pytest.approx(value, abs=1e-12)
        assert 0.0 <= found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    assert len(set(by_definition(real.numpy(), fake.numpy(), nearest).values())) > 2


def test_clips_on_the_edge_of_a_ball_are_outside():
    """Far from zero, where products of matrices round: on a line every second neighbour lies on an edge exactly."""
    real = torch.arange(40.0).double()[:, None] * torch.ones(1, 7) + 1000.0
    fake = torch.cat([real[::3], real[5:9] + 0.25, real[:3] - 5.0])
    for nearest in (1, 2, 3):
        found = measure(real, fake, nearest=nearest)
        for name, value in by_definition(real.numpy(), fake.numpy(), nearest).items():
            assert found[name].item() == pytest.approx(value, abs=1e-12), (name, nearest)


def test_copies_of_the_training_clips(features):
    real = features(50, 6)
    found = measure(real, real.clone())
    assert found["precision"] == found["recall"] == found["coverage"] == 1.0
    assert found["density"].item() == pytest.approx(by_definition(real.numpy(), real.numpy(), 5)["density"])


def test_one_repeated_clip_is_precise_and_covers_nothing(features):
    real = features(200, 3)
    found = measure(real, real[:1].repeat(30, 1) + 1e-3)
    assert found["precision"] == 1.0 and found["recall"] == 0.0 and found["coverage"] < 0.1


def test_intervals_of_shares_are_wilsons(features):
    real, fake = features(60, 4), features(45, 4, seed=1, shift=0.8)
    found = measure(real, fake)
    for name, count in (("precision", 45), ("recall", 60), ("coverage", 60)):
        interval = wilson_interval(round(found[name].item() * count), count)
        assert (found[f"{name}_low"], found[f"{name}_high"]) == (interval.low, interval.high)


def test_chunks_do_not_matter(features):
    points, centers = features(90, 3), features(70, 3, seed=1)
    whole, parts = (ball_counts(centers, neighbour_radii(centers, 4, c), points, c) for c in (1000, 16))
    assert torch.equal(whole.points_in_ball, parts.points_in_ball)
    assert torch.equal(whole.balls_of_point, parts.balls_of_point)
    assert torch.equal(neighbour_radii(points, 4, 16), neighbour_radii(points, 4, 1000))


def test_limit_keeps_clips_chosen_by_place(features):
    real, fake = features(60, 4), features(90, 4, seed=1, shift=0.3)
    kept = [rows[smallest_hashes(torch.arange(len(rows)), 40)] for rows in (real, fake)]
    expected = measure(*kept)
    for part in (90, 13):
        order = torch.tensor(np.random.default_rng(0).permutation(90))
        assert measure(real, fake[order], part, order, limit=40) == expected
    assert measure(real, fake) != expected


def test_radii_of_a_reference_follow_its_changes(features):
    real, fake = features(60, 4), features(45, 4, seed=1, shift=0.5)
    first = measure(real, fake)
    real.mul_(3.0)
    assert measure(real, fake) == measure(real.clone(), fake) != first


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_what_cannot_be_measured(features):
    with pytest.raises(ValueError, match="at least 6 generated samples, got 5"):
        measure(features(30, 4), features(5, 4))
    with pytest.raises(ValueError, match=r"more than 5 rows, got shape \(5, 4\)"):
        ManifoldMetrics(features(5, 4))
    with pytest.raises(ValueError, match="nearest of at least 1"):
        ManifoldMetrics(features(9, 4), nearest=0)
