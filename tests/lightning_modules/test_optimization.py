"""Only what is trained is optimised, along the schedule that was asked for."""

import pytest
import torch
from torch import nn

from lightning_modules.errors import InputError
from lightning_modules.optimization import Optimization


def rates(optimization, total_steps):
    """Learning rate used by every step, and the optimizer."""
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    made = optimization.configure(module.parameters(), total_steps)
    optimizer, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
    assert made["lr_scheduler"]["interval"] == "step"
    seen = []
    for _ in range(total_steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen, optimizer


def test_frozen_parameters_are_left_out():
    _, optimizer = rates(Optimization(), 1)
    assert [tuple(p.shape) for group in optimizer.param_groups for p in group["params"]] == [(2, 2)]


def test_warm_up_then_constant():
    seen, _ = rates(Optimization(learning_rate=0.4, warmup_steps=4), 6)
    assert seen == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])


def test_falling_is_constant_then_linear_to_nothing():
    seen, _ = rates(Optimization(learning_rate=0.4, schedule="falling", warmup_steps=2), 20)
    assert seen[:15] == pytest.approx([0.2, *[0.4] * 14])
    assert seen[15:] == pytest.approx([0.4 * (1 - step / 20) / 0.3 for step in range(15, 20)])


def test_falling_needs_an_end():
    with pytest.raises(InputError, match="no end"):
        Optimization(schedule="falling").configure(nn.Linear(2, 2).parameters(), float("inf"))


def test_one_cycle_peaks_where_asked_and_ends_near_zero():
    seen, _ = rates(Optimization(learning_rate=0.4, schedule="one_cycle", warmup_share=0.25), 40)
    assert max(seen) == pytest.approx(0.4) and seen.index(max(seen)) == 9
    assert seen[0] < 0.02 and seen[-1] < 1e-4


@pytest.mark.parametrize("total_steps", [1, 2, 3, 10, 15])
def test_one_cycle_fits_short_runs(total_steps):
    seen, _ = rates(Optimization(learning_rate=0.4, schedule="one_cycle"), total_steps)
    assert len(seen) == total_steps and all(0 <= rate <= 0.4 for rate in seen)


def test_one_cycle_needs_an_end():
    with pytest.raises(InputError, match="no end"):
        Optimization(schedule="one_cycle").configure(nn.Linear(2, 2).parameters(), float("inf"))
    Optimization().configure(nn.Linear(2, 2).parameters(), float("inf"))


def test_one_cycle_cannot_be_extended():
    with pytest.raises(InputError, match=r"ends after 10 steps, 20 are asked for"):
        Optimization(schedule="one_cycle").configure(nn.Linear(2, 2).parameters(), 20, planned_steps=10)
    Optimization(schedule="one_cycle").configure(nn.Linear(2, 2).parameters(), 10, planned_steps=10)


@pytest.mark.parametrize("settings", [{"learning_rate": 0.0}, {"warmup_share": 1.0}])
def test_settings_are_checked(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Optimization(**settings)


def test_weight_decay_and_betas_reach_the_optimizer():
    _, optimizer = rates(Optimization(weight_decay=0.3, betas=(0.8, 0.95)), 1)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.param_groups[0]["weight_decay"] == 0.3 and optimizer.param_groups[0]["betas"] == (0.8, 0.95)
