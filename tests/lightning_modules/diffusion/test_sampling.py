"""Settings of a run are validated, and a sample depends on its own seed and label only."""

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import nn
from torch.testing import assert_close

from lightning_modules.diffusion import (
    Constant,
    CosineRamp,
    Denoiser,
    InputScaling,
    Interval,
    LinearRamp,
    NormMatched,
    Preconditioned,
    Sampling,
)
from lightning_modules.diffusion.samplers import DDIM, Sampler, TimeGrid, UniformLogSNR
from lightning_modules.networks import Classifier, TappedClassifier

SHAPE = (1, 4, 4)


@pytest.fixture
def denoiser(sde):
    torch.manual_seed(0)

    class Network(nn.Conv2d):
        def forward(self, x, c_noise):
            return super().forward(x)

    scaling = InputScaling(sde, 0.5)
    backbone = Classifier(SHAPE[1:], 3, 4, (1, 2), 1, 1, 8).eval()
    return Denoiser(Network(1, 1, 3, padding=1), scaling, Preconditioned(), TappedClassifier(backbone, scaling))


def draw(sampling, denoiser, sde, y, seeds):
    y = None if y is None else torch.tensor(y)
    return sampling.draw(denoiser, sde, SHAPE, y, seeds, torch.device("cpu"))


def test_sample_depends_on_its_own_seed_and_label(denoiser, sde):
    sampling = Sampling(guidance_scale=3.0, num_steps=5)
    together, nfe = draw(sampling, denoiser, sde, [0, 1, 2, -1], [10, 11, 12, 13])
    assert together.shape == (4, *SHAPE) and nfe == 5 and not together.requires_grad
    backwards, _ = draw(sampling, denoiser, sde, [-1, 2, 1], [13, 12, 11])
    assert_close(backwards.flip(0), together[1:], rtol=0, atol=1e-4)
    alone, _ = draw(sampling, denoiser, sde, [0], [10])
    assert_close(alone, together[:1], rtol=0, atol=1e-4)
    for other in (draw(sampling, denoiser, sde, [1], [10]), draw(sampling, denoiser, sde, [0], [11])):
        assert (other.samples - alone).abs().max() > 1e-3


@pytest.mark.parametrize("place", ["noisy", "denoised"])
@pytest.mark.parametrize("guidance", [None, NormMatched(0.1), Interval(0.05, 20.0, CosineRamp())], ids=str)
def test_neighbours_do_not_matter_under_any_guidance(guidance, place, denoiser, sde):
    """Bit for bit in batches of one size, through a network; norms are a sample's own."""
    sampling = Sampling(3.0, 5, DDIM(1.0), UniformLogSNR(), guidance=guidance, guidance_at=place)
    together = draw(sampling, denoiser, sde, [0, 1, 2, -1], [10, 11, 12, 13]).samples
    assert together.isfinite().all()
    assert torch.equal(draw(sampling, denoiser, sde, [-1, 2, 1, 0], [13, 12, 11, 10]).samples.flip(0), together)
    assert torch.equal(draw(sampling, denoiser, sde, [0, 2, 0, 0], [10, 1, 2, 3]).samples[0], together[0])
    assert (draw(sampling, denoiser, sde, [1, 1, 2, -1], [10, 11, 12, 13]).samples[0] != together[0]).any()
    free = draw(sampling.replace(guidance_scale=0.0), denoiser, sde, [0, 1, 2, -1], [10, 11, 12, 13]).samples
    assert torch.equal(free[3], together[3])


def test_unguided_rows_and_runs_agree(denoiser, sde):
    guided = draw(Sampling(3.0, 4), denoiser, sde, [-1, -1], [0, 1]).samples
    free = draw(Sampling(0.0, 4), denoiser, sde, [0, 1], [0, 1]).samples
    assert torch.equal(guided, free)
    assert torch.equal(free, draw(Sampling(3.0, 4), denoiser, sde, None, [0, 1]).samples)


def test_clamp_bounds_the_estimate(denoiser, sde):
    """With one unguided step to t_min, where sigma is small, the sample itself is nearly inside the limit."""

    class Last(TimeGrid):
        def __call__(self, num_steps, sde):
            return torch.tensor([1.0, 0.5], dtype=torch.float64)

    def estimates(sampling):
        seen = []

        class Watch(Sampler):
            def __call__(self, denoiser, sde, x_init, times, noise, y=None):
                seen.append(denoiser(x_init, times[:1].to(x_init).expand(len(x_init)), y))
                assert torch.equal(times, Last()(1, sde))
                return x_init, 0

        draw(sampling.replace(sampler=Watch(), time_grid=Last(), guidance_scale=0.0), denoiser, sde, None, [0])
        return seen[0]

    with pytest.raises(ValueError, match="needs a clamp"):
        Sampling(clamp=None, clamp_quantile=0.99)
    free = estimates(Sampling(clamp=None))
    assert free.abs().max() > 0.05
    assert torch.equal(estimates(Sampling(clamp=0.05)), free.clamp(-0.05, 0.05))
    dynamic = estimates(Sampling(clamp=0.05, clamp_quantile=1.0))
    torch.testing.assert_close(dynamic, free * 0.05 / free.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=0.05))


@pytest.mark.parametrize(
    "settings",
    [
        {"guidance_scale": -1.0},
        {"guidance_scale": float("nan")},
        {"guidance_scale": float("inf")},
        {"num_steps": 0},
        {"clamp": 0.0},
        {"clamp_quantile": 0.0},
        {"clamp_quantile": 1.5},
        {"clamp": float("nan")},
        {"guidance_at": "clean"},
    ],
)
def test_bad_settings_are_named(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        Sampling(**settings)
    with pytest.raises(ValueError, match=name):
        Sampling().replace(**settings)


def test_replace_keeps_the_rest():
    grid = Sampling().time_grid
    interval = Interval(0.2, 3.0)
    sampling = Sampling(2.0, 7, time_grid=grid, clamp=None, guidance=interval, guidance_at="denoised")
    changed = sampling.replace(num_steps=3)
    assert (changed.guidance_scale, changed.num_steps, changed.clamp) == (2.0, 3, None)
    assert changed.guidance is interval and changed.guidance_at == "denoised"
    assert changed.time_grid is grid and changed.sampler is sampling.sampler
    assert sampling.num_steps == 7
    with pytest.raises(TypeError):
        sampling.replace(steps=3)


@pytest.mark.parametrize("place", ["noisy", "denoised"])
def test_guidance_outside_its_interval_is_no_guidance(place, denoiser, sde, monkeypatch):
    """Backward passes are as many as evaluations within the interval; with none, the free run comes out bit for bit."""
    calls, grad = [], torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *args, **kwargs: calls.append(1) or grad(*args, **kwargs))
    free = draw(Sampling(0.0, 9), denoiser, sde, [0, 1], [0, 1]).samples
    sampling = Sampling(3.0, 9, guidance=Interval(1e3, 1e4), guidance_at=place)
    assert torch.equal(draw(sampling, denoiser, sde, [0, 1], [0, 1]).samples, free)
    assert not calls
    guided = draw(sampling.replace(guidance=Interval(0.2, 3.0)), denoiser, sde, [0, 1], [0, 1]).samples
    levels = (-0.5 * sde.log_snr(sampling.time_grid(9, sde))).exp()[:-1]
    assert len(calls) == ((levels > 0.2) & (levels <= 3.0)).sum() == 4
    assert (guided != free).any()


def test_names_of_guidance():
    assert Sampling().guidance_name() == "Constant"
    named = Sampling(guidance=LinearRamp(), guidance_at="denoised").guidance_name()
    assert named == "LinearRamp(start=0.0, end=1.0, high=None, low=None) at denoised"


@pytest.fixture
def parse():
    """Sampling settings as the command line and YAML give them."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Sampling, "sampling")
    return lambda *args: parser.instantiate_classes(parser.parse_args(list(args))).sampling


@pytest.mark.parametrize("kind", [Constant, LinearRamp, CosineRamp, NormMatched])
@pytest.mark.parametrize("module", ["", "lightning_modules.diffusion."])
def test_schedule_by_name_and_by_path(kind, module, parse):
    assert type(parse(f"--sampling.guidance={module}{kind.__name__}").guidance) is kind


def test_settings_of_a_schedule(parse):
    flags = [f"--sampling.guidance.init_args.{name}={value}" for name, value in (("low", 0.2), ("high", 3))]
    sampling = parse("--sampling.guidance=Interval", *flags, "--sampling.guidance_at=denoised")
    assert sampling.guidance_name() == "Interval(low=0.2, high=3.0, inside=Constant) at denoised"
    nested = "{class_path: Interval, init_args: {low: 0, high: .inf, inside: {class_path: NormMatched}}}"
    assert parse(f"--sampling.guidance={nested}").guidance_name().endswith("high=inf, inside=NormMatched(share=0.02))")
    assert parse().guidance_name() == "Constant"
