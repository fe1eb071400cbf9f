"""Classifier-free guidance where the conditional and the unconditional score are known."""

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
def told(sde):
    return ConditionalMixture(sde)


@pytest.fixture
def batch(randn):
    return randn(5, 1, 3, 2), torch.linspace(0.05, 1.0, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1])


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_guided_score(told, sde, batch, scale):
    x_t, t, y = batch
    guided = ClassifierFreeGuidance(told, sde, scale)(x_t, t, y)
    expected = told.score(x_t, t) + scale * (told.class_score(x_t, t, y) - told.score(x_t, t))
    assert_close(sde.score_from_denoised(guided, x_t, t), expected, rtol=1e-8, atol=1e-8)


def test_gamma_one_is_the_class(told, sde, batch):
    x_t, t, y = batch
    assert_close(ClassifierFreeGuidance(told, sde, 1.0)(x_t, t, y), told.denoise(x_t, t, y=y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("schedule", [None, NormMatched(0.1), CosineRamp(0.5, 1.0), Interval(0.2, 3.0)], ids=str)
def test_gamma_means_what_it_means_with_a_classifier(told, mixture, sde, batch, schedule):
    guided = ClassifierFreeGuidance(told, sde, 2.5, schedule)(*batch)
    assert_close(guided, ClassifierGuidance(mixture, sde, 2.5, schedule)(*batch), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("scale", "labelled", "schedule"), [(0.0, True, None), (3.0, False, None), (3.0, True, Interval(1e3, 1e4))]
)
def test_no_guidance_is_the_unconditional_denoiser_itself(told, sde, batch, scale, labelled, schedule):
    x_t, t, y = batch
    guided = ClassifierFreeGuidance(told, sde, scale, schedule)
    assert torch.equal(guided(x_t, t, y if labelled else None), told.denoise(x_t, t))
    assert guided.extra_evaluations == 0 and told.reads == []


def test_rows_without_label_stay_unguided(told, sde, batch):
    x_t, t, y = batch
    guidance = ClassifierFreeGuidance(told, sde, 3.0, NormMatched(0.1))
    free, guided = told(x_t, t), guidance(x_t, t, y)
    y[1::2] = -1
    partly = guidance(x_t, t, y)
    assert torch.equal(partly[1::2], free[1::2]) and torch.equal(partly[::2], guided[::2])
    assert (guided != free).flatten(1).any(dim=1).all()


def test_both_estimates_are_clamped(told, sde, batch):
    x_t, t, y = batch
    x_t = 3.0 * x_t
    free, of_class = (told.denoise(x_t, t, y=labels).clamp(-0.8, 0.8) for labels in (None, y))
    assert told(x_t, t).abs().max() > 0.8
    assert_close(ClassifierFreeGuidance(Clamp(told, 0.8), sde, 3.0)(x_t, t, y), free + 3.0 * (of_class - free))


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
def test_evaluations_are_counted_twice_where_they_are_made_twice(told, sde, guidance, scale, y, guided):
    """Of the nine noise levels, 152 to 0.032 in equal ratios of 2.9, three lie within: 2.2, 0.74 and 0.26."""
    sampling = Sampling(scale, 9, time_grid=UniformLogSNR(), guidance=guidance)
    y = None if y is None else torch.tensor(y)
    assert sampling.draw(told, sde, (1, 4, 4), y, [0, 1], torch.device("cpu")).nfe == 9 + guided


def test_the_network_decides_unless_a_setting_does(told, mixture, sde):
    kinds = {"classifier": ClassifierGuidance, "classifier_free": ClassifierFreeGuidance}
    for name, kind in kinds.items():
        for denoiser in (told, mixture):
            assert type(Sampling(guidance_by=name).guide(denoiser, sde)) is kind
    for sampling in (Sampling(), Sampling(clamp=None)):
        assert type(sampling.guide(told, sde)) is ClassifierFreeGuidance
        assert type(sampling.guide(mixture, sde)) is ClassifierGuidance
    assert type(Sampling(guidance_at="denoised").guide(mixture, sde)) is DenoisedGuidance
    assert Sampling().guidance_name(told) == "Constant classifier-free"
    assert Sampling(guidance_by="classifier").guidance_name(told) == "Constant"
    assert Sampling(guidance_by="classifier_free").replace(num_steps=3).guidance_by == "classifier_free"
