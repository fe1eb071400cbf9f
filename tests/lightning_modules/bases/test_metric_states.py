"""Averages of an epoch that a checkpoint cuts in two."""

from types import SimpleNamespace

import torch
from torch import nn

from lightning_modules.bases.metric_states import gathered_states, restore_states
from lightning_modules.metrics import NoiseLevelMean

ALONE = SimpleNamespace(world_size=1)
VALUES, TIMES = torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0.1, 0.1, 0.9])


def holder():
    return nn.ModuleDict({"mean": NoiseLevelMean(), "unused": NoiseLevelMean()})


def test_an_average_goes_on_where_it_was():
    first, second = holder(), holder()
    first["mean"].update(VALUES, TIMES)
    states = gathered_states(first, ALONE)
    assert set(states) == {"mean"}, "what has seen nothing is left out"
    restore_states(second, states, rank=0, world_size=1)
    second["mean"].update(torch.tensor([8.0]), TIMES[:1])
    assert float(second["mean"].compute()["t0.00-0.25"]) == 4.0


def test_each_process_gets_its_own_and_another_number_of_them_the_sum():
    states = {"mean": {"total": torch.tensor([[1.0] * 4, [2.0] * 4]), "count": torch.ones(2, 4)}}
    for rank, world_size, expected in ((0, 2, 1.0), (1, 2, 2.0), (0, 1, 3.0), (0, 4, 3.0), (2, 4, 0.0)):
        module = holder()
        restore_states(module, states, rank, world_size)
        assert module["mean"].total.tolist() == [expected] * 4


def test_states_that_do_not_fit_are_left_out():
    module = holder()
    for states in ({"mean": {"total": torch.ones(1, 9)}}, {"mean": 3}, {"gone": {}}, {"mean": {"total": "x"}}):
        restore_states(module, states, 0, 1)
    assert module["mean"].total.tolist() == [0.0] * 4
