"""The corrector pulls towards the marginal, and what it leaves behind is known exactly on Gaussian data."""

import pytest
import torch
from gaussian_oracle import Silence, final_moments, moment_errors
from torch.testing import assert_close

from lightning_modules.diffusion.samplers import DDIM, PredictorCorrector, UniformLogSNR


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_corrections_improve_on_the_predictor(gaussian, eta):
    for num_steps in (10, 20, 40, 80):
        times = UniformLogSNR()(num_steps, gaussian.sde)
        series = [DDIM(eta), PredictorCorrector(eta=eta), PredictorCorrector(num_corrections=4, eta=eta)]
        (_, alone), (_, once), (_, often) = (moment_errors(sampler, gaussian, times) for sampler in series)
        assert often < once < alone


def test_mean_and_variance(gaussian):
    mean, variance = moment_errors(PredictorCorrector(), gaussian, UniformLogSNR()(320, gaussian.sde))
    assert mean < 1e-12 and variance < 5e-3


@pytest.mark.parametrize("snr", [0.1, 0.3])
def test_stationary_variance(gaussian, snr):
    """Many corrections at one time forget the predictor: v / (1 - r^2 sigma^2 / v) remains of the variance v there."""
    times = torch.tensor([1.0, 0.5, 0.5], dtype=torch.float64)  # the last step, of length zero, changes nothing
    mean, variance = final_moments(PredictorCorrector(snr, num_corrections=600), gaussian, times)
    exact_mean, exact = (moment.squeeze() for moment in gaussian.moments(times[1:2]))
    sigma_t = gaussian.sde.marginal(times[1:2])[1].squeeze()
    assert_close(mean, exact_mean)
    assert_close(variance, exact / (1 - snr**2 * sigma_t.square() / exact), rtol=1e-4, atol=0)
    assert exact * (1 + 1e-3) < variance < exact / (1 - snr**2)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_step_is_the_formula(gaussian, randn, eta):
    """Predictor, then Langevin by the score with epsilon from the signal-to-noise ratio."""
    x_t, snr, sde = randn(1, 1, 2, 2), 0.2, gaussian.sde
    times = torch.tensor([0.5, 0.3, 0.3], dtype=torch.float64)

    class Twos(Silence):
        def draw(self):
            return super().draw() + 2.0

    noise = Twos()
    expected = DDIM(eta)(gaussian.denoised, sde, x_t, times, Twos()).samples
    epsilon = 2 * (snr * sde.marginal(times[1:2])[1]).square()
    for _ in range(2):
        expected = expected + epsilon * gaussian.score(expected, times[1:2]) + (2 * epsilon).sqrt() * 2.0
    sampler = PredictorCorrector(snr, 2, eta)
    assert_close(sampler(gaussian.denoised, sde, x_t, times, noise).samples, expected)
    assert noise.draws == 2 + eta, "a deterministic predictor draws no noise"


@pytest.mark.parametrize("settings", [{"snr": 0.0}, {"snr": 1.0}, {"num_corrections": 0}, {"eta": 2.0}])
def test_bad_settings_are_named(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        PredictorCorrector(**settings)
