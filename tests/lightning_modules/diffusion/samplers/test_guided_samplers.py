"""Guidance goes with every sampler: schedules, per-sample seeds, and the right class where it is known."""

import pytest
import torch
from gaussian_mixture import MEANS, STD, ConditionalMixture
from test_every_sampler import EulerMaruyama, every_sampler
from torch.testing import assert_close

from lightning_modules.diffusion import (
    ClassifierFreeGuidance,
    ClassifierGuidance,
    Constant,
    CosineRamp,
    DenoisedGuidance,
    Interval,
    NormMatched,
)
from lightning_modules.diffusion.samplers import PerSampleNoise, UniformLogSNR, UniformTime

SHAPE = (1, 5, 3)
SCHEDULES = [Constant(), Interval(0.2, 3.0), CosineRamp(1.0, 0.0, 5.0, 0.1), Interval(0.05, 20.0, NormMatched(0.2))]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
every_place = pytest.mark.parametrize("kind", [ClassifierGuidance, DenoisedGuidance])


def draw(sampler, guided, seeds, y, dtype=torch.float32):
    noise = PerSampleNoise(seeds, SHAPE, dtype=dtype)
    times = UniformLogSNR()(9, guided.sde)
    return sampler(guided, guided.sde, noise.draw(), times, noise, torch.tensor(y)).samples


@every_sampler
@every_schedule
@every_place
def test_a_sample_ignores_its_neighbours(sampler, schedule, kind, mixture):
    """Bit for bit in batches of one size; a batch of one may round differently."""
    guided = kind(mixture, mixture.sde, 2.0, schedule)
    together = draw(sampler, guided, [5, 0, 1, 9], [1, 2, 0, -1])
    assert together.isfinite().all()
    assert torch.equal(draw(sampler, guided, [9, 1, 0, 5], [-1, 0, 2, 1]).flip(0), together)
    assert torch.equal(draw(sampler, guided, [5, 7, 7, 7], [1, 0, 0, 0])[0], together[0])
    exact = draw(sampler, guided, [5, 9], [1, -1], torch.float64)
    assert_close(draw(sampler, guided, [5], [1], torch.float64), exact[:1], rtol=1e-9, atol=1e-9)


@every_sampler
@every_schedule
@every_place
def test_no_guidance_bit_for_bit(sampler, schedule, kind, mixture):
    free = draw(sampler, ClassifierGuidance(mixture, mixture.sde, 0.0), [0, 1], [1, 2])
    assert torch.equal(draw(sampler, kind(mixture, mixture.sde, 0.0, schedule), [0, 1], [1, 2]), free)
    assert not any(mixture.reads)
    guided = draw(sampler, kind(mixture, mixture.sde, 2.0, schedule), [0, 1], [1, -1])
    assert torch.equal(guided[1], free[1])
    assert not torch.equal(guided[0], free[0])


@every_sampler
@every_place
def test_an_interval_that_no_step_meets_is_no_guidance(sampler, kind, mixture):
    free = draw(sampler, ClassifierGuidance(mixture, mixture.sde, 0.0), [0, 1], [1, 2])
    resting = kind(mixture, mixture.sde, 2.0, Interval(1e3, 1e4))
    assert torch.equal(draw(sampler, resting, [0, 1], [1, 2]), free)
    assert not any(mixture.reads), "nothing differentiable was read"


@every_sampler
@pytest.mark.parametrize("schedule", [*SCHEDULES[:3], Interval(2.0, 20.0, NormMatched(0.2))], ids=str)
def test_classifier_free_draws_what_the_bayes_classifier_draws(sampler, schedule, mixture):
    """A network that knows class and mixture contains the Bayes classifier: the same gamma, the same samples.

    Norms are matched only where the gradient is more than rounding.
    """
    told = ClassifierFreeGuidance(ConditionalMixture(mixture.sde), mixture.sde, 2.0, schedule)
    asked = ClassifierGuidance(mixture, mixture.sde, 2.0, schedule)
    drawn = [draw(sampler, guided, [5, 0, 9], [1, 2, -1], torch.float64) for guided in (told, asked)]
    assert_close(drawn[0], drawn[1], rtol=1e-7, atol=1e-7)
    assert told.extra_evaluations == sum(mixture.reads) > 0, "each guided evaluation is two"


@every_sampler
def test_gamma_one_draws_from_the_class(sampler, mixture):
    """2,000 values per class: means are sure to 0.011 and deviations to 0.008; solvers of order one err by 0.04."""
    y = torch.arange(3).repeat_interleave(2000)
    source = PerSampleNoise([3], (len(y), 1, 1), dtype=torch.float64)

    class Rows:
        def draw(self):
            return source.draw().reshape(-1, 1, 1, 1)

    noise = Rows()
    times = (UniformTime() if isinstance(sampler, EulerMaruyama) else UniformLogSNR())(60, mixture.sde)
    guided = ClassifierGuidance(mixture, mixture.sde, 1.0)
    samples = sampler(guided, mixture.sde, noise.draw(), times, noise, y).samples.reshape(3, -1)
    assert_close(samples.mean(dim=1), MEANS.flatten(), rtol=0, atol=0.06)
    assert_close(samples.std(dim=1), torch.full((3,), STD, dtype=torch.float64), rtol=0, atol=0.06)
