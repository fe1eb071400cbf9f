"""External metrics come from other packages, which are optional; where one is missing, the row says so in a note."""

from collections.abc import Sequence
from pathlib import Path

import torch

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.external.fad import FrechetAudioDistance, frechet_audio_distance
from lightning_modules.evaluation.scoring.external.metric import (
    ExternalMetric,
    FolderWaveforms,
    Outcome,
    add_external_figures,
)
from lightning_modules.evaluation.scoring.external.scoreq import ScoreQ, scoreq_mos

NAMES = ("fad", "scoreq")
ExternalJudge, Found, ask = ExternalMetric, Outcome, add_external_figures  # former names

__all__ = [
    "NAMES",
    "ExternalJudge",
    "ExternalMetric",
    "FolderWaveforms",
    "Found",
    "FrechetAudioDistance",
    "Outcome",
    "ScoreQ",
    "add_external_figures",
    "ask",
    "check_external",
    "external_judges",
    "external_metrics",
    "frechet_audio_distance",
    "scoreq_mos",
]


def check_external(names: Sequence[str], background: bool) -> None:
    """Refuse metrics that do not exist, and a distance without real speech to measure it to.

    Args:
        names: of external metrics.
        background: whether there is a corpus of real speech.

    Raises:
        InputError: says which metrics there are.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise InputError(f"expected external metrics among {', '.join(NAMES)}, got {unknown[0]!r}")
    if "fad" in names and not background:
        raise InputError("fad is a distance to real speech: give --reference too, or leave fad out of --external")


def external_metrics(
    names: Sequence[str],
    background: Path | None,
    labels: Sequence[int],
    device: str | torch.device,
    cache_dir: Path | None = None,
) -> list[ExternalMetric]:
    """Make external metrics by names that :func:`check_external` accepts; nothing is imported yet.

    Args:
        names: of :data:`NAMES`; each counts once.
        background: corpus of real speech in Speech Commands layout, for FAD.
        labels: digits of the background to keep.
        device: where VGGish runs.
        cache_dir: where the background's embeddings are cached; a folder of the user's cache by default.
    """
    metrics: list[ExternalMetric] = []
    for name in dict.fromkeys(names):
        if name == "scoreq":
            metrics.append(ScoreQ())
        elif background is not None:
            metrics.append(FrechetAudioDistance(background, device, labels, cache_dir))
    return metrics


external_judges = external_metrics  # the former name
