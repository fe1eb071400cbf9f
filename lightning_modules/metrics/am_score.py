"""The AM score: is the evaluator sure of what it hears, and are classes as frequent as in the training data?"""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.class_sums import ClassSums, class_sums
from lightning_modules.metrics.inputs import float64_rows, require, require_no_reference


def am_from_sums(sums: ClassSums, train: Tensor) -> Tensor:
    """AM score of generated clips from their sums: a float64 scalar, or ``(R,)`` of resampled sums.

    Mean class probabilities ``(K,)`` of training clips are normalised here.
    """
    return _score(sums.probs / sums.num_clips.unsqueeze(-1), sums.entropy / sums.num_clips, train)


class AMScore(Metric):
    r"""AM score, a float64 scalar; 0 is best.

    .. math:: \mathrm{KL}(\bar p^{\,\mathrm{train}} \| \bar p) + \frac1N \sum_i H(p_i)

    Zhou et al. 2018 (arXiv:1703.02000).

    The reference ``(K,)`` is the mean class probability of the training split, known beforehand; None takes it from
    updates with ``real``.
    """

    full_state_update = False
    count: Tensor
    probs: Tensor
    entropy: Tensor

    def __init__(self, num_classes: int = 10, reference: Tensor | None = None) -> None:
        super().__init__()
        if reference is not None and reference.shape != (num_classes,):
            raise ValueError(f"expected a reference of shape ({num_classes},), got {tuple(reference.shape)}")
        self.num_classes, self.reference = num_classes, reference
        # First row: generated; second: real.
        self.add_state("count", torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("probs", torch.zeros(2, num_classes, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("entropy", torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, log_probs: Tensor, real: bool = False) -> None:
        """Add ``log_probs`` ``(B, K)`` of generated clips, or of training clips if ``real``.

        Raises:
            ValueError: the shape is another, or training clips come although a reference was given.
        """
        if real:
            require_no_reference(self.reference)
        sums = class_sums(float64_rows(log_probs, self.num_classes, self.device))
        self.count[int(real)] += sums.num_clips
        self.probs[int(real)] += sums.probs
        self.entropy[int(real)] += sums.entropy

    def compute(self) -> Tensor:
        """The score; infinite where a class of the training data has no probability in any generated clip."""
        count = require(self.count[0], 1, "generated")
        if self.reference is None:
            require(self.count[1], 1, "real")
        train = self.probs[1] if self.reference is None else self.reference
        return _score(self.probs[0] / count, self.entropy[0] / count, train)


def _score(mean_probs: Tensor, mean_entropy: Tensor, train: Tensor) -> Tensor:
    train = train.to(mean_probs)
    train = train / train.sum()
    return (torch.xlogy(train, train) - torch.xlogy(train, mean_probs)).sum(dim=-1) + mean_entropy
