"""The diffusion mathematics: process, denoisers, loss, guidance and samplers. Knows no network and no trainer."""

from lightning_modules.diffusion.guidance import ClassifierGuidance
from lightning_modules.diffusion.losses import dsm_loss, sample_times
from lightning_modules.diffusion.parameterizations import Epsilon, Parameterization, Preconditioned, Velocity
from lightning_modules.diffusion.preconditioning import Denoiser, InputScaling, TapDenoiser
from lightning_modules.diffusion.sampling import Sampling
from lightning_modules.diffusion.sde import VPSDE
from lightning_modules.diffusion.thresholding import Clamp

__all__ = [
    "VPSDE",
    "Clamp",
    "ClassifierGuidance",
    "Denoiser",
    "Epsilon",
    "InputScaling",
    "Parameterization",
    "Preconditioned",
    "Sampling",
    "TapDenoiser",
    "Velocity",
    "dsm_loss",
    "sample_times",
]
