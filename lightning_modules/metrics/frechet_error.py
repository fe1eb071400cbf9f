"""How sure is a Fréchet distance?"""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_modules.metrics.feature_statistics import FeatureStatistics, statistics_from_sums
from lightning_modules.metrics.frechet import distance_of_factors, factor, reference_factor
from lightning_modules.metrics.inputs import float64_rows
from lightning_modules.metrics.resampling import place_hashes


class FrechetError(Metric):
    r"""Standard error of a Fréchet distance, from its spread over S disjoint subsets of the generated clips.

    .. math:: \mathrm{std}(d_1, \dots, d_S) / \sqrt{S}

    Resampling with replacement would shrink covariances. A subset's own distance is biased upwards by its smaller
    number of clips, about S times as much as that of all clips: only the spread is used, which a bias common to the
    subsets does not change. The error of four subsets itself scatters by about 40 % (3 degrees of freedom).

    Of every S clips in file order each subset gets one, by lot: with places modulo S alone, digits that come in turns
    of ten would be all even in one subset and all odd in the next.

    Memory does not grow with the number of clips: ``8 S D^2`` bytes, 32 MiB for 4 subsets of 1024 features.

    Args:
        num_features: width of the features, D.
        reference: statistics of the real training split.
        num_subsets: S, at least 2.
        seed: of the lots.
    """

    full_state_update = False
    count: Tensor
    total: Tensor
    outer: Tensor

    def __init__(self, num_features: int, reference: FeatureStatistics, num_subsets: int = 4, seed: int = 0) -> None:
        super().__init__()
        if num_subsets < 2:
            raise ValueError(f"expected at least 2 subsets for a standard error, got {num_subsets}")
        self.num_features, self.reference, self.num_subsets, self.seed = num_features, reference, num_subsets, seed
        for name, shape in (("count", ()), ("total", (num_features,)), ("outer", (num_features, num_features))):
            self.add_state(name, torch.zeros(num_subsets, *shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor, index: Tensor) -> None:
        """Add ``features`` ``(B, D)`` of generated clips at places ``index`` ``(B,)`` in file order.

        Raises:
            ValueError: a shape is another.
        """
        x = float64_rows(features, self.num_features, self.device)
        if index.shape != x.shape[:1]:
            raise ValueError(f"expected an index of shape ({len(x)},), got {tuple(index.shape)}")
        subset = subset_numbers(index.to(self.device), self.num_subsets, self.seed)
        for number in range(self.num_subsets):
            part = x[subset == number]
            self.count[number] += len(part)
            self.total[number] += part.sum(dim=0)
            self.outer[number] += part.mT @ part

    def compute(self) -> Tensor:
        """The standard error, a float64 scalar.

        Raises:
            ValueError: a subset has fewer than 2 clips.
        """
        if (fewest := int(self.count.min())) < 2:
            raise ValueError(f"expected at least 2 clips in each of {self.num_subsets} subsets, got {fewest}")
        mean = self.reference.mean.reshape(-1).to(self.total)
        root = reference_factor(self.reference, self.outer)
        distances = []
        for sums in zip(self.count, self.total, self.outer, strict=True):
            part = statistics_from_sums(*sums, "generated")
            distances.append(distance_of_factors(part.mean, factor(part.covariance, self.num_features), mean, root))
        return torch.stack(distances).std() / self.num_subsets**0.5


def subset_numbers(index: Tensor, num_subsets: int, seed: int = 0) -> Tensor:
    """Subset in [0, S) of each place ``(B,)``: of every S places in turn, each subset has one."""
    group = torch.div(index, num_subsets, rounding_mode="floor")
    return (index + place_hashes(group, seed) % num_subsets) % num_subsets
