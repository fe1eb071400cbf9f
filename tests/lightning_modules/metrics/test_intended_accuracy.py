"""Accuracy of intended classes against counting by hand."""

import numpy as np
import pytest
import torch

from lightning_modules.metrics import IntendedAccuracy


@pytest.fixture
def heard(predictions):
    """Predictions and intended classes: two thirds agree, some have no intended class, class 7 is never asked for."""
    log_probs = predictions(120)
    rng = np.random.default_rng(3)
    y = np.where(rng.random(120) < 0.67, log_probs.argmax(1).numpy(), rng.integers(0, 10, 120))
    y[rng.random(120) < 0.2] = -1
    y[y == 7] = 6
    return log_probs, torch.tensor(y)


def measure(log_probs, y, size=31):
    metric = IntendedAccuracy()
    for part in zip(log_probs.split(size), y.split(size), strict=True):
        metric.update(*part)
    return metric.compute()


def test_equals_counting(heard):
    log_probs, y = heard
    best, found = log_probs.argmax(1), measure(*heard)
    assert found["accuracy"].item() == pytest.approx((best == y)[y >= 0].double().mean().item(), rel=1e-12)
    assert found["confidence"].item() == pytest.approx(log_probs.exp().amax(1).mean().item(), rel=1e-12)
    largest = log_probs.exp().amax(1).double()
    assert found["confidence_error"].item() == pytest.approx(largest.std().item() / 120**0.5, rel=1e-9)
    confusion = np.zeros((10, 10), dtype=int)
    for asked, answer in zip(y.tolist(), best.tolist(), strict=True):
        if asked >= 0:
            confusion[asked, answer] += 1
    np.testing.assert_array_equal(found["confusion"], confusion)
    for k in set(y.tolist()) - {-1}:
        assert found[f"accuracy_{k}"].item() == pytest.approx((best == k)[y == k].double().mean().item(), rel=1e-12)


def test_classes_without_clip_are_left_out(heard):
    found = measure(*heard)
    assert "accuracy_7" not in found and found["confusion"][7].sum() == 0
    assert {name for name in found if name.startswith("accuracy_")} == {f"accuracy_{k}" for k in range(10) if k != 7}
    assert all(value.isfinite().all() for value in found.values())


def test_without_intended_classes_there_is_no_accuracy(predictions):
    found = measure(predictions(5), torch.full((5,), -1))
    assert set(found) == {"confidence", "confidence_error", "confusion"} and found["confusion"].sum() == 0


@pytest.mark.parametrize("y", [[0, 10], [0, -2]])
def test_unknown_classes(y, predictions):
    with pytest.raises(ValueError, match="classes from -1 to 9"):
        IntendedAccuracy().update(predictions(2), torch.tensor(y))


def test_counts_must_fit(predictions):
    with pytest.raises(ValueError, match="expected 2 intended classes"):
        IntendedAccuracy().update(predictions(2), torch.zeros(1, dtype=torch.long))


def test_nothing_heard():
    metric = IntendedAccuracy()
    metric.update(torch.zeros(0, 10), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ValueError, match="at least 1 generated"):
        metric.compute()
