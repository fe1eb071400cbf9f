"""The Fréchet distance between generated and real features, both taken for Gaussian, and its standard error."""

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary
from torchmetrics import Metric

from lightning_modules.metrics.feature_statistics import FeatureStatistics, statistics_from_sums
from lightning_modules.metrics.half_samples import half_sample_scatter, split_signs
from lightning_modules.metrics.inputs import float64_rows, require, require_no_reference
from lightning_modules.metrics.ordered_rows import append_rows, hold_rows, labelled_rows, ordered_rows

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

    Args:
        reference: statistics of the real training split, known beforehand (``FeatureStatistics.load``); None takes
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
        """The distance, a float64 scalar.

        Raises:
            ValueError: fewer than 2 generated or real clips were added.
        """
        generated, real = zip(self.count, self.total, self.outer, strict=True)
        sample = statistics_from_sums(*generated, "generated")
        if self.reference is None:
            return frechet_distance(sample, statistics_from_sums(*real, "real"))
        root = factor(sample.covariance, self.num_features)
        mean = self.reference.mean.reshape(-1).to(sample.mean)
        return distance_of_factors(sample.mean, root, mean, reference_factor(self.reference, sample.covariance))


class FrechetError(Metric):
    """Standard error of a Fréchet distance: how far it is from its mean over repeated draws of as many clips.

    The reference stays as it is: rows of a table share it. The mean is that at the same number of clips, so its bias
    by N is no part of the error. Random splits into halves tell the error, by
    :func:`~lightning_modules.metrics.half_samples.half_sample_scatter`; near the reference a bootstrap would claim
    1.7 times as much. Where intended classes are given, each half has equally many clips of each: samples whose digits
    are asked for in turn scatter far less than clips drawn at large.

    If there are more than ``limit`` clips, only those whose places have the smallest hashes are used, and the error is
    scaled to all of them. Memory: ``8 (D + 2)`` bytes for each clip that is used, a quarter more in between, and
    ``32 D^2`` bytes to compute.

    Args:
        reference: statistics of the real training split.
        num_subsets: number of random splits into halves, at least 2; None for 64, or 24 of more than 512 features.
        limit: largest number of clips used.
    """

    full_state_update = False

    def __init__(
        self,
        num_features: int,
        reference: FeatureStatistics,
        num_subsets: int | None = None,
        seed: int = 0,
        limit: int = 10_000,
    ) -> None:
        super().__init__()
        if num_subsets is None:
            num_subsets = 64 if num_features <= 512 else 24  # each takes two eigenvalue problems of the features' width
        if num_subsets < 2:
            raise ValueError(f"expected at least 2 subsets for a standard error, got {num_subsets}")
        self.num_features, self.reference, self.num_subsets, self.seed = num_features, reference, num_subsets, seed
        self.limit = limit
        hold_rows(self, "clips")

    def update(self, features: Tensor, index: Tensor | None = None, y: Tensor | None = None) -> None:
        """Add ``features`` ``(B, D)`` of generated clips.

        ``y`` ``(B,)`` are intended classes, None for clips drawn at large.

        Raises:
            ValueError: a shape is another.
        """
        rows = labelled_rows(float64_rows(features, self.num_features, self.device), y)
        append_rows(self, "clips", rows, index, self.limit)

    def compute(self) -> Tensor:
        """The standard error, a float64 scalar, of at least 4 clips."""
        table = ordered_rows(self, "clips", self.num_features + 1, self.limit)
        count = require(len(table), 4, "generated")
        x, root = table[:, :-1], reference_factor(self.reference, table)
        centered = x - self.reference.mean.reshape(-1).to(x)
        signs = split_signs(table[:, -1], self.num_subsets, self.seed).to(x)
        total, outer = centered.sum(dim=0), centered.mT @ centered
        value = _half_distance(total, outer, count, root, count)
        first, second = [], []
        for sign in signs:
            weighed = centered * sign[:, None]
            total_shift, outer_shift = weighed.sum(dim=0), weighed.mT @ centered
            first.append(_half_distance(total + total_shift, outer + outer_shift, count, root, count / 2))
            second.append(_half_distance(total - total_shift, outer - outer_shift, count, root, count / 2))
        error = half_sample_scatter(torch.stack([value, *first, *second]), signs).error
        seen: Tensor = self.clips_seen  # type: ignore[assignment]  # hold_rows made it
        return error * (count / seen.clamp(min=count)).sqrt()


def _half_distance(total: Tensor, outer: Tensor, count: int, root: Tensor, clips: float) -> Tensor:
    """Fréchet distance, up to a constant, of clips whose weights add up to ``count``, where they are ``clips`` many.

    Args:
        total: ``(D,)`` weighted sum of features, less the mean of the reference.
        outer: ``(D, D)`` weighted sum of their outer products.
        count: sum of the weights.
        root: factor of the reference's covariance.
        clips: number of clips, for the unbiased covariance.
    """
    mean = total / count
    covariance = (outer / count - torch.outer(mean, mean)) * clips / (clips - 1.0)
    cross = torch.linalg.eigvalsh(root.mT @ covariance @ root).clamp(min=0.0).sqrt().sum()
    return mean.square().sum() + covariance.trace() - 2.0 * cross
