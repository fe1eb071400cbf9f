"""Sums of class probabilities over clips, from which several scores can be computed."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.inputs import float64_rows
from lightning_modules.metrics.ordered_rows import append_rows, hold_rows, ordered_rows
from lightning_modules.metrics.resampling import Interval, bootstrap_sums


class ClassSums(NamedTuple):
    """Sums over clips, float64; resampled sums have the resamples R as a first axis."""

    num_clips: Tensor  # a scalar, or (R,)
    probs: Tensor  # (K,) sum of p(y|x), or (R, K)
    log_probs: Tensor  # (K,) sum of log p(y|x), or (R, K)
    entropy: Tensor  # sum of H(p(y|x)), in nats, a scalar, or (R,)


def class_sums(log_probs: Tensor) -> ClassSums:
    """Sums over ``log_probs`` ``(B, K)``; normalised again in float64, as float32 rows sum to 1 within 1e-7 only."""
    return _split(_columns(log_probs).sum(dim=0))


class LogProbabilityRows(Metric):
    """Base class of scores that need the log-probabilities of every clip, not only their sums.

    It stores 8 (K + 1) bytes per clip, 88 for ten digits: the only memory that grows with the number of clips.
    """

    full_state_update = False
    rows: list[Tensor]

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.num_classes = num_classes
        hold_rows(self, "rows")

    @property
    def log_probs(self) -> Tensor:
        """Log-probabilities added so far, ``(N, K)`` float64 in file order."""
        return ordered_rows(self, "rows", self.num_classes)

    def update(self, log_probs: Tensor, index: Tensor | None = None) -> None:
        """Add natural logarithms ``(B, K)`` of the evaluator's class probabilities of generated clips."""
        append_rows(self, "rows", float64_rows(log_probs, self.num_classes, self.device), index)


class ScoreIntervals(LogProbabilityRows):
    """Bootstrap intervals of scores that can be computed from :class:`ClassSums`; all see the same resamples.

    Scores map resampled sums to ``(R,)``, by name. The other arguments are those of :func:`bootstrap`.
    """

    def __init__(
        self,
        scores: Mapping[str, Callable[[ClassSums], Tensor]],
        num_classes: int = 10,
        num_resamples: int = 1000,
        level: float = 0.95,
        seed: int = 0,
    ) -> None:
        super().__init__(num_classes)
        self.scores = dict(scores)
        self.num_resamples, self.level, self.seed = num_resamples, level, seed

    def compute(self) -> dict[str, float]:
        """Ends of each interval, of at least 2 clips: ``is_low`` and ``is_high`` of the score ``is``."""
        columns = _columns(self.log_probs)
        intervals = {name: self._interval(columns, score) for name, score in self.scores.items()}
        lows = {f"{name}_low": interval.low for name, interval in intervals.items()}
        return lows | {f"{name}_high": interval.high for name, interval in intervals.items()}

    def _interval(self, columns: Tensor, score: Callable[[ClassSums], Tensor]) -> Interval:
        return bootstrap_sums(columns, lambda sums: score(_split(sums)), self.num_resamples, self.level, self.seed)


def _columns(log_probs: Tensor) -> Tensor:
    """Terms that :class:`ClassSums` adds up, one row per clip: ``(N, 2 K + 2)`` float64."""
    log_probs = log_probs.double().log_softmax(dim=1)
    probs = log_probs.exp()
    entropy = torch.special.entr(probs).sum(dim=1, keepdim=True)
    return torch.cat([torch.ones_like(entropy), probs, log_probs, entropy], dim=1)


def _split(sums: Tensor) -> ClassSums:
    num_classes = sums.shape[-1] // 2 - 1
    parts = sums.split([1, num_classes, num_classes, 1], dim=-1)
    return ClassSums(parts[0].squeeze(-1), parts[1], parts[2], parts[3].squeeze(-1))
