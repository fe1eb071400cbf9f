"""Fractions are stratified, nested and seeded."""

from itertools import pairwise

import numpy as np
import pytest

from datamodules.subsets import check_labels, check_trained_labels, select_fraction
from lightning_modules.errors import InputError

LABELS = np.repeat([0, 4, 9], [400, 100, 5])
PATHS = [f"{label}/{number}.wav" for number, label in enumerate(LABELS)]


def rows(fraction, seed=0):
    return select_fraction(LABELS, PATHS, fraction, seed)


def test_nested_and_stratified():
    chain = [set(rows(fraction)) for fraction in (0.001, 0.03, 0.1, 0.37, 1.0)]
    assert all(small <= large for small, large in pairwise(chain))
    assert [int((LABELS[rows(0.1)] == label).sum()) for label in (0, 4, 9)] == [40, 10, 1]
    assert [int((LABELS[rows(0.001)] == label).sum()) for label in (0, 4, 9)] == [1, 1, 1]
    assert len(rows(1.0)) == len(LABELS)


def test_seed_and_order():
    assert np.array_equal(rows(0.1), rows(0.1)) and not np.array_equal(rows(0.1), rows(0.1, seed=1))
    backwards = select_fraction(LABELS[::-1], PATHS[::-1], 0.1, 0)
    assert {PATHS[::-1][row] for row in backwards} == {PATHS[row] for row in rows(0.1)}


@pytest.mark.parametrize("labels", [[10], [-1], [1, 1], [], [True], [2.5]])
def test_bad_labels(labels):
    with pytest.raises(InputError):
        check_labels(labels)


def test_a_digit_without_clips_is_named(tmp_path):
    check_trained_labels(np.array([3, 7, 3]), [3, 7], tmp_path)
    with pytest.raises(InputError, match=r"none of \[0, 5\]: add recordings to zero, five, or set labels to \[3\]"):
        check_trained_labels(np.array([3, 7, 3]), [0, 3, 5], tmp_path)
    with pytest.raises(InputError, match=r"digits \[0\] in .*, found none: .*speaker_pattern.* or change labels"):
        check_trained_labels([3], [0], tmp_path)
