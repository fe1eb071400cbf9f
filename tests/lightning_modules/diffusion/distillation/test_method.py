"""Weights of methods over the training."""

import pytest

from lightning_modules.diffusion.distillation import EndpointRegression


def test_a_number_holds_throughout():
    assert [EndpointRegression(2.0).weight_at(share) for share in (0.0, 0.5, 1.0)] == [2.0] * 3


def test_pairs_hold_from_their_share_on():
    method = EndpointRegression([(0.15, 0.03), (0.4, 0.08)])
    assert [method.weight_at(share) for share in (0.0, 0.1499, 0.15, 0.3, 0.4, 1.0)] == [0, 0, 0.03, 0.03, 0.08, 0.08]


@pytest.mark.parametrize("weight", [-1.0, [], [(0.5, 1.0), (0.2, 2.0)], [(0.0, -1.0)]])
def test_bad_weights(weight):
    with pytest.raises(ValueError, match="expected weights"):
        EndpointRegression(weight)
