"""Sums of class probabilities, from which several scores follow."""

from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.inputs import float64_rows


class ClassSums(NamedTuple):
    """Sums over clips, float64.

    Attributes:
        num_clips: a scalar.
        probs: ``(K,)`` sum of p(y|x).
        log_probs: ``(K,)`` sum of log p(y|x).
        entropy: sum of H(p(y|x)), in nats, a scalar.
    """

    num_clips: Tensor
    probs: Tensor
    log_probs: Tensor
    entropy: Tensor


def class_sums(log_probs: Tensor) -> ClassSums:
    """Sums over ``log_probs`` ``(B, K)``, normalised anew in float64: float32 rows sum to 1 within 1e-7 only."""
    log_probs = log_probs.double().log_softmax(dim=1)
    probs = log_probs.exp()
    num_clips = torch.tensor(float(len(probs)), dtype=torch.float64, device=probs.device)
    return ClassSums(num_clips, probs.sum(dim=0), log_probs.sum(dim=0), torch.special.entr(probs).sum())


class ClassSumsMetric(Metric):
    """Base of scores that :class:`ClassSums` determine.

    Args:
        num_classes: number of classes, K.
    """

    full_state_update = False

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.num_classes = num_classes
        for name, value in class_sums(torch.zeros(0, num_classes))._asdict().items():
            self.add_state(name, value, dist_reduce_fx="sum")

    @property
    def sums(self) -> ClassSums:
        """What was added so far."""
        return ClassSums(*(getattr(self, name) for name in ClassSums._fields))

    def _add(self, log_probs: Tensor) -> Tensor:
        rows = float64_rows(log_probs, self.num_classes, self.device)
        for name, value in class_sums(rows)._asdict().items():
            setattr(self, name, getattr(self, name) + value)
        return rows
