"""Confidence intervals of figures, and random choices of clips that depend on their places only.

Every function draws from a random stream of its own: the global one is left as it is.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_modules.metrics.inputs import require

NORMAL = 1.959964  # standard errors to either end of a 95 % interval
_WEIGHTS = 2**22  # counts of samples in resamples at a time: 32 MiB in float64
_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio, odd


class Interval(NamedTuple):
    """A figure with its confidence interval."""

    value: float  # the figure on all samples
    low: float  # lower end of the interval
    high: float  # upper end of the interval

    def figures(self, name: str) -> dict[str, float]:
        """Name the figure ``name``, and both ends ``name_low`` and ``name_high``."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def bootstrap(
    values: Tensor,
    statistic: Callable[[Tensor], Tensor] = torch.mean,
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic over samples (Efron 1979).

    Not for Fréchet distances: repeated samples shrink covariances. Use :func:`disjoint_subsets` there.

    Args:
        values: ``(N, ...)`` one row per sample, such as hits or log-probabilities.
        statistic: maps such rows to a scalar, such as :func:`inception_score`.
        num_resamples: number of draws of N rows with replacement, by ``seed``.
        level: share of resamples inside the interval, in (0, 1).

    Raises:
        ValueError: there are fewer than 2 samples, no resamples, or ``level`` is out of range.
    """
    count = _check(len(values), num_resamples, level)
    values = values.double()
    random_stream = torch.Generator().manual_seed(seed)
    draws = (_draw(count, random_stream).to(values.device) for _ in range(num_resamples))
    resampled = torch.stack([statistic(values[rows]) for rows in draws])
    return _interval(statistic(values), resampled, level)


def bootstrap_sums(
    values: Tensor,
    statistic: Callable[[Tensor], Tensor],
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The :func:`bootstrap` of a statistic that depends on sums over samples only: the same draws, by matrix products.

    The other arguments and the errors are those of :func:`bootstrap`.

    Args:
        values: ``(N, S)`` one row per sample; a column of ones gives the number of samples.
        statistic: maps sums ``(R, S)`` of R resamples to ``(R,)``.
    """
    count = _check(len(values), num_resamples, level)
    values = values.double()
    random_stream = torch.Generator().manual_seed(seed)
    resampled = []
    for start in range(0, num_resamples, size := max(1, _WEIGHTS // count)):
        draws = [_draw(count, random_stream) for _ in range(min(size, num_resamples - start))]
        weights = torch.stack([torch.bincount(rows, minlength=count) for rows in draws])
        resampled.append(statistic(weighted_sums(weights.to(values), values)))
    return _interval(statistic(values.sum(dim=0, keepdim=True))[0], torch.cat(resampled), level)


def wilson_interval(hits: int, count: int, quantile: float = NORMAL) -> Interval:
    r"""Score interval of a binomial share (Wilson 1927), of 95 % by default.

    .. math:: \frac{p + \frac{z^2}{2 n} \pm z \sqrt{\frac{p (1 - p)}{n} + \frac{z^2}{4 n^2}}}{1 + \frac{z^2}{n}}

    for n = ``count`` trials and z = ``quantile`` of the normal distribution. It keeps a width where no trial or every
    trial hits; a bootstrap interval would shrink to a point there.

    Raises:
        ValueError: there is no trial, or there are more hits than trials.
    """
    if not 0 <= hits <= count or count < 1:
        raise ValueError(f"expected 0 to n hits of n >= 1 trials, got {hits} of {count}")
    share, square = hits / count, quantile**2 / count
    middle = (share + square / 2) / (1 + square)
    reach = quantile * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return Interval(share, min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach)))


def disjoint_subsets(count: int, num_subsets: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Row numbers of random subsets that share no row, all of ``count // num_subsets`` rows.

    Their sizes are equal, because distances of features are biased by the number of samples; spare rows are left out.

    Raises:
        ValueError: a subset would be empty.
    """
    if not 1 <= num_subsets <= count:
        raise ValueError(f"expected 1 to {count} subsets of {count} samples, got {num_subsets}")
    size = count // num_subsets
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[: size * num_subsets].split(size)


def place_hashes(places: Tensor, seed: int = 0) -> Tensor:
    """Pseudo-random int64 of at least 0 for each of ``places`` ``(B,)``; only the place and the seed decide it.

    It is the mixing function of SplitMix64 (Steele et al. 2014, "Fast splittable pseudorandom number generators"), one
    bit of whose values is cut off.
    """
    x = places.detach().cpu().numpy().astype(np.uint64) + np.uint64((seed + 1) * _GOLDEN & _MASK)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    x = (x ^ (x >> np.uint64(31))) >> np.uint64(1)
    return torch.as_tensor(x.astype(np.int64), device=places.device)


def smallest_hashes(places: Tensor, limit: int, seed: int = 0) -> Tensor:
    """Row numbers, ascending, of those at most ``limit`` ``places`` ``(N,)`` that have the smallest hashes.

    The choice is uniform and depends on neither batches nor processes: a place that is among the smallest of all is
    among the smallest of every part.
    """
    if len(places) <= limit:
        return torch.arange(len(places), device=places.device)
    return place_hashes(places, seed).argsort(stable=True)[:limit].sort().values


def _check(count: int, num_resamples: int, level: float) -> int:
    require(count, 2, "resampled")
    if num_resamples < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"expected at least 1 resample and a level in (0, 1), got {num_resamples} and {level}")
    return count


def _draw(count: int, random_stream: torch.Generator) -> Tensor:
    return torch.randint(count, (count,), generator=random_stream)


def weighted_sums(weights: Tensor, values: Tensor) -> Tensor:
    """``weights @ values``, where an infinite value of weight 0 adds nothing."""
    if not bool(values.isinf().any()):
        return weights @ values
    sums = weights @ values.masked_fill(values.isinf(), 0.0)
    for infinity in (torch.inf, -torch.inf):
        drawn = weights @ (values == infinity).double() > 0
        sums = torch.where(drawn, sums + infinity, sums)
    return sums


def _interval(value: Tensor, resampled: Tensor, level: float) -> Interval:
    ends = torch.tensor([(1.0 - level) / 2.0, (1.0 + level) / 2.0], dtype=torch.float64)
    low, high = resampled.double().cpu().quantile(ends)
    return Interval(float(value), float(low), float(high))
