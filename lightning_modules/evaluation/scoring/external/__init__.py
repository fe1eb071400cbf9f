"""External metrics come from other packages, which are optional; where one is missing, the row says so in a note."""

from collections.abc import Callable, Sequence
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
from lightning_modules.evaluation.scoring.external.opinions import DistillMos, Dnsmos
from lightning_modules.evaluation.scoring.external.recognition import PocketSphinx
from lightning_modules.evaluation.scoring.external.scoreq import ScoreQ, scoreq_mos
from lightning_modules.evaluation.scoring.external.voices import Voices

__all__ = [
    "NAMES", "DistillMos", "Dnsmos", "ExternalJudge", "ExternalMetric", "FolderWaveforms", "Found",
    "FrechetAudioDistance", "Outcome", "PocketSphinx", "ScoreQ", "Voices", "add_external_figures", "ask",
    "check_external", "external_judges", "external_metrics", "frechet_audio_distance", "scoreq_mos",
]  # fmt: skip

NAMES = ("fad", "scoreq", "distillmos", "dnsmos", "resemblyzer", "pocketsphinx")
ExternalJudge, Found, ask = ExternalMetric, Outcome, add_external_figures  # former names


def check_external(names: Sequence[str], background: bool) -> None:
    """Refuse metrics that do not exist, and a distance without real speech as ``background``.

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
    """Make external metrics by names that :func:`check_external` accepts; each counts once, nothing is imported yet.

    The background is real speech for FAD and for voices; see :class:`FrechetAudioDistance`.
    """
    makers: dict[str, Callable[[], ExternalMetric]] = {
        "scoreq": ScoreQ,
        "distillmos": lambda: DistillMos(device),
        "dnsmos": Dnsmos,
        "resemblyzer": lambda: Voices(background, labels, device),
        "pocketsphinx": PocketSphinx,
    }
    if background is not None:
        makers["fad"] = lambda: FrechetAudioDistance(background, device, labels, cache_dir)
    return [makers[name]() for name in dict.fromkeys(names) if name in makers]


external_judges = external_metrics  # the former name
