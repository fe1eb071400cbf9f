"""Solvers of the reverse process. A new one is one file here, one test and one ``class_path``."""

from lightning_modules.diffusion.samplers.base import Sampler, SamplerOutput
from lightning_modules.diffusion.samplers.euler_maruyama import EulerMaruyama
from lightning_modules.diffusion.samplers.noise import NoiseSource, PerSampleNoise
from lightning_modules.diffusion.samplers.time_grid import TimeGrid, UniformTime

__all__ = ["EulerMaruyama", "NoiseSource", "PerSampleNoise", "Sampler", "SamplerOutput", "TimeGrid", "UniformTime"]
