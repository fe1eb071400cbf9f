"""Intervals against theory, by bootstrap and by Wilson, and subsets without a common row."""

import math

import numpy as np
import pytest
import torch

from lightning_modules.metrics import (
    bootstrap,
    bootstrap_sums,
    disjoint_subsets,
    inception_score,
    resampling,
    wilson_interval,
)
from lightning_modules.metrics.resampling import place_hashes, smallest_hashes


def test_interval_of_a_mean_is_the_normal_one():
    values = torch.tensor(np.random.default_rng(0).normal(3.0, 2.0, size=2000))
    found = bootstrap(values)
    half = 1.96 * values.std().item() / 2000**0.5
    assert found.value == pytest.approx(values.mean().item(), rel=1e-12)
    assert found.low == pytest.approx(found.value - half, abs=0.1 * half)
    assert found.high == pytest.approx(found.value + half, abs=0.1 * half)


def test_interval_of_the_mean_covers_the_truth():
    rng = np.random.default_rng(0)
    trials = [bootstrap(torch.tensor(rng.exponential(size=60)), num_resamples=200, level=0.9) for _ in range(200)]
    covered = sum(found.low <= 1.0 <= found.high for found in trials)
    assert 160 <= covered <= 190  # 90 % of 200, less what 60 skewed samples lose


def test_any_statistic_of_rows(predictions):
    log_probs = predictions(300)
    found = bootstrap(log_probs, inception_score, num_resamples=50)
    assert found.value == pytest.approx(inception_score(log_probs).item(), rel=1e-12)
    assert found.low < found.high < 10.0


def test_seed_and_level_decide():
    values = torch.arange(50.0)
    assert bootstrap(values, seed=1) == bootstrap(values, seed=1) != bootstrap(values, seed=2)
    narrow, wide = bootstrap(values, level=0.5), bootstrap(values, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_global_generator_is_left_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    bootstrap(torch.arange(5.0), num_resamples=3)
    disjoint_subsets(10, 2)
    assert torch.rand(1) == expected


@pytest.mark.parametrize("memory", [1, 300, 2**22])
def test_sums_see_the_same_draws(memory, monkeypatch):
    """In chunks of one resample, of seven, and of all; the statistic is a ratio of sums."""
    monkeypatch.setattr(resampling, "_WEIGHTS", memory)
    values = torch.tensor(np.random.default_rng(0).exponential(size=(40, 2)))
    expected = bootstrap(values, lambda rows: rows[:, 0].sum() / rows[:, 1].sum(), num_resamples=50, seed=3)
    found = bootstrap_sums(values, lambda sums: sums[:, 0] / sums[:, 1], num_resamples=50, seed=3)
    assert found == pytest.approx(expected, rel=1e-12)


def test_infinite_rows_count_where_they_are_drawn():
    values = torch.tensor([[1.0], [2.0], [-torch.inf]])
    plain = bootstrap(values, lambda rows: rows.sum().isinf().double(), num_resamples=200)
    assert bootstrap_sums(values, lambda sums: sums[:, 0].isinf().double(), num_resamples=200) == plain
    finite = bootstrap_sums(values, lambda sums: torch.where(sums.isinf(), 0.0, sums)[:, 0], num_resamples=200)
    assert 3.0 <= finite.high <= 6.0


def test_labels_without_fraction_have_a_mean():
    assert bootstrap(torch.tensor([True, False, True, True])).value == 0.75


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (torch.zeros(1), {}, "at least 2 resampled samples, got 1"),
        (torch.zeros(5), {"num_resamples": 0}, "at least 1 resample"),
        (torch.zeros(5), {"level": 1.0}, r"level in \(0, 1\)"),
    ],
)
def test_nothing_to_resample(values, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(values, **options)
    with pytest.raises(ValueError, match=message):
        bootstrap_sums(values[:, None], lambda sums: sums[:, 0], **options)


def test_subsets_are_disjoint_equal_and_random():
    parts = disjoint_subsets(23, 4, seed=1)
    assert [len(part) for part in parts] == [5, 5, 5, 5]
    rows = torch.cat(parts).tolist()
    assert len(set(rows)) == 20 and set(rows) <= set(range(23)) and rows != sorted(rows)
    assert torch.equal(torch.cat(disjoint_subsets(23, 4, seed=1)), torch.cat(parts))
    assert not torch.equal(torch.cat(disjoint_subsets(23, 4, seed=2)), torch.cat(parts))


@pytest.mark.parametrize("num_subsets", [0, 4])
def test_empty_subsets(num_subsets):
    with pytest.raises(ValueError, match="1 to 3 subsets of 3 samples"):
        disjoint_subsets(3, num_subsets)


def test_hashes_are_those_of_splitmix64():
    """The first two outputs of the generator with state 0: seeds continue its sequence. One bit is left out."""
    assert place_hashes(torch.tensor([0]), 0).item() == 0xE220A8397B1DCDAF >> 1
    assert place_hashes(torch.tensor([0.0]).double(), 1).item() == 0x6E789E6AA1B965F4 >> 1


def test_hashes_are_uniform():
    values = place_hashes(torch.arange(20_000)).double() / 2**63
    counts = torch.histc(values, 20, 0.0, 1.0)
    assert ((counts - 1000).square() / 1000).sum() < 50  # chi square of 19 degrees of freedom: p < 1e-4


def test_choice_of_parts_holds_the_choice_of_the_whole():
    places = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    whole = set(places[smallest_hashes(places, 10)].tolist())
    joined = torch.cat([part[smallest_hashes(part, 10)] for part in places.split(23)])
    assert set(joined[smallest_hashes(joined, 10)].tolist()) == whole and len(whole) == 10
    assert set(places[smallest_hashes(places, 10, seed=1)].tolist()) != whole
    assert smallest_hashes(places, 10).tolist() == sorted(smallest_hashes(places, 10).tolist())
    assert smallest_hashes(places, 100).tolist() == list(range(100))


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (3, 10), (150, 200), (1, 1)])
def test_wilson_ends_are_where_the_score_test_rejects(hits, count):
    value, low, high = wilson_interval(hits, count)
    assert value == hits / count and 0.0 <= low <= value <= high <= 1.0
    for end in (low, high):
        if 0.0 < end < 1.0:
            z = (value - end) / math.sqrt(end * (1 - end) / count)
            assert abs(z) == pytest.approx(1.959964, rel=1e-9)


def test_wilson_of_nothing_and_everything_keeps_its_width():
    assert wilson_interval(0, 10).high == pytest.approx(0.2775, abs=1e-4) and wilson_interval(0, 10).low == 0.0
    assert wilson_interval(10, 10).low == pytest.approx(1 - 0.2775, abs=1e-4) and wilson_interval(10, 10).high == 1.0


@pytest.mark.parametrize(("hits", "count"), [(0, 0), (3, 2), (-1, 5)])
def test_wilson_of_impossible_counts(hits, count):
    with pytest.raises(ValueError, match=f"got {hits} of {count}"):
        wilson_interval(hits, count)
