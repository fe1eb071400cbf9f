"""Kernel distance against sums over all pairs."""

import numpy as np
import pytest
import torch

from lightning_modules.metrics import KernelDistance, kernel_distance, split_signs
from lightning_modules.metrics.resampling import smallest_hashes


def brute_force(x, y):
    def kernel(a, b):
        return (np.dot(a, b) / len(a) + 1.0) ** 3

    xx = np.mean([kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    yy = np.mean([kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    return xx + yy - 2 * np.mean([kernel(a, b) for a in x for b in y])


def test_equals_all_pairs(features):
    x, y = features(12, 5), features(9, 5, seed=1, shift=0.2)
    assert kernel_distance(x, y).item() == pytest.approx(brute_force(x.numpy(), y.numpy()), rel=1e-9)


def test_chunks_of_rows_add_up(features):
    x, y = features(1500, 3), features(30, 3, seed=1)
    gram = (torch.cat([x, y]) @ torch.cat([x, y]).mT / 3 + 1) ** 3
    gram.fill_diagonal_(0.0)
    xx, yy, xy = gram[:1500, :1500], gram[1500:, 1500:], gram[:1500, 1500:]
    expected = xx.sum() / (1500 * 1499) + yy.sum() / (30 * 29) - 2 * xy.mean()
    assert kernel_distance(x, y).item() == pytest.approx(expected.item(), rel=1e-9)


def test_value_is_that_of_all_pairs_and_error_that_of_halves(features):
    x, y = features(22, 4), features(44, 4, seed=1, shift=0.3)
    metric = KernelDistance(4, num_subsets=5, seed=7)
    metric.update(x)
    metric.update(y, real=True)
    found = metric.compute()
    assert found["kid"].item() == pytest.approx(brute_force(x.numpy(), y.numpy()), rel=1e-9)
    signs = zip(split_signs(torch.zeros(22), 5, seed=7), split_signs(torch.zeros(44), 5, seed=8), strict=True)
    halves = np.array([[brute_force(x[a == s].numpy(), y[b == s].numpy()) for s in (1, -1)] for a, b in signs])
    linear, quadratic = np.mean(np.diff(halves) ** 2) / 4, halves.mean(axis=1).var(ddof=1)
    expected = np.sqrt(max(linear - 2 * quadratic, 0) * min(1, linear / (4 * quadratic)) + quadratic)
    assert found["kid_error"].item() == pytest.approx(expected, rel=1e-7)
    assert found["kid_low"] <= found["kid"] < found["kid_high"]


def by_classes(a, b, y, z):
    """Mean kernel of two clips whose classes are drawn by their shares, without pairs of a clip with itself."""
    total = 0.0
    for k in set(y):
        for m in set(z):
            pairs = [((p @ q) / len(p) + 1) ** 3 for p in a[y == k] for q in b[z == m] if p is not q and (p != q).any()]
            total += np.mean(y == k) * np.mean(z == m) * np.mean(pairs)
    return total


def test_pairs_of_one_class_weigh_more_where_classes_are_given(features):
    x, y = features(9, 4).numpy(), features(12, 4, seed=1, shift=0.3).numpy()
    k, m = np.array([0, 1, 1] * 3), np.array([0, 0, 1] * 4)
    expected = by_classes(x, x, k, k) + by_classes(y, y, m, m) - 2 * by_classes(x, y, k, m)
    metric = KernelDistance(4, reference=torch.tensor(y), reference_classes=torch.tensor(m))
    metric.update(torch.tensor(x), y=torch.tensor(k))
    assert metric.compute()["kid"].item() == pytest.approx(expected, rel=1e-9)


def test_digits_in_turns_do_not_bias_the_distance(features):
    """Without classes the mean of these trials is 20 standard errors below zero."""
    y = torch.arange(40) % 4

    def draw(seed):
        return features(40, 3, seed=seed) + 2.0 * torch.eye(4, 3)[y]

    values = []
    for seed in range(64):
        metric = KernelDistance(3, 2)
        metric.update(draw(2 * seed), y=y)
        metric.update(draw(2 * seed + 1), real=True, y=y)
        values.append(metric.compute()["kid"].item())
    assert abs(np.mean(values)) < 4 * np.std(values) / 8


def test_own_part_of_a_reference_is_computed_once_and_anew_when_it_changes(features):
    reference, x = features(40, 4, seed=1), features(30, 4)

    def value():
        metric = KernelDistance(4, 4, reference=reference)
        metric.update(x)
        return metric.compute()["kid"].item()

    assert value() == value() == pytest.approx(kernel_distance(x, reference).item(), rel=1e-12)
    reference.mul_(2.0)
    assert value() == pytest.approx(kernel_distance(x, reference).item(), rel=1e-12)


def test_equal_distributions_are_at_zero_on_average_even_with_few_samples():
    """Biased estimates of 6 samples would all lie above zero; the mean over trials must vanish within 4 errors."""
    rng = np.random.default_rng(0)
    draws = torch.tensor(rng.normal(size=(400, 2, 6, 3)))
    values = np.array([kernel_distance(x, y).item() for x, y in draws])
    assert (values < 0).any()
    assert abs(values.mean()) < 4 * values.std() / 20


def test_value_depends_on_places_not_on_order(features):
    x, y = features(40, 4), features(40, 4, seed=1)
    ordered, shuffled = KernelDistance(4, 4), KernelDistance(4, 4)
    ordered.update(x)
    ordered.update(y, real=True)
    order = torch.tensor(np.random.default_rng(0).permutation(40))
    for part in order.split(7):
        shuffled.update(x[part], index=part)
        shuffled.update(y[part], real=True, index=part)
    assert shuffled.compute()["kid"].item() == ordered.compute()["kid"].item()


def test_limit_keeps_rows_chosen_by_place(features):
    """In any batches, in any order, and as a stored reference; more than the limit is not kept for long."""
    x, y = features(90, 4), features(80, 4, seed=1, shift=0.3)
    kept = [rows[smallest_hashes(torch.arange(len(rows)), 40)] for rows in (x, y)]
    expected = kid(*kept, limit=40)
    for part in (90, 13, 1):
        metric = KernelDistance(4, 4, reference=y, limit=40)
        for place in torch.tensor(np.random.default_rng(0).permutation(90)).split(part):
            metric.update(x[place], index=place)
            assert sum(rows.numel() for rows in metric.generated) <= 50 * 6
        assert metric.compute() == expected == kid(x, y, limit=40)
    assert kid(x, y) != expected


def test_below_the_limit_nothing_changes(features):
    x, y = features(40, 4), features(30, 4, seed=1)
    assert kid(x, y, limit=40) == kid(x, y, limit=1000)


def kid(x, y, **options):
    metric = KernelDistance(4, 4, **options)
    for part in x.split(7):
        metric.update(part)
    metric.update(y, real=True)
    return metric.compute()


def test_reference_excludes_real_updates(features):
    with pytest.raises(ValueError, match="stored reference"):
        KernelDistance(4, reference=features(30, 4)).update(features(3, 4), real=True)
    with pytest.raises(ValueError, match="limit of at least 4 clips, got 3"):
        KernelDistance(4, limit=3)


@pytest.mark.parametrize(("generated", "real", "message"), [(3, 8, "at least 4 generated"), (8, 3, "at least 4 real")])
def test_too_few_clips(generated, real, message, features):
    metric = KernelDistance(4)
    metric.update(features(generated, 4))
    metric.update(features(real, 4), real=True)
    with pytest.raises(ValueError, match=f"{message} samples, got 3"):
        metric.compute()


def test_one_clip_has_no_distance(features):
    with pytest.raises(ValueError, match="at least 2 real"):
        kernel_distance(features(5, 4), features(1, 4))


def test_standard_error_needs_two_subsets():
    with pytest.raises(ValueError, match="at least 2 subsets"):
        KernelDistance(4, num_subsets=1)


def test_places_must_fit(features):
    metric = KernelDistance(4, num_subsets=2)
    with pytest.raises(ValueError, match=r"index of shape \(5,\)"):
        metric.update(features(5, 4), index=torch.arange(4))
    metric.update(features(5, 4), index=torch.tensor([0, 1, 2, 3, 3]))
    metric.update(features(5, 4), real=True)
    with pytest.raises(ValueError, match="every sample once"):
        metric.compute()
