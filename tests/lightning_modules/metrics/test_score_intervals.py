"""Intervals of scores that sums determine, against the scores of halves themselves."""

from functools import partial

import numpy as np
import pytest
import torch

from lightning_modules.metrics import (
    AMScore,
    ScoreIntervals,
    am_from_sums,
    half_sample_scatter,
    inception_from_sums,
    inception_score,
    modified_inception_from_sums,
    modified_inception_score,
    split_signs,
)

TRAIN = torch.arange(1.0, 11.0).double() / 55.0


def am_score(log_probs):
    metric = AMScore(reference=TRAIN)
    metric.update(log_probs)
    return metric.compute()


SCORES = {
    "is": (inception_from_sums, inception_score),
    "mis": (modified_inception_from_sums, modified_inception_score),
    "am": (partial(am_from_sums, train=TRAIN), am_score),
}


def intervals(log_probs, index=None, size=17, y=None, **options):
    metric = ScoreIntervals({name: score for name, (score, _) in SCORES.items()}, **options)
    for place in torch.arange(len(log_probs)).split(size):
        given = None if index is None else index[place], None if y is None else y[place]
        metric.update(log_probs[place], *given)
    return metric.compute()


def test_equal_those_of_the_scores_of_halves(predictions):
    log_probs, y = predictions(40), torch.arange(40) % 2
    found = intervals(log_probs, y=y, num_resamples=60, level=0.8, seed=5, logarithmic=["mis"])
    assert len(found) == 6
    signs = split_signs(y, 60, seed=5)
    for name, (_, score) in SCORES.items():
        scale, back = (torch.log, torch.exp) if name == "mis" else (torch.clone, torch.clone)
        first, second = (torch.stack([scale(score(log_probs[sign == side])) for sign in signs]) for side in (1, -1))
        scatter = half_sample_scatter(torch.cat([scale(score(log_probs))[None], first, second]), signs)
        middle, reach = scale(score(log_probs)) - scatter.bias, 1.2815516 * scatter.error
        low, high = back(middle - reach).item(), back(middle + reach).item()
        assert found[f"{name}_low"] == pytest.approx(min(low, score(log_probs).item()), rel=1e-7)
        assert found[f"{name}_high"] == pytest.approx(max(high, score(log_probs).item()), rel=1e-7)


@pytest.mark.parametrize("count", [2, 5, 100])
def test_hold_the_score_itself(count, predictions):
    """Of few clips the bias is larger than the error, and half of them are all alike."""
    for seed in range(20):
        log_probs = predictions(count, seed=seed, sharpness=12.0)
        found = intervals(log_probs, num_resamples=50)
        for name, (_, score) in SCORES.items():
            assert found[f"{name}_low"] <= score(log_probs) <= found[f"{name}_high"]


def test_stay_within_the_bounds_of_a_score(predictions):
    found = intervals(predictions(60, sharpness=12.0), bounds={"is": (1.0, 9.7), "am": (0.0, 0.21)})
    free = intervals(predictions(60, sharpness=12.0))
    assert free["is_high"] > 9.7 == found["is_high"] and free["am_high"] > 0.21 == found["am_high"]


def test_narrow_with_more_clips(predictions):
    few, many = (intervals(predictions(count, seed=1), num_resamples=200) for count in (100, 1600))
    for name in SCORES:
        ratio = (many[f"{name}_high"] - many[f"{name}_low"]) / (few[f"{name}_high"] - few[f"{name}_low"])
        assert 0.1 < ratio < 0.5  # 1/4 in theory


def test_depend_on_places_alone(predictions):
    log_probs = predictions(60)
    order = torch.tensor(np.random.default_rng(0).permutation(60))
    assert intervals(log_probs[order], order, size=7, num_resamples=20) == intervals(log_probs, num_resamples=20)


def test_classes_that_are_never_heard(predictions):
    """The AM score's sums lack a class of the training data: a large distance, and where it is surely absent, none."""
    absent = predictions(30, np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0]) / 3)
    assert all(np.isfinite(value) for value in intervals(absent, num_resamples=20).values())
    absent[:, 9] = -torch.inf
    found = intervals(absent, num_resamples=20)
    assert not np.isfinite(found["am_low"]) and all(np.isfinite(found[f"{name}_low"]) for name in ("is", "mis"))


def test_what_has_no_interval(predictions):
    with pytest.raises(ValueError, match="at least 2 split samples, got 1"):
        intervals(predictions(1))
    with pytest.raises(ValueError, match="level in"):
        intervals(predictions(3), level=1.0)
