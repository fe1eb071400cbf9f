"""How sure is a figure? Resampling with a generator of its own."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_modules.metrics.inputs import require


class Interval(NamedTuple):
    """A figure with its confidence interval.

    Attributes:
        value: on all samples.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


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
        num_resamples: number of draws of N rows with replacement.
        level: share of resamples inside the interval, in (0, 1).
        seed: of the draws.

    Raises:
        ValueError: there are fewer than 2 samples, no resamples, or ``level`` is out of range.
    """
    count = require(len(values), 2, "resampled")
    if num_resamples < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"expected at least 1 resample and a level in (0, 1), got {num_resamples} and {level}")
    values = values.double()
    generator = torch.Generator().manual_seed(seed)
    draws = (torch.randint(count, (count,), generator=generator).to(values.device) for _ in range(num_resamples))
    resampled = torch.stack([statistic(values[rows]) for rows in draws]).double().cpu()
    low, high = resampled.quantile(torch.tensor([(1.0 - level) / 2.0, (1.0 + level) / 2.0], dtype=torch.float64))
    return Interval(float(statistic(values)), float(low), float(high))


def disjoint_subsets(count: int, num_subsets: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Row numbers of random subsets without a common row, all of ``count // num_subsets`` rows.

    Equal sizes, because distances of features are biased by the number of samples; the remainder is left out.

    Args:
        count: number of samples.
        num_subsets: number of subsets.
        seed: of the permutation.

    Raises:
        ValueError: a subset would be empty.
    """
    if not 1 <= num_subsets <= count:
        raise ValueError(f"expected 1 to {count} subsets of {count} samples, got {num_subsets}")
    size = count // num_subsets
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[: size * num_subsets].split(size)
