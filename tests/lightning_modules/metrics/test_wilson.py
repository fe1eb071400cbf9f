"""Wilson's interval against its definition: the shares that a score test does not reject."""

import math

import pytest

from lightning_modules.metrics import wilson_interval


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (3, 10), (150, 200), (1, 1)])
def test_ends_are_where_the_score_test_rejects(hits, count):
    value, low, high = wilson_interval(hits, count)
    assert value == hits / count and 0.0 <= low <= value <= high <= 1.0
    for end in (low, high):
        if 0.0 < end < 1.0:
            z = (value - end) / math.sqrt(end * (1 - end) / count)
            assert abs(z) == pytest.approx(1.959964, rel=1e-9)


def test_nothing_and_everything_keep_their_width():
    assert wilson_interval(0, 10).high == pytest.approx(0.2775, abs=1e-4) and wilson_interval(0, 10).low == 0.0
    assert wilson_interval(10, 10).low == pytest.approx(1 - 0.2775, abs=1e-4) and wilson_interval(10, 10).high == 1.0


@pytest.mark.parametrize(("hits", "count"), [(0, 0), (3, 2), (-1, 5)])
def test_impossible_counts(hits, count):
    with pytest.raises(ValueError, match=f"got {hits} of {count}"):
        wilson_interval(hits, count)
