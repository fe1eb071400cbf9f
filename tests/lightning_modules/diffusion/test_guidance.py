"""Guidance by a classifier, and classifier-free, on a Gaussian mixture, where the guided score is known."""

import pytest
import torch
from gaussian_mixture import ConditionalMixture
from torch.testing import assert_close

from lightning_modules.diffusion import (
    Clamp,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    CosineRamp,
    DenoisedGuidance,
    Interval,
    NormMatched,
    Sampling,
)
from lightning_modules.diffusion.samplers import UniformLogSNR


@pytest.fixture
def conditional(sde):
    return ConditionalMixture(sde)


@pytest.fixture
def batch(randn):
    return randn(5, 1, 3, 2), torch.linspace(0.05, 1.0, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1])


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_guided_score(mixture, sde, batch, scale):
    x_t, t, y = batch
    guided = ClassifierGuidance(mixture, sde, scale)(x_t, t, y)
    posterior_gradient = mixture.class_score(x_t, t, y) - mixture.score(x_t, t)  # Bayes
    expected = mixture.score(x_t, t) + scale * posterior_gradient
    assert_close(sde.score_from_denoised(guided, x_t, t), expected, rtol=1e-8, atol=1e-8)
    assert mixture.reads == [True]


def test_finite_differences(mixture, sde, batch):
    x_t, t, y = batch
    added = sde.score_from_denoised(ClassifierGuidance(mixture, sde, 2.0)(x_t, t, y), x_t, t) - mixture.score(x_t, t)
    step, rows = 1e-5, torch.arange(5)
    for position in ((0, 0, 0), (0, 2, 1)):
        moved = torch.zeros_like(x_t)
        moved[(rows, *position)] = step
        ahead, behind = (mixture.log_joint(x_t + m, t).log_softmax(dim=1)[rows, y] for m in (moved, -moved))
        assert_close(added[(rows, *position)], 2.0 * (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-6)


def test_constant_gamma_is_the_plain_formula_bit_for_bit(mixture, sde, batch):
    x_t, t, y = (batch[0].float(), batch[1].float(), batch[2])
    alpha_t, sigma_t = sde.marginal(t)
    plain = mixture(x_t, t) + 3.3 * sigma_t.square() / alpha_t * mixture.read(x_t, t).class_gradient(y)
    assert torch.equal(ClassifierGuidance(mixture, sde, 3.3)(x_t, t, y), plain)


@pytest.mark.parametrize("kind", [ClassifierGuidance, DenoisedGuidance])
@pytest.mark.parametrize(
    ("scale", "labelled", "schedule"),
    [(0.0, True, None), (3.0, False, None), (3.0, True, Interval(1e3, 1e4)), (3.0, True, Interval(0.0, 1e-3))],
)
def test_no_guidance_is_the_denoiser_itself(mixture, sde, batch, kind, scale, labelled, schedule, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a gradient was computed")

    monkeypatch.setattr(torch.autograd, "grad", refuse)
    x_t, t, y = batch
    assert torch.equal(kind(mixture, sde, scale, schedule)(x_t, t, y if labelled else None), mixture(x_t, t))
    assert mixture.reads == []


@pytest.mark.parametrize("kind", [ClassifierGuidance, DenoisedGuidance])
@pytest.mark.parametrize("schedule", [None, NormMatched(0.1), CosineRamp(0.5, 1.0)], ids=str)
def test_rows_without_label_stay_unguided(mixture, sde, batch, kind, schedule):
    x_t, t, y = batch
    guidance = kind(mixture, sde, 3.0, schedule)
    free, guided = mixture(x_t, t), guidance(x_t, t, y)
    y[1::2] = -1
    partly = guidance(x_t, t, y)
    assert torch.equal(partly[1::2], free[1::2])
    assert torch.equal(partly[::2], guided[::2])
    assert (guided != free).flatten(1).any(dim=1).all()


def test_guidance_moves_the_clamped_estimate(mixture, sde, batch):
    x_t, t, y = batch
    x_t = 3.0 * x_t
    free, guided = mixture(x_t, t), ClassifierGuidance(mixture, sde, 3.0)(x_t, t, y)
    assert free.abs().max() > 0.8
    clamped = ClassifierGuidance(Clamp(mixture, 0.8), sde, 3.0)(x_t, t, y)
    assert_close(clamped, free.clamp(-0.8, 0.8) + (guided - free))


def test_rows_outside_an_interval_stay_unguided(mixture, sde, batch):
    x_t, t, y = batch
    noise_level = (-0.5 * sde.log_snr(t)).exp()
    low, high = noise_level[1].item(), noise_level[3].item()
    free, guided = mixture(x_t, t), ClassifierGuidance(mixture, sde, 3.0)(x_t, t, y)
    partly = ClassifierGuidance(mixture, sde, 3.0, Interval(low * (1 + 1e-9), high * (1 + 1e-9)))(x_t, t, y)
    assert torch.equal(partly[[0, 1, 4]], free[[0, 1, 4]])
    assert torch.equal(partly[2:4], guided[2:4])


def test_guidance_at_the_denoised_estimate(mixture, sde, batch):
    """The estimate moves by gamma sigma^2 times the gradient that the Bayes classifier has there."""
    x_t, t, y = batch
    denoised, at_once = mixture(x_t, t), torch.full_like(t, sde.t_min)
    gradient = mixture.class_score(denoised, at_once, y) - mixture.score(denoised, at_once)
    expected = denoised + 2.0 * sde.marginal(t)[1].square() * gradient
    assert_close(DenoisedGuidance(mixture, sde, 2.0)(x_t, t, y), expected, rtol=1e-8, atol=1e-8)
    assert mixture.reads == [False, True]


def test_replacing_the_jacobian_is_exact_for_data_of_unit_variance(mixture, gaussian, sde, batch, monkeypatch):
    """One class-independent Gaussian: the estimate is alpha x_t plus a constant, so its Jacobian is alpha."""
    x_t, t, y = batch
    gaussian.std = 1.0
    monkeypatch.setattr(mixture, "denoise", lambda x, t, reading=None, y=None: gaussian.denoised(x, t))
    leaf = x_t.clone().requires_grad_()
    log_p = mixture.log_joint(gaussian.denoised(leaf, t), torch.full_like(t, sde.t_min)).log_softmax(dim=1)
    (exact,) = torch.autograd.grad(log_p.gather(1, y.unsqueeze(1)).sum(), leaf)
    assert_close(DenoisedGuidance(mixture, sde, 1.0).estimate(x_t, t, y)[1], exact, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("scale", [-0.1, float("nan")])
def test_bad_scale(mixture, sde, scale):
    with pytest.raises(ValueError, match="guidance_scale"):
        ClassifierGuidance(mixture, sde, scale)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_guided_score_without_a_classifier(conditional, sde, batch, scale):
    x_t, t, y = batch
    guided = ClassifierFreeGuidance(conditional, sde, scale)(x_t, t, y)
    expected = conditional.score(x_t, t) + scale * (conditional.class_score(x_t, t, y) - conditional.score(x_t, t))
    assert_close(sde.score_from_denoised(guided, x_t, t), expected, rtol=1e-8, atol=1e-8)


def test_gamma_one_is_the_class(conditional, sde, batch):
    x_t, t, y = batch
    assert_close(
        ClassifierFreeGuidance(conditional, sde, 1.0)(x_t, t, y),
        conditional.denoise(x_t, t, y=y),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize("schedule", [None, NormMatched(0.1), CosineRamp(0.5, 1.0), Interval(0.2, 3.0)], ids=str)
def test_gamma_means_what_it_means_with_a_classifier(conditional, mixture, sde, batch, schedule):
    guided = ClassifierFreeGuidance(conditional, sde, 2.5, schedule)(*batch)
    assert_close(guided, ClassifierGuidance(mixture, sde, 2.5, schedule)(*batch), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("scale", "labelled", "schedule"), [(0.0, True, None), (3.0, False, None), (3.0, True, Interval(1e3, 1e4))]
)
def test_no_guidance_is_the_unconditional_denoiser_itself(conditional, sde, batch, scale, labelled, schedule):
    x_t, t, y = batch
    guided = ClassifierFreeGuidance(conditional, sde, scale, schedule)
    assert torch.equal(guided(x_t, t, y if labelled else None), conditional.denoise(x_t, t))
    assert guided.extra_evaluations == 0 and conditional.reads == []


def test_rows_without_label_stay_unguided_without_a_classifier(conditional, sde, batch):
    x_t, t, y = batch
    guidance = ClassifierFreeGuidance(conditional, sde, 3.0, NormMatched(0.1))
    free, guided = conditional(x_t, t), guidance(x_t, t, y)
    y[1::2] = -1
    partly = guidance(x_t, t, y)
    assert torch.equal(partly[1::2], free[1::2]) and torch.equal(partly[::2], guided[::2])
    assert (guided != free).flatten(1).any(dim=1).all()


def test_both_estimates_are_clamped(conditional, sde, batch):
    x_t, t, y = batch
    x_t = 3.0 * x_t
    free, of_class = (conditional.denoise(x_t, t, y=labels).clamp(-0.8, 0.8) for labels in (None, y))
    assert conditional(x_t, t).abs().max() > 0.8
    assert_close(ClassifierFreeGuidance(Clamp(conditional, 0.8), sde, 3.0)(x_t, t, y), free + 3.0 * (of_class - free))


@pytest.mark.parametrize(
    ("guidance", "scale", "y", "guided"),
    [
        (None, 3.0, [0, 1], 9),
        (None, 3.0, None, 0),
        (None, 0.0, [0, 1], 0),
        (Interval(0.2, 3.0), 3.0, [0, -1], 3),
        (Interval(1e3, 1e4), 3.0, [0, 1], 0),
    ],
)
def test_evaluations_are_counted_twice_where_they_are_made_twice(conditional, sde, guidance, scale, y, guided):
    """Of the nine noise levels, 152 to 0.032 in equal ratios of 2.9, three lie within: 2.2, 0.74 and 0.26."""
    sampling = Sampling(scale, 9, time_grid=UniformLogSNR(), guidance=guidance)
    y = None if y is None else torch.tensor(y)
    assert sampling.draw(conditional, sde, (1, 4, 4), y, [0, 1], torch.device("cpu")).nfe == 9 + guided
