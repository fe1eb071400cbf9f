"""AM score against its formula in SciPy."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from lightning_modules.metrics import AMScore

SKEWED = np.array([40, 30, 10, 5, 5, 2, 2, 2, 2, 2]) / 100


def formula(train, generated):
    train, generated = train.exp().numpy(), generated.exp().numpy()
    return entropy(train.mean(0), generated.mean(0)) + entropy(generated, axis=1).mean()


def test_equals_the_formula(predictions):
    train, generated = predictions(200, sharpness=8.0), predictions(150, SKEWED, seed=1)
    metric = AMScore()
    for part in train.split(33):
        metric.update(part, real=True)
    for part in generated.split(33):
        metric.update(part)
    assert metric.compute().item() == pytest.approx(formula(train, generated), rel=1e-10)


def test_stored_reference_gives_the_same(predictions):
    train, generated = predictions(200, SKEWED), predictions(150, seed=1)
    metric = AMScore(reference=train.exp().mean(dim=0))
    metric.update(generated)
    assert metric.compute().item() == pytest.approx(formula(train, generated), rel=1e-10)
    with pytest.raises(ValueError, match="stored reference"):
        metric.update(train, real=True)


def test_sure_and_equally_frequent_is_zero_and_a_missing_class_is_infinite():
    sure = torch.where(torch.eye(10).bool(), 0.0, -torch.inf)
    metric = AMScore()
    metric.update(sure, real=True)
    metric.update(sure.repeat(2, 1))
    assert metric.compute().item() == pytest.approx(0.0, abs=1e-12)
    lacking = AMScore(reference=torch.full((10,), 0.1))
    lacking.update(sure[:9])
    assert lacking.compute().isinf()


def test_classes_absent_from_training_cost_nothing_when_absent():
    sure = torch.where(torch.eye(10).bool(), 0.0, -torch.inf)[:9]
    metric = AMScore()
    metric.update(sure, real=True)
    metric.update(sure)
    assert metric.compute().item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("real", "missing"), [(True, "generated"), (False, "real")])
def test_both_sides_are_needed(real, missing, predictions):
    metric = AMScore()
    metric.update(predictions(3), real=real)
    with pytest.raises(ValueError, match=f"at least 1 {missing}"):
        metric.compute()


def test_reference_must_fit():
    with pytest.raises(ValueError, match=r"shape \(10,\), got \(9,\)"):
        AMScore(reference=torch.ones(9))
