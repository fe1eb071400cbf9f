"""Loading trained models in Python: a generator to draw samples with, an evaluator to score them."""

from pathlib import Path
from typing import Any

import torch

from lightning_modules.bases.generator import Generator
from lightning_modules.checkpoints.reading import find_checkpoint, load_module
from lightning_modules.errors import InputError
from lightning_modules.evaluator import EvaluatorModule


def load_generator(path: str | Path, device: str = "cpu") -> Generator:
    """Load the generator stored at ``path``, ready to ``sample``.

    >>> generator = load_generator("runs/demo/score_subnet")
    >>> waveforms, mels = generator.sample(labels=[3, 1, 4], guidance_scale=3.0, seed=0)

    Args:
        path: checkpoint of a Score Subnet, a U-Net or a student, its run's folder, or a name of `scoretap models`.
        device: where to put it, such as ``cuda``.

    Raises:
        InputError: the file is missing, damaged, or holds no generator.
    """
    return _load(path, Generator, "the checkpoint of a Score Subnet or a U-Net").to(device)


def load_evaluator(path: str | Path) -> EvaluatorModule:
    """Load the evaluator stored at ``path``.

    Raises:
        InputError: the file is missing, damaged, or holds something else.
    """
    evaluator: EvaluatorModule = _load(path, EvaluatorModule, "an evaluator's checkpoint")
    _check_hearing(evaluator, str(path))
    return evaluator


def _load(path: str | Path, kind: type, what: str) -> Any:
    module = load_module(find_checkpoint(str(path)))
    if not isinstance(module, kind):
        raise InputError(f"expected {what}, {str(path)!r} is one of {type(module).__name__}: give another")
    return module


def _check_hearing(evaluator: EvaluatorModule, path: str) -> None:
    """Refuse an evaluator whose weights are finite and whose answer about a second of noise is not."""
    noise = torch.randn(1, evaluator.front_end.num_samples, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        answers = evaluator(0.1 * noise)
    if not all(bool(torch.isfinite(answer).all()) for answer in answers):
        raise InputError(f"the evaluator in {path!r} hears nothing: its outputs are not finite: train another")
