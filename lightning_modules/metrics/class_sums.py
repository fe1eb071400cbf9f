"""Sums of class probabilities over clips, from which several scores can be computed."""

import math
from collections.abc import Callable, Collection, Mapping
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.half_samples import half_sample_scatter, split_signs
from lightning_modules.metrics.inputs import float64_rows, require
from lightning_modules.metrics.ordered_rows import append_rows, hold_rows, labelled_rows, ordered_rows
from lightning_modules.metrics.resampling import weighted_sums


class ClassSums(NamedTuple):
    """Sums over clips, float64; resampled sums have the resamples R as a first axis.

    Attributes:
        num_clips: a scalar, or ``(R,)``.
        probs: ``(K,)`` sum of p(y|x), or ``(R, K)``.
        log_probs: ``(K,)`` sum of log p(y|x), or ``(R, K)``.
        entropy: sum of H(p(y|x)), in nats, a scalar, or ``(R,)``.
    """

    num_clips: Tensor
    probs: Tensor
    log_probs: Tensor
    entropy: Tensor


def class_sums(log_probs: Tensor) -> ClassSums:
    """Sums over ``log_probs`` ``(B, K)``; normalised again in float64, as float32 rows sum to 1 within 1e-7 only."""
    return _split(_columns(log_probs).sum(dim=0))


class LogProbabilityRows(Metric):
    """Base class of scores that need the log-probabilities of every clip, not only their sums.

    It stores 8 (K + 1) bytes per clip, 88 for ten digits: the only memory that grows with the number of clips.

    Args:
        num_classes: number of classes, K.
        with_classes: whether updates may tell the intended class of each clip, which takes 8 bytes more.
    """

    full_state_update = False
    rows: list[Tensor]

    def __init__(self, num_classes: int = 10, with_classes: bool = False) -> None:
        super().__init__()
        self.num_classes, self.with_classes = num_classes, with_classes
        hold_rows(self, "rows")

    @property
    def log_probs(self) -> Tensor:
        """Log-probabilities added so far, ``(N, K)`` float64 in file order."""
        return ordered_rows(self, "rows", self.num_classes + self.with_classes)[:, : self.num_classes]

    @property
    def classes(self) -> Tensor:
        """Intended classes ``(N,)`` in file order."""
        return ordered_rows(self, "rows", self.num_classes + 1)[:, -1]

    def update(self, log_probs: Tensor, index: Tensor | None = None, y: Tensor | None = None) -> None:
        """Add ``log_probs`` ``(B, K)`` of generated clips.

        Args:
            log_probs: natural logarithms of the evaluator's class probabilities.
            index: place of each clip in file order.
            y: ``(B,)`` intended classes; None for clips drawn at large. Scores without intervals take no notice.
        """
        rows = float64_rows(log_probs, self.num_classes, self.device)
        append_rows(self, "rows", labelled_rows(rows, y) if self.with_classes else rows, index)


class ScoreIntervals(LogProbabilityRows):
    """95 % intervals of scores that can be computed from :class:`ClassSums`; all see the same random splits.

    Each is about the value for infinitely many clips: the score less its bias, and standard errors to either side by
    :func:`~lightning_modules.metrics.half_samples.half_sample_scatter`. It is extended to the score itself.

    Args:
        scores: maps sums of R sets to scores ``(R,)``, by name.
        num_classes: number of classes, K.
        num_resamples: number of random splits into halves.
        level: share of repeated draws whose interval holds the true value, in (0, 1).
        seed: seed of the splits.
        logarithmic: names of positive scores whose interval is symmetric on a logarithmic scale.
        bounds: smallest and largest possible value, by name.
    """

    def __init__(
        self,
        scores: Mapping[str, Callable[[ClassSums], Tensor]],
        num_classes: int = 10,
        num_resamples: int = 400,
        level: float = 0.95,
        seed: int = 0,
        logarithmic: Collection[str] = (),
        bounds: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        super().__init__(num_classes, with_classes=True)
        if not 0.0 < level < 1.0:
            raise ValueError(f"expected a level in (0, 1), got {level}")
        self.scores, self.logarithmic, self.bounds = dict(scores), frozenset(logarithmic), dict(bounds or {})
        self.num_resamples, self.level, self.seed = num_resamples, level, seed

    def compute(self) -> dict[str, float]:
        """Ends of each interval: ``is_low`` and ``is_high`` of the score ``is``.

        Raises:
            ValueError: no two clips were seen of what was drawn alike, or one twice.
        """
        log_probs, strata = self.log_probs, self.classes
        require(len(log_probs), 2, "split")
        columns, signs = _columns(log_probs), split_signs(strata, self.num_resamples, self.seed)
        weights = 1.0 + torch.cat([torch.zeros_like(signs[:1]), signs, -signs]).to(columns)
        sums = _split(weighted_sums(weights, columns))
        ends: dict[str, float] = {}
        for name, score in self.scores.items():
            ends[f"{name}_low"], ends[f"{name}_high"] = self._interval(name, score(sums).cpu(), signs)
        return ends

    def _interval(self, name: str, values: Tensor, signs: Tensor) -> tuple[float, float]:
        """Lower and upper end, from the score of all clips, of first halves and of second halves ``(2 R + 1,)``."""
        low, high = self.bounds.get(name, (-math.inf, math.inf))
        scaled = values.log() if name in self.logarithmic else values
        scatter = half_sample_scatter(scaled, signs)
        reach = NormalDist().inv_cdf((1.0 + self.level) / 2.0) * scatter.error
        ends = scaled[0] - scatter.bias + torch.tensor([-reach, reach], dtype=scaled.dtype)
        ends = (ends.exp() if name in self.logarithmic else ends).clamp(low, high)
        value, rounding = float(values[0]), 2e-13 * abs(float(values[0]))  # the score itself is summed in another order
        return min(float(ends[0]), value - rounding), max(float(ends[1]), value + rounding)


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
