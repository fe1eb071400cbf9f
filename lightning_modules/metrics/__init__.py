"""Measures that reduce across processes."""

from lightning_modules.metrics.diversity import IntraClassDiversity
from lightning_modules.metrics.noise_level import NoiseLevelMean

__all__ = ["IntraClassDiversity", "NoiseLevelMean"]
