"""What holds for all samplers: counts, types, seeds, exactness where the estimate is constant, and the command line."""

import math

import pytest
import torch
from gaussian_oracle import Silence, final_moments
from jsonargparse import ArgumentParser
from torch.testing import assert_close

from lightning_modules.diffusion import Sampling, samplers
from lightning_modules.diffusion.samplers import (
    DDIM,
    DPMSolverPP,
    EulerMaruyama,
    FewStep,
    Heun,
    PerSampleNoise,
    PredictorCorrector,
    Sampler,
    TimeGrid,
    UniformLogSNR,
    UniformTime,
)

EXPONENTIAL = [Heun(), DPMSolverPP(), DPMSolverPP(stochastic=False), DDIM(), DDIM(0.5), DDIM(1.0)]
SAMPLERS = [EulerMaruyama(), *EXPONENTIAL, PredictorCorrector(), PredictorCorrector(num_corrections=3, eta=0.0)]
SAMPLERS += [FewStep(0.0)]  # with fresh noise it is right for students only
SHAPE = (1, 5, 3)


def label(sampler):
    settings = [f"{name}={value}" for name, value in vars(sampler).items()]
    return f"{type(sampler).__name__}({', '.join(settings)})"


def exported(kind):
    """Concrete subclasses of ``kind`` that the package names."""
    members = [getattr(samplers, name) for name in samplers.__all__]
    return [member for member in members if isinstance(member, type) and issubclass(member, kind) and member != kind]


every_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=label)


def test_none_is_forgotten():
    assert {type(sampler) for sampler in SAMPLERS} == set(exported(Sampler))


@every_sampler
@pytest.mark.parametrize("num_steps", [1, 2, 7])
@pytest.mark.parametrize("grid", [UniformTime(), UniformLogSNR()])
def test_evaluations_are_counted_and_asked_at_the_grids_times(sampler, num_steps, grid, gaussian, randn):
    asked = []

    def denoiser(x_t, t, y):
        asked.append((t, y))
        return gaussian.denoised(x_t, t)

    times, y = grid(num_steps, gaussian.sde), torch.tensor([3, 1])
    x_init = randn(2, *SHAPE)
    kept = x_init.clone()
    samples, nfe = sampler(denoiser, gaussian.sde, x_init, times, Silence(), y)
    corrections = getattr(sampler, "num_corrections", 0) + isinstance(sampler, Heun)
    assert nfe == len(asked) == num_steps + corrections * (num_steps - 1)
    assert samples.shape == x_init.shape and samples.isfinite().all()
    assert torch.equal(x_init, kept), "the caller's noise is left as it was"
    assert all(t.shape == (2,) and t[0] == t[1] and given is y for t, given in asked)
    assert list(dict.fromkeys(t[0].item() for t, _ in asked)) == times[:-1].tolist()


@every_sampler
def test_a_sample_depends_on_its_own_seed_and_label_bit_for_bit(sampler, gaussian):
    def denoiser(x_t, t, y):
        return gaussian.denoised(x_t, t) + 0.1 * y.reshape(-1, 1, 1, 1)

    def draw(seeds, y):
        noise = PerSampleNoise(seeds, SHAPE)
        times = UniformLogSNR()(9, gaussian.sde)
        return sampler(denoiser, gaussian.sde, noise.draw(), times, noise, torch.tensor(y)).samples

    together = draw([5, 0, 1, 9], [1, 2, 3, 4])
    assert torch.equal(draw([9, 1, 0, 5], [4, 3, 2, 1]).flip(0), together)
    for i, (seed, digit) in enumerate(zip([5, 0, 1, 9], [1, 2, 3, 4], strict=True)):
        assert torch.equal(draw([seed], [digit])[0], together[i])
    assert not torch.equal(draw([5], [2])[0], together[0]) and not torch.equal(draw([6], [1])[0], together[0])


@every_sampler
def test_state_keeps_its_type_and_coefficients_their_precision(sampler, gaussian):
    def draw(dtype):
        noise = PerSampleNoise([0, 1], (1, 20, 10), dtype=torch.float32)
        times = UniformLogSNR()(50, gaussian.sde)
        return sampler(gaussian.denoised, gaussian.sde, noise.draw().to(dtype), times, noise).samples

    assert draw(torch.float32).dtype == torch.float32
    assert_close(draw(torch.float32).double(), draw(torch.float64), rtol=0, atol=5e-5)


@every_sampler
def test_mean_and_variance_of_many_samples(sampler, gaussian):
    """20,000 independent values; their mean is sure to 0.004 and their variance to 0.0025 (one deviation)."""
    noise = PerSampleNoise([7], (1, 100, 200), dtype=torch.float64)
    times = UniformTime()(400, gaussian.sde)
    samples = sampler(gaussian.denoised, gaussian.sde, noise.draw(), times, noise).samples
    exact_mean, exact_variance = (moment.squeeze() for moment in gaussian.moments(times[-1:]))
    assert_close(samples.mean(), exact_mean, rtol=0, atol=0.015)
    assert_close(samples.var(), exact_variance, rtol=0, atol=0.018)


@pytest.mark.parametrize("sampler", EXPONENTIAL, ids=label)
@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_a_constant_estimate_is_integrated_exactly(sampler, num_steps, gaussian):
    """Data of one value: only the noise that the last step leaves out is missing from the variance."""
    gaussian.std = 0.0
    times = UniformTime()(num_steps, gaussian.sde)
    mean, variance = final_moments(sampler, gaussian, times)
    exact_mean, exact_variance = (moment.squeeze() for moment in gaussian.moments(times[-1:]))
    eta = getattr(sampler, "eta", float(getattr(sampler, "stochastic", 0.0)))
    left_out = -(eta**2) * math.expm1(-gaussian.sde.log_snr(times[-2:]).diff().item())
    assert_close(mean, exact_mean)
    assert_close(variance, exact_variance * (1.0 - left_out), rtol=1e-6, atol=1e-14)


@pytest.fixture
def parse():
    """Sampling settings as the command line and YAML give them."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Sampling, "sampling")

    def run(*args):
        return parser.instantiate_classes(parser.parse_args(list(args))).sampling

    return run


@pytest.mark.parametrize("kind", exported(Sampler))
def test_sampler_by_name_and_by_path(kind, parse):
    assert type(parse(f"--sampling.sampler={kind.__name__}").sampler) is kind
    assert type(parse(f"--sampling.sampler=lightning_modules.diffusion.samplers.{kind.__name__}").sampler) is kind


@pytest.mark.parametrize("kind", exported(TimeGrid))
def test_time_grid_by_name(kind, parse):
    assert type(parse(f"--sampling.time_grid={kind.__name__}").time_grid) is kind


def test_settings_of_a_sampler(parse, tmp_path):
    sampler = parse("--sampling.sampler=DPMSolverPP", "--sampling.sampler.init_args.stochastic=false").sampler
    assert vars(sampler) == {"stochastic": False, "correction": 1.0}
    yaml = "{class_path: PredictorCorrector, init_args: {snr: 0.1, num_corrections: 2}}"
    assert vars(parse(f"--sampling.sampler={yaml}").sampler) == {"snr": 0.1, "num_corrections": 2, "eta": 1.0}
    assert parse("--sampling.time_grid=Karras", "--sampling.time_grid.init_args.rho=5").time_grid.rho == 5.0
