"""NDB: the share of regions of feature space that hold too many or too few generated clips."""

from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.inputs import float64_rows, require


class FeatureBins(NamedTuple):
    """Clusters of training features."""

    centers: Tensor  # (K, D) float64
    counts: Tensor  # (K,) training clips per cluster, float64


def fit_bins(features: Tensor, num_bins: int = 50, seed: int = 0) -> FeatureBins:
    """Cluster training features ``(N, D)`` by k-means; this is done once for all evaluations.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
        ValueError: there are fewer features than clusters.
    """
    try:
        from sklearn.cluster import KMeans
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "expected scikit-learn for clusters of features, but it is missing: pip install 'scoretap[metrics]'"
        ) from error
    require(len(features), num_bins, "real")
    fitted = KMeans(n_clusters=num_bins, random_state=seed).fit(features.detach().cpu().numpy())
    centers = torch.as_tensor(fitted.cluster_centers_).double()
    return FeatureBins(centers, _count(features.detach().cpu().double(), centers))


def proportions_differ(a: Tensor, b: Tensor, alpha: float = 0.05) -> Tensor:
    r"""Two-sided two-proportion z-test per bin of counts ``(K,)`` against ``(K,)``: ``(K,)`` of bool.

    .. math:: z = (p_a - p_b) \Big/ \sqrt{p (1 - p) (1/N_a + 1/N_b)}, \qquad p = (a + b) / (N_a + N_b)

    A bin that is empty on both sides, or holds all clips of both, does not differ.
    """
    a, b = a.double(), b.double()
    n_a, n_b = a.sum(), b.sum()
    pooled = (a + b) / (n_a + n_b)
    error = (pooled * (1.0 - pooled) * (1.0 / n_a + 1.0 / n_b)).sqrt()
    threshold = torch.special.ndtri(torch.tensor(1.0 - alpha / 2.0, dtype=torch.float64))
    return (a / n_a - b / n_b).abs() > threshold.to(error) * error


class NDB(Metric):
    """Share of bins whose number of generated clips differs from that of training clips, a float64 scalar in [0, 1].

    Number of statistically different bins, Richardson and Weiss 2018 (arXiv:1805.12462), over the number of bins. Equal
    distributions give ``alpha``, the significance level of each bin's test, on average, not 0.
    """

    full_state_update = False
    centers: Tensor
    expected: Tensor
    counts: Tensor

    def __init__(self, bins: FeatureBins, alpha: float = 0.05) -> None:
        super().__init__()
        self.alpha = alpha
        self.register_buffer("centers", bins.centers, persistent=False)
        self.register_buffer("expected", bins.counts, persistent=False)
        self.add_state("counts", torch.zeros(len(bins.counts), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor) -> None:
        """Add ``features`` ``(B, D)`` of generated clips."""
        x = float64_rows(features, self.centers.shape[1], self.device)
        self.counts = self.counts + _count(x, self.centers)

    def compute(self) -> Tensor:
        """The share of bins that differ."""
        require(self.counts.sum(), 1, "generated")
        return proportions_differ(self.expected, self.counts, self.alpha).double().mean()


def _count(features: Tensor, centers: Tensor) -> Tensor:
    """Rows per nearest centre, ``(K,)`` float64."""
    nearest = (centers.square().sum(dim=1) - 2.0 * features @ centers.mT).argmin(dim=1)
    return torch.bincount(nearest, minlength=len(centers)).double()
