"""Classifier guidance on a Gaussian mixture, where the guided score is known."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion import Clamp, ClassifierGuidance
from lightning_modules.networks import Reading

MEANS = torch.tensor([-0.8, 0.1, 0.9], dtype=torch.float64).reshape(3, 1, 1, 1)
STD = 0.5


class Mixture:
    """Three classes N(mean_k, STD^2) in every value of the map: its denoiser, and its Bayes classifier."""

    def __init__(self, sde):
        self.sde, self.reads = sde, []

    def log_joint(self, x_t, t):
        alpha_t, sigma_t = self.sde.marginal(t)
        variance = alpha_t.square() * STD**2 + sigma_t.square()
        distances = (x_t.unsqueeze(1) - alpha_t.unsqueeze(1) * MEANS).square() / variance.unsqueeze(1)
        return -0.5 * distances.sum(dim=(2, 3, 4))

    def class_score(self, x_t, t, y):
        """Score of the class itself: what guidance at scale 1 must arrive at."""
        alpha_t, sigma_t = self.sde.marginal(t)
        return (alpha_t * MEANS[y] - x_t) / (alpha_t.square() * STD**2 + sigma_t.square())

    def score(self, x_t, t):
        posterior = self.log_joint(x_t, t).softmax(dim=1)
        scores = torch.stack([self.class_score(x_t, t, torch.full((len(t),), k)) for k in range(3)], dim=1)
        return (posterior.reshape(*posterior.shape, 1, 1, 1) * scores).sum(dim=1)

    def __call__(self, x_t, t, y=None):
        return self.sde.denoised_from_score(self.score(x_t, t), x_t, t)

    def read(self, x_t, t, differentiable=False):
        self.reads.append(differentiable)
        x_t = x_t.detach().requires_grad_()
        return Reading(x_t, self.log_joint(x_t, t), {}, [])

    def denoise(self, x_t, t, reading=None):
        return self(x_t, t)


@pytest.fixture
def mixture(sde):
    return Mixture(sde)


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


@pytest.mark.parametrize(("scale", "labelled"), [(0.0, True), (3.0, False)])
def test_no_guidance_is_the_denoiser_itself(mixture, sde, batch, scale, labelled, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a gradient was computed")

    monkeypatch.setattr(torch.autograd, "grad", refuse)
    x_t, t, y = batch
    assert torch.equal(ClassifierGuidance(mixture, sde, scale)(x_t, t, y if labelled else None), mixture(x_t, t))
    assert mixture.reads == []


def test_rows_without_label_stay_unguided(mixture, sde, batch):
    x_t, t, y = batch
    guidance = ClassifierGuidance(mixture, sde, 3.0)
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


@pytest.mark.parametrize("scale", [-0.1, float("nan")])
def test_bad_scale(mixture, sde, scale):
    with pytest.raises(ValueError, match="guidance_scale"):
        ClassifierGuidance(mixture, sde, scale)
