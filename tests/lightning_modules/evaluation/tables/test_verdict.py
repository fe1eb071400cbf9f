"""Which rows are as good as a reference, worked out by hand."""

import pytest

from lightning_modules.evaluation.tables.sweep import arrange
from lightning_modules.evaluation.tables.verdict import bound, cheapest, share_of_cost, verdict

STATED = {"accuracy": 0.9, "accuracy_low": 0.85, "accuracy_high": 0.95, "confidence": 0.8, "diversity": 2.0}
STATED |= {"kid": 0.002, "kid_error": 0.001, "gmacs_per_sample": 100.0}


@pytest.fixture
def row(model):
    return lambda **values: model(**{**STATED, "model": "Score Subnet", **values})


def test_bounds(row):
    assert bound(row(), "accuracy") == 0.85
    assert bound(row(), "kid") == pytest.approx(0.002 + 1.959964 * 0.001)
    assert bound(row(), "diversity") == pytest.approx(1.95)  # no interval: 2.5 % less
    assert bound(row(diversity_low=1.7, diversity_high=2.3), "diversity") == 1.7
    assert bound(row(kid_error=None), "kid") == pytest.approx(0.00205)
    assert bound(row(kid=-0.002, kid_error=None), "kid") == pytest.approx(-0.00195)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "yes"),
        ({"accuracy": 1.0, "confidence": 1.0, "diversity": 9.0, "kid": -1.0}, "yes"),
        ({"accuracy": 0.85, "diversity": 1.951, "confidence": 0.7801, "kid": 0.00395}, "yes"),
        ({"accuracy": 0.849}, "no: accuracy"),
        ({"diversity": 1.949}, "no: diversity"),
        ({"confidence": 0.7799, "kid": 0.00397}, "no: confidence, kid"),
        ({"kid": None}, "not known: kid"),
        ({"kid": None, "accuracy": 0.1}, "no: accuracy"),
    ],
)
def test_verdicts(change, said, row):
    assert verdict(row(**change), row()) == said


def test_the_cheapest_is_of_those_that_are_as_good(row):
    costs = {5: {"accuracy": 0.5}, 10: {"kid": None}, 20: {}, 40: {"accuracy": 0.99}}
    rows = [row(nfe=nfe, gmacs_per_sample=float(nfe), num_steps=nfe, **change) for nfe, change in costs.items()]
    marks = arrange(rows, "nfe", [], ["model"]).marks
    found = cheapest(marks, row())
    assert found.x == 20.0 and share_of_cost(found.row, row()) == 0.2
    assert cheapest(marks[:2], row()) is None
    assert share_of_cost(row(gmacs_per_sample=None), row()) is None
