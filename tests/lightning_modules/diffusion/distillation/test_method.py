"""Weights of methods over the training."""

import pytest

from lightning_modules.diffusion.distillation import Adversarial, EndpointRegression, SegmentDistillation
from lightning_modules.diffusion.distillation.method import check_methods


def test_a_number_holds_throughout():
    assert [EndpointRegression(2.0).weight_at(share) for share in (0.0, 0.5, 1.0)] == [2.0] * 3


def test_pairs_hold_from_their_share_on():
    method = EndpointRegression([(0.15, 0.03), (0.4, 0.08)])
    assert [method.weight_at(share) for share in (0.0, 0.1499, 0.15, 0.3, 0.4, 1.0)] == [0, 0, 0.03, 0.03, 0.08, 0.08]


@pytest.mark.parametrize("weight", [-1.0, [], [(0.5, 1.0), (0.2, 2.0)], [(0.0, -1.0)]])
def test_bad_weights(weight):
    with pytest.raises(ValueError, match="expected weights"):
        EndpointRegression(weight)


def test_methods_that_can_be_combined():
    check_methods([EndpointRegression([(0.0, 1.0), (0.5, 0.0)]), Adversarial([(0.5, 0.1)]), SegmentDistillation(0.0)])


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ([EndpointRegression(1.0), EndpointRegression(2.0)], "EndpointRegression stands there twice"),
        ([Adversarial([(0.15, 0.03)])], "at a share of 0 of the training"),
        ([EndpointRegression([(0.0, 1.0), (0.5, 0.0)]), Adversarial([(0.6, 0.1)])], "at a share of 0.5"),
        ([EndpointRegression(0.0)], "nothing is learned"),
    ],
)
def test_methods_that_cannot(methods, words):
    with pytest.raises(ValueError, match=words):
        check_methods(methods)
