"""The diffusion mathematics: process, denoisers, loss, guidance and samplers. Knows no network and no trainer."""

from lightning_modules.diffusion.clamp import Clamp
from lightning_modules.diffusion.guidance import ClassifierFreeGuidance, ClassifierGuidance, DenoisedGuidance, Guidance
from lightning_modules.diffusion.guidance_schedules import (
    Constant,
    CosineRamp,
    GuidanceSchedule,
    Interval,
    LinearRamp,
    NormMatched,
)
from lightning_modules.diffusion.losses import dsm_loss
from lightning_modules.diffusion.parameterizations import Epsilon, Parameterization, Preconditioned, Velocity
from lightning_modules.diffusion.preconditioning import Denoiser, InputScaling, TapDenoiser
from lightning_modules.diffusion.sampling import Sampling
from lightning_modules.diffusion.sde import VPSDE
from lightning_modules.diffusion.training_times import LogNormalTimes, TimeDistribution, UniformTimes

__all__ = [
    "VPSDE", "Clamp", "ClassifierFreeGuidance", "ClassifierGuidance", "Constant", "CosineRamp", "DenoisedGuidance",
    "Denoiser", "Epsilon", "Guidance", "GuidanceSchedule", "InputScaling", "Interval", "LinearRamp",
    "LogNormalTimes", "NormMatched", "Parameterization", "Preconditioned", "Sampling", "TapDenoiser",
    "TimeDistribution", "UniformTimes", "Velocity", "dsm_loss",
]  # fmt: skip
