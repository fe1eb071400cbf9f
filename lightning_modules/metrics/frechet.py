"""The Fréchet distance between generated and real features, both taken for Gaussian, and its standard error."""

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary
from torchmetrics import Metric

from lightning_modules.metrics.feature_statistics import FeatureStatistics, statistics_from_sums
from lightning_modules.metrics.inputs import float64_rows, require_no_reference
from lightning_modules.metrics.resampling import place_hashes

_factors = WeakIdKeyDictionary()  # by the covariance that was factored; an entry goes when the covariance does


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> Tensor:
    r"""Squared Fréchet distance of two Gaussians, a float64 scalar of at least 0.

    .. math:: \|\mu_a - \mu_b\|^2 + \mathrm{tr}\,\Sigma_a + \mathrm{tr}\,\Sigma_b
        - 2\,\mathrm{tr}\,\big(\Sigma_a^{1/2} \Sigma_b \Sigma_a^{1/2}\big)^{1/2}

    Dowson and Landau 1982; as FID: Heusel et al. 2017 (arXiv:1706.08500). With :math:`\Sigma = F F^\top` from symmetric
    eigenvalues, the last trace is the sum of singular values of :math:`F_a^\top F_b`: real, defined for singular
    covariances, and free of the square roots of rounding errors that a matrix root of the product takes.
    """
    mean_a, mean_b = a.mean.reshape(-1), b.mean.reshape(-1).to(a.mean)
    factor_a, factor_b = factor(a.covariance, len(mean_a)), factor(b.covariance.to(a.covariance), len(mean_a))
    return distance_of_factors(mean_a, factor_a, mean_b, factor_b)


def distance_of_factors(mean_a: Tensor, factor_a: Tensor, mean_b: Tensor, factor_b: Tensor) -> Tensor:
    """:func:`frechet_distance` of means ``(D,)`` and of factors ``(D, R)`` of the covariances."""
    cross = torch.linalg.svdvals(factor_a.mT @ factor_b).sum()
    spread = factor_a.square().sum() + factor_b.square().sum()
    return (mean_a - mean_b).square().sum() + (spread - 2.0 * cross).clamp(min=0.0)


def factor(covariance: Tensor, width: int) -> Tensor:
    """Matrix F ``(D, R)`` whose product with its transpose is a covariance of D = ``width`` features and rank R."""
    values, vectors = torch.linalg.eigh(covariance.reshape(width, width))
    used = values > values.abs().max() * width * torch.finfo(values.dtype).eps
    return vectors[:, used] * values[used].sqrt()


def reference_factor(reference: FeatureStatistics, like: Tensor) -> Tensor:
    """:func:`factor` of a reference's covariance, with the device and type of ``like``.

    It is computed once and stored as long as the covariance exists: every row of a table is compared with it.
    """
    covariance = reference.covariance
    key = (covariance._version, like.device, like.dtype)
    entry = _factors.get(covariance)
    if entry is None or entry[0] != key:
        entry = _factors[covariance] = (key, factor(covariance.to(like), len(reference.mean.reshape(-1))))
    root: Tensor = entry[1]
    return root


class FrechetDistance(Metric):
    """Fréchet distance between real and generated features: FID on features of the evaluator, FAD on those of VGGish.

    It is biased upwards by about 1/N: compare values of equal N only, next to the distance of as many real clips.
    Memory does not grow with the number of clips: ``16 D^2`` bytes, 16 MiB for 1024 features.

    The reference is statistics of the real training split, known beforehand (``FeatureStatistics.load``); None takes
    them from updates with ``real``.
    """

    full_state_update = False
    count: Tensor
    total: Tensor
    outer: Tensor

    def __init__(self, num_features: int, reference: FeatureStatistics | None = None) -> None:
        super().__init__()
        if reference is not None and reference.covariance.numel() != num_features**2:
            raise ValueError(f"expected a reference of {num_features} features, got {reference.mean.numel()}")
        self.num_features, self.reference = num_features, reference
        # First row: generated; second: real.
        for name, shape in (("count", ()), ("total", (num_features,)), ("outer", (num_features, num_features))):
            self.add_state(name, torch.zeros(2, *shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor, real: bool = False) -> None:
        """Add ``features`` ``(B, D)`` of generated clips, or of real ones if ``real``.

        Raises:
            ValueError: the shape is another, or real clips come although a reference was given.
        """
        if real:
            require_no_reference(self.reference)
        x = float64_rows(features, self.num_features, self.device)
        self.count[int(real)] += len(x)
        self.total[int(real)] += x.sum(dim=0)
        self.outer[int(real)] += x.mT @ x

    def compute(self) -> Tensor:
        """The distance, a float64 scalar, of at least 2 generated and 2 real clips."""
        generated, real = zip(self.count, self.total, self.outer, strict=True)
        sample = statistics_from_sums(*generated, "generated")
        if self.reference is None:
            return frechet_distance(sample, statistics_from_sums(*real, "real"))
        root = factor(sample.covariance, self.num_features)
        mean = self.reference.mean.reshape(-1).to(sample.mean)
        return distance_of_factors(sample.mean, root, mean, reference_factor(self.reference, sample.covariance))


class FrechetError(Metric):
    r"""Standard error of a Fréchet distance, from its spread over S disjoint subsets of the generated clips.

    .. math:: \mathrm{std}(d_1, \dots, d_S) / \sqrt{S}

    Resampling with replacement would shrink covariances. A subset's own distance is biased upwards by its smaller
    number of clips, about S times as much as that of all clips: only the spread is used, which a bias common to the
    subsets does not change. The error of four subsets itself scatters by about 40 % (3 degrees of freedom).

    Of every S clips in file order each subset gets one at random. Simply dealing them out in turns would put all even
    digits into one subset and all odd ones into the next, as digits often come in turns of ten.

    Memory does not grow with the number of clips: ``8 S D^2`` bytes, 32 MiB for 4 subsets of 1024 features.
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
        """Add ``features`` ``(B, D)`` of generated clips at places ``index`` ``(B,)`` in file order."""
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
        """The standard error, a float64 scalar, of at least 2 clips in each subset."""
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
    """Number of the subset, 0 to S - 1, of each place ``(B,)``: every S places in turn have one in each subset."""
    group = torch.div(index, num_subsets, rounding_mode="floor")
    return (index + place_hashes(group, seed) % num_subsets) % num_subsets
