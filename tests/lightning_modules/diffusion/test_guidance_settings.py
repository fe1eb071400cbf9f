"""Settings of guidance are one object, and choose what guides."""

from dataclasses import replace

import pytest
from gaussian_mixture import ConditionalMixture

from lightning_modules.diffusion import (
    ClassifierFreeGuidance,
    ClassifierGuidance,
    DenoisedGuidance,
    Interval,
    Sampling,
)


def test_flat_settings_of_guidance_are_those_of_one_object():
    sampling = Sampling(2.0, guidance=Interval(0.2, 3.0), guidance_at="denoised", guidance_by="classifier")
    settings = sampling.guidance_settings
    assert (settings.kind, settings.scale, settings.at) == ("classifier", 2.0, "denoised")
    sampling.guidance_scale = 5.0
    assert sampling.guidance_settings == replace(settings, scale=5.0) and sampling.replace().guidance_scale == 5.0
    with pytest.raises(ValueError, match="guidance_scale"):
        sampling.guidance_scale = -1.0


def test_the_network_decides_unless_a_setting_does(mixture, sde):
    conditional = ConditionalMixture(sde)
    kinds = {"classifier": ClassifierGuidance, "classifier_free": ClassifierFreeGuidance}
    for name, kind in kinds.items():
        for denoiser in (conditional, mixture):
            assert type(Sampling(guidance_by=name).guide(denoiser, sde)) is kind
    for sampling in (Sampling(), Sampling(clamp=None)):
        assert type(sampling.guide(conditional, sde)) is ClassifierFreeGuidance
        assert type(sampling.guide(mixture, sde)) is ClassifierGuidance
    assert type(Sampling(guidance_at="denoised").guide(mixture, sde)) is DenoisedGuidance
    assert Sampling().guidance_name(conditional) == "Constant classifier-free"
    assert Sampling(guidance_by="classifier").guidance_name(conditional) == "Constant"
    assert Sampling(guidance_by="classifier_free").replace(num_steps=3).guidance_by == "classifier_free"
