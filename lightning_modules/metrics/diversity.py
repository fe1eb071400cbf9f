"""Do samples of one class differ from each other?"""

import torch
from torch import Tensor
from torchmetrics import Metric


class IntraClassDiversity(Metric):
    r"""Root mean square distance between two samples of one class, averaged over the classes seen at least twice.

    .. math:: \frac1{|\mathcal K|} \sum_{k \in \mathcal K} \sqrt{2\,\mathrm{tr}\,\Sigma_k}

    with unbiased covariances :math:`\Sigma_k` of the embeddings, in float64. Zero means that each class has collapsed
    to one point. Memory does not grow with the number of clips: ``8 K D`` bytes.

    Args:
        num_features: width of the embeddings, D.
        num_classes: number of classes, K.
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
        """Add ``embeddings`` ``(B, D)`` of classes ``y`` ``(B,)``; rows with -1 are left out."""
        rows = y >= 0
        values, classes = embeddings[rows].to(self.total), y[rows].to(self.total.device)
        self.total.index_add_(0, classes, values)
        self.square.index_add_(0, classes, values.square().sum(dim=1))
        self.count.index_add_(0, classes, torch.ones_like(classes, dtype=self.count.dtype))

    def compute(self) -> Tensor:
        """Diversity as a float64 scalar.

        Raises:
            ValueError: no class was seen twice.
        """
        seen = self.count > 1
        if not bool(seen.any()):
            raise ValueError("no class has two clips")
        n = self.count[seen]
        trace = (self.square[seen] - self.total[seen].square().sum(dim=1) / n) / (n - 1)
        return (2.0 * trace.clamp(min=0.0)).sqrt().mean()
