"""Fréchet distance against matrix roots and closed forms, and its error against the scatter of repeated draws."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch.testing import assert_close

from lightning_modules.errors import InputError
from lightning_modules.metrics import (
    FeatureMoments,
    FeatureStatistics,
    FrechetDistance,
    FrechetError,
    frechet,
    frechet_distance,
    split_signs,
)


def gaussian(mean, covariance):
    return FeatureStatistics(torch.tensor(mean).double(), torch.tensor(covariance).double(), 100)


def by_matrix_root(x, y):
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(a + b - 2 * sqrtm(a @ b).real)


def moments(x, parts=1):
    metric = FeatureMoments(x.shape[1])
    for part in torch.tensor_split(x, parts):
        metric.update(part)
    return metric.compute()


def test_equals_the_matrix_root(features):
    x, y = features(300, 12), features(200, 12, seed=1, shift=0.3) * 1.5
    metric = FrechetDistance(12)
    metric.update(x, real=True)
    metric.update(y[:50])
    metric.update(y[50:], real=False)
    assert metric.compute().item() == pytest.approx(by_matrix_root(x.numpy(), y.numpy()), rel=1e-8)


def test_statistics_are_those_of_numpy_in_any_batches(features):
    x = features(101, 7)
    found = moments(x, parts=9)
    np.testing.assert_allclose(found.mean, x.numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(x.numpy(), rowvar=False), rtol=1e-10)
    assert found.num_clips == 101


def test_features_far_from_zero_keep_their_covariance(features):
    x = features(200, 4) + 1000.0
    np.testing.assert_allclose(moments(x).covariance, np.cov(x.numpy(), rowvar=False), rtol=1e-7)


def test_diagonal_gaussians_have_a_closed_form():
    a, b = gaussian([0.0, 1.0], [[4.0, 0.0], [0.0, 9.0]]), gaussian([3.0, 5.0], [[1.0, 0.0], [0.0, 25.0]])
    assert frechet_distance(a, b).item() == pytest.approx(9 + 16 + 1 + 4, rel=1e-12)


def test_one_feature():
    metric = FrechetDistance(1, moments(torch.tensor([[0.0], [2.0]])))
    metric.update(torch.tensor([[5.0], [9.0]]))
    assert metric.compute().item() == pytest.approx(36 + (8**0.5 - 2**0.5) ** 2, rel=1e-12)


def test_equal_sets_are_at_zero(features):
    statistics = moments(features(500, 40))
    assert 0.0 <= frechet_distance(statistics, statistics).item() < 1e-10


@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2])
def test_lines_are_singular_but_have_a_distance(angle):
    """Of covariances a aᵀ and b bᵀ, the trace of the root is |a·b|."""
    a, b = np.array([2.0, 0.0, 0.0]), 3.0 * np.array([np.cos(angle), np.sin(angle), 0.0])
    found = frechet_distance(gaussian(np.zeros(3), np.outer(a, a)), gaussian(np.zeros(3), np.outer(b, b)))
    assert found.item() == pytest.approx(4 + 9 - 2 * abs(a @ b), abs=1e-9)


def test_fewer_clips_than_features(features):
    """Both live in one plane of 60 dimensions: the distance is that inside the plane."""
    x, y = features(20, 5), features(15, 5, seed=1, shift=0.5)
    plane = torch.linalg.qr(torch.tensor(np.random.default_rng(0).normal(size=(60, 5)))).Q
    found = frechet_distance(moments(x @ plane.mT), moments(y @ plane.mT)).item()
    assert found == pytest.approx(by_matrix_root(x.numpy(), y.numpy()), rel=1e-9)


def test_points_have_the_distance_of_their_means():
    a, b = moments(torch.zeros(3, 4)), moments(torch.ones(3, 4))
    assert frechet_distance(a, b).item() == pytest.approx(4.0)


def test_stored_reference_gives_the_same(features, tmp_path):
    x, y = features(60, 6), features(50, 6, seed=1)
    moments(x).save(tmp_path / "new" / "train.pt")
    stored, both = FrechetDistance(6, FeatureStatistics.load(tmp_path / "new" / "train.pt")), FrechetDistance(6)
    both.update(x, real=True)
    for metric in (stored, both):
        metric.update(y)
    assert stored.compute().item() == both.compute().item() > 0.0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["train.pt"]


def test_generated_and_real_are_not_mixed_up(features):
    """The distance is symmetric, so the errors tell which side lacks clips."""
    metric = FrechetDistance(4)
    metric.update(features(10, 4), real=True)
    metric.update(features(1, 4))
    with pytest.raises(ValueError, match="at least 2 generated samples, got 1"):
        metric.compute()


def test_too_few_real_clips(features):
    metric = FrechetDistance(4)
    metric.update(features(10, 4))
    with pytest.raises(ValueError, match="at least 2 real samples, got 0"):
        metric.compute()


def test_reference_excludes_real_updates(features):
    metric = FrechetDistance(4, moments(features(10, 4)))
    with pytest.raises(ValueError, match="stored reference"):
        metric.update(features(10, 4), real=True)


def test_widths_must_fit(features):
    with pytest.raises(ValueError, match="reference of 5 features, got 4"):
        FrechetDistance(5, moments(features(10, 4)))
    with pytest.raises(ValueError, match=r"shape \(B, 5\), got \(10, 4\)"):
        FrechetDistance(5).update(features(10, 4))


@pytest.mark.parametrize("content", [None, b"", b"no statistics", {"mean": 1}])
def test_unreadable_statistics(content, tmp_path):
    path = tmp_path / "file.pt"
    if isinstance(content, dict):
        torch.save(content, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"file\.pt"):
        FeatureStatistics.load(path)


def test_a_reference_is_decomposed_once_and_anew_when_it_changes(monkeypatch):
    features = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).double()
    reference = FeatureStatistics(features.mean(dim=0), features.T.cov(), 50)
    calls, decompose = [], frechet.factor
    monkeypatch.setattr(frechet, "factor", lambda *given: calls.append(1) or decompose(*given))
    first = frechet.reference_factor(reference, features)
    assert frechet.reference_factor(reference, features) is first and len(calls) == 1
    reference.covariance.mul_(4.0)
    assert_close(frechet.reference_factor(reference, features).square().sum(), 4.0 * first.square().sum())


def distance(x, real):
    metric = FrechetDistance(x.shape[1], real)
    metric.update(x)
    return metric.compute().item()


def error(x, real, index=None, size=17, y=None, **options):
    metric = FrechetError(x.shape[1], real, **options)
    for place in torch.arange(len(x)).split(size):
        metric.update(x[place], place if index is None else index[place], None if y is None else y[place])
    return metric.compute().item()


def test_error_is_that_of_distances_of_halves(features):
    """Against the distances themselves, of the clips that each half holds."""
    real, x = moments(features(200, 5)), features(40, 5, seed=1, shift=0.2)
    y = torch.arange(40) % 2
    signs = split_signs(y, 6, seed=4)
    assert (signs[:, y == 0].sum(dim=1) == 0).all() and (signs.abs() == 1).all()
    first, second = ([distance(x[sign == side], real) for sign in signs] for side in (1, -1))
    odd, even = np.subtract(first, second) / 2, np.add(first, second) / 2
    quadratic = even.var(ddof=1)
    linear = np.mean(odd**2)
    expected = np.sqrt(max(linear - 2 * quadratic, 0) * min(1, linear / (4 * quadratic)) + quadratic)
    assert error(x, real, y=y, num_subsets=6, seed=4) == pytest.approx(expected, rel=1e-8)


def claimed_and_true_scatter(draw, real):
    draws = [draw(seed) for seed in range(1, 61)]
    scatter = np.std([distance(x, real) for x, _ in draws], ddof=1)
    return np.sqrt(np.mean([error(x, real, size=400, y=y) ** 2 for x, y in draws])), scatter


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_error_is_the_scatter_of_repeated_draws_near_and_far(shift, features):
    """At the reference itself the former error, by four subsets, was twice the scatter."""
    real = moments(features(100_000, 12))
    draw = lambda seed: (features(256, 12, seed=seed, shift=shift), None)  # noqa: E731
    claimed, scatter = claimed_and_true_scatter(draw, real)
    assert claimed == pytest.approx(scatter, rel=0.25)  # 60 draws scatter by 9 %


def test_error_of_digits_in_turns_leaves_their_numbers_out(features):
    """Two far classes: drawn at large their numbers vary, which is most of the scatter."""
    y = torch.arange(100) % 2

    def draw(seed, y):
        return features(100, 3, seed=seed) + 8.0 * y[:, None], y

    real = moments(draw(500, y)[0])
    claimed, scatter = claimed_and_true_scatter(lambda seed: draw(seed, y), real)
    assert claimed == pytest.approx(scatter, rel=0.25)
    assert error(draw(1, y)[0], real) > 3 * claimed


def test_error_depends_on_places_alone(features):
    real, x = moments(features(100, 4)), features(60, 4, seed=1)
    order = torch.tensor(np.random.default_rng(0).permutation(60))
    assert error(x[order], real, order, size=7) == pytest.approx(error(x, real), rel=1e-9)


def test_error_of_chosen_clips_stands_for_all(features):
    real, x = moments(features(4000, 3)), features(4000, 3, seed=1, shift=0.3)
    assert error(x, real, limit=500) == pytest.approx(error(x, real), rel=0.3)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_error_of_too_few_clips(count, features):
    with pytest.raises(ValueError, match=f"at least 4 generated samples, got {count}"):
        error(features(count, 4), moments(features(50, 4)))


def test_singular_covariances_have_an_error(features):
    real = moments(features(50, 6))
    assert error(features(8, 6, seed=1), real) > 0.0
    assert error(torch.ones(8, 6), real) == pytest.approx(0.0, abs=1e-10)


def test_error_of_one_feature():
    real = gaussian([0.0], 1.0)
    assert np.isfinite(error(torch.arange(9.0)[:, None], real))


def test_arguments_of_the_error_must_fit(features):
    real = moments(features(50, 4))
    with pytest.raises(ValueError, match="at least 2 subsets"):
        FrechetError(4, real, num_subsets=1)
    with pytest.raises(ValueError, match=r"index of shape \(5,\), got \(4,\)"):
        FrechetError(4, real).update(features(5, 4), torch.arange(4))
    with pytest.raises(ValueError, match=r"classes of shape \(5,\), got \(4,\)"):
        FrechetError(4, real).update(features(5, 4), y=torch.arange(4))
