"""Intervals of scores that sums determine, against the plain bootstrap of the scores themselves."""

from functools import partial

import numpy as np
import pytest
import torch

from lightning_modules.metrics import (
    AMScore,
    ScoreIntervals,
    am_from_sums,
    bootstrap,
    inception_from_sums,
    inception_score,
    modified_inception_from_sums,
    modified_inception_score,
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


def intervals(log_probs, index=None, size=17, **options):
    metric = ScoreIntervals({name: score for name, (score, _) in SCORES.items()}, **options)
    for part, place in zip(log_probs.split(size), torch.arange(len(log_probs)).split(size), strict=True):
        metric.update(part, None if index is None else index[place])
    return metric.compute()


@pytest.mark.parametrize("count", [2, 40])
def test_equal_the_plain_bootstrap(count, predictions):
    log_probs = predictions(count)
    found = intervals(log_probs, num_resamples=60, level=0.8, seed=5)
    assert len(found) == 6
    for name, (_, score) in SCORES.items():
        expected = bootstrap(log_probs, score, num_resamples=60, level=0.8, seed=5)
        assert found[f"{name}_low"] == pytest.approx(expected.low, rel=1e-9)
        assert found[f"{name}_high"] == pytest.approx(expected.high, rel=1e-9)


def test_hold_the_score_and_narrow_with_more_clips(predictions):
    few, many = (intervals(predictions(count, seed=1), num_resamples=200) for count in (100, 1600))
    for name, (_, score) in SCORES.items():
        assert few[f"{name}_low"] < score(predictions(100, seed=1)) < few[f"{name}_high"]
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


def test_one_clip_has_no_interval(predictions):
    with pytest.raises(ValueError, match="at least 2 resampled samples, got 1"):
        intervals(predictions(1))
