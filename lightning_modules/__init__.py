"""scoretap: guided diffusion speech from a frozen, noise-conditioned classifier."""

from lightning_modules.classifier import ClassifierModule
from lightning_modules.dsm import DSMModule
from lightning_modules.errors import InputError, NonFiniteError
from lightning_modules.evaluator import EvaluatorModule
from lightning_modules.loading import load_generator
from lightning_modules.score_subnet import ScoreSubnetModule
from lightning_modules.unet import UNetModule

__all__ = [
    "ClassifierModule",
    "DSMModule",
    "EvaluatorModule",
    "InputError",
    "NonFiniteError",
    "ScoreSubnetModule",
    "UNetModule",
    "load_generator",
]
