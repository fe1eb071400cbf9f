"""Judges from other packages: optional, imported when asked, and a note in the row where they cannot be had."""

from collections.abc import Sequence
from pathlib import Path

import torch

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.external.fad import FrechetAudioDistance, frechet_audio_distance
from lightning_modules.evaluation.scoring.external.judge import ExternalJudge, FolderWaveforms, Found, ask
from lightning_modules.evaluation.scoring.external.scoreq import ScoreQ, scoreq_mos

NAMES = ("fad", "scoreq")

__all__ = [
    "NAMES",
    "ExternalJudge",
    "FolderWaveforms",
    "Found",
    "FrechetAudioDistance",
    "ScoreQ",
    "ask",
    "check_external",
    "external_judges",
    "frechet_audio_distance",
    "scoreq_mos",
]


def check_external(names: Sequence[str], background: bool) -> None:
    """Refuse judges that do not exist, and a distance without anything to be distant from.

    Args:
        names: of judges.
        background: whether there is a corpus of real speech.

    Raises:
        InputError: says which judges there are.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise InputError(f"expected external judges among {', '.join(NAMES)}, got {unknown[0]!r}")
    if "fad" in names and not background:
        raise InputError("fad is a distance to real speech: give --reference too, or leave fad out of --external")


def external_judges(
    names: Sequence[str],
    background: Path | None,
    labels: Sequence[int],
    device: str | torch.device,
    cache_dir: Path | None = None,
) -> list[ExternalJudge]:
    """Judges by name, which :func:`check_external` let pass; nothing is imported yet.

    Args:
        names: of :data:`NAMES`.
        background: corpus of real speech in Speech Commands layout, for FAD.
        labels: digits of the background to keep.
        device: where VGGish runs.
        cache_dir: where to keep the background's embeddings; a folder of the user's cache by default.
    """
    judges: list[ExternalJudge] = []
    for name in dict.fromkeys(names):
        if name == "scoreq":
            judges.append(ScoreQ())
        elif background is not None:
            judges.append(FrechetAudioDistance(background, device, labels, cache_dir))
    return judges
