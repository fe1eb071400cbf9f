"""Means by noise level, over any split into batches and processes."""

import numpy as np
import pytest
import torch

from lightning_modules.metrics import NoiseLevelMean


@pytest.fixture
def observations():
    rng = np.random.default_rng(0)
    return torch.tensor(rng.exponential(size=50)), torch.tensor(rng.uniform(size=50))


def test_bins_and_total(observations):
    values, t = observations
    metric = NoiseLevelMean(4)
    for part in range(0, 50, 7):
        metric.update(values[part : part + 7], t[part : part + 7])
    means = metric.compute()
    assert list(means) == ["all", "t0.00-0.25", "t0.25-0.50", "t0.50-0.75", "t0.75-1.00"]
    assert means["all"].item() == pytest.approx(values.mean().item())
    for name, low in zip(list(means)[1:], (0.0, 0.25, 0.5, 0.75), strict=True):
        inside = (t >= low) & (t < low + 0.25)
        assert means[name].item() == pytest.approx(values[inside].mean().item())
        assert means[name].dtype == torch.float32


def test_edges_belong_to_the_upper_bin_and_one_to_the_last():
    metric = NoiseLevelMean(2)
    metric.update(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.0, 0.5, 1.0]))
    assert {name: mean.item() for name, mean in metric.compute().items()} == {
        "all": pytest.approx(7 / 3),
        "t0.00-0.50": 1.0,
        "t0.50-1.00": 3.0,
    }


def test_empty_bins_are_left_out():
    metric = NoiseLevelMean(4)
    metric.update(torch.tensor([1.0]), torch.tensor([0.6]))
    assert list(metric.compute()) == ["all", "t0.50-0.75"]


def test_processes_of_unequal_share_merge_exactly(observations):
    values, t = observations
    whole, first, second = NoiseLevelMean(3), NoiseLevelMean(3), NoiseLevelMean(3)
    whole.update(values, t)
    first.update(values[:13], t[:13])
    second.update(values[13:], t[13:])
    first.merge_state(second)
    for name, mean in whole.compute().items():
        assert first.compute()[name].item() == pytest.approx(mean.item(), rel=1e-6)


def test_long_sums_of_float32_do_not_drift():
    metric = NoiseLevelMean(1)
    for _ in range(100):
        metric.update(torch.full((10000,), 0.1), torch.full((10000,), 0.5))
    assert metric.compute()["all"].item() == pytest.approx(0.1, rel=1e-7)


def test_gradients_are_not_kept():
    metric = NoiseLevelMean(2)
    metric.update(torch.ones(2, requires_grad=True) * 2, torch.tensor([0.1, 0.9]))
    assert not metric.compute()["all"].requires_grad
