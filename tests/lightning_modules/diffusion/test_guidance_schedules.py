"""Shares of gamma in closed form, and norms that match."""

import math

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion import (
    ClassifierGuidance,
    Constant,
    CosineRamp,
    DenoisedGuidance,
    GuidanceSchedule,
    Interval,
    LinearRamp,
    NormMatched,
)

HIGH, LOW = 5.0, 0.1
MAPS = torch.zeros(1, 1, 2, 2, dtype=torch.float64)


def times_of(sde, *noise_levels):
    return sde.time_of_log_snr(-2.0 * torch.tensor(noise_levels, dtype=torch.float64).log())


def factors(schedule, t, sde):
    maps = MAPS.expand(len(t), -1, -1, -1)
    return schedule.factor(t, sde, maps, maps)


def test_noise_levels_that_the_docstring_names(sde, times):
    first, last = (-0.5 * sde.log_snr(torch.tensor([1.0, 1e-3], dtype=torch.float64))).exp().tolist()
    assert (round(first), round(last, 4)) == (152, 0.0105)
    assert torch.equal(factors(Constant(), times, sde), torch.ones_like(times))


def test_interval_is_open_below_and_closed_above(sde):
    t = times_of(sde, 6.0, HIGH * (1 - 1e-9), 1.0, LOW * (1 + 1e-9), LOW * (1 - 1e-9), 0.05)
    interval = Interval(LOW, HIGH)
    assert factors(interval, t, sde).tolist() == [0, 1, 1, 1, 0, 0]
    assert [interval.active(row, sde) for row in t.split(1)] == [False, True, True, True, False, False]
    assert interval.active(t, sde)
    exact = -0.5 * sde.log_snr(t[2:3])
    level = exact.exp().item()
    assert factors(Interval(level, 9.0), t[2:3], sde) == 0 and factors(Interval(0.0, level), t[2:3], sde) == 1
    assert factors(Interval(0.0, math.inf), t, sde).tolist() == [1] * 6


def test_interval_around_another_schedule(sde):
    ramp, t = LinearRamp(), times_of(sde, 10.0, 1.0, 0.05)
    inner = factors(ramp, t, sde)
    assert factors(Interval(LOW, HIGH, ramp), t, sde).tolist() == [0, inner[1].item(), 0]
    resting = Interval(LOW, HIGH, LinearRamp(0.0, 1.0, high=0.4, low=0.2))
    assert not resting.active(t[1:2], sde) and resting.active(times_of(sde, 0.3), sde)


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (2.0, 0.5), (1.0, 0.0)])
@pytest.mark.parametrize("ends", [{}, {"high": HIGH, "low": LOW}])
def test_ramps(start, end, ends, sde):
    """Equal distances in log SNR: a quarter, the middle, and held beyond both ends."""
    linear, cosine = LinearRamp(start, end, **ends), CosineRamp(start, end, **ends)
    if ends:
        first, last = -2.0 * math.log(HIGH), -2.0 * math.log(LOW)
    else:
        first, last = sde.log_snr(torch.tensor([1.0, sde.t_min], dtype=torch.float64)).tolist()
    position = torch.tensor([-0.2, 0.0, 0.25, 0.5, 0.75, 1.0, 1.2], dtype=torch.float64)
    t = sde.time_of_log_snr(first + position * (last - first))
    rise = torch.tensor([0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0], dtype=torch.float64)
    assert_close(factors(linear, t, sde), start + (end - start) * rise, rtol=1e-9, atol=1e-9)
    half = math.sqrt(0.5)
    rise = torch.tensor([0.0, 0.0, 0.5 - 0.5 * half, 0.5, 0.5 + 0.5 * half, 1.0, 1.0], dtype=torch.float64)
    assert_close(factors(cosine, t, sde), start + (end - start) * rise, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [LinearRamp, CosineRamp])
def test_ramps_rest_where_they_are_zero(kind, sde):
    t = times_of(sde, 2 * HIGH, HIGH * 0.9, LOW / 2)
    assert [kind(0.0, 1.0, HIGH, LOW).active(row, sde) for row in t.split(1)] == [False, True, True]
    assert [kind(1.0, 0.0, HIGH, LOW).active(row, sde) for row in t.split(1)] == [True, True, False]


@pytest.mark.parametrize("schedule", [Constant(), NormMatched(), CosineRamp(0.5, 1.0)], ids=str)
def test_schedules_without_zeros_do_not_look_at_times(schedule, sde):
    """No wait for a GPU: a tensor without values could not be looked at."""
    assert schedule.active(torch.empty(3, device="meta"), sde)


@pytest.mark.parametrize("kind", [ClassifierGuidance, DenoisedGuidance])
def test_norms_match(kind, mixture, sde, randn):
    x_t, y = randn(5, 1, 3, 2), torch.tensor([0, 1, 2, 0, 1])
    t = torch.linspace(0.05, 1.0, 5, dtype=torch.float64)
    free = sde.score_from_denoised(mixture(x_t, t), x_t, t)
    added = sde.score_from_denoised(kind(mixture, sde, 2.0, NormMatched(0.15))(x_t, t, y), x_t, t) - free
    assert_close(added.flatten(1).norm(dim=1), 0.3 * free.flatten(1).norm(dim=1), rtol=1e-9, atol=1e-12)
    gradient = kind(mixture, sde, 1.0).estimate(x_t, t, y)[1].flatten(1)
    cosine = torch.nn.functional.cosine_similarity(added.flatten(1), gradient)
    assert_close(cosine, torch.ones(5, dtype=torch.float64), rtol=0, atol=1e-9)


def test_norm_of_zero(sde, randn):
    score, gradient = randn(3, 1, 2, 2), randn(3, 1, 2, 2)
    gradient[1], score[2] = 0.0, 0.0
    t = torch.full((3,), 0.5, dtype=torch.float64)
    factor = NormMatched(0.1).factor(t, sde, score, gradient)
    assert factor.isfinite().all() and factor[0] > 0 and factor[1:].tolist() == [0.0, 0.0]


def test_short_form():
    nested = Interval(0.2, 3.0, NormMatched(0.1))
    assert str(Constant()) == "Constant"
    assert str(nested) == "Interval(low=0.2, high=3.0, inside=NormMatched(share=0.1))"
    assert str(CosineRamp()) == "CosineRamp(start=0.0, end=1.0, high=None, low=None)"


def test_a_schedule_of_ones_own_needs_one_method(mixture, sde, randn):
    class Half(GuidanceSchedule):
        def factor(self, t, sde, score, gradient):
            return torch.full_like(t, 0.5)

    x_t, t, y = randn(2, 1, 3, 2), torch.tensor([0.2, 0.7], dtype=torch.float64), torch.tensor([0, 2])
    halved = ClassifierGuidance(mixture, sde, 2.0, Half())(x_t, t, y)
    assert torch.equal(halved, ClassifierGuidance(mixture, sde, 1.0)(x_t, t, y))


NAN = float("nan")


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (Interval, {"low": 2.0, "high": 1.0}, "low < high, got low 2.0 and high 1.0"),
        (Interval, {"low": 1.0, "high": 1.0}, "low < high"),
        (Interval, {"low": -0.1, "high": 1.0}, "0 <= low"),
        (Interval, {"low": NAN, "high": 1.0}, "0 <= low"),
        (Interval, {"low": 0.0, "high": NAN}, "low < high"),
        (LinearRamp, {"start": -1.0}, "at least 0, got start -1.0"),
        (CosineRamp, {"end": math.inf}, "finite shares"),
        (LinearRamp, {"end": NAN}, "finite shares"),
        (LinearRamp, {"high": 1.0}, "both noise levels or neither"),
        (CosineRamp, {"high": 1.0, "low": 0.0}, "0 < low < high"),
        (LinearRamp, {"high": 1.0, "low": 2.0}, "0 < low < high"),
        (NormMatched, {"share": 0.0}, "above 0, got 0.0"),
        (NormMatched, {"share": NAN}, "above 0"),
    ],
)
def test_bad_settings(kind, settings, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        kind(**settings)
