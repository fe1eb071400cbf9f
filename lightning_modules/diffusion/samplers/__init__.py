"""Solvers of the reverse process. A new one is one file here, one test and one ``class_path``."""

from lightning_modules.diffusion.samplers.base import Sampler, SamplerOutput
from lightning_modules.diffusion.samplers.ddim import DDIM
from lightning_modules.diffusion.samplers.dpm_solver_pp import DPMSolverPP
from lightning_modules.diffusion.samplers.euler_maruyama import EulerMaruyama
from lightning_modules.diffusion.samplers.few_step import FewStep
from lightning_modules.diffusion.samplers.heun import Heun
from lightning_modules.diffusion.samplers.noise import NoiseSource, PerSampleNoise
from lightning_modules.diffusion.samplers.predictor_corrector import PredictorCorrector
from lightning_modules.diffusion.samplers.time_grid import Karras, NoiseLevels, TimeGrid, UniformLogSNR, UniformTime

__all__ = [name for name in dir() if name[0].isupper()]  # every class that is imported here
