"""Settings of the process, of guidance and of samplers out of their ranges."""

import pytest
from tiny import check_refusal

from lightning_modules.diffusion import VPSDE, InputScaling, LogNormalTimes, Sampling
from lightning_modules.diffusion.guidance_schedules import Interval, LinearRamp, NormMatched
from lightning_modules.diffusion.samplers import DDIM, DPMSolverPP, Karras, PredictorCorrector

NAN, INF = float("nan"), float("inf")

CASES = [
    (lambda: VPSDE(beta_min=0), "beta_min"),
    (lambda: VPSDE(beta_min=-1), "beta_min"),
    (lambda: VPSDE(beta_min=NAN), "beta_min"),
    (lambda: VPSDE(beta_min=INF), "beta_min"),
    (lambda: VPSDE(beta_min=30), "beta_min"),
    (lambda: VPSDE(beta_max=NAN), "beta_max"),
    (lambda: VPSDE(beta_max=INF), "beta_max"),
    (lambda: VPSDE(beta_max=-1), "beta_max"),
    (lambda: VPSDE(t_min=0), "t_min"),
    (lambda: VPSDE(t_min=1), "t_min"),
    (lambda: VPSDE(t_min=NAN), "t_min"),
    (lambda: VPSDE(t_min=-0.1), "t_min"),
    (lambda: InputScaling(VPSDE(), 0), "sigma_data"),
    (lambda: InputScaling(VPSDE(), -1), "sigma_data"),
    (lambda: InputScaling(VPSDE(), NAN), "sigma_data"),
    (lambda: InputScaling(VPSDE(), INF), "sigma_data"),
    (lambda: LogNormalTimes(mean=NAN), "mean"),
    (lambda: LogNormalTimes(mean=-INF), "mean"),
    (lambda: LogNormalTimes(std=0), "std"),
    (lambda: LogNormalTimes(std=NAN), "std"),
    (lambda: LogNormalTimes(std=INF), "std"),
    (lambda: Sampling(num_steps=0), "num_steps"),
    (lambda: Sampling(num_steps=-1), "num_steps"),
    (lambda: Sampling(num_steps=10**9), "num_steps"),
    (lambda: Sampling(num_steps=True), "num_steps"),
    (lambda: Sampling(-1), "guidance_scale"),
    (lambda: Sampling(NAN), "guidance_scale"),
    (lambda: Sampling(INF), "guidance_scale"),
    (lambda: Sampling(clamp=0), "clamp"),
    (lambda: Sampling(clamp=-1), "clamp"),
    (lambda: Sampling(clamp=NAN), "clamp"),
    (lambda: Sampling(clamp=INF), "clamp"),
    (lambda: Sampling(clamp_quantile=0), "clamp_quantile"),
    (lambda: Sampling(clamp_quantile=1.5), "clamp_quantile"),
    (lambda: Sampling(clamp_quantile=NAN), "clamp_quantile"),
    (lambda: DDIM(-0.1), "eta"),
    (lambda: DDIM(1.1), "eta"),
    (lambda: DDIM(NAN), "eta"),
    (lambda: DPMSolverPP(correction=-1), "correction"),
    (lambda: DPMSolverPP(correction=2), "correction"),
    (lambda: DPMSolverPP(correction=NAN), "correction"),
    (lambda: PredictorCorrector(snr=0), "snr"),
    (lambda: PredictorCorrector(snr=1), "snr"),
    (lambda: PredictorCorrector(snr=NAN), "snr"),
    (lambda: PredictorCorrector(num_corrections=0), "num_corrections"),
    (lambda: PredictorCorrector(num_corrections=10**9), "num_corrections"),
    (lambda: Karras(0), "rho"),
    (lambda: Karras(NAN), "rho"),
    (lambda: Karras(INF), "rho"),
    (lambda: Interval(1.0, NAN), "low"),
    (lambda: Interval(NAN, 1.0), "low"),
    (lambda: Interval(2.0, 1.0), "low"),
    (lambda: LinearRamp(start=NAN), "start"),
    (lambda: LinearRamp(end=INF), "end"),
    (lambda: LinearRamp(high=INF, low=1.0), "high"),
    (lambda: NormMatched(NAN), "share"),
    (lambda: NormMatched(0), "share"),
]


@pytest.mark.parametrize(("build", "word"), CASES)
def test_refused_in_one_sentence(build, word):
    check_refusal(build, word)
