"""Settings that decide how much a run of the benchmarks measures."""

from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Settings:
    """Sizes of one run.

    Attributes:
        device: where networks work.
        scratch: folder for generated recordings; emptied by whoever made it.
        size: of the models: ``tiny``, ``small`` (configs/small) or ``experiments`` (paper size).
        rounds: how often every variant is measured.
        least_seconds: how long a variant runs in one round at least.
        clips: number of clips that are scored, N.
        full_batch: samples that are drawn together.
        steps: of the sampler, where one number is needed.
        compile: whether torch.compile is measured too.
    """

    device: torch.device
    scratch: Path
    size: str = "small"
    rounds: int = 5
    least_seconds: float = 0.05
    clips: int = 256
    full_batch: int = 16
    steps: int = 25
    compile: bool = False

    @property
    def tiny(self) -> bool:
        """Whether the run only checks that the benchmarks work."""
        return self.size == "tiny"

    @property
    def label(self) -> str:
        """The models' size in words."""
        return {"experiments": "paper size"}.get(self.size, f"{self.size} size")


def tiny_settings(scratch: Path) -> Settings:
    """Settings with which every part takes about a second."""
    return Settings(torch.device("cpu"), scratch, "tiny", 2, 0.0, 12, 4, 2)
