"""How sure is a diversity?"""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.inputs import float64_rows
from lightning_modules.metrics.ordered_rows import append_rows, hold_rows, ordered_rows


class DiversityError(Metric):
    r"""Standard error of :class:`IntraClassDiversity`, by leaving out each clip in turn within its class.

    .. math:: \sqrt{\sum_k \frac{n_k - 1}{n_k} \sum_{i \in k} (d_{-i} - \bar d_k)^2}

    with the diversity :math:`d_{-i}` without clip i and its mean :math:`\bar d_k` over class k (the jackknife of Efron
    and Stein 1981, stratified). Resampling with replacement would repeat clips and shrink the diversity itself.

    Of more than ``limit`` clips those with the smallest hashes of their places are used, and the error is scaled to all
    of them. Memory: ``8 (D + 2)`` bytes for each clip that is used, a quarter more in between.

    Args:
        num_features: width of the features, D.
        limit: largest number of clips used.
    """

    full_state_update = False

    def __init__(self, num_features: int, limit: int = 10_000) -> None:
        super().__init__()
        self.num_features, self.limit = num_features, limit
        hold_rows(self, "clips")

    def update(self, features: Tensor, y: Tensor, index: Tensor | None = None) -> None:
        """Add ``features`` ``(B, D)`` of classes ``y`` ``(B,)``; rows with -1 are left out.

        Args:
            features: the evaluator's.
            y: classes.
            index: ``(B,)`` place of each clip; needed where several processes share the clips.
        """
        rows = torch.cat([float64_rows(features, self.num_features, self.device), y.to(self.device)[:, None]], dim=1)
        append_rows(self, "clips", rows, index, self.limit)

    def compute(self) -> Tensor:
        """Standard error as a float64 scalar.

        Raises:
            ValueError: no class was seen twice, or one was seen exactly twice and says nothing about its spread.
        """
        table = ordered_rows(self, "clips", self.num_features + 1, self.limit)
        classes = [table[table[:, -1] == k, :-1] for k in table[:, -1].unique() if k >= 0]
        classes = [rows for rows in classes if len(rows) > 1]
        if not classes or min(map(len, classes)) < 3:
            raise ValueError("expected at least 3 clips of each class that has two")
        variance = torch.stack([_jackknife(rows) for rows in classes]).sum() / len(classes) ** 2
        seen: Tensor = self.clips_seen  # type: ignore[assignment]  # hold_rows made it
        return (variance * len(table) / seen.clamp(min=len(table))).sqrt()


def _jackknife(x: Tensor) -> Tensor:
    """Variance of the root mean square distance between two rows of ``(n, D)``."""
    n = len(x)
    square = (x - x.mean(dim=0)).square().sum(dim=1)
    # Without row i the sum of squared distances to the mean falls by n / (n - 1) of the row's own.
    trace = (square.sum() - n / (n - 1) * square) / (n - 2)
    roots = (2.0 * trace.clamp(min=0.0)).sqrt()
    return (n - 1) / n * (roots - roots.mean()).square().sum()
