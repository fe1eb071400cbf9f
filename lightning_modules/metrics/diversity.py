"""Do samples of one class differ from each other, and how sure is that?"""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.inputs import float64_rows
from lightning_modules.metrics.ordered_rows import append_rows, hold_rows, ordered_rows


class IntraClassDiversity(Metric):
    r"""Root mean square distance between two samples of one class, averaged over the classes seen at least twice.

    .. math:: \frac1{|\mathcal K|} \sum_{k \in \mathcal K} \sqrt{2\,\mathrm{tr}\,\Sigma_k}

    with unbiased covariances :math:`\Sigma_k` of the embeddings, in float64. Zero means that all clips of a class
    have the same embedding. Memory does not grow with the number of clips: ``8 K D`` bytes.
    """

    full_state_update = False
    total: Tensor
    square: Tensor
    count: Tensor

    def __init__(self, num_features: int, num_classes: int = 10) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(num_classes, num_features, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("square", torch.zeros(num_classes, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(num_classes, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, embeddings: Tensor, y: Tensor) -> None:
        """Add ``embeddings`` ``(B, D)`` of classes ``y`` ``(B,)``; rows with :data:`NO_LABEL` are left out."""
        rows = y >= 0
        values, classes = embeddings[rows].to(self.total), y[rows].to(self.total.device)
        self.total.index_add_(0, classes, values)
        self.square.index_add_(0, classes, values.square().sum(dim=1))
        self.count.index_add_(0, classes, torch.ones_like(classes, dtype=self.count.dtype))

    def compute(self) -> Tensor:
        """Diversity as a float64 scalar."""
        seen = self.count > 1
        if not bool(seen.any()):
            raise ValueError("no class has two clips")
        n = self.count[seen]
        trace = (self.square[seen] - self.total[seen].square().sum(dim=1) / n) / (n - 1)
        return (2.0 * trace.clamp(min=0.0)).sqrt().mean()


class DiversityError(Metric):
    r"""Standard error of :class:`IntraClassDiversity`, by leaving out each clip in turn within its class.

    .. math:: \sqrt{\sum_k \frac{n_k - 1}{n_k} \sum_{i \in k} (d_{-i} - \bar d_k)^2}

    with the diversity :math:`d_{-i}` without clip i and its mean :math:`\bar d_k` over class k (the jackknife of Efron
    and Stein 1981, stratified). Resampling with replacement would repeat clips and shrink the diversity itself.

    If there are more than ``limit`` clips, only those whose places have the smallest hashes are used, and the error is
    scaled to all of them. Memory: ``8 (D + 2)`` bytes for each clip that is used, a quarter more in between.
    """

    full_state_update = False

    def __init__(self, num_features: int, limit: int = 10_000) -> None:
        super().__init__()
        self.num_features, self.limit = num_features, limit
        hold_rows(self, "clips")

    def update(self, features: Tensor, y: Tensor, index: Tensor | None = None) -> None:
        """Add ``features`` ``(B, D)`` of classes ``y`` ``(B,)``; rows with :data:`NO_LABEL` are left out."""
        rows = torch.cat([float64_rows(features, self.num_features, self.device), y.to(self.device)[:, None]], dim=1)
        append_rows(self, "clips", rows, index, self.limit)

    def compute(self) -> Tensor:
        """Standard error as a float64 scalar; a class that was seen exactly twice says nothing about its spread."""
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
