"""Predicts the mean opinion score that people would give, by the package ``scoreq``."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from lightning_modules.evaluation.scoring.external.metric import FolderWaveforms, Outcome
from lightning_modules.evaluation.scoring.external.opinions import OpinionScore


class ScoreQ(OpinionScore):
    """Measures ``scoreq``: the naturalness of synthetic speech, by the package of that name.

    Ragano et al. 2024 (arXiv:2410.06675): the model for synthetic speech, without reference. The package runs it by
    ONNX Runtime, on a GPU only where that was built for one.
    """

    def __init__(self) -> None:
        super().__init__("scoreq")
        self._published: Any = None

    def prepare(self) -> None:
        self._published = _module().Scoreq(data_domain="synthetic", mode="nr", use_onnx=True)
        # Clips are read already, and the package's reader needs a decoder that it does not ask for.
        self._published.load_processing = lambda waveform, target_sr=16000: waveform

    def score(self, waveform: Tensor) -> Tensor:
        return torch.tensor([float(self._published.predict(clip[None])) for clip in waveform], dtype=torch.float64)


def scoreq_mos(folder: Path) -> Outcome:
    """Measure ``scoreq``, ``scoreq_low`` and ``scoreq_high`` of a folder of WAV or FLAC files; see :class:`ScoreQ`.

    Raises:
        InputError: the folder cannot be used.
    """
    return ScoreQ()(FolderWaveforms(folder))


def _module() -> ModuleType:
    """Import the module ``scoreq.scoreq`` without its package, which fetches another model when it is imported."""
    package = importlib.util.find_spec("scoreq")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'scoreq'")
    path = Path(package.submodule_search_locations[0]) / "scoreq.py"
    spec = importlib.util.spec_from_file_location("scoreq.scoreq", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
