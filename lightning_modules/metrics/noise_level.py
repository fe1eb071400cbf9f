"""Averages of a loss or an accuracy by diffusion time."""

import torch
from torch import Tensor
from torchmetrics import Metric


class NoiseLevelMean(Metric):
    """Mean of per-example values in equal bins of diffusion time, and over all bins; exact on several processes."""

    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, num_bins: int = 4) -> None:
        super().__init__()
        self.num_bins = num_bins
        self.add_state("total", torch.zeros(num_bins, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(num_bins, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, values: Tensor, t: Tensor) -> None:
        """Add ``values`` ``(B,)`` of examples at times ``t`` ``(B,)``."""
        bins = (t * self.num_bins).long().clamp(0, self.num_bins - 1)
        self.total.index_add_(0, bins, values.detach().to(self.total))
        self.count.index_add_(0, bins, torch.ones_like(bins, dtype=self.count.dtype))

    def compute(self) -> dict[str, Tensor]:
        """``all`` and one entry per bin that saw an example, such as ``t0.25-0.50``; float32 scalars."""
        edges = [i / self.num_bins for i in range(self.num_bins + 1)]
        means = {
            f"t{edges[i]:.2f}-{edges[i + 1]:.2f}": self.total[i] / self.count[i]
            for i in range(self.num_bins)
            if self.count[i]
        }
        return {name: mean.float() for name, mean in {"all": self.total.sum() / self.count.sum(), **means}.items()}
