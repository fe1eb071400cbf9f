"""scoretap: guided diffusion speech from a frozen, noise-conditioned classifier."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lightning_modules.former_names import install
from lightning_modules.user_name import ensure_user_name

if TYPE_CHECKING:
    from lightning_modules.bases.generator import DSMModule
    from lightning_modules.checkpoints.vocoders import HiFiGAN, NeuralVocoder
    from lightning_modules.classifier import ClassifierModule
    from lightning_modules.diffusion_degradation import DiffusionDegradation
    from lightning_modules.distillation import DistillationModule
    from lightning_modules.errors import InputError, NonFiniteError
    from lightning_modules.evaluator import EvaluatorModule
    from lightning_modules.loading import load_evaluator, load_generator
    from lightning_modules.score_subnet import ScoreSubnetModule
    from lightning_modules.unet import UNetModule
    from lightning_modules.vocoder import VocoderModule

install()
ensure_user_name()

# Imported on first use: `scoretap --help` and the mathematics need no trainer.
_HOMES = {
    "ClassifierModule": "classifier",
    "DSMModule": "bases.generator",
    "DiffusionDegradation": "diffusion_degradation",
    "DistillationModule": "distillation",
    "EvaluatorModule": "evaluator",
    "HiFiGAN": "checkpoints.vocoders",
    "InputError": "errors",
    "NeuralVocoder": "checkpoints.vocoders",
    "NonFiniteError": "errors",
    "ScoreSubnetModule": "score_subnet",
    "UNetModule": "unet",
    "VocoderModule": "vocoder",
    "load_evaluator": "loading",
    "load_generator": "loading",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
